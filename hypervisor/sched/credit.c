/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credit scheduler with BOOST, after Xen's first scheduler of that name (Xen 3 and later; its wiki,
 * "Credit Scheduler"), on one core and without caps.
 *
 * Each unit has a credit of CPU time, and what it runs is taken from it. Every 30 ms (the accounting) the
 * active units get 30 ms among them, by weight, and the priority of each is set:
 *
 *     BOOST   woke while UNDER, and has not been seen running at a tick since; or is warped
 *     UNDER   was not in debt at the last accounting
 *     OVER    was in debt: its credit was negative
 *
 * The units of the highest priority run one after the other, each for a slice of 30 ms. So a unit that wakes
 * as BOOST preempts one that is UNDER, which goes to the end of the line of its priority. A tick every 10 ms
 * ends the boost of the unit that it finds running; the accounting ends that of all active ones.
 *
 * A unit becomes active when it runs. An accounting that leaves it more than 30 ms makes it inactive and
 * halves its credit, so that a sleeper does not save up. A debt is cut to 30 ms. Both cuts forgive time, and
 * a unit that is UNDER runs whole slices whatever its credit: the shares of many units of different weights
 * are rough.
 *
 * What is different from Xen: CPU time is charged exactly, as in later versions of Xen; in the first, a tick
 * cost the unit that it found 10 ms. A unit that becomes UNDER at an accounting preempts one that is OVER at
 * once, not at the end of its slice. There is no rate limit. Ticks are at multiples of 10 ms. While no unit
 * waits they are not asked for: what was missed is done at the next wake(), warp() or pick(): all accountings
 * as one, BEHIND_MAX of them at most.
 *
 * Warps are not Xen's. With `timers` = "precise" or "snoop" the vCPU is woken at its deadline, less what a
 * switch costs, and that is a BOOST like that of any wake-up. A vCPU that was runnable gets it by the warp: a
 * unit that is UNDER becomes BOOST until its work is done, or L of CPU time is used. The end of a warp is the
 * end of the turn. A warp is refused to a unit that is OVER, and until U after the last. It does not preempt
 * another BOOST. W, and C, the allowance, have no effect.
 *
 * Units: ticks of the counter. A credit is at most BEHIND_MAX accountings, and so is a debt until the next
 * accounting cuts it. Waking, blocking and choosing are O(log n), the accounting O(n log n).
 */
#include <stddef.h>
#include "base/assert.h"
#include "sched/credit.h"

#define TICK_MS    10
#define PERIOD     3  /* ticks of the policy from one accounting to the next, and in a slice */
#define BEHIND_MAX 64 /* the most accountings that are made up for at once */

/* The keys in `waiting`. Units of one priority leave in the order of insertion. */
enum priority { BOOST, UNDER, OVER };

static enum priority priority_of(const struct sched_unit *unit)
{
    if (unit->warped || credit_unit(unit)->boosted)
        return BOOST;
    return credit_unit(unit)->over ? OVER : UNDER;
}

static uint64_t period_of(const struct sched_queue *queue)
{
    return PERIOD * credit_queue(queue)->tick;
}

static void credit_init(struct sched_queue *queue, struct heap_node **slots, unsigned capacity)
{
    (void)slots, (void)capacity;
    credit_queue(queue)->tick = TICK_MS * queue->ms;
}

static void credit_add(struct sched_queue *queue, struct sched_unit *unit)
{
    ASSERT(unit->params.weight >= 1 && unit->params.weight <= SCHED_WEIGHT_MAX);
    unit->runnable = false;
    *credit_unit(unit) = (struct credit_unit){.next = credit_queue(queue)->units};
    credit_queue(queue)->units = unit;
}

static void credit_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params)
{
    if (credit_unit(unit)->active) {
        credit_queue(queue)->weights -= unit->params.weight;
        credit_queue(queue)->weights += params->weight;
    }
    unit->params = *params;
}

