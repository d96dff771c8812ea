/* SPDX-License-Identifier: Apache-2.0 */
#include "simulation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static bool any_runnable(const struct simulation *sim)
{
    for (unsigned i = 0; i < sim->count; i++) {
        if (sim->units[i].runnable)
            return true;
    }
    return false;
}

static void pick(struct simulation *sim)
{
    const struct sched_unit *last = sim->queue.current;
    const struct sched_unit *incumbent = sim->queue.incumbent;
    const struct sched_unit *chosen = sim->queue.policy->pick(&sim->queue, sim->now, &sim->until);

    assert_ptr_equal(chosen, sim->queue.current);
    assert_int_equal(chosen != NULL, any_runnable(sim));
    assert_true(chosen == NULL || chosen->runnable);
    assert_true(sim->until > sim->now);
    if (chosen != last)
        sim->switches++;
    if (sim->check != NULL)
        sim->check(sim, last, incumbent);
}

/* Lets the current unit run for so many ticks. */
static void run(struct simulation *sim, uint64_t ticks)
{
    struct sched_unit *current = sim->queue.current;

    sim->now += ticks;
    if (current == NULL || ticks == 0)
        return;
    sim->ran[current - sim->units] += (double)ticks;
    bool cut = sim->queue.policy->charge(&sim->queue, current, ticks, sim->now);

    if (cut)
        sim->events++;
    sim->warp_cut[current - sim->units] = cut;
}

void sim_init(struct simulation *sim, const char *policy, uint64_t allowance, uint64_t now)
{
    const struct sched_policy *found = sched_policy_find(policy);

    assert_non_null(found);
    *sim = (struct simulation){.now = now, .until = SCHED_NEVER};
    sched_queue_init(&sim->queue, found, allowance, SIM_MS, sim->slots, SIM_UNITS);
}

unsigned sim_add(struct simulation *sim, struct sched_params params)
{
    assert_true(sim->count < SIM_UNITS);
    struct sched_unit *unit = &sim->units[sim->count];

    *unit = (struct sched_unit){.params = params};
    sim->queue.policy->add(&sim->queue, unit);
    return sim->count++;
}

void sim_wake(struct simulation *sim, unsigned unit)
{
    sim->events++;
    sim->queue.policy->wake(&sim->queue, &sim->units[unit], sim->now);
    pick(sim);
}

void sim_block(struct simulation *sim, unsigned unit)
{
    sim->events++;
    sim->queue.policy->block(&sim->queue, &sim->units[unit], sim->now);
    pick(sim);
}

bool sim_warp_for(struct simulation *sim, unsigned unit, uint64_t deadline, uint64_t needs)
{
    sim->events++;
    bool begun = sim->queue.policy->warp(&sim->queue, &sim->units[unit], deadline, needs, sim->now);

    pick(sim);
    return begun;
}

bool sim_warp(struct simulation *sim, unsigned unit)
{
    return sim_warp_for(sim, unit, sim->now, 0);
}

bool sim_unwarp(struct simulation *sim, unsigned unit)
{
    sim->events++;
    bool ended = sim->queue.policy->unwarp(&sim->queue, &sim->units[unit], sim->now);

    pick(sim);
    return ended;
}

bool sim_wake_warped_for(struct simulation *sim, unsigned unit, uint64_t deadline)
{
    sim->queue.policy->wake(&sim->queue, &sim->units[unit], sim->now);
    return sim_warp_for(sim, unit, deadline, 0);
}

bool sim_wake_warped(struct simulation *sim, unsigned unit)
{
    return sim_wake_warped_for(sim, unit, sim->now);
}

void sim_advance(struct simulation *sim, uint64_t ticks)
{
    while (ticks > 0) {
        uint64_t slice = sim->until == SCHED_NEVER ? SCHED_NEVER : sim->until - sim->now;
        uint64_t step = slice < ticks ? slice : ticks;

        run(sim, step);
        ticks -= step;
        // cppcheck-suppress knownConditionTrueFalse ; it is the minimum of both
        if (step == slice)
            sim->timed_picks++;
        pick(sim);
    }
}

int sim_running(const struct simulation *sim)
{
    return sim->queue.current != NULL ? (int)(sim->queue.current - sim->units) : -1;
}
