/* SPDX-License-Identifier: Apache-2.0 */
/* Lists with a head of one pointer. */
#ifndef KERNEL_LINUX_LIST_H
#define KERNEL_LINUX_LIST_H

#include <linux/types.h>

struct hlist_node {
    struct hlist_node *next, **link; /* link: what points to this node; NULL when it is in no list */
};

struct hlist_head {
    struct hlist_node *first;
};

static inline bool hlist_empty(const struct hlist_head *head)
{
    return head->first == NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
    return node->link == NULL;
}

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
    node->next = head->first;
    if (node->next != NULL)
        node->next->link = &node->next;
    head->first = node;
    node->link = &head->first;
}

/* Does nothing when the node is in no list. */
static inline void hlist_del_init(struct hlist_node *node)
{
    if (hlist_unhashed(node))
        return;
    *node->link = node->next;
    if (node->next != NULL)
        node->next->link = node->link;
    *node = (struct hlist_node){NULL, NULL};
}

#define hlist_entry(node, type, member) container_of(node, type, member)

#define hlist_entry_or_null(node, type, member) ((node) != NULL ? container_of(node, type, member) : NULL)

#define hlist_for_each_entry(entry, head, member)                                                            \
    for ((entry) = hlist_entry_or_null((head)->first, __typeof__(*(entry)), member); (entry) != NULL;        \
         (entry) = hlist_entry_or_null((entry)->member.next, __typeof__(*(entry)), member))

#endif
