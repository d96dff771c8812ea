/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: from the guest's word to the comparator's instant.
 *
 * A guest says when a vCPU must run in the vCPU's deadline page, by a store, or by a call, which notes
 * it by its id (precise_arm). While the vCPU has the CPU, nothing more is needed: its own timer
 * interrupts it in time. When it leaves the CPU (precise_leaving), the comparator is set to fire at the first
 * of its deadlines, less the time it takes to bring the vCPU in (precise_comparator, time/lead.h). At that
 * instant the dispatcher interrupts whoever runs, asks which deadline was reached (precise_reached), makes
 * the vCPU runnable, warps it, and asks the policy at once. When the vCPU has been switched in, it is held at
 * EL2 for what is left until its deadline (precise_hold). If it comes back to a timer tick that is past, it
 * is entered early instead, to work that off.
 *
 * In timer mode `snoop` the guest says nothing: when its vCPU blocks, the next expiry of the vCPU's own
 * timers is the deadline.
 *
 * A deadline may pass, or be about to pass, while its vCPU has the CPU. precise_notice() finds it the next
 * time that the policy is asked, and the vCPU is warped then too, so that the end of its slice does not come
 * between the timer's interrupt and the work that the interrupt is for.
 *
 * The guest's own timer is not touched: it expires when the guest set it to, never before.
 *
 * A guest gains nothing by claiming to be late. A deadline in the past counts as of the time at which EL2
 * first looked (`looked_at`).
 *
 * The guest may write its page at any time. Each word of it is read once, and any value will do.
 */
#include "vm/precise.h"
#include "base/assert.h"
#include <stddef.h>

_Static_assert(ONTIME_DEADLINES == 64, "a bit for each");

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The page's deadline, DEADLINE_NONE when it was taken already. */
static uint64_t page_deadline(const struct precise *precise)
{
    uint64_t when;

    if (precise->page == NULL)
        return DEADLINE_NONE;
    when = precise->page[ONTIME_PAGE_DEADLINE / sizeof(uint64_t)];
    return when != precise->page_served ? when : DEADLINE_NONE;
}

static uint64_t first_of(const struct precise *precise, uint64_t paged)
{
    return earlier(earlier(precise->first_armed, paged), precise->snooped);
}

uint64_t precise_first(const struct precise *precise)
{
    return first_of(precise, page_deadline(precise));
}

/* Takes those armed by call up to `now`, and finds the first of the others. */
static void take_armed(struct precise *precise, uint64_t now)
{
    uint64_t first = DEADLINE_NONE;
    uint64_t armed = 0;
    unsigned count = 0;

    for (uint64_t left = precise->armed; left != 0; left &= left - 1) {
        uint64_t when = precise->deadline[__builtin_ctzll(left)];

        if (when <= now) {
            count++;
        } else {
            armed |= left & -left;
            first = earlier(when, first);
        }
    }
    precise->fired_count += count;
    precise->armed = armed;
    precise->first_armed = first;
}

/* Is `first_armed` the first of those that are armed? */
static bool first_is_right(const struct precise *precise)
{
    uint64_t first = DEADLINE_NONE;

    for (uint64_t left = precise->armed; left != 0; left &= left - 1)
        first = earlier(precise->deadline[__builtin_ctzll(left)], first);
    return precise->first_armed == first;
}

/* What take_reached() does when there is something to take: not inline, as mostly there is nothing. */
static __attribute__((noinline)) void take(struct precise *precise, uint64_t now, uint64_t soon,
                                           uint64_t paged)
{
    if (precise->first_armed <= now)
        take_armed(precise, now);
    if (paged <= soon) {
        precise->page_served = paged;
        precise->fired_count++;
    }
    if (precise->snooped <= soon) {
        precise->snooped = DEADLINE_NONE;
        precise->fired_count++;
    }
}

/*
 * Takes the deadlines that are past at `now` as reached; the page's, and the one snooped, when they come up
 * to `soon`. Returns the first deadline up to `soon`, or `looked_at` if that is later; DEADLINE_NONE when
 * there is none.
 */
static inline uint64_t take_reached(struct precise *precise, uint64_t now, uint64_t soon)
{
    uint64_t paged = page_deadline(precise);
    uint64_t first = first_of(precise, paged);

    if (first > soon)
        return DEADLINE_NONE;
    take(precise, now, soon, paged);
    return later(first, precise->looked_at);
}

uint64_t precise_reached(struct precise *precise, uint64_t now)
{
    uint64_t first = take_reached(precise, now, later(now, precise->due));

    DEBUG_ASSERT(first_is_right(precise));
    if (first != DEADLINE_NONE)
        precise->reached = earlier(first, precise->reached);
    return first;
}

void precise_woken_for_timer(struct precise *precise, uint64_t timer, uint64_t since)
{
    if (!timers_warp(precise->mode))
        return;
    precise->reached = earlier(timer, precise->reached);
    precise->fetched_at = since;
    precise->backlog = false;
}

