/* SPDX-License-Identifier: Apache-2.0 */
/* What sedf.c keeps of a unit and of a queue: for sedf.c alone, and for its tests to look at. */
#ifndef SCHED_SEDF_H
#define SCHED_SEDF_H

#include "sched/policies.h"

struct sedf_unit {
    uint64_t deadline;   /* the end of its period */
    uint64_t slice;      /* CPU time due to it in each period, ticks */
    uint64_t used;       /* CPU time used of this slice; what is beyond `slice` is taken from the next */
    uint64_t extra;      /* extra time that it had, in ticks of CPU time over weight */
    uint32_t remainder;  /* extra time not yet in `extra`, ticks, less than weight */
    uint64_t blocked_at; /* when it was blocked, if it is */
    struct heap_node by_extra; /* in the queue's `extra`, while it waits with its slice used up */
} __attribute__((may_alias));

struct sedf_queue {
    struct heap later; /* units that wait with their slices used up, by deadline */
    struct heap extra; /* the same by the extra time they had */
    uint64_t period;   /* ticks */
    uint64_t weights;  /* of all units */
    uint64_t floor;    /* the least `extra` of the runnable units when extra time was last given */
    bool on_extra;     /* the current unit runs in extra time */
} __attribute__((may_alias));

/* sedf_unit(unit) and sedf_queue(queue). */
SCHED_STATE_OF(sedf)

#endif
