/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: from the guest's call to the comparator and back.
 *
 * A guest arms a deadline (precise_arm); it goes into the vCPU's own heap. While the vCPU has the CPU,
 * nothing more is needed: its own timer interrupts it in time. When it leaves the CPU (precise_leaving), the
 * first of its deadlines goes into the CPU's deadline queue, whose head is in the comparator. At that instant
 * the comparator interrupts whoever runs (deadline_reached): the vCPU is made runnable, warped, and the
 * policy is asked at once, all in the interrupt handler (vcpu_deadline). The warp ends when the guest says
 * done (precise_done), when the vCPU idles, or when its limit L is used up (cpu_charge).
 *
 * A deadline that passes while its vCPU has the CPU is noticed at the next look at the scheduler
 * (precise_notice): the vCPU is warped then too, so that the end of its slice does not come between the
 * interrupt and the work it is for.
 *
 * The guest's own timer is not touched: it has expired by then too, and interrupts the guest as soon as it
 * runs.
 *
 * A vCPU's heap is used on its own CPU only, and needs no lock.
 */
#include "core/precise.h"
#include "core/arch.h"
#include "core/cpu.h"
#include <stddef.h>

/* Takes out what is reached; returns the first such instant, DEADLINE_NONE when there is none. */
static uint64_t take_reached(struct vcpu *vcpu, uint64_t now)
{
    uint64_t first = heap_first_key(&vcpu->deadlines, DEADLINE_NONE);

    if (first > now)
        return DEADLINE_NONE;
    while (heap_first_key(&vcpu->deadlines, DEADLINE_NONE) <= now) {
        heap_remove(&vcpu->deadlines, heap_first(&vcpu->deadlines));
        vcpu->stats[ONTIME_STAT_FIRED]++;
    }
    return first;
}

static void deadline_reached(struct deadline *deadline, uint64_t now)
{
    struct vcpu *vcpu = HEAP_ENTRY(deadline, struct vcpu, precise_timer);
    uint64_t first = take_reached(vcpu, now);

    if (first < vcpu->fired_at)
        vcpu->fired_at = first;
    vcpu_deadline(vcpu, first, now);
}

bool precise_notice(struct vcpu *vcpu, uint64_t now)
{
    uint64_t first = take_reached(vcpu, now);

    if (first == DEADLINE_NONE)
        return false;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_IN_PLACE, vcpu, now - first);
    return true;
}

void precise_leaving(struct vcpu *vcpu)
{
    if (vcpu->deadlines.count != 0)
        deadline_set(&vcpu->cpu->deadlines, &vcpu->precise_timer, heap_first(&vcpu->deadlines)->key);
    else
        precise_coming(vcpu);
}

/* The calling vCPU's deadlines were changed; catching up may have taken the CPU from it. */
static void deadlines_changed(struct vcpu *vcpu)
{
    if (vcpu->cpu->current != vcpu)
        precise_leaving(vcpu);
}

void precise_coming(struct vcpu *vcpu)
{
    if (deadline_is_armed(&vcpu->precise_timer))
        deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise_timer);
}

void precise_init(struct vcpu *vcpu)
{
    vcpu->fired_at = DEADLINE_NONE;
    heap_init(&vcpu->deadlines, vcpu->deadline_slots, ONTIME_DEADLINES);
    deadline_init(&vcpu->precise_timer, deadline_reached);
}

void precise_reset(struct vcpu *vcpu)
{
    vcpu->fired_at = DEADLINE_NONE;
    while (vcpu->deadlines.count != 0)
        heap_remove(&vcpu->deadlines, heap_first(&vcpu->deadlines));
    deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise_timer);
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
    if (heap_first_key(&vcpu->deadlines, DEADLINE_NONE) <= now)
        vcpu_catch_up(vcpu);
    if (deadline < now)
        deadline = now; /* nobody is late for what was asked for too late */
    vcpu->stats[ONTIME_STAT_ARMED]++;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_ARMED, vcpu, deadline - now);
    if (heap_contains(&vcpu->deadline[id]))
        heap_remove(&vcpu->deadlines, &vcpu->deadline[id]);
    heap_insert(&vcpu->deadlines, &vcpu->deadline[id], deadline);
    deadlines_changed(vcpu);
    return ONTIME_OK;
}

int64_t precise_cancel(struct vcpu *vcpu, uint64_t id)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    vcpu_catch_up(vcpu);
    if (!heap_contains(&vcpu->deadline[id]))
        return 0;
    heap_remove(&vcpu->deadlines, &vcpu->deadline[id]);
    deadlines_changed(vcpu);
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
    (void)precise_notice(vcpu, now); /* one that passed in place is done, too */
    return vcpu_unwarp(vcpu, now);
}

int64_t precise_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    vcpu_catch_up(vcpu);
    *deadline = heap_contains(&vcpu->deadline[id]) ? vcpu->deadline[id].key : ONTIME_NO_DEADLINE;
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
