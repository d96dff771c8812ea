/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of the scheduling policies, and what all of them share. A policy is one file of this folder and
 * one line of POLICIES.
 */
#include "sched/policies.h"
#include <string.h>
#include "base/assert.h"

/* clang-format off */
#define POLICIES(one) \
    one(cbs) \
    one(bvt) \
    one(credit) \
    one(sedf) \
    one(rr)
/* clang-format on */

#define DECLARE(name) extern const struct sched_policy name##_policy;
#define ADDRESS(name) &name##_policy,

POLICIES(DECLARE)

const struct sched_policy *const sched_policies[] = {POLICIES(ADDRESS) NULL};

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
    *queue = (struct sched_queue){.policy = policy, .allowance = allowance, .ms = ms};
    heap_init(&queue->waiting, slots, capacity);
    if (policy->init != NULL)
        policy->init(queue, slots + capacity, capacity);
}
