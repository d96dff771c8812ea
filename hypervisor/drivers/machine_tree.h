/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes of the machine's device tree say of registers and interrupts. The tree is the firmware's and is
 * trusted. Boot only.
 */
#ifndef DRIVERS_MACHINE_TREE_H
#define DRIVERS_MACHINE_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* Device registers or RAM, in bytes. */
struct reg_range {
    uint64_t start, size;
};

/* Reads entry `index` of a node's `reg` as physical addresses. False when there is no such entry. */
bool machine_tree_reg(const void *tree, int node, unsigned index, struct reg_range *range);

/*
 * The INTID of entry `index` of a node's `interrupts`. 0 when there is no such entry, or when it is not an
 * SPI or PPI of a GIC.
 */
uint32_t machine_tree_interrupt(const void *tree, int node, unsigned index);

/* A property's value, a number of one or two cells; 0 when the node has no such property. */
uint64_t machine_tree_number(const void *tree, int node, const char *property);

#endif
