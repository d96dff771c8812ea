/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How early the comparator fires: what is learned from switches and from backlogs, and its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "time/lead.h"
#include "random.h"

#define US     63 /* ticks: the counter has 63 MHz */
#define MARGIN 16
#define SEED   21
#define STEPS  100000

static struct lead lead;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_hz(US * UINT64_C(1000000));
    lead_init(&lead);
    return 0;
}

static uint64_t switching(void)
{
    return lead_for(&lead, false);
}

static uint64_t backlog(void)
{
    return lead_for(&lead, true) - lead_for(&lead, false);
}

static void begins_with_a_guess(void **state)
{
    (void)state;
    assert_int_equal(switching(), 0);
    assert_int_equal(backlog(), LEAD_BACKLOG_FIRST_US * US);
}

static void switch_goes_up_at_once(void **state)
{
    (void)state;
    lead_learn_switch(&lead, 100);
    assert_int_equal(switching(), 100 + MARGIN);
    lead_learn_switch(&lead, 900);
    assert_int_equal(switching(), 900 + MARGIN);
    assert_int_equal(backlog(), LEAD_BACKLOG_FIRST_US * US);
}

static void switch_goes_down_by_a_sixteenth(void **state)
{
    (void)state;
    lead_learn_switch(&lead, 1000);
    lead_learn_switch(&lead, 200);
    assert_int_equal(switching(), 1016 - 800 / 16);
    for (unsigned i = 0; i < 200; i++)
        lead_learn_switch(&lead, 200);
    assert_in_range(switching(), 216, 216 + 15);
}

static void switch_is_bounded(void **state)
{
    static const uint64_t costs[] = {LEAD_SWITCH_MAX_US * US - MARGIN, LEAD_SWITCH_MAX_US * US - 1,
                                     LEAD_SWITCH_MAX_US * US, UINT64_MAX - MARGIN, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        lead_init(&lead);
        lead_learn_switch(&lead, costs[i]);
        assert_int_equal(switching(), LEAD_SWITCH_MAX_US * US);
    }
}

static void backlog_goes_up_and_slowly_down(void **state)
{
    (void)state;
    lead_learn_backlog(&lead, false);
    assert_int_equal(backlog(), (LEAD_BACKLOG_FIRST_US + LEAD_BACKLOG_UP_US) * US);
    for (unsigned i = 0; i < 64; i++)
        lead_learn_backlog(&lead, true);
    assert_int_equal(backlog(), LEAD_BACKLOG_FIRST_US * US);
    assert_int_equal(switching(), 0);
}

static void backlog_is_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        lead_learn_backlog(&lead, false);
    assert_int_equal(backlog(), LEAD_BACKLOG_MAX_US * US);
    for (unsigned i = 0; i < 64 * 1000; i++)
        lead_learn_backlog(&lead, true);
    assert_int_equal(backlog(), 0);
    lead_learn_backlog(&lead, true);
    assert_int_equal(backlog(), 0);
    lead_learn_backlog(&lead, false);
    assert_int_equal(backlog(), LEAD_BACKLOG_UP_US * US);
}

/* The guest's work takes 20 to 80 us: one in 65 is still at it, which is so at 79.1 us. */
static void backlog_settles_where_one_in_65_is_late(void **state)
{
    struct random random = {SEED};
    unsigned late = 0;

    (void)state;
    print_message("seed %u\n", SEED);
    for (unsigned i = 0; i < 2 * STEPS; i++) {
        uint64_t work = random_between(&random, 20 * US, 80 * US);
        bool worked_off = work <= backlog();

        late += i >= STEPS && !worked_off;
        lead_learn_backlog(&lead, worked_off);
        if (i >= STEPS)
            assert_in_range(backlog(), 70 * US, 85 * US);
    }
    assert_in_range(late, STEPS / 65 * 9 / 10, STEPS / 65 * 11 / 10);
}

static void bounds_hold_at_all_times(void **state)
{
    struct random random = {SEED + 1};

    (void)state;
    print_message("seed %u\n", SEED + 1);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t ticks = random_below(&random, UINT64_C(1) << random_between(&random, 1, 32));
        uint64_t before = switching();

        lead_learn_switch(&lead, ticks);
        lead_learn_backlog(&lead, random_below(&random, 40) != 0);
        assert_true(switching() >= (ticks < before ? ticks : before));
        assert_true(switching() <= LEAD_SWITCH_MAX_US * US);
        assert_true(ticks > LEAD_SWITCH_MAX_US * US - MARGIN || switching() >= ticks + MARGIN);
        assert_true(backlog() <= LEAD_BACKLOG_MAX_US * US);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begins_with_a_guess, setup),
        cmocka_unit_test_setup(switch_goes_up_at_once, setup),
        cmocka_unit_test_setup(switch_goes_down_by_a_sixteenth, setup),
        cmocka_unit_test_setup(switch_is_bounded, setup),
        cmocka_unit_test_setup(backlog_goes_up_and_slowly_down, setup),
        cmocka_unit_test_setup(backlog_is_bounded, setup),
        cmocka_unit_test_setup(backlog_settles_where_one_in_65_is_late, setup),
        cmocka_unit_test_setup(bounds_hold_at_all_times, setup),
    };

    return cmocka_run_group_tests_name("time/lead", tests, NULL, NULL);
}
