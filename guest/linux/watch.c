// SPDX-License-Identifier: GPL-2.0
/*
 * Watching sleeps: which deadlines the tasks of each CPU have, and when the work of each is done.
 *
 * A sleep is a high-resolution timer of one of some kinds (kinds.c). The probes follow each such timer of a
 * chosen task, and tell Ontime each CPU's first deadline (tell.c):
 *
 *   hrtimer_start         the sleep enters the queue of its CPU, with its deadline and its task
 *   hrtimer_cancel        the sleep leaves the queue, unless its deadline has been reached
 *   sched_switch          a task waits: its part in the work of reached deadlines is done
 *   sched_waking,
 *   sched_wakeup_new      a task that is at work wakes another, or makes one: that one joins the work; so
 *                         does one that an interrupt wakes which the CPU is warped for
 *   irq_handler_exit      a device's interrupt is served: if that wakes no watched task, the warp for it ends
 *   sched_migrate_task    a task moves to another CPU: its part in the work of reached deadlines moves along
 *   sched_process_fork    the child of a chosen task is chosen too
 *   sched_process_exit    a task that exits is no longer chosen
 *
 * The work of a deadline is its task's until that waits again, and that of the tasks which it wakes
 * meanwhile, and which those wake, each until it waits. Only wake-ups by a task count: what an interrupt
 * wakes while a task is at work has nothing to do with it. But Ontime may warp a CPU for an interrupt
 * (`warp-on-interrupt`): the work is then that of the chosen tasks which the interrupt wakes, and of the
 * thread that Linux may leave the interrupt's softirqs to. If there are none, a packet that was sent is
 * acknowledged, say, the warp ends soon. Linux may wake a task on another CPU than the one that its timer or
 * its waker is on, and move it at any time. Its part in the work goes along, and Ontime is told that it goes
 * on there (tell_handed_on). A task that is preempted does not wait, whatever has preempted it. So the
 * guest's other tasks may run in a time that Ontime gives for the deadline. That costs the VM a part of what
 * its share gives, but the work ends as soon after its deadline as it would on bare metal.
 *
 * Between the guest's timer interrupt and the woken task's return to user space every instruction makes the
 * task later. So the probes do nothing when a timer expires: a reached deadline stays first in its queue. The
 * wake-up is an interrupt's, which probe_waking finds out first. The switch to the woken task is the first to
 * look at the deadline (look), and needs one reading of the counter to find that its work is still to come.
 *
 * Whether a task is at work for a reached deadline is not always known. The expiry of a sleeper's timer wakes
 * the sleeper, and nobody else. But a timerfd may wake another thread than the one that set it, and a
 * signal's timer may end while its task computes. Such a task is surely at work only from a switch to it on.
 * A deadline that nobody is surely at work for is given up at the CPU's first look more than GIVE_UP_US after
 * the look that saw it reached. The guest's tick passes through hrtimer_start, so there is a look at each
 * tick. Any other deadline is given up at the first look more than WORK_US after it: a task that computes
 * without end, or two that wake each other for ever, have not been at work for it all the time. Over that
 * time, the horizon of Ontime's budgets, a VM can use up what it is entitled to. All reached deadlines are
 * given up when the CPU goes idle.
 *
 * The deadline is the timer's hard expiry, slack included, because the guest's timer interrupt comes then. It
 * is converted to the counter from one snapshot of counter and clock, so that it stays right if Ontime takes
 * the CPU away in between. It is never before the true expiry, and at most a tick of the counter after it.
 *
 * The probes run with the kernel's timer or scheduler locks held and interrupts off, so they must not print,
 * nor allocate in a way that may sleep. Only a CPU itself writes its state, except for its queue
 * (sleep_queue.c) and its places for tasks at work (work.c).
 */
#define pr_fmt(format) "ontime: " format

#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/isolation.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <trace/events/irq.h>
#include <trace/events/sched.h>
#include <trace/events/timer.h>

