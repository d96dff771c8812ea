/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How early a core's comparator fires for a vCPU that is out of the CPU, so that the vCPU is in place at its
 * deadline. The lead has two terms, in ticks of the counter. Both are learned from what happened, and
 * bounded:
 *
 *   switch_cost  from the comparator's instant until the vCPU is ready to be entered. It follows the largest
 *                cost seen lately: up at once, down by 1/16 of the difference. If it is too large, the vCPU
 *                waits at EL2.
 *   backlog      added for a vCPU that comes back to a timer tick that is past: what the guest takes to serve
 *                that first. EL2 cannot see when the guest has done so, but it sees whether the guest was
 *                still in its kernel at the deadline. The term goes up by LEAD_BACKLOG_UP_US if it was, and
 *                down by 1/64 of that if not, so it settles where one vCPU in 65 is not done in time. A term
 *                that is too large costs nothing: the guest does what it would have to do anyway.
 *
 * A guest is never told early: its own timer interrupts it, at its own time.
 */
#ifndef TIME_LEAD_H
#define TIME_LEAD_H

#include <stdbool.h>
#include <stdint.h>

#define LEAD_SWITCH_MAX_US    50
#define LEAD_BACKLOG_FIRST_US 60
#define LEAD_BACKLOG_MAX_US   150
#define LEAD_BACKLOG_UP_US    2
#define LEAD_HOLD_SLACK_US    2

struct lead {
    uint64_t switch_cost, switch_max;
    uint64_t backlog, backlog_max, backlog_up; /* these three in 1/64 tick */
    uint64_t hold_slack; /* a vCPU is held at EL2 for its interrupt until so long after its deadline */
};

void lead_init(struct lead *lead);

/* The vCPU was ready `ticks` after the comparator's instant. */
void lead_learn_switch(struct lead *lead, uint64_t ticks);

/* At a deadline with a backlog: had the guest worked it off? */
void lead_learn_backlog(struct lead *lead, bool worked_off);

/* The lead, in ticks. `backlog`: the vCPU comes back to a timer tick that is past. */
static inline uint64_t lead_for(const struct lead *lead, bool backlog)
{
    return lead->switch_cost + (backlog ? lead->backlog / 64 : 0);
}

#endif
