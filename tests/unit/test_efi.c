/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from UEFI firmware. The firmware here is a few functions, which keep account of the memory that they
 * give, and of the state in which ExitBootServices() finds the memory map. "The firmware has been left" is a
 * long jump out of arch_efi_leave(), which has no way back on the machine either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "boot/board.h"
#include "boot/efi_tables.h"
#include "tree_looks.h"
#include "tree_of.h"

#define IMAGE_SIZE      12288
#define HANDLE          ((void *)0x1234)
#define DESCRIPTOR      48 /* larger than the structure, as EDK2 has it */
#define DESCRIPTORS_MAX 16
#define GIVEN_MAX       8
#define EFI_NOT_FOUND   EFI_ERROR(14)
#define OLD_FILE        0x48000000

#define TREE_HEAD                                                                                            \
    "/ { #address-cells = <2>; #size-cells = <2>; compatible = \"test,board\";"                              \
    "    memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x40000000>; };"                  \
    "    memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x40000000>; };"
#define TREE_CPUS   "cpus { #address-cells = <1>; #size-cells = <0>; };"
#define TREE_CHOSEN "chosen { linux,initrd-start = <0x48000000>; linux,initrd-end = <0x48001000>; };"

uint64_t efi_main(void *image, const struct efi_system_table *system);

/* ---- the firmware */

static struct {
    unsigned level;
    char said[512];
    struct {
        uint64_t address, pages;
    } given[GIVEN_MAX];
    unsigned given_count;
    unsigned refused_allocation; /* counts down to the one that fails; 0: none */
    struct efi_memory_descriptor map[DESCRIPTORS_MAX];
    unsigned map_count;
    uint64_t key;        /* of the memory map as it is */
    unsigned map_events; /* so many calls of ExitBootServices() find the map changed */
    bool map_is_kept;    /* the map is not told */
    const char *file;    /* what EFI_LOAD_FILE2 has, or NULL: nobody offers it */
    bool file_is_bad;
    struct efi_time time;
    uint64_t time_status;
    struct efi_configuration_table tables[2];
} firmware;

static const struct efi_guid other_guid = {1, 2, 3, {4}};
static const struct efi_guid dtb_guid = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

static uint64_t output_string(struct efi_text_output *output, const uint16_t *text)
{
    size_t length = strlen(firmware.said);

    (void)output;
    for (; *text != 0; text++)
        firmware.said[length++] = (char)*text;
    assert_true(length < sizeof(firmware.said));
    firmware.said[length] = '\0';
    return EFI_SUCCESS;
}

static uint64_t allocate_pages(uint32_t how, uint32_t type, uint64_t pages, uint64_t *address)
{
    assert_int_equal(how, EFI_ALLOCATE_ANY);
    assert_int_equal(type, EFI_LOADER_DATA);
    assert_true(pages != 0);
    if (firmware.refused_allocation != 0 && --firmware.refused_allocation == 0)
        return EFI_ERROR(9);
    assert_true(firmware.given_count < GIVEN_MAX);
    *address = (uint64_t)(uintptr_t)aligned_alloc(EFI_PAGE, pages * EFI_PAGE);
    memset((void *)(uintptr_t)*address, 0xA5, pages * EFI_PAGE);
    firmware.given[firmware.given_count].address = *address;
    firmware.given[firmware.given_count++].pages = pages;
    firmware.key++;
    return EFI_SUCCESS;
}

static uint64_t free_pages(uint64_t address, uint64_t pages)
{
    for (unsigned i = 0; i < firmware.given_count; i++) {
        if (firmware.given[i].address != address)
            continue;
        assert_int_equal(firmware.given[i].pages, pages);
        free((void *)(uintptr_t)address);
        firmware.given[i] = firmware.given[--firmware.given_count];
        return EFI_SUCCESS;
    }
    fail_msg("what was not given is given back");
    return EFI_INVALID_PARAMETER;
}

static uint64_t get_memory_map(uint64_t *size, void *map, uint64_t *key, uint64_t *descriptor_size,
                               uint32_t *descriptor_version)
{
    uint64_t room = *size;

    *size = firmware.map_count * DESCRIPTOR;
    *descriptor_size = DESCRIPTOR;
    *descriptor_version = 1;
    if (room < *size)
        return EFI_BUFFER_TOO_SMALL;
    if (firmware.map_is_kept)
        return EFI_INVALID_PARAMETER;
    for (unsigned i = 0; i < firmware.map_count; i++)
        memcpy((char *)map + (size_t)i * DESCRIPTOR, &firmware.map[i], sizeof(firmware.map[i]));
    *key = firmware.key;
    return EFI_SUCCESS;
}

