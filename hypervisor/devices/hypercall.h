/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's HVC or SMC: SMCCC 1.1 calls, see hypercall.c. */
#ifndef DEVICES_HYPERCALL_H
#define DEVICES_HYPERCALL_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/vcpu.h"

/* Bits 29:24 of a function number: who defines it (DEN0028, 2.5). */
#define HYPERCALL_OWNER  0x3F000000u
#define HYPERCALL_VENDOR 0x06000000u

static inline bool hypercall_is_vendors(const struct vcpu *vcpu)
{
    return ((uint32_t)vcpu->arch.regs.x[0] & HYPERCALL_OWNER) == HYPERCALL_VENDOR;
}

/*
 * Carries out a call of the vendor's range, which is Ontime's own. Of the vCPU's registers only x0..x4 need
 * be in memory. Returns what is to be x0; other results are left in x1..x3.
 */
int64_t hypercall_vendor(struct vcpu *vcpu);

/*
 * Carries out any other call: PSCI, SMCCC's own queries, stolen time. Function and arguments are in the
 * vCPU's x0..x3, and the results are left there.
 */
void hypercall_standard(struct vcpu *vcpu);

#endif
