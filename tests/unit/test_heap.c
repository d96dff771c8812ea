/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap against a model that is searched from end to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "base/heap.h"
#include "random.h"

#define NODES 61
#define STEPS 200000

static struct heap heap;
static struct heap_node *slots[NODES];
static struct heap_node nodes[NODES];

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        nodes[i] = (struct heap_node){0};
    heap_init(&heap, slots, NODES);
    return 0;
}

/* The model's first: least key, then the one inserted first. */
static struct heap_node *model_first(const uint64_t *inserted)
{
    struct heap_node *first = NULL;

    for (unsigned i = 0; i < NODES; i++) {
        if (inserted[i] == 0)
            continue;
        if (first == NULL || nodes[i].key < first->key ||
            (nodes[i].key == first->key && inserted[i] < inserted[first - nodes]))
            first = &nodes[i];
    }
    return first;
}

static void first_is_always_the_least(void **state)
{
    struct random random = {1};
    uint64_t inserted[NODES] = {0}; /* the step of insertion, 0: outside */
    unsigned count = 0;

    (void)state;
    for (uint64_t step = 1; step <= STEPS; step++) {
        unsigned i = (unsigned)random_below(&random, NODES);

        assert_int_equal(heap_contains(&nodes[i]), inserted[i] != 0);
        if (inserted[i] != 0) {
            heap_remove(&heap, &nodes[i]);
            inserted[i] = 0;
            count--;
        } else {
            /* Few keys, so that many are equal; now and then the extremes. */
            uint64_t key = random_below(&random, 20);

            heap_insert(&heap, &nodes[i], key == 19 ? UINT64_MAX : key);
            inserted[i] = step;
            count++;
        }
        assert_int_equal(heap.count, count);
        assert_ptr_equal(heap_first(&heap), model_first(inserted));
    }
}

/* To move is to leave and to come again. */
static void moved_is_as_newly_inserted(void **state)
{
    struct random random = {3};
    uint64_t inserted[NODES] = {0};

    (void)state;
    for (uint64_t step = 1; step <= STEPS / 10; step++) {
        unsigned i = (unsigned)random_below(&random, NODES);

        if (inserted[i] == 0)
            heap_insert(&heap, &nodes[i], random_below(&random, 20));
        else
            heap_move(&heap, &nodes[i], random_below(&random, 20));
        inserted[i] = step;
        assert_ptr_equal(heap_first(&heap), model_first(inserted));
        assert_true(heap_first_key(&heap, UINT64_MAX) == model_first(inserted)->key);
    }
}

static void nodes_leave_in_order(void **state)
{
    struct random random = {2};
    uint64_t last = 0;

    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        heap_insert(&heap, &nodes[i], random_below(&random, 1u << 31));
    for (unsigned i = 0; i < NODES; i++) {
        struct heap_node *first = heap_first(&heap);

        assert_true(first->key >= last);
        last = first->key;
        heap_remove(&heap, first);
        assert_false(heap_contains(first));
    }
    assert_null(heap_first(&heap));
}

static void insert_any(void *node)
{
    heap_insert(&heap, node, 1);
}

static void remove_any(void *node)
{
    heap_remove(&heap, node);
}

static void misuse_is_caught(void **state)
{
    struct heap_node one_more = {0};

    (void)state;
    assert_true(fake_assert_fails(remove_any, &nodes[0]));
    for (unsigned i = 0; i < NODES; i++)
        assert_false(fake_assert_fails(insert_any, &nodes[i]));
    assert_true(fake_assert_fails(insert_any, &nodes[3]));
    assert_true(fake_assert_fails(insert_any, &one_more));
    assert_false(fake_assert_fails(remove_any, &nodes[3]));
    assert_false(fake_assert_fails(insert_any, &one_more));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_is_always_the_least, setup),
        cmocka_unit_test_setup(moved_is_as_newly_inserted, setup),
        cmocka_unit_test_setup(nodes_leave_in_order, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
    };

    return cmocka_run_group_tests_name("base/heap", tests, NULL, NULL);
}
