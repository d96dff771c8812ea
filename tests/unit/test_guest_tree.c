// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree a guest is given, read back with libfdt: what it says of the VM, that it fits for the
 * largest VM, that dtc has nothing to say against it, and that it is QEMU's: nodes that QEMU's virt machine
 * has too have the same properties with the same values. Phandles are numbers without a meaning, so of them
 * only that they lead to the same node.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "devices/guest_tree.h"

#define MIB       UINT64_C(0x100000)
#define PATH_SIZE 256
#define QEMU_SIZE 0x200000
#define FILE_NAME "/tmp/test_guest_tree.XXXXXX"
#define CPU       "arm,cortex-a53"

static uint8_t tree[GUEST_TREE_SIZE] __attribute__((aligned(8)));
static uint8_t qemu[QEMU_SIZE] __attribute__((aligned(8)));
static char file_name[sizeof(FILE_NAME)];
static struct vm_config vm;
static struct device uart = {.base = GUEST_UART_BASE, .size = GUEST_UART_SIZE, .describe = guest_tree_uart};
static struct device rtc = {.base = GUEST_RTC_BASE, .size = GUEST_RTC_SIZE, .describe = guest_tree_rtc};
static struct device silent;
static struct device *const devices[] = {&uart, &silent, &rtc};

static size_t build(unsigned gic_version)
{
    const struct guest_tree_facts facts = {.vm = &vm,
                                           .gic_version = gic_version,
                                           .cpu_compatible = CPU,
                                           .entropy = true,
                                           .devices = devices,
                                           .device_count = 3};
    size_t size = guest_tree_build(tree, sizeof(tree), &facts);
    if (size != 0)
        assert_int_equal(fdt_check_full(tree, size), 0);
    return size;
}

