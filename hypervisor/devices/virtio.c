// SPDX-License-Identifier: Apache-2.0
/*
 * What there is at boot, and what happens when one of the two VMs starts or stops. The state of a device and
 * its locks are in virtio_state.h.
 *
 * A VM's devices are one after the other, so two entries of its address map are enough: one for all that it
 * drives, and one for all that it serves.
 *
 * When the driver's VM stops, its devices are reset before its RAM is cleared: the service has to say that it
 * does not touch the rings any more. When the service's VM stops, the driver's registers stay as they are,
 * and its accesses wait until the service is there again.
 */
#include "devices/virtio.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/memory.h"
#include "console/console.h"
#include "devices/address_map.h"
#include "devices/tree_writer.h"
#include "devices/vgic.h"
#include "devices/virtio_registers.h"
#include "vm/arch_vm.h"

struct vm_virtio {
    struct virtio_registers driven, served;
    uint64_t stop_until; /* when a reset before a restart is waited for no longer; 0: none is */
};

static struct virtio_device *devices;
static unsigned device_count;

static const struct virtio_registers *registers_of(const struct device *device)
{
    return (const struct virtio_registers *)(const void *)device;
}

/* With the interrupt of the n-th. */
static void put_interrupt(struct tree_writer *writer, unsigned first_intid, unsigned n)
{
    TREE_PUT_CELLS(writer, "interrupts", TREE_SPI, first_intid + n - GUEST_INTID_SPIS, TREE_EDGE_RISING);
}

static void virtio_describe_driven(const struct device *device, struct tree_writer *writer)
{
    const struct virtio_registers *driven = registers_of(device);

    for (unsigned i = 0; i < driven->count; i++) {
        uint64_t base = GUEST_VIRTIO_BASE + i * GUEST_VIRTIO_STRIDE;

        tree_begin_at(writer, "virtio_mmio", base);
        tree_put_string(writer, "compatible", "virtio,mmio");
        tree_put_reg(writer, base, GUEST_VIRTIO_SIZE);
        put_interrupt(writer, GUEST_INTID_VIRTIOS, i);
        tree_put_flag(writer, "dma-coherent");
        tree_end(writer);
    }
}

static uint64_t ram_size(const struct virtio_device *device)
{
    return (uint64_t)device->vms[VIRTIO_DRIVER]->config->memory_mib << 20;
}

/* 64 bits as two cells. */
#define CELLS(value) (uint32_t)((value) >> 32), (uint32_t)(value)

static void virtio_describe_served(const struct device *device, struct tree_writer *writer)
{
    const struct virtio_registers *served = registers_of(device);

    for (unsigned i = 0; i < served->count; i++) {
        const struct virtio_device *one = served->devices[i];
        uint64_t base = GUEST_SERVICE_BASE + i * GUEST_SERVICE_SIZE;

        tree_begin_at(writer, "virtio-service", base);
        tree_put_string(writer, "compatible", "ontime,virtio-service");
        tree_put_string(writer, "label", one->config->name);
        tree_put_string(writer, "device", one->config->kind);
        TREE_PUT_CELLS(writer, "reg", CELLS(base), CELLS(GUEST_SERVICE_SIZE), CELLS(one->config->window),
                       CELLS(ram_size(one)));
        TREE_PUT_STRINGS(writer, "reg-names", "registers\0memory");
        put_interrupt(writer, GUEST_INTID_SERVICES, i);
        tree_end(writer);
    }
}

/* Is it the first of the service's devices that its driver's VM has? They have one window. */
static bool is_first_of_client(const struct virtio_registers *served, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (served->devices[i]->config->window == served->devices[n]->config->window)
            return false;
    return true;
}

static void virtio_describe_windows(const struct device *device, struct tree_writer *writer)
{
    const struct virtio_registers *served = registers_of(device);

    for (unsigned i = 0; i < served->count; i++) {
        const struct virtio_device *one = served->devices[i];

        if (!is_first_of_client(served, i))
            continue;
        tree_begin_at(writer, "client", one->config->window);
        tree_put_reg(writer, one->config->window, ram_size(one));
        tree_put_flag(writer, "no-map");
        tree_end(writer);
    }
}

void virtio_create(const struct system_config *config)
{
    device_count = config->virtio_count;
    if (device_count == 0)
        return;
    devices = memory_allocate(device_count * sizeof(*devices));
    for (unsigned i = 0; i < device_count; i++) {
        devices[i].config = &config->virtios[i];
        devices[i].lock = (struct spinlock)SPINLOCK_INIT(LOCK_DEVICE);
    }
}

/* The system file's reader has counted them. */
static void collect(struct vm *vm, enum virtio_side side, struct virtio_registers *registers)
{
    for (unsigned i = 0; i < device_count; i++) {
        if (devices[i].config->ends[side].vm != vm->index)
            continue;
        devices[i].vms[side] = vm;
        registers->devices[registers->count++] = &devices[i];
    }
}

static bool add(struct vm *vm, struct virtio_registers *registers, const struct device *device,
                unsigned first_intid)
{
    registers->device = *device;
    if (registers->count == 0)
        return true;
    registers->device.size = registers->count * GUEST_VIRTIO_STRIDE;
    vgic_need_spi(vm, first_intid + registers->count - 1);
    return address_map_add(vm, &registers->device);
}

