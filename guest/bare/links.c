// SPDX-License-Identifier: Apache-2.0
/* Links to other VMs, as the device tree tells of them. */
#include "bare.h"

#define MAPPED        0x80000000ul /* where physical 0 is mapped again, for the memory */
#define DIGIT         8            /* of the link's number in the name of its node */
#define BLOCK_ADDRESS 0xFFFFC0000000ul
#define GICD_CONFIG   0x0C00u

/* The block of the page table that maps the links' memory is as RAM's. */
static void map_cached(void)
{
    page_table[MAPPED >> 30] = page_table[GUEST_RAM_BASE >> 30] & ~BLOCK_ADDRESS;
    tlb_flush();
}

bool link_open(unsigned n, struct link *link)
{
    char node[] = "link@9100000";
    const char *reg, *interrupts;
    uint32_t size;

    node[DIGIT] = "0123456789abcdef"[n % GUEST_LINKS];
    reg = tree_property(node, NULL, "reg", &size);
    interrupts = tree_property(node, NULL, "interrupts", &size);
    if (reg == NULL || interrupts == NULL)
        return false;
    link->registers = tree_u64(reg);
    link->memory = (volatile uint32_t *)(MAPPED + tree_u64(reg + 16));
    link->size = tree_u64(reg + 24);
    link->intid = GUEST_INTID_SPIS + (uint32_t)tree_u64(interrupts); /* the kind, 0, and the number */
    if ((link_read(link, ONTIME_LINK_FLAGS) & ONTIME_LINK_UNCACHED) == 0)
        map_cached();
    mmio_write(GUEST_GICD_BASE + GICD_CONFIG + link->intid / 16 * 4, 0xAAAAAAAA); /* edges */
    gic_enable(link->intid);
    return true;
}
