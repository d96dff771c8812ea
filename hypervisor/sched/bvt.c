/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed virtual time (Duda and Cheriton, SOSP '99).
 *
 * Each unit has an actual virtual time A, its CPU time over its weight: units whose A keep pace have CPU time
 * in proportion to their weights. The effective virtual time E is A, or A - W while the unit is warped. The
 * unit with the least E runs. A unit that wakes gets A = max(A, SVT), where the scheduler virtual time SVT is
 * the greatest that the least A of the runnable units has been: sleeping earns nothing. Under `cbs` it is
 * max(A, SVT - credit).
 *
 * Who runs (pick):
 *
 *  1. A warped unit is urgent. It runs at once if its E is less than the front, and goes on until its E is
 *     greater. The front is the least A of all runnable units, or the least E of those under rule 2 if that
 *     is less. Of several urgent units the one whose warp has the earliest deadline runs.
 *  2. A warped unit that is not ahead of the front has spent its warp: until the warp ends it competes by
 *     rule 3 with its E = A - W.
 *  3. Of the others the incumbent runs, which is the one last chosen by this rule, until another's E is
 *     behind its E by the context-switch allowance C; then the least E becomes the incumbent. A warp of
 *     another unit interrupts the incumbent, which goes on afterwards with the rest of its allowance. An
 *     incumbent that blocks leaves its place to the least E.
 *
 * L bounds how long a warp lasts, and U how soon after one the next may begin. A unit that warps whenever it
 * may is urgent as long as it is less than W ahead. The policy `cbs` (cbs.c) builds on this file, and bounds
 * urgent work in another way.
 *
 * So a unit gets ahead of the least E by C at most. A warped one gets ahead of the least A by W at most, or
 * by W + C if it is the incumbent. Each is over the unit's weight, plus one tick.
 *
 * Units. W, C and L are ticks of CPU time, U is ticks of the counter. Virtual time is in 1/1024 tick over
 * weight, so that it is exact to about a tick at the greatest weight; what a division leaves is kept. W is
 * divided by the unit's own weight, C by the incumbent's.
 *
 * Heaps. A unit that waits unwarped is in `waiting` by its A. A unit that waits warped is in `warped` by its
 * A, and also in `urgent` by its deadline or, when it has spent its warp, in `spent` by its E. The unit that
 * woke or was warped last since pick() is the newcomer and in no heap: most often it runs at once.
 *
 * Overflow. A grows by 2^10 a tick at most. When one reaches REBASE_AT, the SVT is subtracted from all, which
 * keeps their order: A stays between -2^59, as the credit is less, and REBASE_AT + 2^60, and W and C below
 * 2^58. It takes 26 days at 1 GHz to get there, so the O(n) of that does not count. Every other operation is
 * O(log n). The counter itself, and so `now`, lasts 584 years at 1 GHz.
 */
#include <stddef.h>
#include "base/assert.h"
#include "sched/bvt.h"

#define SCALE_SHIFT 10                  /* virtual time units in a tick, at weight 1 */
#define CHARGE_MAX  (UINT64_C(1) << 50) /* ticks charged in one step */
#define REBASE_AT   (INT64_C(1) << 61)  /* virtual time */
#define AHEAD_MAX   (INT64_C(1) << 52)  /* virtual time: pick() is asked again after this at the latest */

int64_t bvt_worth(uint32_t weight, uint64_t ticks)
{
    return (int64_t)((ticks << SCALE_SHIFT) / weight);
}

/* Ticks of CPU time, as the unit's virtual time. */
static int64_t over_weight(const struct sched_unit *unit, uint64_t ticks)
{
    return bvt_worth(unit->params.weight, ticks);
}

static int64_t effective(const struct sched_unit *unit)
{
    return unit->warped ? bvt_unit(unit)->avt - bvt_unit(unit)->warp : bvt_unit(unit)->avt;
}

/* From signed to unsigned, keeping the order. */
static uint64_t heap_key(int64_t time)
{
    return (uint64_t)time ^ (UINT64_C(1) << 63);
}

static int64_t key_time(uint64_t key)
{
    return (int64_t)(key ^ (UINT64_C(1) << 63));
}

static bool is_urgent(const struct sched_unit *unit)
{
    return unit->warped && !bvt_unit(unit)->spent;
}

static struct heap *heap_of(struct sched_queue *queue, const struct sched_unit *unit)
{
    if (!unit->warped)
        return &queue->waiting;
    return bvt_unit(unit)->spent ? &bvt_queue(queue)->spent : &bvt_queue(queue)->urgent;
}

static struct sched_unit *first_of(const struct heap *heap)
{
    struct heap_node *node = heap_first(heap);

    return node != NULL ? HEAP_ENTRY(node, struct sched_unit, node) : NULL;
}

/* The time that the first unit is sorted by; INT64_MAX when the heap is empty. */
static int64_t first_time(const struct heap *heap)
{
    return key_time(heap_first_key(heap, heap_key(INT64_MAX)));
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static APART void enqueue_warped(struct sched_queue *queue, struct sched_unit *unit)
{
    heap_insert(heap_of(queue, unit), &unit->node,
                bvt_unit(unit)->spent ? heap_key(effective(unit)) : bvt_unit(unit)->deadline);
    heap_insert(&bvt_queue(queue)->warped, &bvt_unit(unit)->by_avt, heap_key(bvt_unit(unit)->avt));
}

static inline void enqueue(struct sched_queue *queue, struct sched_unit *unit)
{
    if (unit->warped)
        enqueue_warped(queue, unit);
    else
        heap_insert(&queue->waiting, &unit->node, heap_key(bvt_unit(unit)->avt));
}

static inline void dequeue(struct sched_queue *queue, struct sched_unit *unit)
{
    if (unit->warped)
        heap_remove(&bvt_queue(queue)->warped, &bvt_unit(unit)->by_avt);
    heap_remove(heap_of(queue, unit), &unit->node);
}

/* Makes a unit that is in no heap the newcomer. The newcomer before it goes into its heap. */
static void join(struct sched_queue *queue, struct sched_unit *unit)
{
    struct sched_unit *before = bvt_queue(queue)->newcomer;

    bvt_queue(queue)->newcomer = unit;
    if (before != NULL)
        enqueue(queue, before);
}

/* Changes `warped` and `spent`, from which E and the heap that the unit waits in follow. */
static void set_warp(struct sched_queue *queue, struct sched_unit *unit, bool warped, bool spent)
{
    bool waits = heap_contains(&unit->node);

    if (waits)
        dequeue(queue, unit);
    unit->warped = warped;
    bvt_unit(unit)->spent = spent;
    if (waits)
        enqueue(queue, unit);
}

/*
 * Brings the SVT up to date. It never falls: the least A of the runnable units may be behind it, by one that
 * woke with credit or came from another queue. It is needed only when a unit joins them or leaves them.
 */
static inline void update_svt(struct sched_queue *queue)
{
    const struct sched_unit *newcomer = bvt_queue(queue)->newcomer;
    const struct sched_unit *current = queue->current;
    int64_t time = least(first_time(&queue->waiting), first_time(&bvt_queue(queue)->warped));
    int64_t svt = bvt_queue(queue)->svt;

    if (newcomer != NULL)
        time = least(time, bvt_unit(newcomer)->avt);
    if (current != NULL && current->runnable)
        time = least(time, bvt_unit(current)->avt);
    bvt_queue(queue)->svt = time > svt && time != INT64_MAX ? time : svt;
}

static void raise_to(struct sched_unit *unit, int64_t time)
{
    if (bvt_unit(unit)->avt < time) {
        bvt_unit(unit)->avt = time;
        bvt_unit(unit)->remainder = 0;
    }
}

/* To the SVT less the credit. */
static void raise_to_svt(const struct sched_queue *queue, struct sched_unit *unit)
{
    raise_to(unit, bvt_queue(queue)->svt - bvt_queue(queue)->credit);
}

static void shift_keys(struct heap *heap, uint64_t by)
{
    for (unsigned i = 0; i < heap->count; i++)
        heap->slots[i]->key -= by;
}

/*
 * Subtracts the SVT from every virtual time. A blocked unit that is behind the SVT is raised to it first, as
 * it would be when it wakes.
 */
static void rebase(struct sched_queue *queue)
{
    update_svt(queue);
    int64_t base = bvt_queue(queue)->svt;

    for (struct sched_unit *unit = bvt_queue(queue)->units; unit != NULL; unit = bvt_unit(unit)->next) {
        if (!unit->runnable)
            raise_to_svt(queue, unit);
        bvt_unit(unit)->avt -= base;
    }
    shift_keys(&queue->waiting, (uint64_t)base);
    shift_keys(&bvt_queue(queue)->spent, (uint64_t)base);
    shift_keys(&bvt_queue(queue)->warped, (uint64_t)base);
    bvt_queue(queue)->svt = 0;
    bvt_queue(queue)->origin += (uint64_t)base;
}

void bvt_init(struct sched_queue *queue, struct heap_node **slots, unsigned capacity)
{
    heap_init(&bvt_queue(queue)->urgent, slots, capacity);
    heap_init(&bvt_queue(queue)->spent, slots + capacity, capacity);
    heap_init(&bvt_queue(queue)->warped, slots + 2 * (size_t)capacity, capacity);
}

static void list_unit(struct sched_queue *queue, struct sched_unit *unit)
{
    bvt_unit(unit)->next = bvt_queue(queue)->units;
    bvt_queue(queue)->units = unit;
}

/* W and C in the unit's virtual time. C is 1 at least: with 0, two equal units would change places at every
 * pick(). */
static void derive(const struct sched_queue *queue, struct sched_unit *unit)
{
    int64_t allowance = over_weight(unit, queue->allowance);

    bvt_unit(unit)->warp = over_weight(unit, unit->params.warp);
    bvt_unit(unit)->allowance = allowance > 0 ? allowance : 1;
    bvt_unit(unit)->remainder %= unit->params.weight;
}

void bvt_add(struct sched_queue *queue, struct sched_unit *unit)
{
    const struct sched_params *params = &unit->params;

    ASSERT(params->weight >= 1 && params->weight <= SCHED_WEIGHT_MAX);
    ASSERT(params->warp <= SCHED_TICKS_MAX && params->warp_limit <= SCHED_TICKS_MAX);
    ASSERT(params->unwarp <= SCHED_TICKS_MAX);
    unit->runnable = false;
    *bvt_unit(unit) = (struct bvt_unit){.avt = 0};
    derive(queue, unit);
    list_unit(queue, unit);
}

/* One that is not warped waits by its A, which stays. */
void bvt_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params)
{
    DEBUG_ASSERT(!unit->warped);
    unit->params = *params;
    derive(queue, unit);
}

bool bvt_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    if (!unit->warped)
        return false;
    set_warp(queue, unit, false, false);
    bvt_unit(unit)->warp_ended = now;
    bvt_unit(unit)->was_warped = true;
    return true;
}

