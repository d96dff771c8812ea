/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's registers: the distributor, and on GICv3 one redistributor for each vCPU (Arm IHI 0069,
 * chapter 12; GICv2: IHI 0048, chapter 4). There is one security state (GICD_CTLR.DS = 1); on GICv3 affinity
 * routing is always on. A GICv2's CPU interface is the machine's own, except for its second page, GICC_DIR,
 * which is always trapped.
 *
 * All registers are handled as 32-bit words with a mask of the bytes that are accessed, so that 8-, 16- and
 * 64-bit accesses need no code of their own. Registers that do not exist read as zero and ignore writes, as
 * the architecture asks.
 */
#include "devices/vgic.h"
#include "devices/vgic_banks.h"

#define GICD_CTLR       0x0000
#define GICD_TYPER      0x0004
#define GICD_IIDR       0x0008
#define GIC_IGROUPR     0x0080 /* those with GIC_ are also in a redistributor's SGI frame, at these offsets */
#define GIC_ISENABLER   0x0100
#define GIC_ICENABLER   0x0180
#define GIC_ISPENDR     0x0200
#define GIC_ICPENDR     0x0280
#define GIC_ISACTIVER   0x0300
#define GIC_ICACTIVER   0x0380
#define GIC_IPRIORITYR  0x0400
#define GIC_ITARGETSR   0x0800 /* GICv2 */
#define GIC_ICFGR       0x0C00
#define GICD_SGIR       0x0F00 /* GICv2 */
#define GICD_CPENDSGIR  0x0F10 /* GICv2 */
#define GICD_SPENDSGIR  0x0F20 /* GICv2 */
#define GICD_IROUTER    0x6000 /* GICv3 */
#define GICD_PIDR2      0xFFE8
#define GICD_PIDR2_V2   0x0FE8
#define GICR_TYPER      0x0008
#define GICR_TYPER_HIGH 0x000C
#define GICR_IIDR       0x0004
#define GICR_WAKER      0x0014
#define GICR_PIDR2      0xFFE8
#define GICR_SGI_FRAME  0x10000

#define IIDR        0x0000043Bu /* implementer Arm, as on QEMU */
#define PIDR2_V3    0x3Bu
#define PIDR2_V2    0x2Bu
#define CTLR_DS     (1u << 6)
#define CTLR_ARE    (1u << 4)
#define SGIS        0xFFFFu
#define TYPER_LAST  16u
#define WAKER_SLEEP 2u
#define WAKER_QUIET 4u

/* A register access: the word at `offset`, and in it the bits in `mask`. */
struct word {
    uint32_t offset;
    uint32_t mask;
    uint32_t value; /* what is written, or what a read fills in */
    bool write;
    uint8_t bank; /* in which a write may have changed something: 0 is a vCPU's own, 1 to 31, or ALL */
};

#define ALL 255

static bool within(uint32_t offset, uint32_t base, uint32_t size)
{
    return offset - base < size;
}

/* Makes SPIs of a bank active by software: for the vCPU that each goes to, or the calling one if none. */
static void spis_activate(struct vcpu *vcpu, unsigned first, uint32_t set)
{
    struct vgic_spis *spis = vgic_spis(vcpu->vm, first / 32);
    uint32_t fresh = set & ~spis->bank.active;
    uint32_t for_nobody = fresh;

    for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++) {
        spis->held_by[i] = (spis->held_by[i] & ~fresh) | (fresh & spis->goes_to[i]);
        for_nobody &= ~spis->goes_to[i];
    }
    spis->held_by[vcpu->index] |= for_nobody;
    spis->bank.active |= set;
}

/* Those of the 32 from `first` on that are interrupts: the INTIDs from 1020 on are not. */
static uint32_t existing(unsigned first)
{
    return first + 32 > VGIC_INTID_END ? UINT32_MAX >> (first + 32 - VGIC_INTID_END) : UINT32_MAX;
}

/*
 * Writes a register that has a bit for each interrupt from `first` on. A GICv2's SGIs are always enabled, and
 * become pending by their senders only (GICD_SPENDSGIR).
 */
