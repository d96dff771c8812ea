/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot-time allocator by examples: ranges, reservations, allocations from the top, blocks from the
 * bottom, and what happens when there is nothing left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "base/stop.h"
#include "memory_world.h"

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define PAGE   MEMORY_PAGE
#define BLOCK  MEMORY_BLOCK
#define DIRT   0xA5
#define RANGES 32 /* that the allocator has room for */

static char stop_text[256];
static jmp_buf stopped;

_Noreturn void stop(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(stop_text, sizeof(stop_text), format, arguments);
    va_end(arguments);
    longjmp(stopped, 1);
}

static void add(uint64_t offset, uint64_t size)
{
    memory_add(world_address(offset), size);
}

static void reserve(uint64_t offset, uint64_t size)
{
    memory_reserve(world_address(offset), size);
}

static void expect_allocation(uint64_t size, uint64_t offset)
{
    assert_int_equal(world_offset(memory_allocate(size)), offset);
}

static void expect_try(uint64_t size, uint64_t alignment, uint64_t offset)
{
    const void *memory = memory_try_allocate(size, alignment);

    assert_non_null(memory);
    assert_int_equal(world_offset(memory), offset);
}

static void expect_blocks(uint64_t size, uint64_t got, uint64_t offset)
{
    uint64_t start = 0;

    assert_int_equal(memory_take_blocks(size, &start), got);
    assert_int_equal(start, world_address(offset));
}

static void expect_no_blocks(void)
{
    uint64_t start = 1;

    assert_int_equal(memory_blocks_left(), 0);
    assert_int_equal(memory_take_blocks(BLOCK, &start), 0);
    assert_int_equal(start, 1);
}

/* Takes all that is left: `pages` has '#' for each page that is to be free, from `world_ram` on. */
static void expect_free(const char *pages)
{
    char found[64] = "";
    const void *page;

    assert_true(strlen(pages) < sizeof(found));
    memset(found, '.', strlen(pages));
    while ((page = memory_try_allocate(PAGE, PAGE)) != NULL) {
        assert_true(world_offset(page) / PAGE < strlen(pages));
        found[world_offset(page) / PAGE] = '#';
    }
    assert_string_equal(found, pages);
}

static struct {
    uint64_t start, end;
} visited[RANGES + 1];
static unsigned visits;

static void visit(uint64_t start, uint64_t end)
{
    assert_true(visits <= RANGES);
    visited[visits].start = start;
    visited[visits++].end = end;
}

static void expect_visit(unsigned n, uint64_t offset, uint64_t end)
{
    assert_true(n < visits);
    assert_int_equal(visited[n].start, world_address(offset));
    assert_int_equal(visited[n].end, world_address(end));
}

static void ranges_are_whole_pages(void **state)
{
    (void)state;
    add(8 * PAGE, 2 * PAGE);
    add(1, 3 * PAGE);                 /* from 1 to 3 */
    add(5 * PAGE - 1, PAGE + 1);      /* from 5 to 6 */
    add(12 * PAGE + 1, 2 * PAGE - 2); /* not one whole page */
    add(14 * PAGE, PAGE - 1);
    add(15 * PAGE, 0);
    memory_each(visit);
    assert_int_equal(visits, 3);
    expect_visit(0, 8 * PAGE, 10 * PAGE);
    expect_visit(1, PAGE, 3 * PAGE);
    expect_visit(2, 5 * PAGE, 6 * PAGE);
    assert_int_equal(memory_lost(), 0);
    expect_free(".##..#..##......");
}

static void use_has_no_effect_on_what_there_is(void **state)
{
    (void)state;
    add(0, 4 * BLOCK);
    reserve(0, PAGE);
    expect_allocation(PAGE, 4 * BLOCK - PAGE);
    expect_blocks(BLOCK, BLOCK, BLOCK);
    memory_each(visit);
    assert_int_equal(visits, 1);
    expect_visit(0, 0, 4 * BLOCK);
}

struct reservation {
    uint64_t offset, size;
    const char *pages;
};

static void check_reservation(const void *argument)
{
    const struct reservation *example = argument;

    add(8 * PAGE, 3 * PAGE);
    add(2 * PAGE, 4 * PAGE);
    reserve(example->offset, example->size);
    assert_int_equal(memory_lost(), 0);
    expect_free(example->pages);
}

