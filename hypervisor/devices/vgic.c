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
 * Locking: the VM's vGIC lock, for the banks of all its vCPUs. List registers are their own core's. Who
 * changes a bank of a vCPU of another core marks that one dirty and sends it a message: the kick takes it out
 * of its guest, and before it goes back its list registers are refreshed. What another core's list register
 * holds is changed at that core's next pull (`clear_pending` and its kin). To read it, a vCPU asks the others
 * to pull, and executes its load again until they have done so.
 */
#include "devices/vgic.h"
#include <stddef.h>
#include <string.h>
#include "base/assert.h"
#include "devices/vgic_banks.h"
#include "vm/dispatch.h"

#define BIT(n) (UINT32_C(1) << ((n)&31))

/* For what is not the usual case: out of line, so that the usual case needs a smaller stack frame. */
#define APART __attribute__((noinline))

unsigned vgic_version(void)
{
    return gic->version;
}

void vgic_init(struct vgic *vgic, unsigned vcpu_count)
{
    _Static_assert(offsetof(struct vgic, enabled) == sizeof(vgic->lock), "all but the lock is zeroed");

    memset(vgic->enabled, 0, sizeof(*vgic) - sizeof(vgic->lock));
    vgic->vcpu_count = vcpu_count;
    vgic->held_by[0] = UINT32_MAX;
    if (gic->version != 2 || vcpu_count == 1)
        vgic->goes_to[0] = UINT32_MAX;
    if (gic->version == 2 && vcpu_count == 1)
        for (unsigned i = 0; i < 32; i++)
            vgic->route[i] = 1; /* with one vCPU the targets are fixed: IHI 0048, 4.3.12 */
}

void vgic_vcpu_init(struct vgic_vcpu *state)
{
    memset(state, 0, sizeof(*state));
    state->own.edge = 0xFFFF; /* SGIs are edge-triggered */
    state->asleep = true;
    if (gic->version == 2)
        state->own.enabled = 0xFFFF; /* SGIs are always enabled there, as on QEMU's GICv2 */
}

unsigned vgic_spi_target(const struct vgic *vgic, unsigned intid)
{
    uint32_t route = vgic->route[intid & 31];

    if (gic->version == 2)
        return route != 0 ? (unsigned)__builtin_ctz(route) : VGIC_NOBODY;
    return route < vgic->vcpu_count ? route : VGIC_NOBODY;
}

void vgic_set_holder(struct vgic *vgic, unsigned n, unsigned index)
{
    vgic->held_by[vgic->holder[n]] &= ~BIT(n);
    vgic->held_by[index] |= BIT(n);
    vgic->holder[n] = (uint8_t)index;
}

void vgic_set_priority(struct vgic_bank *bank, unsigned n, uint8_t priority)
{
    uint32_t bit = BIT(n);

    for (unsigned i = 0; i < VGIC_PRIORITY_BITS; i++)
        if ((priority << i & 0x80) != 0)
            bank->priority_bit[i] |= bit;
        else
            bank->priority_bit[i] &= ~bit;
    bank->priority[n] = priority & (uint8_t)(0xFF00u >> VGIC_PRIORITY_BITS);
}

/* Those interrupts of a set that go to this vCPU. `first` is the INTID of the set's bit 0: 0 or 32. */
static uint32_t going_to(const struct vcpu *vcpu, unsigned first, uint32_t set)
{
    return first != 0 ? set & vcpu->vm->vgic.goes_to[vcpu->index] : set;
}

/* The interrupts that are active for this vCPU, of the bank that begins with the INTID `first`. */
static uint32_t bank_active(const struct vcpu *vcpu, unsigned first)
{
    const struct vgic *vgic = &vcpu->vm->vgic;

    return first == 0 ? vcpu->vgic.own.active : vgic->spis.active & vgic->held_by[vcpu->index];
}

