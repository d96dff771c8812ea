// SPDX-License-Identifier: Apache-2.0
/* The timing model of a Cortex-A53's caches and TLBs (bench/a53), and what it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core.h"
#include "tally.h"

#define ALL (PENALTY_MICRO_TLB + PENALTY_TLB + PENALTY_L1 + PENALTY_L2)

/* ---- a cache */

/* Takes in what is not there; returns whether it was. */
static bool look_up(struct cache *cache, uint64_t line)
{
    if (cache_use(cache, line, line))
        return true;
    (void)cache_fill(cache, line, line);
    return false;
}

static void test_oldest_is_replaced(void **state)
{
    struct cache cache;

    (void)state;
    cache_init(&cache, 4, 3, REPLACE_OLDEST);
    assert_false(look_up(&cache, 0));
    assert_false(look_up(&cache, 4));
    assert_false(look_up(&cache, 8));
    assert_true(look_up(&cache, 0)); /* used later than 4 */
    assert_int_equal(cache_fill(&cache, 12, 12), 4);
    assert_true(look_up(&cache, 0));
    assert_true(look_up(&cache, 8));
    assert_false(cache_use(&cache, 4, 4));
    cache_free(&cache);
}

static void test_sets_are_apart(void **state)
{
    struct cache cache;

    (void)state;
    cache_init(&cache, 4, 1, REPLACE_RANDOM);
    for (uint64_t line = 0; line < 4; line++)
        assert_int_equal(cache_fill(&cache, line, line), NO_TAG);
    assert_int_equal(cache_fill(&cache, 6, 6), 2);
    assert_true(cache_use(&cache, 1, 1));
    assert_true(cache_use(&cache, 3, 3));
    assert_false(cache_use(&cache, 2, 2));
    cache_free(&cache);
}

/* A line is known by its tag, in the set of its index. */
static void test_index_and_tag(void **state)
{
    struct cache cache;

    (void)state;
    cache_init(&cache, 4, 2, REPLACE_OLDEST);
    (void)cache_fill(&cache, 1, 100);
    assert_true(cache_use(&cache, 5, 100));
    assert_false(cache_use(&cache, 2, 100));
    assert_false(cache_use(&cache, 1, 1));
    cache_free(&cache);
}

/* Each way of a full set gives way about as often, and a second cache does the same. */
static void test_random_replacement(void **state)
{
    unsigned gone[4] = {0};
    uint64_t way_of[4] = {0, 1, 2, 3}; /* which line is there */
    struct cache cache, other;

    (void)state;
    cache_init(&cache, 1, 4, REPLACE_RANDOM);
    cache_init(&other, 1, 4, REPLACE_RANDOM);
    for (uint64_t line = 0; line < 4; line++) {
        assert_int_equal(cache_fill(&cache, line, line), NO_TAG);
        assert_int_equal(cache_fill(&other, line, line), NO_TAG);
    }
    for (uint64_t line = 4; line < 4004; line++) {
        uint64_t left = cache_fill(&cache, line, line);

        assert_int_equal(cache_fill(&other, line, line), left);
        for (unsigned way = 0; way < 4; way++)
            if (way_of[way] == left) {
                gone[way]++;
                way_of[way] = line;
                break;
            }
    }
    for (unsigned way = 0; way < 4; way++)
        assert_in_range(gone[way], 900, 1100);
    cache_free(&cache);
    cache_free(&other);
}

/* ---- the core */

static struct core core;
static struct counts counts;

static int set_up(void **state)
{
    (void)state;
    counts = (struct counts){0};
    core_init(&core);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    core_free(&core);
    return 0;
}

static unsigned read_at(uint64_t address)
{
    return core_access(&core, &counts, address, address);
}

static unsigned fetch_at(uint64_t address)
{
    return core_fetch(&core, &counts, address, address);
}

