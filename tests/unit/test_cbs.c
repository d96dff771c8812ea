/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant-bandwidth servers over BVT (sched/cbs.c): what one warp gets, in which order several run, and what
 * a unit beyond its share can do to others. Time is in ticks; STEP is the policy's step of 2 ms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "random.h"
#include "sched/cbs.h"
#include "simulation.h"

#define C     (5 * SIM_MS)
#define H     (100 * SIM_MS)
#define JOB   50
#define STEP  (2 * SIM_MS)
#define START 7

static struct simulation sim;

static int setup(void **state)
{
    (void)state;
    sim_init(&sim, "cbs", C, START);
    return 0;
}

static unsigned add(uint32_t weight)
{
    return sim_add(&sim, (struct sched_params){.weight = weight, .horizon = H, .job = JOB});
}

static unsigned add_hog(uint32_t weight)
{
    unsigned unit = add(weight);

    sim_wake(&sim, unit);
    return unit;
}

static uint64_t deadline(unsigned unit)
{
    return bvt_unit(&sim.units[unit])->deadline;
}

static uint64_t served(unsigned unit)
{
    return cbs_unit(&sim.units[unit])->served;
}

static void urgent_work_runs_at_once_and_to_its_end(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(1);

    sim_advance(&sim, 123);
    assert_true(sim_wake_warped(&sim, unit));
    assert_int_equal(sim_running(&sim), unit);
    assert_int_equal(deadline(unit), START + 123 + 2 * JOB);
    sim_advance(&sim, 30 * SIM_MS); /* six times C */
    assert_int_equal(sim_running(&sim), unit);
    assert_int_equal(sim.ran[unit], 30 * SIM_MS);
    sim_block(&sim, unit);
    assert_int_equal(sim_running(&sim), hog);
}

/* Without a warp it waits until the other is ahead by C. */
static void other_work_waits_for_its_turn(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(1);

    sim_advance(&sim, 123);
    sim_wake(&sim, unit);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, C - 123 - 1);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), unit);
}

/* Who uses less than its share does not wait for those that have more. */
static void who_uses_less_than_its_share_runs_at_once(void **state)
{
    static const uint32_t weights[] = {1, 2, 4};

    for (unsigned i = 0; i < 3; i++)
        for (unsigned hogs = 1; hogs <= 3; hogs++) {
            unsigned unit;

            (void)setup(state);
            for (unsigned k = 0; k < hogs; k++)
                (void)add_hog(weights[k]);
            unit = add(weights[i]);
            sim_advance(&sim, 20 * C);
            for (unsigned k = 0; k < 2000; k++) {
                sim_wake(&sim, unit);
                assert_int_equal(sim_running(&sim), unit);
                sim_advance(&sim, 20);
                sim_block(&sim, unit);
                sim_advance(&sim, 180);
            }
        }
}

/* The first turn after a long sleep is longer by the credit less C at the least weight. */
static void what_was_not_used_is_kept_up_to_the_credit(void **state)
{
    static const struct {
        uint32_t hog, unit;
        uint64_t turn;
    } of[] = {
        {1, 1, 2 * C + C / 4}, {10, 10, 2 * C + C / 4},   {1, 4, 6 * C},
        {4, 1, 2 * C + C / 4}, {1, 6, 6 * C * 5 / 4 + C},
    };

    for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        unsigned hog, unit;

        (void)setup(state);
        hog = add_hog(of[i].hog);
        unit = add(of[i].unit);
        sim_advance(&sim, 1000 * C);
        sim_wake(&sim, unit);
        sim_advance(&sim, of[i].turn - 1);
        assert_int_equal(sim_running(&sim), unit);
        sim_advance(&sim, 1);
        assert_int_equal(sim_running(&sim), hog);
    }
}

/* A heavy one keeps no more than 8 C beside a light one: it waits for that one's turn, but for this. */
static void credit_is_bounded(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(100);

    sim_advance(&sim, 1000 * C);
    sim_wake(&sim, unit);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, C - 8 * C / 100 - 1);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), unit);
    sim_advance(&sim, 101 * C - 1);
    assert_int_equal(sim_running(&sim), unit);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), hog);
}

/* Sleeping as long as it computes, at the wrong time for the hog, it has no more than half. */
static void sleeping_earns_no_more_than_the_share(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(1);

    for (unsigned i = 0; i < 100; i++) {
        sim_advance(&sim, 3 * C);
        sim_wake(&sim, unit);
        for (unsigned k = 0; k < 3 * C && sim_running(&sim) == (int)unit; k++)
            sim_advance(&sim, 1);
        sim_block(&sim, unit);
    }
    assert_true(sim.ran[unit] <= sim.ran[hog]);
}

