/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the images of a VM go, at the borders of each rule: what an arm64 Image is, what its header asks for,
 * where initrd and tree follow, what is refused. Then random VMs: the pieces lie in RAM and apart, or the VM
 * is refused as they do not fit. That the places are QEMU's is looked at in test_system_file.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/image_placement.h"
#include "random.h"
#include "tree_of.h"

#define MIB         UINT64_C(0x100000)
#define BASE        GUEST_RAM_BASE
#define PAGE        0x1000
#define HEADER      64
#define MAGIC       56
#define TEXT_OFFSET 0x80000
#define ROUNDS      20000
#define KERNEL      "node /vm-a: property kernel: "
#define COMPRESSED  KERNEL "is compressed: unpack it first, zcat FILE > Image"
#define NO_IMAGE    KERNEL "is not an arm64 Image, and a raw binary needs load-address"

static const uint8_t magic[] = {'A', 'R', 'M', 0x64};
static uint8_t header[HEADER + 1];
static struct vm_config vm;
static char error[256];

static void put_64(unsigned offset, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        header[offset + i] = (uint8_t)(value >> (8 * i));
}

/* A VM of 256 MiB with an Image of 10 MiB, of which the file has 1 MiB, and no initrd. */
static int setup(void **state)
{
    (void)state;
    memset(header, 0xFF, sizeof(header));
    put_64(8, TEXT_OFFSET);
    put_64(16, 10 * MIB);
    memcpy(header + MAGIC, magic, sizeof(magic));
    vm = (struct vm_config){.memory_base = BASE, .memory_mib = 256, .kernel = {header, MIB}};
    return 0;
}

/* With the node's properties; returns place_images(). */
static int place_with(const char *properties)
{
    char source[256];
    struct tree_reader reader = {NULL, error, sizeof(error)};

    snprintf(source, sizeof(source), "/ { vm-a { %s }; };", properties);
    reader.fdt = tree_of(source);
    error[0] = '\0';
    return place_images(&reader, fdt_path_offset(reader.fdt, "/vm-a"), &vm);
}

static int place(void)
{
    static const uint32_t *tree; /* dtc takes long */
    static uint32_t copy[64];
    const struct tree_reader reader = {copy, error, sizeof(error)};

    if (tree == NULL) {
        tree = tree_of("/ { vm-a { }; };");
        assert_true(fdt_totalsize(tree) <= sizeof(copy));
        memcpy(copy, tree, fdt_totalsize(tree));
    }
    error[0] = '\0';
    return place_images(&reader, fdt_path_offset(copy, "/vm-a"), &vm);
}

static void expect_places(uint64_t kernel, uint64_t initrd, uint64_t tree)
{
    assert_int_equal(place(), 0);
    assert_int_equal(vm.load_address, BASE + kernel);
    assert_int_equal(vm.entry, BASE + kernel);
    assert_int_equal(vm.initrd_address, initrd != 0 ? BASE + initrd : 0);
    assert_int_equal(vm.tree_address, BASE + tree);
}

static void expect_refused(const char *reason)
{
    assert_int_equal(place(), -1);
    assert_string_equal(error, reason);
}

static void an_image_has_a_whole_header(void **state)
{
    (void)state;
    header[MAGIC + 4] = 0x40; /* of an EFI stub, say */
    expect_places(TEXT_OFFSET, 0, 128 * MIB);
    assert_true(vm.is_linux_image);
    vm.kernel.size = HEADER;
    expect_places(TEXT_OFFSET, 0, 128 * MIB);
    vm.kernel.size = HEADER - 1;
    expect_refused(NO_IMAGE);
    vm.kernel.size = HEADER;
    for (unsigned i = 0; i < 4; i++) {
        header[MAGIC + i] ^= 1;
        expect_refused(NO_IMAGE);
        header[MAGIC + i] ^= 1;
    }
}

