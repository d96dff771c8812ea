/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A physical CPU and what runs on it: the dispatcher's entry points.
 *
 * All functions here run at EL2 with interrupts masked. Those that take a vCPU may be called on any CPU; they
 * take the scheduler lock of the vCPU's CPU.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include "core/deadline_queue.h"
#include "core/lead.h"
#include "core/sched.h"
#include "core/trace.h"
#include "core/vm.h"

struct cpu {
    struct trace_ring trace; /* first, as it is used most */

    unsigned index;
    uint64_t ticks_per_us; /* rounded up */
    struct sched_queue sched;
    struct deadline_queue deadlines;
    struct lead lead;

    struct vcpu *current;   /* whose turn it is; NULL: idle */
    struct vcpu *loaded;    /* whose registers are in the CPU: the last one that ran */
    bool reschedule;        /* pick again before the next guest entry */
    uint64_t charged_until; /* the current vCPU's CPU time is accounted up to here */

    uint64_t slice_end;   /* when the policy wants to be asked again; a deadline, but on CPUs with a tick */
    unsigned grace_steps; /* how often the end of this slice was put off, see dispatch.c */

    struct deadline tick;
    uint64_t tick_period; /* ticks of the counter; 0: no VM asks for a tick here */
};

void cpu_init(struct cpu *cpu, unsigned index, const struct sched_policy *policy, uint64_t allowance,
              unsigned vcpu_count);

/* Starts the periodic tick; `period` in counter ticks. */
void cpu_start_tick(struct cpu *cpu, uint64_t period);

/* Runs vCPUs for ever. */
_Noreturn void dispatch_run(struct cpu *cpu);

/* Puts a new vCPU, blocked, on its CPU. */
void vcpu_attach(struct vcpu *vcpu, struct cpu *cpu);

/* Makes a blocked vCPU runnable. */
void vcpu_wake_blocked(struct vcpu *vcpu);

/* Makes a vCPU that is switched on runnable; nothing happens when it is already. */
static inline void vcpu_wake(struct vcpu *vcpu)
{
    if (vcpu->on && !vcpu->unit.runnable)
        vcpu_wake_blocked(vcpu);
}

/*
 * The comparator fired for the vCPU's deadline `when`: makes it runnable, warps it, and asks the policy at
 * once who runs. True when that is this vCPU; else no other deadline of it fires before it has run.
 */
bool vcpu_deadline(struct vcpu *vcpu, uint64_t when, uint64_t now);

/* Deadlines that passed while the running vCPU had the CPU take effect now. */
void vcpu_catch_up(struct vcpu *vcpu);

/* The running vCPU has done what it was warped for: if it was, the policy is asked who goes on. */
bool vcpu_unwarp(struct vcpu *vcpu, uint64_t now);

/*
 * The running vCPU waits for an interrupt: it is blocked until vcpu_wake() or until one of its own timers
 * expires. Returns at once when one has.
 */
void vcpu_block(struct vcpu *vcpu);

/* Takes a vCPU that was switched off from the scheduler, and its registers out of the CPU. */
void vcpu_retire(struct vcpu *vcpu);

/*
 * Charges the current vCPU up to `now`, an instant just read. An interrupt handler's may be older than the
 * last charge: returns the later of the two.
 */
uint64_t cpu_charge(struct cpu *cpu, uint64_t now);

static inline void cpu_trace(struct cpu *cpu, enum ontime_trace_type type, const struct vcpu *vcpu,
                             uint64_t arg)
{
    trace_record(&cpu->trace, type, vcpu != (void *)0 ? vcpu->id : ONTIME_TRACE_IDLE, arg);
}

/* The same, at the instant just read. */
static inline void cpu_trace_at(struct cpu *cpu, uint64_t now, enum ontime_trace_type type,
                                const struct vcpu *vcpu, uint64_t arg)
{
    trace_record_at(&cpu->trace, now, type, vcpu != (void *)0 ? vcpu->id : ONTIME_TRACE_IDLE, arg);
}

#endif
