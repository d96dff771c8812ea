// SPDX-License-Identifier: Apache-2.0
/*
 * The node of a given device in its guest's tree: a copy of the machine's, as a child of the root. Registers
 * stay at their physical addresses; interrupts and clocks are the guest's own. Nodes below it are copied
 * along, but for those that are disabled.
 */
#include "boot/given_device.h"
#include <libfdt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "boot/tree_walk.h"
#include "devices/tree_writer.h"
#include "ontime/guest_map.h"

#define NAME_SIZE       64
#define GIVEN_MAP_CELLS 6 /* of an interrupt-map's entry for the guest's GIC, behind those of the bus */

/* Firmware has set pins and clocks; the rest is written anew. */
static const char *const left_out[] = {"reg",
                                       "phandle",
                                       "linux,phandle",
                                       "interrupt-parent",
                                       "pinctrl-names",
                                       "assigned-clocks",
                                       "assigned-clock-parents",
                                       "assigned-clock-rates",
                                       "dma-coherent",
                                       NULL};

/* Message-signalled interrupts go to an ITS or a frame that the guest does not have: it uses wires. */
static const char *const bridges[] = {"ranges",       "interrupt-map", "msi-map",
                                      "msi-map-mask", "msi-parent",    NULL};
static const char *const streams[] = {"iommus", "iommu-map", "iommu-map-mask", NULL};

/* Properties that refer to other devices, by the bindings of Linux and the Devicetree Specification. */
static const char *const refused[] = {"dmas",
                                      "resets",
                                      "power-domains",
                                      "phys",
                                      "mboxes",
                                      "hwlocks",
                                      "interconnects",
                                      "nvmem-cells",
                                      "memory-region",
                                      "io-channels",
                                      "pwms",
                                      "gpios",
                                      "sound-dai",
                                      "backlight",
                                      "remote-endpoint",
                                      "operating-points-v2",
                                      "thermal-sensors",
                                      "cooling-device",
                                      "syscon",
                                      "regmap",
                                      "gpio-ranges",
                                      "pcs-handle",
                                      "sfp",
                                      NULL};
static const char *const refused_ends[] = {"-supply", "-gpio", "-gpios", NULL};
static const char *const references[] = {"phy-handle", "phy", NULL};

