/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-hosted debug (Arm ARM D2): a guest's breakpoints, watchpoints and software step are its own.
 *
 * Each access to a debug register traps, always. What the guest writes is kept in memory, and goes into the
 * CPU only while the guest's debugging is on: MDSCR_EL1.MDE or SS is set, and neither lock is. Such a vCPU
 * has ARCH_DEBUG, and only for those does the world switch load the registers, and clear MDSCR_EL1
 * afterwards. As nothing in the CPU changes without a trap, there is nothing to save.
 *
 * Without the traps, as in KVM once a guest debugs, a guest would reach the debugger's channel and the claim
 * tags as well, which are one for all guests. A step of a Linux process costs four exits for that.
 *
 * On a CPU whose software step may keep it from taking interrupts (errata.h), debug exceptions from EL1 stay
 * off, whatever a guest writes: EL2's interrupts may not wait for a guest.
 *
 * The exceptions go to EL1. EL2 takes none: debug exceptions are disabled at an exception level above the one
 * they go to (MDCR_EL2.TDE is 0), so the guest's registers may stay in the CPU while EL2 handles an exit.
 */
#include "register_bits.h"
#include "arch/arm64/guest_debug.h"
#include <string.h>
#include "base/memory.h"
#include "errata.h"
#include "sysreg.h"
#include "vm/vcpu.h"

#define REGISTERS 16 /* of each kind at most */

struct points {
    uint64_t value[REGISTERS], control[REGISTERS];
};

struct guest_debug {
    struct points breakpoints, watchpoints;
    uint64_t mdscr;
    bool os_lock, double_lock;
};

static unsigned breakpoints, watchpoints; /* the machine's */
static bool has_double_lock;
static uint64_t mdscr_allowed = ~UINT64_C(0); /* of MDSCR_EL1, what may go into the CPU */

#define FROM_THE_LAST(each)                                                                                  \
    each(15) each(14) each(13) each(12) each(11) each(10) each(9) each(8) each(7) each(6) each(5) each(4)    \
        each(3) each(2) each(1) each(0)

