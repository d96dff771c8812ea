/* SPDX-License-Identifier: GPL-2.0 */
/* The watched sleeps, found by their timer and ordered by deadline for each CPU; see sleep_queue.c. */
#ifndef ONTIME_SLEEP_QUEUE_H
#define ONTIME_SLEEP_QUEUE_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <ontime/abi.h>

struct hrtimer;
struct task_struct;

int sleeps_init(void);
void sleeps_exit(void);

/* The functions below are called with interrupts off. Deadlines, `now` and `until` are counter values. */

/*
 * Puts a timer that is not watched yet into a CPU's queue. sure: when the deadline has been reached, the task
 * is at work, until it waits. Returns false when the queue is full.
 */
bool sleeps_add(const struct hrtimer *timer, const struct task_struct *task, unsigned int cpu, u64 deadline,
                bool sure);

enum sleeps_fate {
    SLEEPS_UNKNOWN,   /* the timer was not watched */
    SLEEPS_CANCELLED, /* its sleep was taken out of the queue */
    SLEEPS_REACHED,   /* its deadline has been reached: the sleep stays queued, and has lost its timer */
};

/* A timer was cancelled, or is about to be started anew. */
enum sleeps_fate sleeps_forget(const struct hrtimer *timer, u64 now);

/*
 * Takes a task's sleeps (task NULL: all tasks' sleeps) with deadlines up to `until` out of a CPU's queue.
 * Takes at most SLEEPS_TAKE, and each time looks for the task among the SLEEPS_TAKE earliest only. Returns
 * how many it took.
 */
#define SLEEPS_TAKE 32
unsigned int sleeps_take(unsigned int cpu, const struct task_struct *task, u64 until);

/* The same for all tasks; but of those that are surely at work it takes only those up to `until_sure`. */
unsigned int sleeps_give_up(unsigned int cpu, u64 until, u64 until_sure);

/* The task has got the CPU: it is surely at work for its deadlines that are reached. */
void sleeps_begin(unsigned int cpu, const struct task_struct *task, u64 now);

/* The earliest deadline of the task that is reached, or ONTIME_NO_DEADLINE. */
u64 sleeps_reached(unsigned int cpu, const struct task_struct *task, u64 now);

/*
 * Moves the sleeps of a CPU that is offline to another CPU's queue. Returns how many were dropped: for lack
 * of room there, or because their timers were forgotten meanwhile.
 */
unsigned int sleeps_leave_cpu(unsigned int cpu, unsigned int to);

/* The front of each CPU's queue, in one cache line, to be read on that CPU without a lock. */
struct sleeps_head {
    u64 first;                      /* the earliest deadline, or ONTIME_NO_DEADLINE */
    u64 second;                     /* the deadline after it, or ONTIME_NO_DEADLINE */
    const struct task_struct *task; /* the task that sleeps until `first` */
    /* For the CPU's own use (watch.c): */
    u64 seen;   /* when the CPU saw that `first` was reached; 0: it has not yet */
    u64 looked; /* when the CPU looked last */
    bool left;  /* `task` has waited since, and its sleep is still to be taken out */
};

DECLARE_PER_CPU_ALIGNED(struct sleeps_head, sleeps_heads);

#endif
