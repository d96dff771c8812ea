/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's state machine.
 *
 * What holds for an interrupt is in its bank (enabled, latched, line, active), except while it is in a list
 * register of the loaded vCPU. Then its pending and active state is there, where the hardware changes it, and
 * `in_lr` is set. Two operations move state. Pull empties all list registers into the banks. Push fills them,
 * first with what is pending and enabled, then with what is active, the most urgent first. Every change is
 * made in the banks (after a pull) and marks the vCPU dirty, as does a pull that finds something pending or
 * active; the next entry refreshes a dirty vCPU (pull, push). In the usual case one list register is in use,
 * so both are short.
 *
 * When more is pending than there are list registers, all of these are pending after a push. A maintenance
 * interrupt comes when none of them is any more, and the next refresh puts in the rest. What is active needs
 * a list register only to be ended, so it gives way to what is pending. When the guest ends an interrupt that
 * has no list register, the GIC counts that, and a maintenance interrupt comes. Guests end interrupts in the
 * reverse order of taking them, so it was the most urgent of the active ones without a list register. Where a
 * guest names what it deactivates (EOI mode 1), that is trapped instead.
 *
 * An interrupt that may have to be presented again asks for a maintenance interrupt at its end: one that is
 * level-sensitive, as its line may still be high; a GICv2's SGI that another vCPU has sent as well; an SPI
 * that was routed to another vCPU meanwhile.
 *
 * A VM has up to 31 banks of SPIs, of which most have nothing to present. `busy` says which have, and each
 * vCPU keeps what it found in them for itself (`pending`, `active`): the banks, and by bit-planes how urgent
 * the best of each is. So the most urgent of all is found in as many steps as that of one bank. Who changes a
 * bank makes it `stale` for all vCPUs, and a push looks at stale banks that are busy before it chooses. What
 * bounds it: a pull leaves no more of them stale than there are list registers; of others a push looks at
 * LOOKS at most, and sends its own core a message for the rest, so that the guest is left again at once for a
 * refresh that goes on. Until then one that is less urgent may come first, as on a GIC that takes its time to
 * see a write.
 *
 * The two groups share the list registers. When a guest has one group off at its CPU interface, and more of
 * that group is pending than there are list registers, the other group waits too.
 *
 * The virtual timer's interrupt (PPI 27) is the physical interrupt of the same number. The list register's HW
 * bit links the two: the guest's deactivation deactivates the physical one in the GIC. While the interrupt is
 * pending or active for a loaded vCPU, the physical one is active in the GIC and so silent (`timer_held`).
 * When the vCPU is switched out, that state is taken off the GIC, and it is put on again when the vCPU is
 * switched in. The guest's own timer registers are never changed. An interrupt that the guest's software has
 * set pending is not linked, as the physical one need not have fired.
 *
 * An SPI may be the physical interrupt of a device that the VM owns (`physical`, devices/physical_irqs.c).
 * When that one comes, EL2 leaves it active in the GIC, and latches the virtual one: it is `held`. A list
 * register with the HW bit links the two, as for the timer, so that the guest's end of the virtual one
 * deactivates the physical one, without an exit. A level that is still high comes again then; the GIC keeps
 * an edge that has come meanwhile. A list register cannot be linked that is pending and active, nor that of
 * an SPI that was routed elsewhere, whose end is to be seen. What was held and is no longer pending, active
 * or in a list register is deactivated by EL2, whatever the guest did (note_bank()). The physical interrupt
 * is enabled while the virtual one is, and goes to the core of the vCPU that the virtual one is routed to: as
 * of the write of the route. When that vCPU floats to another core, the interrupt comes where it was once
 * more, and goes to the new one from then on. A core whose EL2 deactivates it gets the next: who makes it
 * come again pays for it.
 *
 * Locking: the VM's vGIC lock, for the banks of all its vCPUs. List registers are their own core's. Who
 * changes a bank of a vCPU of another core marks that one dirty and sends it a message: the kick takes it out
 * of its guest, and before it goes back its list registers are refreshed. What another core's list register
 * holds is changed at that core's next pull (`clear_pending` and its kin, a bit for each list register). To
 * read it, a vCPU asks the others to pull, and executes its load again until they have done so.
 */
#include "devices/vgic.h"
#include <stddef.h>
#include <string.h>
#include "base/assert.h"
#include "base/memory.h"
#include "devices/vgic_banks.h"
#include "vm/dispatch.h"

#define BIT(n) (UINT32_C(1) << ((n)&31))

/* For what is not the usual case: out of line, so that the usual case needs a smaller stack frame. */
#define APART __attribute__((noinline))

#define LOOKS       1 /* at stale banks that are looked at in a push, beside those that the pull has left */
#define EXACT_BANKS 4 /* when more are busy, a vCPU may be woken for nothing */

#define TYPER_CPUS_SHIFT 5                     /* GICv2 */
#define TYPER_V3         (9u << 19 | 1u << 25) /* 10 INTID bits, no 1-of-N */

unsigned vgic_version(void)
{
    return gic->version;
}

/* Memory for the SPIs of a VM: once, at boot. */
static void take_banks(struct vgic *vgic)
{
    if (vgic->spi_banks == 0)
        vgic->spi_banks = 1;
    DEBUG_ASSERT(vgic->spi_banks <= VGIC_MAX_SPI_BANKS);
    vgic->spis = memory_allocate(vgic->spi_banks * sizeof(vgic->spis[0]));
}

/* The physical interrupts of a bank are disabled and inactive. */
static void reset_physical(struct vgic_physical *physical)
{
    for (uint32_t left = physical->given; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        gic->disable(physical->intid[n]);
        if ((physical->held & BIT(n)) != 0)
            gic->spi_set_active(physical->intid[n], false);
    }
    physical->held = physical->again = 0;
}

static void reset_bank(struct vgic *vgic, unsigned i, unsigned vcpu_count)
{
    if (vgic->physical != NULL)
        reset_physical(&vgic->physical[i]);
    memset(&vgic->spis[i], 0, sizeof(vgic->spis[i]));
    if (gic->version != 2 || vcpu_count == 1)
        vgic->spis[i].goes_to[0] = UINT32_MAX;
}

/* `busy` comes last: until then a physical interrupt of a bank that is not reset yet may set it. */
bool vgic_reset_step(struct vgic *vgic, unsigned vcpu_count, unsigned step)
{
    if (vgic->spis == NULL)
        take_banks(vgic);
    if (step < vgic->spi_banks) {
        reset_bank(vgic, step, vcpu_count);
        return true;
    }
    memset(vgic->enabled, 0, sizeof(*vgic) - offsetof(struct vgic, enabled));
    vgic->vcpu_count = vcpu_count;
    vgic->typer = vgic->spi_banks | (gic->version == 2 ? (vcpu_count - 1) << TYPER_CPUS_SHIFT : TYPER_V3);
    return false;
}