__attribute__((noinline)) static void bitmap_write(struct vcpu *vcpu, unsigned first, const struct word *word)
{
    struct vgic_bank *bank = vgic_bank_of(vcpu, first);
    uint32_t value = word->value & existing(first);
    uint32_t changeable = gic->version == 2 && first < 32 ? ~SGIS : UINT32_MAX;
    uint32_t enabled = bank->enabled;

    switch (word->offset & ~0x7Fu) {
    case GIC_IGROUPR:
        bank->group1 = (bank->group1 & ~word->mask) | value;
        break;
    case GIC_ISENABLER:
        bank->enabled |= value;
        break;
    case GIC_ICENABLER:
        bank->enabled &= ~(value & changeable);
        break;
    case GIC_ISPENDR:
        bank->latched |= value & changeable;
        break;
    case GIC_ICPENDR:
        bank->latched &= ~(value & changeable);
        vgic_clear_pending_elsewhere(vcpu, first, value & changeable);
        break;
    case GIC_ISACTIVER:
        if (first >= 32)
            spis_activate(vcpu, first, value);
        else
            bank->active |= value;
        vgic_change_active_elsewhere(vcpu, first, value, true);
        break;
    case GIC_ICACTIVER:
        bank->active &= ~value;
        vgic_change_active_elsewhere(vcpu, first, value, false);
        break;
    default:
        break;
    }
    if (bank->enabled != enabled && first >= 32 && vcpu->vm->vgic.physical != NULL)
        vgic_enabled(vcpu->vm, first, enabled);
}

static uint32_t bitmap_read(struct vcpu *vcpu, unsigned first, uint32_t reg)
{
    const struct vgic_bank *bank = vgic_bank_of(vcpu, first);

    switch (reg) {
    case GIC_IGROUPR:
        return bank->group1;
    case GIC_ISENABLER:
    case GIC_ICENABLER:
        return bank->enabled;
    case GIC_ISPENDR:
    case GIC_ICPENDR:
        return bank->latched | (bank->line & ~bank->edge) | vgic_seen_elsewhere(vcpu, first, false);
    default:
        return bank->active | vgic_seen_elsewhere(vcpu, first, true);
    }
}

__attribute__((noinline)) static void priority_access(struct vgic_bank *bank, unsigned first,
                                                      struct word *word)
{
    for (unsigned byte = 0; byte < 4; byte++) {
        unsigned n = (first + byte) & 31;

        if (!word->write)
            word->value |= (uint32_t)bank->priority[n] << (8 * byte);
        else if ((word->mask >> (8 * byte) & 0xFF) != 0)
            vgic_set_priority(bank, n, (uint8_t)(word->value >> (8 * byte)));
    }
}

/*
 * Two bits for each interrupt, of which the upper one says that it is edge-triggered. Only SPIs' can be
 * changed.
 */
__attribute__((noinline)) static void config_access(struct vgic_bank *bank, unsigned first, struct word *word)
{
    for (unsigned i = 0; i < 16; i++) {
        uint32_t bit = 1u << ((first + i) & 31);
        uint32_t edge = 2u << (2 * i);

        if (!word->write)
            word->value |= (bank->edge & bit) != 0 ? edge : 0;
        else if ((word->mask & edge) != 0)
            bank->edge = (word->value & edge) != 0 ? bank->edge | bit : bank->edge & ~bit;
    }
}

static void bitmap_access(struct vcpu *vcpu, struct word *word, unsigned first)
{
    if (word->write)
        bitmap_write(vcpu, first, word);
    else
        word->value = bitmap_read(vcpu, first, word->offset & ~0x7Fu);
}

/*
 * The registers that exist for private interrupts and SPIs alike, here for the INTIDs from `base` up to
 * `limit` - 1.
 */
