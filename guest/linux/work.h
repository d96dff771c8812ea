/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks that have joined the work of a reached deadline, see work.c. */
#ifndef ONTIME_WORK_H
#define ONTIME_WORK_H

#include <linux/cache.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <ontime/abi.h>

struct task_struct;

#define WORK_TASKS 8

struct work {
    u64 first;        /* the earliest deadline of the tasks below, or ONTIME_NO_DEADLINE */
    unsigned int end; /* the places from here on are free */
    struct {
        const struct task_struct *task; /* NULL: the place is free */
        u64 deadline;
    } places[WORK_TASKS];
};

DECLARE_PER_CPU_ALIGNED(struct work, works);

void work_init(void);

/* The functions below, but work_drop, are called on the CPU whose work it is, with interrupts off. */

/* The deadline that the task has joined the work of, or ONTIME_NO_DEADLINE. */
u64 work_of(const struct work *work, const struct task_struct *task);

/* The task joins. It must not have joined already. Returns false when there is no room. */
bool work_join(struct work *work, const struct task_struct *task, u64 deadline);

/* Takes out the task, and those with deadlines up to `until`. */
void work_look(struct work *work, const struct task_struct *task, u64 until);

/* Takes out a task, on any CPU. `first` stays as it is until the next work_look. */
void work_drop(struct work *work, const struct task_struct *task);

static __always_inline bool work_is_on(const struct work *work)
{
    return READ_ONCE(work->first) != ONTIME_NO_DEADLINE;
}

#endif
