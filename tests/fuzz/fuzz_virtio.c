// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for virtio devices: a driver with two vCPUs and a service do whatever comes to the
 * registers of all their devices, and start again or end in between. The sanitizers and the invariants of
 * debug builds say what is wrong; and that a vCPU waits whose access could be carried out, which is so only
 * until the end of the step.
 *
 * An input is operations, a byte each with its arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch/fake/fake.h"
#include "base/arch.h"
#include "bytes.h"
#include "ontime/service.h"
#include "virtio_world.h"

#define OPERATIONS_MAX 4096

/* The last access of each of the driver's vCPUs, and whether it is to be made again. */
static struct {
    uint64_t address, value;
    unsigned size;
    bool write, again;
} last[2];

static void again(unsigned vcpu)
{
    uint64_t value = last[vcpu].value;

    last[vcpu].again = world_access(world_vcpu(vcpu), last[vcpu].address, last[vcpu].size, last[vcpu].write,
                                    &value) == AGAIN;
}

/* Any access to the pages of the devices, and to the one behind. */
static void access_as_driver(struct bytes *bytes, unsigned operation)
{
    unsigned vcpu = operation >> 4 & 1;

    if (world_waits(vcpu)) {
        if ((operation & 32) != 0)
            world_interrupt(vcpu);
        return;
    }
    if (!last[vcpu].again) {
        last[vcpu].address = GUEST_VIRTIO_BASE + GUEST_VIRTIO_STRIDE * take_below(bytes, 3);
        last[vcpu].address += take(bytes, 1) * 4 % (2 * GUEST_VIRTIO_SIZE) + (operation >> 6);
        last[vcpu].size = operation >> 5 == 7 ? 1u << (take(bytes, 1) & 3) : 4;
        last[vcpu].address &= ~(uint64_t)(last[vcpu].size - 1);
        last[vcpu].write = (operation & 32) != 0;
        last[vcpu].value = last[vcpu].write ? take(bytes, last[vcpu].size) : 0;
    }
    again(vcpu);
}

static void access_as_service(struct bytes *bytes, unsigned operation)
{
    uint64_t address = GUEST_SERVICE_BASE + GUEST_SERVICE_SIZE * take_below(bytes, 4);
    unsigned size = operation >> 5 == 7 ? 1u << (take(bytes, 1) & 3) : 4;
    uint64_t value;

    address +=
        take(bytes, (operation & 64) != 0 ? 2 : 1) * ((operation & 64) != 0 ? 1 : 4) % GUEST_SERVICE_SIZE;
    value = (operation & 32) != 0 ? take(bytes, size) : 0;
    (void)world_access(&world_vm(SERVICE)->vcpus[0], address & ~(uint64_t)(size - 1), size,
                       (operation & 32) != 0, &value);
}

static void stop(unsigned vm, bool for_good)
{
    if (vm == DRIVER)
        memset(last, 0, sizeof(last));
    (void)world_stop(vm, for_good);
    if (!for_good)
        world_start(vm);
}

/* Returns false when one of the two VMs is off. */
static bool step(struct bytes *bytes)
{
    unsigned operation = (unsigned)take(bytes, 1);

    switch (operation & 15) {
    case 0:
        stop(operation >> 4 & 1, operation >= 0xF0);
        return operation < 0xF0;
    case 1:
        world_fill_console((operation & 16) != 0);
        return true;
    case 2:
        service_put(operation >> 4 & 1, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
        return true;
    case 3:
        service_put(operation >> 4 & 1, ONTIME_SERVICE_ACK, 0);
        return true;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        access_as_service(bytes, operation);
        return true;
    default:
        access_as_driver(bytes, operation);
        return true;
    }
}

/* An interrupt makes each that waits try again: it has to go on waiting. */
static void check_waiting(void)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!world_waits(i))
            continue;
        world_interrupt(i);
        again(i);
        assert_true(last[i].again);
        if (!world_waits(i)) /* the console was told first */
            again(i);
        assert_true(last[i].again && world_waits(i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};

    memset(last, 0, sizeof(last));
    world_reset();
    for (unsigned i = 0; i < OPERATIONS_MAX && bytes.left != 0; i++) {
        bool both = step(&bytes);

        if (!both)
            break;
        check_waiting();
    }
    return 0;
}
