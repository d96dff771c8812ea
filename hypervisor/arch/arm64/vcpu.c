/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch: loads a vCPU's EL1 registers, SIMD and floating-point registers, timers and GIC interface
 * into the CPU, and saves them. arch_cpu_init() sets what is the same for all guests, such as HCR_EL2 and the
 * other registers that choose what is trapped.
 */
#include "register_bits.h"
#include "arch/arm64/vcpu.h"
#include <string.h>
#include "arch/arm64/firmware.h"
#include "arch/arm64/guest_debug.h"
#include "arch/arm64/guest_timer.h"
#include "arch/arm64/stage2.h"
#include "base/limits.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "devices/vgic.h"
#include "vm/arch_vm.h"
#include "vm/vm.h"

/* MMU and caches are off: nothing is set but what Armv8.0 has as RES1. */
#define SCTLR_EL1_RESET                                                                                      \
    (SCTLR_EL1_EOS | SCTLR_EL1_TSCXT | SCTLR_EL1_EIS | SCTLR_EL1_SPAN | SCTLR_EL1_NTLSMD | SCTLR_EL1_LSMAOE)

/* The bits that trap system registers, by system_registers.def. */
#define BETWEEN(first, last)                                     0
#define ANY                                                      0
#define REGISTERS(name, op0, op1, crn, crm, op2, how, trap, why) | (trap)
#define NO                                                       0
#define CLEAR(control)                                           0
#define OTHER(control)                                           0
#define SET(control, bit)                                        SET_IN_##control(bit)

#define SET_IN_HCR(bit)  HCR_EL2_##bit
#define SET_IN_MDCR(bit) 0
#define SET_IN_CPTR(bit) 0
static const uint64_t hcr_traps = 0
#include "system_registers.def"
    ;
#undef SET_IN_HCR
#undef SET_IN_MDCR
#define SET_IN_HCR(bit)  0
#define SET_IN_MDCR(bit) MDCR_EL2_##bit
static const uint64_t mdcr_traps = 0
#include "system_registers.def"
    ;
#undef SET_IN_MDCR
#undef SET_IN_CPTR
#define SET_IN_MDCR(bit) 0
#define SET_IN_CPTR(bit) CPTR_EL2_##bit
static const uint64_t cptr_traps = 0
#include "system_registers.def"
    ;

/*
 * TWE is for vCPUs that have siblings (ARCH_WFE). TWI is not for the only one of a core (ARCH_ALONE): nobody
 * else could run while it waits. PTW: a guest whose tables lie in a
 * device's page reads the device by no walk.
 */
#define HCR                                                                                                  \
    (HCR_EL2_VM | HCR_EL2_SWIO | HCR_EL2_PTW | HCR_EL2_FMO | HCR_EL2_IMO | HCR_EL2_AMO | HCR_EL2_FB |        \
     HCR_EL2_BSU_INNER | HCR_EL2_TWI | HCR_EL2_TSC | HCR_EL2_RW | hcr_traps)

/* EL1PCEN is not set: the physical timer is trapped. */
#define CNTHCTL CNTHCTL_EL2_EL1PCTEN

/* Registers that older assemblers do not know. */
#define HCRX_EL2         S3_4_C1_C2_2
#define HFGRTR_EL2       S3_4_C1_C1_4
#define HFGWTR_EL2       S3_4_C1_C1_5
#define HFGITR_EL2       S3_4_C1_C1_6
#define HDFGRTR_EL2      S3_4_C3_C1_4
#define HDFGWTR_EL2      S3_4_C3_C1_5
#define HAFGRTR_EL2      S3_4_C3_C1_6
#define HDFGRTR2_EL2     S3_4_C3_C1_0
#define HDFGWTR2_EL2     S3_4_C3_C1_1
#define HFGRTR2_EL2      S3_4_C3_C1_2
#define HFGWTR2_EL2      S3_4_C3_C1_3
#define HFGITR2_EL2      S3_4_C3_C1_7
#define MPAM0_EL1        S3_0_C10_C5_1
#define MPAM1_EL1        S3_0_C10_C5_0
#define MPAM2_EL2        S3_4_C10_C5_0
#define MPAMHCR_EL2      S3_4_C10_C4_0
#define MPAMIDR_EL1      S3_0_C10_C4_4
#define VSESR_EL2        S3_4_C5_C2_3
#define VDISR_EL2        S3_4_C12_C1_1
#define TRFCR_EL2        S3_4_C1_C2_1
#define BRBCR_EL2        S2_4_C9_C0_0
#define GCSCR_EL2        S3_4_C2_C5_0
#define TCR2_EL2         S3_4_C2_C0_3
#define SCTLR2_EL2       S3_4_C1_C0_3
#define TPIDR2_EL0       S3_3_C13_C0_5
#define ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3