static bool may_warp(const struct sched_unit *unit, uint64_t now)
{
    if (unit->warped || !unit->runnable || unit->params.warp_limit == 0)
        return false;
    return !bvt_unit(unit)->was_warped || now - bvt_unit(unit)->warp_ended >= unit->params.unwarp;
}

/* Makes a unit that waits unwarped the newcomer. */
static APART void leave_waiting(struct sched_queue *queue, struct sched_unit *unit)
{
    heap_remove(&queue->waiting, &unit->node);
    join(queue, unit);
}

void bvt_begin_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t budget)
{
    if (heap_contains(&unit->node))
        leave_waiting(queue, unit);
    unit->warped = true;
    bvt_unit(unit)->spent = false;
    bvt_unit(unit)->deadline = deadline;
    bvt_unit(unit)->warp_budget = budget;
    bvt_unit(unit)->warp_used = 0;
}

static bool bvt_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                     uint64_t now)
{
    uint64_t limit = unit->params.warp_limit;

    if (!may_warp(unit, now))
        return false;
    bvt_begin_warp(queue, unit, deadline, needs != 0 && needs < limit ? needs : limit);
    return true;
}

void bvt_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    bool is_current = unit == queue->current;

    (void)now;
    if (unit->runnable)
        return;
    update_svt(queue);
    raise_to_svt(queue, unit);
    unit->runnable = true;
    if (!is_current)
        join(queue, unit);
}

