/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU: its registers, and what each layer keeps of it. */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "arch_vcpu.h"
#include "ontime/abi.h"
#include "ontime/control.h"
#include "sched/sched.h"
#include "time/deadline_queue.h"
#include "vm/config.h"
#include "vm/hooks.h"
#include "vm/precise.h"
#include "vm/vgic_state.h"

struct control;
struct cpu;
struct device;
struct observer;
struct vm;

/* What `work_told` says. */
#define WORK_TOLD       1u /* VCPU_WORK has been sent */
#define WORK_INTERRUPTS 2u /* for an urgent interrupt, or one has come since */

/*
 * What a world switch uses comes first and together, so that it lies in few lines of the cache; what it
 * seldom uses is behind `precise`, and so are the deadlines armed by call, which are the end of that.
 */
struct vcpu {
    struct arch_vcpu arch; /* first: vectors.S finds the registers here */
    struct vm *vm;
    /*
     * The physical CPU that has it; NULL: it is on its way to another. Each CPU writes its own there, and the
     * one that is there takes itself away. So any may ask whether the vCPU is its own.
     */
    struct cpu *cpu;
    const struct guest_hooks *hooks;
    uint16_t id;    /* unique in the system: names it in the trace */
    uint16_t index; /* in its VM; its affinity is 0.0.0.index */
    bool powered;   /* PSCI: switched on, or about to be; under the VM's lock */
    bool to_start;  /* `powered`, but its core has yet to switch it on; under the VM's lock */
    bool on;        /* it is started, and can be runnable */
    bool held;      /* it is started, but its VM is paused: it is `on` again when that is over */
    bool has_work;  /* it is blocked, and urgent when it wakes: another vCPU has handed work on to it, or its
                     * page says that there is some */
    _Atomic uint8_t work_told; /* WORK_ bits: another core has sent VCPU_WORK, and may not again yet */
    bool interrupted; /* an urgent interrupt has come for it, and no DONE since has found that it was taken */
    bool broke_in;    /* it woke without a deadline while another had the CPU: it pays for the switch back */
    enum timer_mode timers;
    struct device *accessed; /* that of its last access to a device; NULL: none yet */

    /*
     * While not NULL, the dispatcher calls this at the vCPU's turn instead of entering the guest. It does one
     * short piece of work.
     */
    void (*work)(struct vcpu *vcpu);

    /* The dispatcher's. */
    struct sched_unit unit;
    uint64_t ready_since; /* since when it is runnable and not running, or DEADLINE_NONE */
    /* Ticks that EL2 spent for it in others' turns, and that it has yet to be charged for. */
    uint64_t debt;
    /* While it is out of the CPU: when the comparator is to fire for its first deadline. */
    struct deadline precise_timer;
    uint8_t *stolen_time;  /* devices/stolen_time.c's: its Arm DEN0057 record, in the VM's page */
    struct vcpu *sibling;  /* the next of its VM on its CPU, in a ring; NULL: there is ever only one */
    struct vcpu *place_of; /* whose place it has in the policy: see `turn_end` */
    struct vcpu *lender; /* who pays for its warp, or for the one it gets when it wakes; NULL: nobody else */

    uint64_t stats[ONTIME_STAT_COUNT]; /* those that are not counted in `precise` */
    /* By reason, but for calls; EXITS above has all but INTERRUPT, so what is left of it is calls. */
    uint64_t exits[ONTIME_EXIT_REASONS];
    struct vgic_vcpu vgic;  /* devices/vgic.c's */
    struct precise precise; /* precise.c's: its deadlines */

    struct deadline wake_timer; /* while blocked: `wake_at`, or earlier in the modes that warp */
    uint64_t wake_at;           /* when its virtual timer expires */
    /* That timer is deferred for an urgent interrupt: armed for its end. At the next entry, for one that came
     * then; 0: for none. */
    struct deadline timer_back;
    uint64_t defer_from;
    uint64_t floats_on; /* the CPUs that it may go to, as a mask; 0: it does not float (vm/floating.c) */
    struct vcpu *next_floating; /* the next of all that float */
    struct vcpu *next;          /* the next of its CPU's `vcpus` or `visitors` */
    /*
     * Turns among the vCPUs of a VM on one CPU, its siblings. Each has a place in the policy, with a virtual
     * time and, maybe, a warp. One may have the place of another (`place_of`); a blocked one has its own.
     */
    struct vcpu *gives_way_to; /* at the next pick, that one takes its place; NULL: nobody */
    uint64_t turn_end;
    uint64_t looked_pc;    /* where it was at the last look at whether it spins */
    uint64_t gave_way_at;  /* its CPU time when another took its place last, ticks */
    bool looked_in_kernel; /* it was in its kernel then */

    struct deadline physical_timer; /* the architecture's: expiry of the emulated CNTP; not in mode `tick` */
    struct observer *observer;      /* devices/observer.c's; NULL when its VM is no observer */
    struct control *control;        /* devices/control.c's; NULL when its VM is not to control others */
    uint64_t off_since, off_ticks;  /* since when it is switched off, 0: it is not; and how long before */
    uint64_t resume_entry, resume_argument; /* where it begins when it is switched on, or resumes */

    _Atomic uint32_t requests;   /* vm/messages.h */
    struct cpu *_Atomic mail_to; /* where messages for it go */
    struct vcpu *next_message;   /* the next on that CPU's list */

    _Atomic uint64_t interrupted_at; /* with VCPU_WORK: when the urgent interrupt came; 0: for none */
    uint64_t lent_at;                /* its CPU time when its warp was lent */

    /* What goes along with it to another CPU. */
    struct {
        uint64_t ahead;    /* see join() of struct sched_moves */
        uint64_t physical; /* what its physical timer is armed for */
        uint64_t due;      /* it was warped, for the work that is due then; else DEADLINE_NONE */
    } luggage;
};

#endif