static bool is_in(const char *const *list, const char *name)
{
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static bool ends_as(const char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (strlen(name) > strlen(*list) && strcmp(name + strlen(name) - strlen(*list), *list) == 0)
            return true;
    return false;
}

/* pinctrl-0 and so on: the pins of each of a device's states. */
static bool is_pins(const char *name)
{
    return strncmp(name, "pinctrl-", 8) == 0 && name[8] >= '0' && name[8] <= '9';
}

enum given_property given_property(const char *name)
{
    if (strcmp(name, "clocks") == 0)
        return PROPERTY_CLOCKS;
    if (strcmp(name, "interrupts") == 0 || strcmp(name, "interrupts-extended") == 0)
        return PROPERTY_INTERRUPTS;
    if (is_in(left_out, name) || is_pins(name))
        return PROPERTY_LEFT_OUT;
    if (is_in(streams, name))
        return PROPERTY_STREAMS;
    if (is_in(bridges, name))
        return PROPERTY_BRIDGE;
    if (is_in(references, name))
        return PROPERTY_REFERENCE;
    return is_in(refused, name) || ends_as(refused_ends, name) ? PROPERTY_REFUSED : PROPERTY_KEPT;
}

bool given_is_bridge(const void *tree, int node)
{
    const char *type = tree_node_string(tree, node, "device_type");

    return type != NULL && strcmp(type, "pci") == 0 && fdt_getprop(tree, node, "ranges", NULL) != NULL;
}

int given_node_by_phandle(const void *tree, int node, uint32_t phandle)
{
    int named = fdt_node_offset_by_phandle(tree, phandle);
    int depth = 0;

    for (int below = node; below >= 0 && depth >= 0; below = fdt_next_node(tree, below, &depth))
        if (below == named)
            return named;
    return -1;
}

/* Nodes of the machine's tree keep clear of the phandles of the guest's own. */
static uint32_t new_phandle(int node)
{
    return TREE_PHANDLE_GIVEN + (uint32_t)node;
}

static void write_clocks(const struct given_device *given, struct tree_writer *writer)
{
    for (unsigned i = 0; i < given->clock_count; i++) {
        if (!given->clocks[i].is_first)
            continue;
        tree_begin_numbered(writer, "clock-", given->clocks[i].hz);
        tree_put_string(writer, "compatible", "fixed-clock");
        tree_put_cell(writer, "#clock-cells", 0);
        tree_put_cell(writer, "clock-frequency", given->clocks[i].hz);
        tree_put_cell(writer, "phandle", given->clocks[i].phandle);
        tree_end(writer);
    }
}

/* What the machine's node says in other words than the guest's. */
static void write_own(const struct given_device *given, struct tree_writer *writer)
{
    uint32_t cells[GIVEN_REGISTERS * 4 + GIVEN_INTERRUPTS * 3];
    unsigned count = 0;

    for (unsigned i = 0; i < given->own_registers; i++) {
        const struct device *registers = &given->registers[i];

        cells[count++] = (uint32_t)(registers->base >> 32);
        cells[count++] = (uint32_t)registers->base;
        cells[count++] = (uint32_t)(registers->size >> 32);
        cells[count++] = (uint32_t)registers->size;
    }
    tree_put_cells(writer, "reg", cells, count);
    count = 0;
    for (unsigned i = 0; i < given->own_interrupts; i++) {
        cells[count++] = TREE_SPI;
        cells[count++] = given->interrupts[i].virtual_intid - GUEST_INTID_SPIS;
        cells[count++] = given->interrupts[i].edge ? TREE_EDGE_RISING : TREE_LEVEL_HIGH;
    }
    if (count != 0)
        tree_put_cells(writer, "interrupts", cells, count);
    for (count = 0; count < given->clock_count; count++)
        cells[count] = given->clocks[count].phandle;
    if (count != 0)
        tree_put_cells(writer, "clocks", cells, count);
    if (given->dma_coherent)
        tree_put_flag(writer, "dma-coherent");
}

static void put_cells(fdt32_t **to, const fdt32_t *from, unsigned count)
{
    memcpy(*to, from, count * sizeof(*from));
    *to += count;
}

static void put_cell(fdt32_t **to, uint32_t value)
{
    fdt32_st((*to)++, value);
}

/* The windows, in the order of the machine's `ranges`. */
static void write_windows(const struct given_device *given, struct tree_writer *writer)
{
    const void *tree = given->tree;
    int child = fdt_address_cells(tree, given->node), sizes = fdt_size_cells(tree, given->node);
    unsigned count = given->register_count - given->own_registers;
    struct tree_place place;
    struct reg_range range;
    const fdt32_t *from;
    fdt32_t *to = tree_put_room(writer, "ranges", (unsigned)(child + 2 + sizes) * sizeof(*to) * count);

    if (to == NULL || !tree_walk_to(tree, given->node, &place))
        return;
    for (unsigned i = 0; tree_place_window(tree, &place, i, &range, &from) == REGISTER_MAPPED; i++) {
        int parent = fdt_address_cells(tree, place.nodes[place.depth - 1]);

        put_cells(&to, from, (unsigned)child);
        put_cell(&to, (uint32_t)(range.start >> 32));
        put_cell(&to, (uint32_t)range.start);
        put_cells(&to, from + child + parent, (unsigned)sizes);
    }
}

static uint32_t virtual_of(const struct given_device *given, uint32_t intid)
{
    unsigned i = 0;

    while (i + 1 < given->interrupt_count && given->interrupts[i].intid != intid)
        i++;
    return given->interrupts[i].virtual_intid;
}

/* Each entry in the cells of the guest's GIC: its phandle, two cells of an address, three of the interrupt.
 */
static void write_interrupt_map(const struct given_device *given, struct tree_writer *writer)
{
    uint32_t intid, flags;
    const fdt32_t *from;
    unsigned own = 0, entries = 0;
    fdt32_t *to;

    while (tree_interrupt_map(given->tree, given->node, given->gic, entries, &intid, &flags, &from, &own) ==
           INTERRUPT_SPI)
        entries++;
    if (entries == 0)
        return;
    to = tree_put_room(writer, "interrupt-map", (own + GIVEN_MAP_CELLS) * sizeof(*to) * entries);
    for (unsigned i = 0; to != NULL && i < entries; i++) {
        (void)tree_interrupt_map(given->tree, given->node, given->gic, i, &intid, &flags, &from, &own);
        put_cells(&to, from, own);
        put_cell(&to, TREE_PHANDLE_GIC);
        put_cell(&to, 0);
        put_cell(&to, 0);
        put_cell(&to, TREE_SPI);
        put_cell(&to, virtual_of(given, intid) - GUEST_INTID_SPIS);
        put_cell(&to, flags);
    }
}

/* A node's properties that stay. Of one below the device's, `reg` does: it counts on the device's own bus. */
static void write_properties(const struct given_device *given, int node, struct tree_writer *writer)
{
    const void *tree = given->tree;
    int property;

    fdt_for_each_property_offset(property, tree, node)
    {
        const char *name;
        int length;
        const void *data = fdt_getprop_by_offset(tree, property, &name, &length);
        enum given_property kind = data != NULL ? given_property(name) : PROPERTY_LEFT_OUT;

        if (kind == PROPERTY_KEPT ||
            (node != given->node && (strcmp(name, "reg") == 0 || strcmp(name, "ranges") == 0)))
            tree_put(writer, name, data, (size_t)length);
        else if (kind == PROPERTY_REFERENCE)
            tree_put_cell(writer, name,
                          new_phandle(given_node_by_phandle(tree, given->node, fdt32_ld(data))));
    }
    if (fdt_get_phandle(tree, node) != 0)
        tree_put_cell(writer, "phandle", new_phandle(node));
}

/* The nodes below: each is closed when one comes that is not below it. */
static void write_nodes_below(const struct given_device *given, struct tree_writer *writer)
{
    const void *tree = given->tree;
    int depth = 0, open = 0;
    int disabled = INT_MAX; /* at which depth is the node below which all is left out */

    for (int node = fdt_next_node(tree, given->node, &depth); node >= 0 && depth > 0;
         node = fdt_next_node(tree, node, &depth)) {
        if (depth > disabled)
            continue;
        disabled = tree_node_is_enabled(tree, node) ? INT_MAX : depth;
        if (disabled == depth)
            continue;
        for (; open >= depth; open--)
            tree_end(writer);
        tree_begin(writer, fdt_get_name(tree, node, NULL));
        write_properties(given, node, writer);
        open = depth;
    }
    for (; open > 0; open--)
        tree_end(writer);
}

void given_device_describe(const struct device *device, struct tree_writer *writer)
{
    const struct given_device *given = (const struct given_device *)(const void *)device;
    char name[NAME_SIZE];
    int length;
    const char *whole = fdt_get_name(given->tree, given->node, &length);
    const char *at = memchr(whole, '@', (size_t)length);

    snprintf(name, sizeof(name), "%.*s", at != NULL ? (int)(at - whole) : length, whole);
    write_clocks(given, writer);
    tree_begin_at(writer, name, device->base);
    write_own(given, writer);
    if (given->is_bridge) {
        write_windows(given, writer);
        write_interrupt_map(given, writer);
    }
    write_properties(given, given->node, writer);
    write_nodes_below(given, writer);
    tree_end(writer);
}
