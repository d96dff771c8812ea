// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include "rings.h"

uint8_t *ram_at(const struct ram *ram, uint64_t address, uint64_t size, uint64_t alignment)
{
    uint64_t offset = address - ram->base;

    if (address < ram->base || offset > ram->size || size > ram->size - offset || address % alignment != 0)
        return NULL;
    return ram->bytes + offset;
}

bool ring_place(struct ring *ring, const struct ram *ram, const struct queue *queue)
{
    uint64_t size = queue->size;

    if (size == 0 || size > RING_MOST || (size & (size - 1)) != 0)
        return false;
    ring->size = queue->size;
    ring->descriptors = ram_at(ram, queue->descriptors, 16 * size, 16);
    /* With the driver's and the device's event index behind the entries. */
    ring->available = (volatile uint16_t *)(void *)ram_at(ram, queue->available, 6 + 2 * size, 2);
    ring->used = (volatile uint16_t *)(void *)ram_at(ram, queue->used, 6 + 8 * size, 4);
    return ring->descriptors && ring->available && ring->used;
}

uint16_t ring_used_index(const struct ring *ring)
{
    return ring->used[RING_INDEX];
}
