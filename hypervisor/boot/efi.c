/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from UEFI firmware, to which ontime.bin is an application: its boot loaders start it as they start
 * Linux. The firmware's MMU is on, its page tables and its stack are used. arch/arm64/efi.S has the PE
 * header, applies the relocations, and leads here.
 *
 * Of what the firmware knows this makes what the arm64 boot protocol wants, and leaves by that:
 *
 * - the device tree, from the firmware's configuration table (EFI_DTB_TABLE_GUID: Arm's EBBR 2.3). What
 *   follows changes a copy of it;
 * - the system file, in /chosen. Who starts Ontime offers it as Linux's initrd is offered: by the protocol
 *   EFI_LOAD_FILE2 at the media device path LINUX_EFI_INITRD_MEDIA_GUID, or in the tree's /chosen;
 * - the time of day, in /chosen, as the firmware's clock is its own (boot/board.h);
 * - RAM. The memory nodes are made anew from the firmware's memory map: what it keeps for itself, for its
 *   runtime services or the ACPI tables, is not in them;
 * - a copy of Ontime's image at a multiple of 2 MiB.
 *
 * Until ExitBootServices() succeeds, an error is written to the firmware's console, all memory is given back,
 * and the firmware goes on. After it nothing can fail any more. Nothing here is in .data or .bss: the copy of
 * the image is as the file is.
 */
#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "boot/board.h"
#include "boot/efi_tables.h"

#define TREE_ROOM UINT64_C(16384) /* for what is added to the tree: 1000 pieces of RAM, 16 bytes each */
#define MAP_ROOM  EFI_PAGE        /* for what is added to the memory map: its own pages split one or two */
#define ATTEMPTS  8               /* to leave: each time an event of the firmware's may change its map */

#define EPOCH_DAY 719469 /* 1970-01-01, counted from 0000-03-01 as the first */

/* EBBR 2.3 */
static const struct efi_guid dtb_table = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

/* UEFI 13.2.1 */
static const struct efi_guid load_file2 = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};

/* Linux's Documentation/arm64/booting.rst and include/linux/efi.h: LINUX_EFI_INITRD_MEDIA_GUID. */
static const struct efi_media_path initrd_path = {
    {4, 3, {sizeof(struct efi_device_path) + sizeof(struct efi_guid), 0}},
    {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}},
    {0x7F, 0xFF, {sizeof(struct efi_device_path), 0}}};

static const char memory_type[] = "memory";

/* Memory that the firmware gave. */
struct piece {
    uint64_t start;
    uint64_t pages;
};

struct efi_boot {
    const struct efi_boot_services *services;
    struct piece image, tree, file, map;
    uint64_t file_size;
};

struct memory_map {
    const unsigned char *descriptors;
    uint64_t size, descriptor_size;
    uint64_t key;
};

uint64_t efi_main(void *image, const struct efi_system_table *system);

static void say(struct efi_text_output *output, const char *text)
{
    uint16_t wide[2] = {0, 0};

    for (; *text != '\0'; text++) {
        wide[0] = (unsigned char)*text;
        (void)output->output_string(output, wide);
    }
}

static bool take_pages(const struct efi_boot_services *services, uint64_t size, struct piece *piece)
{
    piece->pages = (size + EFI_PAGE - 1) / EFI_PAGE;
    if (services->allocate_pages(EFI_ALLOCATE_ANY, EFI_LOADER_DATA, piece->pages, &piece->start) ==
        EFI_SUCCESS)
        return true;
    piece->pages = 0;
    return false;
}

static void give_back(const struct efi_boot_services *services, const struct piece *piece)
{
    if (piece->pages != 0)
        (void)services->free_pages(piece->start, piece->pages);
}

static const void *find_tree(const struct efi_system_table *system)
{
    for (uint64_t i = 0; i < system->table_count; i++)
        if (memcmp(&system->tables[i].guid, &dtb_table, sizeof(dtb_table)) == 0)
            return system->tables[i].table;
    return NULL;
}

/* A loader may have made a tree for /chosen alone, on firmware that has ACPI only. */
static const char *copy_tree(const struct efi_system_table *system, struct efi_boot *boot)
{
    const void *tree = find_tree(system);
    uint64_t size;

    if (tree == NULL)
        return "the firmware gives no device tree: switch it from ACPI to that (QEMU: -M virt,acpi=off)";
    if (fdt_check_header(tree) != 0 || fdt_check_full(tree, fdt_totalsize(tree)) != 0)
        return "the firmware's device tree is damaged";
    if (fdt_path_offset(tree, "/cpus") < 0)
        return "the firmware's device tree does not describe the machine: switch the firmware from ACPI to a "
               "device tree (QEMU: -M virt,acpi=off)";
    size = fdt_totalsize(tree) + TREE_ROOM;
    if (!take_pages(boot->services, size, &boot->tree))
        return "no memory for a copy of the device tree";
    if (fdt_open_into(tree, (void *)(uintptr_t)boot->tree.start, (int)size) != 0)
        return "the firmware's device tree is of a version that can't be changed";
    return NULL;
}