bool bvt_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    bool was_warped;

    if (!unit->runnable)
        return false;
    update_svt(queue);
    was_warped = bvt_unwarp(queue, unit, now);
    unit->runnable = false;
    if (heap_contains(&unit->node))
        dequeue(queue, unit);
    if (unit == bvt_queue(queue)->newcomer)
        bvt_queue(queue)->newcomer = NULL;
    if (unit == queue->incumbent)
        queue->incumbent = NULL;
    return was_warped;
}

/* Charges in steps of at most CHARGE_MAX, so that nothing overflows, and rebases when it is time. */
static APART void charge_long(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran)
{
    while (ran > 0) {
        uint64_t step = ran < CHARGE_MAX ? ran : CHARGE_MAX;
        uint64_t time = (step << SCALE_SHIFT) + bvt_unit(unit)->remainder;

        bvt_unit(unit)->avt += (int64_t)(time / unit->params.weight);
        bvt_unit(unit)->remainder = (uint32_t)(time % unit->params.weight);
        if (bvt_unit(unit)->avt >= REBASE_AT)
            rebase(queue);
        ASSERT(bvt_unit(unit)->avt < REBASE_AT);
        ran -= step;
    }
}

static inline bool charge_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    if (!unit->warped)
        return false;
    bvt_unit(unit)->warp_used += ran;
    return bvt_unit(unit)->warp_used >= bvt_unit(unit)->warp_budget && bvt_unwarp(queue, unit, now);
}

