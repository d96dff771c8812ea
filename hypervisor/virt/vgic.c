/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's state machine.
 *
 * The truth about an interrupt is in its bank (enabled, latched, line, active), except while it is in a list register
 * of the vCPU that is loaded: then the hardware plays the CPU interface, and `in_lr` is set. Two operations move
 * state: pull empties all list registers into the banks, push fills them with the most urgent of what is active or
 * pending and enabled. Every change is made in the banks (after a pull) and marks the vCPU dirty; the next entry
 * refreshes (pull, push). In the usual case one list register is in use, so both are short.
 *
 * When more is pending than there are list registers, a maintenance interrupt comes as soon as none of them is
 * pending, and the next refresh puts in the rest. A level-sensitive interrupt whose line may still be high when the
 * guest ends it asks for a maintenance interrupt at its end, so that it is presented again. Interrupts that are
 * active without a list register are ended by the GIC's EOI count: the most urgent such one.
 *
 * The virtual timer (PPI 27) is the physical timer interrupt of the same number, linked by the list register's HW
 * bit: the guest's deactivation deactivates it in the GIC. While it is pending or active for a loaded vCPU, it is
 * active in the GIC and so silent (`timer_held`); when the vCPU is switched out that state is taken off the GIC, and
 * put on it again when it is switched in. The guest's own timer registers are never changed.
 *
 * Lock: the VM's vgic lock. A vCPU's banks belong to the CPU it runs on; today all vCPUs of a VM run on one CPU, and
 * a change for one that is loaded elsewhere would need a kick after it (vcpu_wake does that for a blocked one).
 */
#include "virt/vgic.h"
#include "core/arch.h"
#include "core/cpu.h"
#include <string.h>

#define BIT(n) (UINT32_C(1) << ((n) & 31))

unsigned vgic_version(void)
{
    return gic->version;
}

static void bank_init(struct vgic_bank *bank)
{
    memset(bank, 0, sizeof(*bank));
    if (gic->version == 2)
        bank->group1 = 0;
}

void vgic_init(struct vgic *vgic, unsigned vcpu_count)
{
    struct spinlock lock = SPINLOCK_INIT;

    vgic->lock = lock;
    vgic->enabled[0] = vgic->enabled[1] = false;
    vgic->vcpu_count = vcpu_count;
    bank_init(&vgic->spis);
    memset(vgic->target, gic->version == 2 ? VGIC_NO_TARGET : 0, sizeof(vgic->target));
}

void vgic_cpu_init(struct vgic_cpu *cpu)
{
    memset(cpu, 0, sizeof(*cpu));
    bank_init(&cpu->own);
    cpu->own.edge = 0xFFFF; /* SGIs */
    cpu->asleep = true;
    if (gic->version == 2)
        cpu->own.enabled = 0xFFFF; /* SGIs are always enabled there, as on QEMU's GICv2 */
}

struct vgic_bank *vgic_bank_of(struct vcpu *vcpu, unsigned intid)
{
    return intid < 32 ? &vcpu->vgic.own : &vcpu->vm->vgic.spis;
}

/* Which interrupts of a bank can come to this vCPU at all. */
static uint32_t bank_reach(const struct vcpu *vcpu, unsigned first)
{
    const struct vgic *vgic = &vcpu->vm->vgic;
    uint32_t reach = 0;

    if (first == 0)
        return UINT32_MAX;
    for (unsigned i = 0; i < 32; i++)
        if (vgic->target[i] == vcpu->index)
            reach |= BIT(i);
    return reach;
}

/* Pending, enabled, its group enabled in the distributor. */
static uint32_t bank_deliverable(const struct vcpu *vcpu, const struct vgic_bank *bank)
{
    const struct vgic *vgic = &vcpu->vm->vgic;
    uint32_t groups = (vgic->enabled[0] ? ~bank->group1 : 0) | (vgic->enabled[1] ? bank->group1 : 0);

    return (bank->latched | (bank->line & ~bank->edge)) & bank->enabled & groups;
}

/* The physical timer interrupt is active in the GIC exactly while it is pending or active for the loaded vCPU. */
static void hold_timer(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    bool hold = vcpu->vgic.loaded && ((own->line | own->active) & BIT(VGIC_TIMER)) != 0;

    if (hold == vcpu->vgic.timer_held)
        return;
    gic->set_private_active(VGIC_TIMER, hold);
    vcpu->vgic.timer_held = hold;
}

