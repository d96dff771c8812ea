/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credit scheduler's rules one by one, on a simulated core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "simulation.h"
#include "sched/credit.h"

#define MS         SIM_MS
#define TICK       (10 * MS)
#define ACCOUNTING (30 * MS)
#define SLICE      (30 * MS)
#define START      (1000 * (uint64_t)ACCOUNTING)

static struct simulation sim;

static int setup(void **state)
{
    (void)state;
    sim_init(&sim, "credit", 0, START);
    return 0;
}

static unsigned add_hog(uint32_t weight)
{
    unsigned unit = sim_add(&sim, (struct sched_params){.weight = weight});

    sim_wake(&sim, unit);
    return unit;
}

static unsigned add_sleeper(void)
{
    return sim_add(&sim, (struct sched_params){.weight = 1});
}

static unsigned add_warper(uint64_t limit, uint64_t unwarp)
{
    return sim_add(&sim, (struct sched_params){.weight = 1, .warp_limit = limit, .unwarp = unwarp});
}

/* Two hogs that are boosted no more, at an accounting; the first begins a slice. */
static void two_hogs(unsigned *a, unsigned *b)
{
    unsigned first = add_hog(1);
    unsigned second = add_hog(1);

    sim_advance(&sim, 2 * ACCOUNTING);
    *a = (unsigned)sim_running(&sim);
    *b = first + second - *a;
    assert_int_equal(sim.until, sim.now + SLICE);
    assert_int_equal(credit_unit(&sim.units[*a])->left, SLICE);
}

/* Both UNDER, up to the next accounting, with 20 ms of its slice left for the one that runs. */
static void two_under(unsigned *runs, unsigned *waits)
{
    sim_advance(&sim, ACCOUNTING - 1);
    *waits = add_hog(1);
    *runs = add_hog(1);
    sim_advance(&sim, TICK + 1);
    assert_int_equal(sim_running(&sim), *runs);
    assert_int_equal(credit_unit(&sim.units[*runs])->left, SLICE - TICK);
    assert_false(credit_unit(&sim.units[*waits])->over || credit_unit(&sim.units[*waits])->boosted);
    assert_false(credit_unit(&sim.units[*runs])->over || credit_unit(&sim.units[*runs])->boosted);
}

static void idle_and_alone(void **state)
{
    (void)state;
    unsigned unit = add_sleeper();

    assert_int_equal(sim_running(&sim), -1);
    sim_wake(&sim, unit);
    assert_int_equal(sim_running(&sim), unit);
    assert_int_equal(sim.until, SCHED_NEVER);
    sim_advance(&sim, 1000 * (uint64_t)ACCOUNTING);
    assert_int_equal(sim.timed_picks, 0);
    sim_wake(&sim, unit);
    sim_block(&sim, unit);
    sim_block(&sim, unit);
    assert_int_equal(sim_running(&sim), -1);
}

static void equals_run_a_slice_each(void **state)
{
    unsigned a, b;

    (void)state;
    two_hogs(&a, &b);
    for (unsigned round = 0; round < 5; round++) {
        assert_int_equal(sim_running(&sim), a);
        sim_advance(&sim, SLICE - 1);
        assert_int_equal(sim_running(&sim), a);
        sim_advance(&sim, 1);
        assert_int_equal(sim_running(&sim), b);
        sim_advance(&sim, SLICE);
    }
}

static void shares_follow_weights(void **state)
{
    (void)state;
    unsigned one = add_hog(1);
    unsigned three = add_hog(3);

    sim_advance(&sim, 1000 * (uint64_t)ACCOUNTING);
    assert_true(sim.ran[one] >= 249.0 * ACCOUNTING && sim.ran[one] <= 251.0 * ACCOUNTING);
    assert_true(sim.ran[three] >= 749.0 * ACCOUNTING);
}

static void a_wake_up_is_boosted(void **state)
{
    unsigned a, b;

    (void)state;
    unsigned sleeper = add_sleeper();

    two_under(&a, &b);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), sleeper);
    sim_advance(&sim, MS);
    sim_block(&sim, sleeper);
    assert_int_equal(sim_running(&sim), b); /* the one it interrupted went to the end of the line */
    assert_int_equal(credit_unit(&sim.units[b])->left, SLICE);
}

