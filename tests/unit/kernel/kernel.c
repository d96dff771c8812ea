/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timerqueue.h>
#include <linux/vmalloc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel.h"

unsigned int kernel_allocations_left = UINT_MAX, kernel_blocks, kernel_cpu;
void (*kernel_between)(void);
static unsigned int locks_held;

static void expect(bool what, const char *name)
{
    if (what)
        return;
    (void)fprintf(stderr, "kernel: %s\n", name);
    abort();
}

void raw_spin_lock_init(raw_spinlock_t *lock)
{
    *lock = (raw_spinlock_t){.ready = true};
}

void raw_spin_lock(raw_spinlock_t *lock)
{
    void (*between)(void) = kernel_between;

    if (between != NULL && locks_held == 0) {
        kernel_between = NULL;
        between();
    }
    expect(lock->ready && !lock->held, "takes a lock that is free");
    lock->held = true;
    locks_held++;
}

void raw_spin_unlock(raw_spinlock_t *lock)
{
    expect(lock->held, "gives back a lock that it holds");
    lock->held = false;
    locks_held--;
}

void timerqueue_init(struct timerqueue_node *node)
{
    node->node = (struct rb_node){NULL, true};
}

void timerqueue_init_head(struct timerqueue_head *head)
{
    head->rb_root.first = NULL;
}

static struct timerqueue_node *entry(struct rb_node *node)
{
    return container_of(node, struct timerqueue_node, node);
}

void timerqueue_add(struct timerqueue_head *head, struct timerqueue_node *node)
{
    struct rb_node **place = &head->rb_root.first;

    expect(locks_held > 0 && node->node.empty, "puts in what is out, under a lock");
    while (*place != NULL && entry(*place)->expires <= node->expires)
        place = &(*place)->next;
    node->node = (struct rb_node){*place, false};
    *place = &node->node;
}

void timerqueue_del(struct timerqueue_head *head, struct timerqueue_node *node)
{
    struct rb_node **place = &head->rb_root.first;

    expect(locks_held > 0 && !node->node.empty, "takes out what is in, under a lock");
    while (*place != &node->node)
        place = &(*place)->next;
    *place = node->node.next;
    timerqueue_init(node);
}

void *vzalloc(size_t size)
{
    if (kernel_allocations_left == 0)
        return NULL;
    kernel_allocations_left--;
    kernel_blocks++;
    return calloc(1, size);
}

void vfree(const void *block)
{
    kernel_blocks -= block != NULL;
    free((void *)(uintptr_t)block);
}
