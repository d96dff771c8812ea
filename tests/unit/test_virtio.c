// SPDX-License-Identifier: Apache-2.0
/*
 * Virtio devices that another VM serves: what each side reads and writes, who is interrupted, who waits, and
 * what starts and stops of the two VMs do. At the end a random run of both sides beside a model of the
 * registers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/arch.h"
#include "devices/tree_writer.h"
#include "ontime/service.h"
#include "random.h"
#include "tree_looks.h"
#include "virtio_world.h"

#define DRIVER_INTID  GUEST_INTID_VIRTIOS  /* of the disk */
#define SERVICE_INTID GUEST_INTID_SERVICES /* of the disk */
#define VERSION_1     1u                   /* of the features' high half */
#define QUEUE(n, reg) (ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_STRIDE * (n) + (reg))

static void make_ready(unsigned device)
{
    service_put(device, ONTIME_SERVICE_FEATURES, 0x30);
    service_put(device, ONTIME_SERVICE_FEATURES + 4, VERSION_1);
    service_put(device, ONTIME_SERVICE_QUEUES, 2);
    service_put(device, ONTIME_SERVICE_QUEUE_SIZE, 256);
    service_put(device, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    (void)service_get(device, ONTIME_SERVICE_PENDING);
}

static void accept_features(unsigned device, uint32_t low, uint32_t high)
{
    driver_put(device, R_ACCEPTED_SEL, 0);
    driver_put(device, R_ACCEPTED, low);
    driver_put(device, R_ACCEPTED_SEL, 1);
    driver_put(device, R_ACCEPTED, high);
}

static void set_queue(unsigned device, unsigned queue, uint32_t size)
{
    driver_put(device, R_QUEUE_SEL, queue);
    driver_put(device, R_QUEUE_NUM, size);
    for (unsigned i = 0; i < 6; i++)
        driver_put(device, R_QUEUE_DESC + i / 2 * 0x10 + i % 2 * 4, 0x1000 * queue + i);
    driver_put(device, R_QUEUE_READY, 1);
}

/* The driver runs, with queue 0. */
static void make_running(unsigned device)
{
    make_ready(device);
    driver_put(device, R_STATUS, 3);
    accept_features(device, 0x10, VERSION_1);
    driver_put(device, R_STATUS, 3 | S_FEATURES_OK);
    set_queue(device, 0, 64);
    driver_put(device, R_STATUS, 3 | S_FEATURES_OK | S_DRIVER_OK);
    (void)service_get(device, ONTIME_SERVICE_PENDING);
    (void)world_latched(SERVICE, SERVICE_INTID);
    (void)world_warped(SERVICE, SERVICE_INTID);
}

static int setup(void **state)
{
    (void)state;
    world_reset();
    return 0;
}

static void registers_say_what_they_are(void **state)
{
    (void)state;
    make_ready(DISK);
    make_ready(SOCKET);
    assert_int_equal(driver_get(DISK, R_MAGIC), 0x74726976);
    assert_int_equal(driver_get(DISK, R_VERSION), 2);
    assert_int_equal(driver_get(DISK, R_VENDOR_ID), 0x4D544E4F); /* "ONTM" */
    assert_int_equal(driver_get(DISK, R_DEVICE_ID), 2);
    assert_int_equal(driver_get(SOCKET, R_DEVICE_ID), 19);
    for (unsigned i = 0; i < 16; i += 4)
        assert_int_equal(driver_get(DISK, R_SHM_LENGTH + i), UINT32_MAX);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_MAGIC), ONTIME_SERVICE_MAGIC_VALUE);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_VERSION), ONTIME_SERVICE_VERSION_VALUE);
    assert_int_equal(service_get(LAN, ONTIME_SERVICE_DEVICE_ID), 1);
    assert_int_equal(service_get(SOCKET, ONTIME_SERVICE_DEVICE_ID), 19);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_RAM), 0x50000000);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_RAM + 4), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_RAM_SIZE), 6 << 20);
    assert_int_equal(service_get(LAN, ONTIME_SERVICE_RAM_SIZE), 2 << 20);
    assert_int_equal(service_get(LAN, ONTIME_SERVICE_RAM_SIZE + 4), 1);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CLIENT),
                     ONTIME_SERVICE_UP | 1 << ONTIME_SERVICE_STARTS_SHIFT);
}

/* Words, and in the configuration anything up to a word. Nothing is behind a driver's registers. */
static void sizes_of_accesses(void **state)
{
    (void)state;
    make_ready(DISK);
    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned write = 0; write < 2; write++) {
            uint64_t value = 0;
            struct vcpu *service = &world_vm(SERVICE)->vcpus[0];

            assert_int_equal(world_access(world_vcpu(0), GUEST_VIRTIO_BASE + R_STATUS, size, write, &value),
                             size == 4 ? DONE : FAULT);
            assert_int_equal(
                world_access(world_vcpu(0), GUEST_VIRTIO_BASE + R_QUEUE_NOTIFY, size, write, &value),
                size == 4 ? DONE : FAULT);
            assert_int_equal(world_access(world_vcpu(0), GUEST_VIRTIO_BASE + R_SIZE - 8, size, write, &value),
                             size <= 4 ? DONE : FAULT);
            assert_int_equal(world_access(world_vcpu(0), GUEST_VIRTIO_BASE + R_SIZE, size, write, &value),
                             FAULT);
            assert_int_equal(
                world_access(service, GUEST_SERVICE_BASE + ONTIME_SERVICE_STATUS, size, write, &value),
                size == 4 ? DONE : FAULT);
            assert_int_equal(
                world_access(service, GUEST_SERVICE_BASE + ONTIME_SERVICE_INTERRUPT, size, write, &value),
                size == 4 ? DONE : FAULT);
            assert_int_equal(
                world_access(service, GUEST_SERVICE_BASE + ONTIME_SERVICE_CONFIG, size, write, &value),
                size <= 4 ? DONE : FAULT);
        }
}

