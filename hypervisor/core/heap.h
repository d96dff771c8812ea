/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive binary min-heap of 64-bit unsigned keys with room fixed at init. Insert and remove are O(log
 * n) and iterative; to change a key, remove and insert. Equal keys leave in order of insertion. No locking of
 * its own.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The structure of which *node is the member of that name. */
#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

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

/* `slots` is room for `capacity` nodes; more must never be inside at once. */
void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity);

/* The node is zeroed before its first use, and outside. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* The node is inside. */
void heap_remove(struct heap *heap, struct heap_node *node);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->slot != 0;
}

static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count != 0 ? heap->slots[0] : NULL;
}

#endif
