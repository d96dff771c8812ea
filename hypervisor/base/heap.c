/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of base/heap.h, in an array: the children of index i are 2i + 1 and 2i + 2. Each node holds its
 * own index, so that it can be taken out from anywhere.
 */
#include "base/heap.h"

/*@
  requires \valid_read(a) && \valid_read(b);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result <==> before(a, b);
*/
static bool comes_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

/*@
  requires \valid(slots + index) && \valid(node) && index < HEAP_MOST;
  terminates \true;
  exits \false;
  assigns slots[index], node->slot;
  ensures slots[index] == node && node->slot == index + 1;
*/
static void put(struct heap_node **slots, unsigned index, struct heap_node *node)
{
    slots[index] = node;
    node->slot = index + 1;
}

/* Puts a node into the hole where it belongs, by which all are in order. */
/*@
  requires fits(heap, index, node) && slots == heap->slots;
  requires is_before_children(slots, heap->count, index, node) && is_after_parent(slots, index, node);
  terminates \true;
  exits \false;
  assigns slots[index], node->slot;
  ensures is_heap(heap) && is_inside(heap, node);
*/
static void put_last(struct heap_node **slots, unsigned index, struct heap_node *node)
/*@ ghost (struct heap *heap) */
{
    //@ assert is_other(slots, heap->count, index, node);
    put(slots, index, node);
    //@ assert same: heap->slots == slots && heap->count == \at(heap->count, Pre);
    //@ assert is_other(slots, heap->count, index, node);
    //@ assert slots_are_known(heap, slots, heap->count, index);
    //@ assert slots_are_known(heap, slots, heap->count, -1);
    //@ assert in_order(slots, heap->count, -1);
}

void heap_sift_up(struct heap *heap, unsigned index, struct heap_node *node)
{
    struct heap_node **slots = heap->slots;

    /*@
      loop invariant index <= \at(index, Pre);
      loop invariant same: heap->slots == slots && heap->count == \at(heap->count, Pre) &&
                           heap->capacity == \at(heap->capacity, Pre);
      loop invariant below: \forall integer i; 0 <= i < index ==> slots[i] == \at(heap->slots[i], Pre);
      loop invariant known: slots_are_known(heap, slots, heap->count, index);
      loop invariant other: is_other(slots, heap->count, index, node);
      loop invariant ordered: in_order(slots, heap->count, index);
      loop invariant fits: is_before_children(slots, heap->count, index, node);
      loop assigns index, slots[0 .. \at(index, Pre)], \at(heap->slots[0 .. index - 1], Pre)->slot;
      loop variant index;
    */
    while (index > 0) {
        unsigned parent = (index - 1) / 2;

        //@ assert parent == parent_of(index) && parent < index;
        if (!comes_before(node, slots[parent]))
            break;
        //@ assert is_before_children(slots, heap->count, index, slots[parent]);
        /*@ assert siblings: \forall integer i; 1 <= i < heap->count && i != index && parent_of(i) == parent
                ==> !before(slots[i], slots[parent]); */
        /*@ assert grandparent: parent > 0 ==> !before(slots[parent], slots[parent_of(parent)]); */
        put(slots, index, slots[parent]);
        //@ assert is_before_children(slots, heap->count, index, slots[index]);
        /*@ assert siblings: \forall integer i; 1 <= i < heap->count && parent_of(i) == parent
                ==> !before(slots[i], slots[index]); */
        /*@ assert grandparent: parent > 0 ==> !before(slots[index], slots[parent_of(parent)]); */
        index = parent;
    }
    //@ assert is_after_parent(slots, index, node);
    //@ assert fits(heap, index, node);
    put_last(slots, index, node) /*@ ghost (heap) */;
}