static void pull_one(struct vcpu *vcpu, unsigned n)
{
    struct vgic_cpu *cpu = &vcpu->vgic;
    struct vgic_bank *bank = vgic_bank_of(vcpu, cpu->lr_intid[n]);
    uint32_t bit = BIT(cpu->lr_intid[n]);
    struct list_register lr;

    gic->lr_read(n, &lr);
    gic->lr_write(n, NULL);
    bank->in_lr &= ~bit;
    bank->active &= ~bit;
    if ((lr.state & LR_ACTIVE) != 0)
        bank->active |= bit;
    if ((lr.state & LR_PENDING) != 0 && (cpu->lr_latched & BIT(n)) != 0) {
        bank->latched |= bit;
        if (lr.intid < 16 && gic->version == 2)
            cpu->sgi_source[lr.intid] |= (uint8_t)(1 << lr.source);
    }
    if (lr.hardware && lr.state == 0) {
        /* The guest ended it, and with it the physical interrupt. */
        bank->line &= ~bit;
        cpu->timer_held = false;
    }
}

/* The guest ended interrupts that had no list register: the most urgent active ones. */
static void end_without_lr(struct vcpu *vcpu, unsigned count)
{
    while (count-- != 0) {
        struct vgic_bank *found = NULL;
        unsigned best = 0;

        for (unsigned intid = 0; intid < VGIC_INTIDS; intid++) {
            struct vgic_bank *bank = vgic_bank_of(vcpu, intid);

            if ((bank->active & ~bank->in_lr & bank_reach(vcpu, intid & ~31u) & BIT(intid)) == 0)
                continue;
            if (found == NULL || bank->priority[intid & 31] < found->priority[best & 31]) {
                found = bank;
                best = intid;
            }
        }
        if (found == NULL)
            return;
        found->active &= ~BIT(best);
    }
}

void vgic_pull(struct vcpu *vcpu)
{
    struct vgic_cpu *cpu = &vcpu->vgic;

    if (!cpu->loaded)
        return;
    for (unsigned n = 0; cpu->lr_used >> n != 0; n++)
        if ((cpu->lr_used & BIT(n)) != 0)
            pull_one(vcpu, n);
    cpu->lr_used = 0;
    cpu->lr_latched = 0;
    end_without_lr(vcpu, gic->take_eoi_count());
    if ((cpu->own.line & BIT(VGIC_TIMER)) != 0 && !arch_vcpu_timer_asserted(vcpu))
        cpu->own.line &= ~BIT(VGIC_TIMER);
    cpu->dirty = true;
}

static void push_one(struct vcpu *vcpu, unsigned n, unsigned intid, bool pending)
{
    struct vgic_cpu *cpu = &vcpu->vgic;
    struct vgic_bank *bank = vgic_bank_of(vcpu, intid);
    uint32_t bit = BIT(intid);
    struct list_register lr = {
        .intid = (uint16_t)intid,
        .priority = bank->priority[intid & 31],
        .hardware = intid == VGIC_TIMER,
        .group1 = (bank->group1 & bit) != 0,
    };

    if ((bank->active & bit) != 0)
        lr.state |= LR_ACTIVE;
    /* With the HW bit, pending and active at once is not allowed (GIC spec, ICH_LR<n>_EL2.State). */
    if (pending && !(lr.hardware && lr.state != 0))
        lr.state |= LR_PENDING;
    lr.eoi_wanted = !lr.hardware && (bank->edge & bit) == 0;
    if ((lr.state & LR_PENDING) != 0 && (bank->latched & bit) != 0) {
        cpu->lr_latched |= BIT(n);
        bank->latched &= ~bit;
        if (intid < 16 && gic->version == 2) {
            lr.source = (uint8_t)__builtin_ctz(cpu->sgi_source[intid] | 0x100u);
            cpu->sgi_source[intid] &= (uint8_t)~(1u << lr.source);
            if (cpu->sgi_source[intid] != 0)
                bank->latched |= bit; /* another sender's comes after this one */
        }
    }
    bank->in_lr |= bit;
    cpu->lr_intid[n] = (uint16_t)intid;
    cpu->lr_used |= BIT(n);
    gic->lr_write(n, &lr);
}

/* The most urgent of the candidates, active ones first; their bit is taken off. */
static unsigned take_best(struct vcpu *vcpu, uint32_t candidates[2])
{
    unsigned best = VGIC_INTIDS;
    unsigned best_rank = 0;

    if (candidates[1] == 0 && (candidates[0] & (candidates[0] - 1)) == 0) {
        best = (unsigned)__builtin_ctz(candidates[0]); /* the usual case: there is only one */
        candidates[0] = 0;
        return best;
    }
    for (unsigned half = 0; half < 2; half++) {
        for (uint32_t left = candidates[half]; left != 0; left &= left - 1) {
            unsigned intid = half * 32 + (unsigned)__builtin_ctz(left);
            const struct vgic_bank *bank = vgic_bank_of(vcpu, intid);
            unsigned rank = bank->priority[intid & 31] + ((bank->active & BIT(intid)) != 0 ? 0 : 256u);

            if (best == VGIC_INTIDS || rank < best_rank) {
                best = intid;
                best_rank = rank;
            }
        }
    }
    candidates[best / 32] &= ~BIT(best);
    return best;
}

