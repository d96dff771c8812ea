/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of base/heap.h, in an array: the children of index i are 2i + 1 and 2i + 2. Each node holds its
 * own index, so that it can be taken out from anywhere.
 */
#include "base/heap.h"

static bool comes_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap_node **slots, unsigned index, struct heap_node *node)
{
    slots[index] = node;
    node->slot = index + 1;
}

void heap_sift_up(struct heap *heap, unsigned index, struct heap_node *node)
{
    struct heap_node **slots = heap->slots;

    while (index > 0) {
        unsigned parent = (index - 1) / 2;

        if (!comes_before(node, slots[parent]))
            break;
        put(slots, index, slots[parent]);
        index = parent;
    }
    put(slots, index, node);
}

static void sift_down(struct heap *heap, unsigned index, struct heap_node *node)
{
    struct heap_node **slots = heap->slots;
    unsigned count = heap->count;

    for (;;) {
        unsigned child = 2 * index + 1;

        if (child >= count)
            break;
        if (child + 1 < count && comes_before(slots[child + 1], slots[child]))
            child++;
        if (!comes_before(slots[child], node))
            break;
        put(slots, index, slots[child]);
        index = child;
    }
    put(slots, index, node);
}

/* Puts a node where its key belongs: at `index`, whose slot is free or its own, or above or below that. */
static void settle(struct heap *heap, unsigned index, struct heap_node *node)
{
    if (index > 0 && comes_before(node, heap->slots[(index - 1) / 2]))
        heap_sift_up(heap, index, node);
    else
        sift_down(heap, index, node);
}

void heap_fill(struct heap *heap, unsigned index)
{
    settle(heap, index, heap->slots[heap->count]);
}

void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity)
{
    *heap = (struct heap){.slots = slots, .capacity = capacity};
}

void heap_move(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(heap_contains(node) && heap->slots[node->slot - 1] == node);
    node->key = key;
    node->order = heap->inserted++;
    settle(heap, node->slot - 1, node);
}

bool heap_is_ordered(const struct heap *heap)
{
    for (unsigned i = 0; i < heap->count; i++) {
        const struct heap_node *node = heap->slots[i];

        if (node->slot != i + 1 || (i != 0 && comes_before(node, heap->slots[(i - 1) / 2])))
            return false;
    }
    return heap->count <= heap->capacity;
}
