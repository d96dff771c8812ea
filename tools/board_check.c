// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the machine's tree with the hypervisor's own code, as at boot. How much RAM is left for VMs, and
 * where, is known to the machine only.
 */
#include "board_check.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "boot/board.h"
#include "boot/passthrough.h"

void memory_add(uint64_t start, uint64_t size)
{
    (void)start, (void)size;
}

void memory_reserve(uint64_t start, uint64_t size)
{
    (void)start, (void)size;
}

/* As of the drivers (drivers/gicv2.c, gicv3.c), which only the machine has. */
static int find_gic(const void *tree, unsigned *version)
{
    static const struct {
        const char *compatible;
        unsigned version;
    } gics[] = {{"arm,gic-v3", 3}, {"arm,gic-400", 2}, {"arm,cortex-a15-gic", 2}, {"arm,cortex-a7-gic", 2}};
    for (size_t i = 0; i < sizeof(gics) / sizeof(gics[0]); i++) {
        int node = fdt_node_offset_by_compatible(tree, -1, gics[i].compatible);
        *version = gics[i].version;
        if (node >= 0)
            return node;
    }
    return -1;
}

bool board_check(const void *tree, size_t size, const struct system_config *config, char *error,
                 size_t error_size)
{
    struct board board;
    struct passthrough_facts facts = {.tree = tree};
    struct given_device *given = calloc(passthrough_count(config) + 1, sizeof(*given));
    bool good = false;

    if (size < sizeof(struct fdt_header) || fdt_check_header(tree) != 0 || fdt_totalsize(tree) > size) {
        snprintf(error, error_size, "the board's file is no device tree");
    } else if (board_read(tree, &board) != NULL) {
        snprintf(error, error_size, "the board's tree lacks %s", board_read(tree, &board));
    } else if ((facts.gic = find_gic(tree, &facts.gic_version)) < 0) {
        snprintf(error, error_size, "the board's tree has no interrupt controller that Ontime knows");
    } else {
        facts.console = board.uart;
        facts.rtc = board.rtc;
        good = given != NULL && passthrough_find(&facts, config, given, error, error_size) == 0;
    }
    free(given);
    return good;
}