uint64_t precise_notice(struct precise *precise, uint64_t now, uint64_t switch_cost)
{
    uint64_t first;

    precise->snooped = DEADLINE_NONE; /* it has the CPU, so it is not blocked any longer */
    first = take_reached(precise, now, now + switch_cost);
    precise->looked_at = now;
    return first;
}

void precise_worked_off(struct precise *precise, struct lead *lead, uint64_t now)
{
    lead_learn_backlog(lead, true);
    /* The deadline that it was brought in early for is still to come: the page's counts as not taken. */
    if (precise->backlog_until > now && precise->page_served != DEADLINE_NONE) {
        precise->page_served = DEADLINE_NONE;
        precise->fired_count--;
    }
    precise->backlog_until = DEADLINE_NONE;
}

uint64_t precise_leaving(struct precise *precise, uint64_t now)
{
    uint64_t due = precise_first(precise);

    precise->fetched_at = precise->backlog_until = DEADLINE_NONE;
    precise->looked_at = now;
    precise->due = due;
    return due;
}

uint64_t precise_comparator(struct precise *precise, const struct lead *lead, bool backlog)
{
    uint64_t early = lead_for(lead, backlog);

    DEBUG_ASSERT(precise->due != DEADLINE_NONE);
    precise->backlog = backlog;
    return precise->due > early ? precise->due - early : 0;
}

static void forget(struct precise *precise)
{
    precise->page = NULL;
    precise->armed = 0;
    precise->first_armed = DEADLINE_NONE;
    precise->page_served = precise->snooped = precise->reached = DEADLINE_NONE;
    precise->fetched_at = precise->backlog_until = DEADLINE_NONE;
}

void precise_init(struct precise *precise, enum timer_mode mode)
{
    precise->mode = mode;
    forget(precise);
}

void precise_reset(struct precise *precise)
{
    forget(precise);
}

static bool is_armed(const struct precise *precise, unsigned id)
{
    return (precise->armed >> id & 1) != 0;
}

/* Forgets an id that is armed. Only the first one leaves a gap that has to be looked for. */
static void disarm(struct precise *precise, unsigned id)
{
    precise->armed &= ~(UINT64_C(1) << id);
    if (precise->deadline[id] != precise->first_armed)
        return;
    precise->first_armed = DEADLINE_NONE;
    for (uint64_t left = precise->armed; left != 0; left &= left - 1)
        precise->first_armed = earlier(precise->deadline[__builtin_ctzll(left)], precise->first_armed);
}

void precise_arm(struct precise *precise, unsigned id, uint64_t deadline)
{
    DEBUG_ASSERT(id < ONTIME_DEADLINES && deadline != DEADLINE_NONE);
    if (is_armed(precise, id))
        disarm(precise, id);
    precise->armed |= UINT64_C(1) << id;
    precise->deadline[id] = deadline;
    precise->first_armed = earlier(deadline, precise->first_armed);
    precise->armed_count++;
}

bool precise_cancel(struct precise *precise, unsigned id)
{
    if (!is_armed(precise, id))
        return false;
    disarm(precise, id);
    precise->cancelled_count++;
    return true;
}

uint64_t precise_deadline(const struct precise *precise, unsigned id)
{
    return is_armed(precise, id) ? precise->deadline[id] : DEADLINE_NONE;
}

void precise_set_page(struct precise *precise, uint64_t *page, bool warped)
{
    precise->page = page;
    if (page == NULL)
        return;
    precise->page_served = DEADLINE_NONE;
    precise_say_warped(precise, warped);
}

void precise_done(struct precise *precise, uint64_t now)
{
    (void)take_reached(precise, now, now); /* what passed while the vCPU had the CPU is done, too */
}

uint64_t precise_hold(struct precise *precise, struct lead *lead, uint64_t now)
{
    DEBUG_ASSERT(precise_is_awaited(precise));
    if (precise->fetched_at != DEADLINE_NONE)
        lead_learn_switch(lead, now - precise->fetched_at);
    precise->fetched_at = DEADLINE_NONE;
    if (now >= precise->reached)
        return 0;
    if (precise->backlog)
        precise->backlog_until = precise->reached;
    if (precise->backlog || precise->reached - now > lead->switch_max)
        return 0;
    return precise->reached + lead->hold_slack;
}

void precise_timer_fired(struct precise *precise, struct lead *lead, uint64_t expiry, bool in_user)
{
    DEBUG_ASSERT(precise_has_backlog(precise));
    if (expiry < precise->backlog_until)
        return; /* this was the tick that was pending, or another before the deadline */
    lead_learn_backlog(lead, in_user && expiry - precise->backlog_until <= lead->hold_slack);
    precise->backlog_until = DEADLINE_NONE;
}

uint64_t precise_stat(const struct precise *precise, unsigned stat)
{
    switch (stat) {
    case ONTIME_STAT_ARMED:
        return precise->armed_count;
    case ONTIME_STAT_CANCELLED:
        return precise->cancelled_count;
    case ONTIME_STAT_FIRED:
        return precise->fired_count;
    case ONTIME_STAT_LATE_MAX:
        return precise->late_max;
    case ONTIME_STAT_LATE_TICKS:
        return precise->late_ticks;
    default:
        return 0;
    }
}
