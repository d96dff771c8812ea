/* SPDX-License-Identifier: Apache-2.0 */
/* How late a precise timer can be at most, by the system file alone: see bound.c. */
#ifndef TOOLS_BOUND_H
#define TOOLS_BOUND_H

#include <stdbool.h>
#include "boot/system_file.h"

#define BOUND_WHY 200

/* The terms, in us, each rounded up. */
struct bound {
    bool exists;
    char why_not[BOUND_WHY]; /* when there is none, in one line, with what to change */
    uint64_t path;           /* the longest stretch of EL2 without a look at interrupts */
    uint64_t deadlines;      /* those that are reached before, of all vCPUs */
    uint64_t switching;      /* from the comparator's interrupt to the entry of the guest */
    unsigned warps;  /* cbs: the other vCPUs with urgent work; bvt: their warps, of earlier deadlines */
    uint64_t warped; /* how long all of that lasts */
    /* What other CPUs add; 0 without any. */
    unsigned message_count;
    uint64_t messages; /* that many stretches in which a message is served */
    uint64_t locks;    /* waits for locks of VMs */
    uint64_t console;  /* waits for the console's lock */
    uint64_t moved;    /* it floats, has waited so long elsewhere, and came; 0: it would not move */
    uint64_t total;
    /* Of a declared job; `response` is 0 when the VM declares none. */
    uint64_t response; /* from its deadline to its end */
    double demand;     /* job / period, the part of the CPU that it asks for */
    bool holds;        /* it asks for no more than its vCPU's share */
};

/* The bound of each vCPU that the VM has on that CPU: one at least. */
struct bound bound_of(const struct system_config *system, const struct vm_config *vm, unsigned cpu,
                      double ns_per_instruction);

#endif
