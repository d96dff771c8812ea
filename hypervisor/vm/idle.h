/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cores that have nothing to run, and the vCPUs that float which might run there. vm/floating.c decides on a
 * core who leaves it; here an idle core finds out which one to ask for that.
 *
 * The functions may be called at EL2 with interrupts masked, the first two on any core.
 */
#ifndef VM_IDLE_H
#define VM_IDLE_H

#include <stdbool.h>
#include "vm/cpu.h"
#include "vm/vcpu.h"

/* Runs the CPU nothing, and nothing is on its way to it, as far as is known? */
bool cpu_is_idle(const struct cpu *cpu);

/* Is there such a one among those that the vCPU may go to? */
bool idle_core_for(const struct vcpu *vcpu);

/* No vCPU floats; notes one that does. Boot only. */
void idle_init(void);
void idle_add(struct vcpu *vcpu);

/*
 * The calling CPU is idle, and is about to wait. If a vCPU that may come here waits on another, asks that one
 * to look at it (CPU_LOOK). Looks at some vCPUs only: true when it is to be called again before the CPU
 * waits.
 */
bool idle_pull(struct cpu *cpu);

#endif