static void each_vm_has_its_own_devices_only(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_int_equal(
        world_access(world_vcpu(0), GUEST_VIRTIO_BASE + 2 * GUEST_VIRTIO_STRIDE, 4, false, &value), FAULT);
    assert_int_equal(world_access(world_vcpu(0), GUEST_SERVICE_BASE, 4, false, &value), FAULT);
    assert_int_equal(world_access(&world_vm(SERVICE)->vcpus[0], GUEST_VIRTIO_BASE, 4, false, &value), FAULT);
    assert_int_equal(world_access(&world_vm(SERVICE)->vcpus[0], GUEST_SERVICE_BASE + 3 * GUEST_SERVICE_SIZE,
                                  4, false, &value),
                     FAULT);
    assert_int_equal(world_vm(DRIVER)->vgic.spi_banks, 2);
    assert_int_equal(world_vm(SERVICE)->vgic.spi_banks, 2);
}

static void the_service_offers_what_the_driver_reads(void **state)
{
    (void)state;
    service_put(DISK, ONTIME_SERVICE_FEATURES, 0x80000001);
    service_put(DISK, ONTIME_SERVICE_FEATURES + 4, VERSION_1 | 1 << 8 | 4); /* bit 8 is RING_RESET */
    service_put(DISK, ONTIME_SERVICE_QUEUES, 3);
    service_put(DISK, ONTIME_SERVICE_QUEUES, 17);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 128);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 100);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 65536);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    service_put(DISK, ONTIME_SERVICE_FEATURES, 0x7); /* too late */
    service_put(DISK, ONTIME_SERVICE_QUEUES, 1);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 2);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_FEATURES), 0x80000001);
    assert_int_equal(driver_get(DISK, R_FEATURES), 0x80000001);
    driver_put(DISK, R_FEATURES_SEL, 1);
    assert_int_equal(driver_get(DISK, R_FEATURES), VERSION_1 | 4);
    driver_put(DISK, R_FEATURES_SEL, 2);
    assert_int_equal(driver_get(DISK, R_FEATURES), 0);
    for (unsigned queue = 0; queue < 40; queue++) {
        driver_put(DISK, R_QUEUE_SEL, queue);
        assert_int_equal(driver_get(DISK, R_QUEUE_NUM_MAX), queue < 3 ? 128 : 0);
    }
    driver_put(DISK, R_QUEUE_SEL, UINT32_MAX);
    assert_int_equal(driver_get(DISK, R_QUEUE_NUM_MAX), 0);
    driver_put(DISK, R_QUEUE_NUM, 2);
    driver_put(DISK, R_QUEUE_READY, 1);
    assert_int_equal(driver_get(DISK, R_QUEUE_READY), 0);
}

static void the_service_reads_what_the_driver_sets(void **state)
{
    (void)state;
    make_running(DISK);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0xF);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_DRIVER_FEATURES), 0x10);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_DRIVER_FEATURES + 4), VERSION_1);
    set_queue(DISK, 1, 256);
    for (unsigned queue = 0; queue < 2; queue++) {
        assert_int_equal(service_get(DISK, QUEUE(queue, ONTIME_SERVICE_QUEUE_NUM)), queue == 0 ? 64 : 256);
        assert_int_equal(service_get(DISK, QUEUE(queue, ONTIME_SERVICE_QUEUE_READY)), 1);
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(service_get(DISK, QUEUE(queue, ONTIME_SERVICE_QUEUE_DESC + 4 * i)),
                             0x1000 * queue + i);
    }
    assert_int_equal(service_get(DISK, QUEUE(15, ONTIME_SERVICE_QUEUE_READY)), 0);
    driver_put(DISK, R_QUEUE_NUM, 32); /* it is ready: not any more */
    driver_put(DISK, R_QUEUE_DRIVER, 32);
    assert_int_equal(service_get(DISK, QUEUE(1, ONTIME_SERVICE_QUEUE_NUM)), 256);
    assert_int_equal(service_get(DISK, QUEUE(1, ONTIME_SERVICE_QUEUE_DRIVER)), 0x1002);
    accept_features(DISK, 0x20, 0); /* nor after FEATURES_OK */
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_DRIVER_FEATURES), 0x10);
}

static void wrong_queues_are_not_ready(void **state)
{
    static const uint32_t sizes[] = {0, 3, 96, 257, 512, UINT32_MAX};

    (void)state;
    make_ready(DISK);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_queue(DISK, 0, sizes[i]);
        assert_int_equal(driver_get(DISK, R_QUEUE_READY), 0);
    }
    set_queue(DISK, 2, 64);
    assert_int_equal(driver_get(DISK, R_QUEUE_READY), 0);
    set_queue(DISK, 1, 256);
    assert_int_equal(driver_get(DISK, R_QUEUE_READY), 1);
    world_reset();
    service_put(DISK, ONTIME_SERVICE_FEATURES + 4, 4); /* packed rings may have any size */
    service_put(DISK, ONTIME_SERVICE_QUEUES, 1);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 128);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    accept_features(DISK, 0, 4);
    set_queue(DISK, 0, 96);
    assert_int_equal(driver_get(DISK, R_QUEUE_READY), 1);
}

static uint32_t status_with_features(uint32_t low, uint32_t high)
{
    world_reset();
    make_ready(DISK);
    accept_features(DISK, low, high);
    driver_put(DISK, R_STATUS, 3 | S_FEATURES_OK);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), driver_get(DISK, R_STATUS));
    return driver_get(DISK, R_STATUS);
}

static void features_are_checked(void **state)
{
    (void)state;
    assert_int_equal(status_with_features(0x30, VERSION_1), 3 | S_FEATURES_OK);
    assert_int_equal(status_with_features(0, VERSION_1), 3 | S_FEATURES_OK);
    assert_int_equal(status_with_features(0x30, 0), 3);
    assert_int_equal(status_with_features(0x31, VERSION_1), 3);
    assert_int_equal(status_with_features(0x30, 3), 3);
    driver_put(DISK, R_STATUS, 0xFFFFFF43); /* eight bits, and DEVICE_NEEDS_RESET is not the driver's */
    assert_int_equal(driver_get(DISK, R_STATUS), 3);
}