static uint64_t exit_boot_services(void *image, uint64_t key)
{
    assert_ptr_equal(image, HANDLE);
    if (firmware.map_events != 0) {
        firmware.map_events--;
        firmware.map[0].pages--;
        firmware.key++;
    }
    return key == firmware.key ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

static uint64_t load_file(struct efi_load_file2 *self, const struct efi_device_path *path,
                          uint8_t boot_policy, uint64_t *size, void *buffer)
{
    uint64_t room = *size;

    (void)self;
    assert_int_equal(path->type, 0x7F); /* what is left of the path: its end */
    assert_int_equal(boot_policy, 0);
    *size = strlen(firmware.file);
    if (buffer == NULL || room < *size)
        return EFI_BUFFER_TOO_SMALL;
    memcpy(buffer, firmware.file, *size);
    return firmware.file_is_bad ? EFI_LOAD_ERROR : EFI_SUCCESS;
}

static struct efi_load_file2 loader = {load_file};

static bool is_load_file2(const struct efi_guid *guid)
{
    static const uint8_t bytes[] = {0xc1, 0xc0, 0x06, 0x40, 0xb3, 0xfc, 0x3e, 0x40,
                                    0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d};

    return memcmp(guid, bytes, sizeof(bytes)) == 0;
}

static uint64_t locate_device_path(const struct efi_guid *protocol, const struct efi_device_path **path,
                                   void **handle)
{
    static const uint8_t bytes[] = {4,    3,    20,   0,    0x27, 0xe4, 0x68, 0x55, 0xfc, 0x68, 0x3d, 0x4f,
                                    0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68, 0x7F, 0xFF, 4,    0};

    assert_true(is_load_file2(protocol));
    assert_memory_equal(*path, bytes, sizeof(bytes));
    if (firmware.file == NULL)
        return EFI_NOT_FOUND;
    *path += 5; /* the vendor's node has 20 bytes */
    *handle = HANDLE;
    return EFI_SUCCESS;
}

static uint64_t handle_protocol(void *handle, const struct efi_guid *protocol, void **interface)
{
    assert_ptr_equal(handle, HANDLE);
    assert_true(is_load_file2(protocol));
    *interface = &loader;
    return EFI_SUCCESS;
}

static uint64_t get_time(struct efi_time *time, void *capabilities)
{
    assert_null(capabilities);
    *time = firmware.time;
    return firmware.time_status;
}

static const struct efi_boot_services services = {
    .allocate_pages = allocate_pages,
    .free_pages = free_pages,
    .get_memory_map = get_memory_map,
    .handle_protocol = handle_protocol,
    .locate_device_path = locate_device_path,
    .exit_boot_services = exit_boot_services,
};
static const struct efi_runtime_services runtime_services = {.get_time = get_time};
static struct efi_text_output console_out = {.output_string = output_string};

/* ---- the machine */

static _Alignas(4096) char image[IMAGE_SIZE];
static jmp_buf firmware_left;
static uint64_t entered_image, entered_tree;

uint64_t arch_image_start(void)
{
    return (uint64_t)(uintptr_t)image;
}

uint64_t arch_image_end(void)
{
    return arch_image_start() + sizeof(image);
}

unsigned arch_exception_level(void)
{
    return firmware.level;
}

_Noreturn void arch_efi_leave(uint64_t copy, uint64_t tree)
{
    entered_image = copy;
    entered_tree = tree;
    longjmp(firmware_left, 1);
}

static void add_memory(uint32_t type, uint64_t start, uint64_t pages, uint64_t attributes)
{
    firmware.map[firmware.map_count++] = (struct efi_memory_descriptor){
        .type = type, .start = start, .pages = pages, .attributes = attributes};
}

static int set_up(void **state)
{
    (void)state;
    memset(&firmware, 0, sizeof(firmware));
    firmware.level = 2;
    firmware.file = "the system file";
    firmware.time_status = EFI_ERROR(3);
    firmware.tables[0] = (struct efi_configuration_table){other_guid, NULL};
    firmware.tables[1] = (struct efi_configuration_table){dtb_guid, tree_of(TREE_HEAD TREE_CPUS "};")};
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x40000000, 0x100, EFI_MEMORY_WB);
    for (unsigned i = 0; i < sizeof(image); i++)
        image[i] = (char)(i * 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (firmware.given_count != 0)
        (void)free_pages(firmware.given[0].address, firmware.given[0].pages);
    return 0;
}

static bool start(void)
{
    const struct efi_system_table system = {
        .console_out = &console_out,
        .runtime_services = &runtime_services,
        .boot_services = &services,
        .table_count = 2,
        .tables = firmware.tables,
    };

    if (setjmp(firmware_left) != 0)
        return true;
    assert_int_equal(efi_main(HANDLE, &system), EFI_LOAD_ERROR);
    return false;
}

static const void *started(void)
{
    const void *tree;

    assert_true(start());
    assert_string_equal(firmware.said, "");
    tree = (const void *)(uintptr_t)entered_tree;
    assert_int_equal(fdt_check_full(tree, fdt_totalsize(tree)), 0);
    return tree;
}

/* It says why, and the firmware has all its memory. */
static void expect_refusal(const char *reason)
{
    assert_false(start());
    assert_memory_equal(firmware.said, "[ontime] ", 9);
    assert_memory_equal(firmware.said + 9, reason, strlen(reason));
    assert_string_equal(firmware.said + strlen(firmware.said) - 2, "\r\n");
    assert_int_equal(firmware.given_count, 0);
}

static uint64_t number(const void *tree, const char *path, const char *name)
{
    return fdt64_ld(property(tree, path, name, 8));
}

/* ---- the tests */

static void test_copy_of_the_image(void **state)
{
    (void)state;
    (void)started();
    assert_int_equal(entered_image % MEMORY_BLOCK, 0);
    assert_memory_equal((const void *)(uintptr_t)entered_image, image, sizeof(image));
}

static void test_file_of_the_loader(void **state)
{
    const void *tree;
    uint64_t at;

    (void)state;
    firmware.tables[1].table = tree_of(TREE_HEAD TREE_CPUS TREE_CHOSEN "};");
    tree = started();
    at = number(tree, "/chosen", "linux,initrd-start");
    assert_int_equal(number(tree, "/chosen", "linux,initrd-end") - at, strlen(firmware.file));
    assert_memory_equal((const void *)(uintptr_t)at, firmware.file, strlen(firmware.file));
}

static void test_file_of_the_tree(void **state)
{
    static const uint32_t at[] = {OLD_FILE};

    (void)state;
    firmware.file = NULL;
    firmware.tables[1].table = tree_of(TREE_HEAD TREE_CPUS TREE_CHOSEN "};");
    expect_cells(started(), "/chosen", "linux,initrd-start", at, 1);
}

/* The tree that the firmware has stays as it was: it may go on. */
static void test_tree_is_a_copy(void **state)
{
    const void *tree = firmware.tables[1].table;
    uint32_t size = fdt_totalsize(tree);
    void *before = malloc(size);

    (void)state;
    memcpy(before, tree, size);
    assert_ptr_not_equal(started(), tree);
    assert_memory_equal(tree, before, size);
    free(before);
}

static void test_memory(void **state)
{
    static const uint32_t wanted[] = {0, 0x40000000, 0, 0x105000, 0, 0x50000000, 0, 0x1000, 1, 0, 2, 0};
    const void *tree;

    (void)state;
    add_memory(EFI_CONVENTIONAL_MEMORY, UINT64_C(0x100000000), 0x200000, EFI_MEMORY_WB | 7);
    add_memory(EFI_LOADER_CODE, 0x40102000, 1, EFI_MEMORY_WB);
    add_memory(EFI_LOADER_DATA, 0x40103000, 1, EFI_MEMORY_WB);
    add_memory(EFI_BOOT_SERVICES_CODE, 0x40100000, 1, EFI_MEMORY_WB);
    add_memory(EFI_BOOT_SERVICES_DATA, 0x40101000, 1, EFI_MEMORY_WB);
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x40104000, 1, EFI_MEMORY_WB);
    add_memory(6, 0x40105000, 1, EFI_MEMORY_WB); /* runtime services' data */
    add_memory(0, 0x40106000, 1, EFI_MEMORY_WB);
    add_memory(9, 0x40107000, 1, EFI_MEMORY_WB); /* ACPI's tables */
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x40108000, 1, 7);
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x40109000, 1, EFI_MEMORY_WB | EFI_MEMORY_SP);
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x4010A000, 1, EFI_MEMORY_WB | EFI_MEMORY_NV);
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x40105000, 0, EFI_MEMORY_WB);
    add_memory(EFI_CONVENTIONAL_MEMORY, 0x50000000, 1, EFI_MEMORY_WB);
    tree = started();
    expect_cells(tree, "/memory@40000000", "reg", wanted, 12);
    assert_string_equal(property(tree, "/memory@40000000", "device_type", 7), "memory");
    assert_true(fdt_path_offset(tree, "/memory@80000000") < 0);
}

