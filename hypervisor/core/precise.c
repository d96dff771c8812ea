/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: from the guest's call to the comparator and back.
 *
 * A guest arms a deadline (precise_arm); it goes into the deadline queue of the vCPU's CPU, whose head is in
 * the comparator. At that instant the comparator interrupts whoever runs (deadline_reached): the vCPU is made
 * runnable, warped, and the policy is asked at once, all in the interrupt handler. The warp ends when the
 * guest says done (precise_done), when the vCPU idles, or when its limit L is used up (cpu_charge).
 *
 * The guest's own timer is not touched: it has expired by then too, and interrupts the guest as soon as it
 * runs.
 */
#include "core/precise.h"
#include "core/arch.h"
#include "core/cpu.h"
#include <stddef.h>

static void deadline_reached(struct deadline *deadline, uint64_t now)
{
    struct vcpu *vcpu = ((struct precise_deadline *)(void *)deadline)->vcpu;

    vcpu->stats[ONTIME_STAT_FIRED]++;
    if (deadline->when < vcpu->fired_at)
        vcpu->fired_at = deadline->when;
    vcpu_deadline(vcpu, deadline->when, now);
}

void precise_init(struct vcpu *vcpu)
{
    vcpu->fired_at = DEADLINE_NONE;
    for (unsigned id = 0; id < ONTIME_DEADLINES; id++) {
        vcpu->precise[id].vcpu = vcpu;
        deadline_init(&vcpu->precise[id].deadline, deadline_reached);
    }
}

void precise_reset(struct vcpu *vcpu)
{
    vcpu->fired_at = DEADLINE_NONE;
    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise[id].deadline);
}

static bool is_precise(const struct vcpu *vcpu)
{
    return vcpu->vm->config->timers == TIMERS_PRECISE;
}

int64_t precise_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES || deadline == ONTIME_NO_DEADLINE)
        return ONTIME_INVALID;
    now = arch_counter();
    if (deadline < now)
        deadline = now; /* nobody is late for what was asked for too late */
    vcpu->stats[ONTIME_STAT_ARMED]++;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_ARMED, vcpu, deadline - now);
    deadline_set(&vcpu->cpu->deadlines, &vcpu->precise[id].deadline, deadline);
    return ONTIME_OK;
}

int64_t precise_cancel(struct vcpu *vcpu, uint64_t id)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    if (!deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise[id].deadline))
        return 0;
    vcpu->stats[ONTIME_STAT_CANCELLED]++;
    cpu_trace(vcpu->cpu, ONTIME_TRACE_TIMER_CANCELLED, vcpu, id);
    return 1;
}

int64_t precise_done(struct vcpu *vcpu, uint64_t next)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    now = arch_counter();
    /* Reached before the guest could say done for the one before: its work is still to come. */
    if (next <= now)
        return 0;
    return vcpu_unwarp(vcpu, now);
}

int64_t precise_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    *deadline = deadline_is_armed(&vcpu->precise[id].deadline) ? deadline_when(&vcpu->precise[id].deadline)
                                                               : ONTIME_NO_DEADLINE;
    *warped = vcpu->unit.bvt.warped;
    return ONTIME_OK;
}

void precise_warp_ended(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason)
{
    if (reason == ONTIME_WARP_END_LIMIT)
        vcpu->stats[ONTIME_STAT_WARPS_CUT]++;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_WARP_END, vcpu, reason);
}

void precise_entering(struct vcpu *vcpu, uint64_t now)
{
    uint64_t late = now - vcpu->fired_at;

    vcpu->fired_at = DEADLINE_NONE;
    vcpu->stats[ONTIME_STAT_LATE_TICKS] += late;
    if (late > vcpu->stats[ONTIME_STAT_LATE_MAX])
        vcpu->stats[ONTIME_STAT_LATE_MAX] = late;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_ENTERED, vcpu, late);
}
