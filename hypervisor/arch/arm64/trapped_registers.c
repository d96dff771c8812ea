/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers a guest does not get as they are. Each trapped access has a considered answer:
 *
 * - ID registers (HCR_EL2.TID3): the machine's, less what Ontime does not offer: SVE, SME, MTE, pointer
 *   authentication, activity monitors, RAS, the PMU, statistical profiling, trace, EL2 and EL3,
 * virtualization host extensions, LORegions, MPAM. Only fields that are known to be harmless are let through.
 * - Debug registers (MDCR_EL2.TDA, TDOSA, TDRA): self-hosted breakpoints and watchpoints are not offered;
 * MDSCR_EL1 and OSDLR_EL1 read as written and have no effect, the others read as zero and ignore writes.
 * - PMU registers (TPM, TPMCR): undefined, as on a CPU without a PMU, which is what the ID registers tell.
 * - ACTLR_EL1 (TACR) reads as zero and ignores writes.
 * - The physical timer (CNTHCTL_EL2): emulated, guest_timer.c. SGIs (HCR_EL2.IMO): virt/vgic.c.
 * - Everything else (implementation-defined, LORegions, trace, RAS, SVE): undefined in the guest.
 */
#include "arch/arm64/guest_timer.h"
#include "arch/arm64/vcpu.h"
#include "core/vm.h"
#include "sysreg.h"

#define REG(op0, op1, crn, crm, op2) ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define REG_MASK                     0x3FFC1Eu

#define F(shift) (UINT64_C(15) << (shift)) /* a field of an ID register */

struct id_register {
    uint8_t crm, op2;
    uint64_t offered; /* the fields a guest sees */
    uint64_t fixed;   /* fields with a value of our own */
};

/*
 * AArch64 ID registers, op0 3, op1 0, crn 0, crm 4..7 (Arm ARM D17.2). What is not listed reads as zero.
 * PFR0: EL0, EL1, FP, AdvSIMD, GIC, DIT, CSV2, CSV3; DFR0: debug version, no breakpoints beyond the least.
 */
static const struct id_register id_registers[] = {
    {4, 0, F(0) | F(4) | F(16) | F(20) | F(24) | F(48) | F(56) | F(60), 0},
    {4, 1, F(0) | F(4), 0},                              /* PFR1: BTI, SSBS */
    {5, 0, F(0), UINT64_C(1) << 12 | UINT64_C(1) << 20}, /* DFR0: DebugVer; 2 breakpoints, 2 watchpoints */
    {6, 0, UINT64_MAX & ~F(24), 0},                      /* ISAR0: all but TME */
    {6, 1, F(0) | F(12) | F(16) | F(20) | F(32) | F(36) | F(40) | F(44) | F(48) | F(52),
     0},                                      /* ISAR1: no PAuth */
    {6, 2, F(0) | F(4) | F(16), 0},           /* ISAR2: WFxT, RPRES, MOPS */
    {7, 0, UINT64_MAX & ~(F(56) | F(60)), 0}, /* MMFR0: all but FGT, ECV */
    {7, 1, F(0) | F(4) | F(12) | F(20) | F(24) | F(28),
     0}, /* MMFR1: HAFDBS, VMIDBits, HPDS, PAN, SpecSEI, XNX */
    {7, 2, F(0) | F(4) | F(8) | F(12) | F(16) | F(20) | F(28) | F(32) | F(36) | F(48) | F(52) | F(60), 0},
};

#define DFR0_PERFMON F(24) /* ID_DFR0_EL1, AArch32: the PMU */
#define DFR0_TRACE   (F(12) | F(16) | F(20))

static uint64_t id_value_64(unsigned crm, unsigned op2)
{
    switch (crm << 4 | op2) {
    case 0x40:
        return read_sysreg(id_aa64pfr0_el1);
    case 0x41:
        return read_sysreg(id_aa64pfr1_el1);
    case 0x50:
        return read_sysreg(id_aa64dfr0_el1);
    case 0x60:
        return read_sysreg(id_aa64isar0_el1);
    case 0x61:
        return read_sysreg(id_aa64isar1_el1);
    case 0x62:
        return read_sysreg(S3_0_C0_C6_2);
    case 0x70:
        return read_sysreg(id_aa64mmfr0_el1);
    case 0x71:
        return read_sysreg(id_aa64mmfr1_el1);
    case 0x72:
        return read_sysreg(S3_0_C0_C7_2);
    default:
        return 0;
    }
}

/* AArch32's ID registers, which describe what EL0 may run. */
static uint64_t id_value_32(unsigned crm, unsigned op2)
{
    switch (crm << 4 | op2) {
    case 0x10:
        return read_sysreg(id_pfr0_el1) & ~F(28) & ~F(20); /* no RAS, no AMU */
    case 0x11:
        return read_sysreg(id_pfr1_el1) & ~F(12); /* no virtualization extensions */
    case 0x12:
        return read_sysreg(id_dfr0_el1) & ~(DFR0_PERFMON | DFR0_TRACE);
    case 0x14:
        return read_sysreg(id_mmfr0_el1);
    case 0x15:
        return read_sysreg(id_mmfr1_el1);
    case 0x16:
        return read_sysreg(id_mmfr2_el1);
    case 0x17:
        return read_sysreg(id_mmfr3_el1);
    case 0x20:
        return read_sysreg(id_isar0_el1);
    case 0x21:
        return read_sysreg(id_isar1_el1);
    case 0x22:
        return read_sysreg(id_isar2_el1);
    case 0x23:
        return read_sysreg(id_isar3_el1);
    case 0x24:
        return read_sysreg(id_isar4_el1);
    case 0x25:
        return read_sysreg(id_isar5_el1);
    case 0x26:
        return read_sysreg(S3_0_C0_C2_6);
    case 0x27:
        return read_sysreg(S3_0_C0_C2_7);
    case 0x30:
        return read_sysreg(mvfr0_el1);
    case 0x31:
        return read_sysreg(mvfr1_el1);
    case 0x32:
        return read_sysreg(mvfr2_el1);
    case 0x34:
        return read_sysreg(S3_0_C0_C3_4);
    default:
        return 0;
    }
}

