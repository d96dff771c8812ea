/* SPDX-License-Identifier: GPL-2.0 */
/* Keeps the guest's tick away from the end of an exact sleep, see tick.c. */
#ifndef ONTIME_TICK_H
#define ONTIME_TICK_H

#include <linux/hrtimer.h>

/* The function of the tick's timer. NULL before tick_find, and in a kernel where it has another name. */
extern enum hrtimer_restart (*tick_function)(struct hrtimer *);
extern bool tick_in_use;

void tick_find(void);
void tick_use(void); /* from now on the tick's timer is followed */
void tick_note(struct hrtimer *timer);

/* The probes call this for each timer that is about to be started or cancelled, its base's lock held. */
static __always_inline void tick_look(struct hrtimer *timer)
{
    if (unlikely(READ_ONCE(tick_in_use)) && timer->function == tick_function)
        tick_note(timer);
}

/* Puts off this CPU's tick, if it would come just before or just after `end` (CLOCK_MONOTONIC). */
void tick_stay_clear(ktime_t end);

#endif
