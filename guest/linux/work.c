// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks that have joined the work of a reached deadline, because a task at work for it has woken them.
 *
 * Each CPU has WORK_TASKS places, so a wake-up costs little, and no more tasks than that can run ahead of
 * other VMs for one that slept. A task is in one place at most. Pointers to tasks serve as names here: they
 * are compared, and never followed. A task leaves when it waits, exits or moves to another CPU, so a name is
 * in use as long as the task that it was given to, or up to the time at which the work is given up (watch.c).
 *
 * There is no lock. A CPU alone fills its places. Another CPU, to which a task moves, only frees the task's
 * place, and leaves it to the first CPU to compute `first` anew.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>

#include "work.h"

DEFINE_PER_CPU_ALIGNED(struct work, works);

void work_init(void)
{
    unsigned int cpu;

    for_each_possible_cpu(cpu) per_cpu_ptr(&works, cpu)->first = ONTIME_NO_DEADLINE;
}

u64 work_of(const struct work *work, const struct task_struct *task)
{
    unsigned int i;

    for (i = 0; i < work->end; i++)
        if (READ_ONCE(work->places[i].task) == task)
            return work->places[i].deadline;
    return ONTIME_NO_DEADLINE;
}

bool work_join(struct work *work, const struct task_struct *task, u64 deadline)
{
    unsigned int i;

    for (i = 0; i < work->end && READ_ONCE(work->places[i].task); i++)
        ;
    if (i == WORK_TASKS)
        return false;
    work->places[i].deadline = deadline;
    WRITE_ONCE(work->places[i].task, task);
    WRITE_ONCE(work->end, max(work->end, i + 1));
    WRITE_ONCE(work->first, min(work->first, deadline));
    return true;
}

void work_look(struct work *work, const struct task_struct *task, u64 until)
{
    u64 first = ONTIME_NO_DEADLINE;
    unsigned int i, end = 0;

    for (i = 0; i < work->end; i++) {
        const struct task_struct *here = READ_ONCE(work->places[i].task);

        if (!here)
            continue;
        if (here == task || work->places[i].deadline <= until) {
            WRITE_ONCE(work->places[i].task, NULL);
            continue;
        }
        first = min(first, work->places[i].deadline);
        end = i + 1;
    }
    WRITE_ONCE(work->end, end);
    WRITE_ONCE(work->first, first);
}

void work_drop(struct work *work, const struct task_struct *task)
{
    unsigned int i;

    for (i = 0; i < WORK_TASKS; i++)
        if (READ_ONCE(work->places[i].task) == task)
            cmpxchg(&work->places[i].task, task, NULL);
}
