/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading. A VM starts from pristine copies every time, so that a reboot is a fresh boot: its RAM is zeroed,
 * then kernel, initrd and device tree are copied in. Kernel and initrd come from the system file, the tree
 * from where it was made. For one start another VM may have given the kernel, in blocks in its RAM. That VM
 * is not trusted with where they are: each address is read once and looked up.
 *
 * That takes long, so it is done in pieces. `load_phase` is the number of the piece of RAM that is being
 * zeroed or, counted from VM_RAM_PIECES on, of the image that is being copied; `load_offset` is how many
 * bytes of it are done.
 */
#include "vm/load.h"
#include <string.h>
#include "base/assert.h"
#include "console/console.h"
#include "ontime/abi.h"
#include "vm/arch_vm.h"

void vm_load_begin(struct vm *vm)
{
    vm->load_phase = 0;
    vm->load_offset = 0;
}

/* Copies into guest RAM; the range was checked against the VM's memory when the system file was read. */
static void copy_to_guest(struct vm *vm, uint64_t guest, const uint8_t *data, uint64_t size)
{
    while (size != 0) {
        uint64_t room;
        uint8_t *host = vm_ram_at(vm, guest, &room);

        if (host == NULL)
            return;
        if (room > size)
            room = size;
        memcpy(host, data, room);
        arch_memory_clean(host, room);
        guest += room;
        data += room;
        size -= room;
    }
}

static void next_phase(struct vm *vm, unsigned phase)
{
    vm->load_phase = phase;
    vm->load_offset = 0;
}

static void zero_step(struct vm *vm)
{
    const struct ram_piece *piece = &vm->ram[vm->load_phase];

    DEBUG_ASSERT(vm->load_phase < vm->ram_count && vm->load_offset < piece->size);
    /* A restart has written a line. The next one can only come when there is room for it again. */
    if (vm->load_phase == 0 && vm->load_offset == 0 && !console_is_calm())
        return;
    arch_memory_zero((void *)(uintptr_t)(piece->host + vm->load_offset), VM_LOAD_ZERO);
    vm->load_offset += VM_LOAD_ZERO;
    if (vm->load_offset == piece->size)
        next_phase(vm, vm->load_phase + 1 == vm->ram_count ? VM_RAM_PIECES : vm->load_phase + 1);
}

/* A piece of the image that another VM has given, at most to the end of a block. */
static enum vm_load_outcome lent_step(struct vm *vm)
{
    const struct lent_image *image = &vm->image;
    uint64_t offset = vm->load_offset % ONTIME_IMAGE_BLOCK;
    uint64_t size = image->size - vm->load_offset;
    uint64_t room;
    const volatile uint64_t *list = (void *)vm_ram_at(image->from, image->list, &room);
    const uint8_t *data;

    if (size == 0) {
        next_phase(vm, vm->load_phase + 1);
        return VM_LOAD_MORE;
    }
    if (size > VM_LOAD_STEP)
        size = VM_LOAD_STEP;
    data = vm_ram_at(image->from, list[vm->load_offset / ONTIME_IMAGE_BLOCK] + offset, &room);
    if (data == NULL || room < size)
        return VM_LOAD_FAILED;
    copy_to_guest(vm, vm->config->load_address + vm->load_offset, data, size);
    vm->load_offset += size;
    return VM_LOAD_MORE;
}

enum vm_load_outcome vm_load_step(struct vm *vm)
{
    const struct vm_config *config = vm->config;
    const struct blob *images[] = {&config->kernel, &config->initrd, &vm->tree};
    const uint64_t addresses[] = {config->load_address, config->initrd_address, config->tree_address};
    unsigned image = vm->load_phase - VM_RAM_PIECES;
    uint64_t size;

    if (vm->load_phase < VM_RAM_PIECES) {
        zero_step(vm);
        return VM_LOAD_MORE;
    }
    if (image == 0 && vm->image.from != NULL)
        return lent_step(vm);
    if (image == sizeof(images) / sizeof(images[0])) {
        arch_vm_images_changed(vm);
        return VM_LOAD_DONE;
    }
    size = images[image]->data == NULL ? 0 : images[image]->size - vm->load_offset;
    if (size > VM_LOAD_STEP)
        size = VM_LOAD_STEP;
    if (size == 0) {
        next_phase(vm, vm->load_phase + 1);
        return VM_LOAD_MORE;
    }
    copy_to_guest(vm, addresses[image] + vm->load_offset, images[image]->data + vm->load_offset, size);
    vm->load_offset += size;
    return VM_LOAD_MORE;
}
