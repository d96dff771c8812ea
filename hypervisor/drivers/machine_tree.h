/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and interrupts of a node of the machine's device tree. The tree is the firmware's and is trusted.
 */
#ifndef DRIVERS_MACHINE_TREE_H
#define DRIVERS_MACHINE_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct reg_range {
    uint64_t start, size;
};

/* Entry `index` of a node's `reg`, in physical addresses; false when it has none. */
bool machine_tree_reg(const void *tree, int node, unsigned index, struct reg_range *range);

/* INTID `index` of a node's `interrupts`, of a GIC; 0 when it has none. */
uint32_t machine_tree_interrupt(const void *tree, int node, unsigned index);

/* A property's cells as one number; 0 when the node does not have it. */
uint64_t machine_tree_number(const void *tree, int node, const char *property);

#endif
