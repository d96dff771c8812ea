/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the machine's device tree (Devicetree Specification 0.4; the Arm timer binding). */
#include "boot/board.h"
#include <libfdt.h>
#include <string.h>
#include "base/memory.h"

#define TIMER_HYP_INDEX 3 /* in the timer's `interrupts`: secure, non-secure, virtual, hypervisor */

/* Is a node for Ontime? One of the secure world has status = "disabled" (and secure-status = "okay"). */
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
        for (unsigned i = 0; is_usable(tree, node) && machine_tree_reg(tree, node, i, &range); i++)
            memory_add(range.start, range.size);
    for (int i = 0; i < fdt_num_mem_rsv(tree); i++)
        if (fdt_get_mem_rsv(tree, i, &start, &size) == 0)
            memory_reserve(start, size);
    node = fdt_path_offset(tree, "/reserved-memory");
    if (node < 0)
        return;
    for (int child = fdt_first_subnode(tree, node); child >= 0; child = fdt_next_subnode(tree, child))
        for (unsigned i = 0; machine_tree_reg(tree, child, i, &range); i++)
            memory_reserve(range.start, range.size);
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
    if (uart < 0 || !machine_tree_reg(tree, uart, 0, &board->uart))
        return "the node that /chosen/stdout-path names";
    board->uart_compatible = fdt_getprop(tree, uart, "compatible", NULL);
    board->uart_irq = machine_tree_interrupt(tree, uart, 0);

    board->initrd = machine_tree_number(tree, chosen, "linux,initrd-start");
    board->initrd_size = machine_tree_number(tree, chosen, "linux,initrd-end") - board->initrd;
    board->seed = fdt_getprop(tree, chosen, "rng-seed", &length);
    if (length < BOARD_SEED_SIZE)
        board->seed = NULL;
    return NULL;
}

/* Reads what the first CPU is. All are taken to be alike. */
static void read_cpu(const void *tree, struct board *board)
{
    int node = fdt_path_offset(tree, "/cpus");

    for (int child = fdt_first_subnode(tree, node); child >= 0; child = fdt_next_subnode(tree, child)) {
        const char *type = fdt_getprop(tree, child, "device_type", NULL);

        if (type == NULL || strcmp(type, "cpu") != 0)
            continue;
        board->cpu_compatible = fdt_getprop(tree, child, "compatible", NULL);
        return;
    }
}

static void read_rtc(const void *tree, struct board *board)
{
    for (int node = fdt_node_offset_by_compatible(tree, -1, "arm,pl031"); node >= 0;
         node = fdt_node_offset_by_compatible(tree, node, "arm,pl031"))
        if (is_usable(tree, node) && machine_tree_reg(tree, node, 0, &board->rtc))
            return;
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
    read_cpu(tree, board);
    read_rtc(tree, board);
    board->psci_by_hvc = method != NULL && strcmp(method, "hvc") == 0;
    board->comparator_irq = timer >= 0 ? machine_tree_interrupt(tree, timer, TIMER_HYP_INDEX) : 0;
    if (board->comparator_irq == 0)
        return "the interrupt of EL2's timer in the arm,armv8-timer node";
    return NULL;
}
