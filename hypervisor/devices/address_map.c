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

static struct device *device_at(const struct vm *vm, uint64_t address)
{
    for (unsigned i = 0; i < vm->device_count; i++)
        if (address - vm->devices[i]->base < vm->devices[i]->size)
            return vm->devices[i];
    return NULL;
}

/* It is mostly the device of the last access. */
bool address_map_access(struct vcpu *vcpu, uint64_t address, struct mmio_access *access)
{
    struct device *device = vcpu->accessed;

    if ((address & (access->size - 1)) != 0)
        return false;
    if (device == NULL || address - device->base >= device->size)
        device = device_at(vcpu->vm, address);
    if (device == NULL)
        return false;
    vcpu->accessed = device;
    access->device = device;
    access->offset = address - device->base;
    return device->access(vcpu, access);
}
