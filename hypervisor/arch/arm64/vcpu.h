/* SPDX-License-Identifier: Apache-2.0 */
/* Running a vCPU: what vcpu.c, exits.c and vectors.S share. */
#ifndef ARM64_VCPU_H
#define ARM64_VCPU_H

#include <stdbool.h>
#include <stdint.h>
#include "register_bits.h"
#include "sysreg.h"
#include "vm/dispatch.h"

/* After an exit was handled: may the guest be entered again as it is? What is pending traps again. */
static inline bool goes_on(const struct vcpu *vcpu)
{
    const struct cpu *cpu = vcpu->cpu;

    return !cpu->reschedule && cpu->current == vcpu && !vgic_is_dirty(&vcpu->vgic);
}

/* The counter just after an exit, which was a context synchronization event: no ISB is needed. */
static inline uint64_t exit_instant(void)
{
    return read_sysreg(cntpct_el0);
}

/* A virtual SError for the loaded vCPU. */
void vcpu_raise_serror(struct vcpu *vcpu);

/* WFE of the loaded vCPU is not trapped until it is loaded again: nobody waits whom the CPU could be given
 * to. */
void vcpu_stop_trapping_wfe(void);

/* vectors.S: runs the loaded vCPU until the dispatcher is needed; its exits are handled by the functions
 * below. */
void vcpu_enter(struct vcpu *vcpu);

/*
 * The quick functions are called first after an exit, when of the vCPU's registers x0 to x17 and x30 are in
 * memory: they may use and change only those. The result is 0 when the guest goes on at once; otherwise the
 * other registers are saved, and what it means is said below.
 */
enum exit_way { EXIT_RESUME = 0, EXIT_LEAVE = 1, EXIT_FURTHER = 2 }; /* go on; return; exit_synchronous() */
uint64_t exit_synchronous_quick(struct vcpu *vcpu);
uint64_t exit_interrupt_quick(struct vcpu *vcpu); /* not 0: the argument of exit_interrupt() */

/* All registers are in memory. The result says whether the guest goes on at once, else the dispatcher does.
 */
bool exit_synchronous(struct vcpu *vcpu);
void exit_interrupt(struct vcpu *vcpu, uint64_t acknowledged);
bool exit_serror(struct vcpu *vcpu);
void el1_save(struct arch_el1 *el1);
void el1_load(const struct arch_el1 *el1);
void fp_save(struct arch_fp *fp);
void fp_load(const struct arch_fp *fp);

/*
 * Makes the loaded vCPU take an exception to EL1 as the architecture would: `syndrome` goes to ESR_EL1. With
 * `fault_address`, FAR_EL1 is set too.
 */
void inject_exception(struct arch_vcpu *vcpu, uint64_t syndrome);
void inject_undefined(struct arch_vcpu *vcpu);
void inject_abort(struct arch_vcpu *vcpu, uint64_t trapped_syndrome, uint64_t fault_address);

/*
 * Goes past an instruction that was emulated, or is not to be executed: PC, and what of PSTATE an instruction
 * leaves behind. `syndrome` is ESR_EL2.
 */
void skip_rare_instruction(struct arch_vcpu *vcpu, uint64_t syndrome);

static inline void skip_instruction(struct arch_vcpu *vcpu, uint64_t syndrome)
{
    if ((vcpu->regs.pstate & (SPSR_M_AARCH32 | SPSR_BTYPE | SPSR_SS)) == 0)
        vcpu->regs.pc += 4;
    else
        skip_rare_instruction(vcpu, syndrome);
}

/* Carries out, or refuses, a trapped MSR or MRS; `syndrome` is ESR_EL2. */
uint64_t id_register_of_guest(unsigned crm, unsigned op2); /* as one on this CPU reads it */
void trapped_register_access(struct vcpu *vcpu, uint64_t syndrome);

#endif
