// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio disk, from both sides: boot argument `driver`, or `service`. The service has the disk in the
 * memory of a link, which stays when either of the two starts again.
 *
 * The driver writes blocks and reads them again. It resets itself `resets` times with requests on their way.
 * Then the service resets itself as often, before, in the middle of, or just after a request; the driver only
 * finds that each of its requests is done.
 *
 * Boot arguments: resets=N (100); late-us=N, how long the service takes before it is ready (0); lives=N: the
 * service resets itself so that it has as many lives, without being told by the driver, which may be Linux.
 */
#include "bare.h"
#include "ontime/service.h"

/* Words of the link's memory. */
#define DRIVER_LIVES  0
#define SERVICE_LIVES 1
#define WANTED_LIVES  2    /* the service resets itself until it has had so many */
#define DONE          3    /* the driver ends */
#define DISK          1024 /* from here on */
#define SECTOR        512u
#define SECTORS       128u

/* virtio-mmio, and what is in rings. */
#define MAGIC           0x000
#define VERSION         0x004
#define DEVICE_ID       0x008
#define DEVICE_FEATURES 0x010
#define DEVICE_SEL      0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_SEL      0x024
#define QUEUE_SEL       0x030
#define QUEUE_NUM_MAX   0x034
#define QUEUE_NUM       0x038
#define QUEUE_READY     0x044
#define QUEUE_NOTIFY    0x050
#define IRQ_STATUS      0x060
#define IRQ_ACK         0x064
#define STATUS          0x070
#define QUEUE_DESC      0x080
#define QUEUE_DRIVER    0x090
#define QUEUE_DEVICE    0x0A0
#define CONFIG          0x100

#define S_ACKNOWLEDGE 1u
#define S_DRIVER      2u
#define S_DRIVER_OK   4u
#define S_FEATURES_OK 8u
#define VERSION_1     1u /* of the high half */

#define RING  16u
#define NEXT  1u
#define WRITE 2u
#define IN    0u
#define OUT   1u

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct available {
    uint16_t flags, index, ring[RING];
};

struct used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[RING];
};

static struct descriptor descriptors[RING] __attribute__((aligned(16)));
static volatile struct available available __attribute__((aligned(16)));
static volatile struct used used __attribute__((aligned(16)));

static struct link shared; /* the link */
static uintptr_t registers;
static uint32_t intid;
static volatile unsigned interrupts;

static uint32_t get(unsigned reg)
{
    return mmio_read(registers + reg);
}

static void put(unsigned reg, uint32_t value)
{
    __asm__ volatile("dsb sy" ::: "memory");
    mmio_write(registers + reg, value);
}

static void barrier(void)
{
    __asm__ volatile("dmb sy" ::: "memory");
}

/* Interrupts are masked: one that is pending ends the wait, and is taken then. */
static void wait(void)
{
    wfi();
    irq_enable();
    irq_disable();
}

static bool find(const char *node)
{
    uint32_t size;
    const char *reg = tree_property(node, NULL, "reg", &size);
    const char *numbers = tree_property(node, NULL, "interrupts", &size);

    if (reg == NULL || numbers == NULL || !link_open(0, &shared))
        return false;
    registers = tree_u64(reg);
    intid = GUEST_INTID_SPIS + (uint32_t)tree_u64(numbers);
    mmio_write(GUEST_GICD_BASE + 0xC00 + intid / 16 * 4, 0xAAAAAAAA); /* edges */
    gic_enable(intid);
    return true;
}

/* ---- the driver */

static struct request {
    uint32_t type, unused;
    uint64_t sector;
    uint32_t data[SECTOR / 4];
    uint8_t status;
} requests[RING / 3] __attribute__((aligned(16)));

static uint16_t submitted;

static void driver_interrupt(void)
{
    uint32_t taken = gic_acknowledge();

    if (taken == GIC_SPURIOUS)
        return;
    if (taken == intid) {
        put(IRQ_ACK, get(IRQ_STATUS));
        interrupts++;
    }
    gic_end(taken);
}

