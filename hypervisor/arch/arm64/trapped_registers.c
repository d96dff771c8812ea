/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system registers to which a guest's access is trapped, and what the guest gets:
 *
 * - ID registers (HCR_EL2.TID3): the machine's fields, but zero for what Ontime does not offer: SVE, SME,
 *   MTE, pointer authentication, activity monitors, RAS, the PMU, statistical profiling, trace, EL2, EL3,
 *   virtualization host extensions, LORegions and MPAM. ID_AA64ISAR0_EL1, ID_AA64MMFR0_EL1 and AArch32's are
 *   let through less such fields. Of the others only the fields that are listed here are let through.
 * - Debug registers (MDCR_EL2.TDA, TDOSA, TDRA): guest_debug.c. The debugger's channel reads as zero.
 * - PMU registers (MDCR_EL2.TPM, TPMCR): undefined, as on a CPU whose ID registers say that it has no PMU.
 * - ACTLR_EL1 (HCR_EL2.TACR): reads as zero and ignores writes.
 * - ICC_SRE_EL1 (ICC_SRE_EL2.Enable): reads as "by system registers only" and ignores writes. A guest that
 *   could clear SRE would clear it for the next one.
 * - The physical timer (CNTHCTL_EL2): emulated by guest_timer.c.
 * - SGIs and ICC_DIR_EL1 (HCR_EL2.IMO, ICH_HCR_EL2.TDIR): emulated by devices/vgic.c.
 * - Everything else, such as implementation-defined registers, LORegions, trace, RAS and SVE: undefined.
 */
#include "register_bits.h"
#include "arch/arm64/guest_debug.h"
#include "arch/arm64/guest_timer.h"
#include "arch/arm64/vcpu.h"
#include "devices/vgic.h"
#include "sysreg.h"
#include "vm/vm.h"

#define REG      ISS_REGISTER
#define REG_ALL  REG(3, 7, 15, 15, 7)
#define OP0(reg) REGISTER_GET(reg, ISS_OP0(3))
#define OP1(reg) REGISTER_GET(reg, ISS_OP1(7))
#define OP2(reg) REGISTER_GET(reg, ISS_OP2(7))
#define CRM(reg) REGISTER_GET(reg, ISS_CRM(15))

struct id_register {
    uint8_t crm, op2;
    uint64_t offered; /* the fields a guest sees */
    uint64_t limited; /* of these, the fields that are cut to the value in `limit` when they are greater */
    uint64_t limit;
};

/*
 * AArch64 ID registers (Arm ARM D17.2): op0 3, op1 0, crn 0, crm 4 to 7. One that is not listed reads as
 * zero.
 *
 * CSV2 greater than 1 would promise SCXTNUM_EL1 and SCXTNUM_EL0, which trap: they would be four registers
 * more to switch (EL0's and EL1's, and what predictors make of them), for a hint. EL1: AArch64 only, as
 * HCR_EL2.RW says. PARange: stage 2 has 40 bits.
 */
