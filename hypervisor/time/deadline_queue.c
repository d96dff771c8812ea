/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue of time/deadline_queue.h: a heap, and the comparator that is kept at the first instant.
 *
 * Setting the comparator costs writes of system registers and a barrier. So it is set only when the first
 * instant has changed, and during a run only at its end. Invariant outside a run: `programmed` is the first
 * key of the heap or the end of the slice, whichever is earlier; DEADLINE_NONE when there is neither.
 */
#include "time/deadline_queue.h"
#include "time/comparator.h"
#include "base/assert.h"

static uint64_t head_key(const struct deadline_queue *queue)
{
    return heap_first_key(&queue->heap, DEADLINE_NONE);
}

/* What the comparator is to be set to; DEADLINE_NONE: it is to be off. */
static uint64_t first_instant(const struct deadline_queue *queue)
{
    uint64_t first = head_key(queue);

    return queue->slice.when < first ? queue->slice.when : first;
}

static void program_comparator(struct deadline_queue *queue)
{
    uint64_t first = first_instant(queue);

    DEBUG_ASSERT(heap_is_ordered(&queue->heap));
    if (first == queue->programmed)
        return;
    queue->programmed = first;
    if (first == DEADLINE_NONE)
        arch_comparator_off();
    else
        arch_comparator_set(first);
}

void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned capacity,
                         deadline_fire *slice_ended)
{
    *queue = (struct deadline_queue){
        .slice = {.when = DEADLINE_NONE, .fire = slice_ended},
        .programmed = DEADLINE_NONE,
    };
    heap_init(&queue->heap, slots, capacity);
    arch_comparator_off();
}

void deadline_init(struct deadline *deadline, deadline_fire *fire)
{
    *deadline = (struct deadline){.fire = fire};
}

static bool is_running(const struct deadline_queue *queue)
{
    return queue->not_before != 0;
}

static void arm(struct deadline_queue *queue, struct deadline *deadline, uint64_t when)
{
    uint64_t key = when >= queue->not_before ? when : queue->not_before;

    deadline->when = when;
    if (deadline_is_armed(deadline))
        heap_move(&queue->heap, &deadline->node, key);
    else
        heap_insert(&queue->heap, &deadline->node, key);
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
    queue->slice.when = when;
    if (!is_running(queue))
        program_comparator(queue);
}

void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline)
{
    heap_remove(&queue->heap, &deadline->node);
    if (!is_running(queue))
        program_comparator(queue);
}

static struct deadline *take_first(struct deadline_queue *queue)
{
    struct heap_node *first = queue->heap.slots[0];

    heap_remove(&queue->heap, first);
    return HEAP_ENTRY(first, struct deadline, node);
}

void deadline_queue_run(struct deadline_queue *queue, uint64_t now)
{
    ASSERT(!is_running(queue) && now < DEADLINE_NONE - 1);
    DEBUG_ASSERT(queue->programmed == first_instant(queue));
    queue->not_before = now + 1;
    if (head_key(queue) <= now) {
        struct deadline *due = take_first(queue);

        DEBUG_ASSERT(due->when <= now && !deadline_is_armed(due));
        due->fire(due, now);
    } else if (queue->slice.when <= now) {
        queue->slice.when = DEADLINE_NONE;
        queue->slice.fire(&queue->slice, now);
    }
    queue->not_before = 0;
    program_comparator(queue);
}
