/* SPDX-License-Identifier: GPL-2.0 */
/* Which timers are sleeps, and whose; see kinds.c. */
#ifndef ONTIME_KINDS_H
#define ONTIME_KINDS_H

#include <linux/hrtimer.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "tick.h"

typedef enum hrtimer_restart (*timer_function)(struct hrtimer *);

/* The functions of the timers that are sleeps: kinds_sleeper for a task that waits for the timer itself. */
#define KINDS_OTHERS 8
extern timer_function kinds_sleeper, kinds_others[KINDS_OTHERS];

/* To be called before all others. */
void kinds_find(void);

/* The kinds that this kernel has, as text. */
const char *kinds_text(void);

/* The expiry of such a timer wakes its task, and nothing else. */
static __always_inline bool kinds_is_sleeper(const struct hrtimer *timer)
{
    return READ_ONCE(timer->function) == kinds_sleeper;
}

static __always_inline bool kinds_is_sleep(const struct hrtimer *timer)
{
    timer_function function = READ_ONCE(timer->function);
    int i;

    if (function == kinds_sleeper)
        return true;
    if (function ==
        tick_function) /* restarted on a CPU's way out of idle to a woken task: no look at the rest */
        return false;
    for (i = 0; i < KINDS_OTHERS; i++)
        if (function == kinds_others[i])
            return true;
    return false;
}

/*
 * The task that sleeps until the timer expires, or NULL. To be called when the timer is started. The caller
 * has interrupts off, or is in an RCU read-side critical section.
 */
const struct task_struct *kinds_task(const struct hrtimer *timer);

#endif
