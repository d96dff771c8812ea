/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers while they are not in the CPU. vectors.S finds `regs`, `el1` and `fp` by the offsets in
 * layout.h. `regs` is in memory after every exit that goes further than a quick function (vectors.S), the
 * other registers only after arch_vcpu_save().
 */
#ifndef ARM64_ARCH_VCPU_H
#define ARM64_ARCH_VCPU_H

#include <stdint.h>

struct arch_regs {
    uint64_t x[31];
    uint64_t pc;     /* ELR_EL2 */
    uint64_t pstate; /* SPSR_EL2 */
};

struct arch_fp {
    _Alignas(16) uint8_t v[32][16];
    uint64_t fpsr, fpcr;
};

/* EL1's registers and EL0's, in the order of EACH_EL1_PAIR() in layout.h, where each has the same name. */
struct arch_el1 {
    uint64_t sp_el0, sp_el1, elr_el1, spsr_el1;
    uint64_t sctlr_el1, cpacr_el1, ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, amair_el1, contextidr_el1;
    uint64_t vbar_el1, esr_el1, far_el1, afsr0_el1, afsr1_el1, par_el1, csselr_el1;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1;
    uint64_t cntkctl_el1;
};

enum rare_state {
    ARCH_SERROR = 1,     /* a virtual SError was raised, and may be pending still */
    ARCH_WFE = 8,        /* it has siblings, which WFE may wait for */
    ARCH_ALONE = 16,     /* its core runs no other */
    ARCH_EXTENSIONS = 2, /* the CPU has registers that a guest can reach though its ID registers deny them */
    ARCH_DEBUG = 4,      /* the guest debugs: its registers are in the CPU with it, see guest_debug.c */
};

struct guest_debug;

struct arch_vcpu {
    struct arch_regs regs;
    struct arch_fp fp;

    struct arch_el1 el1;
    uint64_t cntv_ctl, cntv_cval;

    uint64_t vmpidr;
    /* What the world switch does for few vCPUs: bits of enum rare_state. */
    uint64_t rare;
    uint64_t disr_el1, tpidr2_el0; /* with ARCH_EXTENSIONS */
    struct guest_debug *debug;     /* guest_debug.c's; kept over a reset */

    /* Physical timer (CNTP), emulated: see guest_timer.c. */
    uint64_t cntp_ctl, cntp_cval;

    /*
     * GICv3 CPU interface: ICH_VMCR_EL2, ICH_AP0Rn, ICH_AP1Rn; GICv2: GICH_VMCR, GICH_APR in the first of
     * each.
     */
    uint64_t gic_vmcr, gic_ap0[4], gic_ap1[4];
};

#define ARCH_VM_CPUS 64 /* MAX_CPUS of a higher layer */

/* What stage 2 needs of a VM. */
struct arch_vm {
    uint64_t *stage2_root;
    uint64_t vttbr;
    uint64_t *dma_root; /* of the tables for its devices; NULL: it has no such devices */
    unsigned dma_gib; /* how far opening or closing them has come: the GiB of guest addresses that is next */
    uint8_t
        last_loaded[ARCH_VM_CPUS]; /* of a VM that floats, on each CPU: the index of the last vCPU, plus 1 */
};

#endif
