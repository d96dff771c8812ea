/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions for a guest, taken to EL1 as the CPU would have (Arm ARM, AArch64.TakeException). */
#include "arch/arm64/vcpu.h"
#include "sysreg.h"
#include <stdbool.h>

#define PSTATE_MODE      UINT64_C(0xF)
#define PSTATE_AARCH32   UINT64_C(0x10)
#define PSTATE_EL1H_DAIF UINT64_C(0x3C5)
#define PSTATE_NZCV      (UINT64_C(15) << 28)
#define PSTATE_PAN       (UINT64_C(1) << 22)
#define PSTATE_SSBS      (UINT64_C(1) << 12)
#define SCTLR_SPAN       (UINT64_C(1) << 23)
#define SCTLR_DSSBS      (UINT64_C(1) << 44)
#define EC_SHIFT         26
#define IL               (UINT64_C(1) << 25)
#define EC_UNKNOWN       UINT64_C(0x00)
#define EC_IABORT_LOWER  UINT64_C(0x20)
#define EC_DABORT_LOWER  UINT64_C(0x24)
#define S1PTW            (UINT64_C(1) << 7)
#define WNR              (UINT64_C(1) << 6)
#define FSC_EXTERNAL     UINT64_C(0x10)
#define FSC_WALK         UINT64_C(0x14) /* + the level of the walk */

static uint64_t vector_offset(uint64_t pstate)
{
    if ((pstate & PSTATE_AARCH32) != 0)
        return 0x600;
    if ((pstate & PSTATE_MODE) == 0)
        return 0x400;
    return (pstate & 1) != 0 ? 0x200 : 0;
}

void inject_exception(struct arch_vcpu *vcpu, uint64_t syndrome)
{
    uint64_t pstate = vcpu->regs.pstate;
    uint64_t sctlr = read_sysreg(sctlr_el1);

    write_sysreg(esr_el1, syndrome);
    write_sysreg(spsr_el1, pstate);
    write_sysreg(elr_el1, vcpu->regs.pc);
    vcpu->regs.pc = read_sysreg(vbar_el1) + vector_offset(pstate);
    vcpu->regs.pstate =
        PSTATE_EL1H_DAIF | (pstate & (PSTATE_NZCV | PSTATE_PAN)) |
        ((sctlr & SCTLR_SPAN) == 0 && (read_sysreg(id_aa64mmfr1_el1) >> 20 & 15) != 0 ? PSTATE_PAN : 0) |
        ((sctlr & SCTLR_DSSBS) != 0 ? PSTATE_SSBS : 0);
}

void inject_undefined(struct arch_vcpu *vcpu)
{
    inject_exception(vcpu, EC_UNKNOWN << EC_SHIFT | IL);
}

/* A synchronous external abort, in place of the stage-2 fault that came to EL2 with `trapped_syndrome`. */
void inject_abort(struct arch_vcpu *vcpu, uint64_t trapped_syndrome, uint64_t fault_address)
{
    bool instruction = trapped_syndrome >> EC_SHIFT == EC_IABORT_LOWER;
    bool from_el0 = vector_offset(vcpu->regs.pstate) >= 0x400;
    uint64_t class = (instruction ? EC_IABORT_LOWER : EC_DABORT_LOWER) + (from_el0 ? 0 : 1);
    uint64_t status = (trapped_syndrome & S1PTW) != 0 ? FSC_WALK | (trapped_syndrome & 3) : FSC_EXTERNAL;

    if (!instruction)
        status |= trapped_syndrome & WNR;
    write_sysreg(far_el1, fault_address);
    inject_exception(vcpu, class << EC_SHIFT | IL | status);
}