/* An event of the firmware's changes the map after it was read: what counts is the last one. */
static void test_map_changes(void **state)
{
    static const uint32_t wanted[] = {0, 0x40000000, 0, 0xFD000};

    (void)state;
    firmware.map_events = 3;
    expect_cells(started(), "/memory@40000000", "reg", wanted, 4);
}

static void test_map_changes_for_ever(void **state)
{
    (void)state;
    firmware.map_events = 1000;
    firmware.map[0].pages = 10000;
    expect_refusal("the firmware can't be left");
    assert_true(firmware.map_events > 900);
}

static void test_no_map(void **state)
{
    (void)state;
    firmware.map_is_kept = true;
    expect_refusal("the firmware does not tell its memory map");
}

static void test_el1(void **state)
{
    (void)state;
    firmware.level = 1;
    expect_refusal("entered at EL1: Ontime needs EL2");
}

static void test_no_tree(void **state)
{
    (void)state;
    firmware.tables[1].guid = other_guid;
    expect_refusal("the firmware gives no device tree");
}

/* GRUB makes one, with /chosen only. */
static void test_tree_without_machine(void **state)
{
    (void)state;
    firmware.tables[1].table = tree_of("/ { " TREE_CHOSEN "};");
    expect_refusal("the firmware's device tree does not describe the machine");
}

