/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's RAM, given out at boot and never taken back. Sizes are in bytes, addresses are physical.
 * There is no lock: only the CPU that boots calls these functions, before the first guest runs.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGE  UINT64_C(4096)
#define MEMORY_BLOCK (UINT64_C(2) << 20)

/*
 * memory_add() makes RAM known, without the pages that belong to it in part only. Afterwards memory_reserve()
 * takes out what is in use already (image, initrd, device tree, firmware), with all pages that it touches.
 */
void memory_add(uint64_t start, uint64_t size);
void memory_reserve(uint64_t start, uint64_t size);

/*
 * Zeroed memory for Ontime's own structures, aligned to 64 bytes, or to a page when `size` is a page or more.
 * Stops the machine with a message when there is none left: the system file asks for more than there is.
 */
void *memory_allocate(size_t size);

/* Zeroed memory with an alignment of choice, a power of two. NULL when there is none left. */
void *memory_try_allocate(uint64_t size, uint64_t alignment);

/* The address of memory that is not zeroed, and need not be mapped yet. 0 when there is none left. */
uint64_t memory_take(uint64_t size, uint64_t alignment);

/*
 * RAM for a VM, not zeroed: one piece of whole, aligned blocks of MEMORY_BLOCK, as large as there is and at
 * most `size`. *start is where it begins. Returns its size, 0 when there is none left.
 */
uint64_t memory_take_blocks(uint64_t size, uint64_t *start);

/* RAM for a VM at a place of its choice, not zeroed. False when it is not all free, or no RAM. */
bool memory_take_at(uint64_t start, uint64_t size);

/* The largest piece that memory_take_blocks() can still give: where it begins, and its size. */
uint64_t memory_largest(uint64_t *start);

/* The sum of all that memory_take_blocks() can still give. */
uint64_t memory_blocks_left(void);

/* How much RAM is left unused because a list of ranges was full. */
uint64_t memory_lost(void);

/* Calls `visit` for each range that was added, with what is reserved or given out in it. */
void memory_each(void (*visit)(uint64_t start, uint64_t end));

#endif