#include "chosen.h"
#include "clock.h"
#include "exact.h"
#include "kinds.h"
#include "sleep_queue.h"
#include "tell.h"
#include "tick.h"
#include "watch.h"
#include "work.h"

static bool rt;
module_param(rt, bool, 0644);
MODULE_PARM_DESC(rt, "watch the sleeps of all real-time tasks");

static bool all;
module_param(all, bool, 0644);
MODULE_PARM_DESC(all, "watch the sleeps of all tasks but kernel threads");

#define GIVE_UP_US 1000
#define WORK_US    100000
#define VAIN_US    50
#define EARLY_US   1000 /* Ontime warps a CPU no earlier than that before a deadline */

/* Softirqs by which a device's interrupt wakes tasks. */
#define OF_DEVICES                                                                                           \
    (BIT(HI_SOFTIRQ) | BIT(NET_TX_SOFTIRQ) | BIT(NET_RX_SOFTIRQ) | BIT(BLOCK_SOFTIRQ) |                      \
     BIT(IRQ_POLL_SOFTIRQ) | BIT(TASKLET_SOFTIRQ))

/*
 * A flag in the lowest bit of sleeps_head's `seen`: the switch to the sleep's own task was the first to see
 * the deadline reached. A tick more or less in `seen` does not matter.
 */
#define SEEN_BY_TASK 1ULL

static DEFINE_PER_CPU(struct watch_counters, watches);
static DEFINE_PER_CPU(struct hrtimer, vain_timers);
static atomic64_t tasks_refused;
static u64 late_ticks, give_up_ticks, work_ticks, early_ticks;
static int hotplug_state;

/* `chosen` is the task's entry in the set of chosen tasks; NULL if it has none. */
static bool is_watched(const struct task_struct *task, const struct chosen *chosen)
{
    if (task->flags & PF_KTHREAD)
        return false;
    return chosen || READ_ONCE(all) || (READ_ONCE(rt) && task->prio < MAX_RT_PRIO);
}

static void count_late(struct watch_counters *counters, u64 late)
{
    if (late > late_ticks)
        counters->late++;
    counters->late_max = max(counters->late_max, late);
}

static void take_out(struct sleeps_head *head, const struct task_struct *task, u64 until)
{
    struct watch_counters *counters = this_cpu_ptr(&watches);
    u64 late = head->seen - head->first;
    unsigned int count;

    if (task == head->task && (head->seen & SEEN_BY_TASK))
        count_late(counters, late);
    count = sleeps_take(smp_processor_id(), task, until);
    counters->fired += count;
    counters->given_up += task ? 0 : count;
}

/* Deadlines reached after the look that saw the first one keep their time. */
static void give_up(const struct sleeps_head *head, u64 now)
{
    struct watch_counters *counters = this_cpu_ptr(&watches);
    unsigned int cpu = smp_processor_id(), count;

    if (head->seen & SEEN_BY_TASK)
        sleeps_begin(cpu, head->task, head->first);
    count = sleeps_give_up(cpu, head->seen, now - work_ticks);
    counters->fired += count;
    counters->given_up += count;
}

static u64 first_of(const struct sleeps_head *head, const struct work *work)
{
    return min(head->first, work->first);
}

/*
 * When `prev` waits, only those of its deadlines are taken out that had been reached at the look before this
 * one. A task that sleeps for a few microseconds may leave the CPU when its deadline has already passed, with
 * the timer interrupt still to come: that work has not begun.
 */
static void look_at_sleeps(struct sleeps_head *head, const struct task_struct *prev,
                           const struct task_struct *next, bool idles, u64 now)
{
    if (head->left)
        take_out(head, head->task, head->looked);
    if (prev)
        take_out(head, prev, head->looked);
    if (idles)
        take_out(head, NULL, head->looked);
    if (next && now >= head->first)
        sleeps_begin(smp_processor_id(), next, now);
    if (head->seen && now > head->seen + give_up_ticks)
        give_up(head, now);
    if (!head->seen && now >= head->first)
        head->seen = next == head->task ? now | SEEN_BY_TASK : max(now & ~SEEN_BY_TASK, 2ULL);
}

