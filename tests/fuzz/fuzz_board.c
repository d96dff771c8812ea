// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for what reads the firmware's tree. The firmware is trusted, but a tree may be damaged
 * or of another kind than ours: whatever the bytes, nothing but them is read, and the board's strings end
 * inside the tree. Each of its first nodes is looked at as a device to be given; of what can be, a guest's
 * tree is made, and is sound.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "boot/board.h"
#include "boot/passthrough.h"
#include "bytes.h"
#include "devices/guest_tree.h"

#define ENTRIES 3  /* of each node's `reg` and `interrupts` */
#define GIVEN   12 /* nodes that are given */
#define PATH    128

void memory_add(uint64_t start, uint64_t size)
{
    (void)start, (void)size;
}

void memory_reserve(uint64_t start, uint64_t size)
{
    (void)start, (void)size;
}

static void expect_inside(const char *tree, size_t size, const char *start, size_t length)
{
    if (start != NULL && (start < tree || length > size || start > tree + (size - length)))
        abort();
}

/* A node's `compatible`, whose first string ends in it. */
static void expect_compatible(const void *tree, const char *text)
{
    for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL)) {
        int length;
        const char *data = fdt_getprop(tree, node, "compatible", &length);

        if (data == text && (text == NULL || memchr(text, '\0', (size_t)length) != NULL))
            return;
    }
    if (text != NULL)
        abort();
}

/* No two have one affinity, which an MPIDR_EL1 can have, and what is written to is a word. */
static void expect_cpus(const struct board *board)
{
    if (board->cpu_count > MAX_CPUS)
        abort();
    for (unsigned i = 0; i < board->cpu_count; i++) {
        const struct board_cpu *cpu = &board->cpus[i];

        if ((cpu->affinity & ~UINT64_C(0xFF00FFFFFF)) != 0 || cpu->release % 8 != 0 ||
            (cpu->release != 0 && cpu->method != CPU_METHOD_SPIN_TABLE))
            abort();
        for (unsigned k = 0; k < i; k++)
            if (board->cpus[k].affinity == cpu->affinity)
                abort();
    }
}

static void read_all_nodes(const void *tree)
{
    struct reg_range range;

    for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL)) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            (void)machine_tree_reg(tree, node, i, &range);
            (void)machine_tree_interrupt(tree, node, i);
        }
        (void)machine_tree_number(tree, node, "reg");
    }
}

static struct system_config config;
static _Alignas(8) uint8_t guest[GUEST_TREE_SIZE];

static void write_guest(struct given_device *given)
{
    struct device *device = &given->registers[0];
    const struct guest_tree_facts facts = {
        .vm = &config.vms[0], .gic_version = 3, .devices = &device, .device_count = 1};
    size_t size = guest_tree_build(guest, sizeof(guest), &facts);

    if (size == 0 || fdt_check_full(guest, size) != 0)
        abort();
}

static void give_nodes(const char *tree, const struct board *board)
{
    const struct passthrough_facts facts = {.tree = tree,
                                            .gic = fdt_node_offset_by_compatible(tree, -1, "arm,gic-v3"),
                                            .gic_version = 3,
                                            .console = board->uart,
                                            .rtc = board->rtc};
    int node = 0;

    config.vm_count = 1;
    for (unsigned i = 0; i < GIVEN && (node = fdt_next_node(tree, node, NULL)) >= 0; i++) {
        struct given_device given = {.node = 0};
        char path[PATH], error[256];

        if (fdt_get_path(tree, node, path, sizeof(path)) != 0)
            continue;
        config.vms[0] = (struct vm_config){.name = "a",
                                           .memory_base = UINT64_C(0x4000000000),
                                           .memory_mib = 64,
                                           .vcpus = 1,
                                           .bootargs = "",
                                           .trusted_dma = true,
                                           .devices = path,
                                           .devices_size = strlen(path) + 1};
        if (passthrough_find(&facts, &config, &given, error, sizeof(error)) == 0)
            write_guest(&given);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct board board;
    char *tree;

    /* The firmware's memory has what the header says. */
    if (size < sizeof(struct fdt_header) || fdt_totalsize(data) > size)
        return 0;
    tree = malloc(size);
    if (tree == NULL)
        return 0;
    memcpy(tree, data, size);
    if (board_read(tree, &board) == NULL) {
        expect_compatible(tree, board.uart_compatible);
        expect_inside(tree, size, board.uart_compatible, board.uart_compatible_size);
        expect_compatible(tree, board.cpu_compatible);
        expect_inside(tree, size, board.seed, BOARD_SEED_SIZE);
        expect_cpus(&board);
        read_all_nodes(tree);
        give_nodes(tree, &board);
    }
    free(tree);
    return 0;
}
