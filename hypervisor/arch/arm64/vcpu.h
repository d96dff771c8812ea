/* SPDX-License-Identifier: Apache-2.0 */
/* Running a vCPU: what vcpu.c, exits.c and vectors.S share. */
#ifndef ARM64_VCPU_H
#define ARM64_VCPU_H

#include <stdint.h>
#include "arch_vcpu.h"

#define HCR_VSE (UINT64_C(1) << 8)

/* Sets what is the same for all guests of this CPU. */
void vcpu_init_cpu(void);

/* A virtual SError for the loaded vCPU. */
void vcpu_raise_serror(void);

/* vectors.S */
enum guest_exit { EXIT_SYNC, EXIT_IRQ, EXIT_SERROR };
enum guest_exit vcpu_enter(struct arch_regs *regs);
void fp_save(struct arch_fp *fp);
void fp_load(const struct arch_fp *fp);

/*
 * Makes the loaded vCPU take an exception to EL1 as the architecture would: `syndrome` goes to ESR_EL1. With
 * `fault_address`, FAR_EL1 is set too.
 */
void inject_exception(struct arch_vcpu *vcpu, uint64_t syndrome);
void inject_undefined(struct arch_vcpu *vcpu);
void inject_abort(struct arch_vcpu *vcpu, uint64_t trapped_syndrome, uint64_t fault_address);

/* Carries out, or refuses, a trapped MSR or MRS; `syndrome` is ESR_EL2. */
struct vcpu;
void trapped_register_access(struct vcpu *vcpu, uint64_t syndrome);

#endif
