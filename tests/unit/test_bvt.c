/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BVT's rules one by one, on a simulated core: who runs, until when, and with what share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "simulation.h"
#include "sched/bvt.h"

#define C 1000
#define NO_W                                                                                                 \
    (struct sched_params)                                                                                    \
    {                                                                                                        \
        .weight = 1                                                                                          \
    }
#define START 12345

static struct simulation sim;

static int setup(void **state)
{
    (void)state;
    sim_init(&sim, "bvt", C, START);
    return 0;
}

static unsigned add_hog(uint32_t weight)
{
    unsigned unit = sim_add(&sim, (struct sched_params){.weight = weight});

    sim_wake(&sim, unit);
    return unit;
}

static unsigned add_warper(uint32_t weight, uint64_t warp, uint64_t limit, uint64_t unwarp)
{
    return sim_add(
        &sim, (struct sched_params){.weight = weight, .warp = warp, .warp_limit = limit, .unwarp = unwarp});
}

static void assert_share(unsigned unit, double expected, double within)
{
    double total = 0;

    for (unsigned i = 0; i < sim.count; i++)
        total += sim.ran[i];
    assert_true(sim.ran[unit] / total > expected - within);
    assert_true(sim.ran[unit] / total < expected + within);
}

static void policies_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(sched_policy_find("cbs"), sched_policies[0]);
    assert_null(sched_policy_find("bv"));
    assert_null(sched_policy_find(""));
}

static void idle_core_runs_nobody(void **state)
{
    (void)state;
    unsigned unit = sim_add(&sim, NO_W);

    sim_advance(&sim, 500);
    assert_int_equal(sim_running(&sim), -1);
    sim_wake(&sim, unit);
    assert_int_equal(sim_running(&sim), unit);
    sim_wake(&sim, unit);
    sim_block(&sim, unit);
    sim_block(&sim, unit);
    assert_int_equal(sim_running(&sim), -1);
}

static void one_alone_is_left_alone(void **state)
{
    (void)state;
    unsigned unit = add_hog(1);

    assert_int_equal(sim.until, SCHED_NEVER);
    sim_advance(&sim, 1000000);
    assert_int_equal(sim_running(&sim), unit);
    assert_int_equal(sim.timed_picks, 0);
}

static void shares_follow_weights(void **state)
{
    (void)state;
    unsigned one = add_hog(1);
    unsigned three = add_hog(3);

    sim_advance(&sim, 10000000);
    assert_share(one, 0.25, 0.001);
    assert_share(three, 0.75, 0.001);
}

static void great_weights_are_exact_too(void **state)
{
    (void)state;
    unsigned most = add_hog(SCHED_WEIGHT_MAX);
    unsigned less = add_hog(SCHED_WEIGHT_MAX - 1);
    unsigned least = add_hog(1);

    sim_advance(&sim, 2000 * 1000 * 1000);
    assert_share(most, 0.5, 0.00001);
    assert_share(less, 0.4995, 0.00001);
    assert_share(least, 0.0005, 0.00001);
}

/*
 * The first is switched away from C ahead; from then on each runs until C ahead of the other, which makes 2
 * C.
 */
static void equal_units_change_places_at_the_allowance(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(sim.until, START + C);
    sim_advance(&sim, C - 1);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), b);
    assert_int_equal(sim.until, START + 3 * C);
    sim_advance(&sim, 100 * C);
    assert_in_range(sim.switches, 50, 52);
}

static void no_allowance_still_makes_progress(void **state)
{
    (void)state;
    sim_init(&sim, "bvt", 0, START);
    unsigned a = add_hog(1);
    (void)add_hog(1);

    sim_advance(&sim, 1000);
    assert_share(a, 0.5, 0.01);
    assert_in_range(sim.timed_picks, 1, 1000);
}

static void sleeping_earns_no_credit(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned sleeper = add_hog(1);

    sim_block(&sim, sleeper);
    sim_advance(&sim, 1000 * C);
    double before = sim.ran[hog];

    sim_wake(&sim, sleeper);
    sim_advance(&sim, 100 * C);
    assert_true(sim.ran[hog] - before >= 49 * C);
    assert_true(sim.ran[hog] - before <= 51 * C);
}

