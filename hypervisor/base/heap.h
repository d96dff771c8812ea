/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive binary min-heap with 64-bit unsigned keys and a capacity that is fixed at init. Insert, remove
 * and move are O(log n), without recursion. Nodes with equal keys leave in the order of insertion; a move
 * counts as an insertion. The caller does the locking.
 *
 * Most heaps of a core hold no node or one. Inserting the first node and removing the one in the last slot
 * move no other node, so heap_insert() and heap_remove() do this inline.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"

/* The structure of this type whose member of this name is *node. */
#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

struct heap_node {
    uint64_t key;
    uint64_t order; /* among equal keys the least leaves first */
    unsigned slot;  /* 1 + index in the heap, 0 while outside */
};

struct heap {
    struct heap_node **slots;
    unsigned count;
    unsigned capacity;
    uint64_t inserted; /* insertions so far: the next node's `order` */
};

/* `slots` has room for `capacity` nodes, the most that may be inside at once. */
void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity);

/*
 * For the inline functions below. heap_sift_up() puts a node into the free slot `index`, or above it.
 * heap_fill() fills the slot `index` of a node that was taken out.
 */
void heap_sift_up(struct heap *heap, unsigned index, struct heap_node *node);
void heap_fill(struct heap *heap, unsigned index);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->slot != 0;
}

static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count != 0 ? heap->slots[0] : NULL;
}

/* The first node's key, or `none` when the heap is empty. */
static inline uint64_t heap_first_key(const struct heap *heap, uint64_t none)
{
    return heap->count != 0 ? heap->slots[0]->key : none;
}

/* The node is outside, and was zero before its first use. */
static inline void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    unsigned index = heap->count;

    ASSERT(!heap_contains(node) && index < heap->capacity);
    node->key = key;
    node->order = heap->inserted++;
    heap->count = index + 1;
    if (index != 0) {
        heap_sift_up(heap, index, node);
        return;
    }
    heap->slots[0] = node;
    node->slot = 1;
}

/* The node is inside. */
static inline void heap_remove(struct heap *heap, struct heap_node *node)
{
    unsigned slot = node->slot;

    ASSERT(slot != 0 && heap->slots[slot - 1] == node);
    node->slot = 0;
    if (slot != heap->count--)
        heap_fill(heap, slot - 1);
}

/* For assertions, O(n): does each node hold its own index, and does none come before its parent? */
bool heap_is_ordered(const struct heap *heap);

/* Changes the key of a node that is inside. */
void heap_move(struct heap *heap, struct heap_node *node, uint64_t key);

#endif