static void a_tick_ends_a_boost(void **state)
{
    unsigned a, b;

    (void)state;
    unsigned first = add_sleeper();
    unsigned second = add_sleeper();

    two_under(&a, &b);
    sim_advance(&sim, TICK - 2 * MS);
    sim_wake(&sim, first);
    sim_wake(&sim, second);
    assert_int_equal(sim_running(&sim), first);
    assert_int_equal(sim.until, sim.now + 2 * MS);
    sim_advance(&sim, 2 * MS - 1);
    assert_int_equal(sim_running(&sim), first);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), second);
    sim_block(&sim, second);
    assert_int_not_equal(sim_running(&sim), first); /* behind the hogs now, which are UNDER, too */
}

static void over_is_neither_boosted_nor_first(void **state)
{
    (void)state;
    unsigned a = add_hog(1);

    sim_advance(&sim, MS);
    unsigned b = add_hog(1);

    sim_advance(&sim, 2 * MS);
    assert_int_equal(sim_running(&sim), a); /* both woke boosted */
    sim_advance(&sim, ACCOUNTING - 3 * MS);
    assert_true(credit_unit(&sim.units[a])->over != credit_unit(&sim.units[b])->over);
    unsigned over = credit_unit(&sim.units[a])->over ? a : b;

    assert_int_equal(sim_running(&sim), a + b - over);
    sim_block(&sim, over);
    sim_wake(&sim, over);
    assert_int_equal(sim_running(&sim), a + b - over);
    assert_false(credit_unit(&sim.units[over])->boosted);
}

static void a_sleeper_does_not_save_up(void **state)
{
    unsigned a, b;

    (void)state;
    unsigned sleeper = add_sleeper();

    two_hogs(&a, &b);
    sim_wake(&sim, sleeper);
    sim_advance(&sim, MS);
    sim_block(&sim, sleeper);
    sim_advance(&sim, 100 * ACCOUNTING);
    assert_false(credit_unit(&sim.units[sleeper])->active);
    assert_true(credit_unit(&sim.units[sleeper])->credit <= ACCOUNTING);
    double before = sim.ran[sleeper];

    sim_wake(&sim, sleeper);
    sim_advance(&sim, 30 * ACCOUNTING);
    assert_true(sim.ran[sleeper] - before <= 13 * ACCOUNTING);
    assert_true(sim.ran[sleeper] - before >= 8 * ACCOUNTING);
}

static void a_debt_is_bounded(void **state)
{
    unsigned a, b;

    (void)state;
    two_hogs(&a, &b);
    credit_unit(&sim.units[b])->credit = -20 * ACCOUNTING;
    sim_advance(&sim, ACCOUNTING);
    assert_int_equal(credit_unit(&sim.units[b])->credit, -ACCOUNTING);
}

static void missed_accountings_are_made_up_for(void **state)
{
    (void)state;
    unsigned a = add_hog(1);

    sim_advance(&sim, 1000 * (uint64_t)ACCOUNTING);
    unsigned b = add_hog(1);

    assert_int_equal(sim_running(&sim), b);
    assert_in_range(credit_unit(&sim.units[a])->credit + ACCOUNTING, 0, 2 * ACCOUNTING);
    sim_advance(&sim, 100 * ACCOUNTING);
    assert_true(sim.ran[b] >= 48.0 * ACCOUNTING && sim.ran[b] <= 52.0 * ACCOUNTING);
}

static void a_warp_is_a_boost(void **state)
{
    unsigned hog, player;

    (void)state;
    two_under(&hog, &player);
    sim.units[player].params.warp_limit = 5 * MS;
    assert_true(sim_warp(&sim, player));
    assert_int_equal(sim_running(&sim), player);
    assert_false(sim_warp(&sim, player));
    sim_advance(&sim, MS);
    assert_true(sim_unwarp(&sim, player));
    assert_int_equal(sim_running(&sim), hog);
    assert_false(sim_unwarp(&sim, player));
}

static void limit_ends_a_warp(void **state)
{
    unsigned hog, player;

    (void)state;
    two_under(&hog, &player);
    sim.units[player].params.warp_limit = 5 * MS;
    assert_true(sim_warp(&sim, player));
    assert_int_equal(sim.until, sim.now + 5 * MS);
    sim_advance(&sim, 5 * MS - 1);
    assert_true(sim.units[player].warped);
    sim_advance(&sim, 1);
    assert_false(sim.units[player].warped);
    assert_true(sim.warp_cut[player]);
    assert_int_equal(sim_running(&sim), hog);
    assert_true(sim_warp_for(&sim, player, sim.now, MS));
    sim_advance(&sim, MS);
    assert_true(sim.warp_cut[player]);
    assert_int_equal(sim_running(&sim), hog);
}