/* Has this CPU what the field of an ID register stands for? */
#define CPU_HAS(reg, field) ((read_sysreg_(reg) & reg##_##field) != 0)

/* Of the registers that a guest can reach though it is not told of them: which do all cores have? */
static bool has_disr = true, has_tpidr2 = true;

/* HPMN of MDCR_EL2: all event counters that there are, none of them EL2's own. */
static uint64_t event_counters(void)
{
    uint64_t pmu = REGISTER_GET(read_sysreg(id_aa64dfr0_el1), ID_AA64DFR0_EL1_PMUVER);

    if (pmu == 0 || pmu == ID_AA64DFR0_EL1_PMUVER_IMP_DEF)
        return 0;
    return REGISTER_GET(read_sysreg(pmcr_el0), PMCR_EL0_N);
}

/* Fine-grained traps. The bits for what came after them trap while they are 0; the others would while 1. */
static void clear_fine_grained_traps(void)
{
    uint64_t fgt = REGISTER_GET(read_sysreg(id_aa64mmfr0_el1), ID_AA64MMFR0_EL1_FGT);

    if (fgt == 0)
        return;
    write_sysreg_(HFGRTR_EL2, 0);
    write_sysreg_(HFGWTR_EL2, 0);
    write_sysreg_(HFGITR_EL2, 0);
    write_sysreg_(HDFGRTR_EL2, 0);
    write_sysreg_(HDFGWTR_EL2, 0);
    if (CPU_HAS(ID_AA64PFR0_EL1, AMU))
        write_sysreg_(HAFGRTR_EL2, 0);
    if (fgt < ID_AA64MMFR0_EL1_FGT_FGT2)
        return;
    write_sysreg_(HFGRTR2_EL2, 0);
    write_sysreg_(HFGWTR2_EL2, 0);
    write_sysreg_(HFGITR2_EL2, 0);
    write_sysreg_(HDFGRTR2_EL2, 0);
    write_sysreg_(HDFGWTR2_EL2, 0);
}

/* Partitions of caches and memory: a guest has none of its own, nor is it told of them. */
static void trap_mpam(void)
{
    uint64_t mpamidr;

    if (!CPU_HAS(ID_AA64PFR0_EL1, MPAM) && !CPU_HAS(ID_AA64PFR1_EL1, MPAM_FRAC))
        return;
    mpamidr = read_sysreg_(MPAMIDR_EL1);
    write_sysreg_(MPAM2_EL2, MPAM2_EL2_TRAPMPAM0EL1 | MPAM2_EL2_TRAPMPAM1EL1 |
                                 ((mpamidr & MPAMIDR_EL1_HAS_TIDR) != 0 ? MPAM2_EL2_TIDR : 0));
    if ((mpamidr & MPAMIDR_EL1_HAS_HCR) != 0)
        write_sysreg_(MPAMHCR_EL2, MPAMHCR_EL2_TRAP_MPAMIDR);
    write_sysreg_(MPAM1_EL1, 0);
    write_sysreg_(MPAM0_EL1, 0);
}

/*
 * EL2's controls of extensions, which are unknown at reset: each is written where it exists, so that what a
 * guest is not told of traps or does nothing. SME without fine-grained traps, as in QEMU 7.2, leaves
 * TPIDR2_EL0 to the world switch, and RAS leaves it DISR_EL1.
 */
