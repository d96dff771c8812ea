/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device between the VM that drives it and the VM that serves it: its state, and what changes it.
 *
 * Locking: the device's own lock (LOCK_DEVICE) for all but the atomics, which any core may access. Nothing
 * else is locked meanwhile: what follows from a change is done after it, by virtio_follow(), which takes the
 * locks of virtual GICs. So the functions that change the state return what is to follow.
 */
#ifndef DEVICES_VIRTIO_STATE_H
#define DEVICES_VIRTIO_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "ontime/service.h"
#include "vm/config.h"
#include "vm/vcpu.h"

/* Of Status, virtio 1.2, section 2.1. */
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u

/* What follows from a change. */
#define VIRTIO_TELL_CHANGED 1u /* the service: ONTIME_SERVICE_CHANGED */
#define VIRTIO_TELL_ALL     2u /* the service: that and all queues that are ready, whatever is pending */
#define VIRTIO_TELL_CONFIG  4u /* the driver: the configuration has changed, or the device needs a reset */
#define VIRTIO_GO_ON        8u /* accesses of the driver that wait are tried again */

enum virtio_service {
    VIRTIO_ABSENT, /* it has not said that it serves the device, or not yet again */
    VIRTIO_READY,
    VIRTIO_GONE /* its VM is off */
};

struct virtio_queue {
    uint32_t size;
    bool ready;
    uint32_t addresses[6]; /* descriptors, available ring, used ring: low half, then high half */
};

struct virtio_device {
    const struct virtio_config *config;
    struct vm *vms[2]; /* enum virtio_side */
    struct spinlock lock;

    /* What the service shows the driver. */
    uint64_t features;
    uint32_t queue_count, queue_size;
    uint8_t configuration[ONTIME_SERVICE_CONFIG_SIZE];
    uint32_t generation; /* of the configuration */
    enum virtio_service service;
    bool broken;
    bool resetting; /* the service has been asked to leave the rings; only while it is VIRTIO_READY */

    /* What the driver has written. */
    uint32_t status;
    uint64_t accepted; /* features */
    uint32_t features_half, accepted_half, queue;
    struct virtio_queue queues[ONTIME_SERVICE_QUEUES_MAX];

    _Atomic uint32_t pending;          /* ONTIME_SERVICE_PENDING */
    _Atomic uint32_t interrupt_status; /* the driver's */
    _Atomic uint32_t client;           /* ONTIME_SERVICE_CLIENT */
    _Atomic bool service_up;           /* its VM has begun */
    _Atomic uint32_t waiting;          /* the driver's vCPUs that wait: bit n is vCPU n's */
    _Atomic bool told;                 /* the console says that the driver waits for the service */
};

/* The functions below return VIRTIO_..., and are called with the lock; virtio_follow() without it. */

/* Sets the driver's registers as after a reset. */
unsigned virtio_reset(struct virtio_device *device);

/* The driver asks for a reset. If the service may be using the rings it has to acknowledge that first. */
unsigned virtio_ask_for_reset(struct virtio_device *device);

/* The service says that it serves the device; or does not any more, or not again. */
unsigned virtio_begin_service(struct virtio_device *device);
unsigned virtio_end_service(struct virtio_device *device, enum virtio_service next);

/* The service says that the device does not work until it is reset. */
unsigned virtio_break(struct virtio_device *device);

/* Tells the service and the driver. */
void virtio_follow(struct virtio_device *device, unsigned todo);

/*
 * The driver notifies a queue, or more has changed: bits of ONTIME_SERVICE_PENDING. `lender`: the driver's
 * vCPU that waits for what the service does, and lends it its warp; or NULL.
 */
void virtio_pend(struct virtio_device *device, uint32_t bits, struct vcpu *lender);

/* The driver's interrupt, for these bits of its InterruptStatus. */
void virtio_interrupt(struct virtio_device *device, uint32_t bits);

#endif
