/* SPDX-License-Identifier: GPL-2.0 */
/* Watching the sleeps of chosen tasks, see watch.c. */
#ifndef ONTIME_WATCH_H
#define ONTIME_WATCH_H

#include <linux/types.h>

struct watch_counters {
    u64 armed;         /* sleeps that were watched */
    u64 cancelled;     /* of the armed: ended before their deadline, or were set anew */
    u64 fired;         /* of the armed: the deadline was reached, and the work is done or given up */
    u64 late;          /* of the fired, while first in their queue: the CPU switched to the task more than
                        * WATCH_LATE_US after the deadline */
    u64 late_max;      /* the longest time from such a deadline to the switch to its task, counter ticks */
    u64 given_up;      /* of the fired: given up */
    u64 overflow;      /* sleeps of chosen tasks that were not watched, for lack of room */
    u64 joined;        /* tasks that joined the work of a deadline on a CPU: woken by one at work, or moved */
    u64 joins_refused; /* tasks that did not join, for lack of room */
    u64 calls;         /* calls to Ontime: arm, cancel and done */
    u64 done;          /* of the calls: done */
};

#define WATCH_LATE_US 100

/* `features`: Ontime's, ONTIME_FEATURE_... */
int watch_start(u64 features);
void watch_stop(void);
void watch_read(struct watch_counters *sum);

/* Tasks that could not be chosen, for lack of room, since the module was loaded. */
u64 watch_tasks_refused(void);

/* Chooses the calling task. -ENOSPC: no room; -ENOSYS: this kernel has no way to make its sleeps exact. */
int watch_choose_current(bool exactly);

#endif
