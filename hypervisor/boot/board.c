/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the machine's device tree (Devicetree Specification 0.4; the Arm timer binding).
 *
 * The firmware is trusted, but its tree may have been damaged on the way: libfdt proves its structure first,
 * and no string is read beyond its property. What is not as it should be counts as absent.
 */
#include "boot/board.h"
#include <libfdt.h>
#include <string.h>
#include "base/memory.h"

#define TIMER_HYP_INDEX 3 /* in the timer's `interrupts`: secure, non-secure, virtual, hypervisor */

#define AFFINITY UINT64_C(0xFF00FFFFFF) /* the bits of MPIDR_EL1 that name a CPU */

#define TREE_MAX     (UINT32_C(2) << 20) /* what of it is mapped: booting.rst */
#define TREE_VERSION 17u

static bool is_sound(const void *tree)
{
    return fdt_check_header(tree) == 0 && fdt_version(tree) >= TREE_VERSION &&
           fdt_totalsize(tree) <= TREE_MAX && fdt_check_full(tree, fdt_totalsize(tree)) == 0;
}

/* The first of a property's strings, or NULL. */
static const char *get_string(const void *tree, int node, const char *property)
{
    int length;
    const char *text = fdt_getprop(tree, node, property, &length);

    return text != NULL && memchr(text, '\0', (size_t)length) != NULL ? text : NULL;
}

