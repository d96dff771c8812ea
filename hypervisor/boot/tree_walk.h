/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the machine's device tree with each node's place in it, and reads what a node says of registers and
 * interrupts by the Devicetree Specification 0.4, to the letter: what no bus lets through, or no GIC sees, is
 * none. (drivers/machine_tree.h is lenient, for the few nodes that Ontime itself needs.) Boot only.
 */
#ifndef BOOT_TREE_WALK_H
#define BOOT_TREE_WALK_H

#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>
#include "drivers/machine_tree.h"

#define TREE_DEPTH 32 /* nodes that are deeper are passed over */

/* A node, nodes[depth], and those above it: nodes[0] is the root. */
struct tree_place {
    int depth;
    int nodes[TREE_DEPTH];
};

#define TREE_PLACE_START                                                                                     \
    {                                                                                                        \
        .depth = -1                                                                                          \
    }

static inline int tree_place_node(const struct tree_place *place)
{
    return place->nodes[place->depth];
}

/* Goes to the next node: each one after those above it. False when there is none left. */
bool tree_walk_next(const void *tree, struct tree_place *place);

/* Goes to that node. False when it is too deep. */
bool tree_walk_to(const void *tree, int node, struct tree_place *place);

/* Is the node's `status`, if it has one, that of a device that is there? */
bool tree_node_is_enabled(const void *tree, int node);

/* The first string of a property, or NULL. */
const char *tree_node_string(const void *tree, int node, const char *property);

/* The property's cells, at least `count` of them; NULL: there are not so many. */
const fdt32_t *tree_node_cells(const void *tree, int node, const char *property, int count);

enum tree_register { REGISTER_NONE, REGISTER_UNMAPPED, REGISTER_MAPPED };

/*
 * Entry `index` of the node's `reg` as physical addresses. REGISTER_UNMAPPED when a bus above the node does
 * not translate all of it.
 */
enum tree_register tree_place_register(const void *tree, const struct tree_place *place, unsigned index,
                                       struct reg_range *range);

/*
 * Entry `index` of a bus's `ranges`: where what it passes on is, as physical addresses. `cells` has its
 * address on the bus.
 */
enum tree_register tree_place_window(const void *tree, const struct tree_place *place, unsigned index,
                                     struct reg_range *range, const fdt32_t **cells);

enum tree_interrupt { INTERRUPT_NONE, INTERRUPT_OTHER, INTERRUPT_SPI };

/*
 * Entry `index` of the node's interrupts, for the GIC that is the node `gic`: its INTID and flags.
 * INTERRUPT_OTHER when it is no SPI, or goes to another controller.
 */
enum tree_interrupt tree_place_interrupt(const void *tree, const struct tree_place *place, int gic,
                                         unsigned index, uint32_t *intid, uint32_t *flags);

/*
 * Entry `index` of a bus's `interrupt-map`: the interrupt of the GIC that what is on the bus has. *count
 * cells from `cells` on say what that is.
 */
enum tree_interrupt tree_interrupt_map(const void *tree, int bus, int gic, unsigned index, uint32_t *intid,
                                       uint32_t *flags, const fdt32_t **cells, unsigned *count);

#endif
