// SPDX-License-Identifier: GPL-2.0
/*
 * Watching sleeps: tells Ontime when chosen tasks must run, and when they have run.
 *
 * A sleep is a high-resolution timer of one of four kinds, told apart by the timer's function (find_kinds).
 * The probes follow each such timer of a chosen task, and keep the earliest deadline of the CPU armed at
 * Ontime:
 *
 *   hrtimer_start         watched from now on; its place may be another CPU's queue
 *   hrtimer_cancel        no longer watched
 *   hrtimer_expire_entry  its time has come: the tasks that its function wakes are what it was for
 *   sched_waking          (while the function runs) one such task
 *   hrtimer_expire_exit   the next deadline is armed
 *   sched_migrate_task    such a task goes to another CPU, where Ontime has nothing to end
 *   sched_switch          such a task leaves the CPU; with the last of them Ontime is told: done
 *   sched_process_fork    the children of the chosen are chosen
 *   sched_process_exit    until they exit
 *
 * Leaving the CPU counts as done for whatever reason: a guest that preempts the task has found something
 * better.
 *
 * The deadline is the timer's hard expiry (slack included), because the guest's timer interrupt comes then;
 * it is converted to the counter from one reading of counter and clock, so a world switch in between does no
 * harm. It is never before the true expiry, and at most a tick after it.
 *
 * Who is asleep is read from the sleeper for hrtimer_wakeup. The three other kinds are started by a thread of
 * the process they belong to (timer_settime, setitimer, timerfd_settime; periodic ones again when their
 * signal or count is taken), so there it is the current task.
 *
 * The probes run with the kernel's timer or scheduler locks held and interrupts off: no allocation, no
 * printing, no sleeping. State of a CPU is written by that CPU only, but for the set of woken tasks, which
 * has a lock.
 */
#define pr_fmt(format) "ontime: " format

#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <asm/arch_timer.h>

#include <trace/events/sched.h>
#include <trace/events/timer.h>

#include "chosen.h"
#include "hypercall.h"
#include "sleeps.h"
#include "watch.h"

static bool rt;
module_param(rt, bool, 0644);
MODULE_PARM_DESC(rt, "watch the sleeps of all real-time tasks");

static bool all;
module_param(all, bool, 0644);
MODULE_PARM_DESC(all, "watch the sleeps of all tasks but kernel threads");

#define WOKEN_MAX 32

struct cpu_watch {
    u64 armed;                 /* the deadline that Ontime was last given, or ONTIME_NO_DEADLINE */
    bool warped;               /* a deadline has passed and Ontime was not told yet that the work is done */
    bool expiring;             /* the function of a watched timer is running */
    const struct hrtimer *due; /* expired, and still in the queue: see settle() */
    raw_spinlock_t lock;
    unsigned int woken_count;
    const struct task_struct *woken[WOKEN_MAX];
    struct watch_counters counters;
};

static DEFINE_PER_CPU(struct cpu_watch, watches);
static atomic64_t tasks_refused;
static u64 late_ticks;
static int hotplug_state;

typedef enum hrtimer_restart (*timer_function)(struct hrtimer *);

/*
 * Kinds of sleep. The first names itself through a scratch sleeper; the others are static functions of the
 * kernel.
 */
static timer_function sleeper_function;
static struct {
    const char *symbol, *what;
    timer_function function;
} others[] = {
    {.symbol = "timerfd_tmrproc", .what = "timerfd"},
    {.symbol = "posix_timer_fn", .what = "POSIX timers"},
    {.symbol = "it_real_fn", .what = "setitimer"},
};
static char kinds[64];

static bool is_sleep(const struct hrtimer *timer)
{
    timer_function function = READ_ONCE(timer->function);

    return function == sleeper_function ||
           (function && (function == others[0].function || function == others[1].function ||
                         function == others[2].function));
}

static bool is_chosen(const struct task_struct *task)
{
    if (task->flags & PF_KTHREAD)
        return false;
    return READ_ONCE(all) || (READ_ONCE(rt) && task->prio < MAX_RT_PRIO) || chosen_has(task);
}

static const struct task_struct *task_asleep(const struct hrtimer *timer)
{
    if (timer->function == sleeper_function)
        return container_of(timer, struct hrtimer_sleeper, timer)->task;
    return in_task() ? current : NULL;
}

