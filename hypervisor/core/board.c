/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the machine's device tree (Devicetree Specification 0.4; interrupt cells: the Arm GIC and timer
 * bindings).
 */
#include "core/board.h"
#include "core/memory.h"
#include <libfdt.h>
#include <string.h>

#define TIMER_HYP_INDEX 3 /* in the timer's `interrupts`: secure, non-secure, virtual, hypervisor */
#define PPI_BASE        16
#define SPI_BASE        32

static uint64_t read_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 32 | fdt32_to_cpu(*cells++);
    return value;
}

/*
 * What buses between the node and the root do to an address: `ranges` that are empty or absent change
 * nothing.
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

        if (ranges == NULL || entry <= 0)
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

bool board_reg(const void *tree, int node, unsigned index, struct reg_range *range)
{
    int parent = fdt_parent_offset(tree, node);
    int address_cells = fdt_address_cells(tree, parent);
    int size_cells = fdt_size_cells(tree, parent);
    int length;
    const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);
    int entry = address_cells + size_cells;

    if (reg == NULL || length / 4 < ((int)index + 1) * entry)
        return false;
    reg += (int)index * entry;
    range->start = translate(tree, node, read_cells(reg, address_cells));
    range->size = read_cells(reg + address_cells, size_cells);
    return true;
}

/* Type (0 SPI, 1 PPI), number, flags. */
uint32_t board_interrupt(const void *tree, int node, int index)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, "interrupts", &length);

    if (cells == NULL || length < 12 * (index + 1))
        return 0;
    cells += 3 * index;
    return fdt32_to_cpu(cells[1]) + (fdt32_to_cpu(cells[0]) == 1 ? PPI_BASE : SPI_BASE);
}

/* A node of the secure world's says status = "disabled" (and secure-status = "okay"). */
static bool is_usable(const void *tree, int node)
{
    const char *status = fdt_getprop(tree, node, "status", NULL);

    return status == NULL || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

static void read_memory(const void *tree)
{
    struct reg_range range;
    uint64_t start, size;
    int node;

    for (node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", 7); node >= 0;
         node = fdt_node_offset_by_prop_value(tree, node, "device_type", "memory", 7))
        for (unsigned i = 0; is_usable(tree, node) && board_reg(tree, node, i, &range); i++)
            memory_add(range.start, range.size);
    for (int i = 0; i < fdt_num_mem_rsv(tree); i++)
        if (fdt_get_mem_rsv(tree, i, &start, &size) == 0)
            memory_reserve(start, size);
    node = fdt_path_offset(tree, "/reserved-memory");
    if (node < 0)
        return;
    for (int child = fdt_first_subnode(tree, node); child >= 0; child = fdt_next_subnode(tree, child))
        for (unsigned i = 0; board_reg(tree, child, i, &range); i++)
            memory_reserve(range.start, range.size);
}

static uint64_t read_number(const void *tree, int node, const char *property)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, property, &length);

    return cells != NULL ? read_cells(cells, length / 4) : 0;
}

static const char *read_chosen(const void *tree, struct board *board)
{
    int chosen = fdt_path_offset(tree, "/chosen");
    const char *path = chosen >= 0 ? fdt_getprop(tree, chosen, "stdout-path", NULL) : NULL;
    const char *options;
    int uart, length;

    if (path == NULL)
        return "/chosen/stdout-path";
    options = strchr(path, ':');
    uart = fdt_path_offset_namelen(tree, path, options != NULL ? (int)(options - path) : (int)strlen(path));
    if (uart < 0 || !board_reg(tree, uart, 0, &board->uart))
        return "the node that /chosen/stdout-path names";
    board->uart_compatible = fdt_getprop(tree, uart, "compatible", NULL);
    board->uart_irq = board_interrupt(tree, uart, 0);

    board->initrd = read_number(tree, chosen, "linux,initrd-start");
    board->initrd_size = read_number(tree, chosen, "linux,initrd-end") - board->initrd;
    board->seed = fdt_getprop(tree, chosen, "rng-seed", &length);
    if (length < 32)
        board->seed = NULL;
    return NULL;
}

static void read_cpus(const void *tree, struct board *board)
{
    int node = fdt_path_offset(tree, "/cpus");

    for (int child = fdt_first_subnode(tree, node); child >= 0; child = fdt_next_subnode(tree, child)) {
        const char *type = fdt_getprop(tree, child, "device_type", NULL);

        if (type == NULL || strcmp(type, "cpu") != 0)
            continue;
        if (board->cpu_count++ == 0)
            board->cpu_compatible = fdt_getprop(tree, child, "compatible", NULL);
    }
}

const char *board_read(const void *tree, struct board *board)
{
    int timer = fdt_node_offset_by_compatible(tree, -1, "arm,armv8-timer");
    int psci = fdt_node_offset_by_compatible(tree, -1, "arm,psci-0.2");
    const char *method = psci >= 0 ? fdt_getprop(tree, psci, "method", NULL) : NULL;
    const char *missing;

    memset(board, 0, sizeof(*board));
    read_memory(tree);
    missing = read_chosen(tree, board);
    if (missing != NULL)
        return missing;
    read_cpus(tree, board);
    board->psci_by_hvc = method != NULL && strcmp(method, "hvc") == 0;
    board->gic_node = fdt_node_offset_by_prop_value(tree, -1, "interrupt-controller", NULL, 0);
    board->comparator_irq = timer >= 0 ? board_interrupt(tree, timer, TIMER_HYP_INDEX) : 0;
    if (board->comparator_irq == 0)
        return "the interrupt of EL2's timer in the arm,armv8-timer node";
    return NULL;
}
