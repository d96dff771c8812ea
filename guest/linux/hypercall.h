/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls to Ontime (include/ontime/abi.h), as C functions. Nothing else in the module issues an HVC, so a
 * test can replace hypercall.c by a recorder (tests/guest/recorder.c).
 *
 * arm, cancel, done and page concern the vCPU of the calling CPU. They and hand_on are called with preemption
 * off. Errors are Linux's error numbers.
 */
#ifndef ONTIME_HYPERCALL_H
#define ONTIME_HYPERCALL_H

#include <linux/types.h>
#include <ontime/abi.h>

/* To be called before all others. On a machine without Ontime it logs the reason and returns -ENODEV. */
int hypercall_find(u64 *features);

void hypercall_arm(u64 deadline);
void hypercall_cancel(void);
int hypercall_page(u64 address); /* a guest physical address, or ONTIME_NO_PAGE */
void hypercall_done(u64 next);   /* next: this CPU's next deadline, or ONTIME_NO_DEADLINE */
void hypercall_hand_on(u64 vcpu);

int hypercall_stat(unsigned int which, u64 *value);
int hypercall_mark(u32 number);
int hypercall_trace(u64 *cursor);

/* One of the calls for VMs with `control`: arguments in x1 to x4, results from x1 and x2. */
int hypercall_control(u32 call, const u64 arguments[4], u64 results[2]);

#endif
