// SPDX-License-Identifier: Apache-2.0
/* What a service guest reads of a driver's rings: places with bounds, and the requests that a former server
 * has left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../guest/service/rings.h"

enum { SIZE = 8, RAM_SIZE = 1 << 16, RAM_BASE = 0x40000000 };

static uint8_t bytes[RAM_SIZE] __attribute__((aligned(4096)));
static const struct ram ram = {.bytes = bytes, .base = RAM_BASE, .size = RAM_SIZE};
static struct ring ring;

static struct queue make_queue(uint32_t size)
{
    return (struct queue){
        .size = size,
        .descriptors = RAM_BASE,
        .available = RAM_BASE + 0x8000,
        .used = RAM_BASE + 0xA000,
    };
}

static void addresses_stay_in_the_ram(void **state)
{
    (void)state;
    assert_ptr_equal(ram_at(&ram, RAM_BASE, RAM_SIZE, 4), bytes);
    assert_ptr_equal(ram_at(&ram, RAM_BASE + 16, 16, 16), bytes + 16);
    assert_ptr_equal(ram_at(&ram, RAM_BASE + RAM_SIZE - 4, 4, 4), bytes + RAM_SIZE - 4);
    assert_null(ram_at(&ram, RAM_BASE + RAM_SIZE - 4, 5, 4));
    assert_null(ram_at(&ram, RAM_BASE - 4, 4, 4));
    assert_null(ram_at(&ram, RAM_BASE + RAM_SIZE + 4, 0, 4));
    assert_null(ram_at(&ram, RAM_BASE + 4, UINT64_MAX, 4));
    assert_null(ram_at(&ram, UINT64_MAX - 3, 8, 4));
    assert_null(ram_at(&ram, RAM_BASE + 2, 4, 4));
}

static void rings_stay_in_the_ram(void **state)
{
    struct queue queue;

    (void)state;
    for (uint32_t size = 0; size <= 2 * RING_MOST; size++) {
        queue = make_queue(size);
        assert_int_equal(ring_place(&ring, &ram, &queue),
                         size && size <= RING_MOST && (size & (size - 1)) == 0);
    }
    queue = make_queue(SIZE);
    queue.descriptors = RAM_BASE + RAM_SIZE - 16 * SIZE;
    queue.available = RAM_BASE + RAM_SIZE - 6 - 2 * SIZE;
    queue.used = RAM_BASE + RAM_SIZE - 8 - 8 * SIZE;
    assert_true(ring_place(&ring, &ram, &queue));
    queue.descriptors += 16;
    assert_false(ring_place(&ring, &ram, &queue));
    queue.descriptors -= 16;
    queue.available += 2;
    assert_false(ring_place(&ring, &ram, &queue));
    queue.available -= 2;
    queue.used += 4;
    assert_false(ring_place(&ring, &ram, &queue));
    queue.used -= 4;
    queue.used += 2;
    assert_false(ring_place(&ring, &ram, &queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_stay_in_the_ram),
        cmocka_unit_test(rings_stay_in_the_ram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