static void vgic_push(struct vcpu *vcpu)
{
    struct vgic_cpu *cpu = &vcpu->vgic;
    struct vgic_bank *spis = &vcpu->vm->vgic.spis;
    uint32_t pending[2] = {bank_deliverable(vcpu, &cpu->own), bank_deliverable(vcpu, spis)};
    uint32_t left[2] = {cpu->own.active | pending[0], spis->active | pending[1]};
    unsigned lrs = gic->lr_count();

    if (left[1] != 0)
        left[1] &= bank_reach(vcpu, 32);
    for (unsigned n = 0; n < lrs && (left[0] | left[1]) != 0; n++) {
        unsigned intid = take_best(vcpu, left);

        push_one(vcpu, n, intid, (pending[intid / 32] & BIT(intid)) != 0);
    }
    gic->virtual_enable((left[0] | left[1]) != 0);
    hold_timer(vcpu);
    cpu->dirty = false;
}

void vgic_refresh(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    vgic_push(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}

void vgic_load(struct vcpu *vcpu)
{
    struct vgic_cpu *cpu = &vcpu->vgic;

    spin_lock(&vcpu->vm->vgic.lock);
    cpu->loaded = true;
    if (arch_vcpu_timer_asserted(vcpu))
        cpu->own.line |= BIT(VGIC_TIMER);
    else
        cpu->own.line &= ~BIT(VGIC_TIMER);
    gic->interface_load(&vcpu->arch);
    vgic_push(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}

void vgic_save(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    gic->interface_save(&vcpu->arch);
    gic->virtual_disable();
    vcpu->vgic.loaded = false;
    hold_timer(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}

bool vgic_wakes(struct vcpu *vcpu)
{
    unsigned groups;
    uint8_t mask = gic->virtual_priority_mask(&groups);
    bool wakes = false;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    for (unsigned first = 0; first < VGIC_INTIDS && !wakes; first += 32) {
        const struct vgic_bank *bank = vgic_bank_of(vcpu, first);
        uint32_t interface = ((groups & 1) != 0 ? ~bank->group1 : 0) | ((groups & 2) != 0 ? bank->group1 : 0);
        uint32_t left = bank_deliverable(vcpu, bank) & ~bank->active & interface;

        for (left &= left != 0 ? bank_reach(vcpu, first) : 0; left != 0 && !wakes; left &= left - 1)
            wakes = bank->priority[__builtin_ctz(left)] < mask;
    }
    spin_unlock(&vcpu->vm->vgic.lock);
    return wakes;
}

void vgic_changed(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *other = &vm->vcpus[i];
        uint32_t own = bank_deliverable(other, &other->vgic.own);
        uint32_t spis = bank_deliverable(other, &vm->vgic.spis);

        other->vgic.dirty = true;
        if (own != 0 || (spis != 0 && (spis & bank_reach(other, 32)) != 0))
            vcpu_wake(other);
    }
}

void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level)
{
    struct vm *vm = vcpu->vm;
    struct vgic_bank *bank = vgic_bank_of(vcpu, intid);

    spin_lock(&vm->vgic.lock);
    if (level != ((bank->line & BIT(intid)) != 0)) {
        if (level && (bank->edge & BIT(intid)) != 0)
            bank->latched |= BIT(intid);
        bank->line ^= BIT(intid);
        if (intid < 32) {
            vcpu->vgic.dirty = true;
            if (level)
                vcpu_wake(vcpu);
        } else {
            vgic_changed(vcpu);
        }
    }
    spin_unlock(&vm->vgic.lock);
}

void vgic_send_sgi(struct vcpu *target, unsigned sgi, const struct vcpu *source)
{
    struct vm *vm = target->vm;

    spin_lock(&vm->vgic.lock);
    target->vgic.own.latched |= BIT(sgi);
    target->vgic.sgi_source[sgi] |= (uint8_t)(1 << source->index);
    target->vgic.dirty = true;
    vcpu_wake(target);
    spin_unlock(&vm->vgic.lock);
}

void vgic_timer_fired(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu); /* a list register of the one before, which the guest has ended, must not end this one */
    vcpu->vgic.timer_held = true;
    vcpu->vgic.own.line |= BIT(VGIC_TIMER);
    vgic_push(vcpu);
    vcpu_wake(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}