static APART bool charge_rarely(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran,
                                uint64_t now)
{
    charge_long(queue, unit, ran);
    return charge_warp(queue, unit, ran, now);
}

bool bvt_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    uint64_t time = (ran << SCALE_SHIFT) + bvt_unit(unit)->remainder;
    int64_t avt = bvt_unit(unit)->avt + (int64_t)(time / unit->params.weight);

    ASSERT(unit == queue->current);
    if (ran > CHARGE_MAX || avt >= REBASE_AT)
        return charge_rarely(queue, unit, ran, now);
    bvt_unit(unit)->avt = avt;
    bvt_unit(unit)->remainder = (uint32_t)(time % unit->params.weight);
    return charge_warp(queue, unit, ran, now);
}

/* The remainder stays: the unit may be charged for less than a tick more. */
void bvt_refund(struct sched_queue *queue, struct sched_unit *unit, uint64_t ticks)
{
    bool waits = heap_contains(&unit->node);

    if (waits)
        dequeue(queue, unit);
    bvt_unit(unit)->avt -= over_weight(unit, ticks < CHARGE_MAX ? ticks : CHARGE_MAX);
    if (waits)
        enqueue(queue, unit);
}

/* Of two units, each of which may be NULL, the one with less E; the first when they are equal. */
static inline struct sched_unit *behind(struct sched_unit *a, struct sched_unit *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return effective(b) < effective(a) ? b : a;
}

/* The front of rule 1, of the units that wait; INT64_MAX when none does. */
static inline int64_t front(const struct sched_queue *queue)
{
    int64_t time = first_time(&queue->waiting);

    if (bvt_queue(queue)->warped.count == 0)
        return time;
    return least(time, least(first_time(&bvt_queue(queue)->spent), first_time(&bvt_queue(queue)->warped)));
}

/*
 * Rules 1 and 2; NULL when no unit is urgent. `last` is the unit that ran, if it still can, else NULL; it is
 * in no heap. Of the urgent units, in the order of their deadlines, the first that is ahead of the front is
 * chosen; those before it are spent.
 */