void vgic_init(struct vgic *vgic, unsigned vcpu_count)
{
    for (unsigned step = 0; vgic_reset_step(vgic, vcpu_count, step); step++) {
    }
}

void vgic_vcpu_init(struct vgic_vcpu *state)
{
    memset(state, 0, sizeof(*state));
    state->own.edge = 0xFFFF; /* SGIs are edge-triggered */
    state->asleep = true;
    state->stale = VGIC_ALL_BANKS;
    if (gic->version == 2)
        state->own.enabled = 0xFFFF; /* SGIs are always enabled there, as on QEMU's GICv2 */
}

#define NOBODY UINT32_MAX

/* The index of the vCPU that an SPI goes to, or NOBODY. */
static unsigned spi_target(struct vm *vm, unsigned intid)
{
    uint32_t route = vgic_spis(vm, intid / 32)->route[intid & 31];

    if (gic->version != 2)
        return route < vm->vgic.vcpu_count ? route : NOBODY;
    if (vm->vgic.vcpu_count == 1)
        return 0; /* with one vCPU the targets are fixed: IHI 0048, 4.3.12 */
    return route != 0 ? (unsigned)__builtin_ctz(route) : NOBODY;
}

/* Sets the bits of the n-th priority in bit-planes. */
static void set_planes(uint32_t planes[VGIC_PRIORITY_BITS], unsigned n, uint8_t priority)
{
    uint32_t bit = BIT(n);

    for (unsigned i = 0; i < VGIC_PRIORITY_BITS; i++)
        if ((priority << i & 0x80) != 0)
            planes[i] |= bit;
        else
            planes[i] &= ~bit;
}

void vgic_set_priority(struct vgic_bank *bank, unsigned n, uint8_t priority)
{
    set_planes(bank->priority_bit, n, priority);
    bank->priority[n] = priority & (uint8_t)(0xFF00u >> VGIC_PRIORITY_BITS);
}

/* Those interrupts of a set of bank `b` that go to this vCPU. */
static uint32_t going_to(const struct vcpu *vcpu, unsigned b, uint32_t set)
{
    return b != 0 ? set & vgic_spis(vcpu->vm, b)->goes_to[vcpu->index] : set;
}

/* The interrupts of a bank that are pending, enabled and not deferred, and whose group is enabled in the
 * distributor. */
static uint32_t bank_deliverable(const struct vcpu *vcpu, const struct vgic_bank *bank)
{
    const struct vgic *vgic = &vcpu->vm->vgic;
    uint32_t groups = (vgic->enabled[0] ? ~bank->group1 : 0) | (vgic->enabled[1] ? bank->group1 : 0);

    return (bank->latched | (bank->line & ~bank->edge)) & bank->enabled & groups & ~bank->deferred;
}

/*
 * The virtual timer's physical interrupt is to be active in the GIC exactly while the virtual one is pending
 * or active for the loaded vCPU.
 */
static inline void hold_timer(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    bool hold = vcpu->vgic.loaded && ((own->line | own->active) & BIT(VGIC_TIMER)) != 0;

    if (hold == vcpu->vgic.timer_held)
        return;
    gic->set_private_active(VGIC_TIMER, hold);
    vcpu->vgic.timer_held = hold;
}

static inline void look_at_timer(struct vcpu *vcpu)
{
    if (arch_vcpu_timer_asserted(vcpu))
        vcpu->vgic.own.line |= BIT(VGIC_TIMER);
    else
        vcpu->vgic.own.line &= ~BIT(VGIC_TIMER);
}

/* Those of a set, not empty, that no other of it is more urgent than. */
static uint32_t most_urgent(const uint32_t planes[VGIC_PRIORITY_BITS], uint32_t set)
{
    if ((set & (set - 1)) == 0)
        return set; /* the usual case: there is only one */
    for (unsigned i = 0; i < VGIC_PRIORITY_BITS; i++) {
        uint32_t without = set & ~planes[i];

        if (without != 0)
            set = without;
    }
    return set;
}

static unsigned first_of(const struct vgic_bank *bank, uint32_t set)
{
    return (unsigned)__builtin_ctz(most_urgent(bank->priority_bit, set));
}

static APART void release_idle(struct vgic_physical *physical, const struct vgic_bank *bank)
{
    uint32_t idle = physical->held & ~(bank->latched | bank->active | bank->in_lr);

    physical->held &= ~idle;
    for (; idle != 0; idle &= idle - 1) {
        uint32_t intid = physical->intid[__builtin_ctz(idle)];

        gic->spi_set_target(intid, arch_cpu()->index);
        gic->spi_set_active(intid, false);
    }
}

/* What is to be done after each change of bank `b`. */
static inline void note_bank(struct vgic *vgic, unsigned b)
{
    const struct vgic_bank *bank = &vgic->spis[b - 1].bank;

    if (vgic->physical != NULL)
        release_idle(&vgic->physical[b - 1], bank);
    if ((bank->latched | bank->line | bank->active) != 0)
        vgic->busy |= BIT(b);
    else
        vgic->busy &= ~BIT(b);
}

/* More than EXACT_BANKS? The compiler's own count of bits uses SIMD registers. */
static bool are_many(uint32_t banks)
{
    for (unsigned i = 0; i < EXACT_BANKS; i++)
        banks &= banks - 1;
    return banks != 0;
}

/* Those SPIs of bank `b` that are pending for this vCPU; and those that are active; in no list register. */
static uint32_t spis_pending(const struct vcpu *vcpu, const struct vgic_spis *spis)
{
    const struct vgic_bank *bank = &spis->bank;

    /* What is active cannot be taken again, not even by another vCPU. */
    return bank_deliverable(vcpu, bank) & spis->goes_to[vcpu->index] & ~(bank->active | bank->in_lr);
}

static uint32_t spis_active(const struct vcpu *vcpu, const struct vgic_spis *spis)
{
    return spis->bank.active & spis->held_by[vcpu->index] & ~spis->bank.in_lr;
}

/* Notes what was found in bank `b`. With one bank its own planes are all that is needed. */
static inline void note_found(struct vgic_found *found, unsigned b, const struct vgic_bank *bank,
                              uint32_t set, bool is_only)
{
    if (set == 0) {
        found->banks &= ~BIT(b);
        return;
    }
    found->banks |= BIT(b);
    if (!is_only)
        set_planes(found->priority_bit, b, bank->priority[first_of(bank, set)]);
}