/*
 * To be called when the unit's priority may have changed: if it waits, it goes to the end of the line of the
 * new one.
 */
static void sort_in(struct sched_queue *queue, struct sched_unit *unit)
{
    if (heap_contains(&unit->node) && unit->node.key != priority_of(unit))
        heap_move(&queue->waiting, &unit->node, priority_of(unit));
}

/* What an active unit gets at so many accountings. Rounded up, or all units together would get into debt. */
static int64_t grant(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t weights,
                     uint64_t periods)
{
    return (int64_t)((periods * period_of(queue) * unit->params.weight + weights - 1) / weights);
}

static void stop_earning(struct sched_queue *queue, struct sched_unit *unit)
{
    credit_unit(unit)->active = false;
    credit_queue(queue)->weights -= unit->params.weight;
    credit_unit(unit)->credit /= 2;
}

/*
 * Was the unit in debt when the accounting was due? What the current unit has run since then does not count.
 */
static bool was_over(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t now)
{
    uint64_t since = unit == queue->current ? now % period_of(queue) : 0;

    return credit_unit(unit)->credit + (int64_t)since < 0;
}

static void account(struct sched_queue *queue, uint64_t periods, uint64_t now)
{
    int64_t most = (int64_t)period_of(queue);
    uint64_t weights = credit_queue(queue)->weights;

    if (periods > BEHIND_MAX)
        periods = BEHIND_MAX;
    for (struct sched_unit *unit = credit_queue(queue)->units; unit != NULL; unit = credit_unit(unit)->next) {
        if (!credit_unit(unit)->active)
            continue;
        credit_unit(unit)->credit += grant(queue, unit, weights, periods);
        credit_unit(unit)->boosted = false;
        credit_unit(unit)->over = was_over(queue, unit, now);
        if (credit_unit(unit)->credit < -most)
            credit_unit(unit)->credit = -most;
        if (credit_unit(unit)->credit > most)
            stop_earning(queue, unit);
        sort_in(queue, unit);
    }
}

/* Does what the ticks up to `now` have to do. */
static void catch_up(struct sched_queue *queue, uint64_t now)
{
    uint64_t tick = now / credit_queue(queue)->tick;
    uint64_t periods = tick / PERIOD - credit_queue(queue)->ticked / PERIOD;

    if (tick == credit_queue(queue)->ticked)
        return;
    credit_queue(queue)->ticked = tick;
    if (queue->current != NULL)
        credit_unit(queue->current)->boosted = false;
    if (periods != 0)
        account(queue, periods, now);
}

static void credit_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    if (unit->runnable)
        return;
    catch_up(queue, now);
    unit->runnable = true;
    if (unit == queue->current) /* it blocked, and no other was chosen since */
        return;
    credit_unit(unit)->boosted = !credit_unit(unit)->over;
    heap_insert(&queue->waiting, &unit->node, priority_of(unit));
}

/* The end of a warp ends the turn, too. */
static bool credit_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    if (!unit->warped)
        return false;
    unit->warped = credit_unit(unit)->boosted = false;
    credit_unit(unit)->left = 0;
    credit_unit(unit)->warp_ended = now;
    credit_unit(unit)->was_warped = true;
    sort_in(queue, unit);
    return true;
}

static bool credit_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    unit->runnable = false;
    if (heap_contains(&unit->node))
        heap_remove(&queue->waiting, &unit->node);
    return credit_unwarp(queue, unit, now);
}

static bool may_warp(const struct sched_unit *unit, uint64_t now)
{
    if (unit->warped || !unit->runnable || unit->params.warp_limit == 0 || credit_unit(unit)->over)
        return false;
    return !credit_unit(unit)->was_warped || now - credit_unit(unit)->warp_ended >= unit->params.unwarp;
}

static bool credit_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                        uint64_t now)
{
    (void)deadline;
    catch_up(queue, now);
    if (!may_warp(unit, now))
        return false;
    unit->warped = true;
    credit_unit(unit)->warp_left =
        needs != 0 && needs < unit->params.warp_limit ? needs : unit->params.warp_limit;
    sort_in(queue, unit);
    return true;
}

