/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BVT under random systems: weights, warps, allowances, run lengths and sleeps. After every pick the rules at
 * the head of sched/bvt.c are checked against all units, one by one, and the bounds that follow from them:
 * how far anyone gets ahead, L and U, shares, and how often the core switches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "simulation.h"
#include "sched/bvt.h"

#define SYSTEMS 100
#define STEPS   1500
#define SCALE   1024 /* virtual time in a tick */

static struct simulation sim;
static uint64_t warp_ended[SIM_UNITS];
static bool was_warped[SIM_UNITS];
static unsigned kept_waiting; /* urgent units that another urgent one went before */

static int64_t warp_of(const struct sched_unit *unit)
{
    return (int64_t)(unit->params.warp * SCALE / unit->params.weight);
}

static int64_t effective(const struct sched_unit *unit)
{
    return bvt_unit(unit)->avt - (unit->warped ? warp_of(unit) : 0);
}

static bool is_urgent(const struct sched_unit *unit)
{
    return unit->warped && !bvt_unit(unit)->spent;
}

static int64_t allowance_of(const struct simulation *simulation, const struct sched_unit *unit)
{
    int64_t time = (int64_t)(simulation->queue.allowance * SCALE / unit->params.weight);

    return time > 0 ? time : 1;
}

/* What an urgent unit must be ahead of. */
static int64_t front_for(const struct simulation *simulation, const struct sched_unit *urgent)
{
    int64_t front = INT64_MAX;

    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];
        int64_t time = is_urgent(unit) ? bvt_unit(unit)->avt : effective(unit);

        if (unit != urgent && unit->runnable && time < front)
            front = time;
    }
    return front;
}

static void check_urgent(const struct simulation *simulation, const struct sched_unit *last)
{
    const struct sched_unit *chosen = simulation->queue.current;
    int64_t front = front_for(simulation, chosen);

    assert_true(effective(chosen) < front || (chosen == last && effective(chosen) == front));
    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];

        if (unit != chosen && unit->runnable && is_urgent(unit)) {
            assert_true(bvt_unit(unit)->deadline >= bvt_unit(chosen)->deadline);
            kept_waiting++;
        }
    }
}

static void check_ordinary(const struct simulation *simulation, const struct sched_unit *incumbent)
{
    const struct sched_unit *chosen = simulation->queue.current;

    assert_ptr_equal(simulation->queue.incumbent, chosen);
    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];

        if (unit == chosen || !unit->runnable)
            continue;
        assert_false(is_urgent(unit));
        if (chosen == incumbent)
            assert_true(effective(unit) + allowance_of(simulation, chosen) > effective(chosen));
        else
            assert_true(effective(unit) >= effective(chosen));
    }
    if (incumbent != NULL && incumbent != chosen && incumbent->runnable)
        assert_true(effective(chosen) + allowance_of(simulation, incumbent) <= effective(incumbent));
}

/* A unit that runs is ahead of any other by no more than its W and C, and a tick. */
static void check_bound(const struct simulation *simulation)
{
    const struct sched_unit *chosen = simulation->queue.current;
    int64_t tick = SCALE / chosen->params.weight + 2;
    int64_t bound = warp_of(chosen) + allowance_of(simulation, chosen) + tick;

    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];

        if (unit->runnable)
            assert_true(bvt_unit(chosen)->avt - bvt_unit(unit)->avt <= bound);
    }
}

static void check_limits(const struct simulation *simulation)
{
    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];

        if (unit->warped)
            assert_true(bvt_unit(unit)->warp_used < bvt_unit(unit)->warp_budget &&
                        bvt_unit(unit)->warp_budget <= unit->params.warp_limit);
        if (unit->warped && !was_warped[i] && warp_ended[i] != 0)
            assert_true(simulation->now - warp_ended[i] >= unit->params.unwarp);
        if (was_warped[i] && !unit->warped)
            warp_ended[i] = simulation->now;
        was_warped[i] = unit->warped;
    }
}

static void check(struct simulation *simulation, const struct sched_unit *last,
                  const struct sched_unit *incumbent)
{
    const struct sched_unit *chosen = simulation->queue.current;

    check_limits(simulation);
    if (chosen == NULL)
        return;
    check_bound(simulation);
    if (is_urgent(chosen))
        check_urgent(simulation, last);
    else
        check_ordinary(simulation, incumbent);
}

