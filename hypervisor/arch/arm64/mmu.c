/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EL2's own address space: an identity map with the 4 KiB granule and 48 bits. The tables come from a
 * static pool.
 *
 * Text is read-only, and nothing else can be executed. Read-only data is read-only, and so are the machine's
 * tree and the system file with the guests' images. The page below a stack is never mapped.
 *
 * An entry only ever goes from invalid to valid, so no TLB maintenance is needed after boot (Arm ARM
 * D8.13.1). A DSB makes a new entry visible to table walks, and an ISB to the instructions that follow.
 *
 * mmu_build() and mmu_configure() run with the MMU off. An unaligned access would fault there, so EL2 is
 * compiled with -mstrict-align.
 */
#include "layout.h"
#include "register_bits.h"
#include "arch/arm64/mmu.h"
#include <stddef.h>
#include "base/arch.h"
#include "boot/arch_boot.h"
#include "sysreg.h"

#define PAGE       UINT64_C(4096)
#define TABLES     128
#define TREE_MAX   (UINT32_C(2) << 20) /* a device tree is at most 2 MiB: booting.rst */
#define TREE_MAGIC 0xD00DFEED
#define LEAF_LEVEL 3
#define GUARD      DESCRIPTOR_TABLE /* in an entry for a page: not valid, and stays so */

/* Indexes in MAIR_EL2. */
#define DEVICE 0
#define NORMAL 1
#define MAIR   (MAIR_ATTR(DEVICE, MAIR_DEVICE_NGNRE) | MAIR_ATTR(NORMAL, MAIR_NORMAL_WB))

/* All but PS: 48 bits of virtual addresses. */
#define TCR_FIXED                                                                                            \
    (TCR_EL2_RES1 | TCR_EL2_T0SZ(64 - 48) | TCR_EL2_IRGN0_WB | TCR_EL2_ORGN0_WB | TCR_EL2_SH0_INNER)

enum mmu_memory { MMU_TEXT, MMU_RODATA, MMU_DATA, MMU_DEVICE };

extern char image_start[], text_end[], relro_end[], image_end[], boot_stack_guard[];

static _Alignas(4096) uint64_t tables[TABLES][512];
static unsigned tables_used = 1; /* tables[0] is the root */

static uint64_t entry_attributes(enum mmu_memory memory)
{
    uint64_t common = DESCRIPTOR_VALID | DESCRIPTOR_AF | STAGE1_AP1;
    uint64_t normal = common | DESCRIPTOR_SH_INNER | STAGE1_ATTRINDX(NORMAL);

    switch (memory) {
    case MMU_TEXT:
        return normal | STAGE1_AP2;
    case MMU_RODATA:
        return normal | STAGE1_AP2 | STAGE1_XN;
    case MMU_DATA:
        return normal | STAGE1_XN;
    case MMU_DEVICE:
        break;
    }
    return common | STAGE1_ATTRINDX(DEVICE) | STAGE1_XN;
}

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * (LEAF_LEVEL - level);
}

static uint64_t *next_table(uint64_t *entry)
{
    if (!(*entry & DESCRIPTOR_VALID)) {
        if (tables_used == TABLES)
            return NULL;
        *entry = (uint64_t)(uintptr_t)tables[tables_used++] | DESCRIPTOR_TABLE | DESCRIPTOR_VALID;
    }
    return (uint64_t *)(uintptr_t)(*entry & DESCRIPTOR_ADDRESS);
}

/*
 * Maps one block or page at `address`, the largest that fits. Returns how far it reaches from there, 0 when
 * out of tables.
 */
static uint64_t map_one(uint64_t address, uint64_t end, uint64_t attributes)
{
    uint64_t *table = tables[0];

    for (unsigned level = 0;; level++) {
        uint64_t size = UINT64_C(1) << level_shift(level);
        uint64_t *entry = &table[(address >> level_shift(level)) & 511];
        bool fits = (address & (size - 1)) == 0 && end - address >= size;

        if (level == LEAF_LEVEL) {
            if (*entry == 0)
                *entry = address | attributes | DESCRIPTOR_TABLE;
            return size;
        }
        if (level > 0 && (*entry & (DESCRIPTOR_VALID | DESCRIPTOR_TABLE)) == DESCRIPTOR_VALID)
            return size - (address & (size - 1)); /* there is a block already */
        if (level > 0 && fits && !(*entry & DESCRIPTOR_VALID)) {
            *entry = address | attributes;
            return size;
        }
        table = next_table(entry);
        if (table == NULL)
            return 0;
    }
}

