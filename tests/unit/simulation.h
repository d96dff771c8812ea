/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core that runs units under a scheduling policy, in simulated time. It calls the policy as sched/sched.h
 * demands of the dispatcher: it charges first, and picks after every event and at the instant that the policy
 * asked for. After every pick it checks what must hold of any policy. A test may check more (`check`).
 */
#ifndef TESTS_SIMULATION_H
#define TESTS_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>
#include "sched/sched.h"

#define SIM_UNITS 16
#define SIM_MS    1000 /* ticks in a millisecond */

struct simulation {
    struct sched_queue queue;
    struct heap_node *slots[SCHED_SLOTS(SIM_UNITS)];
    struct sched_unit units[SIM_UNITS];
    unsigned count;
    uint64_t now;
    uint64_t until;           /* until when the last pick holds */
    double ran[SIM_UNITS];    /* CPU time of each unit, ticks */
    uint64_t events;          /* how often a unit was woken, blocked, warped, unwarped or cut by a limit */
    uint64_t timed_picks;     /* picks for no other reason than that `until` was reached */
    unsigned switches;        /* picks that chose another unit than the last one */
    bool warp_cut[SIM_UNITS]; /* the unit's last charge ended its warp by the limit */

    /* Called after each pick. `last` and `incumbent` are the queue's `current` and `incumbent` before it. */
    void (*check)(struct simulation *sim, const struct sched_unit *last, const struct sched_unit *incumbent);
};

/* Starts with an idle core at the time `now`. The policy is chosen by its name. */
void sim_init(struct simulation *sim, const char *policy, uint64_t allowance, uint64_t now);

/* Adds a unit, which is blocked, and returns its number. */
unsigned sim_add(struct simulation *sim, struct sched_params params);

/* Events at the present time, each followed by a pick. */
void sim_wake(struct simulation *sim, unsigned unit);
void sim_block(struct simulation *sim, unsigned unit);
bool sim_warp(struct simulation *sim, unsigned unit);
bool sim_warp_for(struct simulation *sim, unsigned unit, uint64_t deadline, uint64_t needs);
bool sim_unwarp(struct simulation *sim, unsigned unit);

/*
 * Wakes and warps a unit before one pick, as a deadline does: one of the present, or `deadline`. Returns
 * false when the warp was refused.
 */
bool sim_wake_warped(struct simulation *sim, unsigned unit);
bool sim_wake_warped_for(struct simulation *sim, unsigned unit, uint64_t deadline);

/* Lets so many ticks pass. */
void sim_advance(struct simulation *sim, uint64_t ticks);

/* The number of the unit that runs; -1: the core is idle. */
int sim_running(const struct simulation *sim);

#endif
