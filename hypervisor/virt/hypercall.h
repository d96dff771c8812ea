/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's HVC: SMCCC 1.1 calls, see hypercall.c. */
#ifndef VIRT_HYPERCALL_H
#define VIRT_HYPERCALL_H

struct vcpu;

/* Reads function and arguments from the vCPU's x0..x3 and leaves the results there. */
void hypercall(struct vcpu *vcpu);

#endif