/*
 * A switch to a task that has joined the work of the only sleep whose deadline is reached. To take that sleep
 * out, if `prev` is its task, can wait until the work is done, and must not hold up the work.
 */
static bool can_wait(struct sleeps_head *head, const struct work *work, const struct task_struct *prev,
                     const struct task_struct *next, u64 now)
{
    if (!next || !head->seen || now >= head->second || work_of(work, next) == ONTIME_NO_DEADLINE)
        return false;
    head->left |= prev == head->task;
    return true;
}

/* What is over when the next deadline is told has to be told first. */
static void look_at_work(const struct sleeps_head *head, struct work *work, const struct task_struct *prev,
                         const struct task_struct *next, bool idles, u64 now)
{
    if (work_take_handed_on(work)) {
        tell_on_its_way(smp_processor_id(), false);
        tell_first(first_of(head, work), false);
    }
    work_look(work, prev, next, idles, now - work_ticks);
}

static noinline void look_at_reached(const struct task_struct *prev, const struct task_struct *next)
{
    struct sleeps_head *head = this_cpu_ptr(&sleeps_heads);
    struct work *work = this_cpu_ptr(&works);
    bool idles = is_idle_task(next ?: current) && !need_resched(); /* no task is left to do the work */
    u64 now = counter();

    if (work_is_on(work))
        look_at_work(head, work, prev, next, next && idles, now);
    if (now >= head->first && !can_wait(head, work, prev, next, now))
        look_at_sleeps(head, prev, next, idles, now);
    head->looked = now;
    tell_first(first_of(head, work), next && is_idle_task(next));
}

/*
 * A switch to a task while another is preempted, with tasks at work and no other deadline reached: so it
 * seems to be the task that an interrupt has woken. What is to be looked at else can wait until the next
 * look.
 */
static __always_inline bool is_for_work(const struct sleeps_head *head, const struct work *work,
                                        const struct task_struct *prev, const struct task_struct *next,
                                        u64 now)
{
    return !prev && next && !is_idle_task(next) && now < head->first && !READ_ONCE(work->handed_on);
}

/* This CPU switches from prev, which waits, to next; NULL, if it does not switch or prev does not wait. */
static __always_inline void look(const struct task_struct *prev, const struct task_struct *next)
{
    struct sleeps_head *head = this_cpu_ptr(&sleeps_heads);
    struct work *work = this_cpu_ptr(&works);
    u64 now = counter();

    if (unlikely(now >= first_of(head, work))) {
        if (is_for_work(head, work, prev, next, now)) {
            head->looked = now;
            tell_first(work->first, false);
            return;
        }
        if (next != head->task || now >= head->second || head->seen || work_is_on(work)) {
            look_at_reached(prev, next);
            return;
        }
        head->seen = now | SEEN_BY_TASK; /* the switch to the woken task, which must not be held up */
        head->looked = now;
        return;
    }
    head->looked = now;
    tell_first(head->first, false);
}

static void forget(const struct hrtimer *timer)
{
    if (sleeps_forget(timer, counter()) == SLEEPS_CANCELLED)
        this_cpu_ptr(&watches)->cancelled++;
}

/*
 * VAIN_US after an interrupt was served. If the CPU is still warped, nobody is at work and no deadline is
 * near, then the warp was for an interrupt that gives no watched task anything to do. An idle CPU says so by
 * its WFI. A later interrupt puts the look off. So do softirqs: a device's that waits may wake a watched
 * task, and if Ontime takes the CPU away while they are served, Linux finds that they have taken too long,
 * and leaves the next ones to a thread. So does a timer that is late: the CPU has been away, and may have an
 * interrupt to take that it is warped for.
 */