/* The interrupt comes with the first bit, and again when it was read. */
static void notifications_are_collected(void **state)
{
    (void)state;
    make_running(DISK);
    for (unsigned i = 0; i < 100; i++)
        driver_put(DISK, R_QUEUE_NOTIFY, i % 2);
    driver_put(DISK, R_QUEUE_NOTIFY, 0x00050000 | 15); /* as with NOTIFICATION_DATA */
    driver_put(DISK, R_QUEUE_NOTIFY, 16);
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID), 1);
    assert_int_equal(world_warped(SERVICE, SERVICE_INTID), 1);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0x8003);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0);
    driver_put(DISK, R_QUEUE_NOTIFY, 1);
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID), 1);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 2);
    make_running(SOCKET);
    driver_put(SOCKET, R_QUEUE_NOTIFY, 0);
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID), 0);
    assert_in_range(world_latched(SERVICE, SERVICE_INTID + 2), 1, 10);
    assert_int_equal(world_warped(SERVICE, SERVICE_INTID + 2), 0);
    assert_ptr_equal(world_lender, world_vcpu(0)); /* who notifies waits for the service */
}

static void interrupts_of_the_driver_are_collected(void **state)
{
    (void)state;
    make_running(DISK);
    for (unsigned i = 0; i < 100; i++)
        service_put(DISK, ONTIME_SERVICE_INTERRUPT, i % 16);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, 16);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), 1);
    assert_int_equal(world_warped(DRIVER, DRIVER_INTID), 1);
    assert_int_equal(driver_get(DISK, R_INTERRUPT), 1);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, ONTIME_SERVICE_CONFIG_CHANGED);
    assert_int_equal(driver_get(DISK, R_INTERRUPT), 3);
    driver_put(DISK, R_INTERRUPT_ACK, 1);
    assert_int_equal(driver_get(DISK, R_INTERRUPT), 2);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, 0);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), 0);
    driver_put(DISK, R_INTERRUPT_ACK, 3);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, 0);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), 1);
    (void)world_stop(DRIVER, false);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, 0);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), 0);
}

static void the_configuration_is_bytes(void **state)
{
    struct vcpu *service = &world_vm(SERVICE)->vcpus[0];
    uint64_t value = 0x5A;
    uint32_t before;

    (void)state;
    make_ready(DISK);
    service_put(DISK, ONTIME_SERVICE_CONFIG, 0x44332211);
    before = driver_get(DISK, R_GENERATION);
    assert_int_equal(
        world_access(service, GUEST_SERVICE_BASE + ONTIME_SERVICE_CONFIG + 0xFF, 1, true, &value), DONE);
    assert_int_not_equal(driver_get(DISK, R_GENERATION), before);
    assert_int_equal(driver_get(DISK, R_CONFIG), 0x44332211);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CONFIG + 0xFC), 0x5A000000);
    assert_int_equal(world_access(world_vcpu(0), GUEST_VIRTIO_BASE + R_CONFIG + 2, 2, false, &value), DONE);
    assert_int_equal(value, 0x4433);
    driver_put(DISK, R_CONFIG, 0); /* has no effect */
    assert_int_equal(driver_get(DISK, R_CONFIG), 0x44332211);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CONFIG + ONTIME_SERVICE_CONFIG_SIZE), 0);
}

static const struct {
    unsigned reg;
    bool write;
} waiting[] = {{R_DEVICE_ID, false}, {R_FEATURES, false}, {R_QUEUE_NUM_MAX, false}, {R_GENERATION, false},
               {R_CONFIG, false},    {R_STATUS, true},    {R_QUEUE_READY, true},    {R_SIZE - 4, false}},
  at_once[] = {{R_MAGIC, false},       {R_VERSION, false},   {R_VENDOR_ID, false},    {R_QUEUE_READY, false},
               {R_STATUS, false},      {R_INTERRUPT, false}, {R_INTERRUPT_ACK, true}, {R_QUEUE_NOTIFY, true},
               {R_FEATURES_SEL, true}, {R_ACCEPTED, true},   {R_QUEUE_SEL, true},     {R_QUEUE_NUM, true},
               {R_QUEUE_DESC, true}};

/* Each tries again when the service is ready. The console says once that the driver waits. */
static void the_driver_waits_for_the_service(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++)
        assert_int_equal(driver_try(0, DISK, at_once[i].reg, at_once[i].write, 1), DONE);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_string_equal(world_line(), "");
    assert_int_equal(driver_try(0, DISK, R_DEVICE_ID, false, 0), AGAIN);
    assert_string_equal(world_line(), "linux: virtio disk waits for its service, VM io");
    for (unsigned i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
        assert_int_equal(driver_try(0, DISK, waiting[i].reg, waiting[i].write, 1), AGAIN);
        assert_true(world_waits(0));
        world_interrupt(0);
        assert_int_equal(driver_try(0, DISK, waiting[i].reg, waiting[i].write, 1), AGAIN);
        assert_int_equal(driver_try(1, DISK, waiting[i].reg, waiting[i].write, 1), AGAIN);
        assert_true(world_waits(0) && world_waits(1));
        assert_string_equal(world_line(), "");
        service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
        assert_false(world_waits(0) || world_waits(1));
        assert_int_equal(driver_try(0, DISK, waiting[i].reg, waiting[i].write, 1), DONE);
        service_put(DISK, ONTIME_SERVICE_CONTROL, 0);
        assert_int_equal(driver_try(0, DISK, R_DEVICE_ID, false, 0), AGAIN);
        assert_string_equal(world_line(), "linux: virtio disk waits for its service, VM io");
    }
}