static void random_system(struct random *random, unsigned hogs)
{
    unsigned units = (unsigned)random_between(random, 2, SIM_UNITS);
    uint64_t allowance = random_between(random, 1, 20000);

    sim_init(&sim, "bvt", allowance, random_below(random, 1000000) + 1);
    sim.check = check;
    for (unsigned i = 0; i < units; i++) {
        struct sched_params params = {
            .weight = (uint32_t)(random_below(random, 2) ? random_between(random, 1, 4)
                                                         : random_between(random, 1, SCHED_WEIGHT_MAX)),
            .warp = random_below(random, 3) ? random_below(random, 8 * allowance) : 0,
            .warp_limit = random_below(random, 4) ? random_between(random, 1, 6 * allowance) : 0,
            .unwarp = random_below(random, 2) ? random_below(random, 10 * allowance) : 0,
        };

        warp_ended[i] = 0;
        was_warped[i] = false;
        if (i < hogs)
            params.warp_limit = 0;
        (void)sim_add(&sim, params);
        if (i < hogs)
            sim_wake(&sim, i);
    }
}

/* Near the present, so that some are equal; some in the past. */
static uint64_t random_deadline(struct random *random)
{
    return sim.now - random_below(random, 4) * (sim.now / 8) + random_below(random, 8);
}

static uint64_t random_needs(struct random *random)
{
    return random_below(random, 2) ? random_below(random, 2 * sim.queue.allowance) : 0;
}

/* Something happens to a unit that is not a hog, or time passes. */
static void random_event(struct random *random, unsigned hogs)
{
    unsigned unit = hogs + (unsigned)random_below(random, sim.count - hogs + 1);

    if (unit == sim.count || random_below(random, 2) == 0) {
        sim_advance(&sim, random_below(random, 3 * sim.queue.allowance));
        return;
    }
    switch (random_below(random, 5)) {
    case 0:
        sim_wake(&sim, unit);
        break;
    case 1:
        sim_block(&sim, unit);
        break;
    case 2:
        (void)sim_warp_for(&sim, unit, random_deadline(random), random_needs(random));
        break;
    case 3:
        (void)sim_unwarp(&sim, unit);
        break;
    default:
        (void)sim_wake_warped(&sim, unit);
    }
}

static void rules_hold(void **state)
{
    struct random random = {11};

    (void)state;
    kept_waiting = 0;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 0);
        for (unsigned step = 0; step < STEPS; step++)
            random_event(&random, 0);
    }
    assert_true(kept_waiting > SYSTEMS);
}

/* Wakes and warps some units with no pick between, as deadlines that are reached together do. */
static void random_burst(struct random *random)
{
    const struct sched_policy *policy = sim.queue.policy;
    unsigned last = (unsigned)random_below(random, sim.count);

    for (unsigned count = (unsigned)random_below(random, 5); count > 0; count--) {
        struct sched_unit *unit = &sim.units[random_below(random, sim.count)];

        policy->wake(&sim.queue, unit, sim.now);
        if (random_below(random, 2))
            (void)policy->warp(&sim.queue, unit, random_deadline(random), random_needs(random), sim.now);
        if (random_below(random, 4) == 0 && unit != sim.queue.current)
            policy->block(&sim.queue, unit, sim.now);
        sim.events += 3;
    }
    sim_wake(&sim, last);
}

static void rules_hold_after_bursts(void **state)
{
    struct random random = {17};

    (void)state;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 0);
        for (unsigned step = 0; step < STEPS; step++) {
            random_burst(&random);
            random_event(&random, 0);
        }
    }
}

/*
 * However the others behave, two units that always run get CPU time in proportion to their weights, but for
 * C.
 */
static void hogs_keep_pace(void **state)
{
    struct random random = {12};

    (void)state;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 2);
        for (unsigned step = 0; step < STEPS; step++) {
            random_event(&random, 2);
            double a = sim.ran[0] / sim.units[0].params.weight;
            double b = sim.ran[1] / sim.units[1].params.weight;
            double c = (double)sim.queue.allowance;

            assert_true(a - b <= (c + 1) / sim.units[0].params.weight + 0.01);
            assert_true(b - a <= (c + 1) / sim.units[1].params.weight + 0.01);
        }
    }
}