static enum hrtimer_restart look_at_warp(struct hrtimer *timer)
{
    u64 first = first_of(this_cpu_ptr(&sleeps_heads), this_cpu_ptr(&works));
    ktime_t late = ktime_sub(hrtimer_cb_get_time(timer), hrtimer_get_expires(timer));

    if (softirq_count() & SOFTIRQ_OFFSET || local_softirq_pending() & OF_DEVICES ||
        late > VAIN_US * NSEC_PER_USEC / 2) {
        hrtimer_forward_now(timer, ns_to_ktime(VAIN_US * NSEC_PER_USEC));
        return HRTIMER_RESTART;
    }
    if (!is_idle_task(current) && first > counter() + early_ticks)
        tell_in_vain(first);
    return HRTIMER_NORESTART;
}

static noinline void watch_sleep(struct hrtimer *timer, enum hrtimer_mode mode)
{
    struct watch_counters *counters = this_cpu_ptr(&watches);
    const struct task_struct *task = kinds_task(timer);
    const struct chosen *chosen = task ? chosen_find(task) : NULL;
    u64 deadline;

    forget(timer);
    if (!task || !is_watched(task, chosen))
        return;
    /* A task that does not sleep but is held for all of its time needs the CPU from now on. */
    if (chosen && chosen->exact && kinds_is_sleeper(timer) &&
        exact_begin(chosen->exact, timer, mode & HRTIMER_MODE_REL))
        deadline = counter();
    else
        deadline = counter_at(hrtimer_get_expires(timer), timer->base);
    if (sleeps_add(timer, task, timer->base->cpu_base->cpu, deadline, kinds_is_sleeper(timer)))
        counters->armed++;
    else
        counters->overflow++;
}

static void probe_start(void *data, struct hrtimer *timer, enum hrtimer_mode mode, bool was_armed)
{
    if (kinds_is_sleep(timer))
        watch_sleep(timer, mode);
    else
        tick_look(timer);
    look(NULL, NULL);
}

/*
 * The interrupts of each CPU's own, timers and other CPUs' calls, are not those that warp. When a watched
 * task has work, as the interrupt has woken it, say, its end is that of the warp.
 */
static void probe_irq_exit(void *data, int irq, struct irqaction *action, int handled)
{
    if (!(action->flags & IRQF_PERCPU) && tell_is_warped() && !is_idle_task(current) &&
        !work_is_on(this_cpu_ptr(&works)))
        hrtimer_start(this_cpu_ptr(&vain_timers), ns_to_ktime(VAIN_US * NSEC_PER_USEC),
                      HRTIMER_MODE_REL_PINNED_HARD);
}

static noinline void cancel_sleep(struct hrtimer *timer)
{
    const struct chosen *chosen = in_task() ? chosen_find(current) : NULL;

    if (chosen && chosen->exact)
        exact_cancel(chosen->exact, timer);
    forget(timer);
}

static void probe_cancel(void *data, struct hrtimer *timer)
{
    if (kinds_is_sleep(timer))
        cancel_sleep(timer);
    else
        tick_look(timer);
    look(NULL, NULL);
}

/* The task does its part in the work of a reached deadline on the CPU of that number. */
static void hand_on(const struct task_struct *task, unsigned int cpu, u64 deadline)
{
    struct watch_counters *counters = this_cpu_ptr(&watches);
    bool elsewhere = cpu != smp_processor_id();

    if (elsewhere)
        tell_on_its_way(cpu, true);
    if (work_join(cpu, task, deadline)) {
        counters->joined++;
        if (elsewhere)
            tell_handed_on(cpu);
    } else {
        counters->joins_refused++;
        if (elsewhere)
            tell_on_its_way(cpu, false);
    }
}