static void test_penalties(void **state)
{
    (void)state;
    assert_int_equal(read_at(0x40000000), ALL);
    assert_int_equal(read_at(0x4000003F), 0);
    assert_int_equal(read_at(0x40000040), PENALTY_L1 + PENALTY_L2);
    assert_int_equal(read_at(0x40001000), ALL);
    assert_int_equal(fetch_at(0x40002000), ALL);
    assert_int_equal(fetch_at(0x4000203C), 0);
    /* Data that were fetched as instructions are in L2, and their page is in the main TLB. */
    assert_int_equal(read_at(0x40002000), PENALTY_MICRO_TLB + PENALTY_L1);
    assert_int_equal(counts.instructions, 1);
    assert_int_equal(counts.data, 4);
    assert_int_equal(counts.l2, 4);
    assert_int_equal(counts.micro_tlb, 4);
    assert_int_equal(counts.tlb, 3);
    assert_int_equal(counts.cycles,
                     4 * ALL - PENALTY_TLB - PENALTY_MICRO_TLB + PENALTY_MICRO_TLB + PENALTY_L1);
}

/* Data come into L2 when they leave L1; instructions are in both. */
static void test_what_is_in_l2(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++) /* one more than there are ways */
        (void)read_at(i << 13);
    unsigned l2 = 0;
    for (uint64_t i = 0; i < 5; i++)
        l2 += cache_use(&core.l2, i << 7, i << 7);
    assert_int_equal(l2, 1);
    (void)fetch_at(0x123440);
    assert_true(cache_use(&core.l2, 0x123440 >> 6, 0x123440 >> 6));
}

/* Two guests have the same virtual address, and another page each. */
static void test_pages_of_two_guests(void **state)
{
    (void)state;
    (void)core_access(&core, &counts, 0x400000, 0x50000000);
    (void)core_access(&core, &counts, 0x400000, 0x60000000);
    assert_int_equal(counts.tlb, 2);
    assert_int_equal(core_access(&core, &counts, 0x400000, 0x50000000), 0);
    assert_int_equal(core_access(&core, &counts, 0x400000, 0x60000000), 0);
}

/* The set of an instruction's line is its virtual address's: the same line may be there twice. */
static void test_instructions_by_virtual_address(void **state)
{
    (void)state;
    assert_int_equal(core_fetch(&core, &counts, 0x0000, 0x40000000), ALL);
    assert_int_equal(core_fetch(&core, &counts, 0x1000, 0x40000000), ALL - PENALTY_L2);
    assert_int_equal(core_fetch(&core, &counts, 0x0000, 0x40000000), 0);
    assert_int_equal(core_fetch(&core, &counts, 0x1000, 0x40000000), 0);
}

/* The micro TLBs have 10 pages, and the least recently used one leaves. */
static void test_micro_tlb(void **state)
{
    (void)state;
    for (uint64_t page = 0; page < 11; page++)
        (void)read_at(page * 0x1040);
    counts = (struct counts){0};
    assert_int_equal(read_at(10 * 0x1040), 0);
    assert_int_equal(read_at(1 * 0x1040), 0);
    assert_int_equal(read_at(0), PENALTY_MICRO_TLB);
    assert_int_equal(read_at(2 * 0x1040), PENALTY_MICRO_TLB); /* 0 has taken its place */
    assert_int_equal(counts.tlb, 0);
}

static void test_probe(void **state)
{
    (void)state;
    assert_null(core_probe());
}

/* The same accesses, drawn at random, cost the same in another core. */
static void test_two_cores_are_the_same(void **state)
{
    struct counts others = {0};
    struct core other;
    uint32_t random = 1;

    (void)state;
    core_init(&other);
    for (unsigned i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        uint64_t address = (random >> 8) % (2u << 20);

        if (random >> 31 != 0)
            assert_int_equal(read_at(address), core_access(&other, &others, address, address));
        else
            assert_int_equal(fetch_at(address), core_fetch(&other, &others, address, address));
    }
    assert_memory_equal(&counts, &others, sizeof(counts));
    assert_true(counts.l2 > 0 && counts.l2 < counts.instructions + counts.data);
    core_free(&other);
}

/* ---- the tally */

static struct tally tally;

/* So many cycles are waited for at a level, with a miss in the data cache each. */
static void waits(unsigned level, unsigned cycles)
{
    if (level != tally.level)
        tally_level(&tally, level);
    tally.counts[level].executed += 10;
    tally.counts[level].data++;
    tally.counts[level].cycles += cycles;
}