static void set_address(unsigned reg, volatile const void *address)
{
    put(reg, (uint32_t)(uintptr_t)address);
    put(reg + 4, (uint32_t)((uintptr_t)address >> 32));
}

static bool start_device(void)
{
    put(STATUS, 0);
    if (get(STATUS) != 0 || get(MAGIC) != 0x74726976 || get(VERSION) != 2 || get(DEVICE_ID) != 2)
        return false;
    put(STATUS, S_ACKNOWLEDGE | S_DRIVER);
    put(DEVICE_SEL, 1);
    if ((get(DEVICE_FEATURES) & VERSION_1) == 0)
        return false;
    put(DRIVER_SEL, 1);
    put(DRIVER_FEATURES, VERSION_1);
    put(STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
    if ((get(STATUS) & S_FEATURES_OK) == 0 || get(CONFIG) < SECTORS)
        return false;
    put(QUEUE_SEL, 0);
    if (get(QUEUE_NUM_MAX) < RING)
        return false;
    put(QUEUE_NUM, RING);
    set_address(QUEUE_DESC, descriptors);
    set_address(QUEUE_DRIVER, &available);
    set_address(QUEUE_DEVICE, &used);
    put(QUEUE_READY, 1);
    put(STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
    return get(QUEUE_READY) == 1;
}

static uint32_t pattern(uint64_t sector, unsigned word, uint32_t salt)
{
    return ((uint32_t)sector * 131 + word) * 2654435761u ^ salt;
}

/* Puts request n on its way. */
static void submit(unsigned n, uint32_t type, uint64_t sector, uint32_t salt)
{
    struct request *request = &requests[n];
    struct descriptor *chain = &descriptors[3 * n];

    request->type = type;
    request->sector = sector;
    request->status = 0xFF;
    for (unsigned i = 0; i < SECTOR / 4; i++)
        request->data[i] = type == OUT ? pattern(sector, i, salt) : 0;
    chain[0] = (struct descriptor){(uintptr_t)&request->type, 16, NEXT, (uint16_t)(3 * n + 1)};
    chain[1] = (struct descriptor){(uintptr_t)request->data, SECTOR, NEXT | (type == IN ? WRITE : 0),
                                   (uint16_t)(3 * n + 2)};
    chain[2] = (struct descriptor){(uintptr_t)&request->status, 1, WRITE, 0};
    available.ring[submitted % RING] = (uint16_t)(3 * n);
    barrier();
    available.index = ++submitted;
    barrier();
    put(QUEUE_NOTIFY, 0);
}

static void wait_for_all(void)
{
    while (used.index != submitted)
        wait();
    barrier();
}

static bool has_pattern(const struct request *request, uint32_t salt)
{
    bool good = request->status == 0;

    for (unsigned i = 0; i < SECTOR / 4; i++)
        good = good && request->data[i] == pattern(request->sector, i, salt);
    return good;
}

/* Writes some sectors at once, and reads them again. */
static bool write_and_read(uint32_t salt)
{
    uint64_t sector = 1 + salt * 7 % (SECTORS - ARRAY_SIZE(requests) - 1);
    bool good = true;

    for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
        submit(i, OUT, sector + i, salt);
    wait_for_all();
    for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
        good = good && requests[i].status == 0;
    for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
        submit(i, IN, sector + i, 0);
    wait_for_all();
    for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
        good = good && has_pattern(&requests[i], salt);
    return good;
}

static bool read_sector_0(uint32_t salt)
{
    submit(0, IN, 0, 0);
    wait_for_all();
    return has_pattern(&requests[0], salt);
}

/* Requests are on their way when this guest resets itself. */
static _Noreturn void die_busy(unsigned life)
{
    submit(0, OUT, 0, life);
    wait_for_all();
    for (unsigned i = 0; i <= life % ARRAY_SIZE(requests); i++)
        submit(i, OUT, 1 + i, life);
    work(life * 997 % 20000);
    (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    for (;;)
        wfi();
}

static void be_driver(unsigned resets)
{
    unsigned life = ++shared.memory[DRIVER_LIVES];
    bool started, good;

    on_irq = driver_interrupt;
    started = start_device();
    good = started && (life == 1 || read_sector_0(life - 1)) && write_and_read(life);
    if (!good)
        result(false, "life", " %u: %s\n", life, started ? "wrong data" : "no device");
    if (life <= resets)
        die_busy(life);
    result(good, "driver-restarts", ": %u\n", life - 1);
    shared.memory[WANTED_LIVES] = resets + 1;
    for (unsigned round = 0; good && shared.memory[SERVICE_LIVES] <= resets; round++)
        good = write_and_read(0x10000 + round);
    result(good, "service-restarts", ": %u, or wrong data\n", shared.memory[SERVICE_LIVES] - 1);
    result(write_and_read(0x20000), "goes-on", ": wrong data\n");
    result(interrupts != 0, "interrupts", ": none\n");
    shared.memory[DONE] = 1;
}

/* ---- the service */

#define WINDOW 0xC0000000ul /* where 1 GiB of the driver's RAM is mapped */

static uint64_t ram, ram_bytes;
static unsigned served; /* requests */

static void service_interrupt(void)
{
    uint32_t taken = gic_acknowledge();

    if (taken == GIC_SPURIOUS)
        return;
    interrupts += taken == intid;
    gic_end(taken);
}

static uint64_t get_long(unsigned reg)
{
    return get(reg) | (uint64_t)get(reg + 4) << 32;
}

/* Where this guest sees `size` bytes of the driver's; NULL: they are not all in its RAM. */
static void *seen(uint64_t address, uint64_t size)
{
    if (address < ram || size > ram_bytes || address - ram > ram_bytes - size)
        return NULL;
    return (void *)(WINDOW + (address - ram));
}

static void map_window(uint64_t window)
{
    page_table[WINDOW >> 30] = (page_table[GUEST_RAM_BASE >> 30] & ~0xFFFFC0000000ul) | window;
    tlb_flush();
}

/* Every third request from then on is the last of this life. */
static void die_here(unsigned place)
{
    if (shared.memory[SERVICE_LIVES] < shared.memory[WANTED_LIVES] &&
        served >= 3 + shared.memory[SERVICE_LIVES] % 4 && shared.memory[SERVICE_LIVES] % 3 == place)
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static uint64_t sectors(void)
{
    return (shared.size - 4 * DISK) / SECTOR;
}

/* One piece of a request's data. False when it is not on the disk, or not in the driver's RAM. */
static bool copy(const struct descriptor *piece, uint32_t type, uint64_t sector)
{
    uint32_t *memory = seen(piece->address, piece->length);
    volatile uint32_t *disk;

    if (memory == NULL || type > OUT || piece->length % SECTOR != 0 || sector > sectors() ||
        piece->length / SECTOR > sectors() - sector)
        return false;
    disk = shared.memory + DISK + sector * (SECTOR / 4);
    for (unsigned i = 0; i < piece->length / 4; i++) {
        if (type == OUT)
            disk[i] = memory[i];
        else
            memory[i] = disk[i];
    }
    return true;
}

/* The header, pieces of data, and the status. Returns how many bytes were written to the driver's memory. */
static uint32_t serve(const struct descriptor *table, unsigned head)
{
    const struct request *header = seen(table[head].address, 16);
    const struct descriptor *piece = &table[head];
    uint32_t written = 1;
    uint64_t done = 0;
    uint8_t *status;
    bool good = header != NULL;

    for (unsigned i = 0; i < RING && (piece->flags & NEXT) != 0; i++) {
        piece = &table[piece->next % RING];
        if ((piece->flags & NEXT) == 0)
            break;
        good = good && copy(piece, header->type, header->sector + done);
        done += piece->length / SECTOR;
        written += (piece->flags & WRITE) != 0 ? piece->length : 0;
    }
    status = seen(piece->address, 1);
    if (!good || status == NULL)
        result(false, "request", ": not on the disk, or not in the driver's RAM\n");
    if (status != NULL)
        *status = !good;
    return written;
}

/* Goes on where the used ring ends, in this life or in the one before. */
static void serve_queue(void)
{
    const struct descriptor *table;
    volatile struct available *ring;
    volatile struct used *done;

    if (get(ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_READY) == 0 || get(ONTIME_SERVICE_STATUS) == 0)
        return;
    table = seen(get_long(ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_DESC), sizeof(descriptors));
    ring = seen(get_long(ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_DRIVER), sizeof(available));
    done = seen(get_long(ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_DEVICE), sizeof(used));
    if (table == NULL || ring == NULL || done == NULL) {
        result(false, "rings", ": outside of the driver's RAM\n");
        return;
    }
    while (done->index != ring->index) {
        unsigned head = ring->ring[done->index % RING] % RING;

        die_here(0);
        barrier();
        done->ring[done->index % RING].length = serve(table, head);
        done->ring[done->index % RING].id = head;
        die_here(1);
        barrier();
        done->index++;
        served++;
        die_here(2);
        put(ONTIME_SERVICE_INTERRUPT, 0);
    }
    put(ONTIME_SERVICE_INTERRUPT, 0); /* the last life may have ended before it */
}

static bool open_service(void)
{
    uint32_t size;
    const char *reg = tree_property("virtio-service@9300000", NULL, "reg", &size);

    ram = get_long(ONTIME_SERVICE_RAM);
    ram_bytes = get_long(ONTIME_SERVICE_RAM_SIZE);
    if (get(ONTIME_SERVICE_MAGIC) != ONTIME_SERVICE_MAGIC_VALUE || get(ONTIME_SERVICE_DEVICE_ID) != 2 ||
        tree_u64(reg + 16) != GUEST_SERVED_RAM || tree_u64(reg + 24) != ram_bytes)
        return false;
    map_window(tree_u64(reg + 16));
    put(ONTIME_SERVICE_FEATURES, 0);
    put(ONTIME_SERVICE_FEATURES + 4, VERSION_1);
    put(ONTIME_SERVICE_QUEUES, 1);
    put(ONTIME_SERVICE_QUEUE_SIZE, RING);
    put(ONTIME_SERVICE_CONFIG, (uint32_t)sectors());
    put(ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    return true;
}

static void be_service(unsigned late_us)
{
    if (++shared.memory[SERVICE_LIVES] == 1)
        shared.memory[WANTED_LIVES] = (uint32_t)option_number("lives", 0);
    on_irq = service_interrupt;
    spin(microseconds(late_us));
    if (!open_service()) {
        result(false, "service", ": wrong registers\n");
        return;
    }
    while (shared.memory[DONE] == 0 || (get(ONTIME_SERVICE_CLIENT) & ONTIME_SERVICE_UP) != 0) {
        uint32_t pending = get(ONTIME_SERVICE_PENDING);

        if (get(ONTIME_SERVICE_ACK) == ONTIME_SERVICE_RESETTING)
            put(ONTIME_SERVICE_ACK, 1);
        else if ((pending & 1) != 0)
            serve_queue();
        if (pending == 0)
            wait();
    }
    result(served != 0 && interrupts != 0, "served", ": %u requests\n", served);
    expect_equal("lives", get(ONTIME_SERVICE_CLIENT) >> ONTIME_SERVICE_STARTS_SHIFT,
                 shared.memory[DRIVER_LIVES]);
}

void guest_main(void)
{
    bool driver = option("driver");

    if (!find(driver ? "virtio_mmio@9200000" : "virtio-service@9300000")) {
        result(false, "virtio", ": not in the tree\n");
        return;
    }
    if (driver)
        be_driver((unsigned)option_number("resets", 100));
    else
        be_service((unsigned)option_number("late-us", 0));
}
