/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of core/heap.h, in an array: the children of index i are 2i + 1 and 2i + 2. Each node knows its
 * place, so that it can leave from anywhere.
 */
#include "core/heap.h"
#include "core/assert.h"

static bool comes_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap *heap, unsigned index, struct heap_node *node)
{
    heap->slots[index] = node;
    node->slot = index + 1;
}

static void sift_up(struct heap *heap, unsigned index, struct heap_node *node)
{
    while (index > 0) {
        unsigned parent = (index - 1) / 2;

        if (!comes_before(node, heap->slots[parent]))
            break;
        put(heap, index, heap->slots[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void sift_down(struct heap *heap, unsigned index, struct heap_node *node)
{
    for (;;) {
        unsigned child = 2 * index + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && comes_before(heap->slots[child + 1], heap->slots[child]))
            child++;
        if (!comes_before(heap->slots[child], node))
            break;
        put(heap, index, heap->slots[child]);
        index = child;
    }
    put(heap, index, node);
}

void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity)
{
    *heap = (struct heap){.slots = slots, .capacity = capacity};
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(!heap_contains(node));
    ASSERT(heap->count < heap->capacity);
    node->key = key;
    node->order = heap->inserted++;
    sift_up(heap, heap->count++, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    ASSERT(heap_contains(node) && node->slot <= heap->count && heap->slots[node->slot - 1] == node);
    unsigned index = node->slot - 1;
    struct heap_node *last = heap->slots[--heap->count];

    node->slot = 0;
    if (last == node)
        return;
    if (index > 0 && comes_before(last, heap->slots[(index - 1) / 2]))
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}