/* The interrupts of a bank that are pending and enabled, and whose group is enabled in the distributor. */
static uint32_t bank_deliverable(const struct vcpu *vcpu, const struct vgic_bank *bank)
{
    const struct vgic *vgic = &vcpu->vm->vgic;
    uint32_t groups = (vgic->enabled[0] ? ~bank->group1 : 0) | (vgic->enabled[1] ? bank->group1 : 0);

    return (bank->latched | (bank->line & ~bank->edge)) & bank->enabled & groups;
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

/* Those of a set of interrupts, not empty, that no other of it is more urgent than. */
static uint32_t most_urgent(const struct vgic_bank *bank, uint32_t set)
{
    for (unsigned i = 0; i < VGIC_PRIORITY_BITS; i++) {
        uint32_t without = set & ~bank->priority_bit[i];

        if (without != 0)
            set = without;
    }
    return set;
}

/* Returns the most urgent of the candidates, and takes it out of them. */
static unsigned take_best(struct vcpu *vcpu, uint32_t candidates[2])
{
    const struct vgic_bank *banks[2] = {&vcpu->vgic.own, &vcpu->vm->vgic.spis};
    unsigned best[2] = {0, 0};
    unsigned half;

    if (candidates[1] == 0 && (candidates[0] & (candidates[0] - 1)) == 0) {
        best[0] = (unsigned)__builtin_ctz(candidates[0]); /* the usual case: there is only one */
        candidates[0] = 0;
        return best[0];
    }
    for (half = 0; half < 2; half++)
        if (candidates[half] != 0)
            best[half] = (unsigned)__builtin_ctz(most_urgent(banks[half], candidates[half]));
    half = candidates[0] == 0 ||
           (candidates[1] != 0 && banks[1]->priority[best[1]] < banks[0]->priority[best[0]]);
    candidates[half] &= ~BIT(best[half]);
    return half * 32 + best[half];
}

/* A list register no longer holds an SPI. One that was routed elsewhere meanwhile may now go there. */
static inline void spi_left(struct vcpu *vcpu, unsigned intid)
{
    if (intid >= 32 && (vcpu->vm->vgic.goes_to[vcpu->index] & BIT(intid)) == 0)
        vgic_changed(vcpu);
}

/* A list register's state as vCPUs of other cores have changed it by writes of the GIC's registers. */
static APART uint8_t with_others_writes(const struct vgic_vcpu *state, unsigned intid, uint8_t lr_state)
{
    unsigned half = intid / 32;

    if ((state->clear_pending[half] & BIT(intid)) != 0)
        lr_state &= (uint8_t)~LR_PENDING;
    if ((state->clear_active[half] & BIT(intid)) != 0)
        lr_state &= (uint8_t)~LR_ACTIVE;
    return lr_state; /* see settle_with_others() for what they have made active */
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
        if ((state->lr_linked & BIT(n)) != 0) {
            /* The guest ended it, and with it the physical interrupt. */
            bank->line &= ~bit;
            state->timer_held = false;
        }
        spi_left(vcpu, intid);
        return;
    }
    if (state->others_wrote)
        lr.state = with_others_writes(state, intid, lr.state);
    vgic_set_dirty(state, true);
    if ((lr.state & LR_ACTIVE) != 0) {
        bank->active |= bit;
        if (intid >= 32)
            vgic_set_holder(&vcpu->vm->vgic, intid & 31, vcpu->index);
        else if (intid < 16)
            state->sgi_active[intid] = lr.source;
    }
    if ((lr.state & LR_PENDING) != 0 && (state->lr_latched & BIT(n)) != 0) {
        bank->latched |= bit;
        if (intid < 16)
            state->sgi_source[intid] |= (uint8_t)(1u << lr.source);
    }
}

/* The guest has ended so many interrupts that had no list register: the most urgent active ones. */
static void end_without_lr(struct vcpu *vcpu, unsigned count)
{
    uint32_t outside[2];

    if (count == 0)
        return;
    outside[0] = bank_active(vcpu, 0) & ~vcpu->vgic.own.in_lr;
    outside[1] = bank_active(vcpu, 32) & ~vcpu->vm->vgic.spis.in_lr;
    for (; count != 0 && (outside[0] | outside[1]) != 0; count--) {
        unsigned intid = take_best(vcpu, outside);

        vgic_bank_of(vcpu, intid)->active &= ~BIT(intid);
        spi_left(vcpu, intid);
    }
}

/*
 * A pull ends what others have written, even of a list register that was empty, and leaves what they want to
 * read, see vgic_others_have_pulled(). An interrupt that they have routed elsewhere may go there from now on.
 */
static APART void settle_with_others(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    struct vgic_bank *banks[2] = {&state->own, &vcpu->vm->vgic.spis};

    for (unsigned half = 0; half < 2; half++) {
        banks[half]->active |= state->set_active[half];
        state->seen_pending[half] = banks[half]->latched | (banks[half]->line & ~banks[half]->edge);
        state->seen_active[half] = banks[half]->active;
        state->clear_pending[half] = state->clear_active[half] = state->set_active[half] = 0;
    }
    if (state->others_wrote)
        vgic_changed(vcpu);
    state->others_wrote = state->others_wait = false;
}