static void svt_is_remembered_over_idleness(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = sim_add(&sim, NO_W);

    sim_advance(&sim, 50 * C);
    sim_block(&sim, a);
    sim_advance(&sim, 50 * C);
    sim_wake(&sim, b);
    sim_wake(&sim, a);
    sim_advance(&sim, 20 * C);
    assert_true(sim.ran[b] <= 11 * C);
}

/* A unit that ran ahead and sleeps a moment does not get rid of its debt. */
static void blocking_forgives_nothing(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    sim_advance(&sim, C - 1);
    assert_int_equal(sim_running(&sim), a);
    sim_block(&sim, a);
    sim_wake(&sim, a);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, 2 * C - 2);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), a);
}

static void wake_up_waits_for_the_allowance(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned sleeper = sim_add(&sim, NO_W);

    sim_advance(&sim, 20 * C + 1);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, C - 1);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), sleeper);
}

static void warped_unit_runs_at_once(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned player = add_warper(1, 5 * C, 3 * C, 0);

    sim_advance(&sim, 20 * C + 1);
    assert_true(sim_wake_warped(&sim, player));
    assert_int_equal(sim_running(&sim), player);
    assert_false(sim_warp(&sim, player));
    assert_true(sim_unwarp(&sim, player));
    assert_int_equal(sim_running(&sim), hog);
    assert_false(sim_unwarp(&sim, player));
}

static void blocked_unit_cannot_be_warped(void **state)
{
    (void)state;
    unsigned player = add_warper(1, 5 * C, 3 * C, 0);

    assert_false(sim_warp(&sim, player));
    assert_int_equal(sim_running(&sim), -1);
}

static void incumbent_goes_on_with_the_rest_of_its_allowance(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);
    unsigned player = add_warper(1, 5 * C, 3 * C, 0);

    sim_advance(&sim, C + 300);
    assert_int_equal(sim_running(&sim), b);
    assert_true(sim_wake_warped(&sim, player));
    sim_advance(&sim, 50);
    assert_int_equal(sim_running(&sim), player);
    sim_block(&sim, player);
    assert_int_equal(sim_running(&sim), b);
    assert_int_equal(sim.until, sim.now + 2 * C - 300);
    sim_advance(&sim, 2 * C - 300);
    assert_int_equal(sim_running(&sim), a);
}

static void incumbent_goes_on_also_after_done_and_limit(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned player = add_warper(1, 5 * C, 300, 0);

    sim_advance(&sim, 700);
    assert_true(sim_wake_warped(&sim, player));
    sim_advance(&sim, 100);
    assert_true(sim_unwarp(&sim, player));
    assert_int_equal(sim_running(&sim), a);
    assert_true(sim_warp(&sim, player));
    assert_int_equal(sim_running(&sim), player);
    sim_advance(&sim, 300);
    assert_true(sim.warp_cut[player]);
    assert_int_equal(sim_running(&sim), a);
}

static void warped_incumbent_keeps_running(void **state)
{
    (void)state;
    unsigned a = add_warper(1, 5 * C, 3 * C, 0);

    sim_wake(&sim, a);
    unsigned b = add_hog(1);

    sim_advance(&sim, 400);
    unsigned switches = sim.switches;

    assert_true(sim_warp(&sim, a));
    sim_advance(&sim, 100);
    assert_true(sim_unwarp(&sim, a));
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 499);
    assert_int_equal(sim.switches, switches);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), b);
}

static void least_runs_when_the_incumbent_blocks(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);
    unsigned c = add_hog(1);

    sim_advance(&sim, C + 100);
    assert_int_equal(sim_running(&sim), b);
    sim_block(&sim, b);
    assert_int_equal(sim_running(&sim), c);
    sim_block(&sim, c);
    assert_int_equal(sim_running(&sim), a);
}

static void limit_ends_a_warp(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned player = add_warper(1, 100 * C, 250, 0);

    sim_advance(&sim, 10 * C);
    assert_true(sim_wake_warped(&sim, player));
    assert_int_equal(sim.until, sim.now + 250);
    sim_advance(&sim, 249);
    assert_true(sim.units[player].warped);
    sim_advance(&sim, 1);
    assert_false(sim.units[player].warped);
    assert_true(sim.warp_cut[player]);
    assert_int_equal(sim_running(&sim), hog);
    assert_true(sim.ran[player] == 250);
}