/* The task's part in the work of the deadlines that are reached on one CPU goes on on another. */
static void move_work(const struct task_struct *task, unsigned int from, unsigned int to, u64 now)
{
    u64 deadline = work_leave(per_cpu_ptr(&works, from), task);

    if (now >= READ_ONCE(per_cpu(sleeps_heads, from).first)) {
        deadline = min(deadline, sleeps_reached(from, task, now));
        this_cpu_ptr(&watches)->fired += sleeps_take(from, task, now);
    }
    if (deadline != ONTIME_NO_DEADLINE)
        hand_on(task, to, deadline);
}

static void probe_migrate(void *data, struct task_struct *task, int dest)
{
    unsigned int cpu = task_cpu(task);
    struct sleeps_head *head = per_cpu_ptr(&sleeps_heads, cpu);
    struct work *work = per_cpu_ptr(&works, cpu);
    u64 now = counter();

    if (now < min(READ_ONCE(head->first), READ_ONCE(work->first)))
        return;
    move_work(task, cpu, dest, now);
    if (cpu != smp_processor_id())
        return;
    work_look(work, NULL, NULL, false, 0);
    tell_first(first_of(head, work), false);
}

/*
 * A task that was preempted in the kernel keeps the state that it had, whatever that is. One that was
 * interrupted in user space and then preempted is running, and `preempt` is not set.
 */
static void probe_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
                         unsigned int prev_state)
{
    look(preempt || prev_state == TASK_RUNNING ? NULL : prev, next);
}

/* The deadline that the current task is at work for, or ONTIME_NO_DEADLINE. */
static u64 deadline_at_work(const struct sleeps_head *head, const struct work *work, u64 now)
{
    u64 deadline = work_of(work, current);

    if (deadline != ONTIME_NO_DEADLINE || now < head->first)
        return deadline;
    return head->task == current ? head->first : sleeps_reached(smp_processor_id(), current, now);
}

static noinline void join(const struct task_struct *task)
{
    unsigned int cpu = task_cpu(task);
    u64 deadline;

    if (task == current)
        return;
    deadline = deadline_at_work(this_cpu_ptr(&sleeps_heads), this_cpu_ptr(&works), counter());
    if (deadline != ONTIME_NO_DEADLINE && work_of(per_cpu_ptr(&works, cpu), task) == ONTIME_NO_DEADLINE)
        hand_on(task, cpu, deadline);
}

/* An interrupt wakes a task of another CPU. Is it that of a timer of the task's? */
static noinline void join_from_afar(const struct task_struct *task)
{
    u64 now = counter();

    if (now >= this_cpu_ptr(&sleeps_heads)->first)
        move_work(task, smp_processor_id(), task_cpu(task), now);
}

/* Linux's thread for softirqs that it leaves for later. No other kernel thread has such a name. */
static bool is_softirq_thread(const struct task_struct *task)
{
    return task->flags & PF_KTHREAD && !strncmp(task->comm, "ksoftirqd/", 10);
}

/*
 * An interrupt wakes a watched task while this CPU is warped, and no deadline of its own has been reached:
 * the interrupt is what the warp is for, a link's, say. The work is the task's until it waits again. Or Linux
 * leaves to a thread what the interrupt has brought, a packet, say: then that is at work.
 */
static noinline void join_interrupt(const struct task_struct *task)
{
    u64 now = counter();

    if (now >= this_cpu_ptr(&sleeps_heads)->first ||
        (!is_watched(task, chosen_find(task)) && !is_softirq_thread(task)))
        return;
    if (work_of(per_cpu_ptr(&works, task_cpu(task)), task) == ONTIME_NO_DEADLINE)
        hand_on(task, task_cpu(task), now);
}