/* Known by all of `length` bytes at `at`, with load-address or without. */
static void expect_known(size_t at, const char *known, size_t length, const char *what)
{
    size_t size = at + length;
    uint8_t *bytes = calloc(1, size); /* the sanitizer sees a look beyond */
    char message[128];

    snprintf(message, sizeof(message), KERNEL "%s", what);
    assert_non_null(bytes);
    memcpy(bytes + at, known, length);
    vm.kernel = (struct blob){bytes, size};
    expect_refused(message);
    assert_int_equal(place_with("load-address = <0x40000000>;"), -1);
    assert_string_equal(error, message);
    vm.kernel.size--;
    assert_int_equal(place_with("load-address = <0x40000000>;"), 0);
    vm.kernel.size++;
    for (size_t i = at; i < size; i++) {
        bytes[i] ^= 1;
        assert_int_equal(place_with("load-address = <0x40000000>;"), 0);
        bytes[i] ^= 1;
    }
    free(bytes);
}

static void what_is_no_kernel_is_refused_as_what_it_is(void **state)
{
    (void)state;
    expect_known(0, "\x1F\x8B\x08", 3, "is compressed: unpack it first, zcat FILE > Image");
    expect_known(0,
                 "\xFD"
                 "7zXZ",
                 6, "is compressed: unpack it first, xzcat FILE > Image");
    expect_known(0, "\x28\xB5\x2F\xFD", 4, "is compressed: unpack it first, zstdcat FILE > Image");
    expect_known(0, "\x02\x21\x4C\x18", 4, "is compressed: unpack it first, lz4cat FILE > Image");
    expect_known(0, "\x04\x22\x4D\x18", 4, "is compressed: unpack it first, lz4cat FILE > Image");
    expect_known(0, "BZh9", 4, "is compressed: unpack it first, bzcat FILE > Image");
    expect_known(0, "MZ\0\0zimg", 8, "is an EFI zboot image: give the Image that is packed in it");
    expect_known(0,
                 "\x7F"
                 "ELF",
                 4, "is an ELF file: make a raw binary of it, objcopy -O binary FILE OUT");
    expect_known(0, "\x27\x05\x19\x56", 4,
                 "is a uImage: take the kernel out of it, dumpimage -T kernel -o OUT FILE");
    expect_known(0, "\xD0\x0D\xFE\xED", 4, "is a FIT image or a device tree: give the kernel itself");
    expect_known(0x1028, "_FVH", 4, "is UEFI firmware: it runs from flash at 0, which a guest does not have");
}

static void a_kernel_that_asks_for_less_than_a_page_is_moved_up(void **state)
{
    (void)state;
    put_64(8, 0x1000);
    expect_places(0x1000, 0, 128 * MIB);
    put_64(8, 0xFFF);
    expect_places(2 * MIB + 0xFFF, 0, 128 * MIB);
    put_64(8, 0);
    expect_places(2 * MIB, 0, 128 * MIB);
    put_64(8, 2 * MIB - 1);
    expect_places(2 * MIB - 1, 0, 128 * MIB);
    put_64(8, 2 * MIB);
    expect_places(2 * MIB, 0, 128 * MIB);
}

static void a_kernel_may_ask_for_any_place_in_ram(void **state)
{
    (void)state;
    put_64(8, 4 * MIB + 0x80000); /* NuttX */
    expect_places(4 * MIB + 0x80000, 0, 128 * MIB);
    put_64(8, 200 * MIB);
    expect_places(200 * MIB, 0, 210 * MIB);
    put_64(8, 246 * MIB);
    expect_refused("node /vm-a: property memory-mib: the device tree needs 64 KiB at 0x50000000, RAM ends at "
                   "0x50000000");
    put_64(8, 256 * MIB);
    expect_refused("node /vm-a: property memory-mib: the kernel needs 10 MiB from 0x50000000 on, RAM ends at "
                   "0x50000000");
    put_64(8, 256 * MIB + 1);
    expect_refused(
        "node /vm-a: property memory-mib: the kernel's text_offset, 0x10000001, is not in 256 MiB");
    put_64(8, UINT64_MAX - BASE + 1 + BASE); /* comes round to 0 */
    expect_places(2 * MIB, 0, 128 * MIB);
    put_64(8, UINT64_C(0) - MIB); /* comes round to right before RAM */
    expect_refused(
        "node /vm-a: property memory-mib: the kernel's text_offset, 0xfffffffffff00000, is not in 256 MiB");
}

