/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of a guest, see devices.c: made at boot, reset when the VM starts again. */
#ifndef DEVICES_DEVICES_H
#define DEVICES_DEVICES_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/vm.h"

/* What vm/ asks of the devices: for vm_create(). */
extern const struct guest_hooks devices_hooks;

/* Gives a new VM the devices that every VM has. Boot only. False when memory ran out. */
bool devices_create(struct vm *vm);

/*
 * Makes the device tree of all devices that the VM has been given (devices/address_map.h), and resets them.
 * Boot only. `cpu_compatible` goes into the tree, and seeds from base/seeds.h do; the longer one only with
 * `entropy`, as a guest takes it for hard to guess. False when memory ran out.
 */
bool devices_finish(struct vm *vm, const char *cpu_compatible, bool entropy);

#endif
