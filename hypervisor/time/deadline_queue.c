/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue of time/deadline_queue.h: two heaps, and the comparator that is kept at the first
 * instant.
 *
 * Setting the comparator costs writes of system registers and a barrier. So it is set only when the first
 * instant has changed, and during a run only at its end. Invariant outside a run: `programmed` is the first
 * key of the heaps or the end of the slice, whichever is earliest; DEADLINE_NONE when there is none. With
 * general-purpose timers it is BY_TIMERS, which no instant is, so that these see each change.
 */
#include "time/deadline_queue.h"
#include "time/comparator.h"
#include <stddef.h>
#include "base/assert.h"

#define BY_TIMERS (DEADLINE_NONE - 1) /* a deadline that is armed for this is never reached either */

/*@
  requires 0 <= kind < DEADLINE_KINDS && is_heap(&queue->heaps[kind]);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures none_before(queue, kind, \result);
  ensures \result == (queue->heaps[kind].count == 0 ? DEADLINE_NONE : queue->heaps[kind].slots[0]->key);
*/
static uint64_t head_key(const struct deadline_queue *queue, enum deadline_kind kind)
{
    return heap_first_key(&queue->heaps[kind], DEADLINE_NONE);
}

/*@
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result == \min(a, b);
*/
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the comparator is to be set to; DEADLINE_NONE: it is to be off. */
/*@
  requires is_queue(queue);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures is_first(queue, \result);
*/
static uint64_t first_instant(const struct deadline_queue *queue)
{
    return earlier(queue->slice.when,
                   earlier(head_key(queue, DEADLINE_URGENT), head_key(queue, DEADLINE_OTHER)));
}

/*@
  requires is_queue(queue);
  terminates \true;
  exits \false;
  assigns queue->programmed, comparator;
  ensures is_queue(queue) && is_first(queue, queue->programmed);
*/
static void program_comparator(struct deadline_queue *queue)
{
    uint64_t first = first_instant(queue);

    DEBUG_ASSERT(heap_is_ordered(&queue->heaps[DEADLINE_URGENT]) &&
                 heap_is_ordered(&queue->heaps[DEADLINE_OTHER]));
    if (first == queue->programmed)
        return;
    if (queue->timers != NULL) {
        //@ calls gp_timers_program;
        queue->timers->program(queue->timers, &queue->heaps[DEADLINE_URGENT],
                               earlier(queue->slice.when, head_key(queue, DEADLINE_OTHER)));
        return;
    }
    /*@ assert outside: \forall integer i; 0 <= i < queue->heaps[0].count
            ==> \separated((struct deadline *)queue->heaps[0].slots[i], queue); */
    /*@ assert outside: \forall integer i; 0 <= i < queue->heaps[1].count
            ==> \separated((struct deadline *)queue->heaps[1].slots[i], queue); */
    queue->programmed = first;
    /*@ assert keys_are_kept{Pre, Here}(queue->heaps[0].slots, queue->heaps[0].count, -1); */
    /*@ assert keys_are_kept{Pre, Here}(queue->heaps[1].slots, queue->heaps[1].count, -1); */
    //@ assert is_heap(&queue->heaps[0]);
    //@ assert is_heap(&queue->heaps[1]);
    //@ assert are_known(&queue->heaps[0], &queue->heaps[1]);
    //@ assert are_two(&queue->heaps[0], &queue->heaps[1]);
    //@ assert is_alone(queue);
    arch_comparator_set(first);
}

void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned urgent,
                         unsigned others, deadline_fire *slice_ended)
{
    *queue = (struct deadline_queue){
        .slice = {.when = DEADLINE_NONE, .fire = slice_ended},
        .programmed = DEADLINE_NONE,
    };
    heap_init(&queue->heaps[DEADLINE_URGENT], slots, urgent);
    heap_init(&queue->heaps[DEADLINE_OTHER], slots + urgent, others);
    arch_comparator_set(DEADLINE_NONE);
}

void deadline_queue_use(struct deadline_queue *queue, struct gp_timers *timers)
{
    queue->timers = timers;
    queue->programmed = BY_TIMERS;
    program_comparator(queue);
}

void deadline_init(struct deadline *deadline, enum deadline_kind kind, deadline_fire *fire)
{
    *deadline = (struct deadline){.fire = fire, .kind = kind};
}

