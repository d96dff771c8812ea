/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2: guest physical addresses of 40 bits with the 4 KiB granule. The walk begins at level 1 with two
 * concatenated tables (Arm ARM D8.2, VTCR_EL2).
 *
 * A guest's RAM is mapped in blocks of 2 MiB. Single pages are mapped for what the guest may only read, for
 * memory that it shares with another, and for a device that it uses directly. An access to any other address
 * comes to EL2. The tables are made at boot and never change, so they need no TLB maintenance.
 */
#include "register_bits.h"
#include "arch/arm64/stage2.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "sysreg.h"
#include "vm/arch_vm.h"
#include "vm/vm.h"

#define ROOT_SIZE 8192

#define MEMORY     (DESCRIPTOR_SH_INNER | STAGE2_MEMATTR_NORMAL_WB)
#define READ_WRITE (STAGE2_S2AP_READ | STAGE2_S2AP_WRITE)

/* VMIDs have 8 bits (VS is not set). */
#define VTCR                                                                                                 \
    (VTCR_EL2_RES1 | VTCR_EL2_T0SZ(64 - 40) | VTCR_EL2_SL0_LEVEL1 | VTCR_EL2_IRGN0_WB | VTCR_EL2_ORGN0_WB |  \
     VTCR_EL2_SH0_INNER | VTCR_EL2_PS(PA_40_BITS))

uint64_t stage2_vtcr(void)
{
    return VTCR;
}

const char *arch_cpu_problem(void)
{
    uint64_t range = REGISTER_GET(read_sysreg(id_aa64mmfr0_el1), ID_AA64MMFR0_EL1_PARANGE);

    return range >= PA_40_BITS ? (void *)0 : "this CPU has less than 40 bits of physical address";
}

bool arch_vm_init(struct vm *vm)
{
    vm->arch.stage2_root = memory_try_allocate(ROOT_SIZE, ROOT_SIZE);
    if (vm->arch.stage2_root == (void *)0)
        return false;
    vm->arch.vttbr = (uint64_t)(uintptr_t)vm->arch.stage2_root | (uint64_t)(vm->index + 1)
                                                                     << VTTBR_EL2_VMID_SHIFT;
    return true;
}

static uint64_t *next_table(uint64_t *entry)
{
    if ((*entry & DESCRIPTOR_VALID) == 0) {
        void *table = memory_try_allocate(MEMORY_PAGE, MEMORY_PAGE);

        if (table == (void *)0)
            return (void *)0;
        *entry = (uint64_t)(uintptr_t)table | DESCRIPTOR_TABLE | DESCRIPTOR_VALID;
    }
    return (uint64_t *)(uintptr_t)(*entry & DESCRIPTOR_ADDRESS);
}

/* The level-2 entry for an address. */
static uint64_t *block_entry(struct vm *vm, uint64_t guest)
{
    uint64_t *table = next_table(&vm->arch.stage2_root[guest >> 30 & 1023]);

    return table != (void *)0 ? &table[guest >> 21 & 511] : (void *)0;
}

static bool map_blocks(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size, uint64_t attributes)
{
    for (uint64_t done = 0; done < size; done += MEMORY_BLOCK) {
        uint64_t *entry = block_entry(vm, guest + done);

        if (entry == (void *)0)
            return false;
        *entry = (host + done) | DESCRIPTOR_VALID | DESCRIPTOR_AF | attributes;
    }
    dsb(ishst);
    return true;
}

bool arch_vm_map_ram(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size)
{
    return map_blocks(vm, guest, host, size, MEMORY | READ_WRITE);
}

bool arch_vm_map_shared_ram(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size)
{
    return map_blocks(vm, guest, host, size, MEMORY | READ_WRITE | STAGE2_XN);
}

static bool map_page(struct vm *vm, uint64_t guest, uint64_t host, uint64_t attributes)
{
    uint64_t *entry = block_entry(vm, guest);
    uint64_t *table = entry != (void *)0 ? next_table(entry) : (void *)0;

    if (table == (void *)0)
        return false;
    table[guest >> 12 & 511] = host | DESCRIPTOR_VALID | DESCRIPTOR_TABLE | DESCRIPTOR_AF | attributes;
    dsb(ishst);
    return true;
}

bool arch_vm_map_readonly_page(struct vm *vm, uint64_t guest, uint64_t host)
{
    return map_page(vm, guest, host, MEMORY | STAGE2_S2AP_READ | STAGE2_XN);
}

bool arch_vm_map_shared_page(struct vm *vm, uint64_t guest, uint64_t host, bool read_only, bool uncached)
{
    uint64_t memory = uncached ? STAGE2_MEMATTR_NORMAL_NC : STAGE2_MEMATTR_NORMAL_WB;

    return map_page(vm, guest, host,
                    DESCRIPTOR_SH_INNER | memory | (read_only ? STAGE2_S2AP_READ : READ_WRITE) | STAGE2_XN);
}

bool arch_vm_map_device_page(struct vm *vm, uint64_t guest, uint64_t host)
{
    return map_page(vm, guest, host, STAGE2_MEMATTR_DEVICE_NGNRE | READ_WRITE | STAGE2_XN);
}

void arch_vm_images_changed(struct vm *vm)
{
    (void)vm;
    /*
     * The new images were cleaned to the point of coherency as they were written. What is left are
     * instructions of the old ones in instruction caches.
     */
    dsb(ish);
    __asm__ volatile("ic ialluis" : : : "memory");
    dsb(ish);
    isb();
}
