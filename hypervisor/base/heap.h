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

#define HEAP_MOST 0x80000000u /* the greatest capacity: a child's index does not wrap round */

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

/*
 * What `make proof` proves. `hole` is a slot that holds no node of the heap's for a moment, whatever is in
 * it, or -1. Nothing is said of belongs(): a caller's proof says what kind of nodes it puts into a heap, and
 * then knows it of those that are inside.
 */
/*@
  axiomatic belonging { predicate belongs(struct heap_node *node, struct heap *heap) reads \nothing; }

  logic integer parent_of(integer i) = (i - 1) / 2;

  lemma parent_is_less: \forall integer i; 1 <= i ==> 0 <= parent_of(i) < i;

  predicate before{L}(struct heap_node *a, struct heap_node *b) =
      a->key < b->key || (a->key == b->key && a->order < b->order);

  predicate has_room{L}(struct heap *heap) =
      \valid(heap) && heap->count <= heap->capacity <= HEAP_MOST &&
      \valid(heap->slots + (0 .. heap->capacity - 1)) &&
      \separated(heap, heap->slots + (0 .. heap->capacity - 1));

  predicate slots_are_known{L}(struct heap *heap, struct heap_node **slots, integer count, integer hole) =
      \forall integer i; 0 <= i < count && i != hole
          ==> \valid(slots[i]) && slots[i]->slot == i + 1 && \separated(slots[i], heap) &&
              belongs(slots[i], heap);

  predicate in_order{L}(struct heap_node **slots, integer count, integer hole) =
      (\forall integer i; 1 <= i < count && i != hole && parent_of(i) != hole
           ==> !before(slots[i], slots[parent_of(i)])) &&
      (hole >= 1 ==> \forall integer i; 1 <= i < count && parent_of(i) == hole
           ==> !before(slots[i], slots[parent_of(hole)]));

  predicate keys_are_kept{L1, L2}(struct heap_node **slots, integer count, integer hole) =
      \forall integer i; 0 <= i < count && i != hole
          ==> \at(slots[i], L1) == \at(slots[i], L2) &&
              \at(slots[i]->key, L1) == \at(slots[i]->key, L2) &&
              \at(slots[i]->order, L1) == \at(slots[i]->order, L2);

  predicate is_other{L}(struct heap_node **slots, integer count, integer hole, struct heap_node *node) =
      \forall integer i; 0 <= i < count && i != hole ==> slots[i] != node;

  predicate is_apart{L}(struct heap_node **slots, integer count, integer hole, struct heap_node *node) =
      \forall integer i; 0 <= i < count && i != hole ==> \separated(slots[i], node);

  predicate is_heap{L}(struct heap *heap) =
      has_room(heap) && slots_are_known(heap, heap->slots, heap->count, -1) &&
      in_order(heap->slots, heap->count, -1);

  predicate is_inside{L}(struct heap *heap, struct heap_node *node) =
      1 <= node->slot <= heap->count && heap->slots[node->slot - 1] == node;

  predicate fits{L}(struct heap *heap, integer hole, struct heap_node *node) =
      has_room(heap) && hole < heap->count && slots_are_known(heap, heap->slots, heap->count, hole) &&
      \valid(node) && \separated(node, heap) && belongs(node, heap) &&
      is_other(heap->slots, heap->count, hole, node) &&
      in_order(heap->slots, heap->count, hole);

  predicate is_before_children{L}(struct heap_node **slots, integer count, integer hole,
                                  struct heap_node *node) =
      \forall integer i; 1 <= i < count && parent_of(i) == hole ==> !before(slots[i], node);

  predicate is_after_parent{L}(struct heap_node **slots, integer hole, struct heap_node *node) =
      hole > 0 ==> !before(node, slots[parent_of(hole)]);
*/

/* `slots` has room for `capacity` nodes, the most that may be inside at once. */
/*@
  requires \valid(heap) && capacity <= HEAP_MOST && \valid(slots + (0 .. capacity - 1)) &&
           \separated(heap, slots + (0 .. capacity - 1));
  terminates \true;
  exits \false;
  assigns *heap;
  ensures is_heap(heap) && heap->count == 0 && heap->slots == slots && heap->capacity == capacity;
*/
void heap_init(struct heap *heap, struct heap_node **slots, unsigned capacity);

/*
 * For the inline functions below. heap_sift_up() puts a node into the free slot `index`, or above it.
 * heap_fill() fills the slot `index` of a node that was taken out.
 */