/* Units of random weights, without deadlines. Returns how far behind the SVT they may wake, at weight 1. */
static double random_system(struct random *random)
{
    unsigned units = (unsigned)random_between(random, 2, SIM_UNITS);
    uint32_t heaviest = random_below(random, 2) ? 6 : SCHED_WEIGHT_MAX;
    uint32_t least = SCHED_WEIGHT_MAX, most = 0;
    double allowance = (double)random_between(random, 100, 2 * C), credit;

    sim_init(&sim, "cbs", (uint64_t)allowance, START);
    for (unsigned i = 0; i < units; i++) {
        uint32_t weight = (uint32_t)random_between(random, 1, heaviest);

        (void)sim_add(&sim, (struct sched_params){.weight = weight});
        least = weight < least ? weight : least;
        most = weight > most ? weight : most;
    }
    credit = 1.25 * allowance / least;
    return credit < 8 * allowance / most ? credit : 8 * allowance / most;
}

/* How far the unit has got ahead of unit 0, at weight 1. */
static double lead(unsigned unit)
{
    return sim.ran[unit] / sim.units[unit].params.weight - sim.ran[0] / sim.units[0].params.weight;
}

/* CPU time, at weight 1. */
static double turn(unsigned unit)
{
    return (double)sim.queue.allowance / sim.units[unit].params.weight;
}

/*
 * From any instant to any other, no unit has more than its share beside a hog, but for the credit and both
 * turns: whatever units do, and however they sleep.
 */
static void nobody_gains_more_than_the_credit(void **state)
{
    struct random random = {31};

    (void)state;
    for (unsigned system = 0; system < 40; system++) {
        double credit = random_system(&random), lowest[SIM_UNITS] = {0};

        sim_wake(&sim, 0);
        for (unsigned step = 0; step < 2000; step++) {
            for (unsigned i = 1; i < sim.count; i++) {
                lowest[i] = lead(i) < lowest[i] ? lead(i) : lowest[i];
                assert_true(lead(i) - lowest[i] <= credit + turn(i) + turn(0) + 2);
                if (random_below(&random, 4) == 0)
                    (sim.units[i].runnable ? sim_block : sim_wake)(&sim, i);
            }
            sim_advance(&sim,
                        random_below(&random, (random_below(&random, 3) ? 1 : 40) * sim.queue.allowance / 4));
        }
    }
}

/* At half of the core it gains half a tick for each that it runs, so the horizon ends the warp after H. */
static void horizon_ends_a_warp(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(1);

    assert_true(sim_wake_warped(&sim, unit));
    sim_advance(&sim, H - 1);
    assert_true(sim.units[unit].warped);
    sim_advance(&sim, 1);
    assert_false(sim.units[unit].warped);
    assert_true(sim.warp_cut[unit]);
    assert_int_equal(served(unit), sim.now + H);
    assert_int_equal(sim_running(&sim), hog);
    /* And no other begins before there is a 64th of the horizon. */
    assert_false(sim_warp(&sim, unit));
    sim_advance(&sim, H / 64 - 1);
    assert_false(sim_warp(&sim, unit));
    sim_advance(&sim, 1);
    assert_true(sim_warp(&sim, unit));
    assert_int_equal(sim_running(&sim), unit);
}

static void nothing_is_saved_beyond_the_present(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned unit = add(1);

    sim_advance(&sim, 50 * H);
    assert_true(sim_wake_warped(&sim, unit));
    assert_int_equal(served(unit), sim.now);
    sim_advance(&sim, H);
    assert_false(sim.units[unit].warped);
}

static void alone_a_unit_is_urgent_for_ever(void **state)
{
    (void)state;
    unsigned unit = add(3);

    assert_true(sim_wake_warped(&sim, unit));
    assert_true(sim.until - sim.now > 1000 * H);
    sim_advance(&sim, 1000 * H);
    assert_true(sim.units[unit].warped);
}

static void no_horizon_means_no_warp(void **state)
{
    (void)state;
    (void)add_hog(1);
    unsigned unit = sim_add(&sim, (struct sched_params){.weight = 1, .job = JOB});

    assert_false(sim_wake_warped(&sim, unit));
    assert_true(sim.units[unit].runnable && !sim.units[unit].warped);
}

static void who_is_blocked_or_warped_is_not_warped(void **state)
{
    (void)state;
    unsigned unit = add(1);

    assert_false(sim_warp(&sim, unit));
    assert_true(sim_wake_warped(&sim, unit));
    assert_false(sim_warp(&sim, unit));
}

static void needs_shorten_a_warp(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), unit = add(1);

    sim_wake(&sim, unit);
    assert_true(sim_warp_for(&sim, unit, 0, 300));
    sim_advance(&sim, 299);
    assert_int_equal(sim_running(&sim), unit);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), hog);
    assert_true(sim.warp_cut[unit]);
}

