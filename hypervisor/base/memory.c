/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot-time allocator: a short list of free ranges, from whose ends pieces are cut off. Nothing is ever
 * freed.
 *
 * Small allocations come from the end of the highest range that has room, VMs' RAM from the start of the
 * lowest, so that blocks of 2 MiB stay whole.
 */
#include "base/memory.h"
#include <string.h>
#include "base/stop.h"

#define RANGES 32

struct range {
    uint64_t start, end;
};

static struct range all[RANGES], unused[RANGES];
static unsigned all_count, unused_count;
static uint64_t lost;

static void range_append(struct range *list, unsigned *count, uint64_t start, uint64_t end)
{
    if (start < end && *count < RANGES)
        list[(*count)++] = (struct range){start, end};
}

static void unused_append(uint64_t start, uint64_t end)
{
    if (start < end && unused_count == RANGES)
        lost += end - start;
    range_append(unused, &unused_count, start, end);
}

void memory_add(uint64_t start, uint64_t size)
{
    uint64_t end = (start + size) & ~(MEMORY_PAGE - 1);

    start = (start + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1);
    range_append(all, &all_count, start, end);
    unused_append(start, end);
}

void memory_reserve(uint64_t start, uint64_t size)
{
    uint64_t end = (start + size + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1);
    unsigned count = unused_count;

    start &= ~(MEMORY_PAGE - 1);
    for (unsigned i = 0; i < count; i++) {
        struct range *range = &unused[i];
        uint64_t range_end = range->end;

        if (end <= range->start || start >= range->end)
            continue;
        if (start > range->start) {
            range->end = start;
            unused_append(end, range_end);
        } else {
            range->start = end < range->end ? end : range->end;
        }
    }
}

uint64_t memory_take(uint64_t size, uint64_t alignment)
{
    struct range *best = NULL;
    uint64_t best_start = 0;

    for (unsigned i = 0; i < unused_count; i++) {
        struct range *range = &unused[i];
        uint64_t start;

        if (range->end - range->start < size)
            continue;
        start = (range->end - size) & ~(alignment - 1);
        if (start >= range->start && start >= best_start) {
            best = range;
            best_start = start;
        }
    }
    if (best == NULL)
        return 0;
    best->end = best_start;
    return best_start;
}

void *memory_try_allocate(uint64_t size, uint64_t alignment)
{
    void *memory = (void *)(uintptr_t)memory_take(size, alignment);

    return memory != NULL ? memset(memory, 0, size) : NULL;
}

void *memory_allocate(size_t size)
{
    void *memory = memory_try_allocate(size, size >= MEMORY_PAGE ? MEMORY_PAGE : 64);

    if (memory == NULL)
        stop("out of memory: no %lu KiB left for Ontime itself; give the machine more RAM or the VMs less",
             (unsigned long)(size + 1023) / 1024);
    return memory;
}

static uint64_t blocks_start(const struct range *range)
{
    return (range->start + MEMORY_BLOCK - 1) & ~(MEMORY_BLOCK - 1);
}

static uint64_t blocks_in(const struct range *range)
{
    uint64_t start = blocks_start(range);

    return start < range->end ? (range->end - start) & ~(MEMORY_BLOCK - 1) : 0;
}

/*
 * Is a range a better place for `size` bytes than the best so far, which may be NULL? The lowest range that
 * is large enough is the best, or else the largest.
 */
static bool is_better(const struct range *range, const struct range *best, uint64_t size)
{
    uint64_t room = blocks_in(range);

    if (best == NULL)
        return room != 0;
    if (room >= size)
        return blocks_in(best) < size || range->start < best->start;
    return room > blocks_in(best);
}

uint64_t memory_take_blocks(uint64_t size, uint64_t *start)
{
    struct range *best = NULL;
    uint64_t got;

    for (unsigned i = 0; i < unused_count; i++) {
        if (is_better(&unused[i], best, size))
            best = &unused[i];
    }
    if (best == NULL)
        return 0;
    *start = blocks_start(best);
    got = blocks_in(best) < size ? blocks_in(best) : size;
    /* The part of the range before its first block stays free, as a range of its own. */
    unused_append(best->start, *start);
    best->start = *start + got;
    return got;
}

bool memory_take_at(uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < unused_count; i++)
        if (start >= unused[i].start && start <= unused[i].end && size <= unused[i].end - start) {
            memory_reserve(start, size);
            return true;
        }
    return false;
}

uint64_t memory_largest(uint64_t *start)
{
    const struct range *best = NULL;

    for (unsigned i = 0; i < unused_count; i++)
        if (best == NULL || blocks_in(&unused[i]) > blocks_in(best))
            best = &unused[i];
    *start = best != NULL ? blocks_start(best) : 0;
    return best != NULL ? blocks_in(best) : 0;
}

uint64_t memory_blocks_left(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < unused_count; i++)
        sum += blocks_in(&unused[i]);
    return sum;
}

uint64_t memory_lost(void)
{
    return lost;
}

void memory_each(void (*visit)(uint64_t start, uint64_t end))
{
    for (unsigned i = 0; i < all_count; i++)
        visit(all[i].start, all[i].end);
}
