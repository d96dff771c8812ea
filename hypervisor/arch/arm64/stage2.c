/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2: guest physical addresses of 40 bits with the 4 KiB granule. The walk begins at level 1 with two
 * concatenated tables (Arm ARM D8.2, VTCR_EL2). Where a guest's RAM lies beyond them, all guests have as many
 * bits as the CPU, 48 at most, and the walk begins at level 0. What is mapped may lie anywhere on the
 * machine.
 *
 * A guest's RAM is mapped in blocks of 2 MiB. Single pages are mapped for what the guest may only read, for
 * memory that it shares with another, and for a device that it uses directly. An access to any other address
 * comes to EL2. The tables are made at boot and never change, so they need no TLB maintenance.
 *
 * A VM whose devices are behind an SMMU has a second root for them, with the same format. It maps the VM's
 * RAM and nothing else: a device has no business with another device's registers, which on a GICv2 are also
 * those of the CPU interface, nor with what the guest may only read. Its entries are valid while the devices
 * may reach the RAM. Whoever makes them invalid has the SMMU's TLBs forget them (devices/dma.c).
 */
#include "register_bits.h"
#include "arch/arm64/stage2.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "sysreg.h"
#include "vm/arch_vm.h"
#include "vm/vm.h"

#define ROOT_SIZE 8192
#define GIB       (UINT64_C(1) << 30)
#define USUAL     40 /* bits */
#define DMA_PIECE 64 /* entries of the devices' root that are changed at once */

#define MEMORY     (DESCRIPTOR_SH_INNER | STAGE2_MEMATTR_NORMAL_WB)
#define READ_WRITE (STAGE2_S2AP_READ | STAGE2_S2AP_WRITE)

/* VMIDs have 8 bits (VS is not set). */
#define VTCR_FIXED (VTCR_EL2_RES1 | VTCR_EL2_IRGN0_WB | VTCR_EL2_ORGN0_WB | VTCR_EL2_SH0_INNER)

static unsigned guest_bits = USUAL;       /* of guest physical addresses */
static uint64_t guest_range = PA_40_BITS; /* the same as PARange has it */

/* PARange of the calling CPU. More than 48 bits need a larger granule. */
static uint64_t cpu_range(void)
{
    uint64_t range = REGISTER_GET(read_sysreg(id_aa64mmfr0_el1), ID_AA64MMFR0_EL1_PARANGE);

    return range < PA_48_BITS ? range : PA_48_BITS;
}

uint64_t stage2_vtcr(void)
{
    return VTCR_FIXED | VTCR_EL2_T0SZ(64 - guest_bits) | VTCR_EL2_PS(cpu_range()) |
           (guest_bits == USUAL ? VTCR_EL2_SL0_LEVEL1 : VTCR_EL2_SL0_LEVEL0);
}

uint64_t stage2_range(void)
{
    return guest_range;
}

/* A walk may begin at level 0 with 44 bits or more. */
bool arch_guests_reach(uint64_t end)
{
    if (end > UINT64_C(1) << USUAL && cpu_range() >= PA_44_BITS) {
        guest_range = cpu_range();
        guest_bits = guest_range == PA_44_BITS ? 44 : 48;
    }
    return end <= UINT64_C(1) << guest_bits;
}

unsigned arch_guest_address_bits(void)
{
    return guest_bits;
}

