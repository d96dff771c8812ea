/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EL2's own address space: identity map, 4 KiB granule, 48 bits, tables from a static pool.
 *
 * Text is read-only, everything else no-execute, read-only data read-only, and the page below each stack
 * stays unmapped. Entries only ever go from invalid to valid, so no TLB maintenance is needed after boot (Arm
 * ARM D8.13.1); a DSB makes a new entry visible to the table walker, an ISB to the instructions that follow.
 *
 * mmu_build() runs with the MMU off, where an unaligned access faults; it is compiled with -mstrict-align
 * like all of EL2's code.
 */
#include "arch/arm64/mmu.h"
#include "core/arch.h"
#include "sysreg.h"
#include <stddef.h>

#define PAGE         UINT64_C(4096)
#define TABLES       128
#define TREE_MAX     (UINT64_C(2) << 20) /* a device tree is at most 2 MiB: booting.rst */
#define LEAF_LEVEL   3
#define ENTRY_VALID  UINT64_C(1)
#define ENTRY_TABLE  UINT64_C(2) /* levels 0..2: points to a table; level 3: must be set */
#define ENTRY_AF     (UINT64_C(1) << 10)
#define ENTRY_INNER  (UINT64_C(3) << 8)
#define ENTRY_RO     (UINT64_C(1) << 7)
#define ENTRY_RES1   (UINT64_C(1) << 6) /* AP[1] is RES1 at EL2 */
#define ENTRY_XN     (UINT64_C(1) << 54)
#define ENTRY_DEVICE (UINT64_C(0) << 2)
#define ENTRY_NORMAL (UINT64_C(1) << 2)
#define ENTRY_PA     UINT64_C(0x0000FFFFFFFFF000)

#define MAIR UINT64_C(0xFF04) /* 0: Device-nGnRE, 1: Normal write-back */
#define TCR_FIXED                                                                                            \
    (UINT64_C(0x80800000) | 16 | (1 << 8) | (1 << 10) | (3 << 12)) /* T0SZ 16, WB, inner shareable */

extern char image_start[], text_end[], rodata_end[], relro_end[], image_end[], stacks_start[];
extern char boot_stack_guard[];

static _Alignas(4096) uint64_t tables[TABLES][512];
static unsigned tables_used = 1; /* tables[0] is the root */

static uint64_t entry_attributes(enum mmu_memory memory)
{
    uint64_t common = ENTRY_VALID | ENTRY_AF | ENTRY_RES1;

    switch (memory) {
    case MMU_TEXT:
        return common | ENTRY_NORMAL | ENTRY_INNER | ENTRY_RO;
    case MMU_RODATA:
        return common | ENTRY_NORMAL | ENTRY_INNER | ENTRY_RO | ENTRY_XN;
    case MMU_DATA:
        return common | ENTRY_NORMAL | ENTRY_INNER | ENTRY_XN;
    case MMU_DEVICE:
        break;
    }
    return common | ENTRY_DEVICE | ENTRY_XN;
}

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * (LEAF_LEVEL - level);
}

static uint64_t *next_table(uint64_t *entry)
{
    if (!(*entry & ENTRY_VALID)) {
        if (tables_used == TABLES)
            return NULL;
        *entry = (uint64_t)(uintptr_t)tables[tables_used++] | ENTRY_TABLE | ENTRY_VALID;
    }
    return (uint64_t *)(uintptr_t)(*entry & ENTRY_PA);
}

/* Maps one block or page at `address`, the largest that fits, and returns its size; 0 when out of tables. */
static uint64_t map_one(uint64_t address, uint64_t end, uint64_t attributes)
{
    uint64_t *table = tables[0];

    for (unsigned level = 0;; level++) {
        uint64_t size = UINT64_C(1) << level_shift(level);
        uint64_t *entry = &table[(address >> level_shift(level)) & 511];
        bool fits = (address & (size - 1)) == 0 && end - address >= size;

        if (level == LEAF_LEVEL) {
            if (!(*entry & ENTRY_VALID))
                *entry = address | attributes | ENTRY_TABLE;
            return size;
        }
        if (level > 0 && (*entry & (ENTRY_VALID | ENTRY_TABLE)) == ENTRY_VALID)
            return size - (address & (size - 1)); /* a block stands here already */
        if (level > 0 && fits && !(*entry & ENTRY_VALID)) {
            *entry = address | attributes;
            return size;
        }
        table = next_table(entry);
        if (table == NULL)
            return 0;
    }
}

bool mmu_map(uint64_t start, uint64_t end, enum mmu_memory memory)
{
    uint64_t attributes = entry_attributes(memory);
    uint64_t address = start & ~(PAGE - 1);

    while (address < end) {
        uint64_t size = map_one(address, (end + PAGE - 1) & ~(PAGE - 1), attributes);

        if (size == 0)
            return false;
        address += size;
    }
    dsb(ishst);
    isb();
    return true;
}

bool arch_map_device(uint64_t start, uint64_t size)
{
    return mmu_map(start, start + size, MMU_DEVICE);
}

uint64_t mmu_image_start(void)
{
    return (uint64_t)(uintptr_t)image_start;
}

uint64_t mmu_image_end(void)
{
    return (uint64_t)(uintptr_t)image_end;
}

bool mmu_map_ram(uint64_t start, uint64_t end)
{
    uint64_t hole_start = mmu_image_start();
    uint64_t hole_end = mmu_image_end();

    if (end <= hole_start || start >= hole_end)
        return mmu_map(start, end, MMU_DATA);
    return (start >= hole_start || mmu_map(start, hole_start, MMU_DATA)) &&
           (end <= hole_end || mmu_map(hole_end, end, MMU_DATA));
}

void mmu_build(uint64_t tree)
{
    uint64_t guard = (uint64_t)(uintptr_t)boot_stack_guard;

    mmu_map(mmu_image_start(), (uint64_t)(uintptr_t)text_end, MMU_TEXT);
    mmu_map((uint64_t)(uintptr_t)text_end, (uint64_t)(uintptr_t)relro_end, MMU_RODATA);
    mmu_map((uint64_t)(uintptr_t)relro_end, guard, MMU_DATA);
    mmu_map(guard + PAGE, mmu_image_end(), MMU_DATA);
    mmu_map_ram(tree, tree + TREE_MAX);
}

void mmu_configure(void)
{
    uint64_t range = read_sysreg(id_aa64mmfr0_el1) & 15;

    if (range > 5)
        range = 5; /* 48 bits: more needs a larger granule */
    write_sysreg(mair_el2, MAIR);
    write_sysreg(tcr_el2, TCR_FIXED | range << 16);
    write_sysreg(ttbr0_el2, (uint64_t)(uintptr_t)tables[0]);
    isb();
}
