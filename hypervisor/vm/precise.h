/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: a vCPU's deadlines, and what follows from them. precise.c says how they work.
 *
 * The object knows no dispatcher, no policy and no vCPU. The dispatcher tells it what happens to the vCPU: it
 * leaves the CPU, gets it, blocks, was chosen in the comparator's interrupt, is about to be entered. The
 * object answers with an instant or a verdict. Only the functions here and in precise.c read its fields.
 *
 * All instants are absolute ticks of the counter; DEADLINE_NONE is "never". Locking: none. A vCPU's deadlines
 * are used on its own CPU only, with interrupts masked.
 */
#ifndef VM_PRECISE_H
#define VM_PRECISE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/assert.h"
#include "ontime/abi.h"
#include "ontime/control.h"
#include "time/deadline_queue.h"
#include "time/lead.h"
#include "vm/config.h"

struct precise {
    enum timer_mode mode;
    /*
     * Those armed by call, until they are taken as reached: deadline[id] > taken_until. The first of them is
     * looked for when it is needed next, so that bringing a vCPU in costs the same whatever it has armed.
     */
    uint64_t taken_until;   /* up to here they are taken */
    uint64_t counted_until; /* up to here those taken are counted as fired */
    uint64_t first_armed;   /* the earliest, or DEADLINE_NONE; not known when it is not after `taken_until` */
    uint8_t groups;         /* bit n: one of the eight ids from 8 n on may be armed */
    volatile uint64_t *page; /* the vCPU's deadline page, which the guest writes at any time; or NULL */
    uint64_t page_served;    /* the page's deadline that was taken last, or DEADLINE_NONE */
    uint64_t snooped;        /* mode `snoop`, while blocked: when its own timers expire; or DEADLINE_NONE */
    uint64_t looked_at;      /* when the deadlines were last looked through */
    uint64_t due;            /* its first deadline when it last left the CPU */
    bool backlog;            /* a timer tick of the guest is past before `due`: it comes back to that */
    /*
     * The earliest deadline that the comparator fired for since the vCPU last ran, or when an urgent
     * interrupt came, if that is earlier; or DEADLINE_NONE.
     */
    uint64_t reached;
    /* While the vCPU is brought in for a deadline: when the comparator was to fire; or DEADLINE_NONE. */
    uint64_t fetched_at;
    /* While the vCPU works off a backlog: the deadline it was entered early for; or DEADLINE_NONE. */
    uint64_t backlog_until;
    /* How late the vCPU was last entered, ticks, until that is counted; or DEADLINE_NONE. */
    uint64_t late_last;
    /* ONTIME_STAT_* of these names. */
    uint64_t armed_count, cancelled_count, late_ticks, late_max;
    uint64_t fired_count;   /* of the page's and of snooped ones only */
    uint64_t dropped_count; /* of those armed by call: moved, or forgotten with the vCPU switched off */
    uint64_t deadline[ONTIME_DEADLINES]; /* by id; 0: not armed */
    uint64_t late[ONTIME_LATE_BUCKETS];  /* how often it was entered so late */
};

/* Sets up those of a new vCPU. */
void precise_init(struct precise *precise, enum timer_mode mode);

/* Forgets all deadlines and the page: the vCPU is switched off. */
void precise_reset(struct precise *precise);

/*
 * What the guest says by calls. The caller (devices/deadline_calls.c) has checked the arguments: `id` is
 * below ONTIME_DEADLINES, `deadline` is not DEADLINE_NONE. Arming an id that is armed moves it.
 * precise_cancel() returns whether the id was armed. precise_deadline() returns its deadline, DEADLINE_NONE
 * when it is not armed.
 */
void precise_arm(struct precise *precise, unsigned id, uint64_t deadline);
bool precise_cancel(struct precise *precise, unsigned id);
uint64_t precise_deadline(const struct precise *precise, unsigned id);

/*
 * Sets the guest's deadline page, in host memory; NULL withdraws it. `warped` is what the guest is to find
 * there first.
 */
void precise_set_page(struct precise *precise, uint64_t *page, bool warped);

/*
 * Is the page's deadline `when`, which is still to come, taken as reached already? So it is when the vCPU
 * was brought in early for it, or had the CPU shortly before it. No comparator is set for it any more: only a
 * vCPU that keeps its warp is in place then.
 */
static inline bool precise_is_taken(const struct precise *precise, uint64_t when)
{
    return when == precise->page_served && when != DEADLINE_NONE;
}

/* The guest has done the work of all deadlines up to `now`. */
void precise_done(struct precise *precise, uint64_t now);

/* Is a deadline that was armed by call past, and not yet taken as reached? */
bool precise_has_passed(struct precise *precise, uint64_t now);

/* The first deadline that is still to come or not yet taken as reached; DEADLINE_NONE when there is none. */
uint64_t precise_first(struct precise *precise);

/* The CPU time, in ticks, that the guest says in its page its work needs; 0: not known. */
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
 * For a vCPU that has the CPU. Takes as reached what is past at `now` or comes within `switch_cost`: before
 * it could be out and in again. Returns the first such deadline, for which the vCPU is to be warped;
 * DEADLINE_NONE when there is none.
 */
uint64_t precise_notice(struct precise *precise, uint64_t now, uint64_t switch_cost);

/*
 * The vCPU leaves the CPU, or has changed its deadlines while it is out. Returns its first deadline,
 * DEADLINE_NONE when it has none.
 */
