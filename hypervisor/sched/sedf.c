/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simple EDF, after the scheduler of that name of Xen 3 (xen/common/sched_sedf.c, Diestelhorst).
 *
 * In each period of 10 ms a unit is due a slice: the period times its weight over the sum of all units'
 * weights, blocked ones included, rounded up to a tick. Who runs:
 *
 *  1. Of the units that have some of their slice left, the one whose period ends first; when equal, the one
 *     that runs.
 *  2. When there is none: extra time, so that no CPU time is wasted. It is shared by weight: the unit that
 *     had the least of it over its weight runs, until it is 500 us over its weight ahead of the next, or rule
 *     1 interrupts it.
 *
 * A unit's next period begins when its period ends. What it missed of its slice is lost. What it ran beyond
 * its slice while another was due the CPU, as when it was charged late, is taken from the next slice, at most
 * all of that.
 *
 * Wake-up, as in Xen's, by the names that its source gives the cases:
 *
 *     short unblocking (2, part 1)   before the end of the period: the time blocked counts as used
 *     long unblocking (2, part 2b)   later: a period begins at once, with a whole slice
 *
 * So a wake-up takes nothing from what others are due. But a unit that wakes often has used its slice by
 * sleeping, and waits for extra time or its next period. Xen's preferred such a unit for extra time; this
 * does not. Xen's let each domain choose its period; here one period serves all, so the sum of what is due is
 * a period.
 *
 * There are no warps: W, L, U and C have no effect. So with `timers` = "precise" or "snoop" a deadline is a
 * wake-up like any other, at that instant less what a switch costs. Whether the vCPU runs then follows from
 * its period and slice, and every time that it does not counts as a warp that was denied.
 *
 * Units: ticks of the counter. Every operation is O(log n), except that pick() begins all periods that are
 * due; while other units wait, it is asked at each of these instants.
 */
#include <stddef.h>
#include "base/assert.h"
#include "sched/sedf.h"

#define PERIOD_MS      10
#define QUANTA_IN_A_MS 2
#define USED_MAX       (UINT64_C(1) << 50) /* ticks */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_due(const struct sched_unit *unit)
{
    return sedf_unit(unit)->used < sedf_unit(unit)->slice;
}

static void sedf_init(struct sched_queue *queue, struct heap_node **slots, unsigned capacity)
{
    heap_init(&sedf_queue(queue)->later, slots, capacity);
    heap_init(&sedf_queue(queue)->extra, slots + capacity, capacity);
    sedf_queue(queue)->period = PERIOD_MS * queue->ms;
}

static void sedf_add(struct sched_queue *queue, struct sched_unit *unit)
{
    ASSERT(unit->params.weight >= 1 && unit->params.weight <= SCHED_WEIGHT_MAX);
    unit->runnable = false;
    *sedf_unit(unit) = (struct sedf_unit){.deadline = 0};
    sedf_queue(queue)->weights += unit->params.weight;
}

/* The slices follow when periods begin. */
static void sedf_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params)
{
    sedf_queue(queue)->weights -= unit->params.weight;
    sedf_queue(queue)->weights += params->weight;
    unit->params = *params;
    sedf_unit(unit)->remainder %= params->weight;
}

static void begin_period(const struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline,
                         uint64_t used)
{
    uint64_t weights = sedf_queue(queue)->weights;

    sedf_unit(unit)->slice = (sedf_queue(queue)->period * unit->params.weight + weights - 1) / weights;
    sedf_unit(unit)->deadline = deadline;
    sedf_unit(unit)->used = least(used, sedf_unit(unit)->slice);
}

/* The unit's period is over. What it ran beyond its slice is taken from the next. */
static void next_period(const struct sched_queue *queue, struct sched_unit *unit)
{
    uint64_t beyond = is_due(unit) ? 0 : sedf_unit(unit)->used - sedf_unit(unit)->slice;

    begin_period(queue, unit, sedf_unit(unit)->deadline + sedf_queue(queue)->period, beyond);
}

/*
 * The same for the unit that ran. While it was alone, pick() was not asked at the ends of its periods:
 * several may have passed, and of the present one it has run all the time.
 */
