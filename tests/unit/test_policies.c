/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds of every policy, under random systems: who is chosen, for how long, and that nobody starves. The
 * simulation itself checks that somebody who can runs whenever there is one, and that the next look is later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "random.h"
#include "simulation.h"

#define SYSTEMS 40
#define STEPS   1000
#define HOGS    2

static struct simulation sim;

/* The waiting ones, and only those, are in a heap; no unit that blocks keeps its warp. */
static void check(struct simulation *simulation, const struct sched_unit *last,
                  const struct sched_unit *incumbent)
{
    (void)last, (void)incumbent;
    for (unsigned i = 0; i < simulation->count; i++) {
        const struct sched_unit *unit = &simulation->units[i];

        assert_int_equal(heap_contains(&unit->node), unit->runnable && unit != simulation->queue.current);
        assert_true(!unit->warped || unit->runnable);
    }
}

static void random_system(struct random *random, const char *policy, uint64_t start)
{
    unsigned units = (unsigned)random_between(random, HOGS + 1, SIM_UNITS);
    uint64_t allowance = random_between(random, 1, 8 * SIM_MS);

    sim_init(&sim, policy, allowance, start);
    sim.check = check;
    for (unsigned i = 0; i < units; i++)
        (void)sim_add(&sim, (struct sched_params){
                                .weight = (uint32_t)random_between(random, 1, 4),
                                .warp = random_below(random, 8 * allowance),
                                .warp_limit = random_below(random, 2) * random_below(random, 6 * SIM_MS),
                                .unwarp = random_below(random, 2) * random_below(random, 10 * SIM_MS),
                                .horizon = random_below(random, 3) * random_below(random, 50 * SIM_MS),
                                .job = random_below(random, SIM_MS),
                            });
    for (unsigned i = 0; i < HOGS; i++)
        sim_wake(&sim, i);
}

static struct sched_unit *random_unit(struct random *random)
{
    return &sim.units[random_between(random, HOGS, sim.count - 1)];
}

/* Any number of calls in any order, with no pick between: deadlines and interrupts that come together. */
static void random_burst(struct random *random)
{
    const struct sched_policy *policy = sim.queue.policy;

    for (unsigned count = (unsigned)random_below(random, 5); count > 0; count--) {
        struct sched_unit *unit = random_unit(random);

        sim.events++;
        switch (random_below(random, 4)) {
        case 0:
            policy->wake(&sim.queue, unit, sim.now);
            break;
        case 1:
            (void)policy->block(&sim.queue, unit, sim.now);
            break;
        case 2:
            (void)policy->warp(&sim.queue, unit, sim.now, random_below(random, SIM_MS), sim.now);
            break;
        default:
            (void)policy->unwarp(&sim.queue, unit, sim.now);
        }
    }
    if (random_below(random, 2))
        sim_wake(&sim, (unsigned)random_below(random, HOGS));
    else
        (void)sim_wake_warped(&sim, (unsigned)(random_unit(random) - sim.units));
}

static void run_random(struct random *random)
{
    for (unsigned step = 0; step < STEPS; step++) {
        random_burst(random);
        sim_advance(&sim, random_below(random, 8) ? random_below(random, 3 * SIM_MS) : 0);
    }
}

static void for_each_system(uint64_t seed, uint64_t start, void (*test)(struct random *random))
{
    for (unsigned i = 0; sched_policies[i] != NULL; i++) {
        struct random random = {seed};

        for (unsigned system = 0; system < SYSTEMS; system++) {
            random_system(&random, sched_policies[i]->name, start);
            test(&random);
        }
    }
}