/*@
  requires \valid_read(deadline) && 0 <= deadline->kind < DEADLINE_KINDS;
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result == &queue->heaps[deadline->kind];
*/
static struct heap *heap_of(struct deadline_queue *queue, const struct deadline *deadline)
{
    return &queue->heaps[deadline->kind];
}

/*@
  requires \valid_read(queue);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result <==> queue->not_before != 0;
*/
static bool is_running(const struct deadline_queue *queue)
{
    return queue->not_before != 0;
}

/* heap_remove(), and that it leaves the other heap alone. */
/*@
  requires are_two(heap, other) && are_known(heap, other) && \valid(node) && is_inside(heap, node);
  terminates \true;
  exits \false;
  assigns heap->count, heap->slots[0 .. heap->count - 1], heap->slots[0 .. heap->count - 1]->slot;
  ensures are_two(heap, other) && are_known(heap, other);
  ensures node->slot == 0 && heap->count == \old(heap->count) - 1;
  ensures same_room{Old, Post}(heap) && same_room{Old, Post}(other);
*/
static inline void take_out(struct heap *heap, struct heap_node *node)
/*@ ghost (struct heap *other) */
{
    /*@ assert \forall integer i, j; 0 <= i < other->count && 0 <= j < heap->count
            ==> \separated((struct deadline *)other->slots[i], (struct deadline *)heap->slots[j]); */
    /*@ assert slots: \forall integer i, j; 0 <= i < other->count && 0 <= j < heap->count
            ==> \separated(&other->slots[i]->slot, &heap->slots[j]->slot); */
    /*@ assert counts: \forall integer i; 0 <= i < other->count
            ==> \separated(&other->slots[i]->slot, &heap->count); */
    //@ assert \separated(&other->slots, heap->slots + (0 .. heap->count - 1));
    //@ assert \separated(other, heap->slots + (0 .. heap->count - 1));
    /*@ assert fields: \forall integer j; 0 <= j < heap->count
            ==> &heap->slots[j]->slot != &other->count && &heap->slots[j]->slot != &other->capacity; */
    //@ assert fields: &heap->count != &other->count && &heap->count != &other->capacity;
    heap_remove(heap, node);
    /*@ assert fields: other->count == \at(other->count, Pre) && other->slots == \at(other->slots, Pre) &&
                       other->capacity == \at(other->capacity, Pre); */
    //@ assert fields: heap->slots == \at(heap->slots, Pre) && heap->capacity == \at(heap->capacity, Pre);
    /*@ assert array: \forall integer i; 0 <= i < other->count
            ==> other->slots[i] == \at(other->slots[i], Pre); */
    /*@ assert inside: \forall integer i; 0 <= i < \at(other->count, Pre)
            ==> \at(other->slots[i], Pre)->slot == i + 1; */
    /*@ assert inside: \forall integer i; 0 <= i < other->count ==> other->slots[i]->slot == i + 1; */
    //@ assert slots_are_known(other, other->slots, other->count, -1);
    //@ assert keys_are_kept{Pre, Here}(other->slots, other->count, -1);
    //@ assert has_room(other);
    /*@ assert \forall integer i; 1 <= i < other->count ==> 0 <= parent_of(i) < i &&
            !before(\at(other->slots[i], Pre), \at(other->slots[parent_of(i)], Pre)); */
    //@ assert in_order(other->slots, other->count, -1);
    //@ assert is_heap(other);
    /*@ assert armed: \forall struct heap_node *n; (belongs(n, heap) || belongs(n, other)) && n->slot != 0
            ==> \at(n->slot, Pre) != 0; */
}

/* This contract is not proved: CONTRIBUTING.md has the argument for it. */
/*@
  requires is_queue(queue) && is_of(deadline, queue) && is_in_place(queue, deadline);
  requires room: deadline->node.slot == 0
      ==> queue->heaps[deadline->kind].count < queue->heaps[deadline->kind].capacity;
  terminates \true;
  exits \false;
  assigns deadline->when, deadline->node, queue->heaps[deadline->kind].count,
          queue->heaps[deadline->kind].inserted,
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count],
          queue->heaps[deadline->kind].slots[0 .. queue->heaps[deadline->kind].count - 1]->slot;
  ensures is_queue(queue);
  ensures is_inside(&queue->heaps[deadline->kind], &deadline->node) && deadline->when == when &&
          deadline->node.key == \max(when, queue->not_before);
*/
static void arm(struct deadline_queue *queue, struct deadline *deadline, uint64_t when)
{
    uint64_t key = when >= queue->not_before ? when : queue->not_before;

    deadline->when = when;
    if (deadline_is_armed(deadline))
        heap_move(heap_of(queue, deadline), &deadline->node, key);
    else
        heap_insert(heap_of(queue, deadline), &deadline->node, key);
}