static void next_period_of_current(const struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    uint64_t period = sedf_queue(queue)->period;
    uint64_t since = (now - sedf_unit(unit)->deadline) % period;

    next_period(queue, unit);
    sedf_unit(unit)->deadline = now - since + period;
    if (sedf_unit(unit)->used < since)
        sedf_unit(unit)->used = least(since, sedf_unit(unit)->slice);
}

static void enqueue(struct sched_queue *queue, struct sched_unit *unit)
{
    if (is_due(unit)) {
        heap_insert(&queue->waiting, &unit->node, sedf_unit(unit)->deadline);
        return;
    }
    heap_insert(&sedf_queue(queue)->later, &unit->node, sedf_unit(unit)->deadline);
    heap_insert(&sedf_queue(queue)->extra, &sedf_unit(unit)->by_extra, sedf_unit(unit)->extra);
}

static void dequeue(struct sched_queue *queue, struct sched_unit *unit)
{
    if (!heap_contains(&sedf_unit(unit)->by_extra)) {
        heap_remove(&queue->waiting, &unit->node);
        return;
    }
    heap_remove(&sedf_queue(queue)->later, &unit->node);
    heap_remove(&sedf_queue(queue)->extra, &sedf_unit(unit)->by_extra);
}

static void sedf_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    uint64_t most =
        sedf_unit(unit)->used > sedf_unit(unit)->slice ? sedf_unit(unit)->used : sedf_unit(unit)->slice;

    if (unit->runnable)
        return;
    unit->runnable = true;
    if (now < sedf_unit(unit)->deadline)
        sedf_unit(unit)->used = least(sedf_unit(unit)->used + (now - sedf_unit(unit)->blocked_at), most);
    else
        begin_period(queue, unit, now + sedf_queue(queue)->period, 0);
    if (sedf_unit(unit)->extra < sedf_queue(queue)->floor)
        sedf_unit(unit)->extra = sedf_queue(queue)->floor;
    if (unit != queue->current)
        enqueue(queue, unit);
}

static bool sedf_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    if (!unit->runnable)
        return false;
    unit->runnable = false;
    sedf_unit(unit)->blocked_at = now;
    if (heap_contains(&unit->node))
        dequeue(queue, unit);
    return false;
}

/* Extra time that no other unit waits for does not count. */
static void use_extra(const struct sched_queue *queue, struct sched_unit *unit, uint64_t ran)
{
    uint64_t time = least(ran, USED_MAX) + sedf_unit(unit)->remainder;

    if (sedf_queue(queue)->extra.count == 0)
        return;
    sedf_unit(unit)->extra += time / unit->params.weight;
    sedf_unit(unit)->remainder = (uint32_t)(time % unit->params.weight);
}

static bool sedf_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    uint64_t used = sedf_unit(unit)->used + least(ran, USED_MAX);

    (void)now;
    ASSERT(unit == queue->current);
    if (sedf_queue(queue)->on_extra) {
        use_extra(queue, unit, ran);
        return false;
    }
    /* What it ran beyond its slice while no other was due the CPU was extra time. */
    if (queue->waiting.count == 0 && used > sedf_unit(unit)->slice)
        used = sedf_unit(unit)->slice;
    sedf_unit(unit)->used = least(used, USED_MAX);
    return false;
}

/*
 * Begins the next period of each unit in the heap whose period is over, and puts the unit where it then
 * belongs.
 */
static void begin_periods(struct sched_queue *queue, const struct heap *heap, uint64_t now)
{
    while (heap_first_key(heap, SCHED_NEVER) <= now) {
        struct sched_unit *unit = HEAP_ENTRY(heap_first(heap), struct sched_unit, node);

        dequeue(queue, unit);
        next_period(queue, unit);
        enqueue(queue, unit);
    }
}

/* How far a unit may get ahead in extra time before the next has it: 500 us over its weight, in ticks. */
static uint64_t quantum_of(const struct sched_queue *queue, const struct sched_unit *unit)
{
    return queue->ms / QUANTA_IN_A_MS / unit->params.weight + 1;
}