/* The driver's store to Status goes through when the service has left the rings. */
static void a_reset_is_acknowledged(void **state)
{
    (void)state;
    make_running(DISK);
    service_put(DISK, ONTIME_SERVICE_INTERRUPT, 0);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), AGAIN);
    assert_true(world_waits(0));
    assert_string_equal(world_line(), "");
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID), 1);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_ACK), ONTIME_SERVICE_RESETTING);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0);
    assert_int_equal(service_get(DISK, QUEUE(0, ONTIME_SERVICE_QUEUE_READY)), 1);
    assert_int_equal(driver_try(1, DISK, R_STATUS, false, 0), AGAIN); /* as all others, but for these */
    assert_int_equal(driver_try(1, DISK, R_MAGIC, false, 0), DONE);
    assert_int_equal(driver_try(1, DISK, R_QUEUE_NOTIFY, true, 0), DONE);
    assert_int_equal(driver_try(1, DISK, R_INTERRUPT, false, 0), DONE);
    assert_int_equal(driver_try(1, DISK, R_INTERRUPT_ACK, true, 2), DONE);
    service_put(DISK, ONTIME_SERVICE_ACK, 1);
    assert_false(world_waits(0) || world_waits(1));
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_ACK), 0);
    assert_int_equal(driver_get(DISK, R_STATUS), 0);
    assert_int_equal(driver_get(DISK, R_INTERRUPT), 0);
    assert_int_equal(driver_get(DISK, R_QUEUE_READY), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_DRIVER_FEATURES), 0);
    assert_int_equal(service_get(DISK, QUEUE(0, ONTIME_SERVICE_QUEUE_DESC)), 0);
    (void)service_get(DISK, ONTIME_SERVICE_PENDING);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE); /* there is nothing to leave */
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0);
    service_put(DISK, ONTIME_SERVICE_ACK, 1); /* nobody has asked */
    driver_put(DISK, R_STATUS, 3);
    service_put(DISK, ONTIME_SERVICE_ACK, 1);
    assert_int_equal(driver_get(DISK, R_STATUS), 3);
}

static void a_service_that_is_not_ready_has_left_the_rings(void **state)
{
    (void)state;
    make_running(DISK);
    service_put(DISK, ONTIME_SERVICE_CONTROL, 0);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0);
    world_reset();
    make_running(DISK);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), AGAIN);
    service_put(DISK, ONTIME_SERVICE_CONTROL, 0);
    assert_false(world_waits(0));
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_ACK), 0);
}

static void changes_are_told(void **state)
{
    (void)state;
    make_ready(DISK);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0);
    driver_put(DISK, R_STATUS, 3);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    driver_put(DISK, R_STATUS, 3);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0);
    set_queue(DISK, 1, 4);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    driver_put(DISK, R_QUEUE_READY, 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    driver_put(DISK, R_QUEUE_READY, 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), 0);
}

static void a_broken_device_needs_a_reset(void **state)
{
    (void)state;
    make_running(DISK);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY | ONTIME_SERVICE_BROKEN);
    assert_int_equal(driver_get(DISK, R_STATUS), 0xF | S_NEEDS_RESET);
    assert_int_equal(driver_get(DISK, R_INTERRUPT), 2);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), 1);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0xF);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CONTROL), ONTIME_SERVICE_READY | ONTIME_SERVICE_BROKEN);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), AGAIN);
    service_put(DISK, ONTIME_SERVICE_ACK, 0);
    assert_int_equal(driver_get(DISK, R_STATUS), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CONTROL), ONTIME_SERVICE_READY);
}

/* The driver's registers stay, and so do its notifications; its accesses wait. */
static void the_service_restarts(void **state)
{
    (void)state;
    make_running(DISK);
    set_queue(DISK, 1, 8);
    (void)service_get(DISK, ONTIME_SERVICE_PENDING);
    (void)world_latched(SERVICE, SERVICE_INTID);
    assert_int_equal(world_stop(SERVICE, false), 3); /* its devices */
    driver_put(DISK, R_QUEUE_NOTIFY, 0);
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID), 0);
    assert_int_equal(driver_try(0, DISK, R_CONFIG, false, 0), AGAIN);
    world_start(SERVICE);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CONTROL), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_FEATURES + 4), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_QUEUES), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_QUEUE_SIZE), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0xF);
    assert_int_equal(service_get(DISK, QUEUE(0, ONTIME_SERVICE_QUEUE_NUM)), 64);
    service_put(DISK, ONTIME_SERVICE_FEATURES, 0x10);
    service_put(DISK, ONTIME_SERVICE_FEATURES + 4, VERSION_1);
    service_put(DISK, ONTIME_SERVICE_QUEUES, 2);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, 64);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID),
                     1); /* though the driver's notification was pending */
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED | 3);
    assert_int_equal(driver_try(0, DISK, R_CONFIG, false, 0), DONE);
    assert_int_equal(driver_get(DISK, R_STATUS), 0xF);
}

/* The next service offers less than the driver uses: a feature, a queue, its size. */
static void expect_too_little(uint32_t features, uint32_t queues, uint32_t size, bool broken)
{
    world_reset();
    make_running(DISK);
    set_queue(DISK, 1, 64);
    (void)world_stop(SERVICE, false);
    world_start(SERVICE);
    service_put(DISK, ONTIME_SERVICE_FEATURES, features);
    service_put(DISK, ONTIME_SERVICE_FEATURES + 4, VERSION_1);
    service_put(DISK, ONTIME_SERVICE_QUEUES, queues);
    service_put(DISK, ONTIME_SERVICE_QUEUE_SIZE, size);
    service_put(DISK, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    assert_int_equal(driver_get(DISK, R_STATUS), 0xF | (broken ? S_NEEDS_RESET : 0));
    assert_int_equal(driver_get(DISK, R_INTERRUPT), broken ? 2 : 0);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID), broken);
}

static void the_next_service_may_offer_less(void **state)
{
    (void)state;
    expect_too_little(0x10, 2, 64, false);
    expect_too_little(0, 2, 64, true);
    expect_too_little(0x10, 1, 64, true);
    expect_too_little(0x10, 2, 32, true);
}

static void a_service_that_is_off_has_no_device(void **state)
{
    (void)state;
    make_running(DISK);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), AGAIN);
    (void)world_stop(SERVICE, true);
    assert_false(world_waits(0));
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_int_equal(driver_get(DISK, R_DEVICE_ID), 0);
    driver_put(DISK, R_STATUS, 3);
    driver_put(DISK, R_QUEUE_NOTIFY, 0);
    assert_int_equal(driver_get(DISK, R_CONFIG), 0);
    assert_int_equal(driver_try(0, DISK, R_STATUS, true, 0), DONE);
    assert_string_equal(world_line(), "");
}

