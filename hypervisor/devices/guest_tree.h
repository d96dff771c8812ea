/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree that a guest is given: that of QEMU's virt machine, without what a guest of Ontime does not
 * have, and with a /hypervisor node.
 */
#ifndef DEVICES_GUEST_TREE_H
#define DEVICES_GUEST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vm/config.h"
#include "vm/device.h"

#define GUEST_TREE_KASLR_SEED_SIZE 8
#define GUEST_TREE_RNG_SEED_SIZE   32

struct guest_tree_facts {
    const struct vm_config *vm;
    unsigned gic_version;          /* 2 or 3 */
    const char *cpu_compatible;    /* the host CPU's, so that a guest knows its errata; NULL: not known */
    bool entropy;                  /* there is an rng-seed */
    struct device *const *devices; /* those that describe() themselves are in the tree */
    unsigned device_count;
};

/* Where the tree has its seeds, to be filled with random bytes; NULL: there is none. */
struct guest_tree_seeds {
    uint8_t *kaslr, *rng;
};

/*
 * Writes the tree into `size` bytes at `buffer`, which is aligned to 8. GUEST_TREE_SIZE is enough for every
 * VM that system_file_read() accepts. Returns the tree's own size, or 0 when it does not fit.
 */
size_t guest_tree_build(void *buffer, size_t size, const struct guest_tree_facts *facts);

/* A device's describe(): the UART and the clock of QEMU's virt machine. */
void guest_tree_uart(const struct device *device, struct tree_writer *writer);
void guest_tree_rtc(const struct device *device, struct tree_writer *writer);

/* Finds the seeds of a tree that was built, and are zero. */
struct guest_tree_seeds guest_tree_seeds(void *tree);

#endif
