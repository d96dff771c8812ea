/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a VM the devices of the machine that boot/passthrough.h has found for it. */
#ifndef BOOT_GIVE_DEVICES_H
#define BOOT_GIVE_DEVICES_H

#include "boot/given_device.h"
#include "vm/vm.h"

/*
 * Maps their registers into the VM, routes their interrupts to it, and adds them to its devices. Between
 * devices_create() and devices_finish(). NULL, or why one can't be given: *which.
 */
const char *give_devices(struct vm *vm, struct given_device *given, unsigned count,
                         const struct given_device **which);

#endif
