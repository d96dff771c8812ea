// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks that have joined the work of a reached deadline, because a task at work for it has woken them.
 *
 * Each CPU has WORK_TASKS places, so a wake-up costs little, and no more tasks than that can run ahead of
 * other VMs for one that slept. A task is in one place at most. Pointers to tasks serve as names here: they
 * are compared, and never followed. A task leaves when it waits, exits or moves to another CPU, so a name is
 * in use as long as the task that it was given to, or up to the time at which the work is given up (watch.c).
 *
 * The lock of a CPU's places is taken to change them: a task joins on another CPU than the one that it is
 * woken on, and leaves when another CPU moves it. No other lock is taken inside it, and interrupts are off.
 * To look at them takes no lock.
 */
#include <linux/kernel.h>
#include <linux/smp.h>

#include "work.h"

DEFINE_PER_CPU_ALIGNED(struct work, works);

void work_init(void)
{
    unsigned int cpu;

    for_each_possible_cpu(cpu)
    {
        raw_spin_lock_init(&per_cpu_ptr(&works, cpu)->lock);
        per_cpu_ptr(&works, cpu)->first = ONTIME_NO_DEADLINE;
    }
}

u64 work_of(const struct work *work, const struct task_struct *task)
{
    unsigned int i;

    for (i = 0; i < READ_ONCE(work->end); i++)
        if (smp_load_acquire(&work->places[i].task) == task)
            return work->places[i].deadline;
    return ONTIME_NO_DEADLINE;
}

/* The lock is held. */
static bool join(struct work *work, const struct task_struct *task, u64 deadline, bool is_coming)
{
    unsigned int i;

    for (i = 0; i < work->end && work->places[i].task; i++)
        ;
    if (i == WORK_TASKS)
        return false;
    work->places[i].deadline = deadline;
    work->places[i].is_coming = is_coming;
    smp_store_release(&work->places[i].task, task);
    WRITE_ONCE(work->end, max(work->end, i + 1));
    WRITE_ONCE(work->first, min(work->first, deadline));
    return true;
}

bool work_join(unsigned int cpu, const struct task_struct *task, u64 deadline)
{
    struct work *work = per_cpu_ptr(&works, cpu);
    bool is_coming = cpu != smp_processor_id(), joined;

    raw_spin_lock(&work->lock);
    joined = join(work, task, deadline, is_coming);
    if (joined && is_coming)
        WRITE_ONCE(work->handed_on, true);
    raw_spin_unlock(&work->lock);
    return joined;
}

void work_look(struct work *work, const struct task_struct *prev, const struct task_struct *next, bool idles,
               u64 until)
{
    u64 first = ONTIME_NO_DEADLINE;
    unsigned int i, end = 0;

    raw_spin_lock(&work->lock);
    for (i = 0; i < work->end; i++) {
        const struct task_struct *here = work->places[i].task;

        if (!here)
            continue;
        if (here == prev || work->places[i].deadline <= until || (idles && !work->places[i].is_coming)) {
            WRITE_ONCE(work->places[i].task, NULL);
            continue;
        }
        if (here == next)
            work->places[i].is_coming = false;
        first = min(first, work->places[i].deadline);
        end = i + 1;
    }
    WRITE_ONCE(work->end, end);
    WRITE_ONCE(work->first, first);
    raw_spin_unlock(&work->lock);
}

u64 work_leave(struct work *work, const struct task_struct *task)
{
    u64 deadline = ONTIME_NO_DEADLINE;
    unsigned int i;

    raw_spin_lock(&work->lock);
    for (i = 0; i < work->end; i++) {
        if (work->places[i].task != task)
            continue;
        deadline = work->places[i].deadline;
        WRITE_ONCE(work->places[i].task, NULL);
    }
    raw_spin_unlock(&work->lock);
    return deadline;
}

bool work_take_handed_on(struct work *work)
{
    bool handed_on = READ_ONCE(work->handed_on);

    if (handed_on)
        WRITE_ONCE(work->handed_on, false);
    return handed_on;
}
