/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between the dispatcher (core/dispatch.c) and a scheduling policy (hypervisor/sched).
 *
 * A policy orders the runnable units of one core. A unit is one vCPU as the policy sees it. All times are
 * counter ticks; `now` is the physical counter and never goes back. The rules between the two:
 *
 *  - The dispatcher holds the queue's lock around every hook.
 *  - It first charges the current unit for what it has run (charge()), and only then calls another hook.
 *  - Only pick() chooses; the other hooks change what it will choose. It is called before the core returns to
 *    a guest, and at the latest at the instant that the last pick() asked for.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include "core/heap.h"
#include "core/lock.h"

#define SCHED_WEIGHT_MAX 1000
#define SCHED_TICKS_MAX  (UINT64_C(1) << 48) /* of W, L, U and C */
#define SCHED_NEVER      UINT64_MAX

struct sched_params {
    uint32_t weight;     /* 1..SCHED_WEIGHT_MAX */
    uint64_t warp;       /* W: how far a warped unit may run ahead of its share, ticks of CPU time */
    uint64_t warp_limit; /* L: CPU time of one warp, ticks; 0: the unit is never warped */
    uint64_t unwarp;     /* U: least time between two warps, ticks */
    /* Of its CPU time without a warp, what it earns to use with one, percent; 0: warps need not be earned. */
    uint32_t warp_percent;
};

/* Each policy's part of a unit and of a queue: see its file in hypervisor/sched. */
struct bvt_unit {
    int64_t avt;              /* actual virtual time A, in 1/1024 tick of CPU time over weight */
    int64_t warp;             /* W in virtual time */
    int64_t allowance;        /* C in virtual time, at least 1 */
    uint32_t remainder;       /* CPU time not yet in avt, in 1/1024 tick, less than weight */
    bool spent;               /* warped, but W is used up: competes without a warp's privilege */
    uint64_t deadline;        /* what this warp is for: of several that are urgent, the earliest runs */
    uint64_t warp_budget;     /* this warp's L, ticks */
    uint64_t warp_used;       /* CPU time used in this warp, ticks */
    uint64_t credit;          /* CPU time it may use warped, 1/100 tick */
    uint64_t credit_max;      /* L */
    uint64_t blocked_at;      /* when it was blocked, if it is */
    uint64_t warp_ended;      /* when the last warp ended */
    bool was_warped;          /* there was a last warp */
    struct heap_node by_avt;  /* in the queue's warped while it waits, warped */
    struct sched_unit *other; /* the next of the queue's units */
};

struct bvt_queue {
    struct sched_unit *newcomer; /* waits since the last pick(): in no heap yet, as it may run at once */
    struct heap urgent;          /* warped units that wait and are not spent, by deadline */
    struct heap spent;           /* those that wait and are, by E */
    struct heap warped;          /* both, by A */
    int64_t svt;                 /* scheduler virtual time: least A of the runnable when last looked at */
    struct sched_unit *units;    /* all units, runnable or not */
};

struct credit_unit {
    int64_t credit;           /* CPU time it may still use in its share, ticks; negative: it has used more */
    uint64_t left;            /* while current: of its time slice, ticks */
    bool active;              /* earns credit */
    bool over;                /* had less than no credit at the last accounting */
    bool boosted;             /* woke, and has not been seen running at a tick since */
    uint64_t warp_left;       /* of this warp's L, ticks of CPU time */
    uint64_t warp_ended;      /* when the last warp ended */
    bool was_warped;          /* there was a last warp */
    struct sched_unit *other; /* the next of the queue's units */
};

struct credit_queue {
    struct sched_unit *units; /* all units, runnable or not */
    uint64_t weights;         /* of the active units */
    uint64_t tick;            /* ticks of the counter from one tick of the policy to the next */
    uint64_t ticked;          /* the number of the last one */
};

