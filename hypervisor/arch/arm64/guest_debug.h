/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's breakpoints, watchpoints and software step, see guest_debug.c. */
#ifndef ARM64_GUEST_DEBUG_H
#define ARM64_GUEST_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* Prepares this CPU. */
void guest_debug_init_cpu(void);

/* Makes what a vCPU needs: boot only. Gives a vCPU that is not loaded the registers it begins with. */
void guest_debug_init(struct vcpu *vcpu);
void guest_debug_reset(struct vcpu *vcpu);

/*
 * A trapped MRS or MSR of the loaded vCPU, with op0 2 and op1 0. `reg` is the encoding as the syndrome has
 * it. False when there is no such register.
 */
bool guest_debug_read(const struct vcpu *vcpu, uint32_t reg, uint64_t *value);
bool guest_debug_write(struct vcpu *vcpu, uint32_t reg, uint64_t value);

/* May EL0 not use the debugger's channel (MDCCSR_EL0 and its kin)? */
bool guest_debug_denies_el0(const struct vcpu *vcpu);

/* The world switch, for vCPUs with ARCH_DEBUG. */
void guest_debug_load(const struct vcpu *vcpu);
void guest_debug_save(void);

#endif