/* Rounded up, and exact: the products fit 64 bits for 292 years and a counter of 1 GHz. */
static u64 ns_to_ticks(u64 ns)
{
    u64 hz = arch_timer_get_cntfrq();
    u64 rest = ns % NSEC_PER_SEC * hz;

    return ns / NSEC_PER_SEC * hz + DIV_ROUND_UP_ULL(rest, NSEC_PER_SEC);
}

static u64 deadline_of(const struct hrtimer *timer)
{
    struct system_time_snapshot now;
    ktime_t expires = ktime_sub(hrtimer_get_expires(timer), timer->base->offset);
    s64 ahead;

    ktime_get_snapshot(&now);
    ahead = ktime_sub(expires, ktime_sub(now.real, ktime_mono_to_real(0)));
    return now.cycles + (ahead > 0 ? ns_to_ticks(ahead) : 0);
}

static noinline void arm_anew(struct cpu_watch *watch, u64 first)
{
    if (first != ONTIME_NO_DEADLINE) {
        hypercall_arm(first);
        watch->counters.calls++;
    } else if (watch->armed > arch_timer_read_counter()) { /* one that is past is not armed any more */
        hypercall_cancel();
        watch->counters.calls++;
    }
    watch->armed = first;
}

/* Makes what Ontime holds for this CPU equal to the head of its queue. */
static __always_inline void arm_first(void)
{
    u64 first = __this_cpu_read(sleeps_first);

    if (unlikely(first != __this_cpu_read(watches.armed)))
        arm_anew(this_cpu_ptr(&watches), first);
}

/*
 * Between a timer's expiry and the woken task every instruction is lateness. So the CPU's only sleep stays in
 * the queue when it expires, as `due`, and is taken out when the task has left the CPU, or before anything
 * else needs the queue.
 */
static noinline void settle(struct cpu_watch *watch)
{
    u64 deadline;

    sleeps_remove(watch->due, &deadline);
    watch->due = NULL;
}

static __always_inline void settle_due(void)
{
    if (unlikely(__this_cpu_read(watches.due)))
        settle(this_cpu_ptr(&watches));
}

static void forget(const struct hrtimer *timer)
{
    u64 deadline;

    settle_due();
    if (sleeps_remove(timer, &deadline))
        this_cpu_ptr(&watches)->counters.cancelled++;
}

static noinline void watch_sleep(struct hrtimer *timer)
{
    struct cpu_watch *watch = this_cpu_ptr(&watches);
    const struct task_struct *task = task_asleep(timer);

    forget(timer);
    if (!task || !is_chosen(task))
        return;
    if (sleeps_add(timer, timer->base->cpu_base->cpu, deadline_of(timer)))
        watch->counters.armed++;
    else
        watch->counters.overflow++;
}

static void probe_start(void *data, struct hrtimer *timer, enum hrtimer_mode mode, bool was_armed)
{
    if (is_sleep(timer))
        watch_sleep(timer);
    arm_first();
}

static void probe_cancel(void *data, struct hrtimer *timer)
{
    if (is_sleep(timer))
        forget(timer);
    arm_first();
}

static void count_expiry(struct cpu_watch *watch, u64 deadline)
{
    u64 now = arch_timer_read_counter();
    u64 late = now > deadline ? now - deadline : 0;

    watch->counters.fired++;
    if (late > late_ticks)
        watch->counters.late++;
    watch->counters.late_max = max(watch->counters.late_max, late);
    if (now >= deadline) /* else it was served early, within its slack, and Ontime has not seen it pass */
        watch->warped = true;
}

static noinline void expire_sleep(const struct hrtimer *timer)
{
    struct cpu_watch *watch;
    unsigned long flags;
    u64 deadline;

    local_irq_save(flags); /* soft timers expire with interrupts on */
    watch = this_cpu_ptr(&watches);
    if (timer == __this_cpu_read(sleeps_only)) {
        deadline = __this_cpu_read(sleeps_first);
        watch->due = timer;
        count_expiry(watch, deadline);
        watch->expiring = watch->warped;
    } else {
        settle_due();
        if (sleeps_remove(timer, &deadline)) {
            count_expiry(watch, deadline);
            watch->expiring = watch->warped;
        }
    }
    local_irq_restore(flags);
}

