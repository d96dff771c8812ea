/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbols that code compiled with -fstack-protector needs: all of EL2's, and Debian's libfdt.a. A
 * function stores the guard in its stack frame and compares it before it returns. The guard is random; until
 * the boot has read the machine's seed, it is a constant.
 */
#include "base/stack_protector.h"
#include "base/assert.h"

/* The first byte in memory is zero, so that a string that overruns its buffer cannot write the guard's value.
 */
#define GUARD_BITS (~UINT64_C(0xFF))

/* NOLINTBEGIN(bugprone-reserved-identifier): the compiler fixes these names. */
_Noreturn void __stack_chk_fail(void);

uintptr_t __stack_chk_guard = UINT64_C(0x595e9fbd94fda7b2) & GUARD_BITS;

void stack_guard_set(uint64_t random)
{
    __stack_chk_guard = random & GUARD_BITS;
}

_Noreturn void __stack_chk_fail(void)
{
    assert_failed(__FILE__, __LINE__, "stack intact");
}
/* NOLINTEND(bugprone-reserved-identifier) */
