/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue of time/deadline_queue.h: two heaps, and the comparator that is kept at the first
 * instant.
 *
 * Setting the comparator costs writes of system registers and a barrier. So it is set only when the first
 * instant has changed, and during a run only at its end. Invariant outside a run: `programmed` is the first
 * key of the heaps or the end of the slice, whichever is earliest; DEADLINE_NONE when there is none.
 */
#include "time/deadline_queue.h"
#include "time/comparator.h"
#include "base/assert.h"

static uint64_t head_key(const struct deadline_queue *queue, enum deadline_kind kind)
{
    return heap_first_key(&queue->heaps[kind], DEADLINE_NONE);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the comparator is to be set to; DEADLINE_NONE: it is to be off. */
static uint64_t first_instant(const struct deadline_queue *queue)
{
    return earlier(queue->slice.when,
                   earlier(head_key(queue, DEADLINE_URGENT), head_key(queue, DEADLINE_OTHER)));
}

static void program_comparator(struct deadline_queue *queue)
{
    uint64_t first = first_instant(queue);

    DEBUG_ASSERT(heap_is_ordered(&queue->heaps[DEADLINE_URGENT]) &&
                 heap_is_ordered(&queue->heaps[DEADLINE_OTHER]));
    if (first == queue->programmed)
        return;
    queue->programmed = first;
    if (first == DEADLINE_NONE)
        arch_comparator_off();
    else
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
    arch_comparator_off();
}

void deadline_init(struct deadline *deadline, enum deadline_kind kind, deadline_fire *fire)
{
    *deadline = (struct deadline){.fire = fire, .kind = kind};
}

static struct heap *heap_of(struct deadline_queue *queue, const struct deadline *deadline)
{
    return &queue->heaps[deadline->kind];
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
    queue->slice.when = when;
    if (!is_running(queue))
        program_comparator(queue);
}

void deadline_disarm(struct deadline_queue *queue, struct deadline *deadline)
{
    heap_remove(heap_of(queue, deadline), &deadline->node);
    if (!is_running(queue))
        program_comparator(queue);
}

static void fire_first(struct heap *heap, uint64_t now)
{
    struct heap_node *first = heap->slots[0];
    struct deadline *due = HEAP_ENTRY(first, struct deadline, node);

    heap_remove(heap, first);
    DEBUG_ASSERT(due->when <= now && !deadline_is_armed(due));
    due->fire(due, now);
}

void deadline_queue_run(struct deadline_queue *queue, uint64_t now)
{
    ASSERT(!is_running(queue) && now < DEADLINE_NONE - 1);
    DEBUG_ASSERT(queue->programmed == first_instant(queue));
    queue->not_before = now + 1;
    if (head_key(queue, DEADLINE_URGENT) <= now) {
        fire_first(&queue->heaps[DEADLINE_URGENT], now);
    } else if (head_key(queue, DEADLINE_OTHER) <= now) {
        fire_first(&queue->heaps[DEADLINE_OTHER], now);
    } else if (queue->slice.when <= now) {
        queue->slice.when = DEADLINE_NONE;
        queue->slice.fire(&queue->slice, now);
    }
    queue->not_before = 0;
    program_comparator(queue);
}
