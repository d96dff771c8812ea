// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for the system file's reader: whatever the bytes, it reads nothing but them, and what it
 * accepts holds together.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "boot/system_file.h"
#include "bytes.h"

#define MIB UINT64_C(0x100000)

static bool is_inside(const uint8_t *file, size_t size, const struct blob *blob)
{
    return blob->data >= file && blob->size <= size && blob->data <= file + (size - blob->size);
}

static bool is_in_ram(const struct vm_config *vm, uint64_t start, uint64_t size)
{
    uint64_t ram = vm->memory_mib * MIB;
    return start >= vm->memory_base && start - vm->memory_base <= ram &&
           size <= ram - (start - vm->memory_base);
}

/* Its ends do not come round, and no device is in it. */
static bool is_good_ram(const struct vm_config *vm)
{
    uint64_t end = vm->memory_base + vm->memory_mib * MIB;
    return vm->memory_base < end && end <= UINT64_C(1) << (vm->direct_map ? 48 : 40) &&
           (end <= GUEST_DEVICES || vm->memory_base >= GUEST_DEVICES_END);
}

static bool are_apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a + a_size <= b || b + b_size <= a;
}

/* Each vCPU is on a CPU that can be named. */
static bool is_placed(const struct vm_config *vm)
{
    for (unsigned i = 0; i < vm->vcpus; i++)
        if (vm_config_cpu(vm, i) >= SYSTEM_MAX_CPUS)
            return false;
    return vm->vcpus >= 1 && vm->vcpus <= SYSTEM_MAX_VCPUS;
}

static bool holds_together(const uint8_t *file, size_t size, const struct vm_config *vm)
{
    if (!is_placed(vm) || !is_good_ram(vm) || vm->kernel.size == 0 || !is_inside(file, size, &vm->kernel) ||
        !is_in_ram(vm, vm->load_address, vm->kernel.size) ||
        !is_in_ram(vm, vm->tree_address, GUEST_TREE_SIZE) ||
        !are_apart(vm->load_address, vm->kernel.size, vm->tree_address, GUEST_TREE_SIZE))
        return false;
    if (vm->initrd.data == NULL)
        return vm->initrd.size == 0 && vm->initrd_address == 0;
    return is_inside(file, size, &vm->initrd) && is_in_ram(vm, vm->initrd_address, vm->initrd.size) &&
           vm->load_address + vm->kernel.size <= vm->initrd_address &&
           are_apart(vm->initrd_address, vm->initrd.size, vm->tree_address, GUEST_TREE_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct system_config config;
    char error[256] = "";
    if (system_file_read(data, size, &config, error, sizeof(error)) != 0) {
        if (error[0] == '\0' || strlen(error) == sizeof(error) - 1)
            abort();
        return 0;
    }
    for (unsigned i = 0; i < config.vm_count; i++) {
        if (!holds_together(data, size, &config.vms[i]))
            abort();
    }
    return 0;
}
