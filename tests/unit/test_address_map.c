/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device a guest's access goes to: the borders of each, that an access is as aligned as it is large,
 * and that no two devices have a byte in common. The devices are stand-ins that note who was asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "devices/address_map.h"
#include "devices/flash.h"
#include "ontime/guest_map.h"
#include "random.h"
#include "vm/vm.h"

#define ANYTHING 0xFFFF
#define ROUNDS   2000
#define STEPS    100
#define SPACE    0x4000

static struct vm vm;
static struct vcpu vcpu;
static struct device devices[VM_DEVICES + 1];
static struct {
    struct device *device;
    uint64_t offset;
    bool refuses; /* the device */
} seen;

static bool note(struct vcpu *asking, struct mmio_access *access)
{
    assert_ptr_equal(asking, &vcpu);
    seen.device = access->device;
    seen.offset = access->offset;
    return !seen.refuses;
}

static int setup(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    memset(&seen, 0, sizeof(seen));
    vcpu = (struct vcpu){.vm = &vm};
    return 0;
}

static bool add(unsigned n, uint64_t base, uint64_t size)
{
    devices[n] = (struct device){.base = base, .size = size, .access = note};
    return address_map_add(&vm, &devices[n]);
}

static void check(uint64_t address, unsigned size, struct device *device)
{
    struct mmio_access access = {.offset = ANYTHING, .size = size};

    seen.device = NULL;
    seen.refuses = false;
    assert_int_equal(address_map_access(&vcpu, address, &access), device != NULL);
    assert_ptr_equal(seen.device, device);
    if (device == NULL)
        return;
    assert_int_equal(seen.offset, address - device->base);
    seen.refuses = true;
    assert_false(address_map_access(&vcpu, address, &access));
}

static void a_device_has_its_bytes_and_no_others(void **state)
{
    (void)state;
    assert_true(add(0, 0x9000000, 0x1000));
    for (unsigned size = 1; size <= 8; size *= 2) {
        check(0x9000000 - size, size, NULL);
        check(0x9000000, size, &devices[0]);
        check(0x9001000 - size, size, &devices[0]);
        check(0x9001000, size, NULL);
    }
    check(0x9000000 + (UINT64_C(1) << 32), 4, NULL);
}

static void accesses_are_aligned(void **state)
{
    (void)state;
    assert_true(add(0, 0x9000000, 0x1000));
    for (unsigned size = 1; size <= 8; size *= 2)
        for (uint64_t offset = 0; offset < 16; offset++)
            check(0x9000000 + offset, size, offset % size == 0 ? &devices[0] : NULL);
}

static void no_two_have_a_byte_in_common(void **state)
{
    (void)state;
    assert_true(add(0, 0x9000000, 0x1000));
    assert_false(add(1, 0x9000000, 0x1000));
    assert_false(add(1, 0x9000800, 0x10));
    assert_false(add(1, 0x8FFFFF8, 0x9));
    assert_false(add(1, 0x9000FFF, 0x1000));
    assert_false(add(1, 0x8000000, 0x4000000));
    assert_true(add(1, 0x8FFFFF8, 0x8));
    assert_true(add(2, 0x9001000, 0x1000));
    assert_int_equal(vm.device_count, 3);
}

static void the_list_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_DEVICES; i++)
        assert_true(add(i, i * 0x1000, 0x1000));
    assert_false(add(VM_DEVICES, VM_DEVICES * 0x1000, 0x1000));
    assert_int_equal(vm.device_count, VM_DEVICES);
    check((VM_DEVICES - 1) * 0x1000, 4, &devices[VM_DEVICES - 1]);
}

/* Against a map that has a device for each byte. */
static void any_address_is_as_the_map_says(void **state)
{
    static struct device *map[SPACE];
    struct random random = {1};

    for (unsigned round = 0; round < ROUNDS; round++) {
        setup(state);
        memset(map, 0, sizeof(map));
        for (unsigned n = 0; n < 8; n++) {
            uint64_t base = random_below(&random, SPACE - 0x100);
            uint64_t size = random_between(&random, 1, UINT64_C(0x100) << random_below(&random, 4));
            bool is_free = base + size <= SPACE;

            if (!is_free)
                continue;
            for (uint64_t i = base; i < base + size; i++)
                is_free = is_free && map[i] == NULL;
            assert_int_equal(add(n, base, size), is_free);
            for (uint64_t i = base; is_free && i < base + size; i++)
                map[i] = &devices[n];
        }
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned size = 1u << random_below(&random, 4);
            uint64_t address = random_below(&random, SPACE);

            check(address, size, address % size == 0 ? map[address] : NULL);
        }
    }
}

static void the_flash_reads_as_ones(void **state)
{
    struct mmio_access access = {.size = 4};

    (void)state;
    assert_true(address_map_add(&vm, &flash));
    assert_true(address_map_access(&vcpu, GUEST_FLASH_BASE + 4, &access));
    assert_int_equal(access.value, UINT64_MAX);
    access.write = true;
    access.value = 0;
    assert_true(address_map_access(&vcpu, GUEST_FLASH_BASE + GUEST_FLASH_SIZE - 4, &access));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_device_has_its_bytes_and_no_others, setup),
        cmocka_unit_test_setup(accesses_are_aligned, setup),
        cmocka_unit_test_setup(no_two_have_a_byte_in_common, setup),
        cmocka_unit_test_setup(the_list_ends, setup),
        cmocka_unit_test_setup(any_address_is_as_the_map_says, setup),
        cmocka_unit_test_setup(the_flash_reads_as_ones, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
