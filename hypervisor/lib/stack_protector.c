/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code compiled with -fstack-protector refers to: Debian's libfdt.a is. A function stores the guard
 * below its return address and compares it before it returns.
 */
#include <stdint.h>
#include "base/assert.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): the compiler fixes these names. */
_Noreturn void __stack_chk_fail(void);

/* Byte 0 is zero, so that an overrunning string does not reproduce it. */
uintptr_t __stack_chk_guard = UINT64_C(0x595e9fbd94fda700);

_Noreturn void __stack_chk_fail(void)
{
    assert_failed(__FILE__, __LINE__, "stack intact");
}
/* NOLINTEND(bugprone-reserved-identifier) */
