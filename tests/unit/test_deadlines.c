/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's deadlines, struct precise, by themselves: what the dispatcher tells them and what they answer, at
 * the borders of each rule. test_precise.c has them with a dispatcher.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "vm/precise.h"

#define US   63 /* ticks: the counter has 63 MHz */
#define NOW  UINT64_C(1000000)
#define COST 500
#define NONE DEADLINE_NONE

static struct precise precise;
static struct lead lead;
static uint64_t page[ONTIME_PAGE_SIZE / sizeof(uint64_t)];

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_hz(US * UINT64_C(1000000));
    lead_init(&lead);
    precise = (struct precise){0};
    precise_init(&precise, TIMERS_PRECISE);
    for (unsigned i = 0; i < sizeof(page) / sizeof(page[0]); i++)
        page[i] = 0;
    page[0] = NONE;
    return 0;
}

static uint64_t fired(void)
{
    return precise_stat(&precise, ONTIME_STAT_FIRED);
}

static void armed_deadline_is_noticed_early_and_taken_when_past(void **state)
{
    (void)state;
    precise_arm(&precise, 1, NOW);
    assert_int_equal(precise_notice(&precise, NOW - COST - 1, COST), NONE);
    assert_int_equal(precise_notice(&precise, NOW - COST, COST), NOW);
    assert_int_equal(fired(), 0);
    assert_int_equal(precise_deadline(&precise, 1), NOW);
    assert_false(precise_has_passed(&precise, NOW - 1));
    assert_true(precise_has_passed(&precise, NOW));
    assert_int_equal(precise_notice(&precise, NOW, COST), NOW);
    assert_int_equal(fired(), 1);
    assert_int_equal(precise_deadline(&precise, 1), NONE);
    assert_int_equal(precise_stat(&precise, ONTIME_STAT_ARMED), 1);
}

static void paged_deadline_is_taken_once(void **state)
{
    (void)state;
    precise_set_page(&precise, page, true);
    assert_int_equal(page[ONTIME_PAGE_WARPED / sizeof(uint64_t)], 1);
    page[0] = NOW;
    assert_int_equal(precise_notice(&precise, NOW - COST - 1, COST), NONE);
    assert_int_equal(precise_notice(&precise, NOW - COST, COST), NOW);
    assert_int_equal(fired(), 1);
    assert_int_equal(precise_notice(&precise, NOW, COST), NONE);
    assert_int_equal(fired(), 1);
    page[0] = NOW + 1;
    assert_int_equal(precise_first(&precise), NOW + 1);
}

static void snooped_deadline_is_the_earlier_timer(void **state)
{
    (void)state;
    precise_init(&precise, TIMERS_SNOOP);
    precise_blocking(&precise, &lead, NOW + 1, NOW, NOW - 9);
    assert_int_equal(precise_leaving(&precise, NOW - 9), NOW);
    assert_int_equal(precise_reached(&precise, NOW), NOW);
    assert_int_equal(fired(), 1);
    precise_blocking(&precise, &lead, NOW + 1, NOW + 2, NOW);
    assert_int_equal(precise_first(&precise), NOW + 1);
    precise_coming(&precise);
    assert_int_equal(precise_first(&precise), NONE);
}

static void comparator_is_early_by_the_lead(void **state)
{
    (void)state;
    precise_arm(&precise, 0, NOW);
    assert_int_equal(precise_leaving(&precise, 7), NOW);
    lead_learn_switch(&lead, COST);
    assert_int_equal(precise_comparator(&precise, &lead, false), NOW - lead_for(&lead, false));
    assert_int_equal(precise_comparator(&precise, &lead, true), NOW - lead_for(&lead, true));
    precise_arm(&precise, 0, lead_for(&lead, false));
    (void)precise_leaving(&precise, 7);
    assert_int_equal(precise_comparator(&precise, &lead, false), 0);
    assert_int_equal(precise_comparator(&precise, &lead, true), 0);
}

/* The vCPU is brought in for a deadline at NOW, and may have a backlog. */
static void bring_in(bool backlog)
{
    page[0] = NOW;
    precise_set_page(&precise, page, false);
    (void)precise_leaving(&precise, 7);
    (void)precise_comparator(&precise, &lead, backlog);
    assert_false(precise_is_awaited(&precise));
    assert_int_equal(precise_reached(&precise, NOW - COST), NOW);
    assert_true(precise_is_awaited(&precise));
    assert_int_equal(fired(), 1);
}

