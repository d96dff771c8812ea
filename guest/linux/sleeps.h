/* SPDX-License-Identifier: GPL-2.0 */
/* The watched sleeps, found by their timer and ordered by deadline for each CPU; see sleeps.c. */
#ifndef ONTIME_SLEEPS_H
#define ONTIME_SLEEPS_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <ontime/abi.h>

struct hrtimer;

int sleeps_init(void);
void sleeps_exit(void);

/* The functions below want interrupts off. */

/* Puts a timer that is not in yet into a CPU's queue; false when that queue is full. */
bool sleeps_add(const struct hrtimer *timer, unsigned int cpu, u64 deadline);

/* Takes a timer out, whichever CPU's queue it is in; false when it is in none. */
bool sleeps_remove(const struct hrtimer *timer, u64 *deadline);

/*
 * After a CPU was switched off: moves its sleeps to where their timers went. Returns how many found no room
 * there.
 */
unsigned int sleeps_leave_cpu(unsigned int cpu);

/*
 * Each CPU's earliest deadline, or ONTIME_NO_DEADLINE, and its timer where it is the CPU's only sleep, else
 * NULL; to be read on that CPU.
 */
DECLARE_PER_CPU(u64, sleeps_first);
DECLARE_PER_CPU(const struct hrtimer *, sleeps_only);

#endif