/* Its devices are reset before its RAM is cleared, and the service sees it go and come. */
static void the_driver_restarts(void **state)
{
    (void)state;
    make_running(DISK);
    service_put(DISK, ONTIME_SERVICE_CONTROL, 0);
    assert_int_equal(world_stop(DRIVER, false), 0); /* nobody uses the rings */
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_STATUS), 0);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CLIENT), 1 << ONTIME_SERVICE_STARTS_SHIFT);
    (void)service_get(DISK, ONTIME_SERVICE_PENDING);
    world_start(DRIVER);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_CLIENT),
                     ONTIME_SERVICE_UP | 2 << ONTIME_SERVICE_STARTS_SHIFT);
    assert_int_equal(service_get(DISK, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    assert_int_equal(service_get(SOCKET, ONTIME_SERVICE_PENDING), ONTIME_SERVICE_CHANGED);
    assert_int_equal(service_get(LAN, ONTIME_SERVICE_PENDING), 0);
}

static void a_restart_waits_a_second_for_the_service(void **state)
{
    (void)state;
    make_running(SOCKET);
    assert_in_range(world_stop(DRIVER, false), 100, 102); /* steps of 10 ms */
    assert_string_equal(world_line(), "linux: virtio sock: no answer from its service, VM io, to a reset");
    assert_int_equal(service_get(SOCKET, ONTIME_SERVICE_ACK), ONTIME_SERVICE_RESETTING);
    world_start(DRIVER);
    assert_int_equal(driver_try(0, SOCKET, R_DEVICE_ID, false, 0), AGAIN); /* it may still use the rings */
    service_put(SOCKET, ONTIME_SERVICE_ACK, 0);
    assert_int_equal(driver_try(0, SOCKET, R_DEVICE_ID, false, 0), DONE);
    assert_int_equal(driver_get(SOCKET, R_STATUS), 0);
    assert_int_equal(world_stop(DRIVER, false), 0);
    world_start(DRIVER);
    driver_put(SOCKET, R_STATUS, 3);
    assert_false(virtio_tell_a_service(world_vm(DRIVER), true));
    assert_true(virtio_stop(world_vm(DRIVER), false)); /* a second anew */
    service_put(SOCKET, ONTIME_SERVICE_ACK, 0);
    assert_false(virtio_stop(world_vm(DRIVER), false));
}

/* The service of the disk is silent, and the console full, until two seconds are over but for one tick. */
static void be_silent(void)
{
    world_reset();
    make_running(DISK);
    world_fill_console(true);
    assert_true(virtio_stop(world_vm(DRIVER), false));
    fake_set_counter(fake_counter() + arch_counter_hz());
    assert_true(virtio_stop(world_vm(DRIVER), false));
    fake_set_counter(fake_counter() + arch_counter_hz() - 1);
    assert_true(virtio_stop(world_vm(DRIVER), false));
    assert_string_equal(world_line(), "");
}

static void the_line_about_it_waits_another_second_for_room(void **state)
{
    (void)state;
    be_silent();
    assert_true(virtio_stop(world_vm(DRIVER), false));
    world_fill_console(false);
    assert_true(virtio_stop(world_vm(DRIVER), false));
    assert_string_equal(world_line(), "linux: virtio disk: no answer from its service, VM io, to a reset");
    assert_false(virtio_stop(world_vm(DRIVER), false));
    be_silent();
    fake_set_counter(fake_counter() + 1);
    assert_true(virtio_stop(world_vm(DRIVER), false));
    assert_false(virtio_stop(world_vm(DRIVER), false));
    assert_string_equal(world_line(), "");
}

static void services_have_their_clients_ram(void **state)
{
    const struct world_block *blocks;

    (void)state;
    assert_true(virtio_map());
    assert_int_equal(world_blocks(&blocks), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_ptr_equal(blocks[i].vm, world_vm(SERVICE));
    assert_int_equal(blocks[0].guest, WORLD_WINDOW_DRIVER);
    assert_int_equal(blocks[0].host, world_vm(DRIVER)->ram[0].host);
    assert_int_equal(blocks[0].size, 2 << 20);
    assert_int_equal(blocks[1].guest, WORLD_WINDOW_DRIVER + (2 << 20));
    assert_int_equal(blocks[1].host, world_vm(DRIVER)->ram[1].host);
    assert_int_equal(blocks[1].size, 4 << 20);
    assert_int_equal(blocks[2].guest, WORLD_WINDOW_OTHER);
    assert_int_equal(blocks[3].guest, WORLD_WINDOW_OTHER + (2 << 20));
    assert_int_equal(blocks[3].size, UINT64_C(0x1000) << 20);
    for (unsigned i = 0; i < 4; i++) {
        world_reset();
        world_limit_blocks(i);
        assert_false(virtio_map());
    }
}

static void describe(uint8_t *tree, int size, const struct vm *vm)
{
    struct tree_writer writer = {.fdt = tree, .error = fdt_create(tree, size)};

    assert_int_equal(fdt_finish_reservemap(tree), 0);
    tree_begin(&writer, "");
    for (unsigned i = 0; i < vm->device_count; i++)
        vm->devices[i]->describe(vm->devices[i], &writer);
    tree_begin(&writer, "reserved-memory");
    for (unsigned i = 0; i < vm->device_count; i++)
        if (vm->devices[i]->describe_memory != NULL)
            vm->devices[i]->describe_memory(vm->devices[i], &writer);
    tree_end(&writer);
    tree_end(&writer);
    assert_int_equal(writer.error, 0);
    assert_int_equal(fdt_finish(tree), 0);
    assert_int_equal(fdt_check_full(tree, (size_t)size), 0);
}

static void the_trees_describe_them(void **state)
{
    static uint8_t tree[8192] __attribute__((aligned(8)));
    const uint32_t driver_reg[] = {0, 0x9201000, 0, 0x200}, driver_interrupts[] = {0, 33, 1};
    const uint32_t service_reg[] = {0, 0x9301000, 0, 0x1000, 0x14, 0, 1, 0x200000};
    const uint32_t service_interrupts[] = {0, 49, 1}, window[] = {0x14, 0, 1, 0x200000};

    (void)state;
    describe(tree, sizeof(tree), world_vm(DRIVER));
    assert_string_equal(property(tree, "/virtio_mmio@9201000", "compatible", 12), "virtio,mmio");
    expect_cells(tree, "/virtio_mmio@9201000", "reg", driver_reg, 4);
    expect_cells(tree, "/virtio_mmio@9201000", "interrupts", driver_interrupts, 3);
    property(tree, "/virtio_mmio@9200000", "dma-coherent", 0);
    describe(tree, sizeof(tree), world_vm(SERVICE));
    assert_string_equal(property(tree, "/virtio-service@9301000", "compatible", 22), "ontime,virtio-service");
    assert_string_equal(property(tree, "/virtio-service@9301000", "label", 4), "lan");
    assert_string_equal(property(tree, "/virtio-service@9301000", "device", 4), "net");
    assert_memory_equal(property(tree, "/virtio-service@9301000", "reg-names", 17), "registers\0memory", 17);
    expect_cells(tree, "/virtio-service@9301000", "reg", service_reg, 8);
    expect_cells(tree, "/virtio-service@9301000", "interrupts", service_interrupts, 3);
    expect_cells(tree, "/reserved-memory/client@1400000000", "reg", window, 4);
    property(tree, "/reserved-memory/client@1000000000", "no-map", 0);
    assert_true(fdt_path_offset(tree, "/virtio-service@9302000") > 0); /* one window for both of a client */
    assert_true(fdt_path_offset(tree, "/reserved-memory/client@1800000000") < 0);
}

/* ---- the model */

#define RUNS  300
#define STEPS 2000

enum model_service { NOT_READY, IS_READY, IS_OFF };

static struct {
    enum model_service service;
    bool resetting, broken, service_up, driver_up;
    uint64_t offered, accepted;
    uint32_t queues, queue_size, generation, status, offered_half, accepted_half, selected;
    uint32_t sizes[16], addresses[16][6];
    bool ready[16];
    uint8_t configuration[256];
    uint32_t pending, interrupt, starts;
    bool to_service, to_driver; /* an interrupt has to have come; more may */
} model;

static struct random random_numbers;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)random_below(&random_numbers, bound);
}

