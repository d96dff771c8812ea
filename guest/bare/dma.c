// SPDX-License-Identifier: Apache-2.0
/*
 * Drives a virtio-blk disk on PCI (virtio 1.2), device 1 of the bus of a host bridge that the guest is given,
 * behind an SMMU. It reads a sector to its own RAM, then has the disk write to and read from all kinds of
 * addresses where the guest has no RAM. The disk works as before afterwards. Then the guest resets itself,
 * and reads once more.
 *
 * Boot argument in-flight: instead it resets itself while the disk has a read of its to do, which the machine
 * lets take a second. In its next life the disk is no bus master, and memory stays as it is.
 *
 * Boot argument flood: instead it has the disk fault without end, and looks for the SMMU's registers, which
 * it does not have.
 *
 * Sector n of the disk is filled with the byte n.
 */
#include "bare.h"

#define SECTOR 512u
#define QUEUE  8u /* descriptors */

#define LONG_READ 65536u
#define SMMU      0x09050000u
#define SLOW_US   1500000 /* the read that is on its way at the reset is over by then */

/* How far apart the foreign addresses are. The first is less than what a guest of `victim` looks at. */
#define EACH_WRITE 0x80000u
#define EACH_READ  0x800000u

/* PCI: the function's configuration space in the bridge's, and its registers. */
#define FUNCTION   (1u << 15)
#define COMMAND    0x04
#define MEMORY     0x6u /* and bus master */
#define MASTER     0x4u
#define BAR(n)     (0x10 + 4 * (n))
#define CAPS       0x34
#define CAP_VENDOR 0x09u
#define WINDOW     0x10000000u
#define DISK_ID    0x10421AF4u

/* Structures in a BAR, by the type of the capability that tells where they are (4.1.4). */
#define COMMON 1
#define NOTIFY 2

/* The common one (4.1.4.3). */
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE        0x0C
#define STATUS                0x14
#define QUEUE_SELECT          0x16
#define QUEUE_SIZE            0x18
#define QUEUE_ENABLE          0x1C
#define QUEUE_NOTIFY_OFF      0x1E
#define QUEUE_DESC            0x20
#define QUEUE_DRIVER          0x28
#define QUEUE_DEVICE          0x30

#define ACKNOWLEDGE     1u
#define DRIVER          2u
#define DRIVER_OK       4u
#define FEATURES_OK     8u
#define NEEDS_RESET     0x40u
#define FEATURES_HIGH   3u /* VERSION_1, ACCESS_PLATFORM */
#define DESC_NEXT       1u
#define DESC_WRITE      2u
#define BLOCK_READ      0u
#define BLOCK_WRITE     1u
#define ADDRESS(object) ((uint64_t)(uintptr_t)(object))

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

static struct {
    _Alignas(16) struct descriptor descriptors[QUEUE];
    _Alignas(16) volatile uint16_t available[3 + QUEUE];
    _Alignas(16) volatile uint16_t used[2 + 4 * QUEUE];
} queue;

static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;

static _Alignas(SECTOR) uint8_t data[LONG_READ];
static volatile uint8_t status;
static uintptr_t config, common, notify;

static void write8(uintptr_t address, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" ::"rZ"(value), "r"(address) : "memory");
}

static void write16(uintptr_t address, uint16_t value)
{
    __asm__ volatile("strh %w0, [%1]" ::"rZ"(value), "r"(address) : "memory");
}

static uint8_t read8(uintptr_t address)
{
    return (uint8_t)(mmio_read(address & ~3ul) >> 8 * (address & 3));
}

static void write_address(uintptr_t address, uint64_t value)
{
    mmio_write(address, (uint32_t)value);
    mmio_write(address + 4, (uint32_t)(value >> 32));
}

