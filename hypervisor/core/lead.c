/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lead.h"

/* Covers what one switch costs more than another on the same way. */
#define SWITCH_MARGIN 16

void lead_init(struct lead *lead, uint64_t ticks_per_us)
{
    *lead = (struct lead){
        .switch_max = ticks_per_us * LEAD_SWITCH_MAX_US,
        .backlog_max = ticks_per_us * LEAD_BACKLOG_MAX_US * 64,
        .backlog_up = ticks_per_us * LEAD_BACKLOG_UP_US * 64,
    };
}

void lead_learn_switch(struct lead *lead, uint64_t ticks)
{
    uint64_t wanted = ticks < lead->switch_max ? ticks + SWITCH_MARGIN : lead->switch_max;

    if (wanted > lead->switch_cost)
        lead->switch_cost = wanted;
    else
        lead->switch_cost -= (lead->switch_cost - wanted) / 16;
}

void lead_learn_backlog(struct lead *lead, bool worked_off)
{
    if (worked_off)
        lead->backlog -= lead->backlog < lead->backlog_up / 64 ? lead->backlog : lead->backlog_up / 64;
    else if (lead->backlog + lead->backlog_up < lead->backlog_max)
        lead->backlog += lead->backlog_up;
    else
        lead->backlog = lead->backlog_max;
}