static void look_at_bank(struct vcpu *vcpu, unsigned b)
{
    const struct vgic_spis *spis = vgic_spis(vcpu->vm, b);
    bool is_only = vcpu->vm->vgic.spi_banks == 1;

    note_found(&vcpu->vgic.pending, b, &spis->bank, spis_pending(vcpu, spis), is_only);
    note_found(&vcpu->vgic.active, b, &spis->bank, spis_active(vcpu, spis), is_only);
}

/* Looks at banks that have changed, and returns those that remain: of them it is not known what they have. */
static APART uint32_t look_at_stale(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t busy = vcpu->vm->vgic.busy;
    uint32_t left = state->stale & busy;

    state->pending.banks &= busy & ~left;
    state->active.banks &= busy & ~left;
    for (unsigned looks = gic->lr_count() + LOOKS; left != 0 && looks != 0; looks--) {
        look_at_bank(vcpu, (unsigned)__builtin_ctz(left));
        left &= left - 1;
    }
    state->stale = left;
    return left;
}

/*
 * Returns the most urgent of the vCPU's own interrupts in `own`, out of which it is taken, and of the SPIs
 * that were found. The caller changes the SPI's state and looks at its bank again. There is one at least.
 */
static unsigned take_best(struct vcpu *vcpu, uint32_t *own, const struct vgic_found *found)
{
    const struct vgic_bank *own_bank = &vcpu->vgic.own;
    const struct vgic_spis *spis;
    unsigned best = 0, b, spi;
    uint32_t set;

    if (*own != 0) {
        best = first_of(own_bank, *own);
        if (found->banks == 0) {
            *own &= ~BIT(best);
            return best;
        }
    }
    b = (unsigned)__builtin_ctz(most_urgent(found->priority_bit, found->banks));
    spis = vgic_spis(vcpu->vm, b);
    set = found == &vcpu->vgic.pending ? spis_pending(vcpu, spis) : spis_active(vcpu, spis);
    DEBUG_ASSERT(set != 0);
    spi = first_of(&spis->bank, set);
    if (*own == 0 || spis->bank.priority[spi] < own_bank->priority[best])
        return b * 32 + spi;
    *own &= ~BIT(best);
    return best;
}

/* A list register no longer holds an SPI. One that was routed elsewhere meanwhile may now go there. */
static inline void spi_left(struct vcpu *vcpu, unsigned intid)
{
    if (intid >= 32 && going_to(vcpu, intid / 32, BIT(intid)) == 0)
        vgic_changed(vcpu, BIT(intid / 32));
}

/* The guest has ended an SPI in list register n, and with it the physical interrupt if the two are linked. */
static APART void spi_ended(struct vcpu *vcpu, unsigned n)
{
    unsigned intid = vcpu->vgic.lr_intid[n];

    if ((vcpu->vgic.lr_linked & BIT(n)) != 0) {
        struct vgic_physical *physical = &vcpu->vm->vgic.physical[intid / 32 - 1];

        physical->held &= physical->again | ~BIT(intid);
        physical->again &= ~BIT(intid);
    }
    spi_left(vcpu, intid);
}

/* The state of list register n as vCPUs of other cores have changed it by writes of the GIC's registers. */
static APART uint8_t with_others_writes(const struct vgic_vcpu *state, unsigned n, uint8_t lr_state)
{
    if ((state->clear_pending & BIT(n)) != 0)
        lr_state &= (uint8_t)~LR_PENDING;
    if ((state->clear_active & BIT(n)) != 0)
        lr_state &= (uint8_t)~LR_ACTIVE;
    return lr_state; /* see settle_with_others() for what they have made active */
}

/* The vCPU has taken an SPI, and is to end it. */
static void hold_spi(struct vcpu *vcpu, unsigned intid)
{
    struct vgic_spis *spis = vgic_spis(vcpu->vm, intid / 32);

    for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++)
        spis->held_by[i] &= ~BIT(intid);
    spis->held_by[vcpu->index] |= BIT(intid);
}

/* Empties a list register into the bank of its interrupt. */
static void pull_one(struct vcpu *vcpu, unsigned n)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    unsigned intid = state->lr_intid[n];
    struct vgic_bank *bank = vgic_bank_of(vcpu, intid);
    uint32_t bit = BIT(intid);
    struct lr_content lr = gic->lr_take(n);

    bank->in_lr &= ~bit;
    bank->active &= ~bit;
    if (lr.state == 0) {
        if (intid >= 32) {
            spi_ended(vcpu, n);
        } else if ((state->lr_linked & BIT(n)) != 0) {
            /* The guest ended it, and with it the physical interrupt. */
            bank->line &= ~bit;
            state->timer_held = false;
        }
        return;
    }
    if (state->others_wrote)
        lr.state = with_others_writes(state, n, lr.state);
    vgic_set_dirty(state, true);
    if ((lr.state & LR_ACTIVE) != 0) {
        bank->active |= bit;
        if (intid >= 32)
            hold_spi(vcpu, intid);
        else if (intid < 16)
            state->sgi_active[intid] = lr.source;
    }
    if ((lr.state & LR_PENDING) != 0 && (state->lr_latched & BIT(n)) != 0) {
        bank->latched |= bit;
        if (intid < 16)
            state->sgi_source[intid] |= (uint8_t)(1u << lr.source);
    }
}

/*
 * The guest has ended so many interrupts that had no list register: the most urgent active ones. It has ended
 * one, as a maintenance interrupt comes at once, so all stale banks are looked at for those that are active.
 */
static APART void end_without_lr(struct vcpu *vcpu, unsigned count)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t own = state->own.active & ~state->own.in_lr;

    if (count == 0)
        return;
    state->active.banks &= vcpu->vm->vgic.busy;
    for (uint32_t left = state->stale & vcpu->vm->vgic.busy; left != 0; left &= left - 1) {
        unsigned b = (unsigned)__builtin_ctz(left);
        const struct vgic_spis *spis = vgic_spis(vcpu->vm, b);

        note_found(&state->active, b, &spis->bank, spis_active(vcpu, spis), vcpu->vm->vgic.spi_banks == 1);
    }
    for (; count != 0 && (own | state->active.banks) != 0; count--) {
        unsigned intid = take_best(vcpu, &own, &state->active);

        vgic_bank_of(vcpu, intid)->active &= ~BIT(intid);
        if (intid >= 32) {
            note_bank(&vcpu->vm->vgic, intid / 32);
            look_at_bank(vcpu, intid / 32);
        }
        spi_left(vcpu, intid);
    }
}

/*
 * A pull ends what others have written, even of a list register that was empty. An interrupt that they have
 * routed elsewhere may go there from now on.
 */
static APART void settle_with_others(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t banks = 0;

    for (uint32_t left = state->lr_used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        unsigned intid = state->lr_intid[n];

        banks |= BIT(intid / 32);
        if ((state->set_active & BIT(n)) != 0)
            vgic_bank_of(vcpu, intid)->active |= BIT(intid);
    }
    state->clear_pending = state->clear_active = state->set_active = 0;
    state->others_wrote = false;
    vgic_changed(vcpu, banks);
}

