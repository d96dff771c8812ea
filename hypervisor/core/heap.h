/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive binary min-heap of 64-bit unsigned keys with room fixed at init. Insert, remove and re-key are
 * O(log n) and iterative. Equal keys leave in order of insertion. No locking of its own.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t order; /* ties: the order of insertion */
    unsigned slot;  /* 1 + index in the heap, 0 when outside */
};

struct heap {
    struct heap_node **slots;
    unsigned count;
    unsigned capacity;
    uint64_t inserted; /* the next node's order */
};

void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity);
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
void heap_remove(struct heap *heap, struct heap_node *node);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->slot != 0;
}

static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count != 0 ? heap->slots[0] : (struct heap_node *)0;
}

#endif