static void test_damaged_tree(void **state)
{
    char *tree = malloc(fdt_totalsize(firmware.tables[1].table));
    uint32_t size = fdt_totalsize(firmware.tables[1].table);

    (void)state;
    memcpy(tree, firmware.tables[1].table, size);
    firmware.tables[1].table = tree;
    fdt32_st(tree + fdt_off_dt_struct(tree), 99);
    expect_refusal("the firmware's device tree is damaged");
    tree[0] = 0;
    memset(firmware.said, 0, sizeof(firmware.said));
    expect_refusal("the firmware's device tree is damaged");
    free(tree);
}

static void test_no_file(void **state)
{
    (void)state;
    firmware.file = NULL;
    expect_refusal("no system file");
}

static void test_bad_file(void **state)
{
    (void)state;
    firmware.file_is_bad = true;
    expect_refusal("the system file can't be read");
}

static void test_no_memory(void **state)
{
    static const char *const reasons[] = {
        "no memory for a copy of the device tree",
        "no memory for the system file",
        "no memory for a copy of Ontime",
        "no memory for the firmware's memory map",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        memset(firmware.said, 0, sizeof(firmware.said));
        firmware.refused_allocation = i + 1;
        expect_refusal(reasons[i]);
    }
}

static void expect_time(uint16_t year, uint8_t month, uint8_t day, int16_t zone, uint64_t seconds)
{
    firmware.time = (struct efi_time){
        .year = year, .month = month, .day = day, .hour = 1, .minute = 2, .second = 3, .zone = zone};
    firmware.time_status = EFI_SUCCESS;
    assert_int_equal(number(started(), "/chosen", BOARD_TIME), seconds);
    (void)tear_down(NULL);
}

static void test_time(void **state)
{
    (void)state;
    expect_time(1971, 1, 1, 0, 31536000 + 3723);
    expect_time(2000, 2, 29, 0, 951782400 + 3723);
    expect_time(2000, 3, 1, EFI_UNSPECIFIED_TIMEZONE, 951868800 + 3723);
    expect_time(2026, 11, 26, 0, 1795651200 + 3723);
    expect_time(2026, 11, 26, 60, 1795651200 + 3723 + 3600);
    expect_time(2026, 11, 26, -90, 1795651200 + 3723 - 5400);
    expect_time(2100, 3, 1, 0, UINT64_C(4107542400) + 3723);
}

static void expect_no_time(void)
{
    assert_null(fdt_getprop(started(), fdt_path_offset((void *)(uintptr_t)entered_tree, "/chosen"),
                            BOARD_TIME, NULL));
    (void)tear_down(NULL);
}

static void test_no_time(void **state)
{
    (void)state;
    expect_no_time();
    firmware.time = (struct efi_time){.year = 1970, .month = 1, .day = 1};
    firmware.time_status = EFI_SUCCESS;
    expect_no_time();
    firmware.time.year = 2106;
    expect_no_time();
    firmware.time.year = 2026;
    firmware.time_status = EFI_ERROR(7);
    expect_no_time();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_copy_of_the_image),
        TEST(test_file_of_the_loader),
        TEST(test_file_of_the_tree),
        TEST(test_tree_is_a_copy),
        TEST(test_memory),
        TEST(test_map_changes),
        TEST(test_map_changes_for_ever),
        TEST(test_no_map),
        TEST(test_el1),
        TEST(test_no_tree),
        TEST(test_tree_without_machine),
        TEST(test_damaged_tree),
        TEST(test_no_file),
        TEST(test_bad_file),
        TEST(test_no_memory),
        TEST(test_time),
        TEST(test_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