static void vcpu_is_held_until_its_deadline(void **state)
{
    (void)state;
    bring_in(false);
    precise_fetched(&precise, NOW - COST);
    assert_int_equal(precise_hold(&precise, &lead, NOW - 100), NOW + lead.hold_slack);
    assert_int_equal(lead_for(&lead, false), COST - 100 + 16);
    assert_int_equal(precise_hold(&precise, &lead, NOW - lead.switch_max), NOW + lead.hold_slack);
    assert_int_equal(precise_hold(&precise, &lead, NOW - lead.switch_max - 1), 0);
    assert_int_equal(precise_hold(&precise, &lead, NOW), 0);
    assert_true(precise_is_early(&precise, NOW - 1));
    assert_false(precise_is_early(&precise, NOW));
    assert_int_equal(precise_entered(&precise, NOW + 3), 3);
    assert_false(precise_is_awaited(&precise));
    assert_int_equal(precise_stat(&precise, ONTIME_STAT_LATE_MAX), 3);
    assert_int_equal(precise_stat(&precise, ONTIME_STAT_LATE_TICKS), 3);
}

/* Each entry is counted at once for who asks, and once: whether the vCPU has left the CPU since or not. */
static void lateness_is_counted_in_buckets(void **state)
{
    static const struct {
        uint64_t late;
        unsigned bucket;
    } entries[] = {{0, 0},         {1, 1},         {2, 2},
                   {3, 2},         {4, 3},         {(1u << 22) - 1, 22},
                   {1u << 22, 23}, {1u << 23, 23}, {UINT64_MAX - NOW - 1, 23}};
    uint64_t expected[ONTIME_LATE_BUCKETS] = {0}, sum = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        precise_interrupted(&precise, NOW);
        assert_int_equal(precise_entered(&precise, NOW + entries[i].late), entries[i].late);
        expected[entries[i].bucket]++;
        sum += entries[i].late;
        for (unsigned times = 0; times < 3; times++) {
            for (unsigned bucket = 0; bucket < ONTIME_LATE_BUCKETS; bucket++)
                assert_int_equal(precise_late(&precise, bucket), expected[bucket]);
            assert_int_equal(precise_stat(&precise, ONTIME_STAT_LATE_TICKS), sum);
            assert_int_equal(precise_stat(&precise, ONTIME_STAT_LATE_MAX), entries[i].late);
            if (i % 3 == 0)
                (void)precise_leaving(&precise, NOW);
            else if (i % 3 == 1)
                precise_reset(&precise);
        }
    }
}

static void backlog_ends_with_the_deadlines_timer(void **state)
{
    uint64_t before;

    (void)state;
    bring_in(true);
    assert_int_equal(precise_hold(&precise, &lead, NOW - COST), 0);
    assert_true(precise_has_backlog(&precise));
    before = lead.backlog;
    precise_timer_fired(&precise, &lead, NOW - 1, true); /* the tick that was pending */
    assert_true(precise_has_backlog(&precise) && lead.backlog == before);
    precise_timer_fired(&precise, &lead, NOW + lead.hold_slack, true);
    assert_true(!precise_has_backlog(&precise) && lead.backlog < before);
}

static void backlog_grows_when_the_guest_was_still_at_it(void **state)
{
    uint64_t before;

    (void)state;
    bring_in(true);
    (void)precise_hold(&precise, &lead, NOW - COST);
    before = lead.backlog;
    precise_timer_fired(&precise, &lead, NOW + lead.hold_slack + 1, true);
    assert_true(lead.backlog > before);
}

static void work_before_the_deadline_leaves_it_to_come(void **state)
{
    (void)state;
    bring_in(true);
    (void)precise_hold(&precise, &lead, NOW - COST);
    precise_blocking(&precise, &lead, NONE, NONE, NOW - 1);
    assert_false(precise_has_backlog(&precise));
    assert_int_equal(fired(), 0);
    assert_int_equal(precise_first(&precise), NOW);
}

static void work_at_the_deadline_has_served_it(void **state)
{
    (void)state;
    bring_in(true);
    (void)precise_hold(&precise, &lead, NOW - COST);
    precise_blocking(&precise, &lead, NONE, NONE, NOW);
    assert_int_equal(fired(), 1);
    assert_int_equal(precise_first(&precise), NONE);
}

static void claims_in_the_past_are_put_behind(void **state)
{
    (void)state;
    (void)precise_notice(&precise, NOW, COST);
    precise_arm(&precise, 0, 5);
    assert_int_equal(precise_notice(&precise, NOW + 1, COST), NOW);
}