static void no_limit_means_no_warp(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned player = add_warper(1, 100 * C, 0, 0);

    assert_false(sim_wake_warped(&sim, player));
}

static void rest_between_warps(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned player = add_warper(1, 100 * C, 3 * C, 5000);

    assert_true(sim_wake_warped(&sim, player));
    sim_advance(&sim, 10);
    sim_block(&sim, player);
    sim_advance(&sim, 4999);
    assert_false(sim_wake_warped(&sim, player));
    sim_advance(&sim, 1);
    assert_true(sim_warp(&sim, player));
}

static void warp_stops_w_ahead(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned player = add_warper(4, 8 * C, 1000 * C, 0);

    sim_advance(&sim, 10 * C);
    assert_true(sim_wake_warped(&sim, player));
    assert_int_equal(sim.until, sim.now + 8 * C + 1);
    sim_advance(&sim, 8 * C);
    assert_int_equal(sim_running(&sim), player);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), hog);
    assert_true(sim.units[player].warped);
    sim_advance(&sim, C - 1);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, 2);
    assert_int_equal(sim_running(&sim), player);
}

static void warp_of_one_who_is_ahead_is_in_vain(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned player = add_warper(1, 2 * C, 100 * C, 0);

    sim_advance(&sim, 10 * C);
    (void)sim_wake_warped(&sim, player);
    sim_advance(&sim, 2 * C + 1);
    assert_true(sim_unwarp(&sim, player));
    assert_int_equal(sim_running(&sim), hog);
    assert_true(sim_warp(&sim, player));
    assert_int_equal(sim_running(&sim), hog);
    assert_true(bvt_unit(&sim.units[player])->spent);
    assert_true(sim_unwarp(&sim, player));
    sim_advance(&sim, 10);
    assert_true(sim_warp(&sim, player));
    assert_int_equal(sim_running(&sim), player);
    assert_int_equal(sim.until, sim.now + 10);
}

/* The one with less E comes later, and waits until the other has done its work or spent its W. */
static void earliest_of_two_warped_runs_first(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned a = add_warper(1, 10 * C, 5 * C, 0);
    unsigned b = add_warper(1, 12 * C, 5 * C, 0);

    sim_advance(&sim, 10 * C);
    assert_true(sim_wake_warped(&sim, a));
    sim_advance(&sim, 1);
    assert_true(sim_wake_warped(&sim, b));
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 4 * C);
    assert_int_equal(sim_running(&sim), a);
    sim_block(&sim, a);
    assert_int_equal(sim_running(&sim), b);
    sim_block(&sim, b);
    assert_int_equal(sim_running(&sim), hog);
}

static void least_of_two_that_wake_together_runs_first(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned least = add_warper(1, 12 * C, 5 * C, 0);
    unsigned other = add_warper(1, 10 * C, 5 * C, 0);
    const struct sched_policy *policy = sim.queue.policy;

    sim_advance(&sim, 10 * C);
    policy->wake(&sim.queue, &sim.units[least], sim.now);
    assert_true(policy->warp(&sim.queue, &sim.units[least], sim.now, 0, sim.now));
    assert_true(sim_wake_warped(&sim, other));
    assert_int_equal(sim_running(&sim), least);
    sim_block(&sim, least);
    assert_int_equal(sim_running(&sim), other);
}