static struct sched_unit *choose_urgent(struct sched_queue *queue, struct sched_unit *last)
{
    for (;;) {
        struct sched_unit *urgent = first_of(&bvt_queue(queue)->urgent);
        bool last_urgent = last != NULL && is_urgent(last);
        int64_t limit;

        if (last_urgent && (urgent == NULL || bvt_unit(last)->deadline <= bvt_unit(urgent)->deadline)) {
            if (effective(last) <= least(front(queue), bvt_unit(last)->avt))
                return last;
            bvt_unit(last)->spent = true;
            continue;
        }
        if (urgent == NULL)
            return NULL;
        limit = front(queue);
        if (last != NULL)
            limit = least(limit, last_urgent ? bvt_unit(last)->avt : effective(last));
        if (effective(urgent) < limit)
            return urgent;
        set_warp(queue, urgent, true, true);
    }
}

/* Rule 1 for the newcomer, in the clear case: no other unit is urgent, and all others are behind it. */
static bool is_ahead_of_all(const struct sched_queue *queue, const struct sched_unit *unit,
                            const struct sched_unit *last)
{
    int64_t time = effective(unit);

    return is_urgent(unit) && bvt_queue(queue)->urgent.count == 0 && time < bvt_unit(unit)->avt &&
           (last == NULL || (!is_urgent(last) && time < effective(last))) && time < front(queue);
}

/* Rule 3, when no unit is urgent. */
static inline struct sched_unit *choose_incumbent(struct sched_queue *queue, struct sched_unit *last)
{
    struct sched_unit *incumbent = queue->incumbent;
    struct sched_unit *rival = behind(first_of(&queue->waiting), first_of(&bvt_queue(queue)->spent));

    if (last != incumbent)
        rival = behind(rival, last);
    if (incumbent == NULL ||
        (rival != NULL && effective(rival) + bvt_unit(incumbent)->allowance <= effective(incumbent)))
        incumbent = queue->incumbent = rival;
    return incumbent;
}

/* For how many ticks the unit has to run for its A to grow by `time` or more. */
static uint64_t ticks_to_advance(const struct sched_unit *unit, int64_t time)
{
    uint64_t bounded = (uint64_t)(time < AHEAD_MAX ? time : AHEAD_MAX);
    uint64_t scaled = bounded * unit->params.weight - bvt_unit(unit)->remainder;

    return (scaled + (UINT64_C(1) << SCALE_SHIFT) - 1) >> SCALE_SHIFT;
}

/* The E at which the current unit gives way to another; INT64_MAX when there is no other. */
static int64_t turning_point(const struct sched_queue *queue, const struct sched_unit *unit)
{
    bool urgent = is_urgent(unit);
    int64_t time =
        urgent ? front(queue) : least(first_time(&queue->waiting), first_time(&bvt_queue(queue)->spent));

    if (time == INT64_MAX)
        return time;
    return time + (urgent ? 1 : bvt_unit(unit)->allowance);
}

/* For how many ticks the current unit can run until pick() chooses another; SCHED_NEVER: for ever. */
static uint64_t slice(const struct sched_queue *queue, const struct sched_unit *unit)
{
    int64_t turn = turning_point(queue, unit);
    uint64_t ticks = SCHED_NEVER;

    ASSERT(turn > effective(unit));
    if (turn != INT64_MAX)
        ticks = ticks_to_advance(unit, turn - effective(unit));
    if (unit->warped && bvt_unit(unit)->warp_budget - bvt_unit(unit)->warp_used < ticks)
        ticks = bvt_unit(unit)->warp_budget - bvt_unit(unit)->warp_used;
    ASSERT(ticks > 0);
    return ticks;
}

/* Chooses, and takes the chosen unit out of its heaps. */
static struct sched_unit *choose(struct sched_queue *queue, struct sched_unit *last)
{
    struct sched_unit *chosen = bvt_queue(queue)->newcomer;

    if (chosen != NULL && is_ahead_of_all(queue, chosen, last)) {
        bvt_queue(queue)->newcomer = NULL;
        return chosen;
    }
    if (chosen != NULL) {
        bvt_queue(queue)->newcomer = NULL;
        enqueue(queue, chosen);
    }
    chosen = choose_urgent(queue, last);
    if (chosen == NULL)
        chosen = choose_incumbent(queue, last);
    if (chosen != NULL && chosen != last)
        dequeue(queue, chosen);
    return chosen;
}