/* Is a node for Ontime? One of the secure world has status = "disabled" (and secure-status = "okay"). */
static bool is_usable(const void *tree, int node)
{
    const char *status = get_string(tree, node, "status");

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

/*
 * The node of a path, or of an alias for one, up to a colon. libfdt follows an alias to an alias, and without
 * an end when the two go round.
 */
static int find_path(const void *tree, const char *path)
{
    const char *options = strchr(path, ':');
    int length = options != NULL ? (int)(options - path) : (int)strlen(path);

    if (path[0] != '/') {
        int size;

        path = fdt_getprop_namelen(tree, fdt_path_offset(tree, "/aliases"), path, length, &size);
        if (path == NULL || memchr(path, '\0', (size_t)size) == NULL || path[0] != '/')
            return -1;
        length = (int)strlen(path);
    }
    return fdt_path_offset_namelen(tree, path, length);
}

/* Returns what is missing, or NULL. */
static const char *read_uart(const void *tree, int chosen, struct board *board)
{
    const char *path = get_string(tree, chosen, "stdout-path");
    int uart, length;

    if (path == NULL)
        return "/chosen/stdout-path";
    uart = find_path(tree, path);
    if (uart < 0 || !machine_tree_reg(tree, uart, 0, &board->uart))
        return "the node that /chosen/stdout-path names";
    board->uart_compatible = get_string(tree, uart, "compatible");
    if (board->uart_compatible != NULL) {
        (void)fdt_getprop(tree, uart, "compatible", &length);
        board->uart_compatible_size = (unsigned)length;
    }
    board->uart_shift = (unsigned)machine_tree_number(tree, uart, "reg-shift");
    board->uart_width = (unsigned)machine_tree_number(tree, uart, "reg-io-width");
    board->uart_irq = machine_tree_interrupt(tree, uart, 0);
    return NULL;
}

static void read_chosen(const void *tree, struct board *board)
{
    int chosen = fdt_path_offset(tree, "/chosen");
    int length;

    board->uart_missing = read_uart(tree, chosen, board);
    board->initrd = machine_tree_number(tree, chosen, "linux,initrd-start");
    board->initrd_size = machine_tree_number(tree, chosen, "linux,initrd-end") - board->initrd;
    board->seed = fdt_getprop(tree, chosen, "rng-seed", &length);
    if (length < BOARD_SEED_SIZE)
        board->seed = NULL;
    board->kaslr_seed = machine_tree_number(tree, chosen, "kaslr-seed");
    board->time = machine_tree_number(tree, chosen, BOARD_TIME);
}

/* A CPU that is "disabled" waits to be started: Devicetree Specification 3.8.1. */
static bool is_cpu(const void *tree, int node)
{
    const char *type = get_string(tree, node, "device_type");
    const char *status = get_string(tree, node, "status");

    return type != NULL && strcmp(type, "cpu") == 0 &&
           (is_usable(tree, node) || (status != NULL && strcmp(status, "disabled") == 0));
}

/* The CPU's `reg`, of one or two cells, is its affinity. */
static bool read_affinity(const void *tree, int node, uint64_t *affinity)
{
    struct reg_range range;

    if (fdt_address_cells(tree, fdt_parent_offset(tree, node)) > 2 ||
        !machine_tree_reg(tree, node, 0, &range) || (range.start & ~AFFINITY) != 0)
        return false;
    *affinity = range.start;
    return true;
}

static void read_method(const void *tree, int node, const struct board *board, struct board_cpu *cpu)
{
    const char *method = get_string(tree, node, "enable-method");
    uint64_t release;
    int length;

    cpu->release = 0;
    cpu->method = CPU_METHOD_UNKNOWN;
    if (method == NULL)
        return;
    if (strcmp(method, "psci") == 0 && board->psci)
        cpu->method = CPU_METHOD_PSCI;
    if (strcmp(method, "spin-table") != 0)
        return;
    (void)fdt_getprop(tree, node, "cpu-release-addr", &length);
    if (length != 4 && length != 8)
        return;
    release = machine_tree_number(tree, node, "cpu-release-addr");
    if (release == 0 || release % 8 != 0)
        return;
    cpu->release = release;
    cpu->method = CPU_METHOD_SPIN_TABLE;
    memory_reserve(release, sizeof(release));
}

static bool is_known(const struct board *board, uint64_t affinity)
{
    for (unsigned i = 0; i < board->cpu_count; i++)
        if (board->cpus[i].affinity == affinity)
            return true;
    return false;
}

/* Reads which CPUs there are, and what the first is. All are taken to be alike. */
static void read_cpus(const void *tree, struct board *board)
{
    int node = fdt_path_offset(tree, "/cpus");
    bool first = true;
    uint64_t affinity;

    for (int child = fdt_first_subnode(tree, node); child >= 0; child = fdt_next_subnode(tree, child)) {
        if (!is_cpu(tree, child))
            continue;
        if (first)
            board->cpu_compatible = get_string(tree, child, "compatible");
        first = false;
        if (!read_affinity(tree, child, &affinity) || is_known(board, affinity))
            continue;
        if (board->cpu_count == MAX_CPUS) {
            board->cpus_left_out = true;
            return;
        }
        board->cpus[board->cpu_count].affinity = affinity;
        read_method(tree, child, board, &board->cpus[board->cpu_count++]);
    }
}

static void read_rtc(const void *tree, struct board *board)
{
    for (int node = fdt_node_offset_by_compatible(tree, -1, "arm,pl031"); node >= 0;
         node = fdt_node_offset_by_compatible(tree, node, "arm,pl031"))
        if (is_usable(tree, node) && machine_tree_reg(tree, node, 0, &board->rtc))
            return;
}

/* Later versions keep what 0.2 has, and a tree may name one of them only. */
static int find_psci(const void *tree)
{
    int node = fdt_node_offset_by_compatible(tree, -1, "arm,psci-0.2");

    return node >= 0 ? node : fdt_node_offset_by_compatible(tree, -1, "arm,psci-1.0");
}

const char *board_read(const void *tree, struct board *board)
{
    int timer, psci;
    const char *method;

    memset(board, 0, sizeof(*board));
    if (!is_sound(tree))
        return "a sound structure: it is damaged, not of version 17, or larger than 2 MiB";
    timer = fdt_node_offset_by_compatible(tree, -1, "arm,armv8-timer");
    psci = find_psci(tree);
    method = psci >= 0 ? get_string(tree, psci, "method") : NULL;
    read_memory(tree);
    read_chosen(tree, board);
    board->psci = psci >= 0;
    read_cpus(tree, board);
    read_rtc(tree, board);
    board->psci_by_hvc = method != NULL && strcmp(method, "hvc") == 0;
    board->comparator_irq = timer >= 0 ? machine_tree_interrupt(tree, timer, TIMER_HYP_INDEX) : 0;
    if (board->comparator_irq == 0)
        return "the interrupt of EL2's timer in the arm,armv8-timer node";
    return NULL;
}