static inline void spi_was_pulled(struct vcpu *vcpu, unsigned b)
{
    note_bank(&vcpu->vm->vgic, b);
    vcpu->vgic.stale |= BIT(b);
}

static APART void pull_used(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;

    if (state->outside)
        end_without_lr(vcpu, gic->take_eoi_count()); /* before `in_lr` is forgotten */
    for (uint32_t left = state->lr_used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        pull_one(vcpu, n);
        if (state->lr_intid[n] >= 32)
            spi_was_pulled(vcpu, state->lr_intid[n] / 32);
    }
    if (state->others_wrote)
        settle_with_others(vcpu);
    state->lr_used = 0;
    state->lr_latched = 0;
    state->lr_linked = 0;
    state->lr_active = 0;
    state->pulls++;
}

static inline void pull(struct vcpu *vcpu)
{
    if (vcpu->vgic.lr_used != 0 || vcpu->vgic.outside)
        pull_used(vcpu);
    if (vcpu->vgic.timer_held)
        look_at_timer(vcpu); /* its physical interrupt is silent, so its line is looked at */
}

void vgic_pull(struct vcpu *vcpu)
{
    if (vcpu->vgic.loaded)
        pull(vcpu);
}

/*
 * The list registers of a vCPU that hold one of a set of interrupts of bank `b`. Those that are in use may be
 * seen without its core's lock: see take_for_timer().
 */
static uint32_t lrs_with(const struct vgic_vcpu *state, unsigned b, uint32_t set)
{
    uint32_t lrs = 0;

    for (uint32_t left = __atomic_load_n(&state->lr_used, __ATOMIC_ACQUIRE); left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        if (state->lr_intid[n] / 32 == b && (set & BIT(state->lr_intid[n])) != 0)
            lrs |= BIT(n);
    }
    return lrs;
}

/* The vCPUs whose list registers may hold interrupts of bank `b`: from *first on, so many. */
static unsigned holders(struct vcpu *vcpu, unsigned b, struct vcpu **first)
{
    *first = b == 0 ? vcpu : vcpu->vm->vcpus;
    return b == 0 ? 1 : vcpu->vm->vcpu_count;
}

void vgic_clear_pending_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set)
{
    struct vcpu *holder;
    unsigned count = holders(vcpu, first / 32, &holder);

    set &= vgic_bank_of(vcpu, first)->in_lr;
    for (; set != 0 && count != 0; count--, holder++) {
        uint32_t lrs = lrs_with(&holder->vgic, first / 32, set);

        if (lrs == 0)
            continue;
        holder->vgic.clear_pending |= lrs;
        holder->vgic.others_wrote = true;
    }
}

void vgic_change_active_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set, bool active)
{
    struct vcpu *holder;
    unsigned count = holders(vcpu, first / 32, &holder);

    set &= vgic_bank_of(vcpu, first)->in_lr;
    for (; set != 0 && count != 0; count--, holder++) {
        struct vgic_vcpu *state = &holder->vgic;
        uint32_t lrs = lrs_with(state, first / 32, set);

        if (lrs == 0)
            continue;
        state->set_active = active ? state->set_active | lrs : state->set_active & ~lrs;
        state->clear_active = active ? state->clear_active & ~lrs : state->clear_active | lrs;
        state->others_wrote = true;
    }
}

/* A physical interrupt goes to the core of a vCPU, unless that is on its way to another. */
static void set_target(struct vm *vm, unsigned intid, unsigned vcpu)
{
    const struct vgic_physical *physical = &vm->vgic.physical[intid / 32 - 1];
    const struct cpu *cpu;

    if (vcpu == NOBODY || (physical->given & BIT(intid)) == 0)
        return;
    cpu = ARCH_READ_RELAXED(vm->vcpus[vcpu].cpu);
    if (cpu != NULL)
        gic->spi_set_target(physical->intid[intid & 31], cpu->index);
}

void vgic_enabled(struct vm *vm, unsigned first, uint32_t before)
{
    const struct vgic_physical *physical = &vm->vgic.physical[first / 32 - 1];
    uint32_t now = vgic_spis(vm, first / 32)->bank.enabled;

    for (uint32_t left = physical->given & (before ^ now); left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        if ((now & BIT(n)) != 0)
            gic->spi_enable(physical->intid[n]);
        else
            gic->disable(physical->intid[n]);
    }
}

void vgic_set_route(struct vm *vm, unsigned intid, uint32_t route)
{
    struct vgic_spis *spis = vgic_spis(vm, intid / 32);
    uint32_t bit = BIT(intid);
    unsigned before = spi_target(vm, intid);
    unsigned after;

    spis->route[intid & 31] = route;
    after = spi_target(vm, intid);
    if (before != NOBODY)
        spis->goes_to[before] &= ~bit;
    if (after != NOBODY)
        spis->goes_to[after] |= bit;
    for (unsigned i = 0; (spis->bank.in_lr & bit) != 0 && i < vm->vcpu_count; i++)
        if (lrs_with(&vm->vcpus[i].vgic, intid / 32, bit) != 0)
            vm->vcpus[i].vgic.others_wrote = true;
    if (vm->vgic.physical != NULL)
        set_target(vm, intid, after);
}

uint32_t vgic_seen_elsewhere(struct vcpu *vcpu, unsigned first, bool active)
{
    uint32_t set = vgic_bank_of(vcpu, first)->in_lr;
    uint32_t seen = 0;
    struct vcpu *holder;
    unsigned count = holders(vcpu, first / 32, &holder);

    for (; set != 0 && count != 0; count--, holder++) {
        const struct vgic_vcpu *state = &holder->vgic;
        uint32_t lrs = lrs_with(state, first / 32, set) & (active ? state->lr_active : state->lr_latched);

        for (; lrs != 0; lrs &= lrs - 1)
            seen |= BIT(state->lr_intid[__builtin_ctz(lrs)]);
    }
    return seen;
}

bool vgic_others_have_pulled(struct vcpu *vcpu, uint32_t others)
{
    struct vm *vm = vcpu->vm;
    struct vgic_vcpu *reader = &vcpu->vgic;
    bool all = true;

    if (reader->asked_pc != vcpu->arch.regs.pc)
        reader->asked = 0; /* the load for which it had asked was given up */
    reader->asked_pc = vcpu->arch.regs.pc;
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *other = &vm->vcpus[i];
        struct vgic_vcpu *state = &other->vgic;

        if ((others & BIT(i)) == 0 || ARCH_READ_RELAXED(other->cpu) == vcpu->cpu || state->lr_used == 0)
            continue;
        if ((reader->asked & BIT(i)) != 0 && reader->asked_at[i] != state->pulls)
            continue;
        if ((reader->asked & BIT(i)) == 0) {
            reader->asked |= BIT(i);
            reader->asked_at[i] = state->pulls;
            vgic_set_dirty(state, true);
            vcpu_send(other, VCPU_LOOK);
        }
        all = false;
    }
    if (all)
        reader->asked = 0;
    return all;
}