static uint64_t id_register_value(unsigned crm, unsigned op2)
{
    if (crm < 4)
        return id_value_32(crm, op2);
    for (unsigned i = 0; i < sizeof(id_registers) / sizeof(id_registers[0]); i++) {
        const struct id_register *reg = &id_registers[i];

        if (reg->crm == crm && reg->op2 == op2)
            return (id_value_64(crm, op2) & reg->offered) | reg->fixed;
    }
    return 0;
}

/*
 * ICC_SGI1R_EL1 and its kin (Arm IHI 0069, 12.2): bits 15:0 the targets in the affinity group, 40 all but
 * oneself.
 */
static void send_sgis(struct vcpu *vcpu, uint64_t value)
{
    struct vm *vm = vcpu->vm;
    bool others = (value >> 40 & 1) != 0;
    bool this_group =
        (value & UINT64_C(0x00FF00FF00FF0000) & ~(UINT64_C(1) << 40)) == 0 && (value >> 44 & 15) == 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        if (others ? i != vcpu->index : this_group && (value >> i & 1) != 0)
            vgic_send_sgi(&vm->vcpus[i], value >> 24 & 15, vcpu);
}

/* The registers that are emulated; false for those that are not there. */
static bool write_register(struct vcpu *vcpu, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case REG(3, 3, 14, 2, 0):
        guest_timer_write(vcpu, CNTP_TVAL, value);
        return true;
    case REG(3, 3, 14, 2, 1):
        guest_timer_write(vcpu, CNTP_CTL, value);
        return true;
    case REG(3, 3, 14, 2, 2):
        guest_timer_write(vcpu, CNTP_CVAL, value);
        return true;
    case REG(3, 0, 12, 11, 5): /* ICC_SGI1R_EL1 */
    case REG(3, 0, 12, 11, 6): /* ICC_ASGI1R_EL1 */
    case REG(3, 0, 12, 11, 7): /* ICC_SGI0R_EL1 */
        send_sgis(vcpu, value);
        return true;
    case REG(3, 0, 12, 11, 1): /* ICC_DIR_EL1: trapped while drivers/gicv3.c asks for it */
        vgic_deactivate(vcpu, value & 0xFFFFFF);
        return true;
    case REG(3, 0, 1, 0, 1): /* ACTLR_EL1 */
        return true;
    case REG(2, 0, 0, 2, 2): /* MDSCR_EL1 */
        vcpu->arch.mdscr = value & UINT32_MAX;
        return true;
    case REG(2, 0, 1, 3, 4): /* OSDLR_EL1 */
        vcpu->arch.osdlr = value & 1;
        return true;
    default:
        return reg >> 20 == 2 && (reg >> 14 & 7) == 0; /* debug */
    }
}

static bool read_register(struct vcpu *vcpu, uint32_t reg, uint64_t *value)
{
    *value = 0;
    switch (reg) {
    case REG(3, 3, 14, 2, 0):
        *value = guest_timer_read(vcpu, CNTP_TVAL);
        return true;
    case REG(3, 3, 14, 2, 1):
        *value = guest_timer_read(vcpu, CNTP_CTL);
        return true;
    case REG(3, 3, 14, 2, 2):
        *value = guest_timer_read(vcpu, CNTP_CVAL);
        return true;
    case REG(3, 0, 1, 0, 1): /* ACTLR_EL1 */
        return true;
    case REG(2, 0, 0, 2, 2): /* MDSCR_EL1 */
        *value = vcpu->arch.mdscr;
        return true;
    case REG(2, 0, 1, 1, 4): /* OSLSR_EL1: the OS lock is implemented and not locked */
        *value = 8;
        return true;
    case REG(2, 0, 1, 3, 4): /* OSDLR_EL1 */
        *value = vcpu->arch.osdlr;
        return true;
    default:
        break;
    }
    if (reg >> 20 == 3 && (reg & REG(0, 7, 15, 0, 0)) == 0) { /* op0 3, op1 0, crn 0: identification */
        *value = id_register_value(reg >> 1 & 15, reg >> 17 & 7);
        return true;
    }
    /* Debug, AArch64; also MDCCSR_EL0 and DBGDTR_EL0. */
    return reg >> 20 == 2 && ((reg >> 14 & 7) == 0 || (reg >> 14 & 7) == 3);
}

void trapped_register_access(struct vcpu *vcpu, uint64_t syndrome)
{
    uint32_t reg = (uint32_t)syndrome & REG_MASK;
    unsigned rt = syndrome >> 5 & 31;
    uint64_t value = rt == 31 ? 0 : vcpu->arch.regs.x[rt]; /* 31 is XZR */
    bool is_read = (syndrome & 1) != 0;

    if (is_read ? !read_register(vcpu, reg, &value) : !write_register(vcpu, reg, value)) {
        inject_undefined(&vcpu->arch);
        return;
    }
    if (is_read && rt != 31)
        vcpu->arch.regs.x[rt] = value;
    vcpu->arch.regs.pc += 4;
}