/* Before the instant that pick() asked for it chooses the same, and asks for no earlier one. */
static void stays_until(struct random *random)
{
    for (unsigned step = 0; step < STEPS / 4; step++) {
        random_burst(random);
        int running = sim_running(&sim);
        uint64_t until = sim.until;

        if (until == SCHED_NEVER)
            continue;
        sim_advance(&sim, (until - sim.now) / 2);
        assert_int_equal(sim_running(&sim), running);
        assert_true(sim.until >= until);
        sim_advance(&sim, until - 1 - sim.now);
        assert_int_equal(sim_running(&sim), running);
        assert_true(sim.until >= until);
        sim_advance(&sim, 1);
    }
}

static void a_choice_holds_until(void **state)
{
    (void)state;
    for_each_system(61, 1, stays_until);
}

/* Each look is worth a turn, or the beginning of somebody's period, or follows an event. */
static void looks_are_few(struct random *random)
{
    uint64_t start = sim.now;
    uint64_t turn = sim.queue.allowance < 10 * SIM_MS ? sim.queue.allowance : 10 * SIM_MS;

    run_random(random);
    uint64_t most = (sim.now - start) / turn + (sim.now - start) / (10 * SIM_MS) * 3 * sim.count;

    assert_true(sim.timed_picks <= most + 2 * sim.events + 1);
}

static void until_is_not_asked_for_in_vain(void **state)
{
    (void)state;
    for_each_system(62, 1, looks_are_few);
}

/* Whatever the others do, one that always runs gets a good part of its share. */
static void hogs_get_on(struct random *random)
{
    uint64_t start = sim.now;
    double weights = 0;

    run_random(random);
    for (unsigned i = 0; i < sim.count; i++)
        weights += sim.units[i].params.weight;
    for (unsigned i = 0; i < HOGS; i++) {
        double share = (double)(sim.now - start) * sim.units[i].params.weight / weights;

        assert_true(sim.ran[i] > 0.6 * share);
    }
}

static void nobody_starves(void **state)
{
    (void)state;
    for_each_system(63, 1, hogs_get_on);
}

/* Long charges, and a counter that has run for centuries. */
static void sleeps_for_ages(struct random *random)
{
    for (unsigned i = 0; i < 50; i++) {
        random_burst(random);
        for (unsigned k = 1; k < sim.count; k++)
            sim_block(&sim, k);
        sim_advance(&sim, random_below(random, UINT64_C(1) << 32) << random_below(random, 21));
        sim_wake(&sim, 1);
    }
    for (unsigned k = HOGS; k < sim.count; k++)
        sim_block(&sim, k);
    const double before[HOGS] = {sim.ran[0], sim.ran[1]};
    double weights = sim.units[0].params.weight + sim.units[1].params.weight;
    double length = 10000.0 * SIM_MS;

    sim_advance(&sim, 10000 * SIM_MS);
    for (unsigned k = 0; k < HOGS; k++) {
        double share = length * sim.units[k].params.weight / weights;

        assert_true(sim.ran[k] - before[k] > 0.9 * share);
    }
}

static void great_times_are_times(void **state)
{
    (void)state;
    for_each_system(64, UINT64_C(1) << 62, sleeps_for_ages);
}

/* An odd one out of the parameters' range of weights and times. */
static void extremes(struct random *random)
{
    for (unsigned i = 0; i < sim.count; i++) {
        sim.units[i].params.warp_limit = random_below(random, 2) ? SCHED_TICKS_MAX : 1;
        sim.units[i].params.unwarp = random_below(random, 2) ? SCHED_TICKS_MAX : 0;
    }
    run_random(random);
}

static void extreme_limits_do_no_harm(void **state)
{
    (void)state;
    for_each_system(65, 1, extremes);
}

/* Credit is rough here: the unit of the greatest weight is cut when it waits for a slice of the other. */
static void all_weights_from_least_to_most(void **state)
{
    (void)state;
    for (unsigned i = 0; sched_policies[i] != NULL; i++) {
        double share;

        sim_init(&sim, sched_policies[i]->name, SIM_MS, 1);
        (void)sim_add(&sim, (struct sched_params){.weight = 1});
        (void)sim_add(&sim, (struct sched_params){.weight = SCHED_WEIGHT_MAX});
        sim_wake(&sim, 0);
        sim_wake(&sim, 1);
        sim_advance(&sim, UINT64_C(1000000) * SIM_MS);
        share = sim.ran[0] / (sim.ran[0] + sim.ran[1]) * (SCHED_WEIGHT_MAX + 1);
        assert_true(share > 0.6 && share < 1.4);
    }
}

