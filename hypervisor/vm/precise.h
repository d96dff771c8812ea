/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: a vCPU's deadlines, and what follows from them.
 *
 * The object knows no dispatcher, no policy and no vCPU. The dispatcher tells it what happens to the vCPU: it
 * leaves the CPU, comes, blocks, was chosen, its comparator fired, it is about to be entered. The object
 * answers with an instant or a verdict. Nobody else reads its fields; the functions here and in precise.c are
 * all there is. See precise.c for how it works.
 *
 * All instants are absolute ticks of the counter; DEADLINE_NONE is "never". Locking: none, a vCPU's deadlines
 * are used on its own CPU only, with interrupts masked.
 */
#ifndef VM_PRECISE_H
#define VM_PRECISE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/heap.h"
#include "ontime/abi.h"
#include "time/deadline_queue.h"
#include "time/lead.h"
#include "vm/config.h"

struct precise {
    enum timer_mode mode;
    struct heap armed;       /* deadlines armed by call and not yet seen to be reached; keys: the instants */
    volatile uint64_t *page; /* the vCPU's deadline page, which the guest writes at any time; or NULL */
    uint64_t page_served;    /* the page's deadline that the vCPU was last warped for, or DEADLINE_NONE */
    uint64_t snooped;   /* mode `snoop`, while blocked: the vCPU's own timers' expiry, or DEADLINE_NONE */
    uint64_t looked_at; /* when the deadlines were last looked through */
    uint64_t due;       /* the first deadline, when the vCPU last left the CPU */
    bool backlog;       /* the vCPU comes back to a timer tick that is past before `due` */
    uint64_t
        reached; /* the earliest deadline that the comparator fired for since the vCPU last ran, or NONE */
    uint64_t fetched_at; /* the comparator's instant, while the vCPU is brought in for it; or DEADLINE_NONE */
    uint64_t backlog_until; /* entered early for this deadline, with a backlog; or DEADLINE_NONE */
    uint64_t armed_count, cancelled_count, fired_count, late_ticks,
        late_max;                                /* ONTIME_STAT_* of these names */
    struct heap_node deadline[ONTIME_DEADLINES]; /* by id */
    struct heap_node *slots[ONTIME_DEADLINES];
};

/* A new vCPU's. */
void precise_init(struct precise *precise, enum timer_mode mode);

/* Forgets all deadlines and the page: the vCPU is switched off. */
void precise_reset(struct precise *precise);

/*
 * What the guest says. Arguments are checked by the caller (devices/deadline_calls.c): an id is below
 * ONTIME_DEADLINES. A deadline that is armed already is moved; cancelling tells whether it was armed.
 */
void precise_arm(struct precise *precise, unsigned id, uint64_t deadline);
bool precise_cancel(struct precise *precise, unsigned id);
uint64_t precise_deadline(const struct precise *precise, unsigned id);

/* The guest's deadline page in host memory, NULL to withdraw it; `warped`: what the guest is to find there.
 */
void precise_set_page(struct precise *precise, uint64_t *page, bool warped);

/* The work is done that deadlines up to `now` were for. */
void precise_done(struct precise *precise, uint64_t now);

/* Is a deadline that was armed by call past, and not yet taken? */
static inline bool precise_has_passed(const struct precise *precise, uint64_t now)
{
    return heap_first_key(&precise->armed, DEADLINE_NONE) <= now;
}

/* The first deadline that is still to come, or not yet seen to be past. */
uint64_t precise_first(const struct precise *precise);

/* The CPU time that the guest says its work needs, ticks; 0: not known. */
static inline uint64_t precise_needs(const struct precise *precise)
{
    return precise->page != (void *)0 ? precise->page[ONTIME_PAGE_NEEDS / sizeof(uint64_t)] : 0;
}

/* Tells the guest, in its page, whether its vCPU is warped. */
static inline void precise_say_warped(struct precise *precise, bool warped)
{
    if (precise->page != (void *)0)
        precise->page[ONTIME_PAGE_WARPED / sizeof(uint64_t)] = warped;
}

/*
 * The vCPU has the CPU: were deadlines reached, or will they be within `switch_cost`, before it could be out
 * and in again? Returns the first, for which it is to be warped; DEADLINE_NONE when there is none.
 */
uint64_t precise_notice(struct precise *precise, uint64_t now, uint64_t switch_cost);

