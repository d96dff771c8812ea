/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads nodes of the machine's device tree by the Devicetree Specification 0.4. What the cells of an
 * interrupt mean is in the bindings of the Arm GICs.
 */
#include "drivers/machine_tree.h"
#include <libfdt.h>

#define GIC_CELLS 3
#define TYPE_SPI  0
#define TYPE_PPI  1
#define PPI_BASE  16
#define SPI_BASE  32

static uint64_t read_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 32 | fdt32_ld(cells++);
    return value;
}

/* The property when it has so many cells at least, or NULL. */
static const fdt32_t *get_cells(const void *tree, int node, const char *property, int count)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, property, &length);

    return cells != NULL && length / 4 >= count ? cells : NULL;
}

/*
 * The physical address for an address in a node's `reg`: each bus between the node and the root translates it
 * by its `ranges`. The address stays as it is where these are empty, absent or have no entry for it.
 */
static uint64_t translate(const void *tree, int node, uint64_t address)
{
    for (int bus = fdt_parent_offset(tree, node); bus > 0; bus = fdt_parent_offset(tree, bus)) {
        int parent = fdt_parent_offset(tree, bus);
        int child_cells = fdt_address_cells(tree, bus);
        int parent_cells = fdt_address_cells(tree, parent);
        int size_cells = fdt_size_cells(tree, bus);
        int entry = child_cells + parent_cells + size_cells;
        int length;
        const fdt32_t *ranges = fdt_getprop(tree, bus, "ranges", &length);

        if (ranges == NULL || child_cells < 0 || parent_cells < 0 || size_cells < 0 || entry == 0)
            continue;
        for (int left = length / 4; left >= entry; left -= entry, ranges += entry) {
            uint64_t child = read_cells(ranges, child_cells);
            uint64_t size = read_cells(ranges + child_cells + parent_cells, size_cells);

            if (address - child < size) {
                address = read_cells(ranges + child_cells, parent_cells) + (address - child);
                break;
            }
        }
    }
    return address;
}

bool machine_tree_reg(const void *tree, int node, unsigned index, struct reg_range *range)
{
    int parent = fdt_parent_offset(tree, node);
    int address_cells = fdt_address_cells(tree, parent);
    int size_cells = fdt_size_cells(tree, parent);
    int length;
    const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);
    int entry = address_cells + size_cells;

    if (reg == NULL || address_cells < 0 || size_cells < 0 || entry == 0 ||
        length / 4 < ((int)index + 1) * entry)
        return false;
    reg += (int)index * entry;
    range->start = translate(tree, node, read_cells(reg, address_cells));
    range->size = read_cells(reg + address_cells, size_cells);
    return true;
}

/*
 * How many cells an entry of a node's `interrupts` has. The interrupt controller says it, and the node or one
 * above it names the controller in `interrupt-parent`.
 */
static int interrupt_cells(const void *tree, int node)
{
    const fdt32_t *property = NULL;
    int controller;

    for (int holder = node; holder >= 0 && property == NULL; holder = fdt_parent_offset(tree, holder))
        property = get_cells(tree, holder, "interrupt-parent", 1);
    controller = property != NULL ? fdt_node_offset_by_phandle(tree, fdt32_ld(property)) : -1;
    property = controller >= 0 ? get_cells(tree, controller, "#interrupt-cells", 1) : NULL;
    return property != NULL ? (int)fdt32_ld(property) : GIC_CELLS;
}

/* A GIC's cells are type, number and flags. A fourth may follow, which says to which CPUs a PPI belongs. */
uint32_t machine_tree_interrupt(const void *tree, int node, unsigned index)
{
    int count = interrupt_cells(tree, node);
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, "interrupts", &length);

    if (cells == NULL || count < GIC_CELLS || length / 4 / count <= (int)index)
        return 0;
    cells += count * (int)index;
    switch (fdt32_ld(&cells[0])) {
    case TYPE_SPI:
        return SPI_BASE + fdt32_ld(&cells[1]);
    case TYPE_PPI:
        return PPI_BASE + fdt32_ld(&cells[1]);
    default:
        return 0; /* GICv3.1's extended SPIs and PPIs */
    }
}

uint64_t machine_tree_number(const void *tree, int node, const char *property)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, property, &length);

    return cells != NULL ? read_cells(cells, length / 4) : 0;
}
