/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system registers to which a guest's access is trapped, and what the guest gets:
 *
 * - ID registers (HCR_EL2.TID3): what id_registers.def lets through of each field.
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
#include "arch/arm64/stage2.h"
#include "arch/arm64/vcpu.h"
#include "devices/vgic.h"
#include "id_registers.h"
#include "sysreg.h"
#include "vm/vm.h"

#define REG      ISS_REGISTER
#define REG_ALL  REG(3, 7, 15, 15, 7)
#define OP0(reg) REGISTER_GET(reg, ISS_OP0(3))
#define OP1(reg) REGISTER_GET(reg, ISS_OP1(7))
#define OP2(reg) REGISTER_GET(reg, ISS_OP2(7))
#define CRM(reg) REGISTER_GET(reg, ISS_CRM(15))

#define ID_AA64MMFR0_EL1 (7u << 3 | 0) /* CRm, op2 */

/* The machine's value of an ID register that id_registers.def lists. */
static uint64_t id_register_value(unsigned crm, unsigned op2)
{
#define ID_REGISTER(name, crm, op2)                                                                          \
    case (crm) << 3 | (op2):                                                                                 \
        return read_sysreg(S3_0_C0_C##crm##_##op2);
#define ID_REGISTER_FIELD(name, shift, shown, why)
#define ID_REGISTER_END

    switch (crm << 3 | op2) {
#include "id_registers.def"
    default:
        return 0;
    }

#undef ID_REGISTER
#undef ID_REGISTER_FIELD
#undef ID_REGISTER_END
}

uint64_t id_register_of_guest(unsigned crm, unsigned op2)
{
    uint64_t most = id_register_most(crm, op2);

    if (ID_AA64MMFR0_EL1 == (crm << 3 | op2))
        most = (most & ~ID_AA64MMFR0_EL1_PARANGE) | stage2_range();
    return id_register_shown(id_register_value(crm, op2), most);
}

/*
 * ICC_SGI1R_EL1 and the like (Arm IHI 0069, 12.2). Bits 15:0 are the targets in the group of Aff3.Aff2.Aff1.
 * The vCPUs are all in group 0.0.0.
 */
static void send_sgis(struct vcpu *vcpu, uint64_t value)
{
    bool this_group = (value & (ICC_SGI1R_AFF1 | ICC_SGI1R_AFF2 | ICC_SGI1R_AFF3)) == 0 &&
                      REGISTER_GET(value, ICC_SGI1R_RS) == 0;
    uint32_t targets = this_group ? value & 0xFFFF : 0;

    if ((value & ICC_SGI1R_IRM) != 0)
        targets = ~(UINT32_C(1) << vcpu->index);
    vgic_send_sgis(vcpu, REGISTER_GET(value, ICC_SGI1R_INTID), targets);
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
        *value = id_register_of_guest(CRM(reg), OP2(reg));
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
