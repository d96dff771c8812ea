/* SPDX-License-Identifier: Apache-2.0 */
/* What cbs.c keeps of a unit and of a queue: for cbs.c alone, and for its tests to look at. */
#ifndef SCHED_CBS_H
#define SCHED_CBS_H

#include "sched/bvt.h"

struct cbs_unit {
    struct bvt_unit bvt; /* first: bvt_unit() finds it, too */
    uint64_t start;      /* of this warp: what is due is counted from here on */
    uint64_t served;     /* when all urgent work so far would be over at the rate of the unit's share */
    uint64_t early;      /* CPU time of this warp, before its start, that is none of what is due */
    uint64_t remainder;  /* of the division by the weight, not yet in `served` */
} __attribute__((may_alias));

struct cbs_queue {
    struct bvt_queue bvt;
    uint64_t weights; /* of all units */
} __attribute__((may_alias));

/* cbs_unit(unit) and cbs_queue(queue). */
SCHED_STATE_OF(cbs)

#endif