/* A wake-up at a deadline is boosted as well: the end of the warp ends that, too. */
static void done_ends_the_boost(void **state)
{
    unsigned hog, other;

    (void)state;
    unsigned player = add_warper(5 * MS, 0);

    two_under(&hog, &other);
    assert_true(sim_wake_warped(&sim, player));
    assert_int_equal(sim_running(&sim), player);
    assert_true(sim_unwarp(&sim, player));
    assert_int_equal(sim_running(&sim), other);
}

/* What it ran since the accounting was due is not of the time before. */
static void a_late_accounting_is_as_of_its_instant(void **state)
{
    (void)state;
    unsigned hog = add_hog(1);
    unsigned sleeper = add_sleeper();

    sim_advance(&sim, ACCOUNTING + 20 * MS);
    sim_wake(&sim, sleeper);
    assert_false(credit_unit(&sim.units[hog])->over);
    assert_int_equal(credit_unit(&sim.units[hog])->credit, -20 * MS);
}

static void warps_are_refused(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned never = add_warper(0, 0);
    unsigned rarely = add_warper(MS, 20 * MS);

    assert_false(sim_warp(&sim, rarely)); /* blocked */
    assert_false(sim_wake_warped(&sim, never));
    sim_block(&sim, never);
    assert_true(sim_wake_warped(&sim, rarely));
    sim_block(&sim, rarely);
    sim_advance(&sim, 20 * MS - 1);
    assert_false(sim_wake_warped(&sim, rarely));
    sim_advance(&sim, 1);
    assert_true(sim_warp(&sim, rarely));
    sim_block(&sim, rarely);
    sim.units[a].params.warp_limit = MS;
    assert_true(sim_warp(&sim, a));
    assert_true(sim_unwarp(&sim, a));
    credit_unit(&sim.units[a])->over = true;
    assert_false(sim_warp(&sim, a));
}

static void blocking_ends_a_warp(void **state)
{
    (void)state;
    unsigned player = add_warper(5 * MS, 0);

    assert_true(sim_wake_warped(&sim, player));
    assert_true(sim.queue.policy->block(&sim.queue, &sim.units[player], sim.now));
    assert_false(sim.units[player].warped);
}

/* Two hogs are as far from their shares as the bounds of credit and a slice let them. */
static void two_keep_their_shares(void **state)
{
    struct random random = {41};

    (void)state;
    for (unsigned system = 0; system < 100; system++) {
        sim_init(&sim, "credit", 0, random_below(&random, UINT64_C(1) << 32) << 30);
        double a = (double)random_between(&random, 1, 16);
        double b = (double)random_between(&random, 1, 16);
        double total = 3000.0 * ACCOUNTING;

        (void)add_hog((uint32_t)a);
        sim_advance(&sim, random_below(&random, ACCOUNTING));
        (void)add_hog((uint32_t)b);
        sim_advance(&sim, 3000 * (uint64_t)ACCOUNTING);
        double off = sim.ran[0] - total * a / (a + b);

        assert_true(off > -0.02 * total && off < 0.02 * total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(idle_and_alone, setup),
        cmocka_unit_test_setup(equals_run_a_slice_each, setup),
        cmocka_unit_test_setup(shares_follow_weights, setup),
        cmocka_unit_test_setup(a_wake_up_is_boosted, setup),
        cmocka_unit_test_setup(a_tick_ends_a_boost, setup),
        cmocka_unit_test_setup(over_is_neither_boosted_nor_first, setup),
        cmocka_unit_test_setup(a_sleeper_does_not_save_up, setup),
        cmocka_unit_test_setup(a_debt_is_bounded, setup),
        cmocka_unit_test_setup(missed_accountings_are_made_up_for, setup),
        cmocka_unit_test_setup(a_warp_is_a_boost, setup),
        cmocka_unit_test_setup(limit_ends_a_warp, setup),
        cmocka_unit_test_setup(done_ends_the_boost, setup),
        cmocka_unit_test_setup(a_late_accounting_is_as_of_its_instant, setup),
        cmocka_unit_test_setup(warps_are_refused, setup),
        cmocka_unit_test_setup(blocking_ends_a_warp, setup),
        cmocka_unit_test(two_keep_their_shares),
    };

    return cmocka_run_group_tests_name("sched/credit", tests, NULL, NULL);
}
