/* SPDX-License-Identifier: Apache-2.0 */
#include "time/lead.h"
#include "base/units.h"

/* Ticks: what one switch may cost more than another that takes the same path. */
#define SWITCH_MARGIN 16

void lead_init(struct lead *lead)
{
    *lead = (struct lead){
        .switch_max = us_to_ticks(LEAD_SWITCH_MAX_US),
        .backlog = us_to_ticks(LEAD_BACKLOG_FIRST_US) * 64,
        .backlog_max = us_to_ticks(LEAD_BACKLOG_MAX_US) * 64,
        .backlog_up = us_to_ticks(LEAD_BACKLOG_UP_US) * 64,
        .hold_slack = us_to_ticks(LEAD_HOLD_SLACK_US),
    };
}

void lead_learn_switch(struct lead *lead, uint64_t ticks)
{
    uint64_t wanted = ticks < lead->switch_max - SWITCH_MARGIN ? ticks + SWITCH_MARGIN : lead->switch_max;

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