static void probe_expire_entry(void *data, struct hrtimer *timer, ktime_t *now)
{
    if (is_sleep(timer))
        expire_sleep(timer);
}

static void probe_expire_exit(void *data, struct hrtimer *timer)
{
    unsigned long flags;

    __this_cpu_write(watches.expiring, false);
    if (__this_cpu_read(sleeps_first) == __this_cpu_read(watches.armed))
        return;
    local_irq_save(flags);
    arm_first();
    local_irq_restore(flags);
}

static void woken_add(struct cpu_watch *watch, const struct task_struct *task)
{
    unsigned int i;

    raw_spin_lock(&watch->lock);
    for (i = 0; i < watch->woken_count && watch->woken[i] != task; i++)
        ;
    /* It is there already when its next sleep was over before it could leave the CPU. */
    if (i == watch->woken_count && i < WOKEN_MAX)
        watch->woken[watch->woken_count++] = task;
    raw_spin_unlock(&watch->lock);
}

static void woken_remove(struct cpu_watch *watch, const struct task_struct *task)
{
    unsigned int i, count = READ_ONCE(watch->woken_count);

    for (i = 0; i < count && READ_ONCE(watch->woken[i]) != task; i++)
        ;
    if (i == count)
        return;
    raw_spin_lock(&watch->lock);
    for (i = 0; i < watch->woken_count; i++) {
        if (watch->woken[i] == task) {
            watch->woken[i] = watch->woken[--watch->woken_count];
            break;
        }
    }
    raw_spin_unlock(&watch->lock);
}

static void probe_waking(void *data, struct task_struct *task)
{
    unsigned long flags;

    if (likely(!__this_cpu_read(watches.expiring)))
        return;
    local_irq_save(flags);
    woken_add(this_cpu_ptr(&watches), task);
    local_irq_restore(flags);
}

static void probe_migrate(void *data, struct task_struct *task, int dest)
{
    struct cpu_watch *watch = per_cpu_ptr(&watches, task_cpu(task));
    unsigned long flags;

    if (!READ_ONCE(watch->woken_count))
        return;
    local_irq_save(flags);
    woken_remove(watch, task);
    local_irq_restore(flags);
}

static noinline void task_leaves(const struct task_struct *task)
{
    struct cpu_watch *watch = this_cpu_ptr(&watches);

    woken_remove(watch, task);
    if (READ_ONCE(watch->woken_count))
        return;
    settle_due();
    watch->warped = false;
    watch->counters.done++;
    watch->counters.calls++;
    hypercall_done(__this_cpu_read(sleeps_first));
}

static void probe_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
                         unsigned int prev_state)
{
    if (unlikely(__this_cpu_read(watches.warped)))
        task_leaves(prev);
    arm_first();
}

static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
    if (chosen_has(parent) && !chosen_add(child))
        atomic64_inc(&tasks_refused);
}

static void probe_exit(void *data, struct task_struct *task)
{
    chosen_remove(task);
}

/* In the order of registering: what ends a sleep is seen before what begins one. */
static struct probe {
    const char *name;
    void *function;
    struct tracepoint *point;
} probes[] = {
    {.name = "sched_process_exit", .function = probe_exit},
    {.name = "sched_process_fork", .function = probe_fork},
    {.name = "sched_migrate_task", .function = probe_migrate},
    {.name = "sched_switch", .function = probe_switch},
    {.name = "sched_waking", .function = probe_waking},
    {.name = "hrtimer_expire_exit", .function = probe_expire_exit},
    {.name = "hrtimer_expire_entry", .function = probe_expire_entry},
    {.name = "hrtimer_cancel", .function = probe_cancel},
    {.name = "hrtimer_start", .function = probe_start},
};