struct sedf_unit {
    uint64_t deadline;         /* end of its period */
    uint64_t slice;            /* CPU time due to it in each period, ticks */
    uint64_t used;             /* of this period's; more than the slice: from the next one's */
    uint64_t extra;            /* extra time it had, in ticks of CPU time over weight */
    uint32_t remainder;        /* extra time not yet in that, ticks, less than weight */
    uint64_t blocked_at;       /* when it was blocked, if it is */
    struct heap_node by_extra; /* in the queue's extra while it waits with its slice used up */
};

struct sedf_queue {
    struct heap later; /* units that wait with their slices used up, by deadline */
    struct heap extra; /* the same by the extra time they had */
    uint64_t period;   /* ticks */
    uint64_t weights;  /* of all units */
    uint64_t floor;    /* the least extra of the runnable when extra time was last given */
    bool on_extra;     /* the current unit runs in extra time */
};

struct rr_unit {
    uint64_t left; /* of its turn, ticks of CPU time */
};

struct sched_unit {
    struct heap_node node; /* in a heap of the queue while it waits: runnable and not current */
    struct sched_params params;
    bool runnable;
    bool warped;
    union {
        struct bvt_unit bvt;
        struct credit_unit credit;
        struct sedf_unit sedf;
        struct rr_unit rr;
    };
};

struct sched_policy;

struct sched_queue {
    struct spinlock lock;
    const struct sched_policy *policy;
    uint64_t allowance;           /* C: context-switch allowance, ticks of CPU time */
    struct heap waiting;          /* runnable units other than the current one, in the policy's order */
    struct sched_unit *current;   /* what pick() last returned */
    struct sched_unit *incumbent; /* last chosen without a warp: goes on when a warp ends */
    union {
        struct bvt_queue bvt;
        struct credit_queue credit;
        struct sedf_queue sedf;
    };
    uint64_t ms; /* ticks in a millisecond, rounded up */
};

struct sched_policy {
    const char *name; /* as in the system file's `scheduler` */

    /* The policy's part of a queue, which is zero; NULL: it has none. `slots` is room for three heaps. */
    void (*init)(struct sched_queue *queue, struct heap_node **slots, unsigned capacity);

    /* A new unit, blocked; all zero but for its params. At most as many as the queue's capacity. */
    void (*add)(struct sched_queue *queue, struct sched_unit *unit);

    /* The unit becomes runnable. No-op when it is already. */
    void (*wake)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /*
     * The unit stops being runnable, current or not. No-op when it already is. Returns whether that ended a
     * warp.
     */
    bool (*block)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

    /*
     * The current unit has used `ran` ticks more, up to now. Returns true when that ended its warp by the
     * limit L.
     */
    bool (*charge)(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now);

    /*
     * Chooses who runs from `now` on: NULL when nobody can. *until, later than now: up to then pick() would
     * choose the same if nothing else happens but that the unit runs; SCHED_NEVER: for ever.
     */
    struct sched_unit *(*pick)(struct sched_queue *queue, uint64_t now, uint64_t *until);

    /*
     * Begins a warp of a runnable unit (wake() comes first), for the work that is due at `deadline`; it ends
     * after `needs` ticks of CPU time, or after L, or what is left of it, if that is less or `needs` is 0.
     * False when L is 0 or used up, U forbids it, the unit is warped already or is not runnable. Whether W
     * suffices is seen by the next pick(): it returns the unit, or does not. A policy without warps refuses
     * all of them.
     */
    bool (*warp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                 uint64_t now);

    /* Ends a warp; false when there was none. */
    bool (*unwarp)(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);
};

/* Every policy there is, ended by NULL (hypervisor/sched/policies.c). */
extern const struct sched_policy *const sched_policies[];

/* The policy of that name, or NULL. */
const struct sched_policy *sched_policy_find(const char *name);

/* How many slots a queue needs for so many units, whatever its policy: four heaps. */
#define SCHED_SLOTS(capacity) (4 * (capacity))

/* An empty queue; `ms` is the ticks in a millisecond, `slots` room for SCHED_SLOTS(capacity). */
void sched_queue_init(struct sched_queue *queue, const struct sched_policy *policy, uint64_t allowance,
                      uint64_t ms, struct heap_node **slots, unsigned capacity);

#endif
