/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clock of seconds since 1970: an Arm PL031 (Arm DDI 0224) with the identification registers of
 * the one on QEMU's virt machine. A guest has one when the machine has one.
 */
#ifndef DEVICES_VRTC_H
#define DEVICES_VRTC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "devices/home_deadline.h"
#include "devices/mmio.h"
#include "vm/vm.h"

struct vrtc {
    struct device device;
    struct vm *vm;
    struct spinlock lock; /* for all below */
    struct home_deadline alarm;
    uint32_t ahead; /* of the machine's clock, seconds modulo 2^32: the guest may set its own */
    uint32_t load, match;
    bool mask, raw;
    bool line; /* the level of its interrupt that the vGIC was last told */
};

/* The machine's clock showed so many seconds at `counter`. Boot only, before the first VM is made. */
void vrtc_init(uint32_t seconds, uint64_t counter);

/* Has vrtc_init() been called: do guests have a clock? */
bool vrtc_exists(void);

/* A clock for a new VM, or NULL when guests have none. Boot only. */
struct vrtc *vrtc_create(struct vm *vm);

/* On the core of the VM's first vCPU: another core has set the alarm, or the vCPU has come from there. */
void vrtc_watch_alarm(struct vm *vm);

/* The VM's first vCPU leaves the calling core: the alarm is none of its deadlines any more. */
void vrtc_leave_alarm(struct vm *vm);

#endif