bool virtio_attach(struct vm *vm)
{
    static const struct device driven = {
        .base = GUEST_VIRTIO_BASE,
        .access = virtio_driver_access,
        .describe = virtio_describe_driven,
    };
    static const struct device served = {
        .base = GUEST_SERVICE_BASE,
        .access = virtio_service_access,
        .describe = virtio_describe_served,
        .describe_memory = virtio_describe_windows,
    };
    bool any = false;

    for (unsigned i = 0; i < device_count; i++)
        any = any || devices[i].config->ends[0].vm == vm->index || devices[i].config->ends[1].vm == vm->index;
    if (!any)
        return true;
    vm->virtio = memory_allocate(sizeof(*vm->virtio));
    collect(vm, VIRTIO_DRIVER, &vm->virtio->driven);
    collect(vm, VIRTIO_SERVICE, &vm->virtio->served);
    return add(vm, &vm->virtio->driven, &driven, GUEST_INTID_VIRTIOS) &&
           add(vm, &vm->virtio->served, &served, GUEST_INTID_SERVICES);
}

static bool map_window(const struct virtio_device *device)
{
    const struct vm *driver = device->vms[VIRTIO_DRIVER];

    for (unsigned i = 0; i < driver->ram_count; i++) {
        const struct ram_piece *piece = &driver->ram[i];

        if (!arch_vm_map_shared_ram(device->vms[VIRTIO_SERVICE],
                                    device->config->window + (piece->guest - driver->config->memory_base),
                                    piece->host, piece->size))
            return false;
    }
    return true;
}

bool virtio_map(void)
{
    for (unsigned i = 0; i < device_count; i++) {
        const struct virtio_end *service = &devices[i].config->ends[VIRTIO_SERVICE];

        if (is_first_of_client(&devices[i].vms[VIRTIO_SERVICE]->virtio->served, service->index) &&
            !map_window(&devices[i]))
            return false;
    }
    return true;
}

/* The driver's VM begins, or has stopped; false: the service knows. */
static bool tell_service(struct virtio_device *device, bool up)
{
    uint32_t client = atomic_load(&device->client);

    if (((client & ONTIME_SERVICE_UP) != 0) == up)
        return false;
    client ^= ONTIME_SERVICE_UP;
    if (up)
        client += 1u << ONTIME_SERVICE_STARTS_SHIFT;
    atomic_store(&device->client, client);
    virtio_pend(device, ONTIME_SERVICE_CHANGED, NULL);
    return true;
}

bool virtio_tell_a_service(struct vm *vm, bool up)
{
    struct vm_virtio *virtio = vm->virtio;

    if (virtio == NULL)
        return false;
    if (up)
        virtio->stop_until = 0;
    for (unsigned i = 0; up && i < virtio->served.count; i++)
        atomic_store(&virtio->served.devices[i]->service_up, true);
    for (unsigned i = 0; i < virtio->driven.count; i++)
        if (tell_service(virtio->driven.devices[i], up))
            return true;
    return false;
}

/* The VM serves it no more, or not before it says so again. False: that has been done already. */
static bool end_service(struct virtio_device *device, bool for_good)
{
    unsigned todo;

    if (!atomic_exchange(&device->service_up, false))
        return false;
    spin_lock(&device->lock);
    todo = virtio_end_service(device, for_good ? VIRTIO_GONE : VIRTIO_ABSENT);
    device->features = 0;
    device->queue_count = device->queue_size = 0;
    spin_unlock(&device->lock);
    virtio_follow(device, todo);
    return true;
}

/* Returns whether the device's service may still use the rings. */
static bool ask_for_reset(struct virtio_device *device)
{
    bool resetting;
    unsigned todo;

    spin_lock(&device->lock);
    todo = virtio_ask_for_reset(device);
    resetting = device->resetting;
    spin_unlock(&device->lock);
    virtio_follow(device, todo);
    return resetting;
}

/* False when the console has no room. */
static bool tell_of_silence(const struct virtio_device *device)
{
    char line[COMPLAINT_LINE];
    int length = snprintf(line, sizeof(line), "%s: virtio %s: no answer from its service, VM %s, to a reset",
                          device->vms[VIRTIO_DRIVER]->config->name, device->config->name,
                          device->vms[VIRTIO_SERVICE]->config->name);

    return console_offer(line, (size_t)length);
}

/* Returns the first device whose service does not answer; NULL: they all have. */
static const struct virtio_device *reset_driven(struct vm_virtio *virtio)
{
    const struct virtio_device *silent = NULL;

    for (unsigned i = 0; i < virtio->driven.count; i++)
        if (ask_for_reset(virtio->driven.devices[i]) && silent == NULL)
            silent = virtio->driven.devices[i];
    return silent;
}

#define GAVE_UP 1 /* of `stop_until` */

bool virtio_stop(struct vm *vm, bool for_good)
{
    struct vm_virtio *virtio = vm->virtio;
    const struct virtio_device *silent;
    uint64_t now = arch_counter();

    if (virtio == NULL || virtio->stop_until == GAVE_UP)
        return false;
    for (unsigned i = 0; i < virtio->served.count; i++)
        if (end_service(virtio->served.devices[i], for_good))
            return true;
    /* For a second, and for another at most if the console has no room for the line. */
    silent = reset_driven(virtio);
    if (silent == NULL)
        return false;
    if (virtio->stop_until == 0)
        virtio->stop_until = now + arch_counter_hz();
    if (now >= virtio->stop_until &&
        (tell_of_silence(silent) || now - virtio->stop_until >= arch_counter_hz()))
        virtio->stop_until = GAVE_UP;
    arch_relax(); /* the service may run on another core */
    return true;
}
