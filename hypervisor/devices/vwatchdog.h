/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's watchdog: a generic watchdog of revision 1 (Arm DEN0094, Base System Architecture, "Generic
 * Watchdog"). A guest has one when the system file says so.
 */
#ifndef DEVICES_VWATCHDOG_H
#define DEVICES_VWATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "devices/home_deadline.h"
#include "devices/mmio.h"
#include "vm/vm.h"

#define VWATCHDOG_LINE (SYSTEM_NAME_LENGTH + sizeof(": its watchdog has expired"))

struct vwatchdog {
    struct device control, refresh; /* its two pages */
    struct vm *vm;
    struct spinlock lock; /* for all below */
    struct vwatchdog_registers {
        bool enabled;
        bool ws0, ws1;    /* it has expired once; and again since */
        bool restarted;   /* it has restarted the VM, and has not been refreshed since: reads as WS1 */
        uint64_t offset;  /* WOR, ticks */
        uint64_t compare; /* WCV: it expires when the counter is beyond */
    } registers;
    struct home_deadline timer; /* when it is looked at: not after the instant at which it expires */
    bool line;                  /* the level of its interrupt that the vGIC was last told */
    bool paused;                /* with the VM, or that has yet to begin */
    uint64_t paused_at;         /* since when, ticks */
    uint64_t told_at;           /* when its last line was written, ticks; 0: never */
    char text[VWATCHDOG_LINE];  /* the line that says that it has expired */
};

/* A watchdog for a new VM, or NULL when it is to have none. Boot only. */
struct vwatchdog *vwatchdog_create(struct vm *vm);

/* All on the core of the VM's first vCPU. What a VM without a watchdog is asked to do does nothing. */

/* The VM is paused, or no longer, or begins: until then no time passes for the watchdog. */
void vwatchdog_pause(struct vm *vm, bool paused);

/* Another core has set its timer, or the vCPU has come from there; the vCPU leaves this core. */
void vwatchdog_watch(struct vm *vm);
void vwatchdog_leave(struct vm *vm);

#endif