/*@
  requires fits(heap, index, node) && is_before_children(heap->slots, heap->count, index, node);
  terminates \true;
  exits \false;
  assigns heap->slots[0 .. index], node->slot, heap->slots[0 .. index - 1]->slot;
  ensures is_heap(heap) && is_inside(heap, node);
*/
void heap_sift_up(struct heap *heap, unsigned index, struct heap_node *node);
/*@
  requires has_room(heap) && index < heap->count < heap->capacity;
  requires slots_are_known(heap, heap->slots, heap->count, index) &&
           in_order(heap->slots, heap->count, index);
  requires \valid(heap->slots[heap->count]) && \separated(heap->slots[heap->count], heap) &&
           heap->slots[heap->count]->slot == heap->count + 1 && belongs(heap->slots[heap->count], heap);
  terminates \true;
  exits \false;
  assigns heap->slots[0 .. heap->count - 1], heap->slots[0 .. index - 1]->slot,
          heap->slots[index + 1 .. heap->count]->slot;
  ensures is_heap(heap);
*/
void heap_fill(struct heap *heap, unsigned index);

/*@
  requires \valid_read(node);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result <==> node->slot != 0;
*/
static inline bool heap_contains(const struct heap_node *node)
{
    return node->slot != 0;
}

/*@
  requires is_heap(heap);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures heap->count == 0 ? \result == \null : \result == heap->slots[0];
*/
static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count != 0 ? heap->slots[0] : NULL;
}

/* The first node's key, or `none` when the heap is empty. */
/*@
  requires is_heap(heap);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result == (heap->count == 0 ? none : heap->slots[0]->key);
  ensures least: \forall integer i; 0 <= i < heap->count ==> \result <= heap->slots[i]->key;
*/
static inline uint64_t heap_first_key(const struct heap *heap, uint64_t none)
{
    /*@ ghost
      /@
        loop invariant 0 <= i <= heap->count;
        loop invariant \forall integer j; 0 <= j < i ==> !before(heap->slots[j], heap->slots[0]);
        loop assigns i;
        loop variant heap->count - i;
      @/
      for (unsigned i = 0; i < heap->count; i++) {
          /@ assert i >= 1 ==> 0 <= parent_of(i) < i && !before(heap->slots[i], heap->slots[parent_of(i)]); @/
          /@ assert !before(heap->slots[i], heap->slots[0]); @/
      }
    */
    return heap->count != 0 ? heap->slots[0]->key : none;
}

/* The node is outside, and was zero before its first use. */
/*@
  requires is_heap(heap) && heap->count < heap->capacity;
  requires \valid(node) && \separated(node, heap) && node->slot == 0 && belongs(node, heap);
  requires is_apart(heap->slots, heap->count, -1, node);
  terminates \true;
  exits \false;
  assigns heap->count, heap->inserted, heap->slots[0 .. heap->count], *node,
          heap->slots[0 .. heap->count - 1]->slot;
  ensures is_heap(heap) && is_inside(heap, node) && heap->count == \old(heap->count) + 1;
  ensures node->key == key && node->order == \old(heap->inserted);
*/
static inline void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    unsigned index = heap->count;

    ASSERT(!heap_contains(node) && index < heap->capacity);
    node->key = key;
    node->order = heap->inserted++;
    heap->count = index + 1;
    if (index != 0) {
        //@ assert slots_are_known(heap, heap->slots, heap->count, index);
        //@ assert is_other(heap->slots, heap->count, index, node);
        //@ assert keys_are_kept{Pre, Here}(heap->slots, index, -1);
        //@ assert in_order(heap->slots, heap->count, index);
        heap_sift_up(heap, index, node);
        return;
    }
    heap->slots[0] = node;
    node->slot = 1;
}

/* The node is inside. */
/*@
  requires is_heap(heap) && \valid(node) && is_inside(heap, node);
  terminates \true;
  exits \false;
  assigns heap->count, heap->slots[0 .. heap->count - 1], heap->slots[0 .. heap->count - 1]->slot;
  ensures is_heap(heap) && node->slot == 0 && heap->count == \old(heap->count) - 1;
*/
static inline void heap_remove(struct heap *heap, struct heap_node *node)
{
    unsigned slot = node->slot;

    ASSERT(slot != 0 && heap->slots[slot - 1] == node);
    //@ assert is_other(heap->slots, heap->count, slot - 1, node);
    node->slot = 0;
    if (slot != heap->count--)
        heap_fill(heap, slot - 1);
}

/* For assertions, O(n): does each node hold its own index, and does none come before its parent? */
/*@
  requires has_room(heap);
  requires \forall integer i; 0 <= i < heap->count ==> \valid_read(heap->slots[i]);
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \result <==>
      (\forall integer i; 0 <= i < heap->count ==> heap->slots[i]->slot == i + 1) &&
      in_order(heap->slots, heap->count, -1);
*/
bool heap_is_ordered(const struct heap *heap);

/* Changes the key of a node that is inside. */
/*@
  requires is_heap(heap) && \valid(node) && is_inside(heap, node);
  requires is_apart(heap->slots, heap->count, node->slot - 1, node);
  terminates \true;
  exits \false;
  assigns heap->inserted, heap->slots[0 .. heap->count - 1], heap->slots[0 .. heap->count - 1]->slot,
          node->key, node->order;
  ensures is_heap(heap) && is_inside(heap, node) && node->key == key;
*/
void heap_move(struct heap *heap, struct heap_node *node, uint64_t key);

#endif
