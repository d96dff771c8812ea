// SPDX-License-Identifier: GPL-2.0
/*
 * Exact sleeps: a task is woken early, by as much as its waking costs in this guest, and is then held in the
 * kernel until its time.
 *
 * When a sleep's timer is started, the kernel passes the tracepoint before it puts the timer into its queue.
 * So exact_begin can still move the expiry: to the true end of the sleep, without slack, less the cost
 * learned on this CPU. If the timer is cancelled, exact_cancel puts the true expiry back, before the kernel
 * computes from it how much of the sleep is left. exact_begin also gives the task a piece of task work
 * (hold). The kernel runs that on the task's way back to user space, before it delivers signals. If the timer
 * has expired, the hold reads the timer's clock until the true end has come.
 *
 * A task does not sleep at all when the sleep is shorter than the cost: its sleeper is marked as woken before
 * the task gives up the CPU, and the task is held for the whole sleep.
 *
 * Only interruptible sleeps are made exact. Whoever sleeps interruptibly is prepared to wake early, by a
 * signal. A driver that must wait for its device sleeps uninterruptibly.
 *
 * The cost is the time from the early expiry to the beginning of the hold, in ns. The estimate is at about
 * the 99.8th percentile: a sample above it raises it by 499 times as much as a sample below lowers it.
 *
 * A task's state is used in that task's context only, and needs no lock. It is not freed while its work is
 * queued, and the kernel runs the work before a task exits. If a task ends without that (after an oops in the
 * middle of a sleep), the state is never freed, and the module stays loaded.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "chosen.h"
#include "clock.h"
#include "exact.h"
#include "symbol.h"
#include "tick.h"

#define COST_MOST  (200 * NSEC_PER_USEC)
#define COST_FIRST (100 * NSEC_PER_USEC)
#define LATE       (2 * NSEC_PER_USEC)
#define FINE       (5 * NSEC_PER_USEC)
#define STEP_DOWN  32
#define STEP_UP    (499 * STEP_DOWN)

struct exact {
    struct callback_head work;
    struct preempt_notifier notifier;
    bool queued, notified;                 /* the work is queued, the notifier is registered */
    const struct hrtimer *timer;           /* of the sleep that is on, or is over and to be held; else NULL */
    const struct hrtimer_clock_base *base; /* the timer's clock */
    ktime_t soft, hard;                    /* the kernel's expiry, without slack and with it */
    ktime_t end;                           /* the true end of the sleep, when the task may go on */
    ktime_t early;                         /* the expiry set instead: `end` less the learned cost */
    bool is_short;                         /* `early` had passed already: the task does not sleep */
    ktime_t called, length; /* of a relative nanosleep: the time of the call (monotonic), its argument */
};

static int (*add_work)(struct task_struct *, struct callback_head *, enum task_work_notify_mode);
static void (*restore_fp)(void);
static u64 late_ticks;
static bool in_use, is_hooked;

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

/* Spins for COST_MOST at the longest, because the clock may be set back meanwhile. */
static void spin_until(ktime_t time, const struct hrtimer_clock_base *base)
{
    ktime_t now = base->get_time(), latest = now + COST_MOST;
    unsigned long before = jiffies;
    u64 end;

    for (; time - now > FINE && now < latest; now = base->get_time())
        cond_resched();
    end = counter_at(time, base) + 1;
    while (counter() < end && time - now <= FINE)
        ;
    if (unlikely(counter() > end + late_ticks) && jiffies != before)
        this_cpu_inc(counters.ticks);
}

/* Whatever takes time comes before spin_until, so that it does not make the task late. */
static void hold(struct callback_head *work)
{
    struct exact *exact = container_of(work, struct exact, work);
    ktime_t now;

    exact->queued = false;
    if (!exact->timer || (current->flags & PF_EXITING))
        return;
    exact->timer = NULL;
    now = exact->base->get_time();
    preempt_disable();
    if (!exact->is_short)
        learn(now - exact->early);
    count(exact->end - now);
    preempt_enable();
    tick_stay_clear(ktime_sub(exact->end, exact->base->offset));
    spin_until(exact->end, exact->base);
}

/*
 * Linux loads a task's floating-point registers on its way to user space, behind the hold, unless they are
 * loaded already. So they are loaded when the task gets the CPU back, before the hold.
 */
static void got_cpu(struct preempt_notifier *notifier, int cpu)
{
    restore_fp();
}

static void lost_cpu(struct preempt_notifier *notifier, struct task_struct *next)
{
}

static struct preempt_ops preempt_ops = {.sched_in = got_cpu, .sched_out = lost_cpu};

static void restore_fp_early(struct exact *exact)
{
    if (exact->notified || !restore_fp)
        return;
    preempt_notifier_init(&exact->notifier, &preempt_ops);
    preempt_notifier_register(&exact->notifier);
    exact->notified = true;
}

