/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound of docs/bound.md against the policy (sched/cbs.c): a unit within its share begins its job at most
 * job / share x the other servers' shares after its deadline, and ends it a job later at most, whatever other
 * guests do. Seen in long random runs with hostile units, and in all that small systems can do in a few
 * ticks. What EL2 adds is no matter of the policy.
 *
 * An honest unit has one job after the other, each at a time when its share has paid for those before, and
 * blocks in between or goes on with other work. It may be woken before the job's deadline. A hostile one
 * wakes, claims deadlines, says done and blocks at any time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "random.h"
#include "sched/cbs.h"
#include "simulation.h"

#define WAKE_UPS 100000 /* of honest units; the environment's WAKE_UPS is another number */
#define NEVER    UINT64_MAX

struct unit {
    bool honest;
    bool busy;         /* it has other work, so it never blocks */
    bool churns;       /* a hostile one that claims its work done and a new deadline, over and over */
    uint64_t job;      /* the most that one of its jobs takes */
    uint64_t late_max; /* the bounds, ticks */
    uint64_t due_max;
    uint64_t since; /* the job's deadline, for which it may begin early; NEVER: none is under way */
    bool begun;
    double end; /* the job is done when the unit has run so much */
    uint64_t next;
};

static struct world {
    struct simulation sim;
    struct unit units[SIM_UNITS];
    unsigned wake_ups;
    double nearest; /* the greatest lateness over its bound */
} world;

static struct simulation *const sim = &world.sim;

/* Rounding: each unit's virtual deadline may be a tick off, and so may what it has used. */
static void set_bounds(void)
{
    for (unsigned i = 0; i < sim->count; i++) {
        uint64_t others = 0;

        for (unsigned k = 0; k < sim->count; k++)
            if (k != i && sim->units[k].params.horizon != 0)
                others += sim->units[k].params.weight;
        world.units[i].late_max =
            (world.units[i].job * others + sim->units[i].params.weight - 1) / sim->units[i].params.weight +
            sim->count;
        world.units[i].due_max = world.units[i].late_max + world.units[i].job;
    }
}

static void check(struct simulation *simulation, const struct sched_unit *last,
                  const struct sched_unit *incumbent)
{
    struct unit *unit;

    (void)last, (void)incumbent;
    if (simulation->queue.current == NULL)
        return;
    unit = &world.units[simulation->queue.current - simulation->units];
    if (unit->since == NEVER || unit->begun)
        return;
    unit->begun = true;
    if (simulation->now <= unit->since)
        return;
    if (simulation->now - unit->since > unit->late_max)
        fail_msg("late by %lu of %lu", (unsigned long)(simulation->now - unit->since),
                 (unsigned long)unit->late_max);
    double near = (double)(simulation->now - unit->since) / (double)unit->late_max;
    world.nearest = near > world.nearest ? near : world.nearest;
}

static void add(bool honest, struct sched_params params)
{
    unsigned number = sim_add(sim, params);

    world.units[number] = (struct unit){.honest = honest, .job = params.job, .since = NEVER};
}

/* A job of `takes` ticks of CPU time, for which the unit is woken `early` ticks before its deadline. */
static void begin_job(unsigned number, uint64_t takes, uint64_t early)
{
    struct unit *unit = &world.units[number];

    unit->since = sim->now + early;
    unit->begun = false;
    unit->end = sim->ran[number] + (double)takes;
    world.wake_ups++;
    assert_true(sim_wake_warped_for(sim, number, unit->since));
}

/* When the unit has run so much, its job is done: what it ran before that was due does not count. */
static double job_ends(unsigned number)
{
    return world.units[number].end + (double)cbs_unit(&sim->units[number])->early;
}

static bool may_begin(unsigned number)
{
    const struct unit *unit = &world.units[number];

    return unit->honest && unit->since == NEVER && sim->now >= unit->next &&
           cbs_unit(&sim->units[number])->served <= sim->now;
}

/* Time passes, up to `most` ticks, but no further than to the policy's next look and to the end of a job. */
static void pass(uint64_t most)
{
    int running = sim_running(sim);
    uint64_t step = sim->until - sim->now < most ? sim->until - sim->now : most;
    struct unit *unit = running >= 0 ? &world.units[running] : NULL;

    if (unit != NULL && unit->since != NEVER &&
        job_ends((unsigned)running) - sim->ran[running] < (double)step)
        step = (uint64_t)(job_ends((unsigned)running) - sim->ran[running]);
    sim_advance(sim, step);
    if (unit == NULL || unit->since == NEVER || sim->ran[running] < job_ends((unsigned)running))
        return;
    if (sim->now > unit->since && sim->now - unit->since > unit->due_max)
        fail_msg("done after %lu of %lu", (unsigned long)(sim->now - unit->since),
                 (unsigned long)unit->due_max);
    unit->since = NEVER;
    if (unit->busy)
        (void)sim_unwarp(sim, (unsigned)running);
    else
        sim_block(sim, (unsigned)running);
}

static void attack(unsigned number, unsigned how)
{
    switch (how) {
    case 0:
        (void)sim_wake_warped_for(sim, number, sim->now + number % 2);
        break;
    case 1:
        (void)sim_unwarp(sim, number);
        break;
    case 2:
        sim_block(sim, number);
        break;
    default:
        break;
    }
}

