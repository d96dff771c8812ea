/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between the dispatcher (vm/dispatch.c) and a scheduling policy (hypervisor/sched).
 *
 * A policy orders the runnable units of one core. A unit is one vCPU as the policy sees it. All times are
 * counter ticks; `now` is the physical counter and never goes back. The rules between the two:
 *
 *  - A queue is used on its own core only, init() and add() at boot.
 *  - Before it calls any other hook, it charges the current unit for what that has run (charge()).
 *  - Only pick() chooses; the other hooks change what it will choose. The dispatcher calls pick() after such
 *    a change, before it enters a guest, and at the instant that the last pick() asked for. A guest's grace
 *    or a tick puts that instant off (vm/dispatch.c).
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/heap.h"

#define SCHED_WEIGHT_MAX 1000
#define SCHED_TICKS_MAX  (UINT64_C(1) << 48) /* the most that W, L, U and C may be */
#define SCHED_NEVER      UINT64_MAX

struct sched_params {
    uint32_t weight; /* 1..SCHED_WEIGHT_MAX */
    /* For the policies with warps of BVT's kind: bvt and credit. */
    uint64_t warp;       /* W: how far a warped unit may run ahead of its share, ticks of CPU time */
    uint64_t warp_limit; /* L: CPU time of one warp, ticks; 0: the unit is never warped */
    uint64_t unwarp;     /* U: least time between two warps, ticks */
    /* For cbs. */
    uint64_t horizon; /* H: how far urgent work may be ahead of the unit's share, ticks; 0: never warped */
    uint64_t job;     /* CPU time of a warp that is due first, ticks */
};

/*
 * Room for what a policy keeps of a unit and of a queue, in 64-bit words. Only the policy knows what lies
 * there. It is zero when the policy's add() or init() is called. A policy that needs more does not compile
 * (SCHED_STATE_FITS()).
 */
#define SCHED_UNIT_WORDS  20
#define SCHED_QUEUE_WORDS 17

struct sched_unit {
    struct heap_node node; /* in a heap of the queue while the unit waits: runnable and not current */
    bool runnable;
    bool warped; /* other cores may look at it, and find what it was a moment ago */
    uint64_t state[SCHED_UNIT_WORDS];
    struct sched_params params;
};

struct sched_policy;
struct sched_moves;

struct sched_queue {
    const struct sched_policy *policy;
    uint64_t allowance;           /* C: context-switch allowance, ticks of CPU time */
    struct heap waiting;          /* runnable units other than the current one, in the policy's order */
    struct sched_unit *current;   /* what pick() last returned */
    struct sched_unit *incumbent; /* BVT's: the unit whose turn it is; it goes on when a warp ends */
    uint64_t ms;                  /* ticks in a millisecond, rounded up */
    uint64_t state[SCHED_QUEUE_WORDS];
};

struct sched_policy {
    const char *name; /* as in the system file's `scheduler` */

    /*
     * Sets up the policy's part of a queue, which is zero; NULL when it has none. `slots` has room for three
     * heaps of `capacity` nodes.
     */
    void (*init)(struct sched_queue *queue, struct heap_node **slots, unsigned capacity);

    /*
     * Adds a unit, which is blocked, and zero but for its params. At most as many are added as the queue's
     * capacity.
     */
    void (*add)(struct sched_queue *queue, struct sched_unit *unit);

    /* The unit becomes runnable. No-op when it is already. */
    void (*wake)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /*
     * The unit stops being runnable, whether it is the current one or not. No-op when it is blocked already.
     * Returns whether that ended a warp.
     */
    bool (*block)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /*
     * The current unit has used `ran` ticks more, up to now. Returns whether that used up its warp, and so
     * ended it.
     */
    bool (*charge)(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now);