static const char *load_file(struct efi_boot *boot)
{
    const struct efi_device_path *path = &initrd_path.vendor;
    struct efi_load_file2 *loader = NULL;
    void *handle = NULL;

    if (boot->services->locate_device_path(&load_file2, &path, &handle) != EFI_SUCCESS ||
        boot->services->handle_protocol(handle, &load_file2, (void **)&loader) != EFI_SUCCESS)
        return NULL; /* the tree may name one */
    if (loader->load_file(loader, path, false, &boot->file_size, NULL) != EFI_BUFFER_TOO_SMALL)
        return "the loader does not say how large the system file is";
    if (!take_pages(boot->services, boot->file_size, &boot->file))
        return "no memory for the system file";
    if (loader->load_file(loader, path, false, &boot->file_size, (void *)(uintptr_t)boot->file.start) !=
        EFI_SUCCESS)
        return "the system file can't be read";
    return NULL;
}

/* Has the tree's /chosen name the system file. */
static const char *name_file(const struct efi_boot *boot)
{
    void *tree = (void *)(uintptr_t)boot->tree.start;
    int chosen = fdt_path_offset(tree, "/chosen");

    if (boot->file.pages == 0) {
        if (chosen < 0 || fdt_getprop(tree, chosen, "linux,initrd-start", NULL) == NULL)
            return "no system file: give one as the initrd (see docs/getting-started.md)";
        return NULL;
    }
    if (chosen < 0)
        chosen = fdt_add_subnode(tree, 0, "chosen");
    if (chosen < 0 || fdt_setprop_u64(tree, chosen, "linux,initrd-start", boot->file.start) != 0 ||
        fdt_setprop_u64(tree, chosen, "linux,initrd-end", boot->file.start + boot->file_size) != 0)
        return "no room in the device tree for where the system file is";
    return NULL;
}

/* Seconds since 1970. A year begins with March here, so that the day that some have more is its last. */
static uint64_t seconds_of(const struct efi_time *time)
{
    uint64_t year = time->year - (time->month <= 2 ? 1u : 0u);
    uint64_t month = (time->month + 9u) % 12;
    uint64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + time->day;
    uint64_t seconds = (days - EPOCH_DAY) * 86400 + time->hour * 3600u + time->minute * 60u + time->second;

    return time->zone == EFI_UNSPECIFIED_TIMEZONE ? seconds : seconds + (uint64_t)(time->zone * 60);
}

/* Firmware without a clock says so, or that it is before 1970 or after 2106, and the guests have none. */
static const char *tell_time(const struct efi_system_table *system, const struct efi_boot *boot)
{
    void *tree = (void *)(uintptr_t)boot->tree.start;
    struct efi_time time;

    if (system->runtime_services->get_time(&time, NULL) != EFI_SUCCESS || time.year <= 1970 ||
        time.year > 2105)
        return NULL;
    if (fdt_setprop_u64(tree, fdt_path_offset(tree, "/chosen"), BOARD_TIME, seconds_of(&time)) != 0)
        return "no room in the device tree for the time of day";
    return NULL;
}

static uint64_t image_place(const struct efi_boot *boot)
{
    return (boot->image.start + MEMORY_BLOCK - 1) & ~(MEMORY_BLOCK - 1);
}

static const char *copy_image(struct efi_boot *boot)
{
    uint64_t size = arch_image_end() - arch_image_start();

    if (!take_pages(boot->services, size + MEMORY_BLOCK, &boot->image))
        return "no memory for a copy of Ontime at a multiple of 2 MiB";
    memcpy((void *)(uintptr_t)image_place(boot), (const void *)(uintptr_t)arch_image_start(), size);
    return NULL;
}

/* RAM that is free once the firmware has been left. */
static bool is_free(const struct efi_memory_descriptor *memory)
{
    if (memory->pages == 0 ||
        (memory->attributes & (EFI_MEMORY_WB | EFI_MEMORY_NV | EFI_MEMORY_SP)) != EFI_MEMORY_WB)
        return false;
    switch (memory->type) {
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
    case EFI_BOOT_SERVICES_CODE:
    case EFI_BOOT_SERVICES_DATA:
    case EFI_CONVENTIONAL_MEMORY:
        return true;
    default:
        return false;
    }
}