/* Every slice that no event ended was worth the allowance, but for one after each event. */
static void slices_are_worth_a_switch(void **state)
{
    struct random random = {13};

    (void)state;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 2);
        uint64_t start = sim.now;

        for (unsigned step = 0; step < STEPS; step++)
            random_event(&random, 2);
        assert_true(sim.timed_picks <= (sim.now - start) / sim.queue.allowance + 2 * sim.events + 1);
    }
}

/*
 * One tick before the instant that pick() asked for, pick() chooses the same; at that instant it chooses
 * otherwise.
 */
static void until_is_exact(void **state)
{
    struct random random = {14};
    unsigned turns = 0;

    (void)state;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 2);
        for (unsigned step = 0; step < STEPS / 4; step++) {
            random_event(&random, 2);
            int running = sim_running(&sim);
            uint64_t until = sim.until;

            if (until == SCHED_NEVER)
                continue;
            bool warped = sim.units[running].warped;

            sim_advance(&sim, until - sim.now - 1);
            assert_int_equal(sim_running(&sim), running);
            assert_int_equal(sim.until, until);
            sim_advance(&sim, 1);
            bool warp_over = warped && (!sim.units[running].warped || bvt_unit(&sim.units[running])->spent);

            assert_true(sim_running(&sim) != running || warp_over);
            turns++;
        }
    }
    assert_true(turns > SYSTEMS * STEPS / 8);
}

static void shares_converge(void **state)
{
    struct random random = {15};

    (void)state;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        random_system(&random, 0);
        double weights = 0;
        double total = 0;

        for (unsigned i = 0; i < sim.count; i++) {
            sim_wake(&sim, i);
            weights += sim.units[i].params.weight;
        }
        /* Long enough that C is under a hundredth of the least share. */
        uint64_t length = (uint64_t)(100 * weights) * sim.queue.allowance;

        for (unsigned step = 0; step < 10; step++)
            sim_advance(&sim, length / 10);
        for (unsigned i = 0; i < sim.count; i++)
            total += sim.ran[i];
        for (unsigned i = 0; i < sim.count; i++) {
            double share = sim.ran[i] / total * weights / sim.units[i].params.weight;

            assert_true(share > 0.98 && share < 1.02);
        }
    }
}

/* Runs a system of that seed whose virtual time begins at `start`, and notes who ran and until when. */
static void note_choices(uint64_t seed, int64_t start, int *running, uint64_t *until)
{
    struct random random = {seed};

    random_system(&random, 0);
    for (unsigned i = 0; i < sim.count; i++)
        bvt_unit(&sim.units[i])->avt = start;
    bvt_queue(&sim.queue)->svt = start;
    for (unsigned step = 0; step < STEPS; step++) {
        random_event(&random, 0);
        running[step] = sim_running(&sim);
        until[step] = sim.until;
    }
}

/*
 * A system whose virtual time passes the point where it is rebased makes the same choices as one that is far
 * from it.
 */
static void rebasing_changes_nothing(void **state)
{
    static int running[2][STEPS];
    static uint64_t until[2][STEPS];
    struct random random = {16};
    unsigned rebased = 0;

    (void)state;
    for (uint64_t system = 0; system < SYSTEMS; system++) {
        int64_t start = (INT64_C(1) << 61) - (int64_t)random_below(&random, 4000000);

        note_choices(system, 0, running[0], until[0]);
        note_choices(system, start, running[1], until[1]);
        assert_memory_equal(running[0], running[1], sizeof(running[0]));
        assert_memory_equal(until[0], until[1], sizeof(until[0]));
        rebased += bvt_queue(&sim.queue)->svt < start;
    }
    assert_true(rebased > SYSTEMS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold),
        cmocka_unit_test(rules_hold_after_bursts),
        cmocka_unit_test(hogs_keep_pace),
        cmocka_unit_test(slices_are_worth_a_switch),
        cmocka_unit_test(until_is_exact),
        cmocka_unit_test(shares_converge),
        cmocka_unit_test(rebasing_changes_nothing),
    };

    return cmocka_run_group_tests_name("sched/bvt, random systems", tests, NULL, NULL);
}
