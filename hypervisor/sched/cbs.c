/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant-bandwidth servers for urgent work (Abeni and Buttazzo, "Integrating Multimedia Applications in
 * Hard Real-Time Systems", RTSS 1998), over borrowed virtual time for the rest. The default policy.
 *
 * Urgent work is what a unit runs while it is warped: from its deadline until the guest says that the work is
 * done, or waits. Each unit has a server of the bandwidth of its share, which is its weight over the weights
 * of all units of the core. So the bandwidths add up to the core, and a server is never short of its own.
 *
 *  1. Among urgent units the earliest deadline runs. A warp starts at the guest's deadline, or at the
 *     present if that is past. Its first `job` of CPU time is due when the share has given that much since
 *     the start: at start + job / share. What goes beyond is due in steps of STEP_MS of CPU time: at
 *     start + k STEP / share for the k-th. When a unit has used what was due, its deadline moves on, and
 *     another unit may be the first then. A unit is brought in before the guest's deadline, to be in place
 *     by then. What it uses until then is not of what is due, as long as no other is urgent. With others it
 *     is, but as much is added to the job when that is used up.
 *  2. A unit may be urgent beyond its share for as long as its horizon H allows. `served` is the instant at
 *     which the work that it did urgently would be over if it had been done at the rate of the share. It
 *     moves by 1 / share for each tick used in a warp, and is brought up to the present when one begins:
 *     what a unit does not use is kept in this form only, that its next work is served at once. A warp ends
 *     when `served` is H ahead of the present, and none begins within H / HEADROOM of that.
 *  3. A warp that would start before `served` starts at `served`: the work of a unit that is ahead of its
 *     share is due later, and so comes after that of units that are not.
 *
 * So a unit whose urgent work is within its share has it done at once, whatever others do: its first `job` of
 * each warp by start + job / share at the latest, as all servers' deadlines can be kept together (the theorem
 * of that paper). A unit whose urgent work goes beyond its share delays itself.
 *
 * BVT (bvt.c) does the rest. Urgent time counts in A as all time does, so a guest that also runs a hog pays
 * for its urgent work with shorter turns of that. W is without end here, so a warped unit is ahead of every
 * unit that is not, and bvt.c runs the warped unit of the earliest deadline. L and U have no meaning.
 *
 * A unit that wakes may be behind the SVT by 5/4 of C at the least weight of the queue (the credit). So one
 * that is woken without a deadline, and has used less than its share lately, is behind the incumbent by that
 * one's C and runs at once. Otherwise two units on two cores that wait for each other would wait for a turn
 * at each exchange. Only what was not used is kept, so no unit gets more than its share: its next turn is
 * longer by C / 4 times its weight over the least. Where weights differ by more than 6.4 times, a unit keeps
 * 8 C at the greatest weight, so that no unit keeps more than 8 C of CPU time, or loses any by a move.
 */
#include <stddef.h>
#include "base/assert.h"
#include "sched/cbs.h"

#define STEP_MS  2
#define EARLY_MS 1
#define HEADROOM 64

/* Ticks: beyond any horizon, and its product with all weights fits into 64 bits. */
#define CHARGED_MAX (UINT64_C(1) << 40)

/* After a change of the queue's units. */
static void set_credit(struct sched_queue *queue)
{
    const struct sched_unit *unit = bvt_queue(queue)->units;
    int64_t longest = 0, shortest = INT64_MAX / BVT_JOIN_TURNS, most;

    for (; unit != NULL; unit = bvt_unit(unit)->next) {
        int64_t allowance = bvt_unit(unit)->allowance;

        longest = allowance > longest ? allowance : longest;
        shortest = allowance < shortest ? allowance : shortest;
    }
    most = BVT_JOIN_TURNS * shortest;
    bvt_queue(queue)->credit = longest + longest / 4 < most ? longest + longest / 4 : most;
}

/* How long it takes until the share has given the unit so much CPU time. */
static uint64_t at_share(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t cpu_time)
{
    uint64_t bounded = cpu_time < CHARGED_MAX ? cpu_time : CHARGED_MAX;

    return (bounded * cbs_queue(queue)->weights + unit->params.weight - 1) / unit->params.weight;
}

/* The CPU time of this warp that counts in what is due. */
static uint64_t used(const struct sched_unit *unit)
{
    return bvt_unit(unit)->warp_used - cbs_unit(unit)->early;
}

/* Up to how much of it is due first: more than is used. */
static uint64_t due(const struct sched_queue *queue, const struct sched_unit *unit)
{
    uint64_t step = STEP_MS * queue->ms;
    uint64_t job = unit->params.job;

    if (used(unit) < job)
        return job;
    if (used(unit) < job + cbs_unit(unit)->extra)
        return job + cbs_unit(unit)->extra;
    return (used(unit) / step + 1) * step;
}

static void set_deadline(const struct sched_queue *queue, struct sched_unit *unit)
{
    bvt_unit(unit)->deadline = cbs_unit(unit)->start + at_share(queue, unit, due(queue, unit));
}

static void cbs_add(struct sched_queue *queue, struct sched_unit *unit)
{
    ASSERT(unit->params.horizon <= CHARGED_MAX && unit->params.job <= CHARGED_MAX);
    unit->params.warp = SCHED_TICKS_MAX;
    bvt_add(queue, unit);
    cbs_queue(queue)->weights += unit->params.weight;
    set_credit(queue);
}