void vgic_look(struct vcpu *vcpu)
{
    if (vcpu->vgic.loaded && (vgic_is_dirty(&vcpu->vgic) || vcpu->vgic.unfinished))
        vgic_refresh(vcpu);
}

/*
 * GICv2: an SGI has a sender, whose number the guest gives back at the end. One sender's SGI is in the list
 * register at a time, the others' wait in the bank. Returns whether any wait.
 */
static bool push_sgi_source(struct vgic_vcpu *state, struct list_register *lr)
{
    uint8_t *waiting = &state->sgi_source[lr->intid];

    if ((lr->state & LR_ACTIVE) != 0) {
        lr->source = state->sgi_active[lr->intid];
        lr->state = LR_ACTIVE;
    } else {
        lr->source = (uint8_t)__builtin_ctz(*waiting);
        *waiting &= (uint8_t) ~(1u << lr->source);
    }
    return *waiting != 0;
}

/* Is the physical interrupt of an SPI active in the GIC on its behalf? */
static bool is_held(const struct vcpu *vcpu, unsigned intid)
{
    const struct vgic_physical *physical = vcpu->vm->vgic.physical;

    return intid >= 32 && physical != NULL && (physical[intid / 32 - 1].held & BIT(intid)) != 0;
}

/* Links an SPI that is held to its physical interrupt, if that may be: see the top. */
static APART void link_spi(struct vcpu *vcpu, struct list_register *lr, bool pending)
{
    const struct vgic_physical *physical = &vcpu->vm->vgic.physical[lr->intid / 32 - 1];

    lr->hardware = !(lr->state != 0 && pending) && going_to(vcpu, lr->intid / 32, BIT(lr->intid)) != 0;
    lr->physical = physical->intid[lr->intid & 31];
}

static void push_one(struct vcpu *vcpu, unsigned n, unsigned intid, bool pending)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    struct vgic_bank *bank = vgic_bank_of(vcpu, intid);
    uint32_t bit = BIT(intid);
    bool by_latch = (bank->latched & bit) != 0;
    bool again = (bank->edge & bit) == 0 || going_to(vcpu, intid / 32, bit) == 0;
    struct list_register lr = {
        .intid = (uint16_t)intid,
        .priority = bank->priority[intid & 31],
        .hardware = intid == VGIC_TIMER && !by_latch,
        .physical = VGIC_TIMER,
        .group1 = (bank->group1 & bit) != 0,
    };

    if ((bank->active & bit) != 0)
        lr.state |= LR_ACTIVE;
    if (lr.state != 0)
        state->lr_active |= BIT(n);
    if (is_held(vcpu, intid)) {
        link_spi(vcpu, &lr, pending);
        again = true;
    }
    /* With the HW bit, pending and active at once is not allowed (GIC spec, ICH_LR<n>_EL2.State). */
    if (pending && !(lr.hardware && lr.state != 0))
        lr.state |= LR_PENDING;
    if (gic->version == 2 && intid < 16)
        again = push_sgi_source(state, &lr);
    if ((lr.state & LR_PENDING) != 0 && by_latch) {
        state->lr_latched |= BIT(n);
        if (!(gic->version == 2 && intid < 16 && again))
            bank->latched &= ~bit;
    }
    lr.eoi_wanted = !lr.hardware && again;
    if (intid == VGIC_TIMER)
        state->timer_lr = (uint8_t)n;
    bank->in_lr |= bit;
    state->lr_intid[n] = (uint16_t)intid;
    state->lr_used |= BIT(n);
    if (lr.hardware)
        state->lr_linked |= BIT(n);
    gic->lr_write(n, gic->lr_word(&lr));
}

/*
 * What goes into a list register when the virtual timer fires, so that writing it is all that is left to do
 * then; 0 when it is not deliverable. It follows from what the guest has set in the GIC's registers, and
 * changes only with that.
 */
static uint64_t timer_word(const struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    struct list_register lr = {
        .intid = VGIC_TIMER,
        .priority = own->priority[VGIC_TIMER],
        .state = LR_PENDING,
        .hardware = true,
        .physical = VGIC_TIMER,
        .group1 = (own->group1 & BIT(VGIC_TIMER)) != 0,
    };

    if ((own->enabled & ~own->deferred & BIT(VGIC_TIMER)) == 0 || !vcpu->vm->vgic.enabled[lr.group1])
        return 0;
    return gic->lr_word(&lr);
}

/*
 * List register n becomes the virtual timer's. Without the lock on its short way, so lrs_with() on another
 * core is to see which interrupt it holds when it sees that it is in use.
 */
static inline void take_for_timer(struct vgic_vcpu *state, unsigned n)
{
    state->own.in_lr |= BIT(VGIC_TIMER);
    state->timer_lr = (uint8_t)n;
    state->lr_intid[n] = VGIC_TIMER;
    __atomic_store_n(&state->lr_used, state->lr_used | BIT(n), __ATOMIC_RELEASE);
    state->lr_linked |= BIT(n);
}

static inline void ask(struct vgic_vcpu *state, bool refill, bool outside)
{
    if (state->refill == refill && state->outside == outside)
        return;
    gic->virtual_ask(refill, outside);
    state->refill = refill;
    state->outside = outside;
}

/*
 * Push in the usual case, when nothing is pending or active, or just the virtual timer. False when it is not
 * so, and nothing was done.
 */
static inline bool push_timer_or_nothing(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t others = state->own.active | state->own.latched | (state->own.line & ~BIT(VGIC_TIMER));

    if ((vcpu->vm->vgic.busy | others) != 0)
        return false;
    if (state->own.line != 0 && state->timer_word != 0) {
        take_for_timer(state, 0);
        gic->lr_write(0, state->timer_word);
    }
    ask(state, false, false);
    hold_timer(vcpu);
    vgic_set_dirty(state, false);
    return true;
}

/*
 * Push when all that there is to present is one SPI: a device's interrupt in a guest that does something
 * else. False when it is not so, and nothing was done.
 */
