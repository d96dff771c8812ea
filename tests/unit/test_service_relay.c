// SPDX-License-Identifier: Apache-2.0
/* The relay between a driver's queue and a server that ends requests in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../guest/service/relay.h"
#include "random.h"

enum { SIZE = 8, RAM_SIZE = 1 << 14, RAM_BASE = 0x40000000 };

static uint8_t bytes[RAM_SIZE] __attribute__((aligned(4096)));
static uint8_t memory[RELAY_MEMORY] __attribute__((aligned(4096)));
static const struct ram ram = {.bytes = bytes, .base = RAM_BASE, .size = RAM_SIZE};
static struct ring ring;
static struct relay relay;

/* A server that is started, on rings that are as they are. */
static void start_server(bool event_index)
{
    memset(memory, 0, sizeof(memory));
    relay_begin(&relay, &ring, memory, event_index);
}

static void begin(uint32_t size, bool event_index)
{
    const struct queue queue = {
        .size = size, .descriptors = RAM_BASE, .available = RAM_BASE + 0x1000, .used = RAM_BASE + 0x2000};

    memset(bytes, 0, sizeof(bytes));
    assert_true(ring_place(&ring, &ram, &queue));
    start_server(event_index);
}

static void make_available(uint16_t head)
{
    uint16_t index = ring.available[RING_INDEX];

    ring.available[RING_ENTRIES + index % ring.size] = head;
    ring.available[RING_INDEX] = (uint16_t)(index + 1);
}

static void server_ends(uint32_t head)
{
    volatile uint16_t *rings = (volatile uint16_t *)(void *)(memory + RELAY_USED);
    uint32_t place = RING_ENTRIES + RING_USED_STRIDE * (rings[RING_INDEX] % relay.server.size);

    rings[place] = (uint16_t)head;
    rings[place + 2] = (uint16_t)(head + 1);
    rings[place + 3] = 2;
    rings[RING_INDEX] = (uint16_t)(rings[RING_INDEX] + 1);
}

static void expect_server_has(uint16_t index, uint16_t head)
{
    assert_true((int16_t)(relay.server.available[RING_INDEX] - index) > 0);
    assert_int_equal(relay.server.available[RING_ENTRIES + index % ring.size], head);
}

static void expect_used(uint16_t index, uint16_t head)
{
    uint32_t place = RING_ENTRIES + RING_USED_STRIDE * (index % ring.size);

    assert_true((int16_t)(ring.used[RING_INDEX] - index) > 0);
    assert_int_equal(ring.used[place] | ring.used[place + 1] << 16, head);
    assert_int_equal(ring.used[place + 2] | ring.used[place + 3] << 16, (head + 1) | 2 << 16);
}

static void requests_end_in_order(void **state)
{
    (void)state;
    begin(SIZE, false);
    assert_int_equal(relay_requests(&relay), RELAY_NOTHING);
    make_available(5);
    make_available(2);
    make_available(7);
    assert_int_equal(relay_requests(&relay), RELAY_SIGNAL);
    expect_server_has(0, 5);
    expect_server_has(1, 2);
    expect_server_has(2, 7);
    server_ends(7);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
    server_ends(2);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
    assert_int_equal(ring.used[RING_INDEX], 0);
    server_ends(5);
    assert_int_equal(relay_results(&relay), RELAY_SIGNAL);
    assert_int_equal(ring.used[RING_INDEX], 3);
    expect_used(0, 5);
    expect_used(1, 2);
    expect_used(2, 7);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
}

static void an_interrupt_comes_when_it_is_wanted(void **state)
{
    (void)state;
    begin(SIZE, false);
    ring.available[RING_FLAGS] = 1;
    make_available(1);
    relay_requests(&relay);
    server_ends(1);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
    assert_int_equal(ring.used[RING_INDEX], 1);

    /* By the event index: when entry 1 is used. */
    begin(SIZE, true);
    ring.available[RING_FLAGS] = 1;
    ring.available[RING_ENTRIES + SIZE] = 1;
    for (uint16_t head = 0; head < 4; head++)
        make_available(head);
    assert_int_equal(relay_requests(&relay), RELAY_SIGNAL);
    /* The driver is to notify of each request. */
    assert_int_equal(ring.used[RING_ENTRIES + RING_USED_STRIDE * SIZE], 4);
    server_ends(0);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
    server_ends(1);
    server_ends(2);
    assert_int_equal(relay_results(&relay), RELAY_SIGNAL);
    server_ends(3);
    assert_int_equal(relay_results(&relay), RELAY_NOTHING);
    assert_int_equal(ring.used[RING_INDEX], 4);
}

