// SPDX-License-Identifier: Apache-2.0
#include "boot/tree_walk.h"
#include <libfdt.h>
#include <string.h>

#define GIC_CELLS    3
#define GIC_TYPE_SPI 0
#define SPI_BASE     32
#define SPI_END      1020
#define PARENTS_MAX  32 /* interrupt parents that are followed from one to the next */

bool tree_walk_next(const void *tree, struct tree_place *place)
{
    int node = place->depth < 0 ? -1 : tree_place_node(place);
    int depth = place->depth;

    do {
        node = fdt_next_node(tree, node, &depth);
    } while (node >= 0 && depth >= TREE_DEPTH);
    if (node < 0 || depth < 0)
        return false;
    place->depth = depth;
    place->nodes[depth] = node;
    return true;
}

bool tree_walk_to(const void *tree, int node, struct tree_place *place)
{
    *place = (struct tree_place)TREE_PLACE_START;
    while (tree_walk_next(tree, place))
        if (tree_place_node(place) == node)
            return true;
    return false;
}

const char *tree_node_string(const void *tree, int node, const char *property)
{
    int length;
    const char *text = fdt_getprop(tree, node, property, &length);

    return text != NULL && memchr(text, '\0', (size_t)length) != NULL ? text : NULL;
}

bool tree_node_is_enabled(const void *tree, int node)
{
    const char *status = tree_node_string(tree, node, "status");

    if (status == NULL)
        return fdt_getprop(tree, node, "status", NULL) == NULL;
    return strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

const fdt32_t *tree_node_cells(const void *tree, int node, const char *property, int count)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, property, &length);

    return cells != NULL && length / 4 >= count ? cells : NULL;
}

/* A number of any cells: of the lower 64 bits, as a PCI bus has flags in a third one. */
static uint64_t read_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 32 | fdt32_ld(cells++);
    return value;
}

/* The range as the bus nodes[depth] gives it to the one above it. False when it does not. */
static bool translate(const void *tree, const struct tree_place *place, int depth, struct reg_range *range)
{
    int bus = place->nodes[depth];
    int child = fdt_address_cells(tree, bus);
    int parent = fdt_address_cells(tree, place->nodes[depth - 1]);
    int sizes = fdt_size_cells(tree, bus);
    int length;
    const fdt32_t *ranges = fdt_getprop(tree, bus, "ranges", &length);

    if (ranges == NULL || child <= 0 || parent <= 0 || sizes <= 0)
        return false;
    if (length == 0)
        return true;
    for (int left = length / 4; left >= child + parent + sizes; left -= child + parent + sizes) {
        uint64_t offset = range->start - read_cells(ranges, child);
        uint64_t size = read_cells(ranges + child + parent, sizes);

        if (offset < size && range->size <= size - offset) {
            range->start = read_cells(ranges + child, parent) + offset;
            return true;
        }
        ranges += child + parent + sizes;
    }
    return false;
}

enum tree_register tree_place_register(const void *tree, const struct tree_place *place, unsigned index,
                                       struct reg_range *range)
{
    int bus, addresses, sizes, length;
    const fdt32_t *reg = fdt_getprop(tree, tree_place_node(place), "reg", &length);

    if (reg == NULL || place->depth == 0)
        return REGISTER_NONE;
    bus = place->nodes[place->depth - 1];
    addresses = fdt_address_cells(tree, bus);
    sizes = fdt_size_cells(tree, bus);
    if (addresses <= 0 || sizes < 0 || length / 4 / (addresses + sizes) <= (int)index)
        return REGISTER_NONE;
    reg += (int)index * (addresses + sizes);
    range->start = read_cells(reg, addresses);
    range->size = read_cells(reg + addresses, sizes);
    for (int depth = place->depth - 1; depth > 0; depth--)
        if (!translate(tree, place, depth, range))
            return REGISTER_UNMAPPED;
    return sizes != 0 ? REGISTER_MAPPED : REGISTER_UNMAPPED;
}

enum tree_register tree_place_window(const void *tree, const struct tree_place *place, unsigned index,
                                     struct reg_range *range, const fdt32_t **cells)
{
    int bus = tree_place_node(place);
    int child = fdt_address_cells(tree, bus), sizes = fdt_size_cells(tree, bus), parent, length;
    const fdt32_t *ranges = fdt_getprop(tree, bus, "ranges", &length);

    if (ranges == NULL || place->depth == 0)
        return REGISTER_NONE;
    parent = fdt_address_cells(tree, place->nodes[place->depth - 1]);
    if (child <= 0 || parent <= 0 || sizes <= 0 || length / 4 / (child + parent + sizes) <= (int)index)
        return REGISTER_NONE;
    *cells = ranges + (int)index * (child + parent + sizes);
    range->start = read_cells(*cells + child, parent);
    range->size = read_cells(*cells + child + parent, sizes);
    for (int depth = place->depth - 1; depth > 0; depth--)
        if (!translate(tree, place, depth, range))
            return REGISTER_UNMAPPED;
    return REGISTER_MAPPED;
}

/* The node of a phandle. Most interrupts are the GIC's, which is known. */
static int controller_of(const void *tree, int gic, uint32_t phandle)
{
    return phandle == fdt_get_phandle(tree, gic) ? gic : fdt_node_offset_by_phandle(tree, phandle);
}

