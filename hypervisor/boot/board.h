/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as its device tree describes it: just what Ontime needs. The tree is the firmware's: it
 * may be damaged, but does no harm on purpose.
 */
#ifndef BOOT_BOARD_H
#define BOOT_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/machine_tree.h"

#define BOARD_SEED_SIZE 32

struct board {
    uint64_t initrd, initrd_size; /* the system file: physical address and bytes; 0: there is none */
    struct reg_range uart;
    const char *uart_compatible;
    uint32_t comparator_irq, uart_irq; /* INTIDs; uart_irq 0: it has none */
    bool psci;                         /* the firmware has PSCI 0.2 or later */
    struct reg_range rtc;              /* a PL031; size 0: there is none */
    bool psci_by_hvc;
    const char *cpu_compatible;
    const void *seed;    /* BOARD_SEED_SIZE random bytes from the firmware, or NULL */
    uint64_t kaslr_seed; /* the firmware's, or 0 */
};

/*
 * Reads the tree. RAM, and what of it is reserved, goes to base/memory.h. Returns NULL, or what the tree
 * lacks.
 */
const char *board_read(const void *tree, struct board *board);

#endif
