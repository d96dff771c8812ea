/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round robin, a scheduler that knows no urgency: the yardstick for the others.
 *
 * Runnable units wait in one line. The first runs for a turn and goes to the end of the line when it wants
 * more. A turn is the allowance C, at least one tick, times the unit's weight: busy units share the CPU by
 * weight. A unit that wakes joins at the end with a new turn, and preempts nobody: it waits for the turns of
 * all before it. A unit that blocks gives up the rest of its turn. One that is alone begins one turn after
 * another.
 *
 * There are no warps: W, L and U have no effect. So with `timers` = "precise" or "snoop" a deadline is a
 * wake-up like any other, at that instant less what a switch costs. The vCPU is in place on time when the
 * core is idle, and waits for its turn when it is not. Every such wait counts as a warp that was denied.
 *
 * What a unit runs beyond its turn, as with a grace at its end (vm/dispatch.c), is not taken from the next.
 *
 * Units: ticks of CPU time. A turn is below 2^58. Every operation is O(log n): the line is a heap whose keys
 * are all equal, which leave in order of insertion.
 */
#include <stddef.h>
#include "base/assert.h"
#include "sched/policies.h"

struct rr_unit {
    uint64_t left; /* the rest of its turn, ticks of CPU time */
} __attribute__((may_alias));

SCHED_STATE_FITS(struct rr_unit, struct rr_unit);

static struct rr_unit *rr_unit(const struct sched_unit *unit)
{
    return sched_state(unit->state);
}

static uint64_t turn_of(const struct sched_queue *queue, const struct sched_unit *unit)
{
    return (queue->allowance != 0 ? queue->allowance : 1) * unit->params.weight;
}

static void join_line(struct sched_queue *queue, struct sched_unit *unit)
{
    rr_unit(unit)->left = turn_of(queue, unit);
    heap_insert(&queue->waiting, &unit->node, 0);
}

static void rr_add(struct sched_queue *queue, struct sched_unit *unit)
{
    (void)queue;
    ASSERT(unit->params.weight >= 1 && unit->params.weight <= SCHED_WEIGHT_MAX);
    unit->runnable = false;
}

/* The turn that it has goes on. */
static void rr_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params)
{
    (void)queue;
    unit->params = *params;
}

static void rr_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    (void)now;
    if (unit->runnable)
        return;
    unit->runnable = true;
    if (unit != queue->current) /* else it blocked, and no other was chosen since: it goes on with its turn */
        join_line(queue, unit);
}

static bool rr_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    (void)now;
    unit->runnable = false;
    if (heap_contains(&unit->node))
        heap_remove(&queue->waiting, &unit->node);
    return false;
}

static bool rr_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    (void)now;
    ASSERT(unit == queue->current);
    rr_unit(unit)->left =
        sched_turn_left(rr_unit(unit)->left, ran, turn_of(queue, unit), queue->waiting.count == 0);
    return false;
}

static struct sched_unit *choose(struct sched_queue *queue, struct sched_unit *last)
{
    struct heap_node *first = heap_first(&queue->waiting);
    struct sched_unit *chosen;

    if (last != NULL && rr_unit(last)->left != 0)
        return last;
    if (first == NULL) {
        if (last != NULL)
            rr_unit(last)->left = turn_of(queue, last);
        return last;
    }
    chosen = HEAP_ENTRY(first, struct sched_unit, node);
    heap_remove(&queue->waiting, first);
    if (last != NULL)
        join_line(queue, last);
    return chosen;
}

static struct sched_unit *rr_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    struct sched_unit *last = queue->current != NULL && queue->current->runnable ? queue->current : NULL;
    struct sched_unit *chosen = choose(queue, last);

    queue->current = chosen;
    *until = SCHED_NEVER;
    DEBUG_ASSERT(last == NULL || sched_is_in_place(queue, last));
    DEBUG_ASSERT(chosen == NULL || sched_is_in_place(queue, chosen));
    if (queue->waiting.count != 0 && rr_unit(chosen)->left < SCHED_NEVER - now)
        *until = now + rr_unit(chosen)->left;
    return chosen;
}

static void rr_remove(struct sched_queue *queue, struct sched_unit *unit)
{
    ASSERT(unit != queue->current);
    (void)rr_block(queue, unit, 0);
}

static void rr_join(struct sched_queue *queue, struct sched_unit *unit, uint64_t ahead)
{
    (void)ahead;
    rr_wake(queue, unit, 0);
}

static const struct sched_moves moves = {.remove = rr_remove, .join = rr_join};

const struct sched_policy rr_policy = {
    .name = "rr",
    .add = rr_add,
    .wake = rr_wake,
    .block = rr_block,
    .charge = rr_charge,
    .pick = rr_pick,
    .warp = sched_no_warp,
    .unwarp = sched_no_unwarp,
    .set = rr_set,
    .moves = &moves,
};