static void init_extensions(void)
{
    clear_fine_grained_traps();
    trap_mpam();
    if (CPU_HAS(ID_AA64MMFR1_EL1, HCX))
        write_sysreg_(HCRX_EL2, CPU_HAS(ID_AA64ISAR2_EL1, MOPS) ? HCRX_EL2_MSCEN : 0);
    if (CPU_HAS(ID_AA64PFR0_EL1, RAS))
        write_sysreg_(VSESR_EL2, 0);
    if (CPU_HAS(ID_AA64DFR0_EL1, TRACEFILT))
        write_sysreg_(TRFCR_EL2, 0);
    if (CPU_HAS(ID_AA64DFR0_EL1, BRBE))
        write_sysreg_(BRBCR_EL2, 0);
    if (CPU_HAS(ID_AA64PFR1_EL1, GCS))
        write_sysreg_(GCSCR_EL2, 0);
    if (CPU_HAS(ID_AA64MMFR3_EL1, TCRX))
        write_sysreg_(TCR2_EL2, 0);
    if (CPU_HAS(ID_AA64MMFR3_EL1, SCTLRX))
        write_sysreg_(SCTLR2_EL2, 0);
    has_disr = has_disr && CPU_HAS(ID_AA64PFR0_EL1, RAS);
    has_tpidr2 = has_tpidr2 && CPU_HAS(ID_AA64PFR1_EL1, SME) && !CPU_HAS(ID_AA64MMFR0_EL1, FGT);
}

void arch_cpu_set(struct cpu *cpu)
{
    write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)cpu);
}

uint64_t arch_affinity(void)
{
    return read_sysreg(mpidr_el1) & MPIDR_EL1_AFFINITY;
}

unsigned arch_cpu_index(void)
{
    return arch_cpu()->index;
}

uint32_t *arch_locks_held(void)
{
    static uint32_t held[MAX_CPUS];

    return &held[arch_cpu_index()];
}

void arch_cpu_init(void)
{
    uint64_t counters = event_counters();

    write_sysreg(hcr_el2, HCR);
    /* TFP is not set: SIMD and floating point are not trapped. */
    write_sysreg(cptr_el2, CPTR_EL2_RES1 | cptr_traps | (CPU_HAS(ID_AA64PFR0_EL1, AMU) ? CPTR_EL2_TAM : 0));
    write_sysreg(hstr_el2, 0);
    write_sysreg(actlr_el2, 0);
    write_sysreg(mdcr_el2, mdcr_traps | counters);
    init_extensions();
    write_sysreg(cnthctl_el2, CNTHCTL);
    write_sysreg(cntvoff_el2, 0);
    write_sysreg(cntv_ctl_el0, 0);
    write_sysreg(cntp_ctl_el0, 0);
    guest_debug_init_cpu();
    firmware_protect_cpu();
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
    guest_debug_init(vcpu);
}

/*
 * Is it the only one that its core ever runs? In the modes that warp its WFI is trapped all the same, as that
 * ends a warp.
 */
static bool is_alone(const struct vcpu *vcpu)
{
    return vcpu->cpu->vcpus == vcpu && vcpu->next == NULL && !vcpu->cpu->is_visited &&
           !timers_warp(vcpu->timers);
}

void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    struct guest_debug *debug = vcpu->arch.debug;

    memset(&vcpu->arch, 0, sizeof(vcpu->arch));
    vcpu->arch.debug = debug;
    vcpu->arch.regs.pc = entry;
    vcpu->arch.regs.pstate = SPSR_M_EL1H | SPSR_DAIF;
    vcpu->arch.regs.x[0] = argument;
    vcpu->arch.el1.sctlr_el1 = SCTLR_EL1_RESET;
    vcpu->arch.vmpidr = VMPIDR_EL2_RES1 | vcpu->index;
    vcpu->arch.rare = (has_disr || has_tpidr2 ? ARCH_EXTENSIONS : 0) |
                      (vcpu->sibling != NULL && vcpu->vm->vcpu_count > 1 ? ARCH_WFE : 0) |
                      (is_alone(vcpu) ? ARCH_ALONE : 0);
    guest_debug_reset(vcpu);
    guest_timer_reset(vcpu);
    gic->interface_reset(&vcpu->arch);
}