static void the_user_may_say_where_an_image_goes(void **state)
{
    (void)state;
    assert_int_equal(place_with("load-address = <0x40400000>;"), 0);
    assert_true(vm.is_linux_image);
    assert_int_equal(vm.load_address, BASE + 4 * MIB);
    assert_int_equal(vm.entry, BASE + 4 * MIB);
    assert_int_equal(vm.tree_address, BASE + 128 * MIB);
    put_64(8, 1024 * MIB); /* what the header says does not matter */
    vm.initrd = (struct blob){header, 5};
    assert_int_equal(place_with("load-address = <0x48000000>;"), 0);
    assert_int_equal(vm.load_address, BASE + 128 * MIB);
    assert_int_equal(vm.initrd_address, BASE + 138 * MIB);
    assert_int_equal(vm.tree_address, BASE + 140 * MIB);
    assert_int_equal(place_with("load-address = <0x40000002>;"), -1);
    assert_string_equal(error, "node /vm-a: property load-address: 0x40000002 is not a multiple of 4");
    assert_int_equal(place_with("load-address = <0x4F600004>;"), -1); /* with its zero-initialised part */
    assert_string_equal(error, "node /vm-a: property load-address: 10485760 bytes at 0x4f600004 are not in "
                               "RAM, 0x40000000..0x50000000");
    put_64(16, 0);
    assert_int_equal(place_with("load-address = <0x40400000>;"), -1);
}

static void the_user_may_say_where_the_tree_goes(void **state)
{
    (void)state;
    vm.initrd = (struct blob){header, 5};
    assert_int_equal(place_with("tree-address = <0x40000000>;"), 0);
    assert_int_equal(vm.tree_address, BASE);
    assert_int_equal(vm.initrd_address, BASE + 128 * MIB);
    assert_int_equal(place_with("tree-address = <0 0x4FFF0000>;"), 0);
    assert_int_equal(vm.tree_address, BASE + 256 * MIB - GUEST_TREE_SIZE);
    assert_int_equal(place_with("tree-address = <0x4FFF0008>;"), -1);
    assert_string_equal(error, "node /vm-a: property tree-address: 64 KiB at 0x4fff0008 are not in RAM, "
                               "0x40000000..0x50000000");
    assert_int_equal(place_with("tree-address = <0x40000004>;"), -1);
    assert_string_equal(error, "node /vm-a: property tree-address: 0x40000004 is not a multiple of 8");
    assert_int_equal(place_with("tree-address = <0 0 0>;"), -1);

    assert_int_equal(place_with("tree-address = <0x40070000>;"), 0); /* up to the kernel */
    assert_int_equal(place_with("tree-address = <0x40070008>;"), -1);
    assert_string_equal(error, "node /vm-a: property tree-address: 64 KiB at 0x40070008 overlap the kernel, "
                               "0x40080000..0x40a80000");
    assert_int_equal(place_with("tree-address = <0x40a7fff8>;"), -1); /* its zero-initialised part */
    assert_int_equal(place_with("tree-address = <0x40a80000>;"), 0);
    assert_int_equal(place_with("tree-address = <0x47ff0008>;"), -1);
    assert_string_equal(error, "node /vm-a: property tree-address: 64 KiB at 0x47ff0008 overlap the initrd, "
                               "0x48000000..0x48000005");
    assert_int_equal(place_with("tree-address = <0x48000008>;"), 0);
    assert_int_equal(place_with("tree-address = <0x47ff0000>;"), 0);
}

static void a_raw_binary_may_have_its_tree_where_the_user_says(void **state)
{
    (void)state;
    memset(header, 0, sizeof(header));
    assert_int_equal(place_with("load-address = <0x48000000>; tree-address = <0x40000000>;"), 0);
    assert_int_equal(vm.load_address, BASE + 128 * MIB);
    assert_int_equal(vm.tree_address, BASE);
    assert_int_equal(place_with("load-address = <0x40000000>; tree-address = <0x400ffff8>;"), -1);
    assert_string_equal(error, "node /vm-a: property tree-address: 64 KiB at 0x400ffff8 overlap the kernel, "
                               "0x40000000..0x40100000");
}