/* The vCPU leaves the CPU. Returns its first deadline, DEADLINE_NONE when it has none. */
uint64_t precise_leaving(struct precise *precise, uint64_t now);

/*
 * After precise_leaving(): when the comparator is to fire, early enough for the vCPU to be in place at that
 * deadline. `backlog`: a timer of the guest expires before it, which the guest will serve first.
 */
uint64_t precise_comparator(struct precise *precise, const struct lead *lead, bool backlog);

/* The vCPU gets the CPU: its comparator is no longer needed. */
static inline void precise_coming(struct precise *precise)
{
    precise->snooped = DEADLINE_NONE;
}

/*
 * The comparator fired at `now`. Returns the deadline that was reached, DEADLINE_NONE when there is none any
 * more, as another vCPU of the VM has changed the page.
 */
uint64_t precise_reached(struct precise *precise, uint64_t now);

/* The vCPU was chosen in the comparator's interrupt, which was due at `since`: it is being brought in. */
static inline void precise_fetched(struct precise *precise, uint64_t since)
{
    precise->fetched_at = since;
}

/*
 * The deadline `when`, in the order of the warped: not before what could have been kept since EL2 last looked
 * through the vCPU's deadlines. A guest that claims a deadline just before another's comes, as one that finds
 * it past, comes after that.
 */
static inline uint64_t precise_order(const struct precise *precise, const struct lead *lead, uint64_t when)
{
    uint64_t soonest = precise->looked_at + lead_for(lead, true);

    return when > soonest ? when : soonest;
}

/* The vCPU was entered early, to work off a backlog, and is done with that at `now`. */
void precise_worked_off(struct precise *precise, struct lead *lead, uint64_t now);

/* Was the vCPU entered early, for a deadline that is still to come? Then its timers are of interest. */
static inline bool precise_has_backlog(const struct precise *precise)
{
    return precise->backlog_until != DEADLINE_NONE;
}

/*
 * The vCPU, running, is to wait for an interrupt. Its virtual timer's comes at `virtual`, its physical
 * timer's at `physical`.
 */
static inline void precise_blocking(struct precise *precise, struct lead *lead, uint64_t virtual,
                                    uint64_t physical, uint64_t now)
{
    if (precise->mode == TIMERS_SNOOP)
        precise->snooped = virtual < physical ? virtual : physical;
    if (precise_has_backlog(precise))
        precise_worked_off(precise, lead, now);
}

/*
 * For a vCPU that blocks with no deadline before its own virtual timer, which expires at `timer`: how early
 * it is woken, in ticks.
 */
static inline uint64_t precise_timer_lead(const struct precise *precise, const struct lead *lead,
                                          uint64_t now, uint64_t timer)
{
    uint64_t left = timer - now;

    if (!timers_warp(precise->mode))
        return 0;
    return lead->switch_cost < left ? lead->switch_cost : left;
}

/* Such a vCPU was chosen when its wake-up, due at `since`, came, ahead of its timer's expiry. */
void precise_woken_for_timer(struct precise *precise, uint64_t timer, uint64_t since);

/* Is the vCPU about to be entered for the first time since a deadline of it was reached? */
static inline bool precise_is_awaited(const struct precise *precise)
{
    return precise->reached != DEADLINE_NONE;
}

/*
 * Such a vCPU is loaded. Returns until when it is to be held at EL2, so that its interrupt is in place when
 * it is entered; 0: not at all. With a backlog it is entered early, to work that off.
 */
uint64_t precise_hold(struct precise *precise, struct lead *lead, uint64_t now);

/* Held until `now`: is the deadline still to come? */
static inline bool precise_is_early(const struct precise *precise, uint64_t now)
{
    return now < precise->reached;
}

/* The vCPU is entered. Returns, and counts, how late that is for the deadline, in ticks. */
static inline uint64_t precise_entered(struct precise *precise, uint64_t now)
{
    uint64_t late = now > precise->reached ? now - precise->reached : 0;

    precise->reached = DEADLINE_NONE;
    precise->late_ticks += late;
    if (late > precise->late_max)
        precise->late_max = late;
    return late;
}

/* The virtual timer of a vCPU with a backlog expired, at `expiry`; `in_user`: the interrupt found the guest
 * at EL0. */
void precise_timer_fired(struct precise *precise, struct lead *lead, uint64_t expiry, bool in_user);

/* The value of one ONTIME_STAT_* that is counted here; 0 for the others. */
uint64_t precise_stat(const struct precise *precise, unsigned stat);

#endif
