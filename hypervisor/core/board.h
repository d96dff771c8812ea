/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as its device tree describes it: just what Ontime needs. The tree is the firmware's and is
 * trusted.
 */
#ifndef CORE_BOARD_H
#define CORE_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/machine_tree.h"

struct board {
    uint64_t initrd, initrd_size; /* the system file */
    struct reg_range uart;
    const char *uart_compatible;
    int gic_node;
    uint32_t comparator_irq, maintenance_irq, uart_irq; /* INTIDs */
    bool psci_by_hvc;
    unsigned cpu_count;
    const char *cpu_compatible;
    const void *seed; /* 32 random bytes from the firmware, or NULL */
};

/* Reads the tree. Returns NULL, or what is missing. Adds RAM to, and reserves in, core/memory.h. */
const char *board_read(const void *tree, struct board *board);

#endif
