/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbols that code compiled with -fstack-protector needs, as Debian's libfdt.a is. A function stores the
 * guard in its stack frame and compares it before it returns.
 */
#include <stdint.h>
#include "base/assert.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): the compiler fixes these names. */
_Noreturn void __stack_chk_fail(void);

/*
 * The first byte in memory is zero, so that a string that overruns its buffer cannot write the guard's value.
 */
uintptr_t __stack_chk_guard = UINT64_C(0x595e9fbd94fda700);

_Noreturn void __stack_chk_fail(void)
{
    assert_failed(__FILE__, __LINE__, "stack intact");
}
/* NOLINTEND(bugprone-reserved-identifier) */
