// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks chosen by `ontime run`.
 *
 * A set of task pointers, which are compared and never followed. A task is added while it is alive, by itself
 * or by its parent's fork, and removed by its exit. So a pointer in the set never names a later task at the
 * same address. Each pointer hashes to one row of SLOTS places, and a reader searches that row without a
 * lock. No task is added twice at the same time, because only the task itself and the fork that makes it add
 * it.
 *
 * A task that finds its row full is refused, and counted (watch_tasks_refused). With 6,000 chosen tasks the
 * odds that any row is too short are one in 7,000.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kernel.h>

#include "chosen.h"

#define ROW_BITS 9
#define SLOTS    32

static struct chosen rows[1 << ROW_BITS][SLOTS];
static atomic_t count = ATOMIC_INIT(0);

static struct chosen *row_of(const struct task_struct *task)
{
    return rows[hash_ptr(task, ROW_BITS)];
}

struct chosen *chosen_find(const struct task_struct *task)
{
    struct chosen *row = row_of(task);
    int i;

    if (!atomic_read(&count))
        return NULL;
    for (i = 0; i < SLOTS; i++)
        if (READ_ONCE(row[i].task) == task)
            return &row[i];
    return NULL;
}

struct chosen *chosen_add(struct task_struct *task)
{
    struct chosen *row = row_of(task), *old = chosen_find(task);
    int i;

    if (old)
        return old;
    for (i = 0; i < SLOTS; i++) {
        if (!cmpxchg(&row[i].task, NULL, task)) {
            atomic_inc(&count);
            return &row[i];
        }
    }
    return NULL;
}

void chosen_remove(struct chosen *chosen)
{
    chosen->exact = NULL;
    smp_store_release(&chosen->task, NULL);
    atomic_dec(&count);
}