static bool is_within(const struct heap *heap, const struct heap_node *node)
{
    return heap_contains(node) && node->slot <= heap->count && heap->slots[node->slot - 1] == node;
}

/*
 * A runnable unit is in exactly one place: in its heap, or the newcomer, or the current one. A blocked one is
 * in none, but may still be the current one.
 */
static bool is_in_place(struct sched_queue *queue, const struct sched_unit *unit)
{
    bool waits = heap_contains(&unit->node);
    bool runs = unit == queue->current;
    bool is_new = unit == bvt_queue(queue)->newcomer;

    if (waits && !is_within(heap_of(queue, unit), &unit->node))
        return false;
    if (is_within(&bvt_queue(queue)->warped, &bvt_unit(unit)->by_avt) != (waits && unit->warped))
        return false;
    return unit->runnable ? waits + runs + is_new == 1 : !waits && !is_new && unit != queue->incumbent;
}

/* The invariants of the queue, for assertions: O(n). */
static bool is_consistent(struct sched_queue *queue)
{
    struct bvt_queue *own = bvt_queue(queue);

    for (const struct sched_unit *unit = own->units; unit != NULL; unit = bvt_unit(unit)->next)
        if (!is_in_place(queue, unit) || (unit->warped && !unit->runnable))
            return false;
    return heap_is_ordered(&queue->waiting) && heap_is_ordered(&own->urgent) &&
           heap_is_ordered(&own->spent) && heap_is_ordered(&own->warped) &&
           own->warped.count == own->urgent.count + own->spent.count;
}

struct sched_unit *bvt_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    struct sched_unit *last = queue->current != NULL && queue->current->runnable ? queue->current : NULL;
    struct sched_unit *chosen;
    uint64_t ticks;

    DEBUG_ASSERT(is_consistent(queue));
    chosen = choose(queue, last);
    queue->current = chosen;
    *until = SCHED_NEVER;
    if (chosen == NULL)
        return NULL;
    if (last != NULL && chosen != last)
        enqueue(queue, last);
    DEBUG_ASSERT(is_consistent(queue));
    ticks = slice(queue, chosen);
    if (ticks < SCHED_NEVER - now)
        *until = now + ticks;
    return chosen;
}

/* But for its place in the list of all units. Neither is in a heap. */
static void swap_states(struct sched_unit *a, struct sched_unit *b)
{
    struct sched_unit *next_a = bvt_unit(a)->next, *next_b = bvt_unit(b)->next;
    bool warped = a->warped;

    for (unsigned i = 0; i < SCHED_UNIT_WORDS; i++) {
        uint64_t word = a->state[i];

        a->state[i] = b->state[i];
        b->state[i] = word;
    }
    a->warped = b->warped;
    b->warped = warped;
    bvt_unit(a)->next = next_a;
    bvt_unit(b)->next = next_b;
}

/* Where a runnable unit is that waits in no heap: `current` or `newcomer` of the queue; NULL: it is in its
 * heap. */
static struct sched_unit **place_outside(struct sched_queue *queue, const struct sched_unit *unit)
{
    if (queue->current == unit)
        return &queue->current;
    return bvt_queue(queue)->newcomer == unit ? &bvt_queue(queue)->newcomer : NULL;
}

static void put(struct sched_queue *queue, struct sched_unit *unit, struct sched_unit **outside)
{
    if (outside != NULL)
        *outside = unit;
    else
        enqueue(queue, unit);
}

void bvt_swap(struct sched_queue *queue, struct sched_unit *a, struct sched_unit *b)
{
    struct sched_unit **of_a = place_outside(queue, a), **of_b = place_outside(queue, b);

    ASSERT(a->runnable && b->runnable && a != b);
    if (of_a == NULL)
        dequeue(queue, a);
    if (of_b == NULL)
        dequeue(queue, b);
    swap_states(a, b);
    put(queue, a, of_b);
    put(queue, b, of_a);
    if (queue->incumbent == a)
        queue->incumbent = b;
    else if (queue->incumbent == b)
        queue->incumbent = a;
    DEBUG_ASSERT(is_consistent(queue));
}

