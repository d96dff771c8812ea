// SPDX-License-Identifier: Apache-2.0
/*
 * A disk of a service guest's program, served by this machine's qemu-storage-daemon, with a driver in this
 * process: the queue lies in shared memory, which stands for the driver's RAM.
 */
#define _GNU_SOURCE /* memfd_create() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../guest/service/backend.h"

enum {
    RAM_BASE = 0x40000000,
    RAM_SIZE = 1 << 20,
    QUEUE_SIZE = 64,
    AVAILABLE = 0x1000,
    USED = 0x2000,
    REQUESTS = 0x4000, /* a header, a status and a sector for each */
    REQUEST_SIZE = 0x400,
    SECTOR = 512,
    DISK_SECTORS = 2048,
    WAIT_MS = 20000,
};

/* Of virtio; the kernel's headers are not those of this machine in all checks of the unit tests. */
enum { T_IN = 0, T_OUT = 1, S_OK = 0, S_IOERR = 1, F_FLUSH = 9, F_CONFIG_WCE = 11, F_VERSION_1 = 32 };

struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

static struct device device;
static struct setting setting;
static struct events events;
static char path[] = "/tmp/ontime-test-XXXXXX";

static uint8_t *request_at(unsigned number)
{
    return device.ram.bytes + REQUESTS + REQUEST_SIZE * number;
}

static volatile uint16_t *available(void)
{
    return (volatile uint16_t *)(void *)(device.ram.bytes + AVAILABLE);
}

static volatile uint16_t *used(void)
{
    return (volatile uint16_t *)(void *)(device.ram.bytes + USED);
}

/* Request `number` has the descriptors from 3 * number on. */
static void make_request(unsigned number, uint32_t type, uint64_t sector)
{
    struct descriptor *chain = (struct descriptor *)(void *)device.ram.bytes + 3 * number;
    struct header header = {.type = type, .sector = sector};
    uint64_t place = RAM_BASE + REQUESTS + REQUEST_SIZE * (uint64_t)number;
    uint16_t written = type == T_IN ? 2 : 0, first = (uint16_t)(3 * number);
    uint16_t index = available()[1];

    memcpy(request_at(number), &header, sizeof(header));
    request_at(number)[16] = 0xFF;
    chain[0] = (struct descriptor){place, sizeof(header), 1, (uint16_t)(first + 1)};
    chain[1] = (struct descriptor){place + 32, SECTOR, 1 | written, (uint16_t)(first + 2)};
    chain[2] = (struct descriptor){place + 16, 1, 2, 0};
    available()[2 + index % QUEUE_SIZE] = first;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    available()[1] = (uint16_t)(index + 1);
}

static void kick(void)
{
    assert_int_equal(eventfd_write(events.kick, 1), 0);
}

/* Serves as the program's loop does; false: the driver would have to reset the device. */
static bool serve_once(void)
{
    struct pollfd files[BACKEND_FILES] = {{.fd = -1}};
    int count = block_backend.watch(files);

    for (int i = 0; i < count; i++)
        files[i].events = POLLIN;
    assert_true(poll(files, (nfds_t)count, WAIT_MS) > 0);
    return block_backend.serve(files);
}

static void wait_until_used(uint16_t count)
{
    while (used()[1] != count)
        assert_true(serve_once());
}

static void start(void)
{
    events = (struct events){.kick = eventfd(0, EFD_NONBLOCK), .call = eventfd(0, EFD_NONBLOCK)};
    block_backend.start(&device, &setting, &events);
}