void deadline_set(struct deadline_queue *queue, struct deadline *deadline, uint64_t when)
{
    if (when == DEADLINE_NONE) {
        (void)deadline_cancel(queue, deadline);
        return;
    }
    arm(queue, deadline, when);
    if (!is_running(queue))
        program_comparator(queue);
}

void deadline_set_slice(struct deadline_queue *queue, uint64_t when)
{
    /*@ assert outside: \forall integer i; 0 <= i < queue->heaps[0].count
            ==> \separated((struct deadline *)queue->heaps[0].slots[i], queue); */
    /*@ assert outside: \forall integer i; 0 <= i < queue->heaps[1].count
            ==> \separated((struct deadline *)queue->heaps[1].slots[i], queue); */
    queue->slice.when = when;
    /*@ assert keys_are_kept{Pre, Here}(queue->heaps[0].slots, queue->heaps[0].count, -1); */
    /*@ assert keys_are_kept{Pre, Here}(queue->heaps[1].slots, queue->heaps[1].count, -1); */
    //@ assert is_heap(&queue->heaps[0]);
    //@ assert is_heap(&queue->heaps[1]);
    //@ assert are_known(&queue->heaps[0], &queue->heaps[1]);
    //@ assert are_two(&queue->heaps[0], &queue->heaps[1]);
    //@ assert is_alone(queue);
    if (!is_running(queue))
        program_comparator(queue);
}

void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline)
{
    //@ assert deadline->kind == 0 || deadline->kind == 1;
    take_out(heap_of(queue, deadline), &deadline->node) /*@ ghost (&queue->heaps[1 - deadline->kind]) */;
    //@ assert are_known(&queue->heaps[0], &queue->heaps[1]);
    //@ assert are_two(&queue->heaps[0], &queue->heaps[1]);
    //@ assert is_alone(queue);
    if (!is_running(queue))
        program_comparator(queue);
}

/* The first deadline, which is due, taken out. */
/*@
  requires are_two(heap, other) && are_known(heap, other) && heap->count != 0;
  requires heap->slots[0]->key <= now;
  terminates \true;
  exits \false;
  assigns heap->count, heap->slots[0 .. heap->count - 1], heap->slots[0 .. heap->count - 1]->slot;
  ensures are_two(heap, other) && are_known(heap, other) && heap->count == \old(heap->count) - 1;
  ensures \result == (struct deadline *)\old(heap->slots[0]) && \result->node.slot == 0;
  ensures not_early: \result->when <= now;
*/
static inline struct deadline *take_first(struct heap *heap, uint64_t now)
/*@ ghost (struct heap *other) */
{
    struct heap_node *first = heap->slots[0];
    struct deadline *due = HEAP_ENTRY(first, struct deadline, node);

    //@ assert belongs(first, heap) && first->slot == 1 && is_inside(heap, first);
    //@ assert due == (struct deadline *)first && due->when <= first->key;
    take_out(heap, first) /*@ ghost (other) */;
    DEBUG_ASSERT(due->when <= now && !deadline_is_armed(due));
    return due;
}

static __attribute__((noinline)) void fire_first(struct heap *heap, uint64_t now)
/*@ ghost (struct heap *other) */
{
    struct deadline *due = take_first(heap, now) /*@ ghost (other) */;

    due->fire(due, now);
}

void deadline_queue_run(struct deadline_queue *queue, uint64_t now)
{
    ASSERT(!is_running(queue) && now < DEADLINE_NONE - 1);
    DEBUG_ASSERT(queue->programmed == (queue->timers != NULL ? BY_TIMERS : first_instant(queue)));
    queue->not_before = now + 1;
    if (head_key(queue, DEADLINE_URGENT) <= now) {
        fire_first(&queue->heaps[DEADLINE_URGENT], now) /*@ ghost (&queue->heaps[DEADLINE_OTHER]) */;
    } else if (head_key(queue, DEADLINE_OTHER) <= now) {
        fire_first(&queue->heaps[DEADLINE_OTHER], now) /*@ ghost (&queue->heaps[DEADLINE_URGENT]) */;
    } else if (queue->slice.when <= now) {
        queue->slice.when = DEADLINE_NONE;
        queue->slice.fire(&queue->slice, now);
    }
    queue->not_before = 0;
    program_comparator(queue);
}
