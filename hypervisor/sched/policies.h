/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduling policies, one a file of this folder; listed in policies.c.
 */
#ifndef SCHED_POLICIES_H
#define SCHED_POLICIES_H

#include "core/sched.h"

extern const struct sched_policy bvt_policy, credit_policy, sedf_policy, rr_policy;

/* The hooks of a policy without warps. */
bool sched_no_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                   uint64_t now);
bool sched_no_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

/*
 * What is left of a turn after a charge of `ran`. A unit that is alone begins one turn after another; else
 * its turn is over when nothing is left.
 */
static inline uint64_t sched_turn_left(uint64_t left, uint64_t ran, uint64_t turn, bool alone)
{
    if (ran < left)
        return left - ran;
    return alone ? turn - (ran - left) % turn : 0;
}

#endif