static void random_system(struct random *random)
{
    unsigned units = (unsigned)random_between(random, 1, 8);

    memset(&world.units, 0, sizeof(world.units));
    sim_init(sim, "cbs", random_between(random, 1, 8 * SIM_MS), random_below(random, 1000000));
    sim->check = check;
    for (unsigned i = 0; i < units; i++)
        add(i == 0 || random_below(random, 2),
            (struct sched_params){
                .weight = (uint32_t)random_between(random, 1, 5),
                .horizon = random_below(random, 6) || i == 0 ? 100 * SIM_MS : 0,
                .job = random_between(random, 10, 400),
            });
    for (unsigned i = 0; i < units; i++)
        world.units[i].honest = world.units[i].honest && sim->units[i].params.horizon != 0;
    for (unsigned i = 0; i < units; i++) {
        world.units[i].busy = random_below(random, 2);
        world.units[i].churns = !world.units[i].honest && random_below(random, 2);
    }
    set_bounds();
}

static void random_step(struct random *random)
{
    for (unsigned i = 0; i < sim->count; i++) {
        if (may_begin(i)) {
            begin_job(i,
                      random_below(random, 3) ? world.units[i].job
                                              : random_between(random, 1, world.units[i].job),
                      random_below(random, 2) * random_below(random, 300));
            world.units[i].next = sim->now + random_below(random, 3) * random_below(random, 3000);
        } else if (world.units[i].churns) {
            attack(i, 1);
            attack(i, 0);
        } else if (!world.units[i].honest && random_below(random, 4) == 0) {
            attack(i, (unsigned)random_below(random, 4));
        }
    }
    pass(random_below(random, 5) ? random_between(random, 1, 100) : random_between(random, 1, 4000));
}

static void random_systems_keep_the_bound(void **state)
{
    const char *number = getenv("WAKE_UPS");
    unsigned wanted = number != NULL ? (unsigned)strtoul(number, NULL, 10) : WAKE_UPS;
    struct random random = {number != NULL ? wanted : 71};

    (void)state;
    memset(&world, 0, sizeof(world));
    while (world.wake_ups < wanted) {
        random_system(&random);
        for (unsigned step = 0; step < 3000; step++)
            random_step(&random);
    }
    print_message("%u wake-ups, the latest at %.0f%% of its bound\n", world.wake_ups, 100 * world.nearest);
}

/* Every other server does a job of its own that is due just before. */
static void the_bound_is_reached(void **state)
{
    (void)state;
    for (unsigned units = 2; units <= 8; units++) {
        memset(&world, 0, sizeof(world));
        sim_init(sim, "cbs", 5 * SIM_MS, 1);
        sim->check = check;
        for (unsigned i = 0; i < units; i++)
            add(true, (struct sched_params){.weight = 1, .horizon = 100 * SIM_MS, .job = 100});
        set_bounds();
        for (unsigned i = 0; i < units; i++)
            begin_job(i, 100, 0);
        while (world.units[units - 1].since != NEVER)
            pass(1000);
        assert_true(world.nearest * (double)world.units[0].late_max >= 100.0 * (units - 1));
    }
}

/* ---- Everything that a small system can do. */

#define DEPTH    8 /* ticks, at most */
#define CHOICES  4 /* for an honest unit, to begin a job or not; for a hostile one as in attack() */
#define SMALL_MS 2 /* so a step is 4 ticks */

static struct world before[DEPTH];

/* The choices of all units as digits of `all`; false when one has no such choice. */
static bool choose(unsigned all)
{
    for (unsigned i = 0; i < sim->count; i++, all /= CHOICES) {
        unsigned choice = all % CHOICES;

        if (!world.units[i].honest) {
            attack(i, choice);
        } else if (choice == 1) {
            if (!may_begin(i))
                return false;
            begin_job(i, world.units[i].job, sim->now % 3);
        } else if (choice != 0) {
            return false;
        }
    }
    return true;
}

/* Lets one tick pass. */
static void tick(void)
{
    uint64_t end = sim->now + 1;

    while (sim->now < end)
        pass(1);
}

static unsigned long explore(unsigned depth)
{
    unsigned all[DEPTH] = {0}, most = 1, level = 0;
    unsigned long visited = 0;

    for (unsigned i = 0; i < sim->count; i++)
        most *= CHOICES;
    before[0] = world;
    for (;;) {
        if (all[level] == most) {
            if (level == 0)
                return visited;
            all[level--] = 0;
            all[level]++;
            continue;
        }
        world = before[level];
        if (!choose(all[level])) {
            all[level]++;
            continue;
        }
        visited++;
        tick();
        if (level + 1 == depth)
            all[level]++;
        else
            before[++level] = world;
    }
}

static void small(const uint32_t *weights, unsigned count, uint64_t job)
{
    memset(&world, 0, sizeof(world));
    sim_init(sim, "cbs", 3, 1);
    sim->queue.ms = SMALL_MS;
    sim->check = check;
    for (unsigned i = 0; i < count; i++)
        add(i == 0, (struct sched_params){.weight = weights[i], .horizon = 16, .job = job});
    set_bounds();
}

static void small_systems_keep_the_bound_whatever_happens(void **state)
{
    static const uint32_t weights[][3] = {{1, 1}, {1, 2}, {3, 1}, {1, 1, 1}, {2, 1, 1}};
    unsigned long visited = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        unsigned count = weights[i][2] != 0 ? 3 : 2;

        for (uint64_t job = 1; job <= 5; job += 2) {
            small(weights[i], count, job);
            visited += explore(count == 2 ? 7 : 4);
        }
    }
    print_message("%lu states\n", visited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_systems_keep_the_bound),
        cmocka_unit_test(the_bound_is_reached),
        cmocka_unit_test(small_systems_keep_the_bound_whatever_happens),
    };

    return cmocka_run_group_tests_name("sched/cbs, its bound", tests, NULL, NULL);
}