static void model_pend(uint32_t bits)
{
    model.to_service = model.to_service || (model.pending == 0 && model.service_up);
    model.pending |= bits;
}

static void model_interrupt(uint32_t bits)
{
    model.to_driver = model.to_driver || (model.interrupt == 0 && model.driver_up);
    model.interrupt |= bits;
}

static void model_reset(void)
{
    model.resetting = model.broken = false;
    model.accepted = 0;
    model.status = model.offered_half = model.accepted_half = model.selected = model.interrupt = 0;
    memset(model.sizes, 0, sizeof(model.sizes));
    memset(model.addresses, 0, sizeof(model.addresses));
    memset(model.ready, 0, sizeof(model.ready));
}

static uint32_t model_ready_queues(void)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < 16; i++)
        bits |= model.ready[i] ? 1u << i : 0;
    return bits;
}

static bool model_must_wait(unsigned reg, bool write, uint32_t value)
{
    if (reg == R_MAGIC || reg == R_VERSION || reg == R_VENDOR_ID || reg == R_INTERRUPT ||
        reg == R_INTERRUPT_ACK || (reg == R_QUEUE_NOTIFY && write))
        return false;
    if (model.resetting)
        return true;
    if (model.service != NOT_READY)
        return false;
    if (write)
        return value != 0 && (reg == R_STATUS || reg == R_QUEUE_READY);
    return reg == R_DEVICE_ID || reg == R_FEATURES || reg == R_QUEUE_NUM_MAX || reg >= R_GENERATION;
}

static void model_ask_for_reset(void)
{
    if (model.service == IS_READY && (model.status != 0 || model_ready_queues() != 0)) {
        model.resetting = true;
        model_pend(ONTIME_SERVICE_CHANGED);
    } else {
        model_reset();
    }
}

static void model_set_status(uint32_t value)
{
    bool good = (model.accepted & ~model.offered) == 0 && ((model.accepted | ~model.offered) >> 32 & 1) != 0;

    value &= 0xBF;
    if (value == 0) {
        model_ask_for_reset();
        return;
    }
    if (!good && (model.status & S_FEATURES_OK) == 0)
        value &= ~S_FEATURES_OK;
    if (value != model.status)
        model_pend(ONTIME_SERVICE_CHANGED);
    model.status = value;
}

static void model_set_ready(bool ready)
{
    uint32_t q = model.selected;

    if (q >= 16 || ready == model.ready[q])
        return;
    if (ready && (q >= model.queues || model.sizes[q] == 0 || model.sizes[q] > model.queue_size ||
                  ((model.sizes[q] & (model.sizes[q] - 1)) != 0 && (model.accepted >> 34 & 1) == 0)))
        return;
    model.ready[q] = ready;
    model_pend(ONTIME_SERVICE_CHANGED);
}

static void model_driver_store(unsigned reg, uint32_t value)
{
    bool to_queue = model.selected < 16 && !model.ready[model.selected];

    if (reg == R_FEATURES_SEL)
        model.offered_half = value;
    if (reg == R_ACCEPTED_SEL)
        model.accepted_half = value;
    if (reg == R_ACCEPTED && (model.status & S_FEATURES_OK) == 0) {
        if (model.accepted_half == 0)
            model.accepted = (model.accepted & ~UINT64_C(0xFFFFFFFF)) | value;
        if (model.accepted_half == 1)
            model.accepted = (uint32_t)model.accepted | (uint64_t)value << 32;
    }
    if (reg == R_QUEUE_NUM && to_queue)
        model.sizes[model.selected] = value;
    for (unsigned i = 0; i < 6 && to_queue; i++)
        if (reg == R_QUEUE_DESC + i / 2 * 0x10 + i % 2 * 4)
            model.addresses[model.selected][i] = value;
    if (reg == R_QUEUE_SEL)
        model.selected = value;
    if (reg == R_QUEUE_READY)
        model_set_ready((value & 1) != 0);
    if (reg == R_QUEUE_NOTIFY && (value & 0xFFFF) < 16)
        model_pend(1u << (value & 0xFFFF));
    if (reg == R_INTERRUPT_ACK)
        model.interrupt &= ~value;
    if (reg == R_STATUS)
        model_set_status(value);
}

