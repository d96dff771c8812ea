/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between the dispatcher (core/dispatch.c) and a scheduling policy (hypervisor/sched).
 *
 * A policy orders the runnable units of one core. A unit is one vCPU as the policy sees it. All times are counter
 * ticks; `now` is the physical counter. The dispatcher holds the queue's lock around every call, charges the running
 * unit (charge()) before any other call that depends on what it has used, and calls pick() at wake-ups, blocks, warps
 * and at the instant pick() asked for.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include "core/heap.h"
#include "core/lock.h"

#define SCHED_WEIGHT_MAX 1000
#define SCHED_NEVER      UINT64_MAX

struct sched_params {
    uint32_t weight;       /* 1..SCHED_WEIGHT_MAX */
    uint64_t warp;         /* W: how far a warped unit may run ahead of its share, ticks of CPU time */
    uint64_t warp_limit;   /* L: CPU time of one warp, ticks */
    uint64_t unwarp;       /* U: least time between two warps, ticks */
};

/* BVT's part of a unit, see sched/bvt.c. */
struct bvt_unit {
    int64_t avt;           /* actual virtual time A: ticks of CPU time over weight */
    uint32_t remainder;    /* CPU time not yet in avt, less than weight */
    bool warped;
    uint64_t warp_used;    /* CPU time used in this warp */
    uint64_t warp_ended;   /* when the last warp ended, or 0 */
};

struct sched_unit {
    struct heap_node node; /* in the queue's heap while runnable and not current */
    struct sched_params params;
    bool runnable;
    struct bvt_unit bvt;
};

struct sched_policy;

struct sched_queue {
    struct spinlock lock;
    const struct sched_policy *policy;
    uint64_t allowance;            /* C: context-switch allowance, ticks */
    struct heap waiting;           /* runnable units other than the current one */
    struct sched_unit *current;    /* what pick() last returned */
    struct sched_unit *incumbent;  /* the last unit that was chosen without a warp: goes on when the warp ends */
};

struct sched_policy {
    const char *name; /* as in the system file's `scheduler` */

    /* A new unit, blocked. */
    void (*add)(struct sched_queue *queue, struct sched_unit *unit);

    /* The unit becomes runnable, or stops being so (also when it is the current one). No-ops when it already is. */
    void (*wake)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);
    void (*block)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /* The current unit has used `ran` ticks more. Returns true when that ended its warp by the limit L. */
    bool (*charge)(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now);

    /*
     * Chooses who runs from `now` on: NULL when nobody can. *until: when pick() must be called again at the latest if
     * nothing else happens, SCHED_NEVER when no such instant exists.
     */
    struct sched_unit *(*pick)(struct sched_queue *queue, uint64_t now, uint64_t *until);

    /* Begins a warp; false when U forbids it or it is warped already. pick() next. */
    bool (*warp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /* Ends a warp; false when there was none. */
    bool (*unwarp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);
};

/* Every policy there is, ended by NULL (hypervisor/sched/policies.c). */
extern const struct sched_policy *const sched_policies[];

/* The policy of that name, or NULL. */
const struct sched_policy *sched_policy_find(const char *name);

void sched_queue_init(struct sched_queue *queue, const struct sched_policy *policy, uint64_t allowance,
                      struct heap_node **slots, unsigned capacity);

#endif