static void use_credit(const struct sched_queue *queue, struct sched_unit *unit, uint64_t ran)
{
    uint64_t most = BEHIND_MAX * period_of(queue);

    credit_unit(unit)->credit -= (int64_t)(ran < most ? ran : most);
    if (credit_unit(unit)->credit < -(int64_t)most)
        credit_unit(unit)->credit = -(int64_t)most;
}

static bool credit_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    ASSERT(unit == queue->current);
    if (!credit_unit(unit)->active) {
        credit_unit(unit)->active = true;
        credit_queue(queue)->weights += unit->params.weight;
    }
    use_credit(queue, unit, ran);
    credit_unit(unit)->left =
        sched_turn_left(credit_unit(unit)->left, ran, period_of(queue), queue->waiting.count == 0);
    if (!unit->warped)
        return false;
    if (ran < credit_unit(unit)->warp_left) {
        credit_unit(unit)->warp_left -= ran;
        return false;
    }
    return credit_unwarp(queue, unit, now);
}

/* Does the unit that ran, and still can, give way to the first in line? */
static bool gives_way(const struct sched_unit *last, const struct heap_node *first)
{
    enum priority priority = priority_of(last);

    return first->key < priority || (first->key == priority && credit_unit(last)->left == 0);
}

static struct sched_unit *choose(struct sched_queue *queue, struct sched_unit *last)
{
    struct heap_node *first = heap_first(&queue->waiting);
    struct sched_unit *chosen = last;

    if (first != NULL && (last == NULL || gives_way(last, first))) {
        chosen = HEAP_ENTRY(first, struct sched_unit, node);
        credit_unit(chosen)->left = 0;
        heap_remove(&queue->waiting, first);
        if (last != NULL)
            heap_insert(&queue->waiting, &last->node, priority_of(last));
    }
    if (chosen != NULL && credit_unit(chosen)->left == 0)
        credit_unit(chosen)->left = period_of(queue);
    return chosen;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* For how many ticks the current unit goes on for certain; SCHED_NEVER: for ever. */
static uint64_t hold(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t now)
{
    uint64_t warp = unit->warped ? credit_unit(unit)->warp_left : SCHED_NEVER;
    uint64_t step = credit_unit(unit)->boosted ? credit_queue(queue)->tick : period_of(queue);

    if (queue->waiting.count == 0)
        return warp;
    return least(warp, least(credit_unit(unit)->left, step - now % step));
}

/* The invariants of the queue, for assertions: O(n). */
static bool is_consistent(const struct sched_queue *queue)
{
    uint64_t weights = 0;

    for (const struct sched_unit *unit = credit_queue(queue)->units; unit != NULL;
         unit = credit_unit(unit)->next) {
        if (!sched_is_in_place(queue, unit))
            return false;
        if (credit_unit(unit)->active)
            weights += unit->params.weight;
    }
    return heap_is_ordered(&queue->waiting) && weights == credit_queue(queue)->weights;
}

static struct sched_unit *credit_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    struct sched_unit *last;
    uint64_t ticks;

    catch_up(queue, now);
    last = queue->current != NULL && queue->current->runnable ? queue->current : NULL;
    queue->current = choose(queue, last);
    *until = SCHED_NEVER;
    DEBUG_ASSERT(is_consistent(queue));
    if (queue->current == NULL)
        return NULL;
    ticks = hold(queue, queue->current, now);
    if (ticks < SCHED_NEVER - now)
        *until = now + ticks;
    return queue->current;
}

const struct sched_policy credit_policy = {
    .name = "credit",
    .init = credit_init,
    .add = credit_add,
    .wake = credit_wake,
    .block = credit_block,
    .charge = credit_charge,
    .pick = credit_pick,
    .warp = credit_warp,
    .unwarp = credit_unwarp,
    .set = credit_set,
};
