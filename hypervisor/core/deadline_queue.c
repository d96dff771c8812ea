/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue of core/deadline_queue.h: a heap, and the comparator kept equal to its head.
 *
 * Writing the comparator costs a system register write and a barrier, so it is written only when the head
 * changes, and during a run only at its end. Invariant outside a run: programmed == the head's key,
 * DEADLINE_NONE when empty.
 */
#include "core/deadline_queue.h"
#include "core/arch.h"
#include "core/assert.h"

static uint64_t head_key(const struct deadline_queue *queue)
{
    const struct heap_node *head = heap_first(&queue->heap);

    return head != NULL ? head->key : DEADLINE_NONE;
}

static void program_comparator(struct deadline_queue *queue)
{
    uint64_t head = head_key(queue);

    if (queue->running || head == queue->programmed)
        return;
    queue->programmed = head;
    if (head == DEADLINE_NONE)
        arch_comparator_off();
    else
        arch_comparator_set(head);
}

void deadline_queue_init(struct deadline_queue *queue, struct heap_node **slots, unsigned capacity)
{
    *queue = (struct deadline_queue){.lock = SPINLOCK_INIT, .programmed = DEADLINE_NONE};
    heap_init(&queue->heap, slots, capacity);
    arch_comparator_off();
}

void deadline_init(struct deadline *deadline, deadline_fire *fire)
{
    *deadline = (struct deadline){.fire = fire};
}

static bool disarm(struct deadline_queue *queue, struct deadline *deadline)
{
    if (!deadline_is_armed(deadline))
        return false;
    heap_remove(&queue->heap, &deadline->node);
    return true;
}

/* When a deadline armed now can fire: not in the run that is going on, and never at the instant
 * DEADLINE_NONE. */
static uint64_t earliest_firing(const struct deadline_queue *queue, uint64_t when)
{
    return queue->running && when <= queue->run_now ? queue->run_now + 1 : when;
}

void deadline_set(struct deadline_queue *queue, struct deadline *deadline, uint64_t when)
{
    spin_lock(&queue->lock);
    ASSERT(queue->running || queue->programmed == head_key(queue));
    (void)disarm(queue, deadline);
    if (when != DEADLINE_NONE) {
        deadline->when = when;
        heap_insert(&queue->heap, &deadline->node, earliest_firing(queue, when));
    }
    program_comparator(queue);
    spin_unlock(&queue->lock);
}

bool deadline_cancel(struct deadline_queue *queue, struct deadline *deadline)
{
    spin_lock(&queue->lock);
    ASSERT(queue->running || queue->programmed == head_key(queue));
    bool was_armed = disarm(queue, deadline);

    program_comparator(queue);
    spin_unlock(&queue->lock);
    return was_armed;
}

uint64_t deadline_when(const struct deadline *deadline)
{
    return deadline_is_armed(deadline) ? deadline->when : DEADLINE_NONE;
}

/* Takes the next deadline that is due out of the queue: NULL when there is none. */
static struct deadline *take_due(struct deadline_queue *queue)
{
    struct heap_node *head = heap_first(&queue->heap);

    if (head == NULL || head->key > queue->run_now)
        return NULL;
    heap_remove(&queue->heap, head);
    return HEAP_ENTRY(head, struct deadline, node);
}

void deadline_queue_run(struct deadline_queue *queue, uint64_t now)
{
    spin_lock(&queue->lock);
    ASSERT(!queue->running && now < DEADLINE_NONE - 1);
    ASSERT(queue->programmed == head_key(queue));
    queue->running = true;
    queue->run_now = now;
    for (;;) {
        struct deadline *due = take_due(queue);

        if (due == NULL)
            break;
        spin_unlock(&queue->lock);
        due->fire(due, now);
        spin_lock(&queue->lock);
    }
    queue->running = false;
    program_comparator(queue);
    spin_unlock(&queue->lock);
}
