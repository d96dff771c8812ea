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
#include "time/comparator.h"
#include "time/gp_timers.h"

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
    struct deadline slice;    /* the end of the time slice; `when` is DEADLINE_NONE while it is off */
    uint64_t programmed;      /* what the comparator holds, or DEADLINE_NONE when it is off */
    uint64_t not_before;      /* during a run: now + 1, before which nothing that is armed may fire; else 0 */
    struct gp_timers *timers; /* in place of the comparator; NULL: none */
};

/*
 * What `make proof` proves. Casts to a deadline are of nodes that belong to a queue's heaps: `node` is a
 * deadline's first member.
 */
/*@
  // Each deadline belongs to one of the two heaps; they overlap neither each other nor the heaps.
  predicate are_two{L}(struct heap *a, struct heap *b) =
      \separated(a, b) && has_room(a) && has_room(b) &&
      \separated(a, b->slots + (0 .. b->capacity - 1)) && \separated(b, a->slots + (0 .. a->capacity - 1)) &&
      \separated(a->slots + (0 .. a->capacity - 1), b->slots + (0 .. b->capacity - 1)) &&
      (\forall struct heap_node *m, *n; belongs(m, a) && belongs(n, b)
           ==> \separated((struct deadline *)m, (struct deadline *)n)) &&
      (\forall struct heap_node *m, *n; belongs(m, a) && belongs(n, a) && m != n
           ==> \separated((struct deadline *)m, (struct deadline *)n)) &&
      (\forall struct heap_node *m, *n; belongs(m, b) && belongs(n, b) && m != n
           ==> \separated((struct deadline *)m, (struct deadline *)n)) &&
      (\forall struct heap_node *n; belongs(n, a) || belongs(n, b)
           ==> \valid((struct deadline *)n) &&
               \separated((struct deadline *)n, a) && \separated((struct deadline *)n, b) &&
               \separated((struct deadline *)n, a->slots + (0 .. a->capacity - 1)) &&
               \separated((struct deadline *)n, b->slots + (0 .. b->capacity - 1)));

  // None that is armed can fire before the instant asked for.
  predicate are_known{L}(struct heap *a, struct heap *b) =
      is_heap(a) && is_heap(b) &&
      \forall struct heap_node *n; (belongs(n, a) || belongs(n, b)) && n->slot != 0
          ==> ((struct deadline *)n)->when <= n->key;

  predicate is_alone{L}(struct deadline_queue *queue) =
      \separated(queue, queue->heaps[0].slots + (0 .. queue->heaps[0].capacity - 1)) &&
      \separated(queue, queue->heaps[1].slots + (0 .. queue->heaps[1].capacity - 1)) &&
      \forall struct heap_node *n; belongs(n, &queue->heaps[0]) || belongs(n, &queue->heaps[1])
          ==> \separated((struct deadline *)n, queue);

  predicate same_room{L1, L2}(struct heap *heap) =
      \at(heap->slots, L1) == \at(heap->slots, L2) && \at(heap->capacity, L1) == \at(heap->capacity, L2);

  predicate is_queue{L}(struct deadline_queue *queue) =
      \valid(queue) && are_two(&queue->heaps[0], &queue->heaps[1]) &&
      are_known(&queue->heaps[0], &queue->heaps[1]) && is_alone(queue) && queue->programmed == comparator &&
      queue->timers == \null;

  predicate is_of{L}(struct deadline *deadline, struct deadline_queue *queue) =
      \valid(deadline) && \separated(deadline, queue) && 0 <= deadline->kind < DEADLINE_KINDS &&
      belongs(&deadline->node, &queue->heaps[deadline->kind]);

  predicate none_before{L}(struct deadline_queue *queue, integer kind, integer when) =
      \forall integer i; 0 <= i < queue->heaps[kind].count ==> when <= queue->heaps[kind].slots[i]->key;

  predicate is_one_of{L}(struct deadline_queue *queue, integer kind, integer when) =
      queue->heaps[kind].count != 0 && queue->heaps[kind].slots[0]->key == when;

  predicate is_first{L}(struct deadline_queue *queue, integer when) =
      when <= queue->slice.when && none_before(queue, DEADLINE_URGENT, when) &&
      none_before(queue, DEADLINE_OTHER, when) &&
      (when == queue->slice.when || is_one_of(queue, DEADLINE_URGENT, when) ||
       is_one_of(queue, DEADLINE_OTHER, when));

  // Outside a run the comparator is at the first instant.
  predicate is_set{L}(struct deadline_queue *queue) =
      queue->not_before == 0 ==> is_first(queue, queue->programmed);

  predicate is_in_place{L}(struct deadline_queue *queue, struct deadline *deadline) =
      deadline->node.slot != 0 ==> is_inside(&queue->heaps[deadline->kind], &deadline->node);
*/

