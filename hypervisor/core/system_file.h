/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system file: a device tree that describes the VMs, see docs/system-file.md for the binding.
 *
 * The same code runs at boot and in the host-side check. Everything in the file is checked here, but for what
 * only the machine knows: how much RAM it has and how many CPUs.
 */
#ifndef CORE_SYSTEM_FILE_H
#define CORE_SYSTEM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSTEM_MAX_VMS      64
#define SYSTEM_MAX_VCPUS    8  /* per VM */
#define SYSTEM_MAX_CPUS     64 /* highest number in `cpus`, plus 1 */
#define SYSTEM_NAME_LENGTH  31
#define SYSTEM_BOOTARGS_MAX 2047

/* Guest physical memory map, as on QEMU's virt machine (docs/design.md). */
#define GUEST_RAM_BASE UINT64_C(0x40000000)

enum timer_mode { TIMERS_TICK, TIMERS_WAKE, TIMERS_SNOOP, TIMERS_PRECISE };

/* Is a vCPU warped at its deadlines? */
static inline bool timers_warp(enum timer_mode mode)
{
    return mode == TIMERS_SNOOP || mode == TIMERS_PRECISE;
}

/* Their names in the file. */
extern const char *const timer_mode_names[TIMERS_PRECISE + 1];

struct blob {
    const uint8_t *data; /* inside the system file; any alignment from 4 up */
    size_t size;
};

struct vm_config {
    char name[SYSTEM_NAME_LENGTH + 1];
    uint32_t memory_mib;
    uint32_t vcpus;
    uint64_t cpus; /* bit n: physical CPU n may be used */
    uint32_t weight;
    enum timer_mode timers;
    uint32_t tick_us;
    uint32_t warp_us;
    uint32_t warp_limit_us;
    uint32_t unwarp_us;
    uint32_t warp_percent;
    bool ends_system;
    bool observer;
    const char *bootargs; /* inside the system file, or "" */
    struct blob kernel;
    struct blob initrd;      /* data NULL when there is none */
    bool is_linux_image;     /* an arm64 Image, else a raw binary */
    uint64_t load_address;   /* guest physical; for an Image computed from its text_offset */
    uint64_t entry;          /* guest physical: where the boot vCPU begins */
    uint64_t initrd_address; /* guest physical, 0 when there is none */
    uint64_t tree_address;   /* guest physical, GUEST_TREE_SIZE bytes are kept for it */
};

#define GUEST_TREE_SIZE UINT64_C(0x10000)

struct system_config {
    char scheduler[16];
    uint32_t allowance_us;
    uint32_t trace_kib; /* size of each core's trace ring, 0: no trace */
    unsigned vm_count;
    struct vm_config vms[SYSTEM_MAX_VMS];
};

/*
 * Reads `size` bytes at `file`. Returns 0, or -1 with one line in `error` that names the node, the property
 * and the reason. `error_size` 256 is enough for every message.
 */
int system_file_read(const void *file, size_t size, struct system_config *config, char *error,
                     size_t error_size);

#endif
