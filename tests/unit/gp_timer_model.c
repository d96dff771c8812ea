/* SPDX-License-Identifier: Apache-2.0 */
/* See gp_timer_model.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "fake_registers.h"
#include "gp_timer_model.h"

uint32_t gp_counter, gp_step;
bool gp_matched;

static const struct gp_timer_model *const model = &gp_timer_model;

/* It matches when the counter comes to be equal to the register, and at no other time. */
void gp_timer_advance(uint32_t ticks)
{
    if (((fake_device_get(model->match) - gp_counter - 1) & model->mask) < ticks)
        gp_matched = true;
    gp_counter = (gp_counter + ticks) & model->mask;
}

static uint32_t read_hook(uint64_t address, uint32_t value)
{
    gp_timer_advance(gp_step);
    return model->read(address, value);
}

static void write_hook(uint64_t address, uint32_t value)
{
    model->write(address, value);
    gp_timer_advance(gp_step);
}

int gp_timer_start_test(void **state)
{
    (void)state;
    fake_registers_reset();
    fake_device(model->base, model->size);
    assert_true(arch_map_device(model->base, model->size));
    fake_device_hooks((struct fake_device_hooks){read_hook, write_hook});
    gp_counter = gp_step = 0;
    gp_matched = false;
    model->driver->init(model->base, model->index);
    return 0;
}

static void set(uint32_t ticks)
{
    model->driver->set(model->base, model->index, ticks);
}

static void off(void)
{
    model->driver->off(model->base, model->index);
}

/* How many ticks pass until it interrupts, `limit` at most. */
static uint32_t wait(uint32_t limit)
{
    uint32_t passed = 0;

    for (; !model->interrupts() && passed < limit; passed++)
        gp_timer_advance(1);
    return passed;
}

void gp_timer_interrupts_after_its_ticks(void **state)
{
    const uint32_t at[] = {0, 1, model->mask >> 1, model->mask - 15, model->mask};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        for (uint32_t ticks = 1; ticks < 100; ticks++) {
            gp_counter = at[i];
            set(ticks);
            assert_false(model->interrupts());
            assert_int_equal(wait(1000), ticks);
            assert_int_equal(model->driver->read(model->base, model->index), (at[i] + ticks) & model->mask);
            off();
            assert_false(model->interrupts());
        }
}

void gp_timer_farthest_is_half_a_round(void **state)
{
    const uint32_t half = (model->mask >> 1) + 1;

    (void)state;
    gp_counter = half + half / 2;
    set(half);
    assert_int_equal(fake_device_get(model->match), half / 2);
    gp_timer_advance(half - 1);
    assert_false(model->interrupts());
    gp_timer_advance(1);
    assert_true(model->interrupts());
}

/* The counter is past the instant before the register is written: the interrupt comes all the same, soon. */
void gp_timer_is_not_missed_when_it_passes_meanwhile(void **state)
{
    (void)state;
    for (gp_step = 1; gp_step < 50; gp_step++)
        for (uint32_t ticks = 1; ticks < 60; ticks++) {
            uint32_t before = gp_counter, took;

            fake_log_clear();
            set(ticks);
            (void)wait(100000);
            took = (gp_counter - before) & model->mask;
            assert_true(model->interrupts());
            assert_in_range(took, ticks, ticks + 80 * gp_step);
            off();
        }
}

void gp_timer_off_is_silent(void **state)
{
    (void)state;
    set(10);
    off();
    assert_int_equal(wait(100), 100);
    set(10); /* what came meanwhile is not its own */
    assert_int_equal(wait(100), 10);
}