static bool is_movable(const struct hrtimer *timer)
{
    const struct hrtimer_sleeper *sleeper = container_of(timer, struct hrtimer_sleeper, timer);

    return sleeper->task == current && (READ_ONCE(current->__state) & TASK_INTERRUPTIBLE) &&
           timer->base->cpu_base->cpu == smp_processor_id(); /* else its CPU would not see the new expiry */
}

/* The true end of the sleep. To be called before the timer's expiry is moved. */
static ktime_t end_of(struct exact *exact, const struct hrtimer *timer, bool is_relative)
{
    ktime_t soft = hrtimer_get_softexpires(timer), from_call = soft;

    if (is_relative && exact->length)
        from_call = ktime_add_safe(exact->called + timer->base->offset, exact->length);
    exact->length = 0;
    return min(soft, from_call);
}

static bool queue_work_once(struct exact *exact)
{
    if (!exact->queued)
        exact->queued = !add_work(current, &exact->work, TWA_RESUME);
    return exact->queued;
}

bool exact_begin(struct exact *exact, struct hrtimer *timer, bool is_relative)
{
    ktime_t end = end_of(exact, timer, is_relative);

    exact->timer = NULL;
    if (!is_movable(timer) || !queue_work_once(exact))
        return false;
    restore_fp_early(exact);
    exact->timer = timer;
    exact->base = timer->base;
    exact->soft = hrtimer_get_softexpires(timer);
    exact->hard = hrtimer_get_expires(timer);
    exact->end = end;
    exact->early = ktime_sub(end, __this_cpu_read(cost));
    exact->is_short = exact->early <= timer->base->get_time();
    if (exact->is_short)
        container_of(timer, struct hrtimer_sleeper, timer)->task = NULL;
    else
        hrtimer_set_expires_range(timer, exact->early, 0);
    return exact->is_short;
}

void exact_cancel(struct exact *exact, struct hrtimer *timer)
{
    if (exact->timer != timer || exact->is_short)
        return;
    exact->timer = NULL;
    hrtimer_set_expires_range(timer, exact->soft, ktime_sub(exact->hard, exact->soft));
}

struct exact *exact_new(gfp_t flags)
{
    struct exact *exact = kzalloc(sizeof(*exact), flags);

    if (!exact)
        return NULL;
    __module_get(THIS_MODULE); /* a probe or the device calls this, so the module is loaded */
    init_task_work(&exact->work, hold);
    return exact;
}

void exact_free(struct exact *exact)
{
    if (!exact || exact->queued)
        return;
    if (exact->notified)
        preempt_notifier_unregister(&exact->notifier);
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
        sum->ticks += READ_ONCE(one->ticks);
        sum->held_ns += READ_ONCE(one->held_ns);
        sum->early_ns = max(sum->early_ns, (u64)READ_ONCE(per_cpu(cost, cpu)));
    }
}

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
static s64 first_argument(struct ftrace_regs *registers)
{
    return (s64)ftrace_regs_get_argument(registers, 0);
}
#else
static s64 first_argument(struct ftrace_regs *registers)
{
    return (s64)arch_ftrace_get_regs(registers)->regs[0];
}
#endif

/*
 * Linux counts a relative nanosleep from the moment at which it reads its clock, some way into the system
 * call. An exact sleep counts from the entry of hrtimer_nanosleep, the earliest point that can be hooked.
 */
static void note_call(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
                      struct ftrace_regs *registers)
{
    ktime_t now = ktime_get();
    const struct chosen *chosen = chosen_find(current);

    if (!chosen || !chosen->exact)
        return;
    chosen->exact->called = now;
    chosen->exact->length = first_argument(registers);
}

/* The flag spares ftrace's protection against recursion: note_call calls nothing that this hook is on. */
static struct ftrace_ops call_ops = {.func = note_call, .flags = FTRACE_OPS_FL_RECURSION};

static bool hook_calls(void)
{
    unsigned long address = (unsigned long)symbol_named("hrtimer_nanosleep");

    if (!address || ftrace_set_filter_ip(&call_ops, address, 0, 0))
        return false;
    return !register_ftrace_function(&call_ops);
}

int exact_use(void)
{
    static DEFINE_MUTEX(lock);

    if (!add_work)
        return -ENOSYS;
    mutex_lock(&lock);
    if (!in_use) {
        preempt_notifier_inc();
        is_hooked = hook_calls();
        tick_use();
        in_use = true;
    }
    mutex_unlock(&lock);
    return 0;
}

void exact_stop(void)
{
    if (is_hooked)
        unregister_ftrace_function(&call_ops);
    if (in_use)
        preempt_notifier_dec();
}

void exact_start(void)
{
    late_ticks = ns_to_ticks(LATE);
    add_work = symbol_named("task_work_add");
    restore_fp = symbol_named("fpsimd_restore_current_state");
}