static void all_is_counted_from_the_start_of_ram(void **state)
{
    (void)state;
    vm.memory_base = 0x80000000;
    vm.initrd = (struct blob){header, 5};
    assert_int_equal(place(), 0);
    assert_int_equal(vm.load_address, 0x80000000 + TEXT_OFFSET);
    assert_int_equal(vm.initrd_address, 0x88000000);
    assert_int_equal(vm.tree_address, 0x88200000);
    assert_int_equal(place_with("load-address = <0x40080000>;"), -1);
    assert_string_equal(error, "node /vm-a: property load-address: 10485760 bytes at 0x40080000 are not in "
                               "RAM, 0x80000000..0x90000000");
    vm.memory_base = 0;
    vm.memory_mib = 64;
    assert_int_equal(place_with("tree-address = <0>;"), 0);
    assert_int_equal(vm.load_address, TEXT_OFFSET);
    assert_int_equal(vm.initrd_address, 32 * MIB);
    assert_int_equal(vm.tree_address, 0);
}

static void the_larger_of_file_and_memory_counts(void **state)
{
    (void)state;
    vm.memory_mib = 64;
    put_64(8, MIB);
    put_64(16, 63 * MIB - 1);
    assert_int_equal(place(), -1); /* the tree has no room */
    put_64(16, 63 * MIB + 1);
    expect_refused("node /vm-a: property memory-mib: the kernel needs 64 MiB from 0x40100000 on, RAM ends at "
                   "0x44000000");
    put_64(16, MIB);
    vm.kernel.size = 63 * MIB + 1;
    expect_refused("node /vm-a: property memory-mib: the kernel needs 64 MiB from 0x40100000 on, RAM ends at "
                   "0x44000000");
    vm.kernel.size = 40 * MIB; /* the tree goes behind the file */
    expect_places(MIB, 0, 42 * MIB);
    put_64(16, 0);
    expect_refused("node /vm-a: property kernel: its header has no image_size (a kernel older than 3.17)");
}

static void the_initrd_follows_the_kernel_at_a_page(void **state)
{
    (void)state;
    vm.memory_mib = 64;
    vm.initrd = (struct blob){header, 5};
    expect_places(TEXT_OFFSET, 32 * MIB, 34 * MIB);
    put_64(16, 32 * MIB - TEXT_OFFSET);
    expect_places(TEXT_OFFSET, 32 * MIB, 34 * MIB);
    put_64(16, 32 * MIB - TEXT_OFFSET + 1);
    expect_places(TEXT_OFFSET, 32 * MIB + PAGE, 34 * MIB);
    put_64(16, 32 * MIB - TEXT_OFFSET + PAGE);
    expect_places(TEXT_OFFSET, 32 * MIB + PAGE, 34 * MIB);
    put_64(16, 32 * MIB - TEXT_OFFSET + PAGE + 1);
    expect_places(TEXT_OFFSET, 32 * MIB + 2 * PAGE, 34 * MIB);
}

static void the_tree_follows_the_initrd_at_two_mib(void **state)
{
    (void)state;
    vm.initrd = (struct blob){header, 2 * MIB};
    expect_places(TEXT_OFFSET, 128 * MIB, 130 * MIB);
    vm.initrd.size = 2 * MIB + 1;
    expect_places(TEXT_OFFSET, 128 * MIB, 132 * MIB);
    vm.initrd.size = 128 * MIB;
    expect_refused("node /vm-a: property memory-mib: the device tree needs 64 KiB at 0x50000000, RAM ends at "
                   "0x50000000");
    vm.initrd.size++;
    expect_refused(
        "node /vm-a: property memory-mib: the initrd needs 129 MiB from 0x48000000 on, RAM ends at "
        "0x50000000");
}

static void the_middle_is_at_128_mib_at_most(void **state)
{
    (void)state;
    vm.memory_mib = 254;
    expect_places(TEXT_OFFSET, 0, 128 * MIB); /* the middle, 127 MiB, is no multiple of 2 MiB */
    vm.memory_mib = 252;
    expect_places(TEXT_OFFSET, 0, 126 * MIB);
    vm.memory_mib = 4096;
    expect_places(TEXT_OFFSET, 0, 128 * MIB);
}