/* Rule 2. `last` is the unit that ran, if it still can, else NULL; it is in no heap. */
static struct sched_unit *choose_extra(struct sched_queue *queue, struct sched_unit *last)
{
    uint64_t first = heap_first_key(&sedf_queue(queue)->extra, SCHED_NEVER);
    uint64_t ahead = last != NULL && sedf_queue(queue)->on_extra ? quantum_of(queue, last) - 1 : 0;

    if (last == NULL && first == SCHED_NEVER)
        return NULL;
    sedf_queue(queue)->on_extra = true;
    sedf_queue(queue)->floor = last != NULL ? least(first, sedf_unit(last)->extra) : first;
    if (last != NULL && (first == SCHED_NEVER || sedf_unit(last)->extra <= first + ahead))
        return last;
    return sched_unit_of(HEAP_ENTRY(heap_first(&sedf_queue(queue)->extra), struct sedf_unit, by_extra));
}

static struct sched_unit *choose(struct sched_queue *queue, struct sched_unit *last)
{
    struct heap_node *first = heap_first(&queue->waiting);

    if (last != NULL && is_due(last) && (first == NULL || sedf_unit(last)->deadline <= first->key)) {
        sedf_queue(queue)->on_extra = false;
        return last;
    }
    if (first == NULL)
        return choose_extra(queue, last);
    sedf_queue(queue)->on_extra = false;
    return HEAP_ENTRY(first, struct sched_unit, node);
}

/* For how many ticks the current unit has to run until another is given extra time. */
static uint64_t extra_turn(const struct sched_queue *queue, const struct sched_unit *unit)
{
    uint64_t turn = heap_first_key(&sedf_queue(queue)->extra, 0) + quantum_of(queue, unit);

    return (turn - sedf_unit(unit)->extra) * unit->params.weight - sedf_unit(unit)->remainder;
}

/*
 * For how many ticks the current unit goes on for certain; SCHED_NEVER: for ever. The start of another's
 * period does not interrupt a unit that runs on its slice, as that period ends no earlier than the unit's.
 */
static uint64_t hold(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t now)
{
    const struct sedf_queue *own = sedf_queue(queue);
    uint64_t period = sedf_unit(unit)->deadline - now;

    if (queue->waiting.count + own->later.count == 0)
        return SCHED_NEVER;
    if (own->on_extra)
        return least(least(heap_first_key(&own->later, SCHED_NEVER) - now, period), extra_turn(queue, unit));
    return least(sedf_unit(unit)->slice - sedf_unit(unit)->used, period);
}

static struct sched_unit *sedf_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    struct sched_unit *last = queue->current != NULL && queue->current->runnable ? queue->current : NULL;
    struct sched_unit *chosen;
    uint64_t ticks;

    begin_periods(queue, &sedf_queue(queue)->later, now);
    begin_periods(queue, &queue->waiting, now);
    if (last != NULL && sedf_unit(last)->deadline <= now)
        next_period_of_current(queue, last, now);
    chosen = choose(queue, last);
    if (chosen != NULL && chosen != last) {
        dequeue(queue, chosen);
        if (last != NULL)
            enqueue(queue, last);
    }
    queue->current = chosen;
    *until = SCHED_NEVER;
    DEBUG_ASSERT(last == NULL || sched_is_in_place(queue, last));
    DEBUG_ASSERT(chosen == NULL || sched_is_in_place(queue, chosen));
    DEBUG_ASSERT(sedf_queue(queue)->later.count == sedf_queue(queue)->extra.count);
    if (chosen == NULL)
        return NULL;
    ticks = hold(queue, chosen, now);
    if (ticks < SCHED_NEVER - now)
        *until = now + ticks;
    return chosen;
}

const struct sched_policy sedf_policy = {
    .name = "sedf",
    .init = sedf_init,
    .add = sedf_add,
    .wake = sedf_wake,
    .block = sedf_block,
    .charge = sedf_charge,
    .pick = sedf_pick,
    .warp = sched_no_warp,
    .unwarp = sched_no_unwarp,
    .set = sedf_set,
};