static APART void pull_used(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;

    if (state->outside)
        end_without_lr(vcpu, gic->take_eoi_count()); /* before `in_lr` is forgotten */
    for (uint32_t left = state->lr_used; left != 0; left &= left - 1)
        pull_one(vcpu, (unsigned)__builtin_ctz(left));
    state->lr_used = 0;
    state->lr_latched = 0;
    state->lr_linked = 0;
    state->pulls++;
    if (state->others_wait || state->others_wrote)
        settle_with_others(vcpu);
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

/* The vCPU whose list register holds an interrupt of the bank, as `in_lr` says of it. */
static struct vcpu *lr_holder(struct vcpu *vcpu, unsigned intid)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; intid >= 32 && i < vm->vcpu_count; i++) {
        const struct vgic_vcpu *state = &vm->vcpus[i].vgic;
        uint32_t left = __atomic_load_n(&state->lr_used, __ATOMIC_ACQUIRE); /* see take_for_timer() */

        for (; left != 0; left &= left - 1)
            if (state->lr_intid[__builtin_ctz(left)] == intid)
                return &vm->vcpus[i];
    }
    return vcpu;
}

void vgic_clear_pending_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set)
{
    for (uint32_t left = set & vgic_bank_of(vcpu, first)->in_lr; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        struct vgic_vcpu *state = &lr_holder(vcpu, first + n)->vgic;

        state->clear_pending[first / 32] |= BIT(n);
        state->others_wrote = true;
    }
}

void vgic_change_active_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set, bool active)
{
    for (uint32_t left = set & vgic_bank_of(vcpu, first)->in_lr; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        struct vgic_vcpu *state = &lr_holder(vcpu, first + n)->vgic;
        uint32_t *to = active ? state->set_active : state->clear_active;
        uint32_t *from = active ? state->clear_active : state->set_active;

        to[first / 32] |= BIT(n);
        from[first / 32] &= ~BIT(n);
        state->others_wrote = true;
    }
}

void vgic_set_route(struct vm *vm, unsigned n, uint32_t route)
{
    struct vgic *vgic = &vm->vgic;
    unsigned before = vgic_spi_target(vgic, n);
    unsigned after;

    vgic->route[n] = route;
    after = vgic_spi_target(vgic, n);
    if (before != VGIC_NOBODY)
        vgic->goes_to[before] &= ~BIT(n);
    if (after != VGIC_NOBODY)
        vgic->goes_to[after] |= BIT(n);
    if ((vgic->spis.in_lr & BIT(n)) != 0)
        lr_holder(vm->vcpus, 32 + n)->vgic.others_wrote = true;
}

uint32_t vgic_seen_elsewhere(struct vcpu *vcpu, unsigned first, bool active)
{
    uint32_t seen = 0;

    for (uint32_t left = vgic_bank_of(vcpu, first)->in_lr; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        const struct vgic_vcpu *state = &lr_holder(vcpu, first + n)->vgic;

        seen |= (active ? state->seen_active : state->seen_pending)[first / 32] & BIT(n);
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
            state->others_wait = true;
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
    if (vcpu->vgic.loaded && vgic_is_dirty(&vcpu->vgic))
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

static void push_one(struct vcpu *vcpu, unsigned n, unsigned intid, bool pending)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    struct vgic_bank *bank = vgic_bank_of(vcpu, intid);
    uint32_t bit = BIT(intid);
    bool by_latch = (bank->latched & bit) != 0;
    bool again = (bank->edge & bit) == 0 || going_to(vcpu, intid & ~31u, bit) == 0;
    struct list_register lr = {
        .intid = (uint16_t)intid,
        .priority = bank->priority[intid & 31],
        .hardware = intid == VGIC_TIMER && !by_latch,
        .group1 = (bank->group1 & bit) != 0,
    };

    if ((bank->active & bit) != 0)
        lr.state |= LR_ACTIVE;
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
        .group1 = (own->group1 & BIT(VGIC_TIMER)) != 0,
    };

    if ((own->enabled & BIT(VGIC_TIMER)) == 0 || !vcpu->vm->vgic.enabled[lr.group1])
        return 0;
    return gic->lr_word(&lr);
}