/* The current task wakes another or, by an interrupt, seems to. The other's CPU is still the one it had. */
static void probe_waking(void *data, struct task_struct *task)
{
    if (!in_task()) {
        if (unlikely(task_cpu(task) != smp_processor_id()))
            join_from_afar(task);
        if (tell_is_warped())
            join_interrupt(task);
    } else if (this_cpu_ptr(&sleeps_heads)->seen || work_is_on(this_cpu_ptr(&works))) {
        join(task);
    }
}

static bool choose(struct task_struct *task, bool exactly, gfp_t flags)
{
    struct exact *exact = exactly ? exact_new(flags) : NULL;
    struct chosen *chosen = exactly && !exact ? NULL : chosen_add(task);

    if (!chosen || chosen->exact)
        exact_free(exact);
    else
        chosen->exact = exact;
    return chosen;
}

int watch_choose_current(bool exactly)
{
    int error = exactly ? exact_use() : 0;

    if (error)
        return error;
    return choose(current, exactly, GFP_KERNEL) ? 0 : -ENOSPC;
}

static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
    const struct chosen *chosen = chosen_find(parent);

    if (chosen && !choose(child, chosen->exact, GFP_ATOMIC))
        atomic64_inc(&tasks_refused);
}

static void probe_exit(void *data, struct task_struct *task)
{
    struct chosen *chosen = chosen_find(task);

    if (!chosen)
        return;
    exact_free(chosen->exact);
    chosen_remove(chosen);
}

/* In the order of registration: from the moment that a sleep can begin, its end can be seen. */
static struct probe {
    const char *name;
    void *function;
    struct tracepoint *point;
    bool for_interrupts; /* not used where no interrupt warps: it takes time of each timer's interrupt, too */
    bool on;
} probes[] = {
    {.name = "sched_process_exit", .function = probe_exit},
    {.name = "sched_process_fork", .function = probe_fork},
    {.name = "sched_migrate_task", .function = probe_migrate},
    {.name = "sched_switch", .function = probe_switch},
    {.name = "sched_waking", .function = probe_waking},
    {.name = "sched_wakeup_new", .function = probe_waking},
    {.name = "irq_handler_exit", .function = probe_irq_exit, .for_interrupts = true},
    {.name = "hrtimer_cancel", .function = probe_cancel},
    {.name = "hrtimer_start", .function = probe_start},
};

/* Probes are registered as void *. Here the compiler checks that each fits its tracepoint in this kernel. */
static void __maybe_unused check_probe_types(void)
{
    check_trace_callback_type_sched_process_exit(probe_exit);
    check_trace_callback_type_sched_process_fork(probe_fork);
    check_trace_callback_type_sched_migrate_task(probe_migrate);
    check_trace_callback_type_sched_switch(probe_switch);
    check_trace_callback_type_sched_waking(probe_waking);
    check_trace_callback_type_sched_wakeup_new(probe_waking);
    check_trace_callback_type_irq_handler_exit(probe_irq_exit);
    check_trace_callback_type_hrtimer_cancel(probe_cancel);
    check_trace_callback_type_hrtimer_start(probe_start);
}

static void match_tracepoint(struct tracepoint *point, void *data)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(probes); i++)
        if (!strcmp(point->name, probes[i].name))
            probes[i].point = point;
}

static void unregister_probes(void)
{
    int i;

    for (i = ARRAY_SIZE(probes) - 1; i >= 0; i--)
        if (probes[i].on)
            tracepoint_probe_unregister(probes[i].point, probes[i].function, NULL);
    tracepoint_synchronize_unregister();
}

static int register_probe(struct probe *probe)
{
    int error = probe->point ? tracepoint_probe_register(probe->point, probe->function, NULL) : -ENOENT;

    if (error)
        pr_err("this kernel's tracepoint %s cannot be used (%d)\n", probe->name, error);
    probe->on = !error;
    return error;
}

