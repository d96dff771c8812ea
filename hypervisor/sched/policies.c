/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduling policies there are, and what all of them share. A policy is one file of this folder, one
 * line here.
 */
#include "core/sched.h"
#include <stddef.h>
#include <string.h>
#include "core/assert.h"
#include "sched/policies.h"

const struct sched_policy *const sched_policies[] = {&bvt_policy, NULL};

const struct sched_policy *sched_policy_find(const char *name)
{
    for (const struct sched_policy *const *policy = sched_policies; *policy != NULL; policy++) {
        if (strcmp((*policy)->name, name) == 0)
            return *policy;
    }
    return NULL;
}

void sched_queue_init(struct sched_queue *queue, const struct sched_policy *policy, uint64_t allowance,
                      struct heap_node **slots, unsigned capacity)
{
    ASSERT(allowance <= SCHED_TICKS_MAX);
    *queue = (struct sched_queue){.lock = SPINLOCK_INIT, .policy = policy, .allowance = allowance};
    heap_init(&queue->waiting, slots, capacity);
    heap_init(&queue->bvt.urgent, slots + capacity, capacity);
    heap_init(&queue->bvt.spent, slots + 2 * (size_t)capacity, capacity);
    heap_init(&queue->bvt.warped, slots + 3 * (size_t)capacity, capacity);
}
