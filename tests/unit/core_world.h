/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few VMs on one fake CPU, for the tests of the dispatcher and of precise timers: the real dispatcher,
 * policy, deadline queue and precise timers; the clock, the comparator, the guests' virtual timers and what a
 * guest does are the test's. dispatch_run() never returns, so world_dispatch() does what is in its loop.
 */
#ifndef TESTS_CORE_WORLD_H
#define TESTS_CORE_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "arch/fake/fake.h"
#include "vm/dispatch.h"
#include "vm/vm.h"

#define WORLD_VMS     8
#define WORLD_VCPUS   2  /* of each VM */
#define WORLD_US      63 /* ticks: the counter has 63 MHz */
#define WORLD_START   (UINT64_C(1) << 30)
#define WORLD_C       (5000 * WORLD_US)
#define WORLD_L       (5000 * WORLD_US)
#define WORLD_W       (3 * WORLD_C)
#define WORLD_RAM_GAP 2 /* pages in the first piece of a VM's RAM; the second, of one page, follows */
#define WORLD_RAM_END 3 /* pages */

/* What the test may look at besides the vCPU's own fields. */
struct world_guest {
    uint64_t cval;    /* its virtual timer, DEADLINE_NONE: off */
    bool expired;     /* the interrupt of that timer is pending in the guest */
    bool in_user;     /* that interrupt came in user mode */
    bool masks;       /* interrupts are masked */
    uint64_t entered; /* when it was last entered for a deadline */
    unsigned entries; /* how often it was */
    uint64_t fetched; /* comparator interrupts that were for a deadline of this vCPU */
};

extern struct cpu world_cpu;

/* An idle CPU. `touch`, if any, is called before and after each of the policy's hooks. */
void world_reset(void (*touch)(void));

/* A VM of `count` vCPUs, switched on and blocked; returns the first. */
struct vcpu *world_add(enum timer_mode timers, unsigned count);

/* The same with other parameters than weight 1 and WORLD_W, WORLD_L, U = 0. */
struct vcpu *world_add_with(enum timer_mode timers, unsigned count, struct sched_params params);

struct world_guest *world_guest(const struct vcpu *vcpu);

/* The host's view of page `number` of the VM's RAM. */
volatile uint64_t *world_page(const struct vcpu *vcpu, unsigned number);

/* What the guest that runs does, each followed by world_dispatch(). */
void world_timer(struct vcpu *vcpu, uint64_t cval);
void world_block(struct vcpu *vcpu);

/* Registers page 0 for the first vCPU, 1 for the second, with no deadline in it. */
volatile uint64_t *world_share_page(struct vcpu *vcpu);

/* As vm.c's, which is not here. */
void world_power_off(struct vcpu *vcpu);
void world_power_on(struct vcpu *vcpu);

/* The dispatcher's steps, until a guest runs undisturbed or the CPU idles. */
void world_dispatch(void);

/* Lets the guests run. */
void world_run_until(uint64_t when);
void world_run(uint64_t ticks);

/* Wakes, and dispatches until it is that vCPU's turn. */
void world_bring_in(struct vcpu *vcpu);

#endif
