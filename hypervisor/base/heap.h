/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive binary min-heap of 64-bit unsigned keys with room fixed at init. Insert, remove and move are
 * O(log n) and iterative. Equal keys leave in order of insertion; a move counts as one. No locking of its
 * own.
 *
 * The first in and the last out touch no other node and are inline: most heaps of a core hold one or none.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"

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

/* The heap's own: puts a node at the free place `index` or above; fills the place of a node taken out. */
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

/* The node is zeroed before its first use, and outside. */
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

/* Is every node in its place and behind its parent? For assertions: O(n). */
bool heap_is_ordered(const struct heap *heap);

/* Gives a node that is inside another key. */
void heap_move(struct heap *heap, struct heap_node *node, uint64_t key);

#endif
