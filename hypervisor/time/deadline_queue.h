/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue: one per core, the only user of the core's comparator.
 *
 * Deadlines are absolute ticks of the physical counter. The queue keeps the comparator at its earliest
 * deadline, and off when it is empty. Urgent deadlines are in a heap of their own: of what is due, they come
 * first, and need not wait for what may be late. The end of the time slice is a deadline beside the heaps, as
 * every switch moves it. Arming, cancelling and firing cost O(log n); nothing is allocated after init.
 *
 * Locking: none. A queue belongs to the core of its comparator: all functions here are called on that core,
 * with interrupts masked.
 */
#ifndef TIME_DEADLINE_QUEUE_H
#define TIME_DEADLINE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/heap.h"

#define DEADLINE_NONE UINT64_MAX /* "never"; a guest's CVAL of all ones is never reached either */

struct deadline;

/* Called by deadline_queue_run() with its `now`. The deadline is no longer armed, and may be armed again. */
typedef void deadline_fire(struct deadline *deadline, uint64_t now);

enum deadline_kind { DEADLINE_URGENT, DEADLINE_OTHER, DEADLINE_KINDS };

struct deadline {
    struct heap_node node; /* key: when it may fire, which is `when`, or `not_before` if that is later */
    uint64_t when;         /* the instant asked for */
    deadline_fire *fire;
    enum deadline_kind kind;
};

struct deadline_queue {
    struct heap heaps[DEADLINE_KINDS];
    struct deadline slice; /* the end of the time slice; `when` is DEADLINE_NONE while it is off */
    uint64_t programmed;   /* what the comparator holds, or DEADLINE_NONE when it is off */
    uint64_t not_before;   /* during a run: now + 1, before which nothing that is armed may fire; else 0 */
};

/*
 * At most `urgent` urgent deadlines and `others` others may be armed at once, and `slots` has room for all;
 * the slice is not counted. `slice_ended` is called at the end of a time slice.
 */
void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned urgent,
                         unsigned others, deadline_fire *slice_ended);

/* A new deadline, not armed. */
void deadline_init(struct deadline *deadline, enum deadline_kind kind, deadline_fire *fire);

/*
 * Arms the deadline, or moves it when it is armed; DEADLINE_NONE cancels it. When `when` is past, it fires at
 * the next interrupt, which is then pending.
 */
void deadline_set(struct deadline_queue *queue, struct deadline *deadline, uint64_t when);

static inline bool deadline_is_armed(const struct deadline *deadline)
{
    return heap_contains(&deadline->node);
}

/* Cancels a deadline that is armed. */
void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline);

/* Cancels a deadline if it is armed, and returns whether it was. */
static inline bool deadline_cancel(struct deadline_queue *queue, struct deadline *deadline)
{
    if (!deadline_is_armed(deadline))
        return false;
    deadline_disarm(queue, deadline);
    return true;
}

/*
 * Sets or moves the end of the time slice; DEADLINE_NONE cancels it. During a run, `when` is later than the
 * run's `now`.
 */
void deadline_set_slice(struct deadline_queue *queue, uint64_t when);

/* The instant that a deadline is armed for, or DEADLINE_NONE. */
static inline uint64_t deadline_when(const struct deadline *deadline)
{
    return deadline_is_armed(deadline) ? deadline->when : DEADLINE_NONE;
}

/*
 * Handles the comparator's interrupt: fires the first urgent deadline if it is at or before `now`, else the
 * first of the others if that is, else the end of the slice if that is, and sets the comparator. When more
 * have come, the interrupt is pending again: so the caller can switch to the vCPU that the first was for,
 * before it looks at the others.
 *
 * Fire functions may arm and cancel any deadline, but not call this. A deadline that one of them arms for
 * `now` or earlier comes after all others of its kind that are due, so that none is kept waiting for ever.
 */
void deadline_queue_run(struct deadline_queue *queue, uint64_t now);

#endif