/*@
  requires fits(heap, index, node);
  requires is_after_parent(heap->slots, index, node);
  terminates \true;
  exits \false;
  assigns heap->slots[index .. heap->count - 1], node->slot, heap->slots[index + 1 .. heap->count - 1]->slot;
  ensures is_heap(heap) && is_inside(heap, node);
*/
static void sift_down(struct heap *heap, unsigned index, struct heap_node *node)
{
    struct heap_node **slots = heap->slots;
    unsigned count = heap->count;

    /*@
      loop invariant \at(index, Pre) <= index < count;
      loop invariant same: heap->slots == slots && heap->count == count &&
                           heap->capacity == \at(heap->capacity, Pre);
      loop invariant above: \forall integer i; index < i < count ==> slots[i] == \at(heap->slots[i], Pre);
      loop invariant known: slots_are_known(heap, slots, count, index);
      loop invariant other: is_other(slots, count, index, node);
      loop invariant ordered: in_order(slots, count, index);
      loop invariant fits: is_after_parent(slots, index, node);
      loop assigns index, slots[\at(index, Pre) .. count - 1],
                   \at(heap->slots[index + 1 .. heap->count - 1], Pre)->slot;
      loop variant count - index;
    */
    for (;;) {
        unsigned child = 2 * index + 1;

        if (child >= count)
            break;
        if (child + 1 < count && comes_before(slots[child + 1], slots[child]))
            child++;
        if (!comes_before(slots[child], node))
            break;
        //@ assert index == parent_of(child) && index < child < count;
        /*@ assert siblings: \forall integer i; 1 <= i < count && parent_of(i) == index
                ==> !before(slots[i], slots[child]); */
        //@ assert is_before_children(slots, count, child, slots[child]);
        //@ assert grandparent: is_after_parent(slots, index, slots[child]);
        put(slots, index, slots[child]);
        //@ assert is_before_children(slots, count, child, slots[index]);
        /*@ assert siblings: \forall integer i; 1 <= i < count && i != child && parent_of(i) == index
                ==> !before(slots[i], slots[index]); */
        //@ assert grandparent: is_after_parent(slots, index, slots[index]);
        index = child;
    }
    //@ assert is_before_children(slots, count, index, node);
    //@ assert fits(heap, index, node);
    put_last(slots, index, node) /*@ ghost (heap) */;
}

/* Puts a node where its key belongs: at `index`, whose slot is free or its own, or above or below that. */
/*@
  requires fits(heap, index, node);
  terminates \true;
  exits \false;
  assigns heap->slots[0 .. heap->count - 1], node->slot, heap->slots[0 .. index - 1]->slot,
          heap->slots[index + 1 .. heap->count - 1]->slot;
  ensures is_heap(heap) && is_inside(heap, node);
*/
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
    //@ assert in_order(heap->slots, heap->count, node->slot - 1);
    node->key = key;
    node->order = heap->inserted++;
    //@ assert is_other(heap->slots, heap->count, node->slot - 1, node);
    //@ assert keys_are_kept{Pre, Here}(heap->slots, heap->count, node->slot - 1);
    //@ assert in_order(heap->slots, heap->count, node->slot - 1);
    settle(heap, node->slot - 1, node);
}

bool heap_is_ordered(const struct heap *heap)
{
    /*@
      loop invariant 0 <= i <= heap->count;
      loop invariant \forall integer j; 0 <= j < i ==> heap->slots[j]->slot == j + 1;
      loop invariant \forall integer j; 1 <= j < i ==> !before(heap->slots[j], heap->slots[parent_of(j)]);
      loop assigns i;
      loop variant heap->count - i;
    */
    for (unsigned i = 0; i < heap->count; i++) {
        const struct heap_node *node = heap->slots[i];

        //@ assert i != 0 ==> (i - 1) / 2 == parent_of(i) && parent_of(i) != -1;
        if (node->slot != i + 1 || (i != 0 && comes_before(node, heap->slots[(i - 1) / 2])))
            return false;
    }
    return heap->count <= heap->capacity;
}
