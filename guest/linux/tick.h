/* SPDX-License-Identifier: GPL-2.0 */
/* Keeps the guest's tick out of the end of a sleep, see tick.c. */
#ifndef ONTIME_TICK_H
#define ONTIME_TICK_H

#include <linux/hrtimer.h>

/* The tick's function; NULL until tick_use, and where this kernel's is not known. */
extern enum hrtimer_restart (*tick_function)(struct hrtimer *);

void tick_use(void);
void tick_note(struct hrtimer *timer);

/* The probes tell of each timer that is started or cancelled, before it is. Base lock held. */
static __always_inline void tick_look(struct hrtimer *timer)
{
    if (unlikely(timer->function == READ_ONCE(tick_function)))
        tick_note(timer);
}

/* This CPU's tick does not come just before `end` (monotonic), nor just after it. */
void tick_stay_clear(ktime_t end);

#endif