/* Whatever their E: the later deadline gives way, though it has more W, and goes on afterwards. */
static void earlier_deadline_takes_the_core(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned late = add_warper(1, 20 * C, 5 * C, 0);
    unsigned early = add_warper(1, 10 * C, 5 * C, 0);

    sim_advance(&sim, 10 * C);
    sim_wake(&sim, late);
    assert_true(sim_warp_for(&sim, late, sim.now + 100, 0));
    assert_int_equal(sim_running(&sim), late);
    sim_wake(&sim, early);
    assert_int_equal(sim_running(&sim), late);
    assert_true(sim_warp_for(&sim, early, sim.now + 99, 0));
    assert_int_equal(sim_running(&sim), early);
    sim_advance(&sim, 3 * C);
    assert_int_equal(sim_running(&sim), early);
    assert_true(sim_unwarp(&sim, early));
    assert_int_equal(sim_running(&sim), late);
    assert_true(sim_warp_for(&sim, early, bvt_unit(&sim.units[late])->deadline, 0));
    assert_int_equal(sim_running(&sim), late);
    sim_block(&sim, late);
    sim_block(&sim, early);
    assert_int_equal(sim_running(&sim), hog);
}

/* An early deadline is worth nothing to one that has used its W up; the next one in order runs. */
static void spent_gives_way_to_a_later_deadline(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned greedy = add_warper(1, 3 * C, 100 * C, 0);
    unsigned modest = add_warper(1, 10 * C, 5 * C, 0);

    sim_advance(&sim, 20 * C);
    sim_wake(&sim, greedy);
    assert_true(sim_warp_for(&sim, greedy, 1, 0));
    sim_advance(&sim, C);
    sim_wake(&sim, modest);
    assert_true(sim_warp_for(&sim, modest, sim.now, 0));
    assert_int_equal(sim_running(&sim), greedy);
    sim_advance(&sim, 4 * C);
    assert_true(sim.units[greedy].warped && bvt_unit(&sim.units[greedy])->spent);
    assert_int_equal(sim_running(&sim), modest);
    assert_false(bvt_unit(&sim.units[modest])->spent);
}

static void needs_shorten_a_warp(void **state)
{
    static const uint64_t needs[] = {1, 100, 249, 250, 251, UINT64_MAX, 0};

    (void)state;
    unsigned hog = add_hog(1);
    unsigned player = add_warper(1, 100 * C, 250, 0);

    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        uint64_t budget = needs[i] != 0 && needs[i] < 250 ? needs[i] : 250;

        sim_advance(&sim, 10 * C);
        sim_wake(&sim, player);
        assert_true(sim_warp_for(&sim, player, sim.now, needs[i]));
        assert_int_equal(sim_running(&sim), player);
        assert_int_equal(sim.until, sim.now + budget);
        sim_advance(&sim, budget);
        assert_true(sim.warp_cut[player]);
        assert_int_equal(sim_running(&sim), hog);
        sim_block(&sim, player);
    }
}

/* Two that warp whenever they may, and nobody else: W still bounds how far one gets ahead. */
static void warped_units_bound_each_other(void **state)
{
    (void)state;
    unsigned a = add_warper(1, 3 * C, SCHED_TICKS_MAX, 0);
    unsigned b = add_warper(1, 3 * C, SCHED_TICKS_MAX, 0);

    (void)sim_wake_warped(&sim, a);
    (void)sim_wake_warped(&sim, b);
    for (unsigned i = 0; i < 1000; i++) {
        sim_advance(&sim, 100);
        assert_true(sim.ran[a] - sim.ran[b] <= 4 * C + 2);
        assert_true(sim.ran[b] - sim.ran[a] <= 4 * C + 2);
    }
    assert_true(sim.switches < 200);
}

static void constant_warper_gets_its_share_only(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned third = add_hog(2);
    unsigned hostile = add_warper(1, 20 * C, 3 * C, 0);

    sim_wake(&sim, hostile);
    for (unsigned i = 0; i < 100000; i++) {
        (void)sim_warp(&sim, hostile);
        sim_advance(&sim, 97);
        if (i % 3 == 0)
            (void)sim_unwarp(&sim, hostile);
        if (i % 7 == 0) {
            sim_block(&sim, hostile);
            (void)sim_wake_warped(&sim, hostile);
        }
    }
    assert_share(hostile, 0.25, 0.005);
    assert_share(hog, 0.25, 0.005);
    assert_share(third, 0.5, 0.005);
}

#define GHZ       UINT64_C(1000000000)
#define YEAR      (31556952 * GHZ)
#define LONG_STEP (UINT64_C(1) << 46)