/*
 * At most `urgent` urgent deadlines and `others` others may be armed at once, and `slots` has room for all;
 * the slice is not counted. `slice_ended` is called at the end of a time slice.
 */
void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned urgent,
                         unsigned others, deadline_fire *slice_ended);

/* From now on general-purpose timers take the place of the comparator, which is off. Boot only. */
void deadline_queue_use(struct deadline_queue *queue, struct gp_timers *timers);

/* A new deadline, not armed. */
/*@
  requires \valid(deadline);
  terminates \true;
  exits \false;
  assigns *deadline;
  ensures deadline->node.slot == 0 && deadline->kind == kind && deadline->fire == fire;
*/
void deadline_init(struct deadline *deadline, enum deadline_kind kind, deadline_fire *fire);

/*
 * Arms the deadline, or moves it when it is armed; DEADLINE_NONE cancels it. When `when` is past, it fires at
 * the next interrupt, which is then pending.
 */
/*@
  requires is_queue(queue) && is_set(queue) && is_of(deadline, queue) && is_in_place(queue, deadline);
  requires room: deadline->node.slot == 0
      ==> queue->heaps[deadline->kind].count < queue->heaps[deadline->kind].capacity;
  terminates \true;
  exits \false;
  assigns queue->programmed, comparator, deadline->when, deadline->node, queue->heaps[deadline->kind].count,
          queue->heaps[deadline->kind].inserted,
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count],
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1]->slot;
  ensures is_queue(queue) && is_set(queue);
  ensures off: when == DEADLINE_NONE ==> deadline->node.slot == 0;
  ensures on: when != DEADLINE_NONE
      ==> is_inside(&queue->heaps[deadline->kind], &deadline->node) && deadline->when == when &&
          deadline->node.key == \max(when, queue->not_before);
*/
void deadline_set(struct deadline_queue *queue, struct deadline *deadline, uint64_t when);

/*@
  requires \valid_read(deadline);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result <==> deadline->node.slot != 0;
*/
static inline bool deadline_is_armed(const struct deadline *deadline)
{
    return heap_contains(&deadline->node);
}

/* Cancels a deadline that is armed. */
/*@
  requires is_queue(queue) && is_set(queue) && is_of(deadline, queue) && is_in_place(queue, deadline);
  requires deadline->node.slot != 0;
  terminates \true;
  exits \false;
  assigns queue->programmed, comparator, queue->heaps[deadline->kind].count,
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1],
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1]->slot;
  ensures is_queue(queue) && is_set(queue);
  ensures deadline->node.slot == 0;
*/
void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline);

/* Cancels a deadline if it is armed, and returns whether it was. */
/*@
  requires is_queue(queue) && is_set(queue) && is_of(deadline, queue) && is_in_place(queue, deadline);
  terminates \true;
  exits \false;
  assigns queue->programmed, comparator, queue->heaps[deadline->kind].count,
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1],
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1]->slot;
  ensures is_queue(queue) && is_set(queue);
  ensures deadline->node.slot == 0 && (\result <==> \old(deadline->node.slot) != 0);
*/
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
/*@
  requires is_queue(queue) && is_set(queue) && when >= queue->not_before;
  terminates \true;
  exits \false;
  assigns queue->slice.when, queue->programmed, comparator;
  ensures is_queue(queue) && is_set(queue) && queue->slice.when == when;
*/
void deadline_set_slice(struct deadline_queue *queue, uint64_t when);

/* The instant that a deadline is armed for, or DEADLINE_NONE. */
/*@
  requires \valid_read(deadline);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result == (deadline->node.slot != 0 ? deadline->when : DEADLINE_NONE);
*/
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
