// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "relay.h"

/* Of available rings' flags. */
enum { NO_INTERRUPT = 1 };

void relay_begin(struct relay *relay, const struct ring *driver, uint8_t *memory, bool event_index)
{
    memset(relay, 0, sizeof(*relay));
    relay->driver = *driver;
    relay->server = (struct ring){
        .size = driver->size,
        .descriptors = driver->descriptors,
        .available = (volatile uint16_t *)(void *)memory,
        .used = (volatile uint16_t *)(void *)(memory + RELAY_USED),
    };
    relay->event_index = event_index;
    relay->taken = ring_used_index(driver);
}

static void barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Up to the driver's available index; false: more than the ring can hold, or a head that can't be. */
static bool take_requests(struct relay *relay)
{
    const struct ring *driver = &relay->driver, *server = &relay->server;
    uint16_t available = driver->available[RING_INDEX], used = driver->used[RING_INDEX];
    uint32_t mask = driver->size - 1;

    barrier();
    if ((uint16_t)(available - used) > driver->size)
        return false;
    for (; relay->taken != available; relay->taken++) {
        uint16_t head = driver->available[RING_ENTRIES + (relay->taken & mask)];
        uint16_t index = server->available[RING_INDEX];

        if (head >= driver->size || relay->heads[head].is_out)
            return false;
        relay->heads[head].is_out = true;
        relay->heads[head].is_done = false;
        relay->order[relay->taken & mask] = head;
        server->available[RING_ENTRIES + (index & mask)] = head;
        barrier();
        server->available[RING_INDEX] = (uint16_t)(index + 1);
    }
    return true;
}

enum relay_result relay_requests(struct relay *relay)
{
    const struct ring *driver = &relay->driver;
    uint16_t before = relay->taken;

    do {
        if (!take_requests(relay))
            return RELAY_BROKEN;
        if (relay->event_index)
            driver->used[RING_ENTRIES + RING_USED_STRIDE * driver->size] = relay->taken;
        barrier();
    } while (driver->available[RING_INDEX] != relay->taken);
    return relay->taken != before ? RELAY_SIGNAL : RELAY_NOTHING;
}

static bool take_results(struct relay *relay)
{
    const struct ring *server = &relay->server;
    uint16_t used = server->used[RING_INDEX];

    barrier();
    for (; relay->done != used; relay->done++) {
        const volatile uint16_t *entry =
            &server->used[RING_ENTRIES + RING_USED_STRIDE * (relay->done & (server->size - 1))];
        uint16_t head = entry[0];

        if (head >= server->size || !relay->heads[head].is_out || relay->heads[head].is_done)
            return false;
        relay->heads[head].is_done = true;
        relay->heads[head].length = entry[2] | (uint32_t)entry[3] << 16;
    }
    return true;
}

enum relay_result relay_results(struct relay *relay)
{
    const struct ring *driver = &relay->driver;
    uint16_t begin = driver->used[RING_INDEX], used = begin, wanted;
    uint32_t mask = driver->size - 1;

    if (!take_results(relay))
        return RELAY_BROKEN;
    for (; used != relay->taken && relay->heads[relay->order[used & mask]].is_done; used++) {
        uint16_t head = relay->order[used & mask];
        volatile uint16_t *entry = &driver->used[RING_ENTRIES + RING_USED_STRIDE * (used & mask)];

        entry[0] = head;
        entry[1] = 0;
        entry[2] = (uint16_t)relay->heads[head].length;
        entry[3] = (uint16_t)(relay->heads[head].length >> 16);
        relay->heads[head].is_out = false;
    }
    if (used == begin)
        return RELAY_NOTHING;
    barrier();
    driver->used[RING_INDEX] = used;
    barrier();
    if (!relay->event_index)
        return driver->available[RING_FLAGS] & NO_INTERRUPT ? RELAY_NOTHING : RELAY_SIGNAL;
    /* The driver wants an interrupt when the entry `wanted` is used: it is one of those from `begin` on. */
    wanted = driver->available[RING_ENTRIES + driver->size];
    return (uint16_t)(used - wanted - 1) < (uint16_t)(used - begin) ? RELAY_SIGNAL : RELAY_NOTHING;
}