/* Of two that begin their jobs, the first goes on: its deadline is earlier. A share makes deadlines early. */
static void earliest_deadline_runs(void **state)
{
    (void)state;
    unsigned a = add(1), b = add(1), heavy = add(2);

    assert_true(sim_wake_warped(&sim, a));
    assert_int_equal(deadline(a), START + 4 * JOB);
    sim_advance(&sim, 10);
    assert_true(sim_wake_warped(&sim, b));
    assert_int_equal(sim_running(&sim), a);
    assert_true(sim_wake_warped(&sim, heavy));
    assert_int_equal(deadline(heavy), START + 10 + 2 * JOB);
    assert_int_equal(sim_running(&sim), heavy);
    sim_block(&sim, heavy);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, JOB - 10); /* its job is done, and more of it is due later */
    assert_int_equal(deadline(a), START + 4 * STEP);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, JOB);
    assert_int_equal(deadline(b), START + 10 + 4 * STEP);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, STEP - JOB);
    assert_int_equal(deadline(a), START + 8 * STEP);
    assert_int_equal(sim_running(&sim), b);
}

/* What it runs before its deadline, to be in place then, does not use its job up; a millisecond at most. */
static void the_time_before_the_deadline_is_not_the_jobs(void **state)
{
    (void)state;
    unsigned a = add(1), b = add(1);

    assert_true(sim_wake_warped_for(&sim, a, sim.now + 70));
    assert_int_equal(deadline(a), START + 70 + 2 * JOB);
    sim_advance(&sim, 50);
    (void)sim_wake_warped(&sim, b); /* from here on a's time counts, before its deadline, too */
    assert_int_equal(deadline(b), START + 50 + 2 * JOB);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, JOB);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, JOB - 1);
    assert_int_equal(deadline(a), START + 70 + 2 * JOB);
    sim_advance(&sim, 1);
    assert_int_equal(deadline(a), START + 70 + 2 * STEP);
    sim_block(&sim, a);
    sim_block(&sim, b);
    sim_advance(&sim, 10 * SIM_MS);
    assert_true(sim_wake_warped_for(&sim, b, sim.now + 5 * SIM_MS));
    assert_int_equal(deadline(b), sim.now + SIM_MS + 2 * JOB);
}

/* What it ran before its deadline while another was urgent is added to its job. */
static void time_that_counts_before_the_deadline_is_added(void **state)
{
    (void)state;
    unsigned a = add(4), b = add(4);

    (void)sim_wake_warped(&sim, b);
    sim_advance(&sim, JOB); /* the rest of b's work is due in a step */
    assert_true(sim_wake_warped_for(&sim, a, sim.now + 30));
    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(deadline(a), START + JOB + 30 + 2 * JOB);
    sim_advance(&sim, JOB);
    assert_int_equal(deadline(a), START + JOB + 30 + 2 * (JOB + 30));
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 30);
    assert_int_equal(deadline(a), START + JOB + 30 + 2 * STEP);
    assert_int_equal(sim_running(&sim), b);
}

/* Alone, it may run up to its deadline and then for its whole job. */
static void the_time_before_the_deadline_ends_there(void **state)
{
    (void)state;
    unsigned a = add(1), b = add(1);

    sim_wake(&sim, b);
    assert_true(sim_wake_warped_for(&sim, a, sim.now + 70));
    sim_advance(&sim, 70 + JOB - 1);
    (void)sim_warp(&sim, b);
    assert_int_equal(deadline(a), START + 70 + 2 * JOB);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 1);
    assert_int_equal(deadline(a), START + 70 + 2 * STEP);
    assert_int_equal(sim_running(&sim), b);
}

/* The last instant of what is due is used: the step is not asked for before. */
static void a_step_is_a_look(void **state)
{
    (void)state;
    unsigned a = add(1), b = add(1);

    (void)sim_wake_warped(&sim, a);
    assert_true(sim.until > sim.now + STEP); /* nobody else is urgent */
    (void)sim_wake_warped(&sim, b);
    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(sim.until, sim.now + JOB);
    sim_advance(&sim, JOB - 1);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), b);
}

/* Who is ahead of its share begins its next warp where its share has not come yet: after the others. */
static void work_beyond_the_share_is_due_later(void **state)
{
    (void)state;
    unsigned greedy = add(1), unit = add(1);

    (void)sim_wake_warped(&sim, greedy);
    sim_advance(&sim, 20 * SIM_MS);
    assert_int_equal(served(greedy), START + 40 * SIM_MS);
    (void)sim_unwarp(&sim, greedy);
    assert_true(sim_warp(&sim, greedy));
    assert_int_equal(deadline(greedy), START + 40 * SIM_MS + 2 * JOB);
    (void)sim_wake_warped(&sim, unit);
    assert_int_equal(sim_running(&sim), unit);
}

