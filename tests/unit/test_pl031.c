/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of the machine's clock: it reads, and writes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "drivers/pl031.h"
#include "fake_registers.h"

#define BASE 0x9010000
#define DR   (BASE + 0x00)
#define CR   (BASE + 0x0C)

static int setup(void **state)
{
    (void)state;
    fake_registers_reset();
    fake_device(BASE, 0x1000);
    assert_true(arch_map_device(BASE, 0x1000));
    return 0;
}

static void a_clock_that_runs_is_read(void **state)
{
    uint32_t seconds = 0;

    (void)state;
    fake_device_set(DR, 0xFEDCBA98);
    fake_device_set(CR, 1);
    assert_true(pl031_read(BASE, &seconds));
    assert_int_equal(seconds, 0xFEDCBA98);
    fake_log_has_no_writes();
}

static void a_clock_that_stands_is_none(void **state)
{
    uint32_t seconds;

    (void)state;
    fake_device_set(DR, 1767225600);
    fake_device_set(CR, 0xFFFFFFFE);
    assert_false(pl031_read(BASE, &seconds));
    fake_log_has_no_writes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_clock_that_runs_is_read, setup),
        cmocka_unit_test_setup(a_clock_that_stands_is_none, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
