/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the i.MX GPT against a model of it: a counter of 32 bits that advances with each access, and
 * OCR1, which sets its flag in SR when the counter comes to be equal to it, and at no other time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "drivers/gp_timer.h"
#include "fake_registers.h"

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

static uint32_t counter, step, flags;

static void advance(uint32_t ticks)
{
    if (fake_device_get(OCR1) - counter - 1 < ticks)
        flags |= OF1;
    counter += ticks;
}

static uint32_t read_hook(uint64_t address, uint32_t value)
{
    advance(step);
    return address == CNT ? counter : address == SR ? flags : value;
}

static void write_hook(uint64_t address, uint32_t value)
{
    if (address == SR)
        flags &= ~value;
    advance(step);
}

static bool interrupts(void)
{
    return (flags & fake_device_get(IR) & OF1) != 0;
}

/* How many ticks pass until it interrupts, `limit` at most. */
static uint32_t wait(uint32_t limit)
{
    uint32_t passed = 0;

    for (; !interrupts() && passed < limit; passed++)
        advance(1);
    return passed;
}

static int start(void **state)
{
    (void)state;
    fake_registers_reset();
    fake_device(BASE, SIZE);
    assert_true(arch_map_device(BASE, SIZE));
    fake_device_hooks((struct fake_device_hooks){read_hook, write_hook});
    counter = step = flags = 0;
    return 0;
}

static void init_starts_the_counter(void **state)
{
    (void)state;
    fake_device_set(CR, UINT32_MAX);
    fake_device_set(PR, 0xFFF);
    fake_device_set(IR, 0x3F);
    flags = 0x3F;
    imx_gpt_driver.init(BASE, 0);
    assert_int_equal(fake_device_get(CR) & (EN | ENMOD | WAITEN | FRR), EN | ENMOD | WAITEN | FRR);
    assert_int_equal(fake_device_get(CR) & (7u << 6 | 1u << 10), CRYSTAL);
    assert_int_equal(fake_device_get(PR), 0);
    assert_int_equal(fake_device_get(IR), 0);
    assert_int_equal(flags, 0);
    assert_int_equal(imx_gpt_driver.width(BASE, 0), 32);
    /* The clock is chosen while it is disabled. */
    assert_true(fake_log_first(DEVICE_WRITE32(CR, 0)) <
                fake_log_first(DEVICE_WRITE32(CR, fake_device_get(CR) & ~EN)));
    assert_true(fake_log_first(DEVICE_WRITE32(CR, fake_device_get(CR) & ~EN)) <
                fake_log_last(DEVICE_WRITE32(CR, fake_device_get(CR))));
}

static void interrupts_after_its_ticks(void **state)
{
    static const uint32_t at[] = {0, 1, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        for (uint32_t ticks = 1; ticks < 100; ticks++) {
            counter = at[i];
            imx_gpt_driver.set(BASE, 0, ticks);
            assert_false(interrupts());
            assert_int_equal(wait(1000), ticks);
            assert_int_equal(imx_gpt_driver.read(BASE, 0), at[i] + ticks);
            imx_gpt_driver.off(BASE, 0);
            assert_false(interrupts());
        }
}

static void farthest_is_half_a_round(void **state)
{
    (void)state;
    counter = 0xC0000000;
    imx_gpt_driver.set(BASE, 0, 0x80000000);
    assert_int_equal(fake_device_get(OCR1), 0x40000000);
    advance(0x7FFFFFFF);
    assert_false(interrupts());
    advance(1);
    assert_true(interrupts());
}

/* The counter is past the instant before OCR1 is written: the interrupt comes all the same, soon. */
static void is_not_missed_when_it_passes_meanwhile(void **state)
{
    (void)state;
    for (step = 1; step < 50; step++)
        for (uint32_t ticks = 1; ticks < 60; ticks++) {
            uint32_t before = counter, took;

            fake_log_clear();
            imx_gpt_driver.set(BASE, 0, ticks);
            (void)wait(100000);
            took = counter - before;
            assert_true(interrupts());
            assert_in_range(took, ticks, ticks + 80 * step);
            imx_gpt_driver.off(BASE, 0);
        }
}

static void off_is_silent(void **state)
{
    (void)state;
    imx_gpt_driver.set(BASE, 0, 10);
    imx_gpt_driver.off(BASE, 0);
    assert_int_equal(wait(100), 100);
    imx_gpt_driver.set(BASE, 0, 10); /* what came meanwhile is not its own */
    assert_int_equal(wait(100), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_starts_the_counter, start),
        cmocka_unit_test_setup(interrupts_after_its_ticks, start),
        cmocka_unit_test_setup(farthest_is_half_a_round, start),
        cmocka_unit_test_setup(is_not_missed_when_it_passes_meanwhile, start),
        cmocka_unit_test_setup(off_is_silent, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