    /*
     * Chooses the unit that runs from `now` on, NULL when none is runnable. *until is later than `now`: up to
     * then pick() would choose the same unit, if nothing happens but that it runs; SCHED_NEVER: for ever.
     */
    struct sched_unit *(*pick)(struct sched_queue *queue, uint64_t now, uint64_t *until);

    /*
     * Begins a warp of a runnable unit (wake() comes first) for the work that is due at `deadline`. The warp
     * ends after `needs` ticks of CPU time (0: not known), or when the policy's own limit is reached: L of
     * bvt and credit, H of cbs.
     *
     * False when the warp does not begin: L or H is 0, U forbids it, H is used up, the unit is warped already
     * or is not runnable, or the policy refuses it, as one without warps always does. Whether W suffices is
     * seen by the next pick(), which returns the unit or does not.
     */
    bool (*warp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                 uint64_t now);

    /* Ends the unit's warp; false when there was none. */
    bool (*unwarp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /*
     * Two runnable units of equal params change places with all that the policy keeps of them, warps
     * included. If one is the current one, the other is afterwards. NULL: the policy has no such thing.
     */
    void (*swap)(struct sched_queue *queue, struct sched_unit *a, struct sched_unit *b);

    /*
     * Takes `ticks` that charge() was told of back from the unit: another pays for them. NULL: the policy has
     * no such thing.
     */
    void (*refund)(struct sched_queue *queue, struct sched_unit *unit, uint64_t ticks);

    /*
     * A unit of the queue, which is not warped, has other params from now on. What the policy keeps of it
     * stays: its virtual time, or its credit, so that nothing is given back for time that has passed.
     */
    void (*set)(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params);

    /* For units that go from one queue to another. NULL: the policy has no such units. */
    const struct sched_moves *moves;
};

/*
 * Units that go from one queue to another of the same policy (vm/floating.c). Virtual times of two queues are
 * compared by their difference modulo 2^64, which is below 2^63.
 */
struct sched_moves {
    /*
     * Takes a unit that is neither the current one nor warped out of its queue. It is blocked then. What the
     * policy keeps of it goes along in it.
     */
    void (*remove)(struct sched_queue *queue, struct sched_unit *unit);

    /*
     * Adds a unit that remove() took out of another queue, and makes it runnable. Its params may have changed
     * meanwhile. `ahead`: how far this queue's virtual time is ahead of that one's without a claim of the
     * unit's.
     */
    void (*join)(struct sched_queue *queue, struct sched_unit *unit, uint64_t ahead);

    /*
     * A unit has just woken, before pick(): it goes before nobody for what it did not use before. NULL: no
     * unit goes first for that under the policy.
     */
    void (*forgo)(struct sched_queue *queue, struct sched_unit *unit);

    /*
     * The virtual time up to which a unit that joined the queue, in which one is runnable, would run at once.
     * NULL: the policy has no virtual time; so in the two below.
     */
    uint64_t (*turn)(const struct sched_queue *queue);

    /* A unit's virtual time, and how much of that so many ticks of CPU time are at a weight. */
    uint64_t (*time)(const struct sched_queue *queue, const struct sched_unit *unit);
    int64_t (*worth)(uint32_t weight, uint64_t ticks);
};

/* Every policy there is, ended by NULL (hypervisor/sched/policies.c). */
extern const struct sched_policy *const sched_policies[];

/* The policy of that name, or NULL. */
const struct sched_policy *sched_policy_find(const char *name);

/* How many slots a queue for `capacity` units needs, whatever its policy: four heaps. */
#define SCHED_SLOTS(capacity) (4 * (capacity))

/*
 * Makes an empty queue for at most `capacity` units. `allowance` is C, in ticks; `ms` is the ticks in a
 * millisecond, not 0; `slots` has room for SCHED_SLOTS(capacity).
 */
void sched_queue_init(struct sched_queue *queue, const struct sched_policy *policy, uint64_t allowance,
                      uint64_t ms, struct heap_node **slots, unsigned capacity);

#endif
