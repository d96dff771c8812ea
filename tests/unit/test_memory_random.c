/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot-time allocator under random ranges, reservations and allocations: what is given out lies in RAM,
 * was never reserved and never given out before, and in the end all of it is given out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include "base/memory.h"
#include "base/stop.h"
#include "memory_world.h"
#include "random.h"

#define MIB    UINT64_C(0x100000)
#define PAGE   MEMORY_PAGE
#define BLOCK  MEMORY_BLOCK
#define DIRT   0xA5
#define ROUNDS 100
#define STEPS  60
#define UNIT   64 /* bytes: the smallest alignment */
#define UNITS  (WORLD_RAM / UNIT)

_Noreturn void stop(const char *format, ...)
{
    fail_msg("%s", format);
    __builtin_unreachable();
}

/* The model: what each unit of WORLD_RAM is. */
enum { NO_RAM, FREE, TAKEN };
static uint8_t units[UNITS];

static uint64_t bytes_free(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < UNITS; i++)
        sum += units[i] == FREE ? UNIT : 0;
    return sum;
}

static void add_random_ranges(struct random *random)
{
    uint64_t gap = WORLD_RAM / random_between(random, 2, 40);

    for (uint64_t end = 0;;) {
        uint64_t start = end + random_below(random, gap);
        uint64_t size = random_below(random, gap);

        end = start + size;
        if (end > WORLD_RAM)
            return;
        memory_add(world_address(start), size);
        for (uint64_t page = (start + PAGE - 1) / PAGE; (page + 1) * PAGE <= end; page++)
            memset(&units[page * PAGE / UNIT], FREE, PAGE / UNIT);
    }
}

static void reserve_at_random(struct random *random)
{
    uint64_t start = random_below(random, WORLD_RAM);
    uint64_t end = start + random_between(random, 1, random_below(random, 2) != 0 ? PAGE : WORLD_RAM / 8);

    memory_reserve(world_address(start), end - start);
    for (uint64_t page = start / PAGE; page * PAGE < end && page < WORLD_RAM / PAGE; page++)
        memset(&units[page * PAGE / UNIT], NO_RAM, PAGE / UNIT);
}

/* Given out: it was free. */
static void take(uint64_t offset, uint64_t size)
{
    assert_true(offset < WORLD_RAM && size <= WORLD_RAM - offset);
    for (uint64_t i = offset / UNIT; i * UNIT < offset + size; i++) {
        assert_int_equal(units[i], FREE);
        units[i] = TAKEN;
    }
}

static bool allocate(uint64_t size, uint64_t alignment)
{
    const uint8_t *memory = memory_try_allocate(size, alignment);

    if (memory == NULL)
        return false;
    assert_int_equal((uintptr_t)memory % alignment, 0);
    assert_true(memory[0] == 0 && memory[size - 1] == 0);
    take(world_offset(memory), size);
    return true;
}

static uint64_t take_blocks(uint64_t size)
{
    uint64_t left = memory_blocks_left();
    uint64_t start = 0;
    uint64_t got = memory_take_blocks(size, &start);

    assert_true(got <= size && got % BLOCK == 0 && start % BLOCK == 0);
    assert_int_equal(memory_blocks_left(), left - got);
    assert_true(got != 0 || left == 0);
    if (got != 0)
        take(start - world_address(0), got);
    return got;
}

/* Of two ranges that touch it may be refused: that all of it is free does not mean that it is given. */
static void take_at(uint64_t start, uint64_t size)
{
    if (memory_take_at(world_address(start), size))
        take(start, size);
}

static void take_all(void)
{
    for (uint64_t size = MIB; size >= UNIT; size /= 4)
        while (allocate(size, UNIT)) {
        }
    assert_int_equal(memory_blocks_left(), 0);
    assert_true(bytes_free() <= memory_lost());
}

static void give_out_at_random(const void *argument)
{
    struct random random = *(const struct random *)argument;
    unsigned reservations = (unsigned)random_below(&random, 12);

    add_random_ranges(&random);
    for (unsigned i = 0; i < reservations; i++)
        reserve_at_random(&random);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t largest = UINT64_C(1) << random_between(&random, 6, 20);

        if (random_below(&random, 4) == 0)
            take_blocks(random_between(&random, 1, 4) * BLOCK);
        else if (random_below(&random, 4) == 0)
            take_at(random_below(&random, WORLD_RAM / PAGE) * PAGE, random_between(&random, 1, 16) * PAGE);
        else /* a larger alignment would leave gaps behind */
            (void)allocate((random_below(&random, largest / UNIT) + 1) * UNIT, UNIT);
    }
    if (random_below(&random, 2) != 0)
        while (take_blocks(WORLD_RAM) != 0) {
        }
    take_all();
}

static void no_byte_twice_and_none_forgotten(void **state)
{
    struct random random = {1};

    (void)state;
    memset(world_ram, DIRT, WORLD_RAM);
    for (unsigned i = 0; i < ROUNDS; i++) {
        world_child(give_out_at_random, &random);
        random.state += 0x9E3779B97F4A7C15;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_twice_and_none_forgotten),
    };

    return world_run_alone(tests, sizeof(tests) / sizeof(tests[0]));
}
