// SPDX-License-Identifier: Apache-2.0
/*
 * See virtio_state.h. A notification is an atomic OR, and the first one latches the service's interrupt; so
 * it is with the driver's. A VM that is off, or is being loaded, gets no interrupts, as its GIC is reset
 * before it begins. The service gets one when it says that it is ready, so none is missed: its store of READY
 * and the driver's of a bit of `pending` are seen in one order by all.
 */
#include "devices/virtio_state.h"
#include <stddef.h>
#include <string.h>
#include "devices/vgic.h"
#include "vm/dispatch.h"
#include "vm/vm.h"

static void latch(const struct virtio_device *device, enum virtio_side side, unsigned first_intid,
                  struct vcpu *lender)
{
    const struct virtio_end *end = &device->config->ends[side];

    vgic_latch_spi(device->vms[side], first_intid + end->index, end->warps, lender);
}

static void latch_service(const struct virtio_device *device, struct vcpu *lender)
{
    if (atomic_load(&device->service_up))
        latch(device, VIRTIO_SERVICE, GUEST_INTID_SERVICES, lender);
}

void virtio_pend(struct virtio_device *device, uint32_t bits, struct vcpu *lender)
{
    if (atomic_fetch_or(&device->pending, bits) == 0)
        latch_service(device, lender);
}

void virtio_interrupt(struct virtio_device *device, uint32_t bits)
{
    if (atomic_fetch_or(&device->interrupt_status, bits) == 0 &&
        (atomic_load(&device->client) & ONTIME_SERVICE_UP) != 0)
        latch(device, VIRTIO_DRIVER, GUEST_INTID_VIRTIOS, NULL);
}

static uint32_t ready_queues(const struct virtio_device *device)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < ONTIME_SERVICE_QUEUES_MAX; i++)
        bits |= (uint32_t)device->queues[i].ready << i;
    return bits;
}

/* Who waits tries again: it looks at the device once more after it has set its bit. */
static void go_on(struct virtio_device *device)
{
    for (uint32_t left = atomic_exchange(&device->waiting, 0); left != 0; left &= left - 1)
        vcpu_wake(&device->vms[VIRTIO_DRIVER]->vcpus[__builtin_ctz(left)]);
}

void virtio_follow(struct virtio_device *device, unsigned todo)
{
    uint32_t bits = 0;

    if ((todo & (VIRTIO_TELL_CHANGED | VIRTIO_TELL_ALL)) != 0)
        bits = ONTIME_SERVICE_CHANGED;
    if ((todo & VIRTIO_TELL_ALL) != 0) {
        spin_lock(&device->lock);
        bits |= ready_queues(device);
        spin_unlock(&device->lock);
        atomic_fetch_or(&device->pending, bits);
        latch_service(device, NULL);
    } else if (bits != 0) {
        virtio_pend(device, bits, NULL);
    }
    if ((todo & VIRTIO_TELL_CONFIG) != 0)
        virtio_interrupt(device, 2);
    if ((todo & VIRTIO_GO_ON) != 0)
        go_on(device);
}

unsigned virtio_reset(struct virtio_device *device)
{
    DEBUG_ASSERT(spin_is_held(&device->lock));
    device->broken = false;
    device->resetting = false;
    device->status = 0;
    device->accepted = 0;
    device->features_half = device->accepted_half = device->queue = 0;
    memset(device->queues, 0, sizeof(device->queues));
    atomic_store(&device->interrupt_status, 0);
    return VIRTIO_GO_ON;
}

unsigned virtio_ask_for_reset(struct virtio_device *device)
{
    DEBUG_ASSERT(spin_is_held(&device->lock));
    if (device->resetting)
        return 0;
    if (device->service != VIRTIO_READY || (device->status == 0 && ready_queues(device) == 0))
        return virtio_reset(device);
    device->resetting = true;
    return VIRTIO_TELL_CHANGED;
}

/* What the driver has set goes beyond what the service offers now. */
static bool has_too_much(const struct virtio_device *device)
{
    if ((device->status & VIRTIO_STATUS_FEATURES_OK) != 0 && (device->accepted & ~device->features) != 0)
        return true;
    for (unsigned i = 0; i < ONTIME_SERVICE_QUEUES_MAX; i++)
        if (device->queues[i].ready &&
            (i >= device->queue_count || device->queues[i].size > device->queue_size))
            return true;
    return false;
}

unsigned virtio_break(struct virtio_device *device)
{
    DEBUG_ASSERT(spin_is_held(&device->lock));
    if (device->broken)
        return 0;
    device->broken = true;
    return VIRTIO_TELL_CONFIG;
}

unsigned virtio_begin_service(struct virtio_device *device)
{
    unsigned todo = VIRTIO_TELL_ALL | VIRTIO_GO_ON;

    DEBUG_ASSERT(spin_is_held(&device->lock));
    if (device->service == VIRTIO_READY)
        return 0;
    device->service = VIRTIO_READY;
    atomic_store(&device->told, false);
    return has_too_much(device) ? todo | virtio_break(device) : todo;
}

unsigned virtio_end_service(struct virtio_device *device, enum virtio_service next)
{
    unsigned todo = next == VIRTIO_GONE ? VIRTIO_GO_ON : 0;

    DEBUG_ASSERT(spin_is_held(&device->lock));
    device->service = next;
    return device->resetting ? todo | virtio_reset(device) : todo;
}
