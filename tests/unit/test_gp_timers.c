/* SPDX-License-Identifier: Apache-2.0 */
/*
 * General-purpose timers for the deadline queue, on timers with clocks and widths of all kinds: none is
 * early, none is later than two ticks of its clock, no deadline is forgotten, and who has which.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arch.h"
#include "arch/fake/fake.h"
#include "random.h"
#include "time/deadline_queue.h"
#include "time/gp_timers.h"

#define TIMERS      4
#define DEADLINES   6
#define URGENT      5
#define FIRST_INTID 80

/* A timer's device: its counter is at `phase` parts of a tick, of which a tick has `counter_hz`, at time 0.
 */
static struct device {
    uint32_t hz, phase;
    unsigned width;
    bool on;
    uint64_t target, set_at; /* of the counter, without its wraps */
    unsigned sets, offs;
} devices[TIMERS];

static uint64_t count_at(const struct device *device, uint64_t now)
{
    return (now * device->hz + device->phase) / arch_counter_hz();
}

static bool has_fired(const struct device *device)
{
    return device->on && count_at(device, fake_counter()) >= device->target;
}

static unsigned fake_width(uint64_t base, unsigned index)
{
    (void)index;
    return devices[base].width;
}

static void fake_init(uint64_t base, unsigned index)
{
    (void)index;
    devices[base].on = false;
}

static uint32_t fake_read(uint64_t base, unsigned index)
{
    (void)index;
    return (uint32_t)(count_at(&devices[base], fake_counter()) & ((UINT64_C(1) << devices[base].width) - 1));
}

static void fake_set(uint64_t base, unsigned index, uint32_t ticks)
{
    struct device *device = &devices[base];

    (void)index;
    assert_in_range(ticks, 1, UINT64_C(1) << (device->width - 1));
    device->on = true;
    device->set_at = count_at(device, fake_counter());
    device->target = device->set_at + ticks;
    device->sets++;
}

static void fake_off(uint64_t base, unsigned index)
{
    (void)index;
    devices[base].on = false;
    devices[base].offs++;
}

static const char *const compatible[] = {"test,timer", NULL};
static const struct gp_timer_driver driver = {compatible, 1,        fake_width, fake_init,
                                              fake_read,  fake_set, fake_off};

static struct gp_timers timers;
static struct deadline_queue queue;
static struct deadline deadlines[DEADLINES]; /* the first URGENT are urgent */
static struct heap_node *slots[DEADLINES];
static uint64_t fired_at[DEADLINES];

static void fire(struct deadline *deadline, uint64_t now)
{
    fired_at[deadline - deadlines] = now;
    assert_true(now >= deadline->when);
}

static void slice_over(struct deadline *slice, uint64_t now)
{
    (void)slice, (void)now;
}

static bool start(unsigned i, uint32_t hz, uint32_t phase, unsigned width)
{
    bool started;

    devices[i] = (struct device){.hz = hz, .phase = phase, .width = width};
    timers.timers[i] = (struct gp_timer){.driver = &driver, .base = i, .intid = FIRST_INTID + i};
    fake_set_reading_cost(1);
    started = gp_timer_start(&timers.timers[i]);
    fake_set_reading_cost(0);
    return started;
}

/* `count` timers of that clock and width, and no deadline. */
static void begin(unsigned count, uint32_t hz, unsigned width)
{
    memset(fired_at, 0, sizeof(fired_at));
    for (unsigned i = 0; i < count; i++)
        assert_true(start(i, hz, 7919 * i, width));
    timers.program = gp_timers_program;
    timers.count = count;
    deadline_queue_init(&queue, slots, URGENT, DEADLINES - URGENT, slice_over);
    deadline_queue_use(&queue, &timers);
    for (unsigned i = 0; i < DEADLINES; i++)
        deadline_init(&deadlines[i], i < URGENT ? DEADLINE_URGENT : DEADLINE_OTHER, fire);
}

/* Takes the interrupts that have come, as arch/arm64/interrupts.c does. Returns how many. */
static unsigned take_interrupts(void)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < timers.count; i++)
        while (has_fired(&devices[i])) {
            assert_true(gp_timers_take(&timers, FIRST_INTID + i));
            assert_false(devices[i].on);
            deadline_queue_run(&queue, arch_counter());
            assert_true(++taken < 100);
        }
    return taken;
}

/* The timer that is set for the deadline, by its number; TIMERS: none. */
static unsigned timer_of(const struct deadline *deadline)
{
    for (unsigned i = 1; i < timers.count; i++)
        if (timers.timers[i].owner == &deadline->node)
            return i;
    return TIMERS;
}

static int reset(void **state)
{
    (void)state;
    fake_reset();
    memset(devices, 0, sizeof(devices));
    return 0;
}