static uint32_t word_of(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t model_driver_load(unsigned reg)
{
    uint32_t q = model.selected;

    switch (reg) {
    case R_MAGIC:
        return 0x74726976;
    case R_VERSION:
        return 2;
    case R_DEVICE_ID:
        return model.service == IS_OFF ? 0 : 2;
    case R_FEATURES:
        return model.offered_half == 0   ? (uint32_t)model.offered
               : model.offered_half == 1 ? (uint32_t)(model.offered >> 32)
                                         : 0;
    case R_QUEUE_NUM_MAX:
        return q < model.queues ? model.queue_size : 0;
    case R_QUEUE_READY:
        return q < 16 && model.ready[q];
    case R_INTERRUPT:
        return model.interrupt;
    case R_STATUS:
        return model.status | (model.broken ? S_NEEDS_RESET : 0);
    case R_GENERATION:
        return model.generation;
    default:
        return reg >= R_CONFIG ? word_of(&model.configuration[reg - R_CONFIG]) : 0;
    }
}

static void model_control(uint32_t value)
{
    bool ready = (value & ONTIME_SERVICE_READY) != 0;
    bool too_much = (model.status & S_FEATURES_OK) != 0 && (model.accepted & ~model.offered) != 0;

    for (unsigned i = 0; i < 16; i++)
        too_much = too_much || (model.ready[i] && (i >= model.queues || model.sizes[i] > model.queue_size));
    if (!ready && model.resetting)
        model_reset();
    if (ready && model.service != IS_READY) {
        model.to_service = true;
        model.pending |= ONTIME_SERVICE_CHANGED | model_ready_queues();
    } else {
        too_much = false;
    }
    model.service = ready ? IS_READY : NOT_READY;
    if ((too_much || (value & ONTIME_SERVICE_BROKEN) != 0) && !model.broken) {
        model.broken = true;
        model_interrupt(2);
    }
}

static void model_service_store(unsigned reg, uint32_t value)
{
    bool fixed = model.service == IS_READY;

    if (reg == ONTIME_SERVICE_ACK && model.resetting)
        model_reset();
    if (reg == ONTIME_SERVICE_CONTROL)
        model_control(value);
    if (reg == ONTIME_SERVICE_FEATURES && !fixed)
        model.offered = (model.offered & ~UINT64_C(0xFFFFFFFF)) | value;
    if (reg == ONTIME_SERVICE_FEATURES + 4 && !fixed)
        model.offered = (uint32_t)model.offered | (uint64_t)(value & ~0x100u) << 32;
    if (reg == ONTIME_SERVICE_QUEUES && !fixed && value <= 16)
        model.queues = value;
    if (reg == ONTIME_SERVICE_QUEUE_SIZE && !fixed && value <= 32768 && (value & (value - 1)) == 0)
        model.queue_size = value;
    if (reg == ONTIME_SERVICE_INTERRUPT && value < 16)
        model_interrupt(1);
    if (reg == ONTIME_SERVICE_INTERRUPT && value == ONTIME_SERVICE_CONFIG_CHANGED)
        model_interrupt(2);
    if (reg >= ONTIME_SERVICE_CONFIG && reg < ONTIME_SERVICE_CONFIG + 256) {
        for (unsigned i = 0; i < 4; i++)
            model.configuration[reg - ONTIME_SERVICE_CONFIG + i] = (uint8_t)(value >> 8 * i);
        model.generation++;
    }
}

static uint32_t model_service_load(unsigned reg)
{
    unsigned q = (reg - ONTIME_SERVICE_QUEUE) / ONTIME_SERVICE_QUEUE_STRIDE;
    unsigned in_queue = (reg - ONTIME_SERVICE_QUEUE) % ONTIME_SERVICE_QUEUE_STRIDE;
    uint32_t pending = model.pending;

    if (reg >= ONTIME_SERVICE_QUEUE && q < 16)
        return in_queue == 0   ? model.sizes[q]
               : in_queue == 4 ? model.ready[q]
                               : model.addresses[q][in_queue / 4 - 2];
    switch (reg) {
    case ONTIME_SERVICE_CLIENT:
        return model.starts << 1 | model.driver_up;
    case ONTIME_SERVICE_PENDING:
        model.pending = 0;
        return pending;
    case ONTIME_SERVICE_STATUS:
        return model.resetting ? 0 : model.status;
    case ONTIME_SERVICE_ACK:
        return model.resetting;
    case ONTIME_SERVICE_CONTROL:
        return (model.service == IS_READY ? ONTIME_SERVICE_READY : 0) |
               (model.broken ? ONTIME_SERVICE_BROKEN : 0);
    case ONTIME_SERVICE_FEATURES:
        return (uint32_t)model.offered;
    case ONTIME_SERVICE_FEATURES + 4:
        return (uint32_t)(model.offered >> 32);
    case ONTIME_SERVICE_DRIVER_FEATURES:
        return (uint32_t)model.accepted;
    case ONTIME_SERVICE_DRIVER_FEATURES + 4:
        return (uint32_t)(model.accepted >> 32);
    case ONTIME_SERVICE_QUEUES:
        return model.queues;
    case ONTIME_SERVICE_QUEUE_SIZE:
        return model.queue_size;
    default:
        return reg >= ONTIME_SERVICE_CONFIG && reg < ONTIME_SERVICE_CONFIG + 256
                   ? word_of(&model.configuration[reg - ONTIME_SERVICE_CONFIG])
                   : 0;
    }
}

/* What the two vCPUs wait with. */
static struct {
    bool waits;
    unsigned reg;
    bool write;
    uint32_t value;
} blocked[2];

static uint32_t any_value(void)
{
    static const uint32_t values[] = {0,         1, 2, 3, 4, 8, 0xB, 0xF, 16, 32, 64, 96, 0x30, VERSION_1 | 4,
                                      UINT32_MAX};

    return below(4) != 0 ? values[below(sizeof(values) / sizeof(values[0]))] : below(UINT32_MAX) >> below(32);
}

/* An access of a vCPU that does not wait. */
static void driver_step(void)
{
    static const unsigned registers[] = {
        R_MAGIC,         R_VERSION,        R_DEVICE_ID,   R_FEATURES,     R_FEATURES_SEL, R_ACCEPTED,
        R_ACCEPTED_SEL,  R_QUEUE_SEL,      R_QUEUE_SEL,   R_QUEUE_NUM,    R_QUEUE_NUM,    R_QUEUE_NUM_MAX,
        R_QUEUE_READY,   R_QUEUE_READY,    R_QUEUE_READY, R_QUEUE_NOTIFY, R_QUEUE_NOTIFY, R_INTERRUPT,
        R_INTERRUPT_ACK, R_STATUS,         R_STATUS,      R_STATUS,       R_QUEUE_DESC,   R_QUEUE_DRIVER,
        R_QUEUE_DEVICE,  R_QUEUE_DESC + 4, R_GENERATION,  R_CONFIG,       0x1FC};
    unsigned vcpu = below(2);
    bool again;

    if (!blocked[vcpu].waits || !world_waits(vcpu)) {
        if (!blocked[vcpu].waits) {
            blocked[vcpu].reg = registers[below(sizeof(registers) / sizeof(registers[0]))];
            blocked[vcpu].write = below(2) == 0;
            blocked[vcpu].value = any_value();
        }
    } else {
        if (below(4) == 0)
            world_interrupt(vcpu);
        return;
    }
    again = model_must_wait(blocked[vcpu].reg, blocked[vcpu].write, blocked[vcpu].value);
    if (!again && blocked[vcpu].write) {
        model_driver_store(blocked[vcpu].reg, blocked[vcpu].value);
        again = blocked[vcpu].reg == R_STATUS && model.resetting;
    }
    blocked[vcpu].waits = again;
    if (again || blocked[vcpu].write) {
        assert_int_equal(driver_try(vcpu, DISK, blocked[vcpu].reg, blocked[vcpu].write, blocked[vcpu].value),
                         again ? AGAIN : DONE);
        return;
    }
    assert_int_equal(driver_get(DISK, blocked[vcpu].reg), model_driver_load(blocked[vcpu].reg));
}

static void service_step(void)
{
    unsigned reg = below(2) == 0 ? 4 * (3 + below(12)) : 4 * below(0x440 / 4);
    uint32_t value = any_value();

    if (reg >= ONTIME_SERVICE_RAM && reg < ONTIME_SERVICE_QUEUE)
        reg = ONTIME_SERVICE_CONTROL;
    if (reg < ONTIME_SERVICE_CLIENT)
        reg = ONTIME_SERVICE_ACK;
    if (reg == ONTIME_SERVICE_CONTROL && below(4) != 0)
        value |= ONTIME_SERVICE_READY;
    if (below(2) == 0) {
        model_service_store(reg, value);
        service_put(DISK, reg, value);
    } else {
        assert_int_equal(service_get(DISK, reg), model_service_load(reg));
    }
}

/* The service restarts, or the driver does: both with their vCPUs off. */
static void restart_step(void)
{
    if (below(2) == 0) {
        if (model.resetting)
            model_reset();
        model.service = NOT_READY;
        model.offered = model.queues = model.queue_size = 0;
        (void)world_stop(SERVICE, false);
        world_start(SERVICE);
        return;
    }
    memset(blocked, 0, sizeof(blocked));
    model_ask_for_reset();
    model.driver_up = false;
    model_pend(ONTIME_SERVICE_CHANGED);
    (void)world_stop(DRIVER, false);
    model.driver_up = true;
    model.starts++;
    model_pend(ONTIME_SERVICE_CHANGED);
    world_start(DRIVER);
}

/* Interrupts came where the model has them, and who could go on does not wait. */
static void check_step(void)
{
    assert_int_equal(world_latched(SERVICE, SERVICE_INTID) != 0, model.to_service);
    assert_int_equal(world_latched(DRIVER, DRIVER_INTID) != 0, model.to_driver);
    model.to_service = model.to_driver = false;
    for (unsigned i = 0; i < 2; i++)
        if (blocked[i].waits && world_waits(i))
            assert_true(model_must_wait(blocked[i].reg, blocked[i].write, blocked[i].value));
}

static void as_the_model(void **state)
{
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        random_numbers.state = run;
        world_reset();
        memset(&model, 0, sizeof(model));
        memset(blocked, 0, sizeof(blocked));
        model.service_up = model.driver_up = true;
        model.starts = 1;
        for (unsigned step = 0; step < STEPS; step++) {
            if (below(100) == 0)
                restart_step();
            else if (below(2) == 0)
                driver_step();
            else
                service_step();
            check_step();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(registers_say_what_they_are, setup),
        cmocka_unit_test_setup(sizes_of_accesses, setup),
        cmocka_unit_test_setup(each_vm_has_its_own_devices_only, setup),
        cmocka_unit_test_setup(the_service_offers_what_the_driver_reads, setup),
        cmocka_unit_test_setup(the_service_reads_what_the_driver_sets, setup),
        cmocka_unit_test_setup(wrong_queues_are_not_ready, setup),
        cmocka_unit_test_setup(features_are_checked, setup),
        cmocka_unit_test_setup(notifications_are_collected, setup),
        cmocka_unit_test_setup(interrupts_of_the_driver_are_collected, setup),
        cmocka_unit_test_setup(the_configuration_is_bytes, setup),
        cmocka_unit_test_setup(the_driver_waits_for_the_service, setup),
        cmocka_unit_test_setup(a_reset_is_acknowledged, setup),
        cmocka_unit_test_setup(a_service_that_is_not_ready_has_left_the_rings, setup),
        cmocka_unit_test_setup(changes_are_told, setup),
        cmocka_unit_test_setup(a_broken_device_needs_a_reset, setup),
        cmocka_unit_test_setup(the_service_restarts, setup),
        cmocka_unit_test_setup(the_next_service_may_offer_less, setup),
        cmocka_unit_test_setup(a_service_that_is_off_has_no_device, setup),
        cmocka_unit_test_setup(the_driver_restarts, setup),
        cmocka_unit_test_setup(a_restart_waits_a_second_for_the_service, setup),
        cmocka_unit_test_setup(the_line_about_it_waits_another_second_for_room, setup),
        cmocka_unit_test_setup(services_have_their_clients_ram, setup),
        cmocka_unit_test_setup(the_trees_describe_them, setup),
        cmocka_unit_test_setup(as_the_model, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
