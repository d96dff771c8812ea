/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How early a core's comparator fires for a vCPU that is out, so that the vCPU is in place when its deadline
 * comes. Two terms, learned from what happened, bounded, in counter ticks:
 *
 *   switch_cost  from the comparator's instant to the vCPU ready to be entered. Follows the largest cost seen
 *                lately: up at once, down by 1/16 of the difference. Too much of it costs waiting at EL2.
 *   backlog      what the guest has to work off first when it comes back to a timer tick that is past. EL2
 *                cannot see the end of that, but at the deadline it sees whether the guest was still in its
 *                kernel. Up by BACKLOG_UP when it was, down by 1/64 of that when not: it settles where one
 *                vCPU in 65 is still at it. Too much of it costs nothing: the guest runs what it has to run.
 *
 * Never is a guest told early: its own timer interrupts it, at its own time.
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
    uint64_t backlog, backlog_max, backlog_up; /* backlog: in 1/64 tick */
    uint64_t hold_slack; /* a vCPU whose deadline is so long past is not held at EL2 any longer */
};

void lead_init(struct lead *lead);

/* The vCPU was ready `ticks` after the comparator's instant. */
void lead_learn_switch(struct lead *lead, uint64_t ticks);

/* The deadline came: had the guest worked off its backlog? */
void lead_learn_backlog(struct lead *lead, bool worked_off);

/* In ticks. */
static inline uint64_t lead_for(const struct lead *lead, bool backlog)
{
    return lead->switch_cost + (backlog ? lead->backlog / 64 : 0);
}

#endif