static void conversion_rounds_up(void **state)
{
    static const uint32_t clocks[] = {32768, 8000000, 16000000, 24000000, 62500000, 133000000, 1000000000};
    struct random random = {1};

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        for (unsigned j = 0; j < 7; j++)
            for (unsigned n = 0; n < 2000; n++) {
                uint64_t ticks = random_below(&random, n < 100 ? 10 : UINT64_C(1) << 31);
                uint64_t converted = gp_timer_convert(ticks, clocks[i], clocks[j]);

                assert_true(converted * clocks[j] >= ticks * clocks[i]);
                assert_true(ticks == 0 || (converted - 1) * clocks[j] < ticks * clocks[i]);
            }
}

static void frequency_is_learned(void **state)
{
    static const uint32_t clocks[] = {3000000, 16000000, 24000000, 66600000, 133000000, 100000000};

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        for (unsigned width = 16; width <= 32; width += 8)
            for (uint32_t phase = 0; phase < 62500000; phase += 6249999) {
                assert_true(start(0, clocks[i], phase, width));
                if (clocks[i] >= 16000000)
                    assert_int_equal(timers.timers[0].hz, clocks[i]);
                assert_in_range(timers.timers[0].hz, clocks[i] - clocks[i] / 250,
                                clocks[i] + clocks[i] / 250);
            }
}

static void counter_that_stands_still_or_is_slow_is_refused(void **state)
{
    (void)state;
    assert_false(start(0, 0, 0, 32));
    assert_false(start(0, 1900000, 0, 32));
    assert_true(start(0, GP_TIMER_LEAST_HZ, 0, 32));
    assert_true(2 * UINT64_C(1000000000) / GP_TIMER_LEAST_HZ <= GP_TIMER_LATE_NS);
}

/* Waits for deadline 0 alone. Returns when it has fired. Each interrupt is the end of a step, or not early.
 */
static uint64_t wait_for_deadline(void)
{
    fired_at[0] = 0;
    for (uint64_t guard = 0; fired_at[0] == 0; guard++) {
        struct device *device = &devices[timer_of(&deadlines[0])];
        uint64_t left = device->target * arch_counter_hz() - device->phase;

        assert_true(device->on && guard < 1000000);
        fake_set_counter((left + device->hz - 1) / device->hz);
        assert_true(has_fired(device));
        assert_true(device->target - device->set_at == UINT64_C(1) << (device->width - 1) ||
                    fake_counter() >= deadlines[0].when);
        (void)take_interrupts();
    }
    return fake_counter();
}

/* Over wraps of the timer's counter, in steps where the deadline is further away than half of them. */
static void never_early_and_two_ticks_late_at_most(void **state)
{
    static const uint32_t clocks[] = {16000000, 24000000, 133000000, 20000000};
    struct random random = {2};

    (void)state;
    for (unsigned clock = 0; clock < 4; clock++)
        for (unsigned width = 16; width <= 32; width += 16) {
            begin(2, clocks[clock], width);
            for (unsigned n = 0; n < 300; n++) {
                uint64_t when = fake_counter() + 1 + random_below(&random, n % 3 != 0 ? 3000 : 1000000);

                deadline_set(&queue, &deadlines[0], when);
                uint64_t late = wait_for_deadline() - when;
                assert_true(late * clocks[clock] < 2 * arch_counter_hz() + clocks[clock]);
                fake_set_counter(fake_counter() + random_below(&random, 1000));
            }
        }
}

static void counter_may_wrap_meanwhile(void **state)
{
    uint64_t when;

    (void)state;
    begin(2, 16000000, 32);
    fake_set_counter((UINT64_C(1) << 32) * 62500000 / 16000000 - 1000);
    when = fake_counter() + 5000;
    deadline_set(&queue, &deadlines[0], when);
    assert_in_range(wait_for_deadline(), when, when + 8);
}

static void far_deadline_is_set_in_steps(void **state)
{
    uint64_t when;

    (void)state;
    begin(2, 133000000, 16);
    when = fake_counter() + 62500; /* a millisecond: 133,000 ticks, of which 32,768 are a step */
    deadline_set(&queue, &deadlines[0], when);
    assert_in_range(wait_for_deadline(), when, when + 1);
    assert_int_equal(devices[1].sets, 5);
    deadline_set(&queue, &deadlines[0], DEADLINE_NONE - 2); /* nothing overflows */
    assert_true(devices[1].on && devices[1].target - count_at(&devices[1], fake_counter()) == 32768);
}

static void past_deadline_fires_at_once(void **state)
{
    (void)state;
    begin(2, 16000000, 32);
    deadline_set(&queue, &deadlines[0], 0);
    fake_set_counter(fake_counter() + 8);
    assert_int_equal(take_interrupts(), 1);
    assert_true(fired_at[0] != 0);
}