/* The interrupt controller that a node's `interrupts` are for: the next above it with #interrupt-cells. */
static int interrupt_parent(const void *tree, const struct tree_place *place, int gic)
{
    int depth = place->depth;

    for (int node = tree_place_node(place), steps = 0; node >= 0 && steps < PARENTS_MAX; steps++) {
        const fdt32_t *parent = tree_node_cells(tree, node, "interrupt-parent", 1);

        if (parent != NULL) {
            node = controller_of(tree, gic, fdt32_ld(parent));
            depth = -1; /* it may be anywhere */
        } else {
            node = depth > 0 ? place->nodes[--depth] : depth < 0 ? fdt_parent_offset(tree, node) : -1;
        }
        if (node >= 0 && fdt_getprop(tree, node, "#interrupt-cells", NULL) != NULL)
            return node;
    }
    return -1;
}

/* How many cells an interrupt of a controller has; 0: not known. */
static int interrupt_cells(const void *tree, int controller)
{
    const fdt32_t *cells = controller >= 0 ? tree_node_cells(tree, controller, "#interrupt-cells", 1) : NULL;

    return cells != NULL && fdt32_ld(cells) <= INT8_MAX ? (int)fdt32_ld(cells) : 0;
}

/* The cells of an interrupt of the GIC, where `left` cells are. */
static enum tree_interrupt read_spi(const fdt32_t *cells, uint32_t *intid, uint32_t *flags)
{
    if (fdt32_ld(&cells[0]) != GIC_TYPE_SPI || fdt32_ld(&cells[1]) >= SPI_END - SPI_BASE)
        return INTERRUPT_OTHER;
    *intid = SPI_BASE + fdt32_ld(&cells[1]);
    *flags = fdt32_ld(&cells[2]);
    return INTERRUPT_SPI;
}

/* `interrupts-extended`: each entry names its controller. */
static enum tree_interrupt extended_interrupt(const void *tree, const fdt32_t *cells, int left, int gic,
                                              unsigned index, uint32_t *intid, uint32_t *flags)
{
    while (left > 0) {
        int controller = controller_of(tree, gic, fdt32_ld(cells));
        int count = interrupt_cells(tree, controller);

        if (count == 0 || left <= count)
            return index == 0 ? INTERRUPT_OTHER : INTERRUPT_NONE; /* where more would be is not known */
        if (index-- == 0)
            return controller == gic && count >= GIC_CELLS ? read_spi(cells + 1, intid, flags)
                                                           : INTERRUPT_OTHER;
        left -= 1 + count;
        cells += 1 + count;
    }
    return INTERRUPT_NONE;
}

enum tree_interrupt tree_place_interrupt(const void *tree, const struct tree_place *place, int gic,
                                         unsigned index, uint32_t *intid, uint32_t *flags)
{
    int node = tree_place_node(place);
    int length, controller, count;
    const fdt32_t *cells = fdt_getprop(tree, node, "interrupts-extended", &length);

    if (cells != NULL)
        return extended_interrupt(tree, cells, length / 4, gic, index, intid, flags);
    cells = fdt_getprop(tree, node, "interrupts", &length);
    if (cells == NULL)
        return INTERRUPT_NONE;
    controller = interrupt_parent(tree, place, gic);
    count = interrupt_cells(tree, controller);
    if (count == 0)
        return index == 0 ? INTERRUPT_OTHER : INTERRUPT_NONE;
    if (length / 4 / count <= (int)index)
        return INTERRUPT_NONE;
    return controller == gic && count >= GIC_CELLS ? read_spi(cells + (int)index * count, intid, flags)
                                                   : INTERRUPT_OTHER;
}

/* Each entry names its controller, and so says how long it is. */
enum tree_interrupt tree_interrupt_map(const void *tree, int bus, int gic, unsigned index, uint32_t *intid,
                                       uint32_t *flags, const fdt32_t **cells, unsigned *count)
{
    int length, left;
    const fdt32_t *map = fdt_getprop(tree, bus, "interrupt-map", &length);
    int addresses_of = fdt_address_cells(tree, bus);
    int own = addresses_of + interrupt_cells(tree, bus);

    if (map == NULL || addresses_of < 0 || own == 0)
        return INTERRUPT_NONE;
    for (left = length / 4; left > own;) {
        int controller = controller_of(tree, gic, fdt32_ld(&map[own]));
        const fdt32_t *found =
            controller >= 0 ? tree_node_cells(tree, controller, "#address-cells", 1) : NULL;
        int addresses = found != NULL && fdt32_ld(found) <= INT8_MAX ? (int)fdt32_ld(found) : 0;
        int interrupts = interrupt_cells(tree, controller);
        int entry = own + 1 + addresses + interrupts;

        if (interrupts == 0 || left < entry)
            return index == 0 ? INTERRUPT_OTHER : INTERRUPT_NONE; /* where more would be is not known */
        if (index-- == 0) {
            *cells = map;
            *count = (unsigned)own;
            return controller == gic && interrupts >= GIC_CELLS
                       ? read_spi(&map[own + 1 + addresses], intid, flags)
                       : INTERRUPT_OTHER;
        }
        left -= entry;
        map += entry;
    }
    return INTERRUPT_NONE;
}