/* A guest that computes for its deadlines and runs a hog pays for the one by the other. */
static void shares_hold(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), busy = add_hog(3);

    for (unsigned i = 0; i < 1000; i++) {
        (void)sim_warp(&sim, busy);
        sim_advance(&sim, 5 * SIM_MS);
        (void)sim_unwarp(&sim, busy);
        sim_advance(&sim, 15 * SIM_MS);
    }
    assert_true(sim.ran[hog] > 0.2475 * 1000 * 20 * SIM_MS && sim.ran[hog] < 0.2525 * 1000 * 20 * SIM_MS);
}

/* A warp without an end takes no more than the share, beyond the horizon once. */
static void claims_without_end_get_the_share(void **state)
{
    (void)state;
    unsigned hog = add_hog(1), greedy = add_hog(1);

    for (unsigned i = 0; i < 100000; i++) {
        (void)sim_warp(&sim, greedy);
        sim_advance(&sim, 100);
    }
    assert_true(sim.ran[greedy] <= sim.ran[hog] + 2 * H);
    assert_true(sim.ran[greedy] >= sim.ran[hog] - 2 * C);
}

static void great_times_do_not_overflow(void **state)
{
    (void)state;
    sim_init(&sim, "cbs", C, UINT64_C(1) << 62);
    unsigned light =
        sim_add(&sim, (struct sched_params){.weight = 1, .horizon = UINT64_C(1) << 40, .job = 1});
    unsigned heavy =
        sim_add(&sim, (struct sched_params){.weight = SCHED_WEIGHT_MAX, .horizon = H, .job = JOB});

    (void)sim_wake_warped(&sim, light);
    sim_wake(&sim, heavy);
    sim_advance(&sim, UINT64_C(1) << 32);
    assert_false(sim.units[light].warped); /* it has used up its horizon, and waits */
    assert_true(served(light) >= (UINT64_C(1) << 62) + (UINT64_C(1) << 40));
    assert_true(sim_warp(&sim, heavy));
    sim_advance(&sim, UINT64_C(1) << 50);
    assert_false(sim.units[heavy].warped);
    assert_int_equal(sim.now, (UINT64_C(1) << 62) + (UINT64_C(1) << 32) + (UINT64_C(1) << 50));
}

static void add_without_end(void *unit)
{
    sim.queue.policy->add(&sim.queue, unit);
}

static void misuse_is_caught(void **state)
{
    struct sched_unit far = {.params = {.weight = 1, .horizon = (UINT64_C(1) << 40) + 1}};
    struct sched_unit large = {.params = {.weight = 1, .job = (UINT64_C(1) << 40) + 1}};

    (void)state;
    assert_true(fake_assert_fails(add_without_end, &far));
    assert_true(fake_assert_fails(add_without_end, &large));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(urgent_work_runs_at_once_and_to_its_end, setup),
        cmocka_unit_test_setup(other_work_waits_for_its_turn, setup),
        cmocka_unit_test(who_uses_less_than_its_share_runs_at_once),
        cmocka_unit_test(what_was_not_used_is_kept_up_to_the_credit),
        cmocka_unit_test_setup(credit_is_bounded, setup),
        cmocka_unit_test_setup(sleeping_earns_no_more_than_the_share, setup),
        cmocka_unit_test(nobody_gains_more_than_the_credit),
        cmocka_unit_test_setup(horizon_ends_a_warp, setup),
        cmocka_unit_test_setup(nothing_is_saved_beyond_the_present, setup),
        cmocka_unit_test_setup(alone_a_unit_is_urgent_for_ever, setup),
        cmocka_unit_test_setup(no_horizon_means_no_warp, setup),
        cmocka_unit_test_setup(who_is_blocked_or_warped_is_not_warped, setup),
        cmocka_unit_test_setup(needs_shorten_a_warp, setup),
        cmocka_unit_test_setup(earliest_deadline_runs, setup),
        cmocka_unit_test_setup(the_time_before_the_deadline_is_not_the_jobs, setup),
        cmocka_unit_test_setup(the_time_before_the_deadline_ends_there, setup),
        cmocka_unit_test_setup(time_that_counts_before_the_deadline_is_added, setup),
        cmocka_unit_test_setup(a_step_is_a_look, setup),
        cmocka_unit_test_setup(work_beyond_the_share_is_due_later, setup),
        cmocka_unit_test_setup(shares_hold, setup),
        cmocka_unit_test_setup(claims_without_end_get_the_share, setup),
        cmocka_unit_test_setup(great_times_do_not_overflow, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
    };

    return cmocka_run_group_tests_name("sched/cbs", tests, NULL, NULL);
}
