/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERS_MACHINE_TREE_H
#define DRIVERS_MACHINE_TREE_H
#include <stdbool.h>
#include <stdint.h>
struct reg_range {
    uint64_t start, size;
};
bool machine_tree_reg(const void *tree, int node, unsigned index, struct reg_range *range);
uint32_t machine_tree_interrupt(const void *tree, int node, int index);
#endif