uint64_t precise_leaving(struct precise *precise, uint64_t now);

/*
 * After precise_leaving() returned a deadline: when the comparator is to fire for the vCPU to be in place
 * then. `backlog`: a timer of the guest expires before that, which the guest will serve first.
 */
uint64_t precise_comparator(struct precise *precise, const struct lead *lead, bool backlog);

/* The vCPU gets the CPU: what its own timers are set to is no longer a deadline. */
static inline void precise_coming(struct precise *precise)
{
    precise->snooped = DEADLINE_NONE;
}

/*
 * The comparator fired at `now`. Returns the deadline that was reached; DEADLINE_NONE when there is none any
 * more, as another vCPU of the VM has changed the page.
 */
uint64_t precise_reached(struct precise *precise, uint64_t now);

/* The vCPU was chosen in the comparator's interrupt, which was due at `since`: it is being brought in. */
static inline void precise_fetched(struct precise *precise, uint64_t since)
{
    precise->fetched_at = since;
}

/* The vCPU was entered early to work off a backlog, and is done with that at `now`. */
void precise_worked_off(struct precise *precise, struct lead *lead, uint64_t now);

/*
 * Is the vCPU working off a backlog, entered early for a deadline? If so, precise_timer_fired() is told when
 * its virtual timer fires.
 */
static inline bool precise_has_backlog(const struct precise *precise)
{
    return precise->backlog_until != DEADLINE_NONE;
}

/* Does the vCPU's page say that work is handed on to it? The task may be on its way from another vCPU. */
static inline bool precise_is_handed_on(const struct precise *precise)
{
    const volatile uint64_t *words = precise->page;

    return words != (void *)0 && words[ONTIME_PAGE_HANDED / sizeof(uint64_t)] != 0;
}

/* For a vCPU that blocks: does its page say that a deadline's work is not done, or is handed on to it? */
static inline bool precise_is_unfinished(const struct precise *precise, uint64_t now)
{
    const volatile uint64_t *words = precise->page;

    return words != (void *)0 &&
           (words[ONTIME_PAGE_DEADLINE / sizeof(uint64_t)] <= now || precise_is_handed_on(precise));
}

/*
 * The running vCPU blocks. The interrupt of its virtual timer comes at `virtual`, that of its physical timer
 * at `physical`.
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
 * For a vCPU that blocks with no deadline before its virtual timer, which expires at `timer`: how much
 * earlier than that it is woken, in ticks.
 */
static inline uint64_t precise_timer_lead(const struct precise *precise, const struct lead *lead,
                                          uint64_t now, uint64_t timer)
{
    uint64_t left = timer - now;

    if (!timers_warp(precise->mode))
        return 0;
    return lead->switch_cost < left ? lead->switch_cost : left;
}

/*
 * Counts the lateness of the last entry for a deadline. That is put off until the vCPU leaves the CPU, as
 * between the deadline and the entry each instruction makes the guest later.
 */
void precise_count_late(struct precise *precise);

/* Does the guest tell its deadlines in a page? */
static inline bool precise_has_page(const struct precise *precise)
{
    return precise->page != NULL;
}

/* An interrupt that is as urgent as a deadline came at `when`, which is past. */
static inline void precise_interrupted(struct precise *precise, uint64_t when)
{
    precise_count_late(precise);
    if (when < precise->reached)
        precise->reached = when;
}

/* Such a vCPU was chosen at its wake-up, which was due at `since`, for its timer's expiry at `timer`. */
void precise_woken_for_timer(struct precise *precise, uint64_t timer, uint64_t since);

/* Was a deadline reached, or did an urgent interrupt come, for which the vCPU has not been entered yet? */
static inline bool precise_is_awaited(const struct precise *precise)
{
    return precise->reached != DEADLINE_NONE;
}

/* When that was; after precise_is_awaited() only. */
static inline uint64_t precise_awaited(const struct precise *precise)
{
    return precise->reached;
}

/*
 * Such a vCPU is loaded. Returns until when it is to be held at EL2, for its timer's interrupt to be pending
 * when it is entered; 0: not at all. With a backlog it is entered early, to work that off.
 */
uint64_t precise_hold(struct precise *precise, struct lead *lead, uint64_t now);

/* Is the deadline that was reached by the comparator, which fires early, still to come at `now`? */
static inline bool precise_is_early(const struct precise *precise, uint64_t now)
{
    return now < precise->reached;
}

/* The vCPU is entered. Returns how late that is for the deadline, in ticks, and notes it to be counted. */
static inline uint64_t precise_entered(struct precise *precise, uint64_t now)
{
    uint64_t late = now > precise->reached ? now - precise->reached : 0;

    DEBUG_ASSERT(precise->late_last == DEADLINE_NONE);
    precise->reached = DEADLINE_NONE;
    precise->late_last = late;
    return late;
}

/*
 * The virtual timer of a vCPU that works off a backlog fired, having expired at `expiry`. `in_user`: its
 * interrupt found the guest at EL0.
 */
void precise_timer_fired(struct precise *precise, struct lead *lead, uint64_t expiry, bool in_user);

/* The value of an ONTIME_STAT_* that is counted here; 0 for the others. */
uint64_t precise_stat(const struct precise *precise, unsigned stat);

/* How many entries for a deadline were so late: see ONTIME_LATE_BUCKETS. */
uint64_t precise_late(const struct precise *precise, unsigned bucket);

#endif
