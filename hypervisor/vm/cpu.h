/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A physical CPU and what runs on it: the dispatcher's state (vm/dispatch.c). It is used on that CPU only.
 * Others put messages on its list (vm/messages.h), and may read `up`, `requests`, `messages`, `charge_told`,
 * `turn_told`, `vcpus`, and what `current` was.
 */
#ifndef VM_CPU_H
#define VM_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/limits.h"
#include "base/trace.h"
#include "sched/sched.h"
#include "time/deadline_queue.h"
#include "time/lead.h"
#include "vm/vcpu.h"

struct cpu {
    _Alignas(64) struct trace_ring trace; /* at the beginning of a line, as it is used most */

    unsigned index;
    struct sched_queue sched;
    struct deadline_queue deadlines;
    struct lead lead;

    struct vcpu *current;   /* the vCPU whose turn it is; NULL: idle */
    struct vcpu *loaded;    /* the vCPU whose registers are in the CPU: the last one that ran */
    bool reschedule;        /* the policy is to be asked before the next guest entry */
    uint64_t charged_until; /* up to here all time is charged, ticks */
    uint64_t idle_ticks;    /* debug builds: ticks since `started` that were no vCPU's */
    uint64_t started;       /* when cpu_init() was called */

    uint64_t slice_end;   /* when the policy is to be asked again; a deadline, except on a CPU with a tick */
    unsigned grace_steps; /* how often the end of this slice was put off */
    uint64_t grace_step;  /* GRACE_STEP_US in ticks */

    struct deadline tick;
    uint64_t tick_period; /* ticks of the counter; 0: there is no tick on this CPU */

    struct vcpu *vcpus; /* all that stay here, in the order of their creation */

    /* For vCPUs that float (vm/floating.c). */
    struct vcpu *visitors;    /* those that are here */
    bool is_visited;          /* such may come. Set at boot */
    bool has_asked;           /* the other CPUs for `turn_told`, and has not used it */
    uint64_t asked_at;        /* when it last asked, ticks */
    unsigned looked_at;       /* of those that wait, so many had their turn of a look */
    struct vcpu *pull_next;   /* idle: with whom it goes on to look for one that waits elsewhere */
    uint64_t pull_from;       /* from then on it may ask for such a one again, ticks */
    struct deadline look;     /* at whether one that waits here is to go elsewhere */
    uint64_t ahead[MAX_CPUS]; /* how far each CPU's virtual time is ahead of this one's, without a claim */

    bool up; /* it has started; of those that have not nothing else is valid but `index`. Set at boot */

    struct vcpu *_Atomic messages; /* vCPUs that other cores have sent messages to, the last first */
    struct vcpu *inbox;        /* those of them that were taken off that list, and are still to be served */
    _Atomic uint32_t requests; /* of the core itself */
    _Atomic uint64_t charge_told; /* up to here it was charged when it last took CPU_CHARGE */
    _Atomic uint64_t turn_told;   /* turn() of its policy when it last took CPU_TURN */
};

/* All that the machine has, by their index: CPU 0 boots (boot/cores.c). Hidden: see drivers/gic.h. */
extern struct cpu cpus[MAX_CPUS] __attribute__((visibility("hidden")));
extern unsigned cpu_count __attribute__((visibility("hidden")));

static inline void cpu_trace(struct cpu *cpu, enum ontime_trace_type type, const struct vcpu *vcpu,
                             uint64_t arg)
{
    trace_record(&cpu->trace, type, vcpu != (void *)0 ? vcpu->id : ONTIME_TRACE_IDLE, arg);
}

/* The same at `now`, which was just read. */
static inline void cpu_trace_at(struct cpu *cpu, uint64_t now, enum ontime_trace_type type,
                                const struct vcpu *vcpu, uint64_t arg)
{
    trace_record_at(&cpu->trace, now, type, vcpu != (void *)0 ? vcpu->id : ONTIME_TRACE_IDLE, arg);
}

#endif
