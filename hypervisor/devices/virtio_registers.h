/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to the registers of virtio devices, the driver's and the service's. */
#ifndef DEVICES_VIRTIO_REGISTERS_H
#define DEVICES_VIRTIO_REGISTERS_H

#include <stdbool.h>
#include "devices/mmio.h"
#include "devices/virtio_state.h"
#include "vm/device.h"

/* The registers of all devices that a VM drives, or of all that it serves. */
struct virtio_registers {
    struct device device;
    struct virtio_device *devices[GUEST_VIRTIOS];
    unsigned count;
};

bool virtio_driver_access(struct vcpu *vcpu, struct mmio_access *access);
bool virtio_service_access(struct vcpu *vcpu, struct mmio_access *access);

#endif
