/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where kernel, initrd and device tree go in a VM's RAM: as QEMU 7.2 places them for its virt machine
 * (docs/system-file.md), unless the file says another place. The kernel's header is not trusted.
 */
#include "boot/image_placement.h"
#include <string.h>
#include "vm/image.h"

#define KIB  UINT64_C(0x400)
#define MIB  UINT64_C(0x100000)
#define PAGE (4 * KIB)

#define TREE_ALIGN 8 /* what libfdt and Linux ask for */

#define IMAGE_LOW_OFFSET  (4 * KIB) /* an Image that asks for less is moved up by IMAGE_ALIGN */
#define INITRD_OFFSET_MAX (128 * MIB)

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static unsigned long mib_up(uint64_t bytes)
{
    return (unsigned long)(bytes / MIB + (bytes % MIB != 0));
}

/*
 * Files that are often taken for a kernel, by some of their bytes. The third byte of a gzip file is its
 * method: two bytes alone may well begin a raw binary. UEFI firmware for QEMU has a page before its volume.
 */
static const struct known_file {
    uint16_t at;
    uint8_t length;
    uint8_t bytes[8];
    const char *what;
} known_files[] = {
    {0, 3, {0x1f, 0x8b, 0x08}, "is compressed: unpack it first, zcat FILE > Image"},
    {0, 6, {0xfd, '7', 'z', 'X', 'Z', 0x00}, "is compressed: unpack it first, xzcat FILE > Image"},
    {0, 4, {0x28, 0xb5, 0x2f, 0xfd}, "is compressed: unpack it first, zstdcat FILE > Image"},
    {0, 4, {0x02, 0x21, 0x4c, 0x18}, "is compressed: unpack it first, lz4cat FILE > Image"},
    {0, 4, {0x04, 0x22, 0x4d, 0x18}, "is compressed: unpack it first, lz4cat FILE > Image"},
    {0, 4, {'B', 'Z', 'h', '9'}, "is compressed: unpack it first, bzcat FILE > Image"},
    {0,
     8,
     {'M', 'Z', 0, 0, 'z', 'i', 'm', 'g'},
     "is an EFI zboot image: give the Image that is packed in it"},
    {0, 4, {0x7f, 'E', 'L', 'F'}, "is an ELF file: make a raw binary of it, objcopy -O binary FILE OUT"},
    {0,
     4,
     {0x27, 0x05, 0x19, 0x56},
     "is a uImage: take the kernel out of it, dumpimage -T kernel -o OUT FILE"},
    {0, 4, {0xd0, 0x0d, 0xfe, 0xed}, "is a FIT image or a device tree: give the kernel itself"},
    {0x1028,
     4,
     {'_', 'F', 'V', 'H'},
     "is UEFI firmware: it runs from flash at 0, which a guest does not have"},
};

static const char *packed_as(const struct blob *kernel)
{
    for (size_t i = 0; i < sizeof(known_files) / sizeof(known_files[0]); i++) {
        const struct known_file *known = &known_files[i];

        if (kernel->size >= (size_t)known->at + known->length &&
            memcmp(kernel->data + known->at, known->bytes, known->length) == 0)
            return known->what;
    }
    return NULL;
}

/*
 * An Image goes to its text_offset from the start of RAM, and 2 MiB higher when it asks for the first page. A
 * header may ask for any place: what is not in RAM must not come round to it again.
 */
static int read_text_offset(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    uint64_t offset = image_word(vm->kernel.data, IMAGE_TEXT_OFFSET);

    if (offset > vm_config_ram_end(vm) - vm->memory_base)
        return tree_fail(reader, node, "memory-mib", "the kernel's text_offset, 0x%lx, is not in %u MiB",
                         (unsigned long)offset, vm->memory_mib);
    if (offset < IMAGE_LOW_OFFSET)
        offset += IMAGE_ALIGN;
    vm->load_address = vm->memory_base + offset;
    return 0;
}

/* Checks that the kernel, which takes `size` bytes, is in RAM where the file wants it. */
static int check_load_address(const struct tree_reader *reader, int node, const struct vm_config *vm,
                              uint64_t size)
{
    if (vm->load_address % TREE_CELL != 0)
        return tree_fail(reader, node, "load-address", "0x%lx is not a multiple of 4",
                         (unsigned long)vm->load_address);
    if (!vm_config_in_ram(vm, vm->load_address, size))
        return tree_fail(reader, node, "load-address", "%lu bytes at 0x%lx are not in RAM, 0x%lx..0x%lx",
                         (unsigned long)size, (unsigned long)vm->load_address, (unsigned long)vm->memory_base,
                         (unsigned long)vm_config_ram_end(vm));
    return 0;
}

/* Places an Image. *size is the memory that it takes, with its zero-initialised part. */
static int place_image(const struct tree_reader *reader, int node, struct vm_config *vm, uint64_t *size)
{
    *size = image_word(vm->kernel.data, IMAGE_SIZE_OFFSET);
    if (*size == 0)
        return tree_fail(reader, node, "kernel", "its header has no image_size (a kernel older than 3.17)");
    if (*size < vm->kernel.size)
        *size = vm->kernel.size;

    vm->is_linux_image = true;
    if (tree_has(reader, node, "load-address"))
        return check_load_address(reader, node, vm, *size);
    if (read_text_offset(reader, node, vm) != 0)
        return -1;
    if (!vm_config_in_ram(vm, vm->load_address, *size))
        return tree_fail(reader, node, "memory-mib",
                         "the kernel needs %lu MiB from 0x%lx on, RAM ends at 0x%lx", mib_up(*size),
                         (unsigned long)vm->load_address, (unsigned long)vm_config_ram_end(vm));
    return 0;
}

