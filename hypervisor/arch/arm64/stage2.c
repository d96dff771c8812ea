/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2: a VM's guest physical addresses, 40 bits, 4 KiB granule, beginning at level 1 with two
 * concatenated tables (Arm ARM D8.2, VTCR_EL2). RAM is mapped in blocks of 2 MiB; everything else is not
 * mapped, and an access to it comes to EL2. The tables are made at boot and never change, so no TLB
 * maintenance is needed for them.
 */
#include "arch/arm64/stage2.h"
#include "core/arch.h"
#include "core/memory.h"
#include "core/vm.h"
#include "sysreg.h"

#define VALID     UINT64_C(1)
#define TABLE     UINT64_C(2) /* at level 3: a page */
#define AF        (UINT64_C(1) << 10)
#define INNER     (UINT64_C(3) << 8)
#define READ      (UINT64_C(1) << 6)
#define WRITE     (UINT64_C(2) << 6)
#define NORMAL    (UINT64_C(15) << 2) /* write-back */
#define DEVICE    (UINT64_C(1) << 2)  /* nGnRE */
#define XN        (UINT64_C(2) << 53)
#define ADDRESS   UINT64_C(0x0000FFFFFFFFF000)
#define ROOT_SIZE 8192

/* T0SZ 24, SL0 1, walks write-back inner shareable, 40 bits, 8-bit VMID, RES1. */
#define VTCR (UINT64_C(0x80000000) | 24 | (1 << 6) | (1 << 8) | (1 << 10) | (3 << 12) | (2 << 16))

uint64_t stage2_vtcr(void)
{
    return VTCR;
}

bool stage2_supported(void)
{
    return (read_sysreg(id_aa64mmfr0_el1) & 15) >= 2; /* PARange: 40 bits or more */
}

bool arch_vm_init(struct vm *vm)
{
    vm->arch.stage2_root = memory_try_allocate(ROOT_SIZE, ROOT_SIZE);
    if (vm->arch.stage2_root == (void *)0)
        return false;
    vm->arch.vttbr = (uint64_t)(uintptr_t)vm->arch.stage2_root | (uint64_t)(vm->index + 1) << 48;
    return true;
}

static uint64_t *next_table(uint64_t *entry)
{
    if ((*entry & VALID) == 0) {
        void *table = memory_try_allocate(MEMORY_PAGE, MEMORY_PAGE);

        if (table == (void *)0)
            return (void *)0;
        *entry = (uint64_t)(uintptr_t)table | TABLE | VALID;
    }
    return (uint64_t *)(uintptr_t)(*entry & ADDRESS);
}

/* The level-2 entry for an address. */
static uint64_t *block_entry(struct vm *vm, uint64_t guest)
{
    uint64_t *table = next_table(&vm->arch.stage2_root[guest >> 30 & 1023]);

    return table != (void *)0 ? &table[guest >> 21 & 511] : (void *)0;
}

bool arch_vm_map_ram(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size)
{
    for (uint64_t done = 0; done < size; done += MEMORY_BLOCK) {
        uint64_t *entry = block_entry(vm, guest + done);

        if (entry == (void *)0)
            return false;
        *entry = (host + done) | VALID | AF | INNER | NORMAL | READ | WRITE;
    }
    dsb(ishst);
    return true;
}

static bool map_page(struct vm *vm, uint64_t guest, uint64_t host, uint64_t attributes)
{
    uint64_t *entry = block_entry(vm, guest);
    uint64_t *table = entry != (void *)0 ? next_table(entry) : (void *)0;

    if (table == (void *)0)
        return false;
    table[guest >> 12 & 511] = host | VALID | TABLE | AF | attributes;
    dsb(ishst);
    return true;
}

bool arch_vm_map_readonly_page(struct vm *vm, uint64_t guest, uint64_t host)
{
    return map_page(vm, guest, host, INNER | NORMAL | READ | XN);
}

bool arch_vm_map_device_page(struct vm *vm, uint64_t guest, uint64_t host)
{
    return map_page(vm, guest, host, DEVICE | READ | WRITE | XN);
}

void arch_vm_images_changed(struct vm *vm)
{
    (void)vm;
    /*
     * The images were cleaned to the point of coherency as they were written; no instruction of the old ones
     * stays.
     */
    dsb(ish);
    __asm__ volatile("ic ialluis" : : : "memory");
    dsb(ish);
    isb();
}