static void a_raw_binary_says_where_it_goes(void **state)
{
    (void)state;
    memset(header, 0, sizeof(header));
    assert_int_equal(place_with("load-address = <0x40000000>;"), 0);
    assert_false(vm.is_linux_image);
    assert_int_equal(vm.load_address, BASE);
    assert_int_equal(vm.tree_address, BASE + 128 * MIB);
    assert_int_equal(place_with("load-address = <0 0x4FF00000>;"), 0); /* up to the end of RAM */
    assert_int_equal(vm.load_address, BASE + 255 * MIB);
    assert_int_equal(vm.entry, BASE + 255 * MIB);
    assert_int_equal(place_with("load-address = <0x4FF00004>;"), -1);
    assert_int_equal(place_with("load-address = <1 0x40000000>;"), -1);
    assert_int_equal(place_with("load-address = <0x40000002>;"), -1);
    assert_int_equal(place_with("load-address = <0 0 0x40000000>;"), -1);
}

static void a_raw_binary_may_touch_the_tree_but_not_overlap_it(void **state)
{
    (void)state;
    memset(header, 0, sizeof(header));
    assert_int_equal(place_with("load-address = <0x47F00000>;"), 0);
    assert_int_equal(place_with("load-address = <0x47F00004>;"), -1);
    assert_int_equal(place_with("load-address = <0x4800FFFC>;"), -1);
    assert_string_equal(error,
                        "node /vm-a: property load-address: 1048576 bytes at 0x4800fffc overlap the device "
                        "tree, 0x48000000..0x48010000");
    assert_int_equal(place_with("load-address = <0x48010000>;"), 0);
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

/* The VM is as the rules say, when there is room. */
static void expect_rules(uint64_t text_offset, uint64_t image_size)
{
    uint64_t ram = vm.memory_mib * MIB;
    uint64_t kernel = text_offset >= PAGE ? text_offset : text_offset + 2 * MIB;
    uint64_t end = kernel + (image_size > vm.kernel.size ? image_size : vm.kernel.size);
    uint64_t middle = ram / 2 < 128 * MIB ? ram / 2 : 128 * MIB;
    uint64_t initrd = end <= middle ? middle : round_up(end, PAGE);
    uint64_t tree = round_up(initrd + vm.initrd.size, 2 * MIB);

    if (tree + GUEST_TREE_SIZE > ram) {
        assert_int_equal(place(), -1);
        assert_non_null(strstr(error, "property memory-mib: the "));
        return;
    }
    expect_places(kernel, vm.initrd.data != NULL ? initrd : 0, tree);
}

static void any_vm_is_placed_or_refused(void **state)
{
    struct random random = {1};

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t text_offset = random_below(&random, random_below(&random, 2) != 0 ? 2 * PAGE : 100 * MIB);
        uint64_t image_size = random_between(&random, 1, 100 * MIB);

        setup(state);
        put_64(8, text_offset);
        put_64(16, image_size);
        vm.memory_mib = 2 * (uint32_t)random_between(&random, 1, 200);
        vm.kernel.size = random_between(&random, HEADER, 100 * MIB);
        if (random_below(&random, 2) != 0)
            vm.initrd = (struct blob){header, random_between(&random, 1, 200 * MIB)};
        expect_rules(text_offset, image_size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_image_has_a_whole_header, setup),
        cmocka_unit_test_setup(what_is_no_kernel_is_refused_as_what_it_is, setup),
        cmocka_unit_test_setup(a_kernel_that_asks_for_less_than_a_page_is_moved_up, setup),
        cmocka_unit_test_setup(a_kernel_may_ask_for_any_place_in_ram, setup),
        cmocka_unit_test_setup(the_user_may_say_where_an_image_goes, setup),
        cmocka_unit_test_setup(the_user_may_say_where_the_tree_goes, setup),
        cmocka_unit_test_setup(a_raw_binary_may_have_its_tree_where_the_user_says, setup),
        cmocka_unit_test_setup(all_is_counted_from_the_start_of_ram, setup),
        cmocka_unit_test_setup(the_larger_of_file_and_memory_counts, setup),
        cmocka_unit_test_setup(the_initrd_follows_the_kernel_at_a_page, setup),
        cmocka_unit_test_setup(the_tree_follows_the_initrd_at_two_mib, setup),
        cmocka_unit_test_setup(the_middle_is_at_128_mib_at_most, setup),
        cmocka_unit_test_setup(a_raw_binary_says_where_it_goes, setup),
        cmocka_unit_test_setup(a_raw_binary_may_touch_the_tree_but_not_overlap_it, setup),
        cmocka_unit_test_setup(any_vm_is_placed_or_refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
