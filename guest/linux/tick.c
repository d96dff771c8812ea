// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the guest's tick away from the end of an exact sleep (exact.c).
 *
 * A tick takes Linux some 25 us. If it comes in the last 25 us before the time of a task that is held, that
 * task is late. Such a tick is put off until the task is back in user space, by less than TICK_TAKES and
 * RETURN_TAKES together. Linux has to bear that anyway, because code that masks interrupts delays a tick as
 * much. A tick is put off once only, and the next one comes when it would have come without that.
 *
 * The tick of a CPU is a timer of that CPU, and is touched with interrupts off.
 */
#include <linux/percpu.h>

#include "symbol.h"
#include "tick.h"

#define TICK_TAKES   (50 * NSEC_PER_USEC)
#define RETURN_TAKES (15 * NSEC_PER_USEC)
#define MOVING_TAKES (10 * NSEC_PER_USEC)

enum hrtimer_restart (*tick_function)(struct hrtimer *);
bool tick_in_use;

struct tick {
    struct hrtimer *timer;
    s64 moved; /* by how much it was put off, ns */
};

static DEFINE_PER_CPU(struct tick, ticks);

void tick_find(void)
{
    void *function = symbol_named("tick_sched_timer");

    tick_function = function ?: symbol_named("tick_nohz_handler"); /* its name from 6.9 on */
}

void tick_use(void)
{
    WRITE_ONCE(tick_in_use, true);
}

/* Linux computes the tick's next expiry from the last one. This takes the delay of the last one off again. */
void tick_note(struct hrtimer *timer)
{
    struct tick *tick = per_cpu_ptr(&ticks, timer->base->cpu_base->cpu);

    tick->timer = timer;
    if (tick->moved)
        hrtimer_add_expires_ns(timer, -tick->moved);
    tick->moved = 0;
}

static void put_off(struct tick *tick, ktime_t end)
{
    s64 by = end + RETURN_TAKES - hrtimer_get_expires(tick->timer);

    hrtimer_start(tick->timer, end + RETURN_TAKES, HRTIMER_MODE_ABS_PINNED_HARD);
    tick->moved = by;
}

void tick_stay_clear(ktime_t end)
{
    struct tick *tick;
    unsigned long flags;
    ktime_t at;

    local_irq_save(flags);
    tick = this_cpu_ptr(&ticks);
    if (tick->timer && !tick->moved && hrtimer_is_queued(tick->timer)) {
        at = hrtimer_get_expires(tick->timer);
        if (at > end - TICK_TAKES && at < end + RETURN_TAKES && ktime_get() < end - MOVING_TAKES)
            put_off(tick, end);
    }
    local_irq_restore(flags);
}