/*
 * List register n becomes the virtual timer's. Without the lock on its short way, so lr_holder() on another
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
    const struct vgic_bank *spis = &vcpu->vm->vgic.spis;
    uint32_t others = state->own.active | state->own.latched | (state->own.line & ~BIT(VGIC_TIMER));

    if ((spis->active | spis->latched | spis->line | others) != 0)
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

static APART void push_by_urgency(struct vcpu *vcpu)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    const struct vgic_bank *spis = &vcpu->vm->vgic.spis;
    const uint32_t deliverable[2] = {bank_deliverable(vcpu, &state->own),
                                     going_to(vcpu, 32, bank_deliverable(vcpu, spis))};
    /* What is active cannot be taken again, not even by another vCPU. */
    uint32_t pending[2] = {deliverable[0] & ~state->own.active,
                           deliverable[1] & ~(spis->active | spis->in_lr)}; /* of another core */
    uint32_t active[2] = {bank_active(vcpu, 0), bank_active(vcpu, 32) & ~spis->in_lr};
    unsigned lrs = gic->lr_count();
    unsigned n = 0;

    for (; n < lrs && (pending[0] | pending[1]) != 0; n++)
        push_one(vcpu, n, take_best(vcpu, pending), true);
    for (; n < lrs && (active[0] | active[1]) != 0; n++) {
        unsigned intid = take_best(vcpu, active);

        push_one(vcpu, n, intid, (deliverable[intid / 32] & BIT(intid)) != 0);
    }
    ask(state, (pending[0] | pending[1]) != 0, (active[0] | active[1]) != 0);
    hold_timer(vcpu);
    vgic_set_dirty(state, false);
}

/*
 * For assertions: do the loaded vCPU's list registers and the banks agree? Each register in use holds an
 * interrupt whose bank says so, each once, and nothing else is said to be in one.
 */
static bool lrs_agree_with_banks(const struct vcpu *vcpu)
{
    const struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t held[2] = {0, 0};

    for (uint32_t left = state->lr_used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        unsigned intid = state->lr_intid[n];

        if (n >= gic->lr_count() || intid >= VGIC_INTIDS || (held[intid / 32] & BIT(intid)) != 0)
            return false;
        held[intid / 32] |= BIT(intid);
        if ((state->lr_linked & BIT(n)) != 0 && (intid != VGIC_TIMER || state->timer_lr != n))
            return false;
    }
    return held[0] == state->own.in_lr && (held[1] & ~vcpu->vm->vgic.spis.in_lr) == 0 &&
           ((state->lr_linked | state->lr_latched) & ~state->lr_used) == 0;
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
    if (!push_timer_or_nothing(vcpu))
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

/*
 * Is anything pending that the guest's CPU interface would let through? Called after a pull: all state is in
 * the banks.
 */
static APART bool any_wakes(struct vcpu *vcpu)
{
    unsigned groups;
    uint8_t mask = gic->virtual_priority_mask(&groups);

    for (unsigned first = 0; first < VGIC_INTIDS; first += 32) {
        const struct vgic_bank *bank = vgic_bank_of(vcpu, first);
        uint32_t interface = ((groups & 1) != 0 ? ~bank->group1 : 0) | ((groups & 2) != 0 ? bank->group1 : 0);
        uint32_t left = going_to(vcpu, first, bank_deliverable(vcpu, bank) & ~bank->active & interface);

        for (; left != 0; left &= left - 1)
            if (bank->priority[__builtin_ctz(left)] < mask)
                return true;
    }
    return false;
}

bool vgic_wakes(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    const struct vgic_bank *spis = &vcpu->vm->vgic.spis;
    bool wakes = false;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    if ((own->latched | own->line | spis->latched | spis->line) != 0)
        wakes = any_wakes(vcpu);
    vcpu->vgic.waits = !wakes;
    spin_unlock(&vcpu->vm->vgic.lock);
    return wakes;
}

bool vgic_has_deliverable(struct vcpu *vcpu)
{
    const struct vgic_bank *own = &vcpu->vgic.own;
    const struct vgic_bank *spis = &vcpu->vm->vgic.spis;
    bool has;

    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    has = (bank_deliverable(vcpu, own) & ~own->active) != 0 ||
          (going_to(vcpu, 32, bank_deliverable(vcpu, spis)) & ~spis->active) != 0;
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

void vgic_changed(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *other = &vm->vcpus[i];
        uint32_t own = bank_deliverable(other, &other->vgic.own);
        uint32_t spis = bank_deliverable(other, &vm->vgic.spis);

        vgic_set_dirty(&other->vgic, true);
        tell(other, own != 0 || going_to(other, 32, spis) != 0);
    }
}

void vgic_configured(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i].vgic.timer_word = timer_word(&vm->vcpus[i]);
    vgic_changed(vcpu);
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
            vgic_changed(vcpu);
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
    if (intid >= VGIC_INTIDS)
        return;
    spin_lock(&vcpu->vm->vgic.lock);
    vgic_pull(vcpu);
    vgic_bank_of(vcpu, intid)->active &= ~BIT(intid);
    vgic_change_active_elsewhere(vcpu, intid & ~31u, BIT(intid), false);
    vgic_changed(vcpu);
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

void vgic_timer_expired(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->vgic.lock);
    vcpu->vgic.own.line |= BIT(VGIC_TIMER);
    vgic_set_dirty(&vcpu->vgic, true);
    spin_unlock(&vcpu->vm->vgic.lock);
}