static void barrier(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

/* Finds the structures, all in one BAR, which is put at the beginning of the window. */
static bool find(bool *again, bool *is_master)
{
    uint32_t size;
    const void *reg = tree_property("pcie", "pci-host-ecam-generic", "reg", &size);
    uint32_t offsets[NOTIFY + 1] = {0}, multiplier = 0, bar = 0;

    if (reg == NULL)
        return false;
    config = tree_u64(reg) + FUNCTION;
    if (mmio_read(config) != DISK_ID)
        return false;
    for (uintptr_t cap = config + read8(config + CAPS); cap != config; cap = config + read8(cap + 1)) {
        uint8_t type = read8(cap + 3);

        if (read8(cap) != CAP_VENDOR || type < COMMON || type > NOTIFY)
            continue;
        bar = read8(cap + 4);
        offsets[type] = mmio_read(cap + 8);
        if (type == NOTIFY)
            multiplier = mmio_read(cap + 16);
    }
    *again = (mmio_read(config + BAR(bar)) & ~15u) == WINDOW;
    *is_master = (mmio_read(config + COMMAND) & MASTER) != 0;
    mmio_write(config + BAR(bar), WINDOW);
    mmio_write(config + BAR(bar + 1), 0);
    mmio_write(config + COMMAND, MEMORY & ~MASTER);
    common = WINDOW + offsets[COMMON];
    write16(common + QUEUE_SELECT, 0);
    notify = WINDOW + offsets[NOTIFY] + multiplier * (mmio_read(common + QUEUE_ENABLE) >> 16);
    return true;
}

/* From a reset on; the queue is at these addresses. */
static void begin(uint64_t descriptors, uint64_t available, uint64_t used)
{
    write8(common + STATUS, 0);
    while (read8(common + STATUS) != 0) {
    }
    mmio_write(config + COMMAND, MEMORY);
    queue.available[1] = 0;
    queue.used[1] = 0;
    write8(common + STATUS, ACKNOWLEDGE | DRIVER);
    mmio_write(common + DRIVER_FEATURE_SELECT, 1);
    mmio_write(common + DRIVER_FEATURE, FEATURES_HIGH);
    mmio_write(common + DRIVER_FEATURE_SELECT, 0);
    mmio_write(common + DRIVER_FEATURE, 0);
    write8(common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    write16(common + QUEUE_SELECT, 0);
    write16(common + QUEUE_SIZE, QUEUE);
    write_address(common + QUEUE_DESC, descriptors);
    write_address(common + QUEUE_DRIVER, available);
    write_address(common + QUEUE_DEVICE, used);
    write16(common + QUEUE_ENABLE, 1);
    write8(common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void begin_well(void)
{
    begin(ADDRESS(queue.descriptors), ADDRESS(queue.available), ADDRESS(queue.used));
}

/* Asks for one request; the data is at this address. */
static void submit(uint32_t type, uint64_t sector, uint64_t address, uint32_t length)
{
    header.type = type;
    header.sector = sector;
    status = 0xFF;
    queue.descriptors[0] = (struct descriptor){ADDRESS(&header), sizeof(header), DESC_NEXT, 1};
    queue.descriptors[1] =
        (struct descriptor){address, length, DESC_NEXT | (type == BLOCK_READ ? DESC_WRITE : 0), 2};
    queue.descriptors[2] = (struct descriptor){ADDRESS(&status), 1, DESC_WRITE, 0};
    queue.available[2 + queue.available[1] % QUEUE] = 0;
    barrier();
    queue.available[1]++;
    barrier();
    write16(notify, 0);
}

/* The same with one sector. Did the disk do it? */
static bool request(uint32_t type, uint64_t sector, uint64_t address)
{
    uint64_t end = now_virtual() + microseconds(1000000);
    uint16_t before = queue.used[1];

    submit(type, sector, address, SECTOR);
    while (queue.used[1] == before && (read8(common + STATUS) & NEEDS_RESET) == 0 && now_virtual() < end) {
    }
    barrier();
    return queue.used[1] != before && status == 0;
}

/* The sector is read, to where it should be. */
static void check_read(const char *name, uint8_t sector)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < SECTOR; i++)
        data[i] = 0xEE;
    if (!request(BLOCK_READ, sector, ADDRESS(data))) {
        result(false, name, ": the disk does not do it\n");
        return;
    }
    for (unsigned i = 0; i < SECTOR; i++)
        wrong += data[i] != sector;
    expect_equal(name, wrong, 0);
}

/* The disk writes to that address, and copies a sector from there to its own sector 2. */
static void write_to(uint64_t address)
{
    (void)request(BLOCK_READ, 1, address);
    if ((read8(common + STATUS) & NEEDS_RESET) != 0)
        begin_well();
}

static unsigned copy_from(uint64_t address)
{
    unsigned wrong = 0;

    (void)request(BLOCK_WRITE, 2, address);
    if ((read8(common + STATUS) & NEEDS_RESET) != 0)
        begin_well();
    (void)request(BLOCK_READ, 2, ADDRESS(data));
    for (unsigned i = 0; i < SECTOR; i++)
        wrong += data[i] != 2 && data[i] != 0;
    if (wrong != 0)
        print("the disk has read what is at 0x%lx\n", address);
    return wrong;
}

/*
 * Other VMs' RAM and Ontime's is somewhere in the machine's first GiB; the rest is registers and nothing. A
 * disk whose access fails may say so, as one of a machine does. QEMU's says that all is well, has written
 * nowhere, and has read zeroes.
 */
static void try_foreign_addresses(void)
{
    static const uint64_t others[] = {
        0,      GUEST_GICD_BASE, GUEST_GICC_BASE, GUEST_GICR_BASE, GUEST_UART_BASE, GUEST_STOLEN_TIME,
        WINDOW, 0x3F000000,      0x8000000000,    0xFFFFFFF000,    0x10040000000,   0xFFFFFFFFFFFFF000};
    uint64_t end = GUEST_RAM_BASE + ram_size();
    unsigned wrong = 0;

    for (uint64_t address = end; address < 0x80000000; address += EACH_WRITE)
        write_to(address);
    for (uint64_t address = end; address < 0x80000000; address += EACH_READ)
        wrong += copy_from(address);
    expect_equal("ram-of-others", wrong, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        write_to(others[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        wrong += copy_from(others[i]);
    expect_equal("no-ram", wrong, 0);
}

/* Nor can the queue itself be there. */
static void check_foreign_queue(void)
{
    uint64_t end = GUEST_RAM_BASE + ram_size();

    begin(end, ADDRESS(queue.available), ADDRESS(queue.used));
    expect_equal("descriptors", request(BLOCK_READ, 1, ADDRESS(data)), 0);
    begin(ADDRESS(queue.descriptors), end, ADDRESS(queue.used));
    expect_equal("available", request(BLOCK_READ, 1, ADDRESS(data)), 0);
    begin(ADDRESS(queue.descriptors), ADDRESS(queue.available), end);
    expect_equal("used", request(BLOCK_READ, 1, ADDRESS(data)), 0);
}

/* The first read uses up what the disk may do in a second. */
static _Noreturn void reset_while_reading(void)
{
    begin_well();
    submit(BLOCK_READ, 1, ADDRESS(data), LONG_READ);
    while (queue.used[1] == 0) {
    }
    submit(BLOCK_READ, 1, ADDRESS(data), LONG_READ);
    for (;;)
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* Before anything is done to the disk that it would forget its orders by. */
static void look_at_memory(bool is_master)
{
    const volatile uint8_t *byte = data;
    uint64_t end = now_virtual() + microseconds(SLOW_US);
    unsigned changed = 0;

    expect_equal("bus-master", is_master, 0);
    while (now_virtual() < end && changed == 0)
        for (unsigned i = 0; i < LONG_READ; i++)
            changed += byte[i] != 0;
    expect_equal("memory", changed, 0);
    expect_equal("used-ring", queue.used[1], 0);
}

/* Descriptors, rings and data are nowhere, in turn. */
static _Noreturn void flood(void)
{
    uint64_t end = GUEST_RAM_BASE + ram_size();

    expect_equal("smmu", fault_class(CATCH((void)mmio_read(SMMU))), CLASS_DATA);
    for (uint64_t address = end;; address = address < 0x80000000 ? address + EACH_WRITE : end) {
        begin(address, address + SECTOR, address + 2 * SECTOR);
        write16(notify, 0);
        begin_well();
        submit(BLOCK_READ, 1, address, SECTOR);
        (void)CATCH(mmio_write(SMMU + (address >> 12 & 0x1FFF0), (uint32_t)address));
    }
}

void guest_main(void)
{
    bool again, is_master;

    if (!find(&again, &is_master)) {
        result(false, "disk", ": there is none, or it is no virtio-blk\n");
        return;
    }
    print("start %u\n", again ? 2 : 1);
    if (option("flood"))
        flood();
    if (option("in-flight") && !again)
        reset_while_reading();
    if (again)
        look_at_memory(is_master);
    begin_well();
    check_read("read", 5);
    if (again)
        return;
    try_foreign_addresses();
    check_foreign_queue();
    begin_well();
    check_read("after-all", 1);
    (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}
