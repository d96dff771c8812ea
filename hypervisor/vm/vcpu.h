/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU: its registers, and what the layers keep of it. */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include <stdbool.h>
#include <stdint.h>
#include "arch_vcpu.h"
#include "ontime/abi.h"
#include "sched/sched.h"
#include "time/deadline_queue.h"
#include "vm/config.h"
#include "vm/hooks.h"
#include "vm/precise.h"
#include "vm/vgic_state.h"

struct cpu;
struct vm;

struct vcpu {
    struct arch_vcpu arch; /* first: vectors.S finds the registers here */
    struct vm *vm;
    struct cpu *cpu; /* where it runs */
    const struct guest_hooks *hooks;
    uint16_t id;    /* unique in the system: names it in the trace */
    uint16_t index; /* in its VM; its affinity is 0.0.0.index */
    bool on;        /* PSCI: switched on; under the VM's lock */
    enum timer_mode timers;

    /* While not NULL, called at this vCPU's turn in place of entering the guest: does one short piece of
     * work. */
    void (*work)(struct vcpu *vcpu);

    /* The dispatcher's. */
    struct sched_unit unit;
    uint64_t ready_since;       /* runnable but not running since then, or DEADLINE_NONE */
    struct deadline wake_timer; /* while blocked: its virtual timer's expiry, or as early as is due */
    uint64_t wake_at;           /* that expiry */
    struct deadline
        precise_timer; /* while out of the CPU: when the comparator fires for its first deadline */
    uint64_t debt;     /* EL2's time on its behalf in others' turns, to be charged, ticks */
    struct vcpu *next; /* of its CPU's vCPUs */

    struct vgic_vcpu vgic;          /* devices/vgic.c's */
    struct deadline physical_timer; /* the architecture's: the emulated CNTP's expiry, but in mode `tick` */
    uint8_t *stolen_time;           /* devices/stolen_time.c's: its Arm DEN0057 record, in the VM's page */
    uint64_t stats[ONTIME_STAT_COUNT]; /* those that are not counted in `precise` */
    struct precise precise;            /* precise.c's: its deadlines; last, as it is large */
};

#endif
