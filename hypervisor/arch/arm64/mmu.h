/* SPDX-License-Identifier: Apache-2.0 */
/* EL2's own address space, see mmu.c. */
#ifndef ARM64_MMU_H
#define ARM64_MMU_H

#include <stdbool.h>
#include <stdint.h>

enum mmu_memory { MMU_TEXT, MMU_RODATA, MMU_DATA, MMU_DEVICE };

/* With the MMU off: maps the image with its permissions, and the device tree for reading. */
void mmu_build(uint64_t tree);

/* With the MMU off: sets MAIR, TCR and TTBR0; start.S then turns the MMU on. */
void mmu_configure(void);

/*
 * Maps [start, end) at the same virtual address, page by page; what is mapped already stays as it is. Returns
 * false when the static pool of tables is used up. Boot only.
 */
bool mmu_map(uint64_t start, uint64_t end, enum mmu_memory memory);

/*
 * As mmu_map(MMU_DATA), but leaves out Ontime's image, whose pages keep their own permissions and guard
 * pages.
 */
bool mmu_map_ram(uint64_t start, uint64_t end);

/* The image's pages in memory: nobody else may use them. */
uint64_t mmu_image_start(void);
uint64_t mmu_image_end(void);

#endif
