/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few VMs on one fake CPU, for the tests of the dispatcher and of precise timers. The dispatcher, the
 * policy, the deadline queue and the precise timers are the real ones. The clock, the comparator, the guests'
 * virtual timers and what a guest does are the test's. dispatch_run() never returns, so world_dispatch()
 * repeats the steps of its loop.
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
#define WORLD_H       (100000 * WORLD_US)
#define WORLD_JOB     (50 * WORLD_US)
#define WORLD_RAM_GAP 2 /* pages in the first piece of a VM's RAM, behind which the second piece begins */
#define WORLD_RAM_END 3 /* pages in both pieces */

/* What the test may look at besides the vCPU's own fields. */
struct world_guest {
    uint64_t cval; /* when its virtual timer expires; DEADLINE_NONE: the timer is off */
    bool expired;  /* the interrupt of that timer is pending in the guest */
    bool spi;      /* an SPI is */
    bool deferred; /* and kept from it */
    bool serves;   /* the test says that the guest is serving that interrupt */
    bool in_user;  /* the test says that this interrupt comes in user mode */
    /* The test says that the guest masks interrupts: when an interrupt comes, and in a call. */
    bool masks, masks_at_call;
    uint64_t pc;      /* where the test says that it is */
    uint64_t entered; /* when the vCPU was last entered for a deadline */
    unsigned entries; /* how often it was entered for a deadline */
    unsigned ticks;   /* how often the hypervisor's tick looked at its timers */
    uint64_t fetched; /* how often the comparator interrupted for a deadline of this vCPU */
};

#define world_cpu cpus[0]

/* The policy of the next world_reset(): "bvt" unless a test sets another. */
extern const char *world_policy;

/* Makes an idle CPU without VMs. `touch` (NULL: none) is called before and after each hook of the policy. */
void world_reset(void (*touch)(void));

/* What another core does at once after it was looked at whether an interrupt is pending; NULL: nothing. */
void world_at_look(void (*what)(void));

/* Adds a VM of `count` vCPUs, which are on and blocked. Returns its first vCPU. */
struct vcpu *world_add(enum timer_mode timers, unsigned count);

/* The same with other parameters than weight 1, WORLD_W, WORLD_L, U = 0, WORLD_H and WORLD_JOB. */
struct vcpu *world_add_with(enum timer_mode timers, unsigned count, struct sched_params params);

struct world_guest *world_guest(const struct vcpu *vcpu);

/* The host's view of page `number` of the VM's RAM. */
volatile uint64_t *world_page(const struct vcpu *vcpu, unsigned number);

/* The running guest sets its virtual timer, or waits. world_dispatch() follows. */
void world_timer(struct vcpu *vcpu, uint64_t cval);
void world_block(struct vcpu *vcpu);

/* Registers a deadline page without a deadline: page 0 for a VM's first vCPU, page 1 for its second. */
volatile uint64_t *world_share_page(struct vcpu *vcpu);

/* What vm/power.c, which is not linked, does with the vCPU. world_dispatch() follows. */
void world_power_off(struct vcpu *vcpu);
void world_power_on(struct vcpu *vcpu);

/* Repeats the dispatcher's steps until a guest runs undisturbed, or the CPU is idle. */
void world_dispatch(void);

/* Lets time pass and the guests run. */
void world_run_until(uint64_t when);
void world_run(uint64_t ticks);

/* Wakes a vCPU, and lets time pass until the vCPU has the CPU. */
void world_bring_in(struct vcpu *vcpu);

#endif