/* Of many, those up to now are taken together, each is counted once, and the next is found. */
static void many_are_taken_at_once(void **state)
{
    (void)state;
    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        precise_arm(&precise, id, NOW + (id * 5) % ONTIME_DEADLINES);
    assert_int_equal(precise_leaving(&precise, NOW - 9), NOW);
    assert_int_equal(precise_reached(&precise, NOW + 9), NOW);
    assert_int_equal(fired(), 10);
    assert_int_equal(precise_leaving(&precise, NOW + 9), NOW + 10);
    assert_int_equal(fired(), 10);
    assert_int_equal(precise_deadline(&precise, 5), NOW + 25);
    assert_int_equal(precise_deadline(&precise, 1), NONE);
    assert_false(precise_cancel(&precise, 1));
    assert_int_equal(precise_notice(&precise, NOW + 99, COST), NOW + 10);
    assert_int_equal(fired(), ONTIME_DEADLINES);
    assert_int_equal(precise_first(&precise), NONE);
}

/* One that is moved, or forgotten with the vCPU, was not reached. */
static void only_what_was_reached_is_counted(void **state)
{
    (void)state;
    precise_arm(&precise, 9, NOW);
    precise_arm(&precise, 9, NOW + 5);
    assert_int_equal(precise_first(&precise), NOW + 5);
    assert_int_equal(fired(), 0);
    assert_int_equal(precise_notice(&precise, NOW + 5, COST), NOW + 5);
    precise_arm(&precise, 9, NOW + 7);
    precise_arm(&precise, 63, NOW + 6);
    assert_true(precise_cancel(&precise, 63));
    assert_int_equal(precise_first(&precise), NOW + 7);
    assert_int_equal(fired(), 1);
    precise_reset(&precise);
    assert_int_equal(fired(), 1);
    assert_int_equal(precise_stat(&precise, ONTIME_STAT_ARMED), 4);
}

/* A claim in the past that comes after what is past was taken is still to be taken. */
static void a_late_claim_is_not_lost(void **state)
{
    (void)state;
    precise_arm(&precise, 0, NOW);
    assert_int_equal(precise_notice(&precise, NOW, COST), NOW);
    precise_arm(&precise, 0, NOW - 5);
    assert_true(precise_has_passed(&precise, NOW + 1));
    assert_int_equal(precise_notice(&precise, NOW + 1, COST), NOW + 1);
    assert_int_equal(fired(), 2);
    assert_false(precise_has_passed(&precise, NOW + 1));
}

static void reset_forgets(void **state)
{
    (void)state;
    precise_arm(&precise, 3, NOW);
    assert_true(precise_cancel(&precise, 3));
    assert_false(precise_cancel(&precise, 3));
    assert_int_equal(precise_stat(&precise, ONTIME_STAT_CANCELLED), 1);
    precise_arm(&precise, 3, NOW);
    precise_set_page(&precise, page, false);
    page[0] = NOW - 1;
    precise_reset(&precise);
    assert_int_equal(precise_first(&precise), NONE);
    assert_int_equal(precise_deadline(&precise, 3), NONE);
    assert_int_equal(precise_needs(&precise), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(armed_deadline_is_noticed_early_and_taken_when_past, setup),
        cmocka_unit_test_setup(paged_deadline_is_taken_once, setup),
        cmocka_unit_test_setup(snooped_deadline_is_the_earlier_timer, setup),
        cmocka_unit_test_setup(comparator_is_early_by_the_lead, setup),
        cmocka_unit_test_setup(vcpu_is_held_until_its_deadline, setup),
        cmocka_unit_test_setup(lateness_is_counted_in_buckets, setup),
        cmocka_unit_test_setup(backlog_ends_with_the_deadlines_timer, setup),
        cmocka_unit_test_setup(backlog_grows_when_the_guest_was_still_at_it, setup),
        cmocka_unit_test_setup(work_before_the_deadline_leaves_it_to_come, setup),
        cmocka_unit_test_setup(work_at_the_deadline_has_served_it, setup),
        cmocka_unit_test_setup(claims_in_the_past_are_put_behind, setup),
        cmocka_unit_test_setup(many_are_taken_at_once, setup),
        cmocka_unit_test_setup(only_what_was_reached_is_counted, setup),
        cmocka_unit_test_setup(a_late_claim_is_not_lost, setup),
        cmocka_unit_test_setup(reset_forgets, setup),
    };

    return cmocka_run_group_tests_name("vm/precise", tests, NULL, NULL);
}