static void common_access(struct vcpu *vcpu, struct word *word, unsigned base, unsigned limit)
{
    uint32_t offset = word->offset;
    unsigned first;

    if (within(offset, GIC_IGROUPR, GIC_IPRIORITYR - GIC_IGROUPR)) {
        first = (offset & 0x7F) * 8;
        word->bank = (uint8_t)(first / 32);
        if (first >= base && first < limit)
            bitmap_access(vcpu, word, first);
    } else if (within(offset, GIC_IPRIORITYR, 0x400)) {
        first = offset - GIC_IPRIORITYR;
        word->bank = (uint8_t)(first / 32);
        if (first >= base && first < limit)
            priority_access(vgic_bank_of(vcpu, first), first, word);
    } else if (within(offset, GIC_ICFGR, 0x100)) {
        first = (offset - GIC_ICFGR) * 4;
        word->bank = (uint8_t)(first / 32);
        if (first >= base && first < limit && !(word->write && first < 32))
            config_access(vgic_bank_of(vcpu, first), first, word);
    }
}

/*
 * GICD_IROUTER<n>: the SPI's target, by affinity. An affinity that is nobody's keeps the interrupt pending.
 */
static void route_access(struct vcpu *vcpu, struct word *word)
{
    unsigned intid = (word->offset - GICD_IROUTER) / 8;
    uint32_t route;

    if (intid < 32 || intid >= vgic_intid_end(&vcpu->vm->vgic) || (word->offset & 4) != 0)
        return; /* the upper half: there is no affinity 3 */
    route = vgic_spis(vcpu->vm, intid / 32)->route[intid & 31];
    word->bank = (uint8_t)(intid / 32);
    if (word->write) /* nor is there 1-of-N */
        vgic_set_route(vcpu->vm, intid, ((route & ~word->mask) | word->value) & 0xFFFFFF);
    else
        word->value = route;
}

/*
 * GICv2's GICD_ITARGETSR<n>: a byte for each interrupt, the set of vCPUs it goes to. With one vCPU it reads
 * as zero and ignores writes.
 */
static void targets_access(struct vcpu *vcpu, struct word *word)
{
    const struct vgic *vgic = &vcpu->vm->vgic;
    unsigned first = word->offset - GIC_ITARGETSR;

    if (vgic->vcpu_count == 1 || first >= vgic_intid_end(vgic))
        return;
    word->bank = (uint8_t)(first / 32);
    for (unsigned byte = 0; byte < 4; byte++) {
        unsigned intid = first + byte;

        if (!word->write)
            word->value |=
                (first < 32 ? 1u << vcpu->index : vgic_spis(vcpu->vm, first / 32)->route[intid & 31])
                << (8 * byte);
        else if (first >= 32 && (word->mask >> (8 * byte) & 0xFF) != 0)
            vgic_set_route(vcpu->vm, intid, word->value >> (8 * byte) & ((1u << vgic->vcpu_count) - 1));
    }
}

/* GICv2's GICD_SGIR: sends an SGI to the vCPUs in a list, to all others, or to oneself. */
static void send_sgi(struct vcpu *vcpu, uint32_t value)
{
    struct vm *vm = vcpu->vm;
    uint32_t self = 1u << vcpu->index;
    const uint32_t targets[4] = {value >> 16 & 0xFF, ~self, self, 0};

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        if ((targets[value >> 24 & 3] >> i & 1) != 0)
            vgic_latch_sgi(&vm->vcpus[i], value & 15, vcpu->index);
}

/*
 * GICv2's GICD_CPENDSGIR<n> and GICD_SPENDSGIR<n>: a byte for each SGI, the set of vCPUs that have sent it.
 */
static void senders_access(struct vcpu *vcpu, struct word *word)
{
    struct vgic_vcpu *state = &vcpu->vgic;
    uint32_t all = (1u << vcpu->vm->vcpu_count) - 1;

    for (unsigned byte = 0; byte < 4; byte++) {
        unsigned sgi = (word->offset & 15) + byte;
        uint8_t bits = (uint8_t)(word->value >> (8 * byte) & all);

        if (word->write) {
            if (word->offset >= GICD_SPENDSGIR)
                state->sgi_source[sgi] |= bits;
            else
                state->sgi_source[sgi] &= (uint8_t)~bits;
            state->own.latched &= ~(1u << sgi);
            state->own.latched |= state->sgi_source[sgi] != 0 ? 1u << sgi : 0;
        } else {
            word->value |= (uint32_t)state->sgi_source[sgi] << (8 * byte);
        }
    }
}