static void write_tree_file(size_t size)
{
    FILE *file = fopen(file_name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(tree, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void get_qemu_tree(unsigned gic_version, unsigned vcpus)
{
    char command[PATH_SIZE];
    snprintf(command, sizeof(command),
             "timeout 60 qemu-system-aarch64 -M virt,gic-version=%u,dumpdtb=%s -cpu cortex-a53 -smp %u -m "
             "1024 -nic none "
             "-display none 2>/dev/null",
             gic_version, file_name, vcpus);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a fixed command
    FILE *file = fopen(file_name, "rb");
    assert_non_null(file);
    size_t size = fread(qemu, 1, sizeof(qemu), file);
    fclose(file);
    assert_int_equal(fdt_check_full(qemu, size), 0);
}

static const void *get(const void *fdt, const char *path, const char *property, int size)
{
    int length = 0;
    const void *data = fdt_getprop(fdt, fdt_path_offset(fdt, path), property, &length);
    if (data == NULL || length != size)
        fail_msg("%s: %s has %d bytes and not %d", path, property, length, size);
    return data;
}

static uint32_t cell(const char *path, const char *property, int index, int count)
{
    return fdt32_ld((const fdt32_t *)get(tree, path, property, count * 4) + index);
}

static const char *string(const char *path, const char *property)
{
    const char *text = fdt_getprop(tree, fdt_path_offset(tree, path), property, NULL);
    return text != NULL ? text : "(none)";
}

static bool exists(const char *path, const char *property)
{
    return fdt_getprop(tree, fdt_path_offset(tree, path), property, NULL) != NULL;
}

static int setup(void **state)
{
    (void)state;
    vm = (struct vm_config){.name = "a",
                            .memory_base = GUEST_RAM_BASE,
                            .memory_mib = 1024,
                            .vcpus = 1,
                            .timers = TIMERS_WAKE,
                            .bootargs = ""};
    memset(tree, 0xa5, sizeof(tree));
    return 0;
}

static void chosen_says_how_to_boot(void **state)
{
    (void)state;
    vm.bootargs = "console=ttyAMA0 quiet";
    vm.initrd = (struct blob){(const uint8_t *)tree, 0x123456};
    vm.initrd_address = 0x48000000;
    assert_true(build(3) > 0);
    assert_string_equal(string("/chosen", "bootargs"), "console=ttyAMA0 quiet");
    assert_string_equal(string("/chosen", "stdout-path"), "/pl011@9000000");
    assert_true(fdt_path_offset(tree, "/pl011@9000000") > 0);
    assert_int_equal(cell("/chosen", "linux,initrd-start", 0, 2), 0);
    assert_int_equal(cell("/chosen", "linux,initrd-start", 1, 2), 0x48000000);
    assert_int_equal(cell("/chosen", "linux,initrd-end", 0, 2), 0);
    assert_int_equal(cell("/chosen", "linux,initrd-end", 1, 2), 0x48123456);
}

static void the_seeds_are_found(void **state)
{
    struct guest_tree_facts facts = {.vm = &vm, .gic_version = 3};
    struct guest_tree_seeds seeds;

    (void)state;
    assert_true(build(3) > 0);
    seeds = guest_tree_seeds(tree);
    assert_ptr_equal(seeds.kaslr, get(tree, "/chosen", "kaslr-seed", 8));
    assert_ptr_equal(seeds.rng, get(tree, "/chosen", "rng-seed", 32));
    assert_true(guest_tree_build(tree, sizeof(tree), &facts) > 0);
    seeds = guest_tree_seeds(tree);
    assert_ptr_equal(seeds.kaslr, get(tree, "/chosen", "kaslr-seed", 8));
    assert_null(seeds.rng);
    assert_false(exists("/chosen", "rng-seed"));
}

static void chosen_leaves_out_what_is_not_there(void **state)
{
    (void)state;
    assert_true(build(3) > 0);
    assert_false(exists("/chosen", "bootargs"));
    assert_false(exists("/chosen", "linux,initrd-start"));
    assert_false(exists("/chosen", "linux,initrd-end"));
}

static void memory_may_be_beyond_32_bits(void **state)
{
    (void)state;
    vm.memory_mib = 5 * 1024 + 2;
    assert_true(build(3) > 0);
    assert_int_equal(cell("/memory@40000000", "reg", 0, 4), 0);
    assert_int_equal(cell("/memory@40000000", "reg", 1, 4), GUEST_RAM_BASE);
    assert_int_equal(cell("/memory@40000000", "reg", 2, 4), 1);
    assert_int_equal(cell("/memory@40000000", "reg", 3, 4), 0x40200000);
}

static void memory_may_be_elsewhere(void **state)
{
    (void)state;
    vm.memory_base = UINT64_C(0x12A0000000);
    assert_true(build(3) > 0);
    assert_int_equal(cell("/memory@12a0000000", "reg", 0, 4), 0x12);
    assert_int_equal(cell("/memory@12a0000000", "reg", 1, 4), 0xA0000000);
    assert_int_equal(cell("/memory@12a0000000", "reg", 2, 4), 0);
    assert_int_equal(cell("/memory@12a0000000", "reg", 3, 4), 0x40000000);
    vm.memory_base = 0;
    assert_true(build(3) > 0);
    assert_int_equal(cell("/memory@0", "reg", 1, 4), 0);
}

static void timer_mode_chooses_the_timer(void **state)
{
    (void)state;
    assert_true(build(3) > 0);
    assert_false(exists("/timer", "interrupt-names"));
    assert_int_equal(cell("/timer", "interrupts", 7, 12), 27 - 16);

    vm.timers = TIMERS_TICK;
    assert_true(build(3) > 0);
    assert_string_equal(string("/timer", "interrupt-names"), "phys");
    assert_int_equal(cell("/timer", "interrupts", 0, 3), 1);
    assert_int_equal(cell("/timer", "interrupts", 1, 3), 30 - 16);
}

static void gic_is_as_large_as_the_vm(void **state)
{
    (void)state;
    vm.vcpus = SYSTEM_MAX_VCPUS;
    assert_true(build(3) > 0);
    assert_int_equal(cell("/intc@8000000", "reg", 5, 8), 0x080A0000);
    assert_int_equal(cell("/intc@8000000", "reg", 7, 8), SYSTEM_MAX_VCPUS * 0x20000);
    assert_int_equal(cell("/", "interrupt-parent", 0, 1), cell("/intc@8000000", "phandle", 0, 1));
}

static void the_guest_can_see_the_hypervisor(void **state)
{
    (void)state;
    assert_true(build(3) > 0);
    assert_string_equal(string("/hypervisor", "compatible"), "ontime,hypervisor");
    assert_string_equal(string("/psci", "method"), "hvc");
    assert_true(fdt_path_offset(tree, "/pmu") < 0);
}

static void an_unknown_cpu_is_an_armv8(void **state)
{
    (void)state;
    const struct guest_tree_facts facts = {
        .vm = &vm, .gic_version = 3, .cpu_compatible = NULL, .entropy = true};
    assert_true(guest_tree_build(tree, sizeof(tree), &facts) > 0);
    assert_string_equal(string("/cpus/cpu@0", "compatible"), "arm,armv8");
}

static void a_clock_may_be_absent(void **state)
{
    (void)state;
    const struct guest_tree_facts facts = {.vm = &vm, .gic_version = 3, .cpu_compatible = CPU};
    assert_true(build(3) > 0);
    assert_int_equal(cell("/pl031@9010000", "reg", 1, 4), 0x9010000);
    assert_int_equal(cell("/pl031@9010000", "interrupts", 1, 3), 34 - 32);
    assert_true(guest_tree_build(tree, sizeof(tree), &facts) > 0);
    assert_true(fdt_path_offset(tree, "/pl031@9010000") < 0);
}

static void the_largest_tree_fits_and_a_small_buffer_is_refused(void **state)
{
    (void)state;
    static char bootargs[SYSTEM_BOOTARGS_MAX + 1];
    memset(bootargs, 'x', SYSTEM_BOOTARGS_MAX);
    vm.bootargs = bootargs;
    vm.vcpus = SYSTEM_MAX_VCPUS;
    size_t size = build(3);
    assert_in_range(size, SYSTEM_BOOTARGS_MAX, GUEST_TREE_SIZE);

    for (size_t room = 0; room < size; room += 7) {
        uint8_t *small = malloc(room + 1);
        assert_non_null(small);
        const struct guest_tree_facts facts = {.vm = &vm,
                                               .gic_version = 3,
                                               .cpu_compatible = CPU,
                                               .entropy = true,
                                               .devices = devices,
                                               .device_count = 3};
        assert_int_equal(guest_tree_build(small, room, &facts), 0);
        free(small);
    }
}

static void dtc_has_no_complaint(void **state)
{
    (void)state;
    for (unsigned vcpus = 1; vcpus <= SYSTEM_MAX_VCPUS; vcpus += SYSTEM_MAX_VCPUS - 1) {
        for (unsigned gic_version = 2; gic_version <= 3; gic_version++) {
            char command[PATH_SIZE];
            char complaint[PATH_SIZE] = "";
            vm.vcpus = vcpus;
            write_tree_file(build(gic_version));
            snprintf(command, sizeof(command), "dtc -I dtb -O dtb -o /dev/null %s 2>&1", file_name);
            FILE *stream = popen(command, "r"); // NOLINT(cert-env33-c): a fixed command
            assert_non_null(stream);
            if (fgets(complaint, sizeof(complaint), stream) != NULL)
                fail_msg("%s", complaint);
            assert_int_equal(pclose(stream), 0);
        }
    }
}

static bool is_reference(const char *property)
{
    return strcmp(property, "interrupt-parent") == 0 || strcmp(property, "clocks") == 0 ||
           strcmp(property, "cpu") == 0;
}

static void assert_same_reference(const char *path, const char *property, const void *ours,
                                  const void *theirs)
{
    char our_path[PATH_SIZE] = "";
    char their_path[PATH_SIZE] = "";
    fdt_get_path(tree, fdt_node_offset_by_phandle(tree, fdt32_ld(ours)), our_path, sizeof(our_path));
    fdt_get_path(qemu, fdt_node_offset_by_phandle(qemu, fdt32_ld(theirs)), their_path, sizeof(their_path));
    if (our_path[0] == '\0' || strcmp(our_path, their_path) != 0)
        fail_msg("%s: %s refers to \"%s\", QEMU's to \"%s\"", path, property, our_path, their_path);
}

/* Phandles are told by assert_same_reference(); the seeds are random there. */
static bool may_differ(const char *property)
{
    return strcmp(property, "phandle") == 0 || strstr(property, "-seed") != NULL;
}

/*
 * How much of it must be equal: the redistributors' size, the last cell, is by vCPU here; QEMU has room for
 * 123.
 */
static int compared_length(const char *path, const char *property, int length)
{
    bool redistributors = strcmp(path, "/intc@8000000") == 0 && strcmp(property, "reg") == 0 &&
                          strcmp(string(path, "compatible"), "arm,gic-v3") == 0;
    return redistributors ? length - 4 : length;
}

static void compare_property(const char *path, int their_node, int property)
{
    const char *name;
    int length;
    int their_length;
    const void *ours = fdt_getprop_by_offset(tree, property, &name, &length);
    const void *theirs = fdt_getprop(qemu, their_node, name, &their_length);
    assert_non_null(ours);
    if (theirs == NULL)
        fail_msg("%s: QEMU's has no %s", path, name);
    if (theirs == NULL || may_differ(name))
        return;
    if (length != their_length)
        fail_msg("%s: %s has %d bytes, QEMU's %d", path, name, length, their_length);
    else if (is_reference(name))
        assert_same_reference(path, name, ours, theirs);
    else if (memcmp(ours, theirs, (size_t)compared_length(path, name, length)) != 0)
        fail_msg("%s: %s differs from QEMU's", path, name);
}

static unsigned count_properties(const void *fdt, int node)
{
    unsigned count = 0;
    int property;
    fdt_for_each_property_offset(property, fdt, node) count++;
    return count;
}

/* A node that both have says here all that it says there; but PSCI's `migrate` does not exist here. */
static void compare_node(const char *path, int our_node, int their_node)
{
    int property;
    fdt_for_each_property_offset(property, tree, our_node) compare_property(path, their_node, property);
    unsigned missing = strcmp(path, "/psci") == 0 ? 1 : 0;
    if (count_properties(tree, our_node) + missing != count_properties(qemu, their_node))
        fail_msg("%s: not all properties of QEMU's", path);
}

/* Returns how many nodes both have. */
static unsigned compare_trees(void)
{
    unsigned shared = 0;
    for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL)) {
        char path[PATH_SIZE];
        assert_int_equal(fdt_get_path(tree, node, path, sizeof(path)), 0);
        int their_node = fdt_path_offset(qemu, path);
        if (their_node < 0) {
            assert_string_equal(path, "/hypervisor");
            continue;
        }
        shared++;
        compare_node(path, node, their_node);
    }
    return shared;
}

static void the_tree_is_qemus(void **state)
{
    (void)state;
    for (unsigned vcpus = 1; vcpus <= 2; vcpus++) {
        for (unsigned gic_version = 2; gic_version <= 3; gic_version++) {
            vm.vcpus = vcpus;
            assert_true(build(gic_version) > 0);
            get_qemu_tree(gic_version, vcpus);
            assert_int_equal(compare_trees(), 13 + 2 * vcpus);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(chosen_says_how_to_boot, setup),
        cmocka_unit_test_setup(the_seeds_are_found, setup),
        cmocka_unit_test_setup(chosen_leaves_out_what_is_not_there, setup),
        cmocka_unit_test_setup(memory_may_be_beyond_32_bits, setup),
        cmocka_unit_test_setup(memory_may_be_elsewhere, setup),
        cmocka_unit_test_setup(timer_mode_chooses_the_timer, setup),
        cmocka_unit_test_setup(gic_is_as_large_as_the_vm, setup),
        cmocka_unit_test_setup(the_guest_can_see_the_hypervisor, setup),
        cmocka_unit_test_setup(an_unknown_cpu_is_an_armv8, setup),
        cmocka_unit_test_setup(a_clock_may_be_absent, setup),
        cmocka_unit_test_setup(the_largest_tree_fits_and_a_small_buffer_is_refused, setup),
        cmocka_unit_test_setup(dtc_has_no_complaint, setup),
        cmocka_unit_test_setup(the_tree_is_qemus, setup),
    };
    memcpy(file_name, FILE_NAME, sizeof(FILE_NAME));
    int descriptor = mkstemp(file_name);
    if (descriptor < 0)
        return 1;
    close(descriptor);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file_name);
    return failed;
}
