/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of Cadence's TTC against a model of its second timer: a counter of 32 bits, and MATCH_1, which
 * sets its flag when the counter comes to be equal to it. Reading the flags clears them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_registers.h"
#include "gp_timer_model.h"

#define BASE  UINT64_C(0xFF110000)
#define SIZE  0x1000
#define INDEX 1

#define CLOCK_CONTROL    (BASE + 0x00 + 4 * INDEX)
#define COUNTER_CONTROL  (BASE + 0x0C + 4 * INDEX)
#define COUNTER_VALUE    (BASE + 0x18 + 4 * INDEX)
#define INTERVAL         (BASE + 0x24 + 4 * INDEX)
#define MATCH_1          (BASE + 0x30 + 4 * INDEX)
#define INTERRUPT        (BASE + 0x54 + 4 * INDEX)
#define INTERRUPT_ENABLE (BASE + 0x60 + 4 * INDEX)

#define DISABLE       (1u << 0)
#define INTERVAL_MODE (1u << 1)
#define DOWN          (1u << 2)
#define MATCH_MODE    (1u << 3)
#define RESET         (1u << 4)
#define NO_OUTPUT     (1u << 5)
#define M1            (1u << 1)

static bool interrupts(void)
{
    return gp_matched && (fake_device_get(INTERRUPT_ENABLE) & M1) != 0;
}

static uint32_t read_register(uint64_t address, uint32_t value)
{
    if (address == COUNTER_VALUE)
        return gp_counter;
    if (address == INTERVAL) /* as wide as the counter */
        return value & gp_timer_model.mask;
    if (address == INTERRUPT) {
        value = gp_matched ? M1 : 0;
        gp_matched = false;
    }
    return value;
}

static void write_register(uint64_t address, uint32_t value)
{
    if (address == COUNTER_CONTROL && (value & RESET) != 0)
        gp_counter = 0;
}

struct gp_timer_model gp_timer_model = {
    .driver = &cadence_ttc_driver,
    .base = BASE,
    .size = SIZE,
    .index = INDEX,
    .match = MATCH_1,
    .mask = UINT32_MAX,
    .interrupts = interrupts,
    .read = read_register,
    .write = write_register,
};

static void init_starts_the_counter(void **state)
{
    (void)state;
    fake_device_set(CLOCK_CONTROL, 0x7F);
    fake_device_set(COUNTER_CONTROL, 0x7F & ~RESET);
    fake_device_set(INTERRUPT_ENABLE, 0x3F);
    gp_counter = 77;
    gp_matched = true;
    fake_log_clear();
    cadence_ttc_driver.init(BASE, INDEX);
    assert_int_equal(fake_device_get(CLOCK_CONTROL), 0); /* the bus's, undivided */
    assert_int_equal(fake_device_get(COUNTER_CONTROL) & (DISABLE | INTERVAL_MODE | DOWN | MATCH_MODE),
                     MATCH_MODE);
    assert_int_equal(fake_device_get(INTERRUPT_ENABLE), 0);
    assert_int_equal(gp_counter, 0);
    assert_false(gp_matched);
    assert_int_equal(cadence_ttc_driver.width(BASE, INDEX), gp_timer_model.mask == UINT32_MAX ? 32 : 16);
    /* It stands still while the clock is chosen, and none of this is its neighbours'. */
    assert_true(fake_log_first(DEVICE_WRITE32(COUNTER_CONTROL, DISABLE | NO_OUTPUT)) <
                fake_log_first(DEVICE_WRITE32(CLOCK_CONTROL, 0)));
    assert_int_equal(fake_device_get(CLOCK_CONTROL - 4) | fake_device_get(COUNTER_CONTROL + 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_starts_the_counter, gp_timer_start_test),
        GP_TIMER_TESTS,
    };

    if (cmocka_run_group_tests_name("32 bits", tests, NULL, NULL) != 0)
        return 1;
    gp_timer_model.mask = 0xFFFF; /* the Zynq-7000's */
    return cmocka_run_group_tests_name("16 bits", tests, NULL, NULL);
}
