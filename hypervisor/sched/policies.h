/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduling policies share. Each is a file of this folder; policies.c lists them. */
#ifndef SCHED_POLICIES_H
#define SCHED_POLICIES_H

#include <stddef.h>
#include "sched/sched.h"

/* For rare cases: out of line, so that the usual case needs no stack frame. */
#define APART __attribute__((noinline))

/* A policy's own structure of a unit or of a queue, from the `state` it lies in. */
static inline void *sched_state(const uint64_t *state)
{
    return (void *)(uintptr_t)state;
}

/* The unit in whose `state` a policy's own structure lies. */
static inline struct sched_unit *sched_unit_of(void *state)
{
    return (struct sched_unit *)(void *)((char *)state - offsetof(struct sched_unit, state));
}

/*
 * For assertions: a runnable unit waits in a heap or is the current one; one that is not runnable waits
 * nowhere.
 */
static inline bool sched_is_in_place(const struct sched_queue *queue, const struct sched_unit *unit)
{
    bool waits = heap_contains(&unit->node);

    return unit->runnable ? waits != (unit == queue->current) : !waits;
}

#define SCHED_STATE_FITS(unit, queue)                                                                        \
    _Static_assert(sizeof(unit) <= SCHED_UNIT_WORDS * sizeof(uint64_t), "SCHED_UNIT_WORDS is too small");    \
    _Static_assert(sizeof(queue) <= SCHED_QUEUE_WORDS * sizeof(uint64_t), "SCHED_QUEUE_WORDS is too small")

/* The accessors NAME_unit() and NAME_queue() of a policy that keeps struct NAME_unit and struct NAME_queue.
 */
#define SCHED_STATE_OF(name)                                                                                 \
    SCHED_STATE_FITS(struct name##_unit, struct name##_queue);                                               \
                                                                                                             \
    static inline struct name##_unit *name##_unit(const struct sched_unit *unit)                             \
    {                                                                                                        \
        return sched_state(unit->state);                                                                     \
    }                                                                                                        \
                                                                                                             \
    static inline struct name##_queue *name##_queue(const struct sched_queue *queue)                         \
    {                                                                                                        \
        return sched_state(queue->state);                                                                    \
    }

/* The hooks of a policy without warps. */
bool sched_no_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                   uint64_t now);
bool sched_no_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

/*
 * What is left of a turn after a charge of `ran`, in ticks. When nothing is left, the turn is over and this
 * is 0; a unit that is alone begins one turn after another instead.
 */
static inline uint64_t sched_turn_left(uint64_t left, uint64_t ran, uint64_t turn, bool alone)
{
    if (ran < left)
        return left - ran;
    return alone ? turn - (ran - left) % turn : 0;
}

#endif
