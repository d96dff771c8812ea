/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's RAM, given out at boot and never taken back. Sizes and addresses in bytes; memory given out
 * is zero.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGE  UINT64_C(4096)
#define MEMORY_BLOCK (UINT64_C(2) << 20)

/* RAM that exists; RAM that is in use already (image, initrd, device tree, firmware). */
void memory_add(uint64_t start, uint64_t size);
void memory_reserve(uint64_t start, uint64_t size);

/*
 * Zeroed memory for Ontime's own structures, aligned to 64 bytes, or to a page when `size` is a page or more.
 * Stops the machine with a message when there is none: the system file asks for more than there is.
 */
void *memory_allocate(size_t size);

/* The same, `alignment` a power of two; NULL when there is none. */
void *memory_try_allocate(uint64_t size, uint64_t alignment);

/*
 * RAM for a VM, not zeroed: the largest piece up to `size` that is a multiple of MEMORY_BLOCK. Returns its
 * size, 0 when there is none.
 */
uint64_t memory_take_blocks(uint64_t size, uint64_t *start);

/* How much memory_take_blocks() could still give. */
uint64_t memory_blocks_left(void);

/* Bytes that are left unused, as they would be a range more than the list has room for. */
uint64_t memory_lost(void);

/* Calls `visit` for each range that was added, whole. */
void memory_each(void (*visit)(uint64_t start, uint64_t end));

#endif