/* A probe is registered as void *; here the compiler sees that each fits its tracepoint in this kernel. */
static void __maybe_unused check_probe_types(void)
{
    check_trace_callback_type_sched_process_exit(probe_exit);
    check_trace_callback_type_sched_process_fork(probe_fork);
    check_trace_callback_type_sched_migrate_task(probe_migrate);
    check_trace_callback_type_sched_switch(probe_switch);
    check_trace_callback_type_sched_waking(probe_waking);
    check_trace_callback_type_hrtimer_expire_exit(probe_expire_exit);
    check_trace_callback_type_hrtimer_expire_entry(probe_expire_entry);
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

static void unregister_probes(int count)
{
    while (count-- > 0)
        tracepoint_probe_unregister(probes[count].point, probes[count].function, NULL);
    tracepoint_synchronize_unregister();
}

static int register_probes(void)
{
    int i, error;

    for_each_kernel_tracepoint(match_tracepoint, NULL);
    for (i = 0; i < ARRAY_SIZE(probes); i++) {
        error =
            probes[i].point ? tracepoint_probe_register(probes[i].point, probes[i].function, NULL) : -ENOENT;
        if (error) {
            pr_err("this kernel's tracepoint %s cannot be used (%d)\n", probes[i].name, error);
            unregister_probes(i);
            return error;
        }
    }
    return 0;
}

/* A kprobe that is registered disabled leaves the kernel's text as it is, and tells an address. */
static timer_function function_named(const char *symbol)
{
    struct kprobe probe = {.symbol_name = symbol, .flags = KPROBE_FLAG_DISABLED};
    timer_function function;

    if (register_kprobe(&probe))
        return NULL;
    function = (timer_function)probe.addr;
    unregister_kprobe(&probe);
    return function;
}

static void find_kinds(void)
{
    struct hrtimer_sleeper scratch;
    int i;

    hrtimer_init_sleeper_on_stack(&scratch, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    sleeper_function = scratch.timer.function;
    destroy_hrtimer_on_stack(&scratch.timer);

    strscpy(kinds, "sleepers", sizeof(kinds));
    for (i = 0; i < ARRAY_SIZE(others); i++) {
        others[i].function = function_named(others[i].symbol);
        if (!others[i].function) {
            pr_warn("%s: not watched, this kernel has no %s\n", others[i].what, others[i].symbol);
            continue;
        }
        strlcat(kinds, ", ", sizeof(kinds));
        strlcat(kinds, others[i].what, sizeof(kinds));
    }
}

const char *watch_kinds(void)
{
    return kinds;
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
        const struct watch_counters *one = &per_cpu_ptr(&watches, cpu)->counters;

        sum->armed += READ_ONCE(one->armed);
        sum->cancelled += READ_ONCE(one->cancelled);
        sum->fired += READ_ONCE(one->fired);
        sum->late += READ_ONCE(one->late);
        sum->late_max = max(sum->late_max, READ_ONCE(one->late_max));
        sum->overflow += READ_ONCE(one->overflow);
        sum->calls += READ_ONCE(one->calls);
        sum->done += READ_ONCE(one->done);
    }
}

/* The kernel moves the timers of a CPU that is switched off without a word to its tracepoints. */
static int cpu_dead(unsigned int cpu)
{
    unsigned long flags;

    local_irq_save(flags);
    if (per_cpu_ptr(&watches, cpu)->due)
        settle(per_cpu_ptr(&watches, cpu));
    this_cpu_ptr(&watches)->counters.overflow += sleeps_leave_cpu(cpu);
    local_irq_restore(flags);
    return 0;
}

/* On each CPU, when no probe runs any more: Ontime is left holding nothing for it. */
static void release_cpu(void *unused)
{
    struct cpu_watch *watch = this_cpu_ptr(&watches);

    if (watch->armed != ONTIME_NO_DEADLINE)
        hypercall_cancel();
    if (watch->warped)
        hypercall_done(ONTIME_NO_DEADLINE);
}

static void release(void)
{
    if (hotplug_state > 0)
        cpuhp_remove_state_nocalls(hotplug_state);
    on_each_cpu(release_cpu, NULL, 1);
    sleeps_exit();
}

int watch_start(void)
{
    unsigned int cpu;
    int error;

    late_ticks = ns_to_ticks(WATCH_LATE_US * NSEC_PER_USEC);
    for_each_possible_cpu(cpu)
    {
        raw_spin_lock_init(&per_cpu_ptr(&watches, cpu)->lock);
        per_cpu_ptr(&watches, cpu)->armed = ONTIME_NO_DEADLINE;
    }
    find_kinds();
    error = sleeps_init();
    if (error)
        return error;
    hotplug_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "ontime:dead", NULL, cpu_dead);
    error = hotplug_state < 0 ? hotplug_state : register_probes();
    if (error)
        release();
    return error;
}

void watch_stop(void)
{
    unregister_probes(ARRAY_SIZE(probes));
    release();
}
