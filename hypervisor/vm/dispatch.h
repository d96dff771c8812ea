/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: who runs on a CPU, see dispatch.c.
 *
 * All functions here run at EL2 with interrupts masked. Those that take a vCPU may be called on any CPU,
 * where nothing else is said; they take the scheduler lock of the vCPU's CPU.
 */
#ifndef VM_DISPATCH_H
#define VM_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/cpu.h"
#include "vm/vcpu.h"

/* A CPU under that policy, for at most `vcpu_count` vCPUs; `allowance` is the policy's C, ticks. Boot only.
 */
void cpu_init(struct cpu *cpu, unsigned index, const struct sched_policy *policy, uint64_t allowance,
              unsigned vcpu_count);

/* Starts the periodic tick; `period` in counter ticks. */
void cpu_start_tick(struct cpu *cpu, uint64_t period);

/* Runs vCPUs for ever, step after step. */
_Noreturn void dispatch_run(struct cpu *cpu);

/* One step: handles what interrupts are pending, asks the policy if something has changed, and enters the
 * guest. */
void dispatch_step(struct cpu *cpu);

/* Puts a new vCPU, blocked, on its CPU. Boot only. */
void vcpu_attach(struct vcpu *vcpu, struct cpu *cpu);

/* Makes a blocked vCPU runnable. */
void vcpu_wake_blocked(struct vcpu *vcpu);

/* Makes a vCPU that is switched on runnable; nothing happens when it is already. */
static inline void vcpu_wake(struct vcpu *vcpu)
{
    if (vcpu->on && !vcpu->unit.runnable)
        vcpu_wake_blocked(vcpu);
}

/* Deadlines that passed while the running vCPU had the CPU take effect now. */
void vcpu_catch_up(struct vcpu *vcpu);

/* The vCPU is out of the CPU: the comparator fires early enough for the first of its deadlines. On its own
 * CPU. */
void vcpu_watch_deadlines(struct vcpu *vcpu);

/*
 * The calling vCPU's deadlines were changed. While it has the CPU nothing is to be done; catching up may have
 * taken the CPU from it.
 */
static inline void vcpu_deadlines_changed(struct vcpu *vcpu)
{
    if (vcpu->cpu->current != vcpu)
        vcpu_watch_deadlines(vcpu);
}

/* The running vCPU has done what it was warped for: if it was, the policy is asked who goes on. */
bool vcpu_unwarp(struct vcpu *vcpu, uint64_t now);

/*
 * The running vCPU waits for an interrupt: it is blocked until vcpu_wake() or until one of its own timers
 * expires. Returns at once when one has.
 */
void vcpu_block(struct vcpu *vcpu);

/*
 * Takes a vCPU that was switched off from the scheduler, and its registers out of the CPU. Its deadlines and
 * timers are forgotten.
 */
void vcpu_retire(struct vcpu *vcpu);

/*
 * Charges the current vCPU up to `now`, an instant just read. An interrupt handler's may be older than the
 * last charge: returns the later of the two.
 */
uint64_t cpu_charge(struct cpu *cpu, uint64_t now);

#endif