/*
 * Two hogs, whose weights change to 1 and 3 in the middle: what each has of the time after that is its new
 * share. Nobody gets back what it had less of before.
 */
static void a_new_weight_is_a_new_share(void **state)
{
    const uint64_t settling = 200 * SIM_MS, time = 4000 * SIM_MS;

    (void)state;
    for (unsigned i = 0; sched_policies[i] != NULL; i++) {
        struct sched_params params = {.weight = 2, .horizon = 100 * SIM_MS, .job = SIM_MS};
        double before;

        sim_init(&sim, sched_policies[i]->name, 5 * SIM_MS, 1000);
        sim.check = check;
        for (unsigned unit = 0; unit < 2; unit++)
            sim_wake(&sim, sim_add(&sim, params));
        sim_advance(&sim, time);
        assert_in_range((uint64_t)(100 * sim.ran[1] / (sim.ran[0] + sim.ran[1])), 48, 52);
        for (unsigned unit = 0; unit < 2; unit++) {
            params.weight = unit == 0 ? 1 : 3;
            sim.queue.policy->set(&sim.queue, &sim.units[unit], &params);
        }
        sim_wake(&sim, 0); /* so that the policy is asked */
        sim_advance(&sim, settling);
        before = sim.ran[1];
        sim_advance(&sim, time);
        assert_in_range((uint64_t)(100 * (sim.ran[1] - before) / (double)time), 73, 77);
    }
}

/* Any unit gets other params at any time, as long as it is not warped. */
static void set_at_random(struct random *random)
{
    for (unsigned step = 0; step < STEPS; step++) {
        struct sched_unit *unit = &sim.units[random_below(random, sim.count)];
        struct sched_params params = unit->params;

        random_burst(random);
        params.weight = (uint32_t)random_between(random, 1, random_below(random, 2) != 0 ? 4 : 1000);
        params.warp = random_below(random, 40 * SIM_MS);
        params.warp_limit = random_below(random, 6 * SIM_MS);
        params.horizon = random_below(random, 50 * SIM_MS);
        (void)sim.queue.policy->unwarp(&sim.queue, unit, sim.now);
        sim.queue.policy->set(&sim.queue, unit, &params);
        sim_wake(&sim, (unsigned)random_below(random, HOGS)); /* so that the policy is asked */
        sim_advance(&sim, random_below(random, 3 * SIM_MS));
    }
}

static void params_may_change_at_any_time(void **state)
{
    (void)state;
    for_each_system(7, 1000, set_at_random);
}

static void policies_have_names(void **state)
{
    static const char *const names[] = {"cbs", "bvt", "credit", "sedf", "rr"};

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(sched_policies[i]);
        assert_string_equal(sched_policies[i]->name, names[i]);
        assert_ptr_equal(sched_policy_find(names[i]), sched_policies[i]);
    }
    assert_null(sched_policies[sizeof(names) / sizeof(names[0])]);
    assert_null(sched_policy_find("r"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_holds_until),
        cmocka_unit_test(until_is_not_asked_for_in_vain),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(great_times_are_times),
        cmocka_unit_test(extreme_limits_do_no_harm),
        cmocka_unit_test(all_weights_from_least_to_most),
        cmocka_unit_test(a_new_weight_is_a_new_share),
        cmocka_unit_test(params_may_change_at_any_time),
        cmocka_unit_test(policies_have_names),
    };

    return cmocka_run_group_tests_name("scheduling policies, random systems", tests, NULL, NULL);
}
