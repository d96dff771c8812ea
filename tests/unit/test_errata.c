/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUs on which Ontime does something about an erratum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/arm64/include/errata.h"

static void of_a_cortex_a76_up_to_r3p1(void **state)
{
    (void)state;
    assert_true(step_may_mask_interrupts(0x410FD0B0));  /* r0p0 */
    assert_true(step_may_mask_interrupts(0x413FD0B0));  /* r3p0 */
    assert_true(step_may_mask_interrupts(0x413FD0B1));  /* r3p1 */
    assert_false(step_may_mask_interrupts(0x413FD0B2)); /* none of that name is known */
    assert_false(step_may_mask_interrupts(0x414FD0B0)); /* r4p0 */
    assert_false(step_may_mask_interrupts(0x414FD0B1)); /* QEMU's */
}

static void of_no_other(void **state)
{
    (void)state;
    assert_false(step_may_mask_interrupts(0x410FD034)); /* Cortex-A53 */
    assert_false(step_may_mask_interrupts(0x410FD083)); /* Cortex-A72 */
    assert_false(step_may_mask_interrupts(0x410FD0C0)); /* Neoverse N1 */
    assert_false(step_may_mask_interrupts(0x510FD0B0)); /* another's part of that number */
    assert_false(step_may_mask_interrupts(0x410FD1B0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_cortex_a76_up_to_r3p1),
        cmocka_unit_test(of_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
