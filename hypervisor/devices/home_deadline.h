/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deadline of a VM's device, for which any vCPU's access may be the reason. It is in the queue of the core
 * of the VM's first vCPU: its home. Who is on another core writes down when it is to fire, and sends that
 * vCPU a message. The fire function may find that it is not time yet.
 *
 * Locking: the device's lock, which the caller holds, for all of this.
 */
#ifndef DEVICES_HOME_DEADLINE_H
#define DEVICES_HOME_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include "time/deadline_queue.h"
#include "vm/vm.h"

#define HOME_DEADLINE_TELL_US 10000

struct home_deadline {
    struct deadline deadline;
    struct vm *vm;
    uint64_t at;      /* what it is to be set to, ticks; DEADLINE_NONE: it is not to fire */
    uint64_t told_at; /* when another core has told its home, ticks; 0: never */
};

/* Not set. Boot only. */
void home_deadline_init(struct home_deadline *home, struct vm *vm, deadline_fire *fire);

/*
 * Each message takes time of those who run at home. So a vCPU of another core that would set the deadline
 * again soon after one makes its access again until that is over.
 */
bool home_deadline_is_too_soon(const struct home_deadline *home);

/* On any core. DEADLINE_NONE: it is not to fire. */
void home_deadline_set(struct home_deadline *home, uint64_t when);

/* At home: another core has set it, or the VM's first vCPU has come from there. */
void home_deadline_watch(struct home_deadline *home);

/* At home, which the VM's first vCPU leaves: it is none of this core's deadlines any more. */
void home_deadline_leave(struct home_deadline *home);

/* At home: it is not to fire. Also at boot, anywhere, when it has not been set yet. */
void home_deadline_forget(struct home_deadline *home);

#endif