static void who_does_not_keep_to_the_rules_is_noticed(void **state)
{
    (void)state;
    begin(SIZE, false);
    make_available(SIZE);
    assert_int_equal(relay_requests(&relay), RELAY_BROKEN);
    begin(SIZE, false);
    make_available(1);
    make_available(1);
    assert_int_equal(relay_requests(&relay), RELAY_BROKEN);
    begin(SIZE, false);
    ring.available[RING_INDEX] = SIZE + 1;
    assert_int_equal(relay_requests(&relay), RELAY_BROKEN);
    begin(SIZE, false);
    ring.available[RING_INDEX] = 0xFFFF;
    assert_int_equal(relay_requests(&relay), RELAY_BROKEN);

    begin(SIZE, false);
    make_available(1);
    assert_int_equal(relay_requests(&relay), RELAY_SIGNAL);
    server_ends(2);
    assert_int_equal(relay_results(&relay), RELAY_BROKEN);
    begin(SIZE, false);
    server_ends(SIZE);
    assert_int_equal(relay_results(&relay), RELAY_BROKEN);
    begin(SIZE, false);
    make_available(0);
    make_available(1);
    relay_requests(&relay);
    server_ends(1);
    server_ends(1);
    assert_int_equal(relay_results(&relay), RELAY_BROKEN);
}

/* A driver that takes the head that was freed last, and a server that ends any of the requests that it has.
 */
enum { RING = 16 };
static struct world {
    struct random random;
    uint16_t free[RING], out[RING], given[RING];
    unsigned free_count, out_count, given_count;
    uint16_t seen_used, seen_available;
    unsigned ends, restarts;
} world;

static void remove_at(uint16_t *heads, unsigned *count, unsigned which)
{
    memmove(heads + which, heads + which + 1, (--*count - which) * sizeof(heads[0]));
}

static void make_request(void)
{
    if (world.free_count == 0)
        return;
    world.out[world.out_count++] = world.free[--world.free_count];
    make_available(world.out[world.out_count - 1]);
    assert_int_equal(relay_requests(&relay), RELAY_SIGNAL);
}

static void end_request(void)
{
    unsigned which;

    if (world.given_count == 0)
        return;
    which = (unsigned)random_below(&world.random, world.given_count);
    server_ends(world.given[which]);
    remove_at(world.given, &world.given_count, which);
}

/* The new one has exactly what the driver has not seen end, in that order. */
static void restart(void)
{
    start_server(true);
    world.seen_available = 0;
    world.given_count = 0;
    world.restarts++;
    assert_int_equal(relay_requests(&relay), world.out_count ? RELAY_SIGNAL : RELAY_NOTHING);
    assert_int_equal(relay.server.available[RING_INDEX], world.out_count);
    for (unsigned i = 0; i < world.out_count; i++)
        expect_server_has((uint16_t)i, world.out[i]);
}

static void look(void)
{
    for (; world.seen_available != relay.server.available[RING_INDEX]; world.seen_available++)
        world.given[world.given_count++] = relay.server.available[RING_ENTRIES + world.seen_available % RING];
    for (; world.seen_used != ring.used[RING_INDEX]; world.seen_used++, world.ends++) {
        expect_used(world.seen_used, world.out[0]);
        world.free[world.free_count++] = world.out[0];
        remove_at(world.out, &world.out_count, 0);
    }
}

static void a_new_server_goes_on_where_the_last_was(void **state)
{
    enum { OPERATIONS = 600000, KINDS = 110 };

    (void)state;
    begin(RING, true);
    world = (struct world){.random = {1}, .free_count = RING};
    for (unsigned i = 0; i < RING; i++)
        world.free[i] = (uint16_t)i;
    for (unsigned n = 0; n < OPERATIONS; n++) {
        uint64_t kind = random_below(&world.random, KINDS);

        if (kind < 40)
            make_request();
        else if (kind < 80)
            end_request();
        else if (kind < 109)
            assert_int_not_equal(relay_results(&relay), RELAY_BROKEN);
        else
            restart();
        look();
    }
    /* The indices have gone round. */
    assert_true(world.ends > 0x10000 && world.restarts > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_end_in_order),
        cmocka_unit_test(an_interrupt_comes_when_it_is_wanted),
        cmocka_unit_test(who_does_not_keep_to_the_rules_is_noticed),
        cmocka_unit_test(a_new_server_goes_on_where_the_last_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
