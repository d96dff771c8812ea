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

#define GROUP 8 /* ids that are looked through together */

_Static_assert(ONTIME_DEADLINES == 8 * GROUP, "a bit of `groups` for each group");

/*@
  terminates \true;
  assigns \nothing;
  ensures \result == \min(a, b);
*/
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

/*
 * What `make proof` proves of the search below. That a set of groups is a byte and its members are bits is
 * said by axioms, which tests/proof/bits.c tries for all bytes.
 */
/*@
  axiomatic groups {
      predicate is_in(integer left, integer group);
      axiom none_in_zero: \forall integer group; 0 <= group < 8 ==> !is_in(0, group);
      axiom lowest_is_in: \forall integer left;
          0 < left < 256 ==> 0 <= lowest(left) < 8 && is_in(left, lowest(left));
      axiom rest_is_less: \forall integer left;
          0 < left < 256 ==> 0 <= (left & (left - 1)) < left;
      axiom rest_has_others: \forall integer left, group; 0 < left < 256 && 0 <= group < 8
          ==> (is_in(left & (left - 1), group) <==> is_in(left, group) && group != lowest(left));
      axiom without_one: \forall integer left, one, group;
          0 <= left < 256 && 0 <= one < 8 && 0 <= group < 8 && is_in(left, group) && group != one
              ==> is_in(255 & (left & (uint8_t)(~(1 << one))), group);
  }

  predicate is_armed(struct precise *precise, integer id) =
      precise->deadline[id] > precise->taken_until;

  lemma distance: \forall uint64_t deadline, taken; taken < DEADLINE_NONE ==>
      (deadline > taken
           ==> (uint64_t)(deadline - (uint64_t)(taken + 1)) == deadline - (taken + 1)) &&
      (deadline <= taken
           ==> (uint64_t)(deadline - (uint64_t)(taken + 1)) > DEADLINE_NONE - (taken + 1));

  predicate armed_are_in_groups(struct precise *precise) =
      \forall integer id; 0 <= id < ONTIME_DEADLINES && is_armed(precise, id)
          ==> is_in(precise->groups, id / GROUP);

  predicate first_armed_is_right(struct precise *precise) =
      (\forall integer id; 0 <= id < ONTIME_DEADLINES && is_armed(precise, id)
           ==> precise->first_armed <= precise->deadline[id]) &&
      (precise->first_armed == DEADLINE_NONE ||
       \exists integer id; 0 <= id < ONTIME_DEADLINES && is_armed(precise, id) &&
                           precise->first_armed == precise->deadline[id]);
*/

/*
 * Looks for the first of those armed by call. Not inline: mostly it is known. The distance from `origin`
 * wraps round for one that is taken or not armed, and is greater than `never` then.
 */
/*@
  requires \valid(precise) && precise->taken_until < DEADLINE_NONE && armed_are_in_groups(precise);
  requires \forall integer id; 0 <= id < ONTIME_DEADLINES ==> precise->deadline[id] < DEADLINE_NONE;
  terminates \true;
  assigns precise->groups, precise->first_armed;
  ensures first_armed_is_right(precise) && armed_are_in_groups(precise);
*/
static __attribute__((noinline)) void look_for_first_armed(struct precise *precise)
{
    uint64_t origin = precise->taken_until + 1;
    uint64_t never = DEADLINE_NONE - origin;
    uint64_t first = never;

    /*@
      loop invariant 0 <= left < 256 && first <= never;
      loop invariant armed_are_in_groups(precise);
      loop invariant \forall integer id; 0 <= id < ONTIME_DEADLINES && is_armed(precise, id) &&
                                     !is_in(left, id / GROUP)
                         ==> first <= precise->deadline[id] - origin;
      loop invariant first == never ||
                     \exists integer id; 0 <= id < ONTIME_DEADLINES && is_armed(precise, id) &&
                                         first == precise->deadline[id] - origin;
      loop assigns left, first, precise->groups;
      loop variant left;
    */
    for (unsigned left = precise->groups; left != 0; left &= left - 1) {
        unsigned group = (unsigned)__builtin_ctz(left);
        const uint64_t *deadline = &precise->deadline[group * GROUP];
        uint64_t first_here = never;

        //@ assert group < ONTIME_DEADLINES / GROUP && group == lowest(left);
#pragma GCC unroll 8
        /*@
          loop invariant 0 <= i <= GROUP && first_here <= never;
          loop invariant \forall integer id; group * GROUP <= id < group * GROUP + i && is_armed(precise, id)
                             ==> first_here <= precise->deadline[id] - origin;
          loop invariant first_here == never ||
                         \exists integer id; group * GROUP <= id < group * GROUP + i &&
                                             is_armed(precise, id) &&
                                             first_here == precise->deadline[id] - origin;
          loop assigns i, first_here;
          loop variant GROUP - i;
        */
        for (unsigned i = 0; i < GROUP; i++)
            first_here = earlier(deadline[i] - origin, first_here);
        if (first_here == never)
            precise->groups &= (uint8_t) ~(1u << group);
        first = earlier(first_here, first);
    }
    precise->first_armed = first + origin;
}

static inline uint64_t first_armed(struct precise *precise)
{
    if (precise->first_armed <= precise->taken_until)
        look_for_first_armed(precise);
    return precise->first_armed;
}

