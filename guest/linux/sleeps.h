/* SPDX-License-Identifier: GPL-2.0 */
/* The watched sleeps, found by their timer and ordered by deadline for each CPU; see sleeps.c. */
#ifndef ONTIME_SLEEPS_H
#define ONTIME_SLEEPS_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <ontime/abi.h>

struct hrtimer;
struct task_struct;

int sleeps_init(void);
void sleeps_exit(void);

/* The functions below want interrupts off. Deadlines and `now` are counter values. */

/* Puts a timer that is not in yet into a CPU's queue; false when that queue is full. */
bool sleeps_add(const struct hrtimer *timer, const struct task_struct *task, unsigned int cpu, u64 deadline);

enum sleeps_fate {
    SLEEPS_UNKNOWN,   /* the timer was not in */
    SLEEPS_CANCELLED, /* it was taken out */
    SLEEPS_REACHED,   /* its deadline has been reached: the sleep stays, without its timer */
};

/* A timer was cancelled, or is about to be started anew. */
enum sleeps_fate sleeps_forget(const struct hrtimer *timer, u64 now);

/*
 * Takes out of a CPU's queue what a task (NULL: any) slept until `until` or earlier; at most SLEEPS_TAKE of
 * the earliest are looked at. Returns how many it took.
 */
#define SLEEPS_TAKE 32
unsigned int sleeps_take(unsigned int cpu, const struct task_struct *task, u64 until);

/* After a CPU was switched off: moves its sleeps to another's queue. Returns how many found no room there. */
unsigned int sleeps_leave_cpu(unsigned int cpu, unsigned int to);

/* The front of each CPU's queue, in one cache line, to be read on that CPU without a lock. */
struct sleeps_head {
    u64 first;                      /* the earliest deadline, or ONTIME_NO_DEADLINE */
    u64 second;                     /* the one after it, the same */
    const struct task_struct *task; /* who sleeps until the first */
    /* For the CPU's own use (watch.c): */
    u64 seen;   /* when it first saw the first as reached; 0 when that one is new */
    u64 looked; /* when it last looked */
};

DECLARE_PER_CPU_ALIGNED(struct sleeps_head, sleeps_heads);

#endif