static void reservations_are_cut_out(void **state)
{
    static const struct reservation examples[] = {
        {0, 2 * PAGE, "..####..###."},        /* ends where RAM begins */
        {6 * PAGE, 2 * PAGE, "..####..###."}, /* lies between */
        {11 * PAGE, PAGE, "..####..###."},    /* begins where RAM ends */
        {3 * PAGE, 0, "..####..###."},        /* is empty */
        {2 * PAGE, PAGE, "...###..###."},     /* the beginning */
        {PAGE, 2 * PAGE, "...###..###."},     /* across the beginning */
        {0, 2 * PAGE + 1, "...###..###."},    /* a byte of the first page */
        {5 * PAGE, PAGE, "..###...###."},     /* the end */
        {5 * PAGE, 2 * PAGE, "..###...###."}, /* across the end */
        {6 * PAGE - 1, 1, "..###...###."},    /* a byte of the last page */
        {3 * PAGE, 2 * PAGE, "..#..#..###."}, /* the middle */
        {3 * PAGE, PAGE, "..#.##..###."},     /* the middle */
        {4 * PAGE - 1, 2, "..#..#..###."},    /* a byte of each of two pages */
        {2 * PAGE, 4 * PAGE, "........###."}, /* all of it */
        {PAGE, 6 * PAGE, "........###."},     /* and more */
        {4 * PAGE, 5 * PAGE, "..##.....##."}, /* of both ranges */
        {9 * PAGE, PAGE, "..####..#.#."},     /* of the second only */
        {0, 16 * PAGE, "............"},       /* everything */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        world_child(check_reservation, &examples[i]);
}

static void reservations_add_up(void **state)
{
    (void)state;
    add(0, 12 * PAGE);
    reserve(2 * PAGE, PAGE);
    reserve(6 * PAGE, PAGE);
    reserve(6 * PAGE, PAGE);
    reserve(2 * PAGE, 2 * PAGE);
    reserve(9 * PAGE, 2 * PAGE);
    expect_free("##..##.##..#");
}

static void a_byte_reserves_its_page(void **state)
{
    (void)state;
    add(0, 2 * PAGE);
    reserve(PAGE + 1, 1);
    expect_try(1, 1, PAGE - 1);
}

/* As many ranges as there is room for, of two pages, with a page between them. */
static void fill_the_list(void)
{
    for (unsigned i = 0; i < RANGES; i++)
        add(i * 3 * PAGE, 2 * PAGE);
    assert_int_equal(memory_lost(), 0);
}

static void a_range_too_many_is_lost(void **state)
{
    (void)state;
    fill_the_list();
    add(RANGES * 3 * PAGE, 5 * PAGE);
    assert_int_equal(memory_lost(), 5 * PAGE);
    add(RANGES * 4 * PAGE, PAGE);
    add(RANGES * 4 * PAGE, 0);
    assert_int_equal(memory_lost(), 6 * PAGE);
    memory_each(visit);
    assert_int_equal(visits, RANGES);
    expect_visit(RANGES - 1, (RANGES - 1) * 3 * PAGE, (RANGES * 3 - 1) * PAGE);
    for (unsigned i = 0; i < 2 * RANGES; i++)
        assert_non_null(memory_try_allocate(PAGE, PAGE));
    assert_null(memory_try_allocate(PAGE, PAGE));
}

static void what_a_reservation_cuts_off_may_be_lost(void **state)
{
    (void)state;
    for (unsigned i = 1; i < RANGES; i++)
        add(i * 3 * PAGE, 2 * PAGE);
    add(RANGES * 3 * PAGE, 8 * PAGE);
    reserve(3 * PAGE, PAGE); /* the beginning and the end of a range need no room in the list */
    reserve(7 * PAGE, PAGE);
    assert_int_equal(memory_lost(), 0);
    reserve((RANGES * 3 + 2) * PAGE, PAGE);
    assert_int_equal(memory_lost(), 5 * PAGE);
    reserve((RANGES * 3 + 2) * PAGE, 6 * PAGE);
    assert_int_equal(memory_lost(), 5 * PAGE);
    expect_allocation(2 * PAGE, RANGES * 3 * PAGE);
}

static void what_lies_before_a_block_may_be_lost(void **state)
{
    (void)state;
    for (unsigned i = 1; i < RANGES; i++)
        add(i * 3 * PAGE, 2 * PAGE);
    add(BLOCK - 3 * PAGE, BLOCK + 3 * PAGE);
    expect_blocks(BLOCK, BLOCK, BLOCK);
    assert_int_equal(memory_lost(), 3 * PAGE);
}

static void allocations_come_from_the_top(void **state)
{
    (void)state;
    add(4 * PAGE, 4 * PAGE);
    expect_allocation(1, 8 * PAGE - 64);
    expect_allocation(64, 8 * PAGE - 128);
    expect_allocation(65, 8 * PAGE - 256);
    expect_allocation(PAGE - 1, 7 * PAGE - 256);
    expect_allocation(PAGE, 5 * PAGE);
    expect_allocation(100, 5 * PAGE - 128);
    expect_allocation(PAGE - 128, 4 * PAGE);
    assert_null(memory_try_allocate(1, 64));
    assert_int_equal(memory_lost(), 0);
}

static void a_page_and_more_begins_at_a_page(void **state)
{
    (void)state;
    add(0, 8 * PAGE);
    expect_allocation(PAGE + 1, 6 * PAGE);
    expect_allocation(4 * PAGE + 64, PAGE);
    assert_null(memory_try_allocate(2 * PAGE, PAGE));
    expect_allocation(PAGE, 0);
}

static void the_highest_range_comes_first(void **state)
{
    (void)state;
    add(8 * PAGE, 2 * PAGE);
    add(16 * PAGE, PAGE);
    add(0, 8 * PAGE); /* one that ends where another begins is still its own */
    add(12 * PAGE, 2 * PAGE);
    expect_allocation(2 * PAGE, 12 * PAGE); /* the highest that has room */
    expect_allocation(64, 17 * PAGE - 64);
    expect_allocation(PAGE - 64, 16 * PAGE);
    expect_allocation(3 * PAGE, 5 * PAGE);
    expect_allocation(64, 10 * PAGE - 64);
}

static void alignment_may_be_any_power_of_two(void **state)
{
    (void)state;
    add(PAGE, 2 * BLOCK);
    assert_null(memory_try_allocate(BLOCK + PAGE + 1, BLOCK)); /* the room is there, but not so aligned */
    expect_try(PAGE + 1, BLOCK, BLOCK);
    expect_try(PAGE, 4 * PAGE, BLOCK - 4 * PAGE);
    expect_try(24, 8, BLOCK - 4 * PAGE - 24);
    assert_null(memory_try_allocate(PAGE, BLOCK));
    assert_null(memory_try_allocate(BLOCK, 1));
    expect_try(PAGE, PAGE, BLOCK - 6 * PAGE);
}

/* It may not be mapped yet. */
static void what_is_taken_is_not_touched(void **state)
{
    (void)state;
    add(0, 2 * BLOCK);
    memset(world_ram, DIRT, 2 * BLOCK);
    assert_int_equal(memory_take(5 * PAGE, PAGE), world_address(2 * BLOCK - 5 * PAGE));
    for (uint64_t i = 0; i < 2 * BLOCK; i++)
        assert_int_equal(world_ram[i], DIRT);
    expect_try(PAGE, PAGE, 2 * BLOCK - 6 * PAGE);
    assert_int_equal(memory_take(2 * BLOCK, PAGE), 0);
}

static void no_size_is_too_large_to_be_refused(void **state)
{
    (void)state;
    add(0, PAGE);
    for (unsigned bit = 12; bit < 64; bit++) {
        assert_null(memory_try_allocate((UINT64_C(1) << bit) + 1, 64));
        assert_null(memory_try_allocate((UINT64_C(1) << bit) + 1, PAGE));
    }
    assert_null(memory_try_allocate(UINT64_MAX, 1));
    expect_try(PAGE, PAGE, 0);
}

static bool take_at(uint64_t offset, uint64_t size)
{
    return memory_take_at(world_address(offset), size);
}

static void memory_is_taken_at_a_place(void **state)
{
    (void)state;
    add(2 * PAGE, 4 * PAGE);
    add(8 * PAGE, 3 * PAGE);
    assert_false(take_at(PAGE, 2 * PAGE));
    assert_false(take_at(5 * PAGE, 2 * PAGE));
    assert_false(take_at(4 * PAGE, 5 * PAGE)); /* of both, and what is between */
    assert_false(take_at(6 * PAGE, PAGE));
    assert_false(take_at(2 * PAGE, UINT64_MAX));
    assert_false(memory_take_at(UINT64_MAX - PAGE + 1, 2 * PAGE));
    assert_true(take_at(3 * PAGE, 2 * PAGE));
    assert_false(take_at(4 * PAGE, PAGE)); /* it is taken */
    assert_true(take_at(8 * PAGE, 3 * PAGE));
    assert_int_equal(memory_lost(), 0);
    expect_free("..#..#......");
}

static void the_largest_piece_is_named(void **state)
{
    uint64_t start = 1;

    (void)state;
    assert_int_equal(memory_largest(&start), 0);
    assert_int_equal(start, 0);
    add(PAGE, 2 * BLOCK);
    add(4 * BLOCK, 2 * BLOCK + PAGE);
    add(8 * BLOCK, 2 * BLOCK);
    assert_int_equal(memory_largest(&start), 2 * BLOCK);
    assert_int_equal(start, world_address(4 * BLOCK));
    assert_true(take_at(5 * BLOCK, BLOCK));
    assert_int_equal(memory_largest(&start), 2 * BLOCK);
    assert_int_equal(start, world_address(8 * BLOCK));
}

static void nothing_is_left_when_all_is_given_out(void **state)
{
    uint64_t start;

    (void)state;
    assert_null(memory_try_allocate(1, 1));
    assert_int_equal(memory_blocks_left(), 0);
    assert_int_equal(memory_take_blocks(BLOCK, &start), 0);
    memory_each(visit);
    assert_int_equal(visits, 0);
}

static void memory_is_zero_and_its_neighbours_are_not_touched(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 63, 64, 200, PAGE - 1, PAGE, 3 * PAGE + 5};

    memset(world_ram, DIRT, 16 * PAGE);
    add(0, 16 * PAGE);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t start = world_offset(memory_allocate(sizes[i]));

        for (uint64_t k = 0; k < 16 * PAGE; k++)
            assert_int_equal(world_ram[k], k >= start && k < start + sizes[i] ? 0 : DIRT);
        memset(world_ram, DIRT, 16 * PAGE);
    }
}