static void control_access(struct vcpu *vcpu, struct word *word)
{
    struct vgic *vgic = &vcpu->vm->vgic;

    if (word->write) {
        if ((word->mask & 1) != 0) {
            vgic->enabled[0] = (word->value & 1) != 0;
            vgic->enabled[1] = (word->value & 2) != 0;
            word->bank = ALL;
        }
        return;
    }
    word->value = (vgic->enabled[0] ? 1u : 0) | (vgic->enabled[1] ? 2u : 0);
    if (gic->version == 3)
        word->value |= CTLR_DS | CTLR_ARE;
}

static void distributor_v3(struct vcpu *vcpu, struct word *word)
{
    switch (word->offset) {
    case GICD_CTLR:
        control_access(vcpu, word);
        break;
    case GICD_TYPER:
        word->value = vcpu->vm->vgic.typer;
        break;
    case GICD_IIDR:
        word->value = IIDR;
        break;
    case GICD_PIDR2:
        word->value = PIDR2_V3;
        break;
    default:
        if (within(word->offset, GICD_IROUTER, 8 * 1020))
            route_access(vcpu, word);
        else
            common_access(vcpu, word, 32, vgic_intid_end(&vcpu->vm->vgic));
    }
}

static void distributor_v2(struct vcpu *vcpu, struct word *word)
{
    switch (word->offset) {
    case GICD_CTLR:
        control_access(vcpu, word);
        break;
    case GICD_TYPER:
        word->value = vcpu->vm->vgic.typer;
        break;
    case GICD_IIDR:
        word->value = IIDR;
        break;
    case GICD_SGIR:
        if (word->write && word->mask == UINT32_MAX)
            send_sgi(vcpu, word->value);
        break;
    case GICD_PIDR2_V2:
        word->value = PIDR2_V2;
        break;
    default:
        if (within(word->offset, GIC_ITARGETSR, 0x400))
            targets_access(vcpu, word);
        else if (within(word->offset, GICD_CPENDSGIR, 0x20))
            senders_access(vcpu, word);
        else
            common_access(vcpu, word, 0, vgic_intid_end(&vcpu->vm->vgic));
    }
}

static void redistributor_v3(struct vcpu *vcpu, struct word *word)
{
    struct vcpu *owner = &vcpu->vm->vcpus[word->offset / GUEST_GICR_SIZE];

    word->offset %= GUEST_GICR_SIZE;
    if (word->offset >= GICR_SGI_FRAME) {
        word->offset -= GICR_SGI_FRAME;
        common_access(owner, word, 0, 32);
        return;
    }
    switch (word->offset) {
    case GICR_IIDR:
        word->value = IIDR;
        break;
    case GICR_TYPER:
        word->value = (uint32_t)owner->index << 8;
        if (owner->index + 1u == vcpu->vm->vcpu_count)
            word->value |= TYPER_LAST;
        break;
    case GICR_TYPER_HIGH:
        word->value = owner->index;
        break;
    case GICR_WAKER:
        if (word->write)
            owner->vgic.asleep = (word->value & WAKER_SLEEP) != 0;
        else
            word->value = owner->vgic.asleep ? WAKER_SLEEP | WAKER_QUIET : 0;
        break;
    case GICR_PIDR2:
        word->value = PIDR2_V3;
        break;
    default:
        break;
    }
}

/*
 * Does a register tell what is pending or active, which may be in list registers? `offset` is that in the
 * distributor or in a redistributor's frame.
 */
static bool tells_state(uint64_t offset)
{
    return within(offset & 0xFFFF, GIC_ISPENDR, GIC_IPRIORITYR - GIC_ISPENDR) ||
           within(offset & 0xFFFF, GICD_CPENDSGIR, 0x20);
}

typedef void word_access(struct vcpu *vcpu, struct word *word);