static int register_probes(u64 features)
{
    int i, error = 0;

    for_each_kernel_tracepoint(match_tracepoint, NULL);
    for (i = 0; i < ARRAY_SIZE(probes) && !error; i++)
        if (!probes[i].for_interrupts || (features & ONTIME_FEATURE_INTERRUPTS))
            error = register_probe(&probes[i]);
    if (error)
        unregister_probes();
    return error;
}

u64 watch_tasks_refused(void)
{
    return atomic64_read(&tasks_refused);
}

void watch_read(struct watch_counters *sum)
{
    unsigned int cpu;

    memset(sum, 0, sizeof(*sum));
    for_each_possible_cpu(cpu)
    {
        const struct watch_counters *one = per_cpu_ptr(&watches, cpu);
        const struct tell *tell = per_cpu_ptr(&tells, cpu);

        sum->armed += READ_ONCE(one->armed);
        sum->cancelled += READ_ONCE(one->cancelled);
        sum->fired += READ_ONCE(one->fired);
        sum->late += READ_ONCE(one->late);
        sum->late_max = max(sum->late_max, READ_ONCE(one->late_max));
        sum->given_up += READ_ONCE(one->given_up);
        sum->overflow += READ_ONCE(one->overflow);
        sum->joined += READ_ONCE(one->joined);
        sum->joins_refused += READ_ONCE(one->joins_refused);
        sum->calls += READ_ONCE(tell->calls);
        sum->done += READ_ONCE(tell->done);
    }
}

/*
 * When a CPU goes offline, the kernel moves its timers to another CPU without passing its tracepoints. The
 * sleeps follow to that CPU, which is chosen here as the kernel chooses it.
 */
static int cpu_dead(unsigned int cpu)
{
    unsigned int to = cpumask_any_and(cpu_active_mask, housekeeping_cpumask(HK_TYPE_TIMER));
    struct watch_counters *counters;
    unsigned int count;
    unsigned long flags;

    local_irq_save(flags);
    counters = this_cpu_ptr(&watches);
    work_look(per_cpu_ptr(&works, cpu), NULL, NULL, false, counter());
    while ((count = sleeps_take(cpu, NULL, counter())))
        counters->fired += count;
    counters->overflow += sleeps_leave_cpu(cpu, to);
    local_irq_restore(flags);
    return 0;
}

static int start_following(u64 features)
{
    unsigned int cpu;
    int error;

    for_each_possible_cpu(cpu)
    {
        hrtimer_init(per_cpu_ptr(&vain_timers, cpu), CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
        per_cpu_ptr(&vain_timers, cpu)->function = look_at_warp;
    }

    hotplug_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "ontime:dead", NULL, cpu_dead);
    if (hotplug_state < 0)
        return hotplug_state;
    error = register_probes(features);
    if (error)
        cpuhp_remove_state_nocalls(hotplug_state);
    return error;
}

static void stop_following(void)
{
    unsigned int cpu;

    unregister_probes();
    for_each_possible_cpu(cpu) hrtimer_cancel(per_cpu_ptr(&vain_timers, cpu));
    cpuhp_remove_state_nocalls(hotplug_state);
}

int watch_start(u64 features)
{
    int error;

    late_ticks = ns_to_ticks(WATCH_LATE_US * NSEC_PER_USEC);
    give_up_ticks = ns_to_ticks(GIVE_UP_US * NSEC_PER_USEC);
    early_ticks = ns_to_ticks(EARLY_US * NSEC_PER_USEC);
    work_ticks = ns_to_ticks(WORK_US * NSEC_PER_USEC);
    tick_find();
    kinds_find();
    exact_start();
    work_init();
    error = sleeps_init();
    if (error)
        return error;
    error = start_following(features);
    if (error)
        goto no_probes;
    error = tell_start(features & ONTIME_FEATURE_PAGE);
    if (!error)
        return 0;
    stop_following();
no_probes:
    sleeps_exit();
    return error;
}

void watch_stop(void)
{
    tell_stop();
    stop_following();
    exact_stop();
    sleeps_exit();
}
