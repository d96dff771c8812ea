/* SPDX-License-Identifier: GPL-2.0 */
/* Exact sleeps: tasks are woken early, and held until their time; see exact.c. */
#ifndef ONTIME_EXACT_H
#define ONTIME_EXACT_H

#include <linux/gfp.h>
#include <linux/types.h>

struct exact;
struct hrtimer;

struct exact_counters {
    u64 sleeps;   /* exact sleeps that lasted until their time */
    u64 missed;   /* of the sleeps: the hold began when their time had passed */
    u64 ticks;    /* of the sleeps: the guest's tick came in the hold, and made the task late */
    u64 held_ns;  /* time for which tasks were held, in all */
    u64 early_ns; /* how early tasks are woken now: the largest estimate of all CPUs */
};

void exact_start(void);
void exact_stop(void);

/* To be called before the first exact_new; may sleep. -ENOSYS: this kernel has no way to hold a task. */
int exact_use(void);

/* The state of one task; NULL for lack of memory. Keeps the module loaded until it is freed. */
struct exact *exact_new(gfp_t flags);
void exact_free(struct exact *exact);

/*
 * The current task starts or cancels the timer of a sleep. To be called by the probes, the lock of the
 * timer's base held. exact_begin returns true when the sleep is so short that the task keeps the CPU.
 */
bool exact_begin(struct exact *exact, struct hrtimer *timer, bool is_relative);
void exact_cancel(struct exact *exact, struct hrtimer *timer);

void exact_read(struct exact_counters *sum);

#endif