static int set_up(void **state)
{
    int file = mkstemp(path);

    (void)state;
    device.memory = memfd_create("ram", 0);
    if (file < 0 || ftruncate(file, DISK_SECTORS * SECTOR) || ftruncate(device.memory, RAM_SIZE))
        return -1;
    device.ram = (struct ram){.base = RAM_BASE, .size = RAM_SIZE};
    device.ram.bytes = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device.memory, 0);
    setting = (struct setting){.features = 1ULL << F_VERSION_1,
                               .queues = 1,
                               .queue = {{.size = QUEUE_SIZE,
                                          .descriptors = RAM_BASE,
                                          .available = RAM_BASE + AVAILABLE,
                                          .used = RAM_BASE + USED}}};
    return device.ram.bytes == MAP_FAILED;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_disk_is_offered(void **state)
{
    struct offer offer = {.features = 0};
    uint64_t sectors;

    (void)state;
    block_backend.prepare(&device, path, &offer);
    assert_true(offer.features & 1ULL << F_VERSION_1);
    assert_true(offer.features & 1ULL << F_FLUSH);
    assert_false(offer.features & (1ULL << F_CONFIG_WCE | 1ULL << 30));
    assert_int_equal(offer.queues, 1);
    memcpy(&sectors, offer.configuration, sizeof(sectors));
    assert_int_equal(sectors, DISK_SECTORS);
}

static void what_is_written_is_read(void **state)
{
    eventfd_t signals;

    (void)state;
    start();
    memset(request_at(0) + 32, 'a', SECTOR);
    make_request(0, T_OUT, 7);
    kick();
    wait_until_used(1);
    assert_int_equal(eventfd_read(events.call, &signals), 0);
    assert_int_equal(signals, 1);
    assert_int_equal(request_at(0)[16], S_OK);
    make_request(1, T_IN, 7);
    make_request(2, T_IN, DISK_SECTORS);
    kick();
    wait_until_used(3);
    assert_int_equal(request_at(1)[16], S_OK);
    assert_int_equal(request_at(1)[32], 'a');
    assert_int_equal(request_at(1)[32 + SECTOR - 1], 'a');
    assert_int_equal(request_at(2)[16], S_IOERR);
}

static void a_stop_waits_for_all_requests_and_a_start_goes_on(void **state)
{
    enum { ROUNDS = 20, AT_ONCE = 16, PAUSE_US = 2000 };
    uint16_t before = used()[1];
    bool ended;

    (void)state;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            make_request(i, T_IN, 7);
        kick();
        assert_true(serve_once());
        block_backend.stop();
        close(events.kick);
        close(events.call);
        for (unsigned i = 0; i < AT_ONCE; i++)
            memset(request_at(i) + 16, 0xAA, REQUEST_SIZE - 16);
        usleep(PAUSE_US);
        for (unsigned i = 0; i < AT_ONCE; i++)
            for (int j = 16; j < REQUEST_SIZE; j++)
                assert_int_equal(request_at(i)[j], 0xAA);
        start();
        kick();
        ended = used()[1] == (uint16_t)(before + AT_ONCE * round);
        wait_until_used((uint16_t)(before + AT_ONCE * round));
        assert_true(ended || request_at(AT_ONCE - 1)[32] == 'a');
    }
}

/* Its buffer is not in the driver's RAM. */
static void a_request_that_is_malformed_breaks_the_device(void **state)
{
    uint16_t before = used()[1];

    (void)state;
    make_request(0, T_IN, 7);
    ((struct descriptor *)(void *)device.ram.bytes)[1].address = RAM_BASE + RAM_SIZE;
    kick();
    while (serve_once())
        assert_int_equal(used()[1], before);
    block_backend.stop();
    ((struct descriptor *)(void *)device.ram.bytes)[1].address = RAM_BASE + REQUESTS + 32;
    start();
    kick();
    wait_until_used((uint16_t)(before + 1));
}

/* It is the only child of this process. */
static void kill_server(void)
{
    FILE *children = fopen("/proc/thread-self/children", "r");
    int child = 0;

    assert_non_null(children);
    assert_int_equal(fscanf(children, "%d", &child), 1);
    (void)fclose(children);
    assert_int_equal(kill(child, SIGKILL), 0);
}

static void a_server_that_ends_is_noticed(void **state)
{
    struct pollfd files[BACKEND_FILES] = {{.fd = -1}};

    (void)state;
    block_backend.watch(files);
    files[0].events = POLLIN;
    assert_int_equal(poll(files, 1, 0), 0);
    kill_server();
    assert_int_equal(poll(files, 1, WAIT_MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_offered),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_stop_waits_for_all_requests_and_a_start_goes_on),
        cmocka_unit_test(a_request_that_is_malformed_breaks_the_device),
        cmocka_unit_test(a_server_that_ends_is_noticed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
