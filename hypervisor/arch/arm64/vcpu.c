/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch: loads a vCPU's EL1 registers, SIMD and floating-point registers, timers and GIC interface
 * into the CPU, and saves them. arch_cpu_init() sets what is the same for all guests, such as HCR_EL2 and the
 * other registers that choose what is trapped.
 */
#include "register_bits.h"
#include "arch/arm64/vcpu.h"
#include <string.h>
#include "arch/arm64/guest_timer.h"
#include "arch/arm64/stage2.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "devices/vgic.h"
#include "vm/arch_vm.h"
#include "vm/vm.h"

/* MMU and caches are off: nothing is set but what Armv8.0 has as RES1. */
#define SCTLR_EL1_RESET                                                                                      \
    (SCTLR_EL1_EOS | SCTLR_EL1_TSCXT | SCTLR_EL1_EIS | SCTLR_EL1_SPAN | SCTLR_EL1_NTLSMD | SCTLR_EL1_LSMAOE)

/* TWE is not set: a vCPU that spins in WFE is preempted like any other. */
#define HCR                                                                                                  \
    (HCR_EL2_VM | HCR_EL2_SWIO | HCR_EL2_FMO | HCR_EL2_IMO | HCR_EL2_AMO | HCR_EL2_FB | HCR_EL2_BSU_INNER |  \
     HCR_EL2_TWI | HCR_EL2_TID3 | HCR_EL2_TSC | HCR_EL2_TIDCP | HCR_EL2_TACR | HCR_EL2_RW | HCR_EL2_TLOR |   \
     HCR_EL2_TERR)

/* TFP is not set: SIMD and floating point are not trapped. */
#define CPTR (CPTR_EL2_RES1 | CPTR_EL2_TZ | CPTR_EL2_TSM | CPTR_EL2_TTA)

/* EL1PCEN is not set: the physical timer is trapped. */
#define CNTHCTL CNTHCTL_EL2_EL1PCTEN

#define MDCR                                                                                                 \
    (MDCR_EL2_TPMCR | MDCR_EL2_TPM | MDCR_EL2_TDA | MDCR_EL2_TDOSA | MDCR_EL2_TDRA | MDCR_EL2_TPMS |         \
     MDCR_EL2_TTRF)

/* HPMN of MDCR_EL2: all event counters that there are, none of them EL2's own. */
static uint64_t event_counters(void)
{
    uint64_t pmu = REGISTER_GET(read_sysreg(id_aa64dfr0_el1), ID_AA64DFR0_EL1_PMUVER);

    if (pmu == 0 || pmu == ID_AA64DFR0_EL1_PMUVER_IMP_DEF)
        return 0;
    return REGISTER_GET(read_sysreg(pmcr_el0), PMCR_EL0_N);
}

void arch_cpu_set(struct cpu *cpu)
{
    write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)cpu);
}

unsigned arch_cpu_index(void)
{
    return arch_cpu()->index;
}

void arch_cpu_init(void)
{
    uint64_t counters = event_counters();

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
    /* The TLBs may hold translations of who used EL1 before, such as the firmware. */
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
    vcpu->arch.regs.pstate = SPSR_M_EL1H | SPSR_DAIF;
    vcpu->arch.regs.x[0] = argument;
    vcpu->arch.el1.sctlr_el1 = SCTLR_EL1_RESET;
    vcpu->arch.vmpidr = VMPIDR_EL2_RES1 | vcpu->index;
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
         * The vCPUs of a VM share its VMID, and two of them may use one ASID for different tables. So what
         * the TLBs hold of another vCPU is not valid for this one.
         */
        isb();
        __asm__ volatile("tlbi vmalle1" : : : "memory");
        dsb(nsh);
    }
    fp_load(&arch->fp);
    guest_timer_load(vcpu);
    vgic_load(vcpu);
    /* No ISB is needed: the ERET that enters the guest is a context synchronization event. */
}

void arch_vcpu_save(struct vcpu *vcpu)
{
    struct arch_vcpu *arch = &vcpu->arch;

    vgic_save(vcpu);
    guest_timer_save(vcpu);
    el1_save(&arch->el1);
    arch->virtual_serror = read_sysreg(hcr_el2) & HCR_EL2_VSE;
    if (arch->virtual_serror != 0)
        write_sysreg(hcr_el2, HCR);
    fp_save(&arch->fp);
}

void vcpu_raise_serror(void)
{
    write_sysreg(hcr_el2, read_sysreg(hcr_el2) | HCR_EL2_VSE);
}

bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu)
{
    return (vcpu->arch.regs.pstate & SPSR_I) != 0;
}

static uint64_t line_size(void)
{
    return UINT64_C(4) << REGISTER_GET(read_sysreg(ctr_el0), CTR_EL0_DMINLINE);
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
    uint64_t block = UINT64_C(4) << REGISTER_GET(dczid, DCZID_EL0_BS);

    if ((dczid & DCZID_EL0_DZP) != 0 || block > MEMORY_PAGE) {
        memset(memory, 0, size);
    } else {
        for (uint64_t done = 0; done < size; done += block)
            __asm__ volatile("dc zva, %0" : : "r"((char *)memory + done) : "memory");
    }
    arch_memory_clean(memory, size);
}
