/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/address_map.h"
#include <stddef.h>
#include "vm/vm.h"

bool address_map_add(struct vm *vm, struct device *device)
{
    for (unsigned i = 0; i < vm->device_count; i++) {
        const struct device *other = vm->devices[i];

        if (device->base - other->base < other->size || other->base - device->base < device->size)
            return false;
    }
    if (vm->device_count == VM_DEVICES)
        return false;
    vm->devices[vm->device_count++] = device;
    return true;
}

bool address_map_access(struct vcpu *vcpu, uint64_t address, struct mmio_access *access)
{
    const struct vm *vm = vcpu->vm;

    if ((address & (access->size - 1)) != 0)
        return false;
    for (unsigned i = 0; i < vm->device_count; i++) {
        struct device *device = vm->devices[i];

        if (address - device->base >= device->size)
            continue;
        access->device = device;
        access->offset = address - device->base;
        return device->access(vcpu, access);
    }
    return false;
}
