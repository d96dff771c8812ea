/* SPDX-License-Identifier: Apache-2.0 */
/* What credit.c keeps of a unit and of a queue: for credit.c alone, and for its tests to look at. */
#ifndef SCHED_CREDIT_H
#define SCHED_CREDIT_H

#include "sched/policies.h"

struct credit_unit {
    int64_t credit;          /* CPU time it may still use in its share, ticks; negative: it has used more */
    uint64_t left;           /* while it is current: the rest of its slice, ticks */
    bool active;             /* gets credit at accountings */
    bool over;               /* was in debt at the last accounting */
    bool boosted;            /* woke, and has not been seen running at a tick since */
    uint64_t warp_left;      /* the rest of this warp, ticks of CPU time */
    uint64_t warp_ended;     /* when the last warp ended */
    bool was_warped;         /* there was a last warp */
    struct sched_unit *next; /* the next of the queue's `units` */
} __attribute__((may_alias));

struct credit_queue {
    struct sched_unit *units; /* all units, runnable or not */
    uint64_t weights;         /* of the active units */
    uint64_t tick;            /* ticks of the counter from one tick of the policy to the next */
    uint64_t ticked;          /* the number of the last tick that was handled */
} __attribute__((may_alias));

/* credit_unit(unit) and credit_queue(queue). */
SCHED_STATE_OF(credit)

#endif
