/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch: a vCPU's EL1 state, SIMD and floating-point registers, timers and GIC interface into the
 * CPU and out of it. What is the same for all guests (HCR_EL2, trap controls) is set once by vcpu_init_cpu().
 */
#include "arch/arm64/vcpu.h"
#include "arch/arm64/guest_timer.h"
#include "arch/arm64/stage2.h"
#include "core/arch.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "sysreg.h"
#include <string.h>

#define PSTATE_EL1H_MASKED UINT64_C(0x3C5)
#define PSTATE_I           (UINT64_C(1) << 7)
#define SCTLR_EL1_RESET    UINT64_C(0x30D00800) /* RES1 bits; MMU and caches off */
#define MPIDR_RES1         (UINT64_C(1) << 31)

/*
 * VM, SWIO, FMO, IMO, AMO, FB, BSU inner, TWI, TID3 (ID registers), TSC (SMC), TIDCP (implementation-defined
 * registers), TACR, RW (AArch64), TLOR, TERR. TWE stays off: a vCPU that spins in WFE is preempted like any
 * other.
 */
#define HCR                                                                                                  \
    (UINT64_C(1) | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 10 | 1 << 13 | 1 << 18 | 1 << 19 |      \
     1 << 20 | 1 << 21 | UINT64_C(1) << 31 | UINT64_C(1) << 35 | UINT64_C(1) << 36)
#define CPTR    UINT64_C(0x1033FF) /* RES1, SVE (TZ) and trace (TTA) trapped, SIMD not */
#define CNTHCTL UINT64_C(1)        /* the physical counter may be read, the physical timer is trapped */
/* TPMCR, TPM, TDA, TDOSA, TDRA, TTRF: the PMU, debug and trace registers; TPMS: statistical profiling. */
#define MDCR (UINT64_C(1) << 5 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 14 | 1 << 19)

void vcpu_init_cpu(void)
{
    uint64_t pmu = read_sysreg(id_aa64dfr0_el1) >> 8 & 15;
    uint64_t counters = pmu != 0 && pmu != 15 ? read_sysreg(pmcr_el0) >> 11 & 31 : 0;

    write_sysreg(hcr_el2, HCR);
    write_sysreg(cptr_el2, CPTR);
    write_sysreg(hstr_el2, 0);
    write_sysreg(actlr_el2, 0);
    write_sysreg(mdcr_el2, MDCR | counters);
    write_sysreg(cnthctl_el2, CNTHCTL);
    write_sysreg(cntvoff_el2, 0);
    write_sysreg(cntv_ctl_el0, 0);
    write_sysreg(cntp_ctl_el0, 0);
    write_sysreg(mdscr_el1, 0);
    write_sysreg(vpidr_el2, read_sysreg(midr_el1));
    write_sysreg(vtcr_el2, stage2_vtcr());
    isb();
    /* Nothing of an earlier user of EL1 stays in the TLBs. */
    __asm__ volatile("tlbi alle1" : : : "memory");
    dsb(nsh);
    isb();
}

void arch_vcpu_init(struct vcpu *vcpu)
{
    guest_timer_init(vcpu);
}

void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    memset(&vcpu->arch, 0, sizeof(vcpu->arch));
    vcpu->arch.regs.pc = entry;
    vcpu->arch.regs.pstate = PSTATE_EL1H_MASKED;
    vcpu->arch.regs.x[0] = argument;
    vcpu->arch.el1.sctlr = SCTLR_EL1_RESET;
    vcpu->arch.vmpidr = MPIDR_RES1 | vcpu->index;
    guest_timer_reset(vcpu);
    gic->interface_reset(&vcpu->arch);
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    struct arch_vcpu *arch = &vcpu->arch;
    struct vm *vm = vcpu->vm;

    el1_load(&arch->el1);
    write_sysreg(vmpidr_el2, arch->vmpidr);
    if (arch->virtual_serror != 0)
        vcpu_raise_serror();
    write_sysreg(vttbr_el2, vm->arch.vttbr);
    if (vm->vcpu_count > 1) {
        /*
         * Two vCPUs of a VM may use one ASID for different tables, and share the VMID: none of the other's
         * stays.
         */
        isb();
        __asm__ volatile("tlbi vmalle1" : : : "memory");
        dsb(nsh);
    }
    fp_load(&arch->fp);
    guest_timer_load(vcpu);
    vgic_load(vcpu);
    /*
     * No ISB for the registers themselves: the ERET that enters the guest is a context synchronization event.
     */
}

void arch_vcpu_save(struct vcpu *vcpu)
{
    struct arch_vcpu *arch = &vcpu->arch;

    vgic_save(vcpu);
    guest_timer_save(vcpu);
    el1_save(&arch->el1);
    arch->virtual_serror = read_sysreg(hcr_el2) & HCR_VSE;
    if (arch->virtual_serror != 0)
        write_sysreg(hcr_el2, HCR);
    fp_save(&arch->fp);
}

void vcpu_raise_serror(void)
{
    write_sysreg(hcr_el2, read_sysreg(hcr_el2) | HCR_VSE);
}

bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu)
{
    return (vcpu->arch.regs.pstate & PSTATE_I) != 0;
}

static uint64_t line_size(void)
{
    return UINT64_C(4) << (read_sysreg(ctr_el0) >> 16 & 15);
}

void arch_memory_clean(const void *memory, uint64_t size)
{
    uint64_t line = line_size();
    uint64_t address = (uint64_t)(uintptr_t)memory & ~(line - 1);

    for (; address < (uint64_t)(uintptr_t)memory + size; address += line)
        __asm__ volatile("dc civac, %0" : : "r"(address) : "memory");
    dsb(sy);
}

void arch_memory_zero(void *memory, uint64_t size)
{
    uint64_t dczid = read_sysreg(dczid_el0);
    uint64_t block = UINT64_C(4) << (dczid & 15);

    if ((dczid & 16) != 0 || block > MEMORY_PAGE) {
        memset(memory, 0, size);
    } else {
        for (uint64_t done = 0; done < size; done += block)
            __asm__ volatile("dc zva, %0" : : "r"((char *)memory + done) : "memory");
    }
    arch_memory_clean(memory, size);
}
