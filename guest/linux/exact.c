// SPDX-License-Identifier: GPL-2.0
/*
 * Exact sleeps: the task is woken early by what its waking costs in this guest, and held in the kernel until
 * its time.
 *
 * When a sleep's timer is started, the tracepoint comes before the timer is put into the kernel's queue, so
 * its expiry can still be moved: to its true time (without slack) less the cost learned on this CPU. If it is
 * cancelled, the true expiry is put back before the kernel computes from it how much of the sleep is left.
 * The task gets a piece of task work, which the kernel runs on the task's way back to user space, before
 * signals: when the timer has expired, this reads the timer's clock until the true time has come.
 *
 * Only interruptible sleeps are moved. Those a signal may cut short anyway; a driver that must wait some time
 * for its device does so uninterruptibly.
 *
 * The cost is from the early expiry to the beginning of the hold, in ns, at about its 99.5th percentile: a
 * sample above the estimate raises it 199 times as much as one below lowers it.
 *
 * A task's state is its own, used in its context only; there is no lock. It outlives its work, because the
 * kernel runs the work before the task exits. Were it not so (an oops in the middle of a sleep), the state
 * stays, and with it the module.
 */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "exact.h"
#include "symbol.h"

#define COST_MOST  (200 * NSEC_PER_USEC)
#define COST_FIRST (100 * NSEC_PER_USEC)
#define STEP_DOWN  64
#define STEP_UP    (199 * STEP_DOWN)

struct exact {
    struct callback_head work;
    const struct hrtimer *timer; /* of the sleep that goes on, or has expired and is to be held */
    ktime_t (*clock)(void);
    ktime_t soft, hard; /* the true expiry, without slack and with it */
    ktime_t early;      /* the expiry instead, */
    bool learns;        /* unless that would have been in the past */
    bool queued;
};

static int (*add_work)(struct task_struct *, struct callback_head *, enum task_work_notify_mode);

static DEFINE_PER_CPU(s64, cost) = COST_FIRST;
static DEFINE_PER_CPU(struct exact_counters, counters);

static void learn(s64 sample)
{
    s64 old = __this_cpu_read(cost);

    old += sample > old ? STEP_UP : -STEP_DOWN;
    __this_cpu_write(cost, clamp_t(s64, old, 0, COST_MOST));
}

static void count(s64 left)
{
    __this_cpu_inc(counters.sleeps);
    if (left > 0)
        __this_cpu_add(counters.held_ns, left);
    else
        __this_cpu_inc(counters.missed);
}

/* All that takes time comes before the last look at the clock. */
static void hold(struct callback_head *work)
{
    struct exact *exact = container_of(work, struct exact, work);
    ktime_t soft = exact->soft, now, latest;

    exact->queued = false;
    if (!exact->timer || (current->flags & PF_EXITING))
        return;
    exact->timer = NULL;
    now = exact->clock();
    preempt_disable();
    if (exact->learns)
        learn(now - exact->early);
    count(soft - now);
    preempt_enable();
    latest = now + COST_MOST; /* the clock may have been set back meanwhile */
    while (now < soft && now < latest) {
        cond_resched();
        now = exact->clock();
    }
}

static bool is_movable(const struct hrtimer *timer)
{
    const struct hrtimer_sleeper *sleeper = container_of(timer, struct hrtimer_sleeper, timer);

    return sleeper->task == current && (READ_ONCE(current->__state) & TASK_INTERRUPTIBLE) &&
           timer->base->cpu_base->cpu == smp_processor_id(); /* another CPU would not be told of it */
}

void exact_begin(struct exact *exact, struct hrtimer *timer)
{
    ktime_t now;

    if (!is_movable(timer))
        return;
    exact->clock = timer->base->get_time;
    exact->soft = hrtimer_get_softexpires(timer);
    exact->hard = hrtimer_get_expires(timer);
    now = exact->clock();
    exact->early = ktime_sub(exact->soft, __this_cpu_read(cost));
    exact->learns = exact->early > now;
    if (!exact->learns)
        exact->early = min(now, exact->soft);
    if (!exact->queued) {
        if (add_work(current, &exact->work, TWA_RESUME))
            return;
        exact->queued = true;
    }
    exact->timer = timer;
    hrtimer_set_expires_range(timer, exact->early, 0);
}

void exact_cancel(struct exact *exact, struct hrtimer *timer)
{
    if (exact->timer != timer)
        return;
    exact->timer = NULL;
    hrtimer_set_expires_range(timer, exact->soft, ktime_sub(exact->hard, exact->soft));
}

struct exact *exact_new(gfp_t flags)
{
    struct exact *exact = kzalloc(sizeof(*exact), flags);

    if (!exact)
        return NULL;
    __module_get(THIS_MODULE); /* by a probe or the device, so it is loaded */
    init_task_work(&exact->work, hold);
    return exact;
}

void exact_free(struct exact *exact)
{
    if (!exact || exact->queued)
        return;
    kfree(exact);
    module_put(THIS_MODULE);
}

void exact_read(struct exact_counters *sum)
{
    unsigned int cpu;

    memset(sum, 0, sizeof(*sum));
    for_each_possible_cpu(cpu)
    {
        const struct exact_counters *one = per_cpu_ptr(&counters, cpu);

        sum->sleeps += READ_ONCE(one->sleeps);
        sum->missed += READ_ONCE(one->missed);
        sum->held_ns += READ_ONCE(one->held_ns);
        sum->early_ns = max(sum->early_ns, (u64)READ_ONCE(per_cpu(cost, cpu)));
    }
}

bool exact_start(void)
{
    add_work = symbol_named("task_work_add");
    return add_work;
}
