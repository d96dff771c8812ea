/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM that the system file marks `control` gets by the calls ONTIME_CALL_VM_INFO and
 * ONTIME_CALL_VCPU_INFO (ontime/abi.h): records that Ontime writes into a page of the caller's RAM. Words are
 * little-endian. A field that is added goes to the end and changes ONTIME_REVISION_MINOR; `size` tells a
 * reader how much of the record there is.
 */
#ifndef ONTIME_CONTROL_H
#define ONTIME_CONTROL_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif
#include "ontime/abi.h"

#define ONTIME_VM_NAME 32 /* bytes, with the final zero */

enum ontime_vm_state {
    ONTIME_VM_OFF,
    ONTIME_VM_LOADING,
    ONTIME_VM_RUNNING,
    ONTIME_VM_PAUSED,
    ONTIME_VM_STOPPING
};

/* Of `flags`. */
#define ONTIME_VM_CONTROL     1
#define ONTIME_VM_OBSERVER    2
#define ONTIME_VM_ENDS_SYSTEM 4
#define ONTIME_VM_FLOATS      8

struct ontime_vm_info {
    uint32_t size;     /* of this record, bytes */
    uint32_t vm_count; /* of the system; their numbers are 0..vm_count-1 */
    char name[ONTIME_VM_NAME];
    uint32_t state; /* enum ontime_vm_state */
    uint32_t vcpus;
    uint64_t ram_base; /* guest physical */
    uint64_t ram_size; /* bytes */
    uint64_t cpus;     /* bit n: its vCPUs may use physical CPU n */
    uint32_t timers;   /* 0 tick, 1 wake, 2 snoop, 3 precise */
    uint32_t weight;
    uint32_t horizon_us, warp_us, warp_limit_us, unwarp_us; /* 0: does not apply */
    uint32_t flags;                                         /* ONTIME_VM_... above */
    uint32_t starts;                                        /* how often it has been started */
    uint32_t watchdog_ms;                                   /* 0: it has none */
    uint32_t own;                                           /* 1: it is the caller's own VM */
};

/* One of a VM that is paused counts as blocked. */
enum ontime_vcpu_state { ONTIME_VCPU_OFF, ONTIME_VCPU_BLOCKED, ONTIME_VCPU_READY, ONTIME_VCPU_RUNNING };

/* Lateness in buckets: 0 has those of 0 ticks, n those of [2^(n-1), 2^n) ticks, the last one all above. */
#define ONTIME_LATE_BUCKETS 24

/* Why the vCPU came to EL2. */
enum ontime_exit {
    ONTIME_EXIT_INTERRUPT, /* a physical interrupt */
    ONTIME_EXIT_WAIT,      /* WFI, WFE */
    ONTIME_EXIT_CALL,      /* HVC, SMC */
    ONTIME_EXIT_ACCESS,    /* to an emulated device's registers */
    ONTIME_EXIT_REGISTER,  /* to a system register */
    ONTIME_EXIT_OTHER,
    ONTIME_EXIT_REASONS,
};

struct ontime_vcpu_info {
    uint32_t size;
    uint32_t state;                    /* enum ontime_vcpu_state */
    uint32_t cpu;                      /* the physical CPU that it is on */
    uint32_t warped;                   /* 1: it is warped now */
    uint64_t counter;                  /* the physical counter when the record was made, ticks */
    uint64_t hz;                       /* of the counter */
    uint64_t run, ready, blocked, off; /* ticks in each state since the machine was started */
    uint64_t stats[ONTIME_STAT_COUNT]; /* as ONTIME_CALL_STAT, of this vCPU alone */
    uint64_t exits[ONTIME_EXIT_REASONS];
    uint64_t late[ONTIME_LATE_BUCKETS];
};

#endif
