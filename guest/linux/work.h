/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks that have joined the work of a reached deadline, see work.c. */
#ifndef ONTIME_WORK_H
#define ONTIME_WORK_H

#include <linux/cache.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <ontime/abi.h>

struct task_struct;

#define WORK_TASKS 8

struct work {
    raw_spinlock_t lock;
    u64 first;        /* the earliest deadline of the tasks below, or ONTIME_NO_DEADLINE */
    bool handed_on;   /* a task has joined from another CPU since work_take_handed_on() */
    unsigned int end; /* the places from here on are free */
    struct {
        const struct task_struct *task; /* NULL: the place is free */
        u64 deadline;
        bool is_coming; /* it has joined from another CPU, and this one has not switched to it yet */
    } places[WORK_TASKS];
};

DECLARE_PER_CPU_ALIGNED(struct work, works);

void work_init(void);

/* The functions below are called with interrupts off. */

/* The deadline that the task has joined the work of, or ONTIME_NO_DEADLINE. */
u64 work_of(const struct work *work, const struct task_struct *task);

/* The task joins, on the CPU of that number. It must not have joined already. False: there is no room. */
bool work_join(unsigned int cpu, const struct task_struct *task, u64 deadline);

/*
 * The CPU switches from `prev`, which waits, to `next`; NULL: it does not. Takes out `prev`, those with
 * deadlines up to `until` and, if the CPU goes idle, all but those that are on their way to it.
 */
void work_look(struct work *work, const struct task_struct *prev, const struct task_struct *next, bool idles,
               u64 until);

/*
 * Takes out a task that moves to another CPU, and returns its deadline, or ONTIME_NO_DEADLINE if it had not
 * joined. `first` stays as it is until the CPU's next work_look.
 */
u64 work_leave(struct work *work, const struct task_struct *task);

/* On the CPU whose work it is. Has a task joined from another CPU since this was asked last? */
bool work_take_handed_on(struct work *work);

static __always_inline bool work_is_on(const struct work *work)
{
    return READ_ONCE(work->first) != ONTIME_NO_DEADLINE;
}

#endif