const char *arch_cpu_problem(void)
{
    if (cpu_range() < PA_40_BITS)
        return "this CPU has less than 40 bits of physical address";
    return cpu_range() >= guest_range ? (void *)0 : "it has less bits of physical address than guests need";
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

static bool is_block(uint64_t entry)
{
    return (entry & (DESCRIPTOR_VALID | DESCRIPTOR_TABLE)) == DESCRIPTOR_VALID;
}

/* The level-1 entry for an address. NULL: no memory for its table. */
static uint64_t *gib_entry(uint64_t *root, uint64_t guest)
{
    uint64_t *table;

    if (guest_bits == USUAL)
        return &root[guest / GIB % (ROOT_SIZE / sizeof(*root))];
    table = next_table(&root[guest >> 39 & 511]);
    return table != (void *)0 ? &table[guest >> 30 & 511] : (void *)0;
}

/* The level-2 entry for an address, where no block of 1 GiB is. */
static uint64_t *block_entry(uint64_t *root, uint64_t guest)
{
    uint64_t *entry = gib_entry(root, guest);
    uint64_t *table = entry != (void *)0 ? next_table(entry) : (void *)0;

    return table != (void *)0 ? &table[guest >> 21 & 511] : (void *)0;
}

static bool map_blocks(uint64_t *root, uint64_t guest, uint64_t host, uint64_t size, uint64_t attributes)
{
    for (uint64_t done = 0; done < size; done += MEMORY_BLOCK) {
        uint64_t *entry = block_entry(root, guest + done);

        if (entry == (void *)0)
            return false;
        *entry = (host + done) | DESCRIPTOR_VALID | DESCRIPTOR_AF | attributes;
    }
    dsb(ishst);
    return true;
}

bool arch_vm_map_ram(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size)
{
    return map_blocks(vm->arch.stage2_root, guest, host, size, MEMORY | READ_WRITE);
}

bool arch_vm_map_shared_ram(struct vm *vm, uint64_t guest, uint64_t host, uint64_t size)
{
    return map_blocks(vm->arch.stage2_root, guest, host, size, MEMORY | READ_WRITE | STAGE2_XN);
}

bool arch_vm_dma_init(struct vm *vm)
{
    uint64_t *root = memory_try_allocate(ROOT_SIZE, ROOT_SIZE);

    if (root == (void *)0)
        return false;
    for (unsigned i = 0; i < vm->ram_count; i++)
        if (!map_blocks(root, vm->ram[i].guest, vm->ram[i].host, vm->ram[i].size, MEMORY | READ_WRITE))
            return false;
    vm->arch.dma_root = root;
    while (!arch_vm_dma_step(vm, false))
        ;
    return true;
}

uint64_t arch_vm_dma_root(const struct vm *vm)
{
    return (uint64_t)(uintptr_t)vm->arch.dma_root;
}

/* The guest has its RAM in one piece. `dma_gib` counts from its first GiB. */
bool arch_vm_dma_step(struct vm *vm, bool open)
{
    uint64_t first = vm->config->memory_base / GIB;
    uint64_t count = (vm_config_ram_end(vm->config) - 1) / GIB + 1 - first;

    for (unsigned i = 0; i < DMA_PIECE && vm->arch.dma_gib < count; i++) {
        /* It is there: arch_vm_dma_init() has made the tables. */
        uint64_t *entry = gib_entry(vm->arch.dma_root, (first + vm->arch.dma_gib++) * GIB);

        *entry = open ? *entry | DESCRIPTOR_VALID : *entry & ~DESCRIPTOR_VALID;
    }
    if (vm->arch.dma_gib < count)
        return false;
    vm->arch.dma_gib = 0;
    dsb(ishst);
    return true;
}

static bool map_page(struct vm *vm, uint64_t guest, uint64_t host, uint64_t attributes)
{
    uint64_t *entry = block_entry(vm->arch.stage2_root, guest);
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

/*
 * Maps the largest block or the page that begins at `address`, unless it is mapped already. Returns how far
 * it reaches from there, 0 when there is no memory for the tables.
 */
static uint64_t map_device_piece(struct vm *vm, uint64_t address, uint64_t size)
{
    const uint64_t device =
        address | DESCRIPTOR_VALID | DESCRIPTOR_AF | STAGE2_MEMATTR_DEVICE_NGNRE | READ_WRITE | STAGE2_XN;
    uint64_t *entry = gib_entry(vm->arch.stage2_root, address);

    if (entry == (void *)0)
        return 0;
    if (*entry == 0 && address % GIB == 0 && size >= GIB)
        *entry = device;
    if (is_block(*entry))
        return GIB - address % GIB;
    entry = block_entry(vm->arch.stage2_root, address);
    if (entry == (void *)0)
        return 0;
    if (*entry == 0 && address % MEMORY_BLOCK == 0 && size >= MEMORY_BLOCK)
        *entry = device;
    if (is_block(*entry))
        return MEMORY_BLOCK - address % MEMORY_BLOCK;
    return arch_vm_map_device_page(vm, address, address) ? MEMORY_PAGE : 0;
}

bool arch_vm_map_device(struct vm *vm, uint64_t start, uint64_t end)
{
    uint64_t piece = 1;

    for (uint64_t address = start; address < end && piece != 0; address += piece)
        piece = map_device_piece(vm, address, end - address);
    dsb(ishst);
    return piece != 0;
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