/* As in a move, `served` stays. */
static void cbs_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params)
{
    struct sched_params own = *params;

    own.warp = SCHED_TICKS_MAX;
    cbs_queue(queue)->weights -= unit->params.weight;
    cbs_queue(queue)->weights += own.weight;
    bvt_set(queue, unit, &own);
    cbs_unit(unit)->remainder %= own.weight;
    set_credit(queue);
}

/* `served` is an instant, and stays as it is: no unit gets a new horizon by going to another queue. */
static void cbs_remove(struct sched_queue *queue, struct sched_unit *unit)
{
    bvt_remove(queue, unit);
    cbs_queue(queue)->weights -= unit->params.weight;
    set_credit(queue);
}

static void cbs_join(struct sched_queue *queue, struct sched_unit *unit, uint64_t ahead)
{
    unit->params.warp = SCHED_TICKS_MAX;
    cbs_unit(unit)->remainder %= unit->params.weight;
    bvt_join(queue, unit, ahead);
    cbs_queue(queue)->weights += unit->params.weight;
    set_credit(queue);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* When the work for this deadline is to begin, which may be EARLY_MS from now at most. */
static uint64_t begin_for(const struct sched_queue *queue, uint64_t deadline, uint64_t now)
{
    uint64_t most = now + EARLY_MS * queue->ms;

    return later(deadline < most ? deadline : most, now);
}

static bool cbs_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                     uint64_t now)
{
    uint64_t horizon = unit->params.horizon;

    if (unit->warped || !unit->runnable || horizon == 0)
        return false;
    if (cbs_unit(unit)->served < now) {
        cbs_unit(unit)->served = now;
        cbs_unit(unit)->remainder = 0;
    }
    if (cbs_unit(unit)->served - now > horizon - horizon / HEADROOM)
        return false;
    cbs_unit(unit)->begin = begin_for(queue, deadline, now);
    cbs_unit(unit)->start = later(cbs_unit(unit)->served, cbs_unit(unit)->begin);
    cbs_unit(unit)->early = cbs_unit(unit)->extra = 0;
    bvt_begin_warp(queue, unit, 0, needs != 0 ? needs : SCHED_TICKS_MAX);
    set_deadline(queue, unit);
    return true;
}

/* Of the last `ran` ticks of a unit, notes those before its work was to begin. */
static void note_early(const struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    uint64_t begin = cbs_unit(unit)->begin;
    uint64_t before;

    if (now - ran >= begin)
        return;
    before = now > begin ? ran - (now - begin) : ran;
    if (bvt_queue(queue)->urgent.count == 0)
        cbs_unit(unit)->early += before;
    else
        cbs_unit(unit)->extra += before;
}

/* Returns whether the horizon ended the warp. */
static bool charge_server(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    uint64_t time =
        (ran < CHARGED_MAX ? ran : CHARGED_MAX) * cbs_queue(queue)->weights + cbs_unit(unit)->remainder;

    note_early(queue, unit, ran, now);
    cbs_unit(unit)->served += time / unit->params.weight;
    cbs_unit(unit)->remainder = time % unit->params.weight;
    if (!unit->warped)
        return false;
    set_deadline(queue, unit);
    return cbs_unit(unit)->served >= now + unit->params.horizon && bvt_unwarp(queue, unit, now);
}

static bool cbs_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    bool urgent = unit->warped;
    bool ended = bvt_charge(queue, unit, ran, now);

    return (urgent && charge_server(queue, unit, ran, now)) || ended;
}

/* For how many ticks an urgent unit can run until its horizon ends its warp; SCHED_NEVER: for ever. */
static uint64_t within_horizon(const struct sched_queue *queue, const struct sched_unit *unit, uint64_t now)
{
    uint64_t left = now + unit->params.horizon - cbs_unit(unit)->served;
    uint64_t others = cbs_queue(queue)->weights - unit->params.weight;

    if (others == 0)
        return SCHED_NEVER;
    if (left > CHARGED_MAX)
        left = CHARGED_MAX;
    return (left * unit->params.weight - cbs_unit(unit)->remainder + others - 1) / others;
}

static APART uint64_t urgent_slice(const struct sched_queue *queue, const struct sched_unit *unit,
                                   uint64_t now)
{
    uint64_t slice = within_horizon(queue, unit, now);
    uint64_t to_step = due(queue, unit) - used(unit);

    return bvt_queue(queue)->urgent.count != 0 && to_step < slice ? to_step : slice;
}

static struct sched_unit *cbs_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    struct sched_unit *chosen = bvt_pick(queue, now, until);

    if (chosen != NULL && chosen->warped) {
        uint64_t slice = urgent_slice(queue, chosen, now);

        if (slice < *until - now)
            *until = now + slice;
    }
    return chosen;
}

static const struct sched_moves moves = {
    .remove = cbs_remove,
    .join = cbs_join,
    .forgo = bvt_forgo,
    .turn = bvt_turn,
    .time = bvt_time,
    .worth = bvt_worth,
};

const struct sched_policy cbs_policy = {
    .name = "cbs",
    .init = bvt_init,
    .add = cbs_add,
    .wake = bvt_wake,
    .block = bvt_block,
    .charge = cbs_charge,
    .pick = cbs_pick,
    .warp = cbs_warp,
    .unwarp = bvt_unwarp,
    .swap = bvt_swap,
    .refund = bvt_refund, /* its server is not: urgent work stays within the share of whom does it */
    .set = cbs_set,
    .moves = &moves,
};