static inline bool push_only_spi(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t busy = vcpu->vm->vgic.busy;
    uint32_t own = state->own.latched | state->own.line;
    struct vgic_spis *spis;
    unsigned b;
    uint32_t set;

    if (busy == 0 || ((busy & (busy - 1)) | state->own.active | (own & ~state->own.deferred)) != 0)
        return false;
    b = (unsigned)__builtin_ctz(busy);
    spis = vgic_spis(vcpu->vm, b);
    set = spis->bank.latched;
    if (set == 0 ||
        ((set & (set - 1)) | (spis->bank.line & ~spis->bank.edge) | spis->bank.active | spis->bank.in_lr) !=
            0 ||
        spis_pending(vcpu, spis) != set)
        return false;
    state->stale |= busy;
    state->pending.banks = state->active.banks = 0;
    push_one(vcpu, 0, b * 32 + (unsigned)__builtin_ctz(set), true);
    note_bank(&vcpu->vm->vgic, b);
    ask(state, false, false);
    hold_timer(vcpu);
    vgic_set_dirty(state, false);
    state->unfinished = false;
    return true;
}

/*
 * `more`: another is to be chosen. If not, the next push looks at the bank anyhow, and all that is to be
 * known is whether anything remains in it.
 */
static void spi_was_pushed(struct vcpu *vcpu, unsigned b, bool more)
{
    const struct vgic_spis *spis = vgic_spis(vcpu->vm, b);
    struct vgic_vcpu *state = &vcpu->vgic;

    note_bank(&vcpu->vm->vgic, b);
    if (more) {
        look_at_bank(vcpu, b);
        return;
    }
    state->stale |= BIT(b);
    if (spis_pending(vcpu, spis) == 0)
        state->pending.banks &= ~BIT(b);
    if (spis_active(vcpu, spis) == 0)
        state->active.banks &= ~BIT(b);
}

/* Into list registers from *n on goes what is pending, the most urgent first; then the same of what is
 * active. */
static void push_found(struct vcpu *vcpu, unsigned *n, uint32_t *own, const struct vgic_found *found)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    bool are_active = found == &state->active;
    unsigned lrs = gic->lr_count();

    for (; *n < lrs && (*own | found->banks) != 0; (*n)++) {
        unsigned intid = take_best(vcpu, own, found);
        bool pending = !are_active || (going_to(vcpu, intid / 32, BIT(intid)) &
                                       bank_deliverable(vcpu, vgic_bank_of(vcpu, intid))) != 0;

        push_one(vcpu, *n, intid, pending);
        if (intid >= 32)
            spi_was_pushed(vcpu, intid / 32, *n + 1 < lrs);
    }
}

static APART void push_by_urgency(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t stale = state->stale != 0 ? look_at_stale(vcpu) : 0;
    uint32_t pending = bank_deliverable(vcpu, &state->own) & ~state->own.active;
    uint32_t active = state->own.active;
    unsigned n = 0;

    push_found(vcpu, &n, &pending, &state->pending);
    if ((active | state->active.banks) != 0)
        push_found(vcpu, &n, &active, &state->active);
    ask(state, (pending | state->pending.banks) != 0, (active | state->active.banks | stale) != 0);
    hold_timer(vcpu);
    vgic_set_dirty(state, false);
    state->unfinished = stale != 0;
    if (stale != 0)
        vcpu_send(vcpu, VCPU_LOOK);
}

/*
 * For assertions: do the loaded vCPU's list registers and the banks agree? Each register in use holds an
 * interrupt whose bank says so, each once, and nothing else is said to be in one.
 */
static bool lrs_agree_with_banks(struct vcpu *vcpu)
{
    const struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t own = 0;

    for (uint32_t left = state->lr_used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        unsigned intid = state->lr_intid[n];

        if (n >= gic->lr_count() || intid >= vgic_intid_end(&vcpu->vm->vgic))
            return false;
        if (lrs_with(state, intid / 32, BIT(intid)) != BIT(n))
            return false;
        if (intid < 32)
            own |= BIT(intid);
        else if ((vgic_spis(vcpu->vm, intid / 32)->bank.in_lr & BIT(intid)) == 0)
            return false;
        if ((state->lr_linked & BIT(n)) != 0 &&
            (intid < 32 ? intid != VGIC_TIMER || state->timer_lr != n : !is_held(vcpu, intid)))
            return false;
    }
    return own == state->own.in_lr &&
           ((state->lr_linked | state->lr_latched | state->lr_active) & ~state->lr_used) == 0;
}

/*
 * For assertions: is the lock held, do list registers and banks agree, and has a vCPU that is not loaded
 * neither list registers nor the virtual timer's physical interrupt?
 */
static bool is_consistent(struct vcpu *vcpu)
{
    const struct vgic_vcpu *state = &vcpu->vgic;

    return spin_is_held(&vcpu->vm->vgic.lock) && lrs_agree_with_banks(vcpu) &&
           (state->loaded || (!state->timer_held && state->lr_used == 0));
}