/* The one or two words of an access of any size. Returns the SPI banks that a write may have changed. */
static uint32_t access_words(struct vcpu *vcpu, struct mmio_access *access, word_access *handle)
{
    unsigned shift = access->size < 4 ? (unsigned)(access->offset & 3) * 8 : 0;
    uint32_t mask = access->size >= 4 ? UINT32_MAX : ((1u << (access->size * 8)) - 1) << shift;
    uint64_t result = 0;
    uint32_t banks = 0;

    for (unsigned half = 0; half < (access->size == 8 ? 2u : 1u); half++) {
        struct word word = {
            .offset = (uint32_t)(access->offset & ~UINT64_C(3)) + 4 * half,
            .mask = mask,
            .value = access->write ? ((uint32_t)(access->value >> (32 * half)) << shift) & mask : 0,
            .write = access->write,
        };

        handle(vcpu, &word);
        banks |= word.bank == ALL ? VGIC_ALL_BANKS : UINT32_C(1) << word.bank;
        result |= (uint64_t)((word.value & mask) >> shift) << (32 * half);
    }
    if (!access->write)
        access->value = result;
    return banks;
}

/* The usual access: a word is read. */
static inline void read_word(struct vcpu *vcpu, struct mmio_access *access, word_access *handle)
{
    struct word word = {.offset = (uint32_t)access->offset, .mask = UINT32_MAX};

    handle(vcpu, &word);
    access->value = word.value;
}

/*
 * An access under the lock. All state of this core is in the banks before a write, and before a read of what
 * list registers may hold; those of `others` that are on other cores are asked for theirs. After a write all
 * vCPUs are brought up to date.
 */
static inline bool locked_access(struct vcpu *vcpu, struct mmio_access *access, word_access *handle,
                                 uint32_t others)
{
    bool tells = tells_state(access->offset);
    uint32_t banks;

    if (!access->write && !tells && access->size == 4) {
        read_word(vcpu, access, handle); /* a word of the banks, for which no lock is needed */
        return true;
    }
    spin_lock(&vcpu->vm->vgic.lock);
    if (access->write || tells)
        vgic_pull(vcpu);
    if (!access->write && tells)
        access->again = !vgic_others_have_pulled(vcpu, others);
    banks = access_words(vcpu, access, handle);
    if (access->write)
        vgic_configured(vcpu, banks);
    spin_unlock(&vcpu->vm->vgic.lock);
    return true;
}

bool vgic_distributor_access(struct vcpu *vcpu, struct mmio_access *access)
{
    /* The first register of each kind of a GICv2 has the calling vCPU's own interrupts, the others have SPIs.
     */
    if (gic->version == 2)
        return locked_access(vcpu, access, distributor_v2, (access->offset & 0x7C) == 0 ? 0 : UINT32_MAX);
    return locked_access(vcpu, access, distributor_v3, UINT32_MAX);
}

static bool vgic_redistributor_access(struct vcpu *vcpu, struct mmio_access *access)
{
    return locked_access(vcpu, access, redistributor_v3, 1u << access->offset / GUEST_GICR_SIZE);
}

/* The second page of a GICv2's CPU interface: GICC_DIR alone. */
static bool vgic_interface_access(struct vcpu *vcpu, struct mmio_access *access)
{
    if (!access->write)
        access->value = 0;
    else if (access->offset == 0 && access->size == 4)
        vgic_deactivate(vcpu, (uint32_t)access->value & 0x3FF);
    return true;
}

void vgic_make_registers(struct vm *vm)
{
    vm->gic_registers[0] = (struct device){
        .base = GUEST_GICD_BASE,
        .size = GUEST_GICD_SIZE,
        .access = vgic_distributor_access,
    };
    if (gic->version == 2)
        vm->gic_registers[1] = (struct device){
            .base = GUEST_GICC_DIR,
            .size = GUEST_GICC_PAGE,
            .access = vgic_interface_access,
        };
    else
        vm->gic_registers[1] = (struct device){
            .base = GUEST_GICR_BASE,
            .size = GUEST_GICR_SIZE * vm->vcpu_count,
            .access = vgic_redistributor_access,
        };
}