/*
 * A is taken along. A unit that was blocked comes from where it would be if it had woken in this queue.
 */
void bvt_remove(struct sched_queue *queue, struct sched_unit *unit)
{
    struct sched_unit *before = bvt_queue(queue)->units;

    ASSERT(unit != queue->current && !unit->warped);
    update_svt(queue);
    if (!unit->runnable)
        raise_to_svt(queue, unit);
    (void)bvt_block(queue, unit, 0);
    if (before == unit) {
        bvt_queue(queue)->units = bvt_unit(unit)->next;
    } else {
        while (bvt_unit(before)->next != unit)
            before = bvt_unit(before)->next;
        bvt_unit(before)->next = bvt_unit(unit)->next;
    }
    bvt_unit(unit)->avt = (int64_t)bvt_time(queue, unit);
}

static bool any_is_runnable(const struct sched_queue *queue)
{
    return (queue->current != NULL && queue->current->runnable) || bvt_queue(queue)->newcomer != NULL ||
           queue->waiting.count != 0 || bvt_queue(queue)->warped.count != 0;
}

/*
 * The unit is behind or ahead here as it was there, within BVT_JOIN_TURNS allowances: a difference beyond
 * that is no claim, but comes from what the units of the two queues were worth in different times. The SVT
 * stays: a unit that sleeps here gets nothing of what this one is behind.
 */
void bvt_join(struct sched_queue *queue, struct sched_unit *unit, uint64_t ahead)
{
    struct bvt_queue *own = bvt_queue(queue);
    int64_t most, lag;

    derive(queue, unit);
    most = BVT_JOIN_TURNS * bvt_unit(unit)->allowance;
    update_svt(queue);
    lag = (int64_t)(own->origin + (uint64_t)own->svt - ahead - (uint64_t)bvt_unit(unit)->avt);
    lag = least(lag, most);
    if (any_is_runnable(queue))
        most = -most;
    else
        most = -AHEAD_MAX; /* nobody waits for it to fall back */
    lag = lag > most ? lag : most;
    bvt_unit(unit)->avt = own->svt > lag ? own->svt - lag : 0;
    list_unit(queue, unit);
    unit->runnable = true;
    join(queue, unit);
}

void bvt_forgo(struct sched_queue *queue, struct sched_unit *unit)
{
    DEBUG_ASSERT(unit == bvt_queue(queue)->newcomer || unit == queue->current);
    raise_to(unit, bvt_queue(queue)->svt);
}

uint64_t bvt_turn(const struct sched_queue *queue)
{
    const struct sched_unit *newcomer = bvt_queue(queue)->newcomer, *current = queue->current;
    int64_t time = least(first_time(&queue->waiting), first_time(&bvt_queue(queue)->warped));

    if (newcomer != NULL)
        time = least(time, bvt_unit(newcomer)->avt);
    if (current != NULL && current->runnable)
        time = least(time, bvt_unit(current)->avt - bvt_unit(current)->allowance);
    return (uint64_t)time + bvt_queue(queue)->origin;
}

uint64_t bvt_time(const struct sched_queue *queue, const struct sched_unit *unit)
{
    return (uint64_t)bvt_unit(unit)->avt + bvt_queue(queue)->origin;
}

static const struct sched_moves moves = {
    .remove = bvt_remove,
    .join = bvt_join,
    .turn = bvt_turn,
    .time = bvt_time,
    .worth = bvt_worth,
};

const struct sched_policy bvt_policy = {
    .name = "bvt",
    .init = bvt_init,
    .add = bvt_add,
    .wake = bvt_wake,
    .block = bvt_block,
    .charge = bvt_charge,
    .pick = bvt_pick,
    .warp = bvt_warp,
    .unwarp = bvt_unwarp,
    .swap = bvt_swap,
    .refund = bvt_refund,
    .set = bvt_set,
    .moves = &moves,
};
