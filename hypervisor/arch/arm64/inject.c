/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions that Ontime makes a guest take: its registers become what the CPU makes of them when it takes
 * an exception to EL1 (Arm ARM, AArch64.TakeException).
 */
#include <stdbool.h>
#include "arch/arm64/vcpu.h"
#include "register_bits.h"

/* IT of AArch32 after an instruction (Arm ARM, AArch32.ITAdvance): the mask of those to come moves up. */
static uint64_t it_advanced(uint64_t pstate)
{
    uint64_t it = REGISTER_GET(pstate, SPSR_IT_HIGH) << 2 | REGISTER_GET(pstate, SPSR_IT_LOW);

    it = (it & 7) == 0 ? 0 : (it & 0xE0) | (it << 1 & 0x1F);
    return (pstate & ~(SPSR_IT_HIGH | SPSR_IT_LOW)) | REGISTER_FIELD(it >> 2, SPSR_IT_HIGH_SHIFT) |
           REGISTER_FIELD(it & 3, SPSR_IT_LOW_SHIFT);
}

/* A step that is on comes after the instruction, which is what SS 0 means. */
void skip_rare_instruction(struct arch_vcpu *vcpu, uint64_t syndrome)
{
    uint64_t pstate = vcpu->regs.pstate;

    if ((pstate & SPSR_M_AARCH32) == 0) {
        vcpu->regs.pc += 4;
        vcpu->regs.pstate = pstate & ~(SPSR_BTYPE | SPSR_SS);
    } else {
        vcpu->regs.pc += (syndrome & ESR_IL) != 0 ? 4 : 2;
        vcpu->regs.pstate = it_advanced(pstate) & ~SPSR_SS;
    }
}

/* Where the exception goes from VBAR_EL1, by what the guest was doing. */
static uint64_t vector_offset(uint64_t pstate)
{
    if ((pstate & SPSR_M_AARCH32) != 0)
        return VECTORS_LOWER_AARCH32;
    if ((pstate & SPSR_M) == SPSR_M_EL0T)
        return VECTORS_LOWER_AARCH64;
    return (pstate & SPSR_M_SP) != 0 ? VECTORS_SAME_EL_SP_ELX : VECTORS_SAME_EL_SP_EL0;
}

/* The bit that sets PSTATE.PAN, unless the guest has asked for none (SPAN) or the CPU has none. */
static uint64_t pan_set(uint64_t sctlr)
{
    bool wanted = (sctlr & SCTLR_EL1_SPAN) == 0;

    return wanted && (read_sysreg(id_aa64mmfr1_el1) & ID_AA64MMFR1_EL1_PAN) != 0 ? SPSR_PAN : 0;
}

void inject_exception(struct arch_vcpu *vcpu, uint64_t syndrome)
{
    uint64_t pstate = vcpu->regs.pstate;
    uint64_t sctlr = read_sysreg(sctlr_el1);

    write_sysreg(esr_el1, syndrome);
    write_sysreg(spsr_el1, pstate);
    write_sysreg(elr_el1, vcpu->regs.pc);
    vcpu->regs.pc = read_sysreg(vbar_el1) + vector_offset(pstate);
    vcpu->regs.pstate = SPSR_M_EL1H | SPSR_DAIF | (pstate & (SPSR_NZCV | SPSR_PAN | SPSR_DIT)) |
                        pan_set(sctlr) | ((sctlr & SCTLR_EL1_DSSBS) != 0 ? SPSR_SSBS : 0);
}

void inject_undefined(struct arch_vcpu *vcpu)
{
    inject_exception(vcpu, EC_UNKNOWN << ESR_EC_SHIFT | ESR_IL);
}

/* A synchronous external abort, in place of the stage-2 fault that came to EL2 with `trapped_syndrome`. */
void inject_abort(struct arch_vcpu *vcpu, uint64_t trapped_syndrome, uint64_t fault_address)
{
    bool instruction = trapped_syndrome >> ESR_EC_SHIFT == EC_IABORT;
    bool from_el0 = vector_offset(vcpu->regs.pstate) >= VECTORS_LOWER_AARCH64;
    uint64_t class = (instruction ? EC_IABORT : EC_DABORT) + (from_el0 ? 0 : EC_SAME_EL);
    uint64_t status = (trapped_syndrome & ISS_S1PTW) != 0 ? FSC_EXTERNAL_WALK | (trapped_syndrome & FSC_LEVEL)
                                                          : FSC_EXTERNAL;

    if (!instruction)
        status |= trapped_syndrome & ISS_WNR;
    write_sysreg(far_el1, fault_address);
    inject_exception(vcpu, class << ESR_EC_SHIFT | ESR_IL | status);
}