/* 64 bits of ticks are 584 years at 1 GHz: CPU time goes on where a counter would begin again. */
static void thousand_years_at_1_ghz(void **state)
{
    (void)state;
    sim_init(&sim, "bvt", UINT64_C(1) << 44, 0);
    unsigned one = add_hog(1);
    unsigned two = add_hog(2);
    unsigned player = add_warper(1, UINT64_C(1) << 46, UINT64_C(1) << 40, 0);
    unsigned late = sim_add(&sim, NO_W);

    for (uint64_t step = 0; step < 1000 * (YEAR / LONG_STEP); step++) {
        if (step % 16 == 0) {
            assert_true(sim_wake_warped(&sim, player));
            assert_int_equal(sim_running(&sim), player);
        }
        sim_advance(&sim, LONG_STEP / 2);
        if (sim.units[player].runnable)
            sim_block(&sim, player);
        sim_advance(&sim, LONG_STEP / 2);
    }
    assert_share(one, 1 / 3.0, 0.01);
    assert_share(two, 2 / 3.0, 0.01);
    double before = sim.ran[one];

    sim_wake(&sim, late);
    for (unsigned step = 0; step < 4000; step++)
        sim_advance(&sim, LONG_STEP);
    assert_true(sim.ran[late] > 0.99 * (sim.ran[one] - before));
    assert_true(sim.ran[late] < 1.01 * (sim.ran[one] - before));
}

/* The order of warped units that wait survives a rebase, which comes when virtual time passes 2^61. */
static void rebase_keeps_the_order_of_the_warped(void **state)
{
    (void)state;
    unsigned a = add_warper(1, 30 * C, 100 * C, 0);
    unsigned b = add_warper(1, 20 * C, 100 * C, 0);
    unsigned c = add_warper(1, 10 * C, 100 * C, 0);
    int64_t start = (INT64_C(1) << 61) - C;

    bvt_queue(&sim.queue)->svt = start;
    assert_true(sim_wake_warped(&sim, a));
    assert_true(sim_wake_warped(&sim, b));
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, C);
    assert_true(bvt_queue(&sim.queue)->svt < start);
    assert_true(sim_wake_warped(&sim, c));
    assert_int_equal(sim_running(&sim), a);
    sim_block(&sim, a);
    assert_int_equal(sim_running(&sim), b);
}

static void alone_for_an_age(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = sim_add(&sim, NO_W);

    sim_advance(&sim, 500 * YEAR);
    sim_wake(&sim, b);
    sim_advance(&sim, 1000 * C);
    assert_true(sim.ran[b] > 499 * C && sim.ran[b] < 502 * C);
    assert_true(sim.ran[a] > 0);
}

static void charge_other(void *unit)
{
    (void)sim.queue.policy->charge(&sim.queue, unit, 1, sim.now);
}

static void add_without_weight(void *unit)
{
    sim.queue.policy->add(&sim.queue, unit);
}

static void misuse_is_caught(void **state)
{
    struct sched_unit light = {0};

    (void)state;
    (void)add_hog(1);
    unsigned b = add_hog(1);

    assert_true(fake_assert_fails(charge_other, &sim.units[b]));
    assert_true(fake_assert_fails(add_without_weight, &light));
}

/* Two units change places: the virtual times, the turn and the warp are the other's then. */
/* Whether it runs or waits, it is as if it had not run; the other makes up for that at no time. */
static void who_is_refunded_has_not_run(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(2);
    double refunded = 0;

    for (unsigned i = 0; i < 20; i++) {
        double before = sim.ran[a];

        sim_advance(&sim, C / 3);
        bvt_refund(&sim.queue, &sim.units[a], (uint64_t)(sim.ran[a] - before));
        refunded += sim.ran[a] - before;
    }
    assert_true(refunded > 3 * C);
    for (unsigned i = 0; i < 100 && sim_running(&sim) != (int)b; i++)
        sim_advance(&sim, C / 3);
    bvt_refund(&sim.queue, &sim.units[a], 5 * C);
    refunded += 5 * C;
    sim_advance(&sim, 300 * C);
    assert_in_range(sim.ran[a] - refunded, sim.ran[b] / 2 - 2 * C, sim.ran[b] / 2 + 2 * C);
}