static void test_world_switches(void **state)
{
    (void)state;
    tally_vm(&tally, 1);
    waits(2, 5);
    waits(1, 0);
    tally_begin(&tally);
    waits(2, 7); /* no switch: it goes back */
    waits(1, 0);
    waits(2, 30);
    tally_vm(&tally, 2);
    waits(0, 100);
    waits(2, 40);
    tally_vm(&tally, 1);
    waits(2, 50);
    waits(1, 0);
    assert_int_equal(tally.switches.count, 2);
    assert_int_equal(tally.switches.sums[2].cycles, 120);
    assert_int_equal(tally.switches.sums[2].data, 3); /* one in the first, two in the other */
    assert_int_equal(tally.switches.greatest, 90);
    assert_int_equal(tally.counts[2].cycles, 127);
}

/* From the last instruction at EL0 to the reading that ends a sleep. */
static void test_wake_ups(void **state)
{
    (void)state;
    tally_begin(&tally);
    waits(0, 1000);
    tally_reading(&tally, 0x400);
    waits(1, 2000);
    waits(0, 3000); /* a hog */
    waits(2, 5);
    tally_line(&tally.code, 1);
    tally_line(&tally.code, 1 + FOOTPRINT);
    tally_line(&tally.code, 1);
    tally_line(&tally.data, 9);
    waits(1, 7);
    waits(0, 11);
    tally_reading(&tally, 0x440);
    assert_int_equal(tally.wakes.count, 1);
    assert_int_equal(tally.wakes.sums[0].cycles, 11);
    assert_int_equal(tally.wakes.sums[1].cycles, 7);
    assert_int_equal(tally.wakes.sums[2].cycles, 5);
    assert_int_equal(tally.wakes.greatest, 23);
    assert_int_equal(tally.hypervisor_code, 2);
    assert_int_equal(tally.hypervisor_data, 1);
    tally_reading(&tally, 0x400); /* the next sleep begins: that is no wake-up */
    assert_int_equal(tally.wakes.count, 1);
    assert_int_equal(tally.readings[0], 2);
    assert_int_equal(tally.readings[1], 1);
}

/* More lines than it has room for: it keeps as many as it can. */
static void test_full_footprint(void **state)
{
    (void)state;
    tally_begin(&tally);
    for (uint64_t line = 0; line < 3 * FOOTPRINT; line++)
        tally_line(&tally.data, 5 * line);
    assert_int_equal(tally.data.count, FOOTPRINT - 1);
}

static void test_written(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    assert_non_null(out);
    tally_begin(&tally);
    waits(0, 3);
    tally_reading(&tally, 0x400);
    waits(2, 5);
    tally_line(&tally.code, 1);
    waits(0, 0);
    tally_reading(&tally, 0x440);
    tally_write(&tally, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "what,n,el,instructions,l1i,l1d,l2,micro_tlb,tlb,cycles,greatest,code,data\n"
                              "all,1,0,20,0,2,0,0,0,3,0,0,0\n"
                              "all,1,2,10,0,1,0,0,0,5,0,0,0\n"
                              "wake,1,0,10,0,1,0,0,0,0,5,0,0\n"
                              "wake,1,2,10,0,1,0,0,0,5,5,1,0\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oldest_is_replaced),
        cmocka_unit_test(test_sets_are_apart),
        cmocka_unit_test(test_index_and_tag),
        cmocka_unit_test(test_random_replacement),
        cmocka_unit_test_setup_teardown(test_penalties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_l2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages_of_two_guests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_instructions_by_virtual_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_micro_tlb, set_up, tear_down),
        cmocka_unit_test(test_probe),
        cmocka_unit_test_setup_teardown(test_two_cores_are_the_same, set_up, tear_down),
        cmocka_unit_test(test_world_switches),
        cmocka_unit_test(test_wake_ups),
        cmocka_unit_test(test_full_footprint),
        cmocka_unit_test(test_written),
    };

    return cmocka_run_group_tests_name("a53", tests, NULL, NULL);
}
