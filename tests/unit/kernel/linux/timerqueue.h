/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in the order of their expiry, those of the same in the order in which they came: a list here, which
 * has the names of the kernel's tree.
 */
#ifndef KERNEL_LINUX_TIMERQUEUE_H
#define KERNEL_LINUX_TIMERQUEUE_H

#include <linux/types.h>

struct rb_node {
    struct rb_node *next;
    bool empty; /* in no queue; the kernel's is not so by being zero */
};

struct rb_root_cached {
    struct rb_node *first;
};

struct timerqueue_node {
    struct rb_node node;
    ktime_t expires;
};

struct timerqueue_head {
    struct rb_root_cached rb_root;
};

#define rb_entry(pointer, type, member) container_of(pointer, type, member)
#define RB_EMPTY_NODE(node)             ((node)->empty)

static inline struct rb_node *rb_first_cached(const struct rb_root_cached *root)
{
    return root->first;
}

static inline struct rb_node *rb_next(const struct rb_node *node)
{
    return node->next;
}

void timerqueue_init(struct timerqueue_node *node);
void timerqueue_init_head(struct timerqueue_head *head);
void timerqueue_add(struct timerqueue_head *head, struct timerqueue_node *node);
void timerqueue_del(struct timerqueue_head *head, struct timerqueue_node *node);

#endif
