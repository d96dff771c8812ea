/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device a guest's access goes to: the borders of each, what is there with one version of the GIC only,
 * and that an access is as aligned as it is large. The devices are stand-ins that note who was asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "devices/address_map.h"
#include "devices/vgic.h"
#include "devices/vrtc.h"
#include "devices/vuart.h"
#include "random.h"
#include "vm/vm.h"

#define VCPUS  8
#define NOBODY 0xFFFF
#define STEPS  200000

#define PLACES 5

enum device { NONE, UART, DISTRIBUTOR, REDISTRIBUTORS, INTERFACE, RTC, FLASH };

struct place {
    uint64_t start, size;
    enum device device;
};

static struct gic_driver driver;
const struct gic_driver *gic = &driver;
static struct vrtc rtc;
static struct vm vm;
static struct vcpu vcpu;
static struct {
    enum device device;
    uint64_t offset;
    bool refuses; /* the device */
} seen;

static bool note(enum device device, struct vcpu *asking, const struct mmio_access *access)
{
    assert_ptr_equal(asking, &vcpu);
    seen.device = device;
    seen.offset = access->offset;
    return !seen.refuses;
}

bool vuart_access(struct vcpu *asking, struct mmio_access *access)
{
    return note(UART, asking, access);
}

bool vrtc_access(struct vcpu *asking, struct mmio_access *access)
{
    return note(RTC, asking, access);
}

bool vgic_distributor_access(struct vcpu *asking, struct mmio_access *access)
{
    return note(DISTRIBUTOR, asking, access);
}

bool vgic_redistributor_access(struct vcpu *asking, struct mmio_access *access)
{
    return note(REDISTRIBUTORS, asking, access);
}

bool vgic_interface_access(struct vcpu *asking, struct mmio_access *access)
{
    return note(INTERFACE, asking, access);
}

/* The map of a machine with that GIC, for a guest of that many vCPUs. */
static unsigned map(unsigned version, unsigned vcpus, struct place *places)
{
    driver.version = version;
    vm.vcpu_count = vcpus;
    vcpu.vm = &vm;
    vm.rtc = &rtc;
    places[0] = (struct place){0x09000000, 0x1000, UART};
    places[1] = (struct place){0x08000000, 0x10000, DISTRIBUTOR};
    places[2] = version == 3 ? (struct place){0x080A0000, vcpus * 0x20000, REDISTRIBUTORS}
                             : (struct place){0x08011000, 0x1000, INTERFACE};
    places[3] = (struct place){0x09010000, 0x1000, RTC};
    places[4] = (struct place){0x04000000, 0x04000000, FLASH};
    return PLACES;
}

static void check(uint64_t address, unsigned size, enum device device, uint64_t offset)
{
    struct mmio_access access = {.offset = NOBODY, .size = size};

    seen.device = NONE;
    seen.refuses = false;
    assert_int_equal(address_map_access(&vcpu, address, &access), device != NONE);
    if (device == FLASH) { /* is no device of its own */
        assert_int_equal(access.value, UINT64_MAX);
        seen.device = FLASH;
        seen.offset = access.offset;
    }
    assert_int_equal(seen.device, device);
    if (device == NONE)
        return;
    assert_int_equal(seen.offset, offset);
    seen.refuses = device != FLASH;
    assert_int_not_equal(seen.refuses, address_map_access(&vcpu, address, &access));
}

static void check_borders(const struct place *place)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (place->start != 0x08000000) /* the flash ends there */
            check(place->start - size, size, NONE, 0);
        check(place->start, size, place->device, 0);
        check(place->start + place->size - size, size, place->device, place->size - size);
        if (place->device != FLASH)
            check(place->start + place->size, size, NONE, 0);
    }
}

static void each_device_has_its_place(void **state)
{
    struct place places[PLACES];

    (void)state;
    for (unsigned version = 2; version <= 3; version++)
        for (unsigned vcpus = 1; vcpus <= VCPUS; vcpus++)
            for (unsigned i = map(version, vcpus, places); i-- != 0;)
                check_borders(&places[i]);
}

static void without_a_clock_there_is_nothing(void **state)
{
    struct place places[PLACES];

    (void)state;
    (void)map(3, 1, places);
    vm.rtc = NULL;
    check(0x09010000, 4, NONE, 0);
    check(0x09010FFC, 4, NONE, 0);
}

static void accesses_are_aligned(void **state)
{
    (void)state;
    struct place places[PLACES];
    unsigned count = map(3, 1, places);

    for (unsigned i = 0; i < count; i++)
        for (unsigned size = 1; size <= 8; size *= 2)
            for (uint64_t offset = 0; offset < 16; offset++)
                check(places[i].start + offset, size, offset % size == 0 ? places[i].device : NONE, offset);
}

static void any_address_is_as_the_map_says(void **state)
{
    struct random random = {1};
    struct place places[PLACES];

    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned count =
            map((unsigned)random_between(&random, 2, 3), (unsigned)random_between(&random, 1, VCPUS), places);
        uint64_t address =
            random_between(&random, random_below(&random, 2) != 0 ? 0x07FFF000 : 0x03000000, 0x09012000) &
            ~UINT64_C(7);
        struct place place = {address, 0, NONE};

        if (random_below(&random, 10) == 0) /* far away from all of them */
            place.start = address += random_between(&random, 1, UINT32_MAX) << 32;
        for (unsigned k = 0; k < count; k++)
            if (address >= places[k].start && address < places[k].start + places[k].size)
                place = places[k];
        check(address, 1u << random_below(&random, 4), place.device, address - place.start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_has_its_place),
        cmocka_unit_test(without_a_clock_there_is_nothing),
        cmocka_unit_test(accesses_are_aligned),
        cmocka_unit_test(any_address_is_as_the_map_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