static void the_machine_stops_when_ontime_has_no_memory(void **state)
{
    static const struct {
        size_t size;
        const char *kib;
    } examples[] = {{PAGE + 1, "5"}, {5 * KIB, "5"}, {5 * KIB + 1, "6"}, {100 * MIB, "102400"}};
    char expected[sizeof(stop_text)];

    (void)state;
    add(0, PAGE);
    for (volatile unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        if (setjmp(stopped) == 0) {
            (void)memory_allocate(examples[i].size);
            fail_msg("not stopped");
        }
        snprintf(expected, sizeof(expected),
                 "out of memory: no %s KiB left for Ontime itself; give the machine more RAM or the VMs less",
                 examples[i].kib);
        assert_string_equal(stop_text, expected);
    }
    expect_allocation(PAGE, 0);
}

static void blocks_come_from_the_bottom(void **state)
{
    (void)state;
    memset(world_ram, DIRT, 4 * BLOCK);
    add(0, 4 * BLOCK);
    assert_int_equal(memory_blocks_left(), 4 * BLOCK);
    expect_blocks(BLOCK, BLOCK, 0);
    assert_int_equal(world_ram[0], DIRT); /* not zeroed: loading a VM does it */
    expect_blocks(2 * BLOCK, 2 * BLOCK, BLOCK);
    assert_int_equal(memory_blocks_left(), BLOCK);
    expect_blocks(2 * BLOCK, BLOCK, 3 * BLOCK);
    expect_no_blocks();
    assert_null(memory_try_allocate(1, 1));
    assert_int_equal(memory_lost(), 0);
}