/*
 * Maps [start, end) at the same virtual address, page by page; what is mapped already stays as it is. Returns
 * false when the static pool of tables is used up.
 */
static bool mmu_map(uint64_t start, uint64_t end, enum mmu_memory memory)
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

uint64_t arch_image_start(void)
{
    return (uint64_t)(uintptr_t)image_start;
}

uint64_t arch_image_end(void)
{
    return (uint64_t)(uintptr_t)image_end;
}

bool arch_map_device(uint64_t start, uint64_t size)
{
    return mmu_map(start, start + size, MMU_DEVICE);
}

bool arch_map_ram(uint64_t start, uint64_t end)
{
    uint64_t hole_start = arch_image_start();
    uint64_t hole_end = arch_image_end();

    if (end <= hole_start || start >= hole_end)
        return mmu_map(start, end, MMU_DATA);
    return (start >= hole_start || mmu_map(start, hole_start, MMU_DATA)) &&
           (end <= hole_end || mmu_map(hole_end, end, MMU_DATA));
}

bool arch_map_readonly(uint64_t start, uint64_t end)
{
    return mmu_map(start, end, MMU_RODATA);
}

bool arch_guard_page(uint64_t address)
{
    uint64_t *table = tables[0];

    for (unsigned level = 0; level < LEAF_LEVEL; level++) {
        uint64_t *entry = &table[(address >> level_shift(level)) & 511];

        if ((*entry & (DESCRIPTOR_VALID | DESCRIPTOR_TABLE)) == DESCRIPTOR_VALID)
            return false; /* a block is mapped there */
        table = next_table(entry);
        if (table == NULL)
            return false;
    }
    table[(address >> level_shift(LEAF_LEVEL)) & 511] = GUARD;
    return true;
}

uint64_t arch_stack_size(void)
{
    return STACK_SIZE;
}

uint64_t arch_stack_guard_size(void)
{
    return STACK_GUARD;
}

/*
 * The size that a device tree's header says; that it is one is looked at later. The firmware may have left
 * the header in the cache, which is off.
 */
static uint32_t tree_size(uint64_t tree)
{
    const volatile uint32_t *header = (const volatile uint32_t *)(uintptr_t)tree;
    uint32_t size;

    __asm__ volatile("dc civac, %0" : : "r"(tree) : "memory");
    dsb(sy);
    size = __builtin_bswap32(header[1]);
    return __builtin_bswap32(header[0]) == TREE_MAGIC && size <= TREE_MAX ? size : 1;
}

void mmu_build(uint64_t tree)
{
    uint64_t guard = (uint64_t)(uintptr_t)boot_stack_guard;

    mmu_map(arch_image_start(), (uint64_t)(uintptr_t)text_end, MMU_TEXT);
    mmu_map((uint64_t)(uintptr_t)text_end, (uint64_t)(uintptr_t)relro_end, MMU_RODATA);
    mmu_map((uint64_t)(uintptr_t)relro_end, guard, MMU_DATA);
    mmu_map(guard + STACK_GUARD, arch_image_end(), MMU_DATA);
    arch_map_readonly(tree, tree + tree_size(tree));
}

void mmu_configure(void)
{
    uint64_t range = REGISTER_GET(read_sysreg(id_aa64mmfr0_el1), ID_AA64MMFR0_EL1_PARANGE);

    if (range > PA_48_BITS)
        range = PA_48_BITS; /* more needs a larger granule */
    write_sysreg(mair_el2, MAIR);
    write_sysreg(tcr_el2, TCR_FIXED | TCR_EL2_PS(range));
    write_sysreg(ttbr0_el2, (uint64_t)(uintptr_t)tables[0]);
    isb();
}