/* Places a raw binary. Only its file is known: not what zero-initialised data follows it. */
static int place_raw_binary(const struct tree_reader *reader, int node, struct vm_config *vm, uint64_t *size)
{
    const char *packed = packed_as(&vm->kernel);

    if (packed != NULL)
        return tree_fail(reader, node, "kernel", "%s", packed);
    if (!tree_has(reader, node, "load-address"))
        return tree_fail(reader, node, "kernel",
                         "is not an arm64 Image, and a raw binary needs load-address");
    if (tree_has(reader, node, "initrd"))
        return tree_fail(reader, node, "initrd", "only an arm64 Image takes one");
    *size = vm->kernel.size;
    return check_load_address(reader, node, vm, *size);
}

/* In the middle of RAM, or 128 MiB from its start if that is lower. */
static uint64_t middle_of_ram(const struct vm_config *vm)
{
    uint64_t half = (vm_config_ram_end(vm) - vm->memory_base) / 2;

    return vm->memory_base + (half < INITRD_OFFSET_MAX ? half : INITRD_OFFSET_MAX);
}

/*
 * The initrd goes to the middle, the tree to the next 2 MiB behind the initrd. An Image that reaches beyond
 * the middle moves both up.
 */
static int place_behind_image(const struct tree_reader *reader, int node, struct vm_config *vm,
                              uint64_t kernel_end)
{
    uint64_t start = middle_of_ram(vm);

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
    return 0;
}

/* Do [a, a + a_size) and [b, b + b_size) meet? Both lie in RAM. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* The tree's place, which the file chose: the others do not give way to it. */
static int check_tree_address(const struct tree_reader *reader, int node, const struct vm_config *vm,
                              uint64_t kernel_size)
{
    uint64_t tree = vm->tree_address;
    bool on_kernel;

    if (tree % TREE_ALIGN != 0)
        return tree_fail(reader, node, "tree-address", "0x%lx is not a multiple of 8", (unsigned long)tree);
    if (!vm_config_in_ram(vm, tree, GUEST_TREE_SIZE))
        return tree_fail(reader, node, "tree-address", "%lu KiB at 0x%lx are not in RAM, 0x%lx..0x%lx",
                         (unsigned long)(GUEST_TREE_SIZE / KIB), (unsigned long)tree,
                         (unsigned long)vm->memory_base, (unsigned long)vm_config_ram_end(vm));
    on_kernel = overlap(tree, GUEST_TREE_SIZE, vm->load_address, kernel_size);
    if (on_kernel || overlap(tree, GUEST_TREE_SIZE, vm->initrd_address, vm->initrd.size)) {
        uint64_t start = on_kernel ? vm->load_address : vm->initrd_address;

        return tree_fail(reader, node, "tree-address", "%lu KiB at 0x%lx overlap the %s, 0x%lx..0x%lx",
                         (unsigned long)(GUEST_TREE_SIZE / KIB), (unsigned long)tree,
                         on_kernel ? "kernel" : "initrd", (unsigned long)start,
                         (unsigned long)(start + (on_kernel ? kernel_size : vm->initrd.size)));
    }
    return 0;
}

/* The tree's place by rule. A raw binary may have been put there; an Image has its tree behind it. */
static int check_tree(const struct tree_reader *reader, int node, const struct vm_config *vm,
                      uint64_t kernel_size)
{
    uint64_t tree = vm->tree_address;

    if (!vm_config_in_ram(vm, tree, GUEST_TREE_SIZE))
        return tree_fail(reader, node, "memory-mib",
                         "the device tree needs %lu KiB at 0x%lx, RAM ends at 0x%lx",
                         (unsigned long)(GUEST_TREE_SIZE / KIB), (unsigned long)tree,
                         (unsigned long)vm_config_ram_end(vm));
    if (overlap(tree, GUEST_TREE_SIZE, vm->load_address, kernel_size))
        return tree_fail(reader, node, "load-address",
                         "%lu bytes at 0x%lx overlap the device tree, 0x%lx..0x%lx",
                         (unsigned long)kernel_size, (unsigned long)vm->load_address, (unsigned long)tree,
                         (unsigned long)(tree + GUEST_TREE_SIZE));
    return 0;
}

int place_images(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    uint64_t kernel_size = 0;

    if (tree_read_address(reader, node, "load-address", &vm->load_address) != 0)
        return -1;
    if (image_is_arm64(vm->kernel.data, vm->kernel.size)) {
        if (place_image(reader, node, vm, &kernel_size) != 0 ||
            place_behind_image(reader, node, vm, vm->load_address + kernel_size) != 0)
            return -1;
    } else {
        if (place_raw_binary(reader, node, vm, &kernel_size) != 0)
            return -1;
        vm->tree_address = middle_of_ram(vm);
    }
    vm->entry = vm->load_address;
    if (!tree_has(reader, node, "tree-address"))
        return check_tree(reader, node, vm, kernel_size);
    if (tree_read_address(reader, node, "tree-address", &vm->tree_address) != 0)
        return -1;
    return check_tree_address(reader, node, vm, kernel_size);
}
