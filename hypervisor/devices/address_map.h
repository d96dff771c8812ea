/* SPDX-License-Identifier: Apache-2.0 */
/* Which emulated device a guest's access is for, see address_map.c. */
#ifndef DEVICES_ADDRESS_MAP_H
#define DEVICES_ADDRESS_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include "devices/mmio.h"
#include "vm/vcpu.h"

/*
 * Carries out the access at guest physical `address`, and fills in its offset. False when no device is there,
 * or the access is not aligned or not of a size that the device has.
 */
bool address_map_access(struct vcpu *vcpu, uint64_t address, struct mmio_access *access);

#endif