static void units_change_places(void **state)
{
    (void)state;
    unsigned a = add_warper(1, 10 * C, 10 * C, 0), b = add_warper(1, 10 * C, 10 * C, 0), hog = add_hog(1);
    struct sched_unit *units = sim.units;
    int64_t ahead, behind;

    sim_wake(&sim, b);
    (void)sim_wake_warped(&sim, a);
    sim_advance(&sim, C / 2);
    assert_int_equal(sim_running(&sim), a);
    ahead = bvt_unit(&units[a])->avt;
    behind = bvt_unit(&units[b])->avt;
    bvt_swap(&sim.queue, &units[a], &units[b]);
    assert_ptr_equal(sim.queue.current, &units[b]);
    assert_true(units[b].warped && !units[a].warped);
    assert_int_equal(bvt_unit(&units[b])->avt, ahead);
    assert_int_equal(bvt_unit(&units[a])->avt, behind);
    sim_advance(&sim, C / 2);
    assert_int_equal(sim_running(&sim), b);
    assert_true(sim_unwarp(&sim, b));
    bvt_swap(&sim.queue, &units[hog], &units[a]); /* neither is the current one */
    sim_advance(&sim, 100 * C);
    sim_block(&sim, hog);
    sim_block(&sim, b);
    assert_int_equal(sim_running(&sim), a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(policies_are_found_by_name, setup),
        cmocka_unit_test_setup(idle_core_runs_nobody, setup),
        cmocka_unit_test_setup(one_alone_is_left_alone, setup),
        cmocka_unit_test_setup(shares_follow_weights, setup),
        cmocka_unit_test_setup(great_weights_are_exact_too, setup),
        cmocka_unit_test_setup(equal_units_change_places_at_the_allowance, setup),
        cmocka_unit_test_setup(no_allowance_still_makes_progress, setup),
        cmocka_unit_test_setup(sleeping_earns_no_credit, setup),
        cmocka_unit_test_setup(svt_is_remembered_over_idleness, setup),
        cmocka_unit_test_setup(blocking_forgives_nothing, setup),
        cmocka_unit_test_setup(wake_up_waits_for_the_allowance, setup),
        cmocka_unit_test_setup(warped_unit_runs_at_once, setup),
        cmocka_unit_test_setup(blocked_unit_cannot_be_warped, setup),
        cmocka_unit_test_setup(incumbent_goes_on_with_the_rest_of_its_allowance, setup),
        cmocka_unit_test_setup(incumbent_goes_on_also_after_done_and_limit, setup),
        cmocka_unit_test_setup(warped_incumbent_keeps_running, setup),
        cmocka_unit_test_setup(least_runs_when_the_incumbent_blocks, setup),
        cmocka_unit_test_setup(limit_ends_a_warp, setup),
        cmocka_unit_test_setup(no_limit_means_no_warp, setup),
        cmocka_unit_test_setup(rest_between_warps, setup),
        cmocka_unit_test_setup(warp_stops_w_ahead, setup),
        cmocka_unit_test_setup(warp_of_one_who_is_ahead_is_in_vain, setup),
        cmocka_unit_test_setup(earliest_of_two_warped_runs_first, setup),
        cmocka_unit_test_setup(least_of_two_that_wake_together_runs_first, setup),
        cmocka_unit_test_setup(earlier_deadline_takes_the_core, setup),
        cmocka_unit_test_setup(spent_gives_way_to_a_later_deadline, setup),
        cmocka_unit_test_setup(needs_shorten_a_warp, setup),
        cmocka_unit_test_setup(warped_units_bound_each_other, setup),
        cmocka_unit_test_setup(constant_warper_gets_its_share_only, setup),
        cmocka_unit_test_setup(thousand_years_at_1_ghz, setup),
        cmocka_unit_test_setup(rebase_keeps_the_order_of_the_warped, setup),
        cmocka_unit_test_setup(alone_for_an_age, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
        cmocka_unit_test_setup(who_is_refunded_has_not_run, setup),
        cmocka_unit_test_setup(units_change_places, setup),
    };

    return cmocka_run_group_tests_name("sched/bvt", tests, NULL, NULL);
}