static void blocks_are_whole(void **state)
{
    (void)state;
    add(BLOCK - PAGE, 2 * BLOCK); /* one whole block, a page before and the rest behind it */
    add(6 * BLOCK - PAGE, BLOCK); /* none */
    add(8 * BLOCK + PAGE, 16 * PAGE);
    add(10 * BLOCK, BLOCK - PAGE);
    assert_int_equal(memory_blocks_left(), BLOCK);
    expect_blocks(4 * BLOCK, BLOCK, BLOCK);
    expect_no_blocks();
    /* What lies around the blocks is still of use. */
    reserve(2 * BLOCK, 14 * BLOCK);
    expect_try(PAGE, 1, BLOCK - PAGE);
    assert_null(memory_try_allocate(1, 1));
}

static void small_allocations_make_fewer_blocks(void **state)
{
    (void)state;
    add(0, 2 * BLOCK);
    expect_try(1, 1, 2 * BLOCK - 1);
    assert_int_equal(memory_blocks_left(), BLOCK);
    expect_allocation(BLOCK, BLOCK - PAGE);
    expect_no_blocks();
}

static void the_lowest_range_that_is_large_enough(void **state)
{
    (void)state;
    add(9 * BLOCK, 3 * BLOCK);
    add(4 * BLOCK, 2 * BLOCK);
    add(0, BLOCK);
    add(13 * BLOCK, 2 * BLOCK);
    add(2 * BLOCK, BLOCK);
    assert_int_equal(memory_blocks_left(), 9 * BLOCK);
    /* Not the first in the list, nor the lowest, nor the largest. */
    expect_blocks(2 * BLOCK, 2 * BLOCK, 4 * BLOCK);
    expect_blocks(BLOCK, BLOCK, 0);
    expect_blocks(2 * BLOCK, 2 * BLOCK, 9 * BLOCK);
    expect_blocks(2 * BLOCK, 2 * BLOCK, 13 * BLOCK);
    expect_blocks(BLOCK, BLOCK, 2 * BLOCK);
    expect_blocks(BLOCK, BLOCK, 11 * BLOCK);
    expect_no_blocks();
}