/* The first free memory of the map that is not below `from`, or NULL. The map need not be in order. */
static const struct efi_memory_descriptor *free_from(const struct memory_map *map, uint64_t from)
{
    const struct efi_memory_descriptor *first = NULL;

    for (uint64_t at = 0; at + map->descriptor_size <= map->size; at += map->descriptor_size) {
        const void *place = map->descriptors + at;
        const struct efi_memory_descriptor *memory = place;

        if (is_free(memory) && memory->start >= from && (first == NULL || memory->start < first->start))
            first = memory;
    }
    return first;
}

static int remove_memory(void *tree)
{
    int node, error = 0;

    while (error == 0 && (node = fdt_node_offset_by_prop_value(tree, -1, "device_type", memory_type,
                                                               sizeof(memory_type))) >= 0)
        error = fdt_del_node(tree, node);
    return error;
}

/* Has the tree name what is free in the map, instead of all RAM. What adjoins is one piece. Returns libfdt's
 * error. */
static int write_memory(void *tree, const struct memory_map *map)
{
    const struct efi_memory_descriptor *memory = free_from(map, 0);
    char name[32];
    int error = remove_memory(tree);
    int node;

    if (error != 0 || memory == NULL)
        return error;
    snprintf(name, sizeof(name), "memory@%lx", (unsigned long)memory->start);
    node = fdt_add_subnode(tree, 0, name);
    error = node < 0 ? node : fdt_setprop(tree, node, "device_type", memory_type, sizeof(memory_type));
    while (memory != NULL && error == 0) {
        uint64_t start = memory->start;
        uint64_t end = start;

        for (; memory != NULL && memory->start == end; memory = free_from(map, end))
            end += memory->pages * EFI_PAGE;
        error = fdt_appendprop_addrrange(tree, 0, node, "reg", start, end - start);
    }
    return error;
}

static bool read_map(const struct efi_boot *boot, struct memory_map *map)
{
    uint32_t version;

    map->descriptors = (const unsigned char *)(uintptr_t)boot->map.start;
    map->size = boot->map.pages * EFI_PAGE;
    return boot->services->get_memory_map(&map->size, (void *)(uintptr_t)boot->map.start, &map->key,
                                          &map->descriptor_size, &version) == EFI_SUCCESS &&
           map->descriptor_size >= sizeof(struct efi_memory_descriptor);
}

static const char *make_room_for_map(struct efi_boot *boot)
{
    struct memory_map map = {.size = 0};
    uint32_t version;

    if (boot->services->get_memory_map(&map.size, NULL, &map.key, &map.descriptor_size, &version) !=
            EFI_BUFFER_TOO_SMALL ||
        !take_pages(boot->services, map.size + MAP_ROOM, &boot->map))
        return "no memory for the firmware's memory map";
    return NULL;
}

/* The key is of the last map that was read: who changes the map in between makes ExitBootServices() refuse
 * it. */
static const char *leave_firmware(const struct efi_boot *boot, void *image)
{
    struct memory_map map;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        if (!read_map(boot, &map))
            return "the firmware does not tell its memory map";
        if (write_memory((void *)(uintptr_t)boot->tree.start, &map) != 0)
            return "no room in the device tree for the memory map";
        if (boot->services->exit_boot_services(image, map.key) == EFI_SUCCESS)
            return NULL;
    }
    return "the firmware can't be left";
}

/* Each step stands on those before. Returns what is wrong, or NULL when the firmware has been left. */
static const char *prepare(const struct efi_system_table *system, void *image, struct efi_boot *boot)
{
    const char *problem = NULL;

    if (arch_exception_level() != 2)
        return "entered at EL1: Ontime needs EL2 (QEMU: -M virt,virtualization=on)";
    problem = copy_tree(system, boot);
    if (problem == NULL)
        problem = load_file(boot);
    if (problem == NULL)
        problem = name_file(boot);
    if (problem == NULL)
        problem = tell_time(system, boot);
    if (problem == NULL)
        problem = copy_image(boot);
    if (problem == NULL)
        problem = make_room_for_map(boot);
    return problem != NULL ? problem : leave_firmware(boot, image);
}

static uint64_t refuse(const struct efi_system_table *system, const struct efi_boot *boot,
                       const char *problem)
{
    say(system->console_out, "[ontime] ");
    say(system->console_out, problem);
    say(system->console_out, "\r\n");
    give_back(boot->services, &boot->image);
    give_back(boot->services, &boot->tree);
    give_back(boot->services, &boot->file);
    give_back(boot->services, &boot->map);
    return EFI_LOAD_ERROR;
}

uint64_t efi_main(void *image, const struct efi_system_table *system)
{
    struct efi_boot boot = {.services = system->boot_services};
    const char *problem = prepare(system, image, &boot);

    if (problem != NULL)
        return refuse(system, &boot, problem);
    arch_efi_leave(image_place(&boot), boot.tree.start);
}
