/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says of its deadlines by calls. What it says in a deadline page needs no call. */
#include "devices/deadline_calls.h"
#include <stddef.h>
#include "base/arch.h"
#include "devices/vgic.h"
#include "vm/dispatch.h"
#include "vm/vm.h"

static bool is_precise(const struct vcpu *vcpu)
{
    return vcpu->timers == TIMERS_PRECISE;
}

/* If a deadline that the calling vCPU has armed is past, makes it take effect. Returns the time. */
static inline uint64_t catch_up(struct vcpu *vcpu)
{
    uint64_t now = arch_counter();

    if (!precise_has_passed(&vcpu->precise, now))
        return now;
    vcpu_catch_up(vcpu);
    return arch_counter();
}

int64_t deadline_call_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES || deadline == ONTIME_NO_DEADLINE)
        return ONTIME_INVALID;
    now = catch_up(vcpu);
    if (deadline < now)
        deadline = now; /* lateness does not count from before the guest asked */
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_ARMED, vcpu, deadline - now);
    precise_arm(&vcpu->precise, (unsigned)id, deadline);
    vcpu_deadlines_changed(vcpu);
    return ONTIME_OK;
}

int64_t deadline_call_cancel(struct vcpu *vcpu, uint64_t id)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    now = catch_up(vcpu);
    if (!precise_cancel(&vcpu->precise, (unsigned)id))
        return 0;
    vcpu_deadlines_changed(vcpu);
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_CANCELLED, vcpu, id);
    return 1;
}

/*
 * Has an urgent interrupt come that the guest has yet to take? Any other SPI that is pending is taken for
 * that one: the guest says DONE again when it has served it. It does not for its timer's tick.
 */
static bool has_interrupt_to_take(struct vcpu *vcpu)
{
    vcpu_expect_work(vcpu);
    if (vcpu->interrupted)
        vcpu->interrupted = vgic_has_spi_to_take(vcpu);
    return vcpu->interrupted;
}

int64_t deadline_call_done(struct vcpu *vcpu, uint64_t next)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    now = arch_counter();
    /*
     * `next` was reached, or the vCPU was brought in for it early, before the guest could say that the
     * deadline before it is done: its work is still to come. So is that of an interrupt that is pending, and
     * what another vCPU hands on.
     */
    if (next <= now || precise_is_taken(&vcpu->precise, next) || has_interrupt_to_take(vcpu) ||
        precise_is_handed_on(&vcpu->precise))
        return 0;
    vcpu_end_deferral(vcpu);
    precise_done(&vcpu->precise, now);
    return vcpu_unwarp(vcpu, now, vcpu->vm->vcpu_count == 1);
}

int64_t deadline_call_hand_on(struct vcpu *vcpu, uint64_t index)
{
    struct vm *vm = vcpu->vm;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (index >= vm->vcpu_count || index == vcpu->index)
        return ONTIME_INVALID;
    vcpu_hand_work_on(vcpu, &vm->vcpus[index]);
    return ONTIME_OK;
}

int64_t deadline_call_page(struct vcpu *vcpu, uint64_t address)
{
    uint64_t size;
    uint8_t *page = NULL;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (address != ONTIME_NO_PAGE) {
        if (address % ONTIME_PAGE_SIZE == 0)
            page = vm_ram_at(vcpu->vm, address, &size);
        if (page == NULL)
            return ONTIME_INVALID;
    }
    precise_set_page(&vcpu->precise, (uint64_t *)(void *)page, vcpu->unit.warped);
    return ONTIME_OK;
}

int64_t deadline_call_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    vcpu_catch_up(vcpu);
    *deadline = precise_deadline(&vcpu->precise, (unsigned)id);
    *warped = vcpu->unit.warped;
    return ONTIME_OK;
}
