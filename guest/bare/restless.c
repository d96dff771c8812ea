// SPDX-License-Identifier: Apache-2.0
/*
 * Resets itself while a disk that it is given (virtio 1.2 on virtio-mmio, QEMU's last slot) has a read of its
 * to do, which the machine lets take a second. In its next life its memory has to stay as it is, and the disk
 * to be as after a reset, and to work.
 *
 * Sector n of the disk is filled with the byte n. How many deadlines were armed says which life it is.
 */
#include "bare.h"
#include "ontime/abi.h"

#define SLOT    0x0A003E00ul
#define SECTOR  512u
#define SECTORS 128u    /* of a read */
#define SLOW_US 1500000 /* the read is over by then */

/* Of the virtio-mmio slot. */
enum registers {
    DEVICE_ID = 0x008,
    FEATURES = 0x020,
    FEATURES_HALF = 0x024,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    NOTIFY = 0x050,
    STATUS = 0x070,
    TABLE_ADDRESS = 0x080,
    DRIVER_ADDRESS = 0x090,
    DEVICE_ADDRESS = 0x0A0,
};

#define BLOCK_DEVICE 2u
#define VERSION_1    1u   /* of the upper half */
#define CHOSEN       0xBu /* Status: acknowledge, driver, features are chosen */
#define RUNNING      0xFu

/* A queue of four descriptors, of which a request takes three. */
static struct {
    _Alignas(16) struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } table[4];
    _Alignas(16) volatile uint16_t driver[3 + 4];
    _Alignas(16) volatile uint16_t device[2 + 4 * 4 + 1];
    struct {
        uint64_t type, sector;
    } header;
    volatile uint8_t status;
} queue;

static _Alignas(SECTOR) volatile uint8_t data[SECTORS * SECTOR];

static void set_address(uintptr_t reg, const volatile void *object)
{
    mmio_write(SLOT + reg, (uint32_t)(uintptr_t)object);
    mmio_write(SLOT + reg + 4, 0);
}

static void begin(void)
{
    mmio_write(SLOT + STATUS, 0);
    mmio_write(SLOT + STATUS, 1);
    mmio_write(SLOT + STATUS, 3);
    mmio_write(SLOT + FEATURES_HALF, 0);
    mmio_write(SLOT + FEATURES, 0);
    mmio_write(SLOT + FEATURES_HALF, 1);
    mmio_write(SLOT + FEATURES, VERSION_1);
    mmio_write(SLOT + STATUS, CHOSEN);
    mmio_write(SLOT + QUEUE_SIZE, ARRAY_SIZE(queue.table));
    set_address(TABLE_ADDRESS, queue.table);
    set_address(DRIVER_ADDRESS, queue.driver);
    set_address(DEVICE_ADDRESS, queue.device);
    mmio_write(SLOT + QUEUE_READY, 1);
    mmio_write(SLOT + STATUS, RUNNING);
}

/* Asks for a read of sectors from this one on, into `data`. */
static void submit(uint64_t sector, unsigned sectors)
{
    queue.header.type = 0;
    queue.header.sector = sector;
    queue.status = 0xFF;
    queue.table[0].address = (uintptr_t)&queue.header;
    queue.table[0].length = sizeof(queue.header);
    queue.table[1].address = (uintptr_t)data;
    queue.table[1].length = sectors * SECTOR;
    queue.table[2].address = (uintptr_t)&queue.status;
    queue.table[2].length = 1;
    for (uint16_t i = 0; i < 3; i++) {
        queue.table[i].flags = (uint16_t)((i < 2) | (i > 0) << 1);
        queue.table[i].next = (uint16_t)(i + 1);
    }
    __asm__ volatile("dsb sy" ::: "memory");
    queue.driver[1]++;
    __asm__ volatile("dsb sy" ::: "memory");
    mmio_write(SLOT + NOTIFY, 0);
}

static void check_read(const char *name, uint8_t sector)
{
    uint64_t end = now_virtual() + microseconds(10000000);
    unsigned wrong = 0;

    submit(sector, 1);
    while (queue.status == 0xFF && now_virtual() < end) {
    }
    for (unsigned i = 0; i < SECTOR; i++)
        wrong += data[i] != sector;
    result(queue.status == 0 && wrong == 0, name, ": status %u, %u bytes are wrong\n", queue.status, wrong);
}

/* The first read uses up what the disk may do in a second. */
static _Noreturn void reset_while_reading(void)
{
    begin();
    submit(1, SECTORS);
    while (queue.status == 0xFF) {
    }
    submit(1, SECTORS);
    (void)call(ONTIME_CALL_ARM, ONTIME_NO_DEADLINE - 1, 0, 0);
    for (;;)
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void look_at_memory(void)
{
    uint64_t end = now_virtual() + microseconds(SLOW_US);
    unsigned changed = 0;

    while (now_virtual() < end && changed == 0)
        for (unsigned i = 0; i < sizeof(data); i++)
            changed += data[i] != 0;
    expect_equal("memory", changed, 0);
    expect_equal("used-ring", queue.device[1], 0);
}

void guest_main(void)
{
    if (mmio_read(SLOT + DEVICE_ID) != BLOCK_DEVICE) {
        result(false, "disk", ": there is none\n");
        return;
    }
    if (ontime_stat(ONTIME_STAT_ARMED) == 0)
        reset_while_reading();
    expect_equal("disk-is-reset", mmio_read(SLOT + STATUS), 0);
    look_at_memory();
    begin();
    check_read("works", 5);
}
