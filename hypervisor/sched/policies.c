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

const struct sched_policy *const sched_policies[] = {&bvt_policy, &credit_policy, &sedf_policy, &rr_policy,
                                                     NULL};

const struct sched_policy *sched_policy_find(const char *name)
{
    for (const struct sched_policy *const *policy = sched_policies; *policy != NULL; policy++) {
        if (strcmp((*policy)->name, name) == 0)
            return *policy;
    }
    return NULL;
}

bool sched_no_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t needs,
                   uint64_t now)
{
    (void)queue, (void)unit, (void)deadline, (void)needs, (void)now;
    return false;
}

bool sched_no_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    (void)queue, (void)unit, (void)now;
    return false;
}

void sched_queue_init(struct sched_queue *queue, const struct sched_policy *policy, uint64_t allowance,
                      uint64_t ms, struct heap_node **slots, unsigned capacity)
{
    ASSERT(allowance <= SCHED_TICKS_MAX && ms > 0);
    *queue = (struct sched_queue){.lock = SPINLOCK_INIT, .policy = policy, .allowance = allowance, .ms = ms};
    heap_init(&queue->waiting, slots, capacity);
    if (policy->init != NULL)
        policy->init(queue, slots + capacity, capacity);
}
