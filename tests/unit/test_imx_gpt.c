/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the i.MX GPT against a model of it: a counter of 32 bits, and OCR1, which sets its flag in SR
 * when the counter comes to be equal to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_registers.h"
#include "gp_timer_model.h"

#define BASE UINT64_C(0x302D0000)
#define SIZE 0x10000

#define CR   (BASE + 0x00)
#define PR   (BASE + 0x04)
#define SR   (BASE + 0x08)
#define IR   (BASE + 0x0C)
#define OCR1 (BASE + 0x10)
#define CNT  (BASE + 0x24)

#define EN      (1u << 0)
#define ENMOD   (1u << 1)
#define WAITEN  (1u << 3)
#define FRR     (1u << 9)
#define CRYSTAL (5u << 6 | 1u << 10)
#define OF1     (1u << 0)

static uint32_t flags; /* all but OF1 */

static uint32_t read_register(uint64_t address, uint32_t value)
{
    if (address == SR)
        return flags | (gp_matched ? OF1 : 0);
    return address == CNT ? gp_counter : value;
}

static void write_register(uint64_t address, uint32_t value)
{
    if (address != SR)
        return;
    flags &= ~value;
    gp_matched = gp_matched && (value & OF1) == 0;
}

static bool interrupts(void)
{
    return gp_matched && (fake_device_get(IR) & OF1) != 0;
}

struct gp_timer_model gp_timer_model = {
    .driver = &imx_gpt_driver,
    .base = BASE,
    .size = SIZE,
    .match = OCR1,
    .mask = UINT32_MAX,
    .interrupts = interrupts,
    .read = read_register,
    .write = write_register,
};

static void init_starts_the_counter(void **state)
{
    (void)state;
    fake_device_set(CR, UINT32_MAX);
    fake_device_set(PR, 0xFFF);
    fake_device_set(IR, 0x3F);
    flags = 0x3F & ~OF1;
    gp_matched = true;
    imx_gpt_driver.init(BASE, 0);
    assert_int_equal(fake_device_get(CR) & (EN | ENMOD | WAITEN | FRR), EN | ENMOD | WAITEN | FRR);
    assert_int_equal(fake_device_get(CR) & (7u << 6 | 1u << 10), CRYSTAL);
    assert_int_equal(fake_device_get(PR), 0);
    assert_int_equal(fake_device_get(IR), 0);
    assert_int_equal(flags, 0);
    assert_false(gp_matched);
    assert_int_equal(imx_gpt_driver.width(BASE, 0), 32);
    /* The clock is chosen while it is disabled. */
    assert_true(fake_log_first(DEVICE_WRITE32(CR, 0)) <
                fake_log_first(DEVICE_WRITE32(CR, fake_device_get(CR) & ~EN)));
    assert_true(fake_log_first(DEVICE_WRITE32(CR, fake_device_get(CR) & ~EN)) <
                fake_log_last(DEVICE_WRITE32(CR, fake_device_get(CR))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_starts_the_counter, gp_timer_start_test),
        GP_TIMER_TESTS,
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