/* Straight on from the machine's last one, as this is a part of a world switch. */
static void load_breakpoints(const struct points *points)
{
    switch (breakpoints - 1) {
#define BREAKPOINT(n)                                                                                        \
    case n:                                                                                                  \
        write_sysreg(dbgbvr##n##_el1, points->value[n]);                                                     \
        write_sysreg(dbgbcr##n##_el1, points->control[n]);                                                   \
        __attribute__((fallthrough));
        FROM_THE_LAST(BREAKPOINT)
    default:
        break;
    }
}

static void load_watchpoints(const struct points *points)
{
    switch (watchpoints - 1) {
#define WATCHPOINT(n)                                                                                        \
    case n:                                                                                                  \
        write_sysreg(dbgwvr##n##_el1, points->value[n]);                                                     \
        write_sysreg(dbgwcr##n##_el1, points->control[n]);                                                   \
        __attribute__((fallthrough));
        FROM_THE_LAST(WATCHPOINT)
    default:
        break;
    }
}

void guest_debug_init_cpu(void)
{
    uint64_t id = read_sysreg(id_aa64dfr0_el1);

    breakpoints = (unsigned)REGISTER_GET(id, ID_AA64DFR0_EL1_BRPS) + 1;
    watchpoints = (unsigned)REGISTER_GET(id, ID_AA64DFR0_EL1_WRPS) + 1;
    has_double_lock = (id & ID_AA64DFR0_EL1_DOUBLELOCK) == 0;
    if (step_may_mask_interrupts(read_sysreg(midr_el1)))
        mdscr_allowed &= ~MDSCR_EL1_KDE;
    write_sysreg(mdscr_el1, 0);
    /* The machine's own locks, which firmware may have left on, would disable debug exceptions. */
    write_sysreg(osdlr_el1, 0);
    write_sysreg(oslar_el1, 0);
}

void guest_debug_init(struct vcpu *vcpu)
{
    vcpu->arch.debug = memory_allocate(sizeof(struct guest_debug));
}

void guest_debug_reset(struct vcpu *vcpu)
{
    memset(vcpu->arch.debug, 0, sizeof(struct guest_debug));
    vcpu->arch.debug->os_lock = true; /* as at a CPU's reset */
}

void guest_debug_load(const struct vcpu *vcpu)
{
    const struct guest_debug *debug = vcpu->arch.debug;

    load_breakpoints(&debug->breakpoints);
    load_watchpoints(&debug->watchpoints);
    write_sysreg(mdscr_el1, debug->mdscr & mdscr_allowed);
}

void guest_debug_save(void)
{
    write_sysreg(mdscr_el1, 0);
}

/* MDSCR_EL1 or a lock of the loaded vCPU was written. */
static void switch_on_or_off(struct vcpu *vcpu)
{
    const struct guest_debug *debug = vcpu->arch.debug;
    bool was_on = (vcpu->arch.rare & ARCH_DEBUG) != 0;

    if ((debug->mdscr & (MDSCR_EL1_SS | MDSCR_EL1_MDE)) == 0 || debug->os_lock || debug->double_lock) {
        vcpu->arch.rare &= ~(uint64_t)ARCH_DEBUG;
        guest_debug_save();
    } else if (was_on) {
        write_sysreg(mdscr_el1, debug->mdscr & mdscr_allowed);
    } else {
        vcpu->arch.rare |= ARCH_DEBUG;
        guest_debug_load(vcpu);
    }
}

/* The place of DBGBVRn_EL1 and its kin, or NULL: the machine has no such register. */
static uint64_t *find_value(struct guest_debug *debug, unsigned number, unsigned op2)
{
    struct points *points = op2 < 6 ? &debug->breakpoints : &debug->watchpoints;

    if (number >= (op2 < 6 ? breakpoints : watchpoints))
        return NULL;
    return (op2 & 1) == 0 ? &points->value[number] : &points->control[number];
}

static bool write_value(struct vcpu *vcpu, unsigned number, unsigned op2, uint64_t value)
{
    static const uint64_t bits[] = {
        [4] = ~DBGBVR_EL1_RES0, [5] = DBGBCR_EL1_BITS, [6] = ~DBGBVR_EL1_RES0, [7] = DBGWCR_EL1_BITS};
    uint64_t *place = find_value(vcpu->arch.debug, number, op2);

    if (place == NULL)
        return false;
    *place = value & bits[op2];
    if ((vcpu->arch.rare & ARCH_DEBUG) != 0)
        guest_debug_load(vcpu);
    return true;
}

/* CRn 0 and CRm, op2 from 4 on: breakpoint or watchpoint number CRm. */
static bool is_value(uint32_t reg)
{
    return REGISTER_GET(reg, ISS_CRN(15)) == 0 && REGISTER_GET(reg, ISS_OP2(7)) >= 4;
}

bool guest_debug_write(struct vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct guest_debug *debug = vcpu->arch.debug;

    if (is_value(reg))
        return write_value(vcpu, REGISTER_GET(reg, ISS_CRM(15)), REGISTER_GET(reg, ISS_OP2(7)), value);
    switch (reg) {
    case ISS_REGISTER(2, 0, 0, 2, 2): /* MDSCR_EL1 */
        debug->mdscr = value & (MDSCR_EL1_SS | MDSCR_EL1_TDCC | MDSCR_EL1_KDE | MDSCR_EL1_MDE);
        break;
    case ISS_REGISTER(2, 0, 1, 0, 4): /* OSLAR_EL1 */
        debug->os_lock = (value & OSLAR_EL1_OSLK) != 0;
        break;
    case ISS_REGISTER(2, 0, 1, 3, 4): /* OSDLR_EL1 */
        debug->double_lock = has_double_lock && (value & OSDLR_EL1_DLK) != 0;
        break;
    default:
        return true; /* zero, see system_registers.def */
    }
    switch_on_or_off(vcpu);
    return true;
}

bool guest_debug_read(const struct vcpu *vcpu, uint32_t reg, uint64_t *value)
{
    struct guest_debug *debug = vcpu->arch.debug;

    *value = 0;
    if (is_value(reg)) {
        const uint64_t *place =
            find_value(debug, REGISTER_GET(reg, ISS_CRM(15)), REGISTER_GET(reg, ISS_OP2(7)));

        if (place != NULL)
            *value = *place;
        return place != NULL;
    }
    switch (reg) {
    case ISS_REGISTER(2, 0, 0, 2, 2): /* MDSCR_EL1 */
        *value = debug->mdscr;
        break;
    case ISS_REGISTER(2, 0, 1, 1, 4): /* OSLSR_EL1 */
        *value = OSLSR_EL1_OSLM_IMPLEMENTED | (debug->os_lock ? OSLSR_EL1_OSLK : 0);
        break;
    case ISS_REGISTER(2, 0, 1, 3, 4): /* OSDLR_EL1 */
        *value = debug->double_lock ? OSDLR_EL1_DLK : 0;
        break;
    default:
        break;
    }
    return true;
}

bool guest_debug_denies_el0(const struct vcpu *vcpu)
{
    return (vcpu->arch.debug->mdscr & MDSCR_EL1_TDCC) != 0;
}
