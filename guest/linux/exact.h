/* SPDX-License-Identifier: GPL-2.0 */
/* Exact sleeps: woken early, and held until their time; see exact.c. */
#ifndef ONTIME_EXACT_H
#define ONTIME_EXACT_H

#include <linux/gfp.h>
#include <linux/types.h>

struct exact;
struct hrtimer;

struct exact_counters {
    u64 sleeps;   /* that were held, or too late to be */
    u64 missed;   /* of these: too late */
    u64 ticks;    /* of these: the guest's tick came while the task was held, and made it late */
    u64 held_ns;  /* CPU time spent in holding */
    u64 early_ns; /* how early tasks are woken now: the largest of all CPUs */
};

void exact_start(void);
void exact_stop(void);

/* Comes before the first exact_new. -ENOSYS: this kernel has no way to hold a task. May sleep. */
int exact_use(void);

/* The state of one task; NULL for lack of memory. Keeps the module loaded until it is freed. */
struct exact *exact_new(gfp_t flags);
void exact_free(struct exact *exact);

/*
 * The current task starts, or cancels, the timer of a sleep. To be called by the probes, base lock held.
 * True: it is so short a sleep that the task keeps the CPU.
 */
bool exact_begin(struct exact *exact, struct hrtimer *timer, bool is_relative);
void exact_cancel(struct exact *exact, struct hrtimer *timer);

void exact_read(struct exact_counters *sum);

#endif
