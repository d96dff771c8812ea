/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of a virtio queue (virtio 1.2, section 2.7: split virtqueues) in the driver's RAM. The driver may
 * write there at any time, so each value is read once and is checked.
 */
#ifndef SERVICE_RINGS_H
#define SERVICE_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#define RING_MOST 1024 /* entries of a ring */

/* Of available and used rings, in units of 16 bits. */
enum { RING_FLAGS, RING_INDEX, RING_ENTRIES, RING_USED_STRIDE = 4 };

/* The driver's RAM: where it is here, and its guest physical address there. */
struct ram {
    uint8_t *bytes;
    uint64_t base;
    uint64_t size;
};

/* What the driver has set of a queue: the number of entries and guest physical addresses. */
struct queue {
    uint32_t number; /* the queue's */
    uint32_t size;
    uint64_t descriptors;
    uint64_t available;
    uint64_t used;
};

struct ring {
    uint32_t size;
    uint8_t *descriptors;
    volatile uint16_t *available; /* flags, index, entries */
    volatile uint16_t *used;      /* flags, index, then the entries */
};

/* What is at a guest physical address, or NULL when not all of it lies in the RAM or it is not aligned. */
uint8_t *ram_at(const struct ram *ram, uint64_t address, uint64_t size, uint64_t alignment);

/* False: the queue's size is no power of 2 or too large, or a ring is not in the RAM. */
bool ring_place(struct ring *ring, const struct ram *ram, const struct queue *queue);

uint16_t ring_used_index(const struct ring *ring);

#endif
