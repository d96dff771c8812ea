// SPDX-License-Identifier: Apache-2.0
#include "boot/give_devices.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/memory.h"
#include "devices/address_map.h"
#include "devices/dma.h"
#include "devices/mmio.h"
#include "devices/physical_irqs.h"
#include "drivers/pci_ecam.h"
#include "drivers/virtio_mmio.h"
#include "vm/arch_vm.h"

/* The guest has the registers themselves. What comes to EL2 all the same, they don't have. */
static bool given_access(struct vcpu *vcpu, struct mmio_access *access)
{
    (void)vcpu, (void)access;
    return false;
}

/* A page of several devices is mapped once more for each, which changes nothing. */
static const char *give_registers(struct vm *vm, struct device *registers)
{
    uint64_t start = registers->base & ~(MEMORY_PAGE - 1);
    uint64_t end = (registers->base + registers->size + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1);

    registers->access = given_access;
    if (!address_map_add(vm, registers))
        return "the VM has too many devices, or another one there";
    return arch_vm_map_device(vm, start, end) ? NULL : "no memory left for the VM's tables";
}

static bool silence_virtio_mmio(const struct device *device, unsigned step)
{
    return virtio_mmio_reset(device->base, step);
}

static bool silence_pci_ecam(const struct device *device, unsigned step)
{
    return pci_ecam_stop_masters(device->base, step);
}

/* Ontime writes to its first registers when the VM stops. */
static const char *prepare_silence(struct given_device *device)
{
    struct device *registers = &device->registers[0];
    uint64_t size = device->silence == SILENCE_PCI_ECAM ? PCI_ECAM_BUS : VIRTIO_MMIO_SIZE;

    if (device->silence == SILENCE_UNKNOWN)
        return NULL;
    registers->silence = device->silence == SILENCE_PCI_ECAM ? silence_pci_ecam : silence_virtio_mmio;
    return arch_map_device(registers->base, size) ? NULL : "no memory left for EL2's tables";
}

/* Is it that of a device before, or before it in this one? Those of one VM may share an interrupt. */
static bool is_given(const struct given_device *given, const struct given_device *device, unsigned n)
{
    for (const struct given_device *other = given; other <= device; other++)
        for (unsigned i = 0; i < other->interrupt_count && (other != device || i != n); i++)
            if (other->vm == device->vm && other->interrupts[i].intid == device->interrupts[n].intid)
                return true;
    return false;
}

static const char *give(struct vm *vm, const struct given_device *given, struct given_device *device)
{
    const char *problem = prepare_silence(device);

    for (unsigned i = 0; i < device->register_count && problem == NULL; i++)
        problem = give_registers(vm, &device->registers[i]);
    for (unsigned i = 0; i < device->interrupt_count && problem == NULL; i++) {
        const struct given_interrupt *interrupt = &device->interrupts[i];

        if (!is_given(given, device, i) &&
            !physical_irq_give(vm, interrupt->intid, interrupt->virtual_intid, interrupt->edge))
            problem = "the machine's GIC does not have one of its interrupts, or Ontime uses it";
    }
    for (unsigned i = 0; i < device->stream_count && problem == NULL; i++)
        problem = dma_give(vm, device->path, &device->streams[i]);
    return problem;
}

const char *give_devices(struct vm *vm, struct given_device *given, unsigned count,
                         const struct given_device **which)
{
    const char *problem = NULL;

    for (unsigned i = 0; i < count && problem == NULL; i++) {
        if (given[i].vm != vm->index)
            continue;
        *which = &given[i];
        problem = give(vm, given, &given[i]);
    }
    return problem;
}
