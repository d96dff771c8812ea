/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's architected timers (Arm ARM D11).
 *
 * The virtual timer is the hardware's: its registers are switched with the vCPU, its interrupt is PPI 27,
 * linked to the guest's (devices/vgic.c). While the vCPU is out, its timer is off; whether it has expired is
 * seen when it comes back, and while it is blocked a deadline at its CVAL wakes it (vm/dispatch.c).
 *
 * The physical timer is trapped. Its expiry is a deadline in the queue, except in timer mode `tick`, where it
 * is looked at only at the hypervisor's tick, as in a hypervisor whose only timer is periodic.
 *
 * CNTVOFF is 0 for all: guest time is real time, so CNTVCT, CNTPCT and deadlines all compare. A CVAL of ~0 is
 * never reached: DEADLINE_NONE by its value too.
 */
#include "register_bits.h"
#include "arch/arm64/guest_timer.h"
#include "devices/vgic.h"
#include "sysreg.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"

#define ROUNDING 2 /* ticks */

static bool ticked(const struct vcpu *vcpu)
{
    return vcpu->timers == TIMERS_TICK;
}

static bool expired(const struct vcpu *vcpu, uint64_t now)
{
    return (vcpu->arch.cntp_ctl & CNT_CTL_ENABLE) != 0 && vcpu->arch.cntp_cval <= now;
}

/* The level of the physical timer's interrupt as the guest is to see it now. */
static void update_physical_line(struct vcpu *vcpu, uint64_t now)
{
    bool level = expired(vcpu, now) && (vcpu->arch.cntp_ctl & CNT_CTL_IMASK) == 0;

    if (level && (vcpu->vgic.own.line >> VGIC_PHYSICAL_TIMER & 1) == 0)
        cpu_trace(vcpu->cpu, ONTIME_TRACE_GUEST_TIMER, vcpu, now - vcpu->arch.cntp_cval);
    vgic_set_line(vcpu, VGIC_PHYSICAL_TIMER, level);
}

static void physical_timer_expired(struct deadline *deadline, uint64_t now)
{
    update_physical_line(HEAP_ENTRY(deadline, struct vcpu, physical_timer), now);
}

void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now)
{
    update_physical_line(vcpu, now);
}

/* The guest wrote its physical timer. */
static void physical_timer_changed(struct vcpu *vcpu)
{
    uint64_t now = arch_counter();
    bool running = (vcpu->arch.cntp_ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;

    if (ticked(vcpu)) {
        /* A line that is high goes low at once; one that is low goes high at the next tick. */
        if (!running || !expired(vcpu, now))
            update_physical_line(vcpu, now);
        return;
    }
    update_physical_line(vcpu, now);
    deadline_set(&vcpu->cpu->deadlines, &vcpu->physical_timer,
                 running && !expired(vcpu, now) ? vcpu->arch.cntp_cval : DEADLINE_NONE);
}

uint64_t guest_timer_read(const struct vcpu *vcpu, enum guest_timer_register reg)
{
    uint64_t now = arch_counter();

    switch (reg) {
    case CNTP_TVAL:
        return (uint32_t)(vcpu->arch.cntp_cval - now);
    case CNTP_CTL:
        return vcpu->arch.cntp_ctl | (expired(vcpu, now) ? CNT_CTL_ISTATUS : 0);
    case CNTP_CVAL:
        break;
    }
    return vcpu->arch.cntp_cval;
}

void guest_timer_write(struct vcpu *vcpu, enum guest_timer_register reg, uint64_t value)
{
    switch (reg) {
    case CNTP_TVAL:
        vcpu->arch.cntp_cval = arch_counter() + (uint64_t)(int64_t)(int32_t)value;
        break;
    case CNTP_CTL:
        vcpu->arch.cntp_ctl = value & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
        break;
    case CNTP_CVAL:
        vcpu->arch.cntp_cval = value;
        break;
    }
    physical_timer_changed(vcpu);
}

void guest_timer_init(struct vcpu *vcpu)
{
    deadline_init(&vcpu->physical_timer, DEADLINE_OTHER, physical_timer_expired);
}

void guest_timer_reset(struct vcpu *vcpu)
{
    vcpu->arch.cntv_ctl = vcpu->arch.cntp_ctl = 0;
    vcpu->arch.cntv_cval = vcpu->arch.cntp_cval = 0;
    deadline_cancel(&vcpu->cpu->deadlines, &vcpu->physical_timer);
    vgic_set_line(vcpu, VGIC_PHYSICAL_TIMER, false);
}

void guest_timer_load(const struct vcpu *vcpu)
{
    write_sysreg(cntv_cval_el0, vcpu->arch.cntv_cval);
    write_sysreg(cntv_ctl_el0, vcpu->arch.cntv_ctl);
    isb(); /* ISTATUS is read next */
}

void guest_timer_save(struct vcpu *vcpu)
{
    vcpu->arch.cntv_ctl = read_sysreg(cntv_ctl_el0) & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
    vcpu->arch.cntv_cval = read_sysreg(cntv_cval_el0);
    write_sysreg(cntv_ctl_el0, 0);
    isb();
}

uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu)
{
    uint64_t ctl = read_sysreg(cntv_ctl_el0);

    /*
     * One whose interrupt is pending already brings no other; the physical timer wakes by its own deadline.
     */
    if ((ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) != CNT_CTL_ENABLE ||
        (vcpu->vgic.own.line >> VGIC_TIMER & 1) != 0)
        return DEADLINE_NONE;
    return read_sysreg(cntv_cval_el0);
}

bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when)
{
    bool loaded = vcpu->cpu->loaded == vcpu;
    uint64_t ctl = loaded ? read_sysreg(cntv_ctl_el0) : vcpu->arch.cntv_ctl;
    uint64_t cval = loaded ? read_sysreg(cntv_cval_el0) : vcpu->arch.cntv_cval;

    /* A timer set for this very deadline may be off by what rounding the guest's clock does. */
    return (ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE && cval < when &&
           when - cval > ROUNDING;
}
