/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device as the VM that serves it sees it: `service` of an "ontime,virtio" node. Ontime emulates the
 * registers of virtio-mmio (virtio 1.2, section 4.2, not legacy) towards the driver; the service reads here
 * what the driver has set, and works on the rings itself, in the driver's RAM, which it has in its own
 * address space. For C and assembly; docs/abi.md describes it. Where the registers, the driver's RAM and the
 * interrupt are, the service's device tree says: compatible = "ontime,virtio-service".
 *
 * Registers have 32 bits, but for SERVICE_CONFIG. One that is not listed reads as zero, and a store to it is
 * ignored.
 */
#ifndef ONTIME_SERVICE_H
#define ONTIME_SERVICE_H

#define ONTIME_SERVICE_MAGIC     0x000 /* ONTIME_SERVICE_MAGIC_VALUE */
#define ONTIME_SERVICE_VERSION   0x004 /* ONTIME_SERVICE_VERSION_VALUE */
#define ONTIME_SERVICE_DEVICE_ID 0x008 /* virtio's: 1 network, 2 block, 19 socket */
#define ONTIME_SERVICE_CLIENT    0x00C /* ONTIME_SERVICE_UP, and how often the driver's VM has started */

/*
 * What happened since the last read, which takes it away: a bit for each queue that the driver has notified,
 * and ONTIME_SERVICE_CHANGED. The interrupt comes when the first bit is set.
 */
#define ONTIME_SERVICE_PENDING 0x010
/* The Status that the driver has written; 0 with ONTIME_SERVICE_RESETTING: it waits for SERVICE_ACK. */
#define ONTIME_SERVICE_STATUS 0x014
/* Read: ONTIME_SERVICE_RESETTING or 0. Written (any value): the service does not touch the rings any more. */
#define ONTIME_SERVICE_ACK 0x018
/*
 * ONTIME_SERVICE_READY: the service serves the device; the features, queues and their size that the driver is
 * shown are fixed while it is set. While it is not set, accesses of the driver that depend on it wait, and
 * the service does not touch the rings. It is cleared when the service's VM restarts, and so are features,
 * queues and size. What the driver has set stays: a service that finds STATUS and queues set goes on with the
 * rings. When it is set, all queues that are ready and ONTIME_SERVICE_CHANGED get pending, and the interrupt
 * comes.
 *
 * ONTIME_SERVICE_BROKEN: the driver is shown DEVICE_NEEDS_RESET; cleared by a reset.
 */
#define ONTIME_SERVICE_CONTROL 0x01C

#define ONTIME_SERVICE_FEATURES        0x020 /* offered: low, then high half; written by the service */
#define ONTIME_SERVICE_DRIVER_FEATURES 0x028 /* accepted by the driver: low, then high half */
#define ONTIME_SERVICE_QUEUES          0x030 /* how many, up to ONTIME_SERVICE_QUEUES_MAX; the service writes it */
#define ONTIME_SERVICE_QUEUE_SIZE      0x034 /* the most of each, a power of 2; the service writes it */
/*
 * Written: the number of a queue: the driver's interrupt, for used buffers. ONTIME_SERVICE_CONFIG_CHANGED:
 * for a change of the configuration.
 */
#define ONTIME_SERVICE_INTERRUPT 0x038

/* The driver's RAM: the guest physical address there, and the size, low half, then high half. */
#define ONTIME_SERVICE_RAM      0x040
#define ONTIME_SERVICE_RAM_SIZE 0x048

/* Of queue n, at ONTIME_SERVICE_QUEUE + 0x20 * n; what the driver has set. */
#define ONTIME_SERVICE_QUEUE        0x080
#define ONTIME_SERVICE_QUEUE_STRIDE 0x20
#define ONTIME_SERVICE_QUEUE_NUM    0x00 /* its size */
#define ONTIME_SERVICE_QUEUE_READY  0x04
#define ONTIME_SERVICE_QUEUE_DESC   0x08 /* guest physical, in the driver's VM: low half, then high half */
#define ONTIME_SERVICE_QUEUE_DRIVER 0x10 /* of the available ring */
#define ONTIME_SERVICE_QUEUE_DEVICE 0x18 /* of the used ring */

/*
 * The device's configuration as the driver sees it, which can't write it; 1, 2 or 4 bytes an access. It may
 * be written at any time: each store counts the driver's ConfigGeneration on.
 */
#define ONTIME_SERVICE_CONFIG      0x300
#define ONTIME_SERVICE_CONFIG_SIZE 0x100

#define ONTIME_SERVICE_MAGIC_VALUE   0x76726573 /* "serv" */
#define ONTIME_SERVICE_VERSION_VALUE 1
#define ONTIME_SERVICE_QUEUES_MAX    16

/* Of ONTIME_SERVICE_PENDING, beside the bits of the queues. */
#define ONTIME_SERVICE_CHANGED 0x80000000 /* STATUS, ACK, CLIENT or a queue's READY */

#define ONTIME_SERVICE_RESETTING      1          /* of ONTIME_SERVICE_ACK */
#define ONTIME_SERVICE_READY          1          /* of ONTIME_SERVICE_CONTROL */
#define ONTIME_SERVICE_BROKEN         2          /* of ONTIME_SERVICE_CONTROL */
#define ONTIME_SERVICE_CONFIG_CHANGED 0x80000000 /* of ONTIME_SERVICE_INTERRUPT */

/* Of ONTIME_SERVICE_CLIENT, as of ONTIME_LINK_PEER. */
#define ONTIME_SERVICE_UP           1
#define ONTIME_SERVICE_STARTS_SHIFT 1

#endif
