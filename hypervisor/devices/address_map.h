/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's devices by guest physical address. */
#ifndef DEVICES_ADDRESS_MAP_H
#define DEVICES_ADDRESS_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include "devices/mmio.h"
#include "vm/device.h"
#include "vm/vcpu.h"

/*
 * Adds a device to the VM's list. False when it has a byte in common with one that is there, or the list is
 * full. Boot only.
 */
bool address_map_add(struct vm *vm, struct device *device);

/*
 * Carries out the access at guest physical `address`, and fills in its device and offset. False when no
 * device is there, the access is not aligned, or the device does not have it.
 */
bool address_map_access(struct vcpu *vcpu, uint64_t address, struct mmio_access *access);

#endif