static const struct id_register id_registers[] = {
    /* ID_AA64PFR0_EL1 */
    {4, 0,
     ID_AA64PFR0_EL1_EL0 | ID_AA64PFR0_EL1_EL1 | ID_AA64PFR0_EL1_FP | ID_AA64PFR0_EL1_ADVSIMD |
         ID_AA64PFR0_EL1_GIC | ID_AA64PFR0_EL1_DIT | ID_AA64PFR0_EL1_CSV2 | ID_AA64PFR0_EL1_CSV3,
     ID_AA64PFR0_EL1_EL1 | ID_AA64PFR0_EL1_CSV2, ID_AA64PFR0_EL1_EL1_64 | ID_AA64PFR0_EL1_CSV2_1},
    /* ID_AA64PFR1_EL1 */
    {4, 1, ID_AA64PFR1_EL1_BT | ID_AA64PFR1_EL1_SSBS, 0, 0},
    /* ID_AA64DFR0_EL1 */
    {5, 0,
     ID_AA64DFR0_EL1_DEBUGVER | ID_AA64DFR0_EL1_BRPS | ID_AA64DFR0_EL1_WRPS | ID_AA64DFR0_EL1_CTX_CMPS |
         ID_AA64DFR0_EL1_DOUBLELOCK,
     0, 0},
    /* ID_AA64ISAR0_EL1: no transactional memory */
    {6, 0, UINT64_MAX & ~ID_AA64ISAR0_EL1_TME, 0, 0},
    /* ID_AA64ISAR1_EL1: no pointer authentication */
    {6, 1,
     ID_AA64ISAR1_EL1_DPB | ID_AA64ISAR1_EL1_JSCVT | ID_AA64ISAR1_EL1_FCMA | ID_AA64ISAR1_EL1_LRCPC |
         ID_AA64ISAR1_EL1_FRINTTS | ID_AA64ISAR1_EL1_SB | ID_AA64ISAR1_EL1_SPECRES | ID_AA64ISAR1_EL1_BF16 |
         ID_AA64ISAR1_EL1_DGH | ID_AA64ISAR1_EL1_I8MM,
     0, 0},
    /* ID_AA64ISAR2_EL1: no WFIT: QEMU 10 tells EL2 of it as of WFI, so that its timeout would be lost */
    {6, 2, ID_AA64ISAR2_EL1_RPRES | ID_AA64ISAR2_EL1_MOPS, 0, 0},
    /* ID_AA64MMFR0_EL1: no fine-grained traps, no enhanced counter virtualization */
    {7, 0, UINT64_MAX & ~(ID_AA64MMFR0_EL1_FGT | ID_AA64MMFR0_EL1_ECV), ID_AA64MMFR0_EL1_PARANGE, PA_40_BITS},
    /* ID_AA64MMFR1_EL1: no virtualization host extensions, no LORegions */
    {7, 1,
     ID_AA64MMFR1_EL1_HAFDBS | ID_AA64MMFR1_EL1_VMIDBITS | ID_AA64MMFR1_EL1_HPDS | ID_AA64MMFR1_EL1_PAN |
         ID_AA64MMFR1_EL1_SPECSEI | ID_AA64MMFR1_EL1_XNX,
     0, 0},
    /* ID_AA64MMFR2_EL1: no nested virtualization, no forced write-back */
    {7, 2,
     ID_AA64MMFR2_EL1_CNP | ID_AA64MMFR2_EL1_UAO | ID_AA64MMFR2_EL1_LSM | ID_AA64MMFR2_EL1_IESB |
         ID_AA64MMFR2_EL1_VARANGE | ID_AA64MMFR2_EL1_CCIDX | ID_AA64MMFR2_EL1_ST | ID_AA64MMFR2_EL1_AT |
         ID_AA64MMFR2_EL1_IDS | ID_AA64MMFR2_EL1_TTL | ID_AA64MMFR2_EL1_BBM | ID_AA64MMFR2_EL1_E0PD,
     0, 0},
};

/* What of ID_DFR0_EL1 is not offered. */
#define DFR0_TRACE (ID_DFR0_EL1_COPTRC | ID_DFR0_EL1_MMAPTRC | ID_DFR0_EL1_MPROFDBG)

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
        return read_sysreg(id_pfr0_el1) & ~(ID_PFR0_EL1_RAS | ID_PFR0_EL1_AMU);
    case 0x11:
        return read_sysreg(id_pfr1_el1) & ~ID_PFR1_EL1_VIRTUALIZATION;
    case 0x12:
        return read_sysreg(id_dfr0_el1) & ~(ID_DFR0_EL1_PERFMON | DFR0_TRACE);
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

/* The value with each field of `limited` cut to that of `limit`. */
static uint64_t limit_fields(uint64_t value, uint64_t limited, uint64_t limit)
{
    for (unsigned shift = 0; shift < 64; shift += 4) {
        uint64_t field = ID_FIELD(shift);

        if ((limited & field) != 0 && (value & field) > (limit & field))
            value = (value & ~field) | (limit & field);
    }
    return value;
}

static uint64_t id_register_value(unsigned crm, unsigned op2)
{
    if (crm < 4)
        return id_value_32(crm, op2);
    for (unsigned i = 0; i < sizeof(id_registers) / sizeof(id_registers[0]); i++) {
        const struct id_register *reg = &id_registers[i];

        if (reg->crm == crm && reg->op2 == op2)
            return limit_fields(id_value_64(crm, op2) & reg->offered, reg->limited, reg->limit);
    }
    return 0;
}

/*
 * ICC_SGI1R_EL1 and the like (Arm IHI 0069, 12.2). Bits 15:0 are the targets in the group of Aff3.Aff2.Aff1.
 * The vCPUs are all in group 0.0.0.
 */
static void send_sgis(struct vcpu *vcpu, uint64_t value)
{
    struct vm *vm = vcpu->vm;
    bool others = (value & ICC_SGI1R_IRM) != 0;
    bool this_group = (value & (ICC_SGI1R_AFF1 | ICC_SGI1R_AFF2 | ICC_SGI1R_AFF3)) == 0 &&
                      REGISTER_GET(value, ICC_SGI1R_RS) == 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        if (others ? i != vcpu->index : this_group && (value >> i & 1) != 0)
            vgic_send_sgi(&vm->vcpus[i], REGISTER_GET(value, ICC_SGI1R_INTID), vcpu);
}