static void or_else_the_largest(void **state)
{
    (void)state;
    add(0, BLOCK);
    add(10 * BLOCK, 3 * BLOCK);
    add(2 * BLOCK, 2 * BLOCK);
    add(6 * BLOCK, 3 * BLOCK);
    expect_blocks(4 * BLOCK, 3 * BLOCK, 10 * BLOCK); /* of two that are alike the first in the list */
    expect_blocks(4 * BLOCK, 3 * BLOCK, 6 * BLOCK);
    expect_blocks(4 * BLOCK, 2 * BLOCK, 2 * BLOCK);
    expect_blocks(4 * BLOCK, BLOCK, 0);
    expect_no_blocks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_whole_pages),
        cmocka_unit_test(use_has_no_effect_on_what_there_is),
        cmocka_unit_test(reservations_are_cut_out),
        cmocka_unit_test(reservations_add_up),
        cmocka_unit_test(a_byte_reserves_its_page),
        cmocka_unit_test(a_range_too_many_is_lost),
        cmocka_unit_test(what_a_reservation_cuts_off_may_be_lost),
        cmocka_unit_test(what_lies_before_a_block_may_be_lost),
        cmocka_unit_test(allocations_come_from_the_top),
        cmocka_unit_test(a_page_and_more_begins_at_a_page),
        cmocka_unit_test(the_highest_range_comes_first),
        cmocka_unit_test(alignment_may_be_any_power_of_two),
        cmocka_unit_test(what_is_taken_is_not_touched),
        cmocka_unit_test(no_size_is_too_large_to_be_refused),
        cmocka_unit_test(memory_is_taken_at_a_place),
        cmocka_unit_test(the_largest_piece_is_named),
        cmocka_unit_test(nothing_is_left_when_all_is_given_out),
        cmocka_unit_test(memory_is_zero_and_its_neighbours_are_not_touched),
        cmocka_unit_test(the_machine_stops_when_ontime_has_no_memory),
        cmocka_unit_test(blocks_come_from_the_bottom),
        cmocka_unit_test(blocks_are_whole),
        cmocka_unit_test(small_allocations_make_fewer_blocks),
        cmocka_unit_test(the_lowest_range_that_is_large_enough),
        cmocka_unit_test(or_else_the_largest),
    };

    return world_run_alone(tests, sizeof(tests) / sizeof(tests[0]));
}