/* Out of line, so that vCPUs without such state pay for one test. */
static __attribute__((noinline, cold)) void load_rare(const struct vcpu *vcpu)
{
    const struct arch_vcpu *arch = &vcpu->arch;

    if ((arch->rare & ARCH_DEBUG) != 0)
        guest_debug_load(vcpu);
    if ((arch->rare & ARCH_WFE) != 0)
        write_sysreg(hcr_el2, HCR | HCR_EL2_TWE);
    else if ((arch->rare & ARCH_ALONE) != 0)
        write_sysreg(hcr_el2, HCR & ~HCR_EL2_TWI);
    if ((arch->rare & ARCH_SERROR) != 0)
        write_sysreg(hcr_el2, read_sysreg(hcr_el2) | HCR_EL2_VSE);
    if (has_disr)
        write_sysreg_(VDISR_EL2, arch->disr_el1);
    if (has_tpidr2)
        write_sysreg_(TPIDR2_EL0, arch->tpidr2_el0);
}

static __attribute__((noinline, cold)) void save_rare(struct arch_vcpu *arch)
{
    if ((arch->rare & ARCH_DEBUG) != 0)
        guest_debug_save();
    if ((arch->rare & ARCH_SERROR) != 0) {
        if ((read_sysreg(hcr_el2) & HCR_EL2_VSE) == 0)
            arch->rare &= ~(uint64_t)ARCH_SERROR; /* the guest has taken it */
    }
    if ((arch->rare & (ARCH_WFE | ARCH_ALONE | ARCH_SERROR)) != 0)
        write_sysreg(hcr_el2, HCR);
    if (has_disr)
        arch->disr_el1 = read_sysreg_(VDISR_EL2);
    if (has_tpidr2)
        arch->tpidr2_el0 = read_sysreg_(TPIDR2_EL0);
}

_Static_assert(ARCH_VM_CPUS == MAX_CPUS, "each CPU has an entry");

/*
 * The vCPUs of a VM on this core share its VMID, and two of them may use one ASID for different tables. So
 * what the TLBs hold of another vCPU is not valid for this one. Of those that float this core may have had
 * another last, though it is not here now. The instruction cache may hold what a vCPU whose MMU was off has
 * fetched from memory, where another one that has patched its code has cleaned it to the point of unification
 * only.
 */
static void drop_translations_of_others(const struct vcpu *vcpu)
{
    if (vcpu->floats_on != 0) {
        uint8_t *last = &vcpu->vm->arch.last_loaded[vcpu->cpu->index];

        if (*last == vcpu->index + 1)
            return;
        *last = (uint8_t)(vcpu->index + 1);
    }
    isb();
    __asm__ volatile("tlbi vmalle1\n\tic iallu" : : : "memory");
    dsb(nsh);
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    struct arch_vcpu *arch = &vcpu->arch;
    struct vm *vm = vcpu->vm;

    el1_load(&arch->el1);
    write_sysreg(vmpidr_el2, arch->vmpidr);
    if (arch->rare != 0)
        load_rare(vcpu);
    write_sysreg(vttbr_el2, vm->arch.vttbr);
    if (vcpu->sibling != NULL)
        drop_translations_of_others(vcpu);
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
    if (arch->rare != 0)
        save_rare(arch);
    fp_save(&arch->fp);
}

void arch_complete_maintenance(void)
{
    dsb(sy); /* not only of this domain: a guest may have devices */
}

void vcpu_stop_trapping_wfe(void)
{
    write_sysreg(hcr_el2, read_sysreg(hcr_el2) & ~(uint64_t)HCR_EL2_TWE);
}

void vcpu_raise_serror(struct vcpu *vcpu)
{
    vcpu->arch.rare |= ARCH_SERROR;
    write_sysreg(hcr_el2, read_sysreg(hcr_el2) | HCR_EL2_VSE);
}

uint64_t arch_vcpu_pc(const struct vcpu *vcpu)
{
    return vcpu->arch.regs.pc;
}

bool arch_vcpu_in_user(const struct vcpu *vcpu)
{
    return (vcpu->arch.regs.pstate & SPSR_M) == SPSR_M_EL0T;
}

bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu)
{
    return (vcpu->arch.regs.pstate & SPSR_I) != 0;
}

/* From the exit to the next entry, PSTATE is in the CPU also when vectors.S has not saved it. */
bool arch_exit_masks_interrupts(const struct vcpu *vcpu)
{
    (void)vcpu;
    return (read_sysreg(spsr_el2) & SPSR_I) != 0;
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
