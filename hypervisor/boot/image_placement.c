/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where kernel, initrd and device tree go in a VM's RAM: as QEMU 7.2 places them for its virt machine
 * (docs/system-file.md). The kernel's header is not trusted.
 */
#include "boot/image_placement.h"
#include <string.h>

#define KIB  UINT64_C(0x400)
#define MIB  UINT64_C(0x100000)
#define PAGE (4 * KIB)

#define IMAGE_LOW_OFFSET  (4 * KIB) /* an Image that asks for less is moved up by IMAGE_ALIGN */
#define IMAGE_ALIGN       (2 * MIB)
#define INITRD_OFFSET_MAX (128 * MIB)

/* The arm64 Image header (Linux, Documentation/arm64/booting.rst). */
#define IMAGE_HEADER_SIZE  64
#define IMAGE_TEXT_OFFSET  8
#define IMAGE_SIZE_OFFSET  16
#define IMAGE_MAGIC_OFFSET 56

static uint64_t little_endian_64(const uint8_t *data)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)data[i] << (8 * i);
    return value;
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static unsigned long mib_up(uint64_t bytes)
{
    return (unsigned long)(bytes / MIB + (bytes % MIB != 0));
}

static bool is_arm64_image(const struct blob *kernel)
{
    return kernel->size >= IMAGE_HEADER_SIZE && memcmp(kernel->data + IMAGE_MAGIC_OFFSET, "ARM\x64", 4) == 0;
}

static int refuse_kernel(const struct tree_reader *reader, int node, const struct blob *kernel)
{
    if (kernel->size >= 2 && kernel->data[0] == 0x1f && kernel->data[1] == 0x8b)
        return tree_fail(reader, node, "kernel", "is compressed: unpack it first, zcat FILE > Image");
    return tree_fail(reader, node, "kernel", "is not an arm64 Image, and a raw binary needs load-address");
}

/* Places an Image. *end is the end of the memory that it takes, with its zero-initialised part. */
static int place_image(const struct tree_reader *reader, int node, struct vm_config *vm, uint64_t *end)
{
    if (tree_has(reader, node, "load-address"))
        return tree_fail(reader, node, "load-address", "an arm64 Image says itself where it goes");

    uint64_t offset = little_endian_64(vm->kernel.data + IMAGE_TEXT_OFFSET);
    uint64_t size = little_endian_64(vm->kernel.data + IMAGE_SIZE_OFFSET);
    if (size == 0)
        return tree_fail(reader, node, "kernel", "its header has no image_size (a kernel older than 3.17)");
    if (offset >= IMAGE_ALIGN)
        return tree_fail(reader, node, "kernel", "its header's text_offset 0x%lx is not below 2 MiB",
                         (unsigned long)offset);
    if (offset < IMAGE_LOW_OFFSET)
        offset += IMAGE_ALIGN;
    if (size < vm->kernel.size)
        size = vm->kernel.size;

    vm->is_linux_image = true;
    vm->load_address = GUEST_RAM_BASE + offset;
    if (!vm_config_in_ram(vm, vm->load_address, size))
        return tree_fail(reader, node, "memory-mib",
                         "the kernel needs %lu MiB from 0x%lx on, RAM ends at 0x%lx", mib_up(size),
                         (unsigned long)vm->load_address, (unsigned long)vm_config_ram_end(vm));
    *end = vm->load_address + size;
    return 0;
}

static int place_raw_binary(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, "load-address", &length);
    if (data == NULL)
        return refuse_kernel(reader, node, &vm->kernel);
    if (length != TREE_CELL && length != 2 * TREE_CELL)
        return tree_fail(reader, node, "load-address", "must be one or two cells and not %zu bytes", length);
    if (tree_has(reader, node, "initrd"))
        return tree_fail(reader, node, "initrd", "only an arm64 Image takes one");

    vm->load_address = tree_cell(data);
    if (length == 2 * TREE_CELL)
        vm->load_address = vm->load_address << 32 | tree_cell(data + TREE_CELL);
    if (vm->load_address % TREE_CELL != 0)
        return tree_fail(reader, node, "load-address", "0x%lx is not a multiple of 4",
                         (unsigned long)vm->load_address);
    if (!vm_config_in_ram(vm, vm->load_address, vm->kernel.size))
        return tree_fail(reader, node, "load-address", "%zu bytes at 0x%lx are not in RAM, 0x%lx..0x%lx",
                         vm->kernel.size, (unsigned long)vm->load_address, (unsigned long)GUEST_RAM_BASE,
                         (unsigned long)vm_config_ram_end(vm));
    return 0;
}

/*
 * The initrd goes to `start`, which is the middle of RAM, or 128 MiB from its start if that is lower. The
 * tree goes to the next 2 MiB behind the initrd. An Image that reaches beyond `start` moves both up.
 */
static int place_for_image(const struct tree_reader *reader, int node, struct vm_config *vm, uint64_t start)
{
    uint64_t kernel_end = 0;
    if (place_image(reader, node, vm, &kernel_end) != 0)
        return -1;
    if (start < kernel_end)
        start = align_up(kernel_end, PAGE);

    if (vm->initrd.data != NULL) {
        vm->initrd_address = start;
        if (!vm_config_in_ram(vm, start, vm->initrd.size))
            return tree_fail(
                reader, node, "memory-mib", "the initrd needs %lu MiB from 0x%lx on, RAM ends at 0x%lx",
                mib_up(vm->initrd.size), (unsigned long)start, (unsigned long)vm_config_ram_end(vm));
    }
    vm->tree_address = align_up(start + vm->initrd.size, IMAGE_ALIGN);
    if (!vm_config_in_ram(vm, vm->tree_address, GUEST_TREE_SIZE))
        return tree_fail(reader, node, "memory-mib",
                         "the device tree needs %lu KiB at 0x%lx, RAM ends at 0x%lx",
                         (unsigned long)(GUEST_TREE_SIZE / KIB), (unsigned long)vm->tree_address,
                         (unsigned long)vm_config_ram_end(vm));
    return 0;
}

/* A raw binary says where it goes. The tree, which the guest finds through x0, does not give way to it. */
static int place_for_raw_binary(const struct tree_reader *reader, int node, struct vm_config *vm,
                                uint64_t tree)
{
    if (place_raw_binary(reader, node, vm) != 0)
        return -1;
    vm->tree_address = tree;
    if (vm->load_address < tree + GUEST_TREE_SIZE && tree < vm->load_address + vm->kernel.size)
        return tree_fail(reader, node, "load-address",
                         "%zu bytes at 0x%lx overlap the device tree, 0x%lx..0x%lx", vm->kernel.size,
                         (unsigned long)vm->load_address, (unsigned long)tree,
                         (unsigned long)(tree + GUEST_TREE_SIZE));
    return 0;
}

int place_images(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    uint64_t half = (vm_config_ram_end(vm) - GUEST_RAM_BASE) / 2;
    uint64_t middle = GUEST_RAM_BASE + (half < INITRD_OFFSET_MAX ? half : INITRD_OFFSET_MAX);
    int result = is_arm64_image(&vm->kernel) ? place_for_image(reader, node, vm, middle)
                                             : place_for_raw_binary(reader, node, vm, middle);

    vm->entry = vm->load_address;
    return result;
}
