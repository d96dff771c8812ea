/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue: one per core, the only user of the core's comparator.
 *
 * Deadlines are absolute ticks of the physical counter. The queue keeps the comparator set to its earliest
 * deadline and off when it is empty. One deadline, the end of the time slice, stands beside the heap. Arming,
 * cancelling and firing cost O(log n); nothing is allocated after init.
 *
 * Locking: none. As the comparator belongs to one core, so does the queue: all functions here are called on
 * that core, with interrupts masked.
 */
#ifndef TIME_DEADLINE_QUEUE_H
#define TIME_DEADLINE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/heap.h"

#define DEADLINE_NONE UINT64_MAX /* "never": what an unset guest comparator holds too */

struct deadline;

/* Called by deadline_queue_run(), with the deadline already disarmed; it may arm it again. */
typedef void deadline_fire(struct deadline *deadline, uint64_t now);

struct deadline {
    struct heap_node node; /* key: when it can fire, which is later than `when` if armed during a run */
    uint64_t when;         /* the instant asked for */
    deadline_fire *fire;
};

struct deadline_queue {
    struct heap heap;
    struct deadline slice; /* beside the heap, as every switch moves it; `when`: DEADLINE_NONE while off */
    uint64_t programmed;   /* what the comparator holds, or DEADLINE_NONE when it is off */
    uint64_t not_before;   /* in deadline_queue_run() its now + 1, when what is armed may fire; else 0 */
};

/* `slots` is room for `capacity` deadlines without the slice; more must never be armed at once. */
void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned capacity,
                         deadline_fire *slice_ended);

void deadline_init(struct deadline *deadline, deadline_fire *fire);

/* Arms, or moves when armed. DEADLINE_NONE cancels. An instant that is past fires at the next interrupt. */
void deadline_set(struct deadline_queue *queue, struct deadline *deadline, uint64_t when);

static inline bool deadline_is_armed(const struct deadline *deadline)
{
    return heap_contains(&deadline->node);
}

/* Cancels one that is armed. */
void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline);

/* Returns whether it was armed. */
static inline bool deadline_cancel(struct deadline_queue *queue, struct deadline *deadline)
{
    if (!deadline_is_armed(deadline))
        return false;
    deadline_disarm(queue, deadline);
    return true;
}

/* Arms, moves or cancels the end of the time slice, which in a run is later than its `now`. */
void deadline_set_slice(struct deadline_queue *queue, uint64_t when);

/* The instant it is armed for, or DEADLINE_NONE. */
static inline uint64_t deadline_when(const struct deadline *deadline)
{
    return deadline_is_armed(deadline) ? deadline->when : DEADLINE_NONE;
}

/*
 * The comparator's interrupt: fires every deadline at or before `now`, in order of time, then sets the
 * comparator. A deadline that a fire function arms at or before `now` is left to the next interrupt, so that
 * a run is finite. Fire functions may arm and cancel any deadline, but not call this.
 */
void deadline_queue_run(struct deadline_queue *queue, uint64_t now);

#endif