static void each_urgent_deadline_has_its_own(void **state)
{
    uint64_t now;

    (void)state;
    begin(4, 16000000, 32);
    now = fake_counter();
    for (unsigned i = 0; i < 3; i++)
        deadline_set(&queue, &deadlines[i], now + 10000 * (i + 1));
    assert_int_equal(timer_of(&deadlines[0]) + timer_of(&deadlines[1]) + timer_of(&deadlines[2]), 1 + 2 + 3);
    assert_false(devices[0].on);
    for (unsigned i = 0; i < 3; i++)
        assert_true(timers.timers[timer_of(&deadlines[i])].set_for == deadlines[i].when);

    /* It keeps its own when it is moved, and only that is written. */
    unsigned own = timer_of(&deadlines[1]);
    unsigned sets = devices[1].sets + devices[2].sets + devices[3].sets;
    deadline_set(&queue, &deadlines[1], now + 50);
    assert_int_equal(timer_of(&deadlines[1]), own);
    assert_int_equal(devices[1].sets + devices[2].sets + devices[3].sets, sets + 1);

    /* One that is cancelled gives it back, and nothing interrupts any more. */
    deadline_disarm(&queue, &deadlines[1]);
    assert_false(devices[own].on);
    assert_null(timers.timers[own].owner);
}

static void those_that_find_none_share_the_hypervisors(void **state)
{
    uint64_t now;

    (void)state;
    begin(3, 16000000, 32);
    now = fake_counter();
    deadline_set(&queue, &deadlines[0], now + 10000);
    deadline_set(&queue, &deadlines[1], now + 20000);
    deadline_set(&queue, &deadlines[2], now + 6000);
    deadline_set(&queue, &deadlines[3], now + 5000);
    assert_int_equal(timer_of(&deadlines[2]), TIMERS);
    assert_int_equal(timer_of(&deadlines[3]), TIMERS);
    assert_true(timers.timers[0].set_for == now + 5000);

    /* One is free again: somebody takes it, and the other one stays. */
    deadline_disarm(&queue, &deadlines[0]);
    assert_true((timer_of(&deadlines[2]) == TIMERS) != (timer_of(&deadlines[3]) == TIMERS));
    fake_set_counter(now + 6008);
    while (take_interrupts() != 0)
        fake_set_counter(fake_counter() + 8);
    assert_true(fired_at[2] != 0 && fired_at[3] != 0 && fired_at[1] == 0);
    assert_false(devices[0].on);
}

static void what_is_not_urgent_uses_the_hypervisors(void **state)
{
    uint64_t now;

    (void)state;
    begin(3, 16000000, 32);
    now = fake_counter();
    deadline_set(&queue, &deadlines[URGENT], now + 900);
    assert_true(timers.timers[0].set_for == now + 900);
    deadline_set_slice(&queue, now + 800);
    assert_true(timers.timers[0].set_for == now + 800);
    deadline_set(&queue, &deadlines[0], now + 100);
    assert_true(timers.timers[0].set_for == now + 800);
    assert_int_equal(fake_comparator(), UINT64_MAX); /* EL2's own is not used */
}

static void other_interrupts_are_not_its_own(void **state)
{
    (void)state;
    begin(3, 16000000, 32);
    assert_false(gp_timers_take(&timers, FIRST_INTID + 3));
}

/* Each deadline that is armed is before long fired, with whatever others are armed, moved and cancelled. */
static void none_is_forgotten(void **state)
{
    struct random random = {3};
    uint64_t want[DEADLINES] = {0}; /* 0: not armed */

    (void)state;
    begin(3, 24000000, 16);
    for (unsigned n = 0; n < 200000; n++) {
        unsigned i = (unsigned)random_below(&random, DEADLINES);

        switch (random_below(&random, 4)) {
        case 0:
            want[i] = fake_counter() + 1 + random_below(&random, 20000);
            deadline_set(&queue, &deadlines[i], want[i]);
            break;
        case 1:
            assert_int_equal(deadline_cancel(&queue, &deadlines[i]), want[i] != 0);
            want[i] = 0;
            break;
        default:
            fake_set_counter(fake_counter() + random_below(&random, 5000));
        }
        memset(fired_at, 0, sizeof(fired_at));
        fake_set_counter(fake_counter() + 6); /* two ticks of the timers */
        while (take_interrupts() != 0)
            fake_set_counter(fake_counter() + 6);
        for (i = 0; i < DEADLINES; i++) {
            assert_true(fired_at[i] == 0 || (want[i] != 0 && want[i] <= fired_at[i]));
            want[i] = fired_at[i] != 0 ? 0 : want[i];
            assert_true(want[i] == 0 || want[i] + 6 > fake_counter());
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(conversion_rounds_up, reset),
        cmocka_unit_test_setup(frequency_is_learned, reset),
        cmocka_unit_test_setup(counter_that_stands_still_or_is_slow_is_refused, reset),
        cmocka_unit_test_setup(never_early_and_two_ticks_late_at_most, reset),
        cmocka_unit_test_setup(counter_may_wrap_meanwhile, reset),
        cmocka_unit_test_setup(far_deadline_is_set_in_steps, reset),
        cmocka_unit_test_setup(past_deadline_fires_at_once, reset),
        cmocka_unit_test_setup(each_urgent_deadline_has_its_own, reset),
        cmocka_unit_test_setup(those_that_find_none_share_the_hypervisors, reset),
        cmocka_unit_test_setup(what_is_not_urgent_uses_the_hypervisors, reset),
        cmocka_unit_test_setup(other_interrupts_are_not_its_own, reset),
        cmocka_unit_test_setup(none_is_forgotten, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