/*
 * Is this a debug register? op1 3 are EL0's, MDCCSR_EL0 and DBGDTR_EL0. QEMU 10's HCR_EL2.TIDCP traps others
 * with op0 2, too.
 */
static bool is_debug(uint32_t reg)
{
    unsigned crn = REGISTER_GET(reg, ISS_CRN(15));

    return OP0(reg) == 2 && ((OP1(reg) == 0 && (crn <= 1 || crn == 7)) || (OP1(reg) == 3 && crn == 0));
}

/* The registers that are emulated; false for those that are not there. */
static bool write_register(struct vcpu *vcpu, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case REG(3, 3, 14, 2, 0): /* CNTP_TVAL_EL0 */
        guest_timer_write(vcpu, CNTP_TVAL, value);
        return true;
    case REG(3, 3, 14, 2, 1): /* CNTP_CTL_EL0 */
        guest_timer_write(vcpu, CNTP_CTL, value);
        return true;
    case REG(3, 3, 14, 2, 2): /* CNTP_CVAL_EL0 */
        guest_timer_write(vcpu, CNTP_CVAL, value);
        return true;
    case REG(3, 0, 12, 11, 5): /* ICC_SGI1R_EL1 */
    case REG(3, 0, 12, 11, 6): /* ICC_ASGI1R_EL1 */
    case REG(3, 0, 12, 11, 7): /* ICC_SGI0R_EL1 */
        send_sgis(vcpu, value);
        return true;
    case REG(3, 0, 12, 11, 1): /* ICC_DIR_EL1: trapped while drivers/gicv3.c asks for it */
        vgic_deactivate(vcpu, value & ICC_DIR_EL1_INTID);
        return true;
    case REG(3, 0, 1, 0, 1):   /* ACTLR_EL1 */
    case REG(3, 0, 12, 12, 5): /* ICC_SRE_EL1 */
        return true;
    default:
        return is_debug(reg) && OP1(reg) == 0 && guest_debug_write(vcpu, reg, value);
    }
}

static bool read_register(struct vcpu *vcpu, uint32_t reg, uint64_t *value)
{
    *value = 0;
    switch (reg) {
    case REG(3, 3, 14, 2, 0): /* CNTP_TVAL_EL0 */
        *value = guest_timer_read(vcpu, CNTP_TVAL);
        return true;
    case REG(3, 3, 14, 2, 1): /* CNTP_CTL_EL0 */
        *value = guest_timer_read(vcpu, CNTP_CTL);
        return true;
    case REG(3, 3, 14, 2, 2): /* CNTP_CVAL_EL0 */
        *value = guest_timer_read(vcpu, CNTP_CVAL);
        return true;
    case REG(3, 0, 1, 0, 1): /* ACTLR_EL1 */
        return true;
    case REG(3, 0, 12, 12, 5): /* ICC_SRE_EL1 */
        *value = ICC_SRE_EL1_SRE | ICC_SRE_EL1_DFB | ICC_SRE_EL1_DIB;
        return true;
    default:
        break;
    }
    if (OP0(reg) == 3 && (reg & REG(0, 7, 15, 0, 0)) == 0) { /* op0 3, op1 0, crn 0: identification */
        *value = id_register_value(CRM(reg), OP2(reg));
        return true;
    }
    if (!is_debug(reg))
        return false;
    if (OP1(reg) == 3) /* the channel of EL0, always empty */
        return (vcpu->arch.regs.pstate & SPSR_M) != SPSR_M_EL0T || !guest_debug_denies_el0(vcpu);
    return guest_debug_read(vcpu, reg, value);
}

void trapped_register_access(struct vcpu *vcpu, uint64_t syndrome)
{
    uint32_t reg = (uint32_t)syndrome & REG_ALL;
    unsigned rt = REGISTER_GET(syndrome, ISS_RT);
    uint64_t value = rt == 31 ? 0 : vcpu->arch.regs.x[rt]; /* 31 is XZR */
    bool is_read = (syndrome & ISS_READ) != 0;

    if (is_read ? !read_register(vcpu, reg, &value) : !write_register(vcpu, reg, value)) {
        inject_undefined(&vcpu->arch);
        return;
    }
    if (is_read && rt != 31)
        vcpu->arch.regs.x[rt] = value;
    skip_instruction(&vcpu->arch, syndrome);
}
