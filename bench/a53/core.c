// SPDX-License-Identifier: Apache-2.0
/* See core.h. */
#include "core.h"
#include <stdbool.h>
#include <stddef.h>

#define KIB 1024u

void core_init(struct core *core)
{
    cache_init(&core->instructions, 256, 2, REPLACE_RANDOM);
    cache_init(&core->data, 128, 4, REPLACE_RANDOM);
    cache_init(&core->l2, 512, 16, REPLACE_OLDEST);
    cache_init(&core->instruction_tlb, 1, 10, REPLACE_OLDEST);
    cache_init(&core->data_tlb, 1, 10, REPLACE_OLDEST);
    cache_init(&core->tlb, 128, 4, REPLACE_OLDEST);
}

void core_free(struct core *core)
{
    cache_free(&core->instructions);
    cache_free(&core->data);
    cache_free(&core->l2);
    cache_free(&core->instruction_tlb);
    cache_free(&core->data_tlb);
    cache_free(&core->tlb);
}

static unsigned translate(struct core *core, struct cache *micro, struct counts *counts, uint64_t virtual,
                          uint64_t physical)
{
    uint64_t page = virtual >> PAGE_SHIFT;
    uint64_t tag = page << (40 - PAGE_SHIFT) | physical >> PAGE_SHIFT; /* 40 bits of a physical address */
    unsigned cycles = PENALTY_MICRO_TLB;

    if (cache_use(micro, page, tag))
        return 0;
    counts->micro_tlb++;
    if (!cache_use(&core->tlb, page, tag)) {
        counts->tlb++;
        cycles += PENALTY_TLB;
        (void)cache_fill(&core->tlb, page, tag);
    }
    (void)cache_fill(micro, page, tag);
    return cycles;
}

/* A line that L1 has not. */
static unsigned ask_l2(struct core *core, struct counts *counts, uint64_t line)
{
    if (cache_use(&core->l2, line, line))
        return PENALTY_L1;
    counts->l2++;
    return PENALTY_L1 + PENALTY_L2;
}

static void put_into_l2(struct core *core, uint64_t line)
{
    if (line != NO_TAG && !cache_use(&core->l2, line, line))
        (void)cache_fill(&core->l2, line, line);
}

unsigned core_fetch(struct core *core, struct counts *counts, uint64_t virtual, uint64_t physical)
{
    unsigned cycles = translate(core, &core->instruction_tlb, counts, virtual, physical);
    uint64_t index = virtual >> LINE_SHIFT, line = physical >> LINE_SHIFT;

    if (!cache_use(&core->instructions, index, line)) {
        counts->instructions++;
        cycles += ask_l2(core, counts, line);
        put_into_l2(core, line);
        (void)cache_fill(&core->instructions, index, line);
    }
    counts->cycles += cycles;
    return cycles;
}

unsigned core_access(struct core *core, struct counts *counts, uint64_t virtual, uint64_t physical)
{
    unsigned cycles = translate(core, &core->data_tlb, counts, virtual, physical);
    uint64_t line = physical >> LINE_SHIFT;

    if (!cache_use(&core->data, line, line)) {
        counts->data++;
        cycles += ask_l2(core, counts, line);
        put_into_l2(core, cache_fill(&core->data, line, line));
    }
    counts->cycles += cycles;
    return cycles;
}

/* ---- the probe */

typedef unsigned access_function(struct core *core, struct counts *counts, uint64_t virtual,
                                 uint64_t physical);

/* What the last of `rounds` walks over `count` addresses costs that lie `step` apart. */
static unsigned cost_of_walk(access_function *access, unsigned count, unsigned step, unsigned rounds)
{
    struct counts counts = {0};
    unsigned cycles = 0;
    struct core core;

    core_init(&core);
    for (unsigned round = 0; round < rounds; round++) {
        cycles = 0;
        for (unsigned i = 0; i < count; i++)
            cycles += access(&core, &counts, (uint64_t)i * step, (uint64_t)i * step);
    }
    core_free(&core);
    return cycles;
}

/* Do so many bytes fit, in lines, and is one line more too much? For caches whose pages the micro TLBs hold.
 */
static bool holds(access_function *access, unsigned bytes)
{
    unsigned line = 1u << LINE_SHIFT;

    return cost_of_walk(access, bytes / line, line, 4) == 0 &&
           cost_of_walk(access, bytes / line + 1, line, 4) >= PENALTY_L1;
}

/* Do so many lines that go to one set fit, and is one more too much? They lie the cache's size apart. */
static bool has_ways(access_function *access, unsigned ways, unsigned bytes)
{
    return cost_of_walk(access, ways, bytes, 4) == 0 &&
           cost_of_walk(access, ways + 1, bytes, 4) >= PENALTY_L1;
}

/*
 * Does each of so many accesses cost less than the penalty, and do most of twice as many cost as much? Not
 * all, as the cache before has some of them.
 */
static bool costs_from(unsigned count, unsigned step, unsigned penalty)
{
    return cost_of_walk(core_access, count, step, 4) < count * penalty &&
           cost_of_walk(core_access, 2 * count, step, 4) >= count * penalty * 3 / 2;
}

const char *core_probe(void)
{
    unsigned first = PENALTY_MICRO_TLB + PENALTY_TLB + PENALTY_L1 + PENALTY_L2;
    unsigned line = 1u << LINE_SHIFT, page = 1u << PAGE_SHIFT;

    if (cost_of_walk(core_access, 1, 0, 1) != first || cost_of_walk(core_fetch, 1, 0, 1) != first)
        return "what the first access costs";
    if (cost_of_walk(core_access, 2, line - 1, 1) != first ||
        cost_of_walk(core_access, 2, line, 1) != first + PENALTY_L1 + PENALTY_L2)
        return "the size of a line";
    if (!holds(core_fetch, 32 * KIB) || !has_ways(core_fetch, 2, 32 * KIB))
        return "the instruction cache";
    if (!holds(core_access, 32 * KIB) || !has_ways(core_access, 4, 32 * KIB))
        return "the data cache";
    if (!costs_from(512 * KIB / line, line, PENALTY_L2) || !costs_from(16, 512 * KIB, PENALTY_L2))
        return "the L2 cache";
    if (!costs_from(10, page + line, PENALTY_MICRO_TLB) || !costs_from(512, page + line, PENALTY_TLB))
        return "a TLB";
    return NULL;
}