static inline void vgic_push(struct vcpu *vcpu)
{
    if (!push_timer_or_nothing(vcpu) && !push_only_spi(vcpu))
        push_by_urgency(vcpu);
    DEBUG_ASSERT(is_consistent(vcpu));
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
    struct vgic_vcpu *state = &vcpu->vgic;

    spin_lock(&vcpu->vm->vgic.lock);
    state->loaded = true;
    state->waits = false;
    look_at_timer(vcpu);
    gic->interface_load(&vcpu->arch);
    vgic_push(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}

void vgic_save(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    pull(vcpu);
    ask(&vcpu->vgic, false, false);
    gic->interface_save(&vcpu->arch);
    vcpu->vgic.loaded = false;
    hold_timer(vcpu);
    DEBUG_ASSERT(is_consistent(vcpu));
    spin_unlock(&vcpu->vm->vgic.lock);
}

/* Is anything of a bank pending that the guest's CPU interface, which has these groups enabled, lets through?
 */
static bool bank_wakes(const struct vcpu *vcpu, unsigned b, const struct vgic_bank *bank, unsigned groups,
                       uint8_t mask)
{
    uint32_t interface = ((groups & 1) != 0 ? ~bank->group1 : 0) | ((groups & 2) != 0 ? bank->group1 : 0);
    uint32_t set = going_to(vcpu, b, bank_deliverable(vcpu, bank) & ~bank->active & interface);

    return set != 0 && bank->priority[first_of(bank, set)] < mask;
}

/*
 * The same of many banks of SPIs, by what was found in them. A WFI may end for nothing: so where that does
 * not tell, as some are stale or one group is off at the interface, it does.
 */
static bool found_wakes(struct vcpu *vcpu, unsigned groups, uint8_t mask)
{
    const struct vgic_found *found = &vcpu->vgic.pending;
    const struct vgic_spis *spis;

    if (look_at_stale(vcpu) != 0)
        return true;
    if (found->banks == 0 || groups != 3)
        return found->banks != 0 && groups != 0;
    spis = vgic_spis(vcpu->vm, (unsigned)__builtin_ctz(most_urgent(found->priority_bit, found->banks)));
    return spis->bank.priority[first_of(&spis->bank, spis_pending(vcpu, spis))] < mask;
}

/* The same of all SPIs. Called after a pull: all state is in the banks. */
static bool any_spi_wakes(struct vcpu *vcpu, unsigned groups, uint8_t mask)
{
    uint32_t busy = vcpu->vm->vgic.busy;
    bool wakes = false;

    if (are_many(busy))
        return found_wakes(vcpu, groups, mask);
    for (; busy != 0 && !wakes; busy &= busy - 1) {
        unsigned b = (unsigned)__builtin_ctz(busy);

        wakes = bank_wakes(vcpu, b, &vgic_spis(vcpu->vm, b)->bank, groups, mask);
    }
    return wakes;
}

/* The same of all interrupts. */
static APART bool any_wakes(struct vcpu *vcpu)
{
    unsigned groups;
    uint8_t mask = gic->virtual_priority_mask(&groups);

    return bank_wakes(vcpu, 0, &vcpu->vgic.own, groups, mask) || any_spi_wakes(vcpu, groups, mask);
}

bool vgic_has_spi_to_take(struct vcpu *vcpu)
{
    unsigned groups;
    uint8_t mask;
    bool has;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    mask = gic->virtual_priority_mask(&groups);
    has = any_spi_wakes(vcpu, groups, mask);
    spin_unlock(&vcpu->vm->vgic.lock);
    return has;
}

bool vgic_wakes(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    bool wakes = false;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    if ((own->latched | own->line | vcpu->vm->vgic.busy) != 0)
        wakes = any_wakes(vcpu);
    vcpu->vgic.waits = !wakes;
    spin_unlock(&vcpu->vm->vgic.lock);
    return wakes;
}

bool vgic_has_deliverable(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    bool has;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    has = (bank_deliverable(vcpu, own) & ~own->active) != 0;
    for (uint32_t left = vcpu->vm->vgic.busy; left != 0 && !has; left &= left - 1)
        has = spis_pending(vcpu, vgic_spis(vcpu->vm, (unsigned)__builtin_ctz(left))) != 0;
    vcpu->vgic.waits = !has;
    spin_unlock(&vcpu->vm->vgic.lock);
    return has;
}

/*
 * The interrupts of a vCPU, which is dirty, have changed; `wakes`: one of them may end its WFI. That of
 * another core gets a message only if it waits for that, or has its registers in that core. So a guest that
 * sends interrupts to itself on another core takes no time of those who run there: each of its vCPUs causes
 * one kick at most from the time it has blocked until it blocks again.
 */
static void tell(struct vcpu *vcpu, bool wakes)
{
    struct vgic_vcpu *state = &vcpu->vgic;

    if (ARCH_READ_RELAXED(vcpu->cpu) == arch_cpu()) {
        if (wakes)
            vcpu_wake(vcpu);
        return;
    }
    if (wakes && state->waits) {
        state->waits = false;
        vcpu_send(vcpu, VCPU_WAKE);
    }
    if (state->loaded)
        vcpu_send(vcpu, VCPU_LOOK);
}

/*
 * Notes what is in SPI banks that have changed. Returns the vCPUs for which any of them has something
 * deliverable, or all when they are many.
 */
static uint32_t spis_changed(struct vm *vm, uint32_t banks)
{
    uint32_t vcpus = 0;

    if (banks != VGIC_ALL_BANKS)
        banks &= (UINT32_C(2) << vm->vgic.spi_banks) - 2;
    else if (!are_many(vm->vgic.busy))
        banks = vm->vgic.busy;
    else
        return UINT32_MAX;
    for (uint32_t left = banks; left != 0; left &= left - 1) {
        const struct vgic_spis *spis = vgic_spis(vm, (unsigned)__builtin_ctz(left));
        uint32_t set;

        note_bank(&vm->vgic, (unsigned)__builtin_ctz(left));
        set = bank_deliverable(&vm->vcpus[0], &spis->bank);
        for (unsigned i = 0; set != 0 && i < vm->vcpu_count; i++)
            if ((set & spis->goes_to[i]) != 0)
                vcpus |= BIT(i);
    }
    return vcpus;
}

void vgic_changed(struct vcpu *vcpu, uint32_t banks)
{
    struct vm *vm = vcpu->vm;
    uint32_t wakes = spis_changed(vm, banks);

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *other = &vm->vcpus[i];
        uint32_t own = bank_deliverable(other, &other->vgic.own);

        other->vgic.stale |= banks;
        vgic_set_dirty(&other->vgic, true);
        tell(other, own != 0 || (wakes & BIT(i)) != 0);
    }
}

void vgic_configured(struct vcpu *vcpu, uint32_t banks)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i].vgic.timer_word = timer_word(&vm->vcpus[i]);
    vgic_changed(vcpu, banks);
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
            vgic_set_dirty(&vcpu->vgic, true);
            if (level)
                vcpu_wake(vcpu);
        } else {
            vgic_changed(vcpu, BIT(intid / 32));
        }
    }
    spin_unlock(&vm->vgic.lock);
}

void vgic_need_spi(struct vm *vm, unsigned intid)
{
    if (vm->vgic.spi_banks < intid / 32)
        vm->vgic.spi_banks = intid / 32;
}

bool vgic_give(struct vm *vm, unsigned intid, unsigned physical)
{
    struct vgic *vgic = &vm->vgic;
    struct vgic_physical *bank;

    if (intid < 32 || intid >= VGIC_INTID_END)
        return false;
    if (vgic->spis == NULL)
        vgic_need_spi(vm, intid);
    if (vgic->spi_banks < intid / 32)
        return false;
    if (vgic->physical == NULL)
        vgic->physical = memory_allocate(VGIC_MAX_SPI_BANKS * sizeof(vgic->physical[0]));
    bank = &vgic->physical[intid / 32 - 1];
    if ((bank->given & BIT(intid)) != 0)
        return false;
    bank->given |= BIT(intid);
    bank->intid[intid & 31] = (uint16_t)physical;
    set_target(vm, intid, 0);
    return true;
}

void vgic_physical_fired(struct vm *vm, unsigned intid)
{
    struct vgic_physical *physical = &vm->vgic.physical[intid / 32 - 1];
    unsigned target;

    spin_lock(&vm->vgic.lock);
    physical->again |= physical->held & BIT(intid); /* the guest has ended it, which no pull has seen yet */
    physical->held |= BIT(intid);
    vgic_spis(vm, intid / 32)->bank.latched |= BIT(intid);
    target = spi_target(vm, intid);
    if (target != NOBODY && ARCH_READ_RELAXED(vm->vcpus[target].cpu) != arch_cpu())
        set_target(vm, intid, target);
    vgic_changed(&vm->vcpus[0], BIT(intid / 32));
    spin_unlock(&vm->vgic.lock);
}

