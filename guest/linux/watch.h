/* SPDX-License-Identifier: GPL-2.0 */
/* Watching the sleeps of chosen tasks, see watch.c. */
#ifndef ONTIME_WATCH_H
#define ONTIME_WATCH_H

#include <linux/types.h>

struct watch_counters {
    u64 armed;     /* sleeps that were watched */
    u64 cancelled; /* of these: ended before their deadline, or were set anew */
    u64 fired;     /* of these: the deadline was reached, and the work is done or given up */
    u64 late;     /* the CPU's earliest of these: the change to the task came more than WATCH_LATE_US after */
    u64 late_max; /* the largest such lateness, counter ticks */
    u64 given_up; /* of the fired: given up */
    u64 overflow; /* sleeps of chosen tasks that were not watched, for lack of room */
    u64 calls;    /* calls to Ontime: arm, cancel and done */
    u64 done;     /* of these: done */
};

#define WATCH_LATE_US 100

int watch_start(bool has_pages);
void watch_stop(void);
void watch_read(struct watch_counters *sum);

/* Tasks that could not be chosen, for lack of room, since the module was loaded. */
u64 watch_tasks_refused(void);

/* Chooses the calling task. -ENOSPC: no room; -ENOSYS: this kernel has no way to make its sleeps exact. */
int watch_choose_current(bool exactly);

/* Which kinds of sleep are watched, as text. */
const char *watch_kinds(void);

#endif