bool precise_has_passed(struct precise *precise, uint64_t now)
{
    return first_armed(precise) <= now;
}

static uint64_t first_of(struct precise *precise, uint64_t paged)
{
    return earlier(earlier(first_armed(precise), paged), precise->snooped);
}

uint64_t precise_first(struct precise *precise)
{
    return first_of(precise, page_deadline(precise));
}

/* For assertions: is `first_armed` known, and is it the first of those armed by call? */
static bool first_is_right(const struct precise *precise)
{
    uint64_t first = DEADLINE_NONE;

    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        if (precise->deadline[id] > precise->taken_until)
            first = earlier(precise->deadline[id], first);
    return precise->first_armed == first;
}

/* What take_reached() does when there is something to take: not inline, as mostly there is nothing. */
static __attribute__((noinline)) void take(struct precise *precise, uint64_t now, uint64_t soon,
                                           uint64_t paged)
{
    if (precise->first_armed <= now)
        precise->taken_until = now;
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

static unsigned bucket_of(uint64_t late)
{
    unsigned bucket = late != 0 ? 64 - (unsigned)__builtin_clzll(late) : 0;

    return bucket < ONTIME_LATE_BUCKETS ? bucket : ONTIME_LATE_BUCKETS - 1;
}

void precise_count_late(struct precise *precise)
{
    uint64_t late = precise->late_last;

    if (late == DEADLINE_NONE)
        return;
    precise->late_last = DEADLINE_NONE;
    precise->late_ticks += late;
    precise->late_max = later(late, precise->late_max);
    precise->late[bucket_of(late)]++;
}

uint64_t precise_leaving(struct precise *precise, uint64_t now)
{
    uint64_t due = precise_first(precise);

    precise_count_late(precise);
    DEBUG_ASSERT(first_is_right(precise));
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

static bool is_armed(const struct precise *precise, unsigned id)
{
    return precise->deadline[id] > precise->taken_until;
}

static uint64_t count_armed(const struct precise *precise)
{
    uint64_t count = 0;

    for (unsigned left = precise->groups; left != 0; left &= left - 1) {
        const uint64_t *deadline = &precise->deadline[__builtin_ctz(left) * GROUP];

#pragma GCC unroll 8
        for (unsigned i = 0; i < GROUP; i++)
            count += deadline[i] > precise->taken_until;
    }
    return count;
}

static void forget(struct precise *precise)
{
    precise->page = NULL;
#pragma GCC unroll 8
    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        precise->deadline[id] = 0;
    precise->groups = 0;
    precise->taken_until = 0;
    precise->first_armed = DEADLINE_NONE;
    precise->page_served = precise->snooped = precise->reached = DEADLINE_NONE;
    precise->fetched_at = precise->backlog_until = DEADLINE_NONE;
}

void precise_init(struct precise *precise, enum timer_mode mode)
{
    precise->mode = mode;
    precise->late_last = DEADLINE_NONE;
    forget(precise);
}

void precise_reset(struct precise *precise)
{
    precise_count_late(precise);
    precise->dropped_count += count_armed(precise);
    forget(precise);
}

/* Forgets an id that is armed. Only the first one leaves a gap that has to be looked for. */
static void disarm(struct precise *precise, unsigned id)
{
    uint64_t deadline = precise->deadline[id];

    precise->deadline[id] = 0;
    if (deadline == first_armed(precise))
        look_for_first_armed(precise);
}

void precise_arm(struct precise *precise, unsigned id, uint64_t deadline)
{
    uint64_t first = first_armed(precise);

    DEBUG_ASSERT(id < ONTIME_DEADLINES && deadline != DEADLINE_NONE);
    if (is_armed(precise, id)) {
        disarm(precise, id);
        precise->dropped_count++;
        first = precise->first_armed;
    }
    deadline = later(deadline, precise->taken_until + 1); /* what is in the past is still to be taken */
    precise->deadline[id] = deadline;
    precise->groups |= (uint8_t)(1u << id / GROUP);
    precise->first_armed = earlier(deadline, first);
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

/* Of the last entry, which may not be counted yet; 0: there is none. */
static uint64_t last_late(const struct precise *precise)
{
    uint64_t late = precise->late_last;

    return late != DEADLINE_NONE ? late : 0;
}

uint64_t precise_late(const struct precise *precise, unsigned bucket)
{
    uint64_t late = precise->late_last;

    return precise->late[bucket] + (late != DEADLINE_NONE && bucket_of(late) == bucket);
}

uint64_t precise_stat(const struct precise *precise, unsigned stat)
{
    switch (stat) {
    case ONTIME_STAT_ARMED:
        return precise->armed_count;
    case ONTIME_STAT_CANCELLED:
        return precise->cancelled_count;
    case ONTIME_STAT_FIRED: /* those armed by call, until they are cancelled, dropped, or taken */
        return precise->fired_count + precise->armed_count - precise->cancelled_count -
               precise->dropped_count - count_armed(precise);
    case ONTIME_STAT_LATE_MAX:
        return later(precise->late_max, last_late(precise));
    case ONTIME_STAT_LATE_TICKS:
        return precise->late_ticks + last_late(precise);
    default:
        return 0;
    }
}