void vgic_latch_spi(struct vm *vm, unsigned intid, bool urgent, struct vcpu *lender)
{
    struct vgic_bank *bank = &vgic_spis(vm, intid / 32)->bank;
    unsigned index;

    spin_lock(&vm->vgic.lock);
    index = spi_target(vm, intid);
    if ((bank->latched & BIT(intid)) == 0) {
        bank->latched |= BIT(intid);
        note_bank(&vm->vgic, intid / 32);
        for (unsigned i = 0; i < vm->vcpu_count; i++)
            vm->vcpus[i].vgic.stale |= BIT(intid / 32);
        if (index != NOBODY && (bank_deliverable(&vm->vcpus[index], bank) & BIT(intid)) != 0) {
            vgic_set_dirty(&vm->vcpus[index].vgic, true);
            if (urgent)
                vcpu_give_work(&vm->vcpus[index]); /* before it is woken */
            else if (lender != NULL)
                vcpu_lend_warp(lender, &vm->vcpus[index]);
            tell(&vm->vcpus[index], true);
        }
    }
    spin_unlock(&vm->vgic.lock);
}

/*
 * The sender waits for what the target does, as most do: a target that waits for the CPU takes its place. One
 * that is blocked does so only for urgent work: that may have moved to it.
 */
static void give_way_to(struct vcpu *target, struct vcpu *sender)
{
    if (target != sender && ARCH_READ_RELAXED(target->cpu) == sender->cpu &&
        (target->unit.runnable || sender->unit.warped))
        (void)vcpu_give_way(sender, target);
}

void vgic_latch_sgi(struct vcpu *target, unsigned sgi, unsigned source)
{
    give_way_to(target, &target->vm->vcpus[source]);
    target->vgic.own.latched |= BIT(sgi);
    target->vgic.sgi_source[sgi] |= (uint8_t)(1u << source);
}

/*
 * The lock is taken once, as each time it may have to be waited for. Those of this core are woken without it,
 * which takes long.
 */
void vgic_send_sgis(struct vcpu *source, unsigned sgi, uint32_t targets)
{
    struct vm *vm = source->vm;
    uint32_t left = targets & ((UINT32_C(1) << vm->vcpu_count) - 1);
    uint32_t here = 0;

    spin_lock(&vm->vgic.lock);
    for (; left != 0; left &= left - 1) {
        struct vcpu *target = &vm->vcpus[__builtin_ctz(left)];

        vgic_latch_sgi(target, sgi, source->index);
        vgic_set_dirty(&target->vgic, true);
        if (ARCH_READ_RELAXED(target->cpu) == arch_cpu())
            here |= left & -left;
        else
            tell(target, true);
    }
    spin_unlock(&vm->vgic.lock);
    for (; here != 0; here &= here - 1)
        vcpu_wake(&vm->vcpus[__builtin_ctz(here)]);
}

void vgic_deactivate(struct vcpu *vcpu, uint32_t intid)
{
    if (intid >= vgic_intid_end(&vcpu->vm->vgic))
        return;
    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    vgic_bank_of(vcpu, intid)->active &= ~BIT(intid);
    vgic_change_active_elsewhere(vcpu, intid & ~31u, BIT(intid), false);
    vgic_changed(vcpu, BIT(intid / 32));
    spin_unlock(&vcpu->vm->vgic.lock);
}

/* A list register that is not in use, or GIC_MAX_LRS. */
static APART unsigned free_lr(const struct vgic_vcpu *state)
{
    unsigned n = (unsigned)__builtin_ctz(~state->lr_used);

    return n < gic->lr_count() ? n : GIC_MAX_LRS;
}

/*
 * The short way for the interrupt that matters most: it goes into the list register it had before, or a free
 * one, and nothing else is touched. The physical interrupt has fired, so it was not active in the GIC; so the
 * guest has ended the interrupt before. What the list register still says of that one is over, if the two
 * were linked.
 */
static inline bool present_timer(struct vgic_vcpu *state)
{
    struct vgic_bank *own = &state->own;
    unsigned n = state->timer_lr;
    uint64_t word =
        __atomic_load_n(&state->timer_word, __ATOMIC_RELAXED); /* once: another core may change it */

    if (vgic_is_dirty(state) || word == 0)
        return false;
    if ((own->in_lr & BIT(VGIC_TIMER)) == 0) {
        n = state->lr_used != 0 ? free_lr(state) : 0;
        if (n >= GIC_MAX_LRS)
            return false;
        take_for_timer(state, n);
    } else if ((state->lr_latched & BIT(n)) != 0) {
        return false;
    }
    DEBUG_ASSERT(state->loaded && n < gic->lr_count());
    own->line |= BIT(VGIC_TIMER);
    state->timer_held = true;
    gic->lr_write(n, word);
    return true;
}

/*
 * Without the lock: of what is used here others change `dirty` and `timer_word` only, and they kick this core
 * afterwards.
 */
bool vgic_present_timer(struct vcpu *vcpu)
{
    return present_timer(&vcpu->vgic);
}

void vgic_timer_fired(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;

    spin_lock(&vcpu->vm->vgic.lock);
    if (!present_timer(state)) {
        vgic_pull(vcpu);
        /* The pull may have found the end of the interrupt before, and have cleared these for it. */
        state->timer_held = true;
        state->own.line |= BIT(VGIC_TIMER);
        vgic_push(vcpu);
    }
    if (!vcpu->unit.runnable)
        vcpu_wake(vcpu);
    spin_unlock(&vcpu->vm->vgic.lock);
}

/*
 * While it is deferred its word is 0, so the short way is not taken, and its line, which keeps the physical
 * interrupt active and silent, goes into no list register.
 */
bool vgic_defer_timer(struct vcpu *vcpu)
{
    struct vgic_bank *own = &vcpu->vgic.own;
    bool is_idle;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    is_idle = ((own->latched | own->active) & BIT(VGIC_TIMER)) == 0;
    if (is_idle) {
        own->deferred = BIT(VGIC_TIMER);
        vcpu->vgic.timer_word = 0;
    }
    vgic_set_dirty(&vcpu->vgic, true);
    spin_unlock(&vcpu->vm->vgic.lock);
    return is_idle;
}

void vgic_release_timer(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vcpu->vgic.own.deferred = 0;
    vcpu->vgic.timer_word = timer_word(vcpu);
    vgic_set_dirty(&vcpu->vgic, true);
    spin_unlock(&vcpu->vm->vgic.lock);
}

void vgic_timer_expired(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vcpu->vgic.own.line |= BIT(VGIC_TIMER);
    vgic_set_dirty(&vcpu->vgic, true);
    spin_unlock(&vcpu->vm->vgic.lock);
}
