// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio device whose driver has vCPUs on two cores, and whose service is on a third, in any order of their
 * accesses: no notification is missed, nobody waits for what has come, and after a reset the service is out
 * of the rings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "devices/vgic.h"
#include "devices/virtio_registers.h"
#include "interleave.h"
#include "ontime/service.h"
#include "virtio_world.h"
#include "vm/dispatch.h"

#define CORES         3 /* the driver's vCPUs, and the service */
#define SERVICE_CORE  2
#define SEEDS         2000
#define NOTIFICATIONS 12
#define RESETS        4
#define ABSENCES      3
#define PATIENCE      20000
#define QUEUE_READY_0 (ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_READY)

static struct cpu cores[CORES];
static bool woken[SERVICE_CORE]; /* a message for the vCPU, which its core has yet to take */
static bool interrupted;         /* the service's interrupt is pending */
static unsigned available, used; /* requests in the ring, and those that the service has seen */
static bool in_rings;            /* the service works on them */
static unsigned drivers;         /* that have not ended */

struct cpu *arch_cpu(void)
{
    return &cores[interleave_core()];
}

void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    assert_int_equal(request, VCPU_WAKE);
    interleave_point();
    woken[vcpu->index] = true;
}

void vcpu_block(struct vcpu *vcpu)
{
    interleave_point();
    vcpu->unit.runnable = false;
}

// cppcheck-suppress constParameter ; devices/vgic.h declares it so
void vgic_latch_spi(struct vm *vm, unsigned intid, bool urgent, struct vcpu *lender)
{
    (void)intid, (void)urgent, (void)lender;
    interleave_point();
    if (vm == world_vm(SERVICE))
        interrupted = true;
}

/* A core of the driver's looks for messages, until its vCPU runs. */
static void run_again(unsigned vcpu)
{
    for (unsigned i = 0; world_waits(vcpu); i++) {
        assert_true(i < PATIENCE);
        if (woken[vcpu])
            world_vcpu(vcpu)->unit.runnable = true;
        woken[vcpu] = false;
        interleave_point();
    }
}

/* As often as the guest's instruction takes. */
static void do_access(unsigned vcpu, unsigned reg, bool write, uint32_t value)
{
    unsigned tries = 0;

    while (driver_try(vcpu, DISK, reg, write, value) == AGAIN) {
        assert_true(tries++ < PATIENCE);
        run_again(vcpu);
        interleave_point();
    }
}

static void notify(void)
{
    for (unsigned i = 0; i < NOTIFICATIONS; i++) {
        available++;
        interleave_point();
        do_access(0, R_QUEUE_NOTIFY, true, 0);
        if (i % 3 == 0)
            do_access(0, R_CONFIG, false, 0);
    }
}

/* When the store has gone through, nobody works on the rings, until the queue is ready again. */
static void reset(void)
{
    for (unsigned i = 0; i < RESETS; i++) {
        do_access(1, R_STATUS, true, 0);
        assert_false(in_rings);
        do_access(1, R_STATUS, true, 1);
        do_access(1, R_QUEUE_SEL, true, 0);
        do_access(1, R_QUEUE_NUM, true, 4);
        do_access(1, R_QUEUE_READY, true, 1);
    }
}

static void put(unsigned reg, uint32_t value)
{
    service_put(DISK, reg, value);
}

static void serve_pending(void)
{
    uint32_t pending;

    while ((pending = service_get(DISK, ONTIME_SERVICE_PENDING)) != 0) {
        if (service_get(DISK, ONTIME_SERVICE_ACK) != 0) {
            in_rings = false;
            put(ONTIME_SERVICE_ACK, 0);
        }
        in_rings = service_get(DISK, QUEUE_READY_0) != 0 && service_get(DISK, ONTIME_SERVICE_STATUS) != 0;
        if ((pending & 1) != 0)
            used = available;
    }
}

/* It waits for its interrupt, and comes so often, at any time: what is missed at the last is missed for good.
 */
static void serve(void)
{
    unsigned rounds = 0, times = 1 + (unsigned)random_below(&interleave_random, ABSENCES);

    while (drivers != 0 || interrupted) {
        assert_true(rounds++ < PATIENCE);
        if (times != 0 && random_below(&interleave_random, 32) == 0) {
            times--;
            in_rings = false;
            put(ONTIME_SERVICE_CONTROL, 0);
            put(ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
        }
        if (interrupted) {
            interrupted = false;
            serve_pending();
        }
        interleave_point();
    }
}

static void be_a_core(unsigned core)
{
    if (core == SERVICE_CORE) {
        serve();
        return;
    }
    if (core == 0)
        notify();
    else
        reset();
    drivers--;
}

static void run(uint64_t seed)
{
    const struct virtio_registers *driven;

    (void)seed;
    interleave_choose(0);
    memset(cores, 0, sizeof(cores));
    memset(woken, 0, sizeof(woken));
    world_reset();
    driven = (const struct virtio_registers *)(const void *)world_vm(DRIVER)->devices[0];
    driven->devices[DISK]->lock.place = LOCK_ANYWHERE; /* its order is that of one core */
    interrupted = in_rings = false;
    available = used = 0;
    drivers = 2;
    put(ONTIME_SERVICE_QUEUES, 1);
    put(ONTIME_SERVICE_QUEUE_SIZE, 4);
    for (unsigned i = 0; i < 2; i++)
        world_vcpu(i)->cpu = &cores[i];
    interleave_run(CORES, be_a_core);
    assert_int_equal(used, available);
}

static void in_any_order(void **state)
{
    (void)state;
    interleave_seeds(SEEDS, run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_any_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
