/* SPDX-License-Identifier: GPL-2.0 */
/* Watching the sleeps of chosen tasks, see watch.c. */
#ifndef ONTIME_WATCH_H
#define ONTIME_WATCH_H

#include <linux/types.h>

struct watch_counters {
    u64 armed;     /* sleeps that were watched */
    u64 cancelled; /* of these: ended before their time, or were moved */
    u64 fired;     /* of these: the timer expired */
    u64 late;      /* of these: the expiry was handled more than WATCH_LATE_US after its time */
    u64 late_max;  /* the largest such lateness, counter ticks */
    u64 overflow;  /* sleeps of chosen tasks that were not watched, for lack of room */
    u64 calls;     /* calls to Ontime: arm, cancel and done */
    u64 done;      /* of these: done */
};

#define WATCH_LATE_US 100

int watch_start(void);
void watch_stop(void);
void watch_read(struct watch_counters *sum);

/* Tasks that could not be chosen, for lack of room, since the module was loaded. */
u64 watch_tasks_refused(void);

/* Which kinds of sleep are watched, as text. */
const char *watch_kinds(void);

#endif
