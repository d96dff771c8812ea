// SPDX-License-Identifier: GPL-2.0
/*
 * The kinds of sleep.
 *
 * A sleep is a high-resolution timer, told apart by the timer's function. The kernel puts one function into
 * any sleeper that it initialises, so a scratch sleeper tells it. The others are static functions of the
 * kernel, found by name. A kind may have several functions, and a kernel need not have all of them.
 *
 * The sleeping task of a sleeper is in the timer's hrtimer_sleeper. A POSIX timer that signals one thread
 * names that thread. All other timers are started by a thread of the process that they belong to (by
 * timer_settime, setitimer, timerfd_settime or io_uring_enter; a periodic one again when its signal or its
 * count is taken), so the current task is taken as the sleeping one.
 */
#define pr_fmt(format) "ontime: " format

#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/posix-timers.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/signal.h>
#include <linux/string.h>

#include "kinds.h"
#include "symbol.h"

timer_function kinds_sleeper, kinds_others[KINDS_OTHERS];

enum { POSIX_TIMERS };

static const struct {
    const char *what; /* NULL: of the kind before it, and may be missing */
    const char *symbol;
} others[] = {
    [POSIX_TIMERS] = {"POSIX timers", "posix_timer_fn"},
    {"timerfd", "timerfd_tmrproc"},
    {"setitimer", "it_real_fn"},
    {"alarm clocks", "alarmtimer_fired"},
    {"io_uring", "io_timeout_fn"},
    {NULL, "io_link_timeout_fn"},
    {NULL, "io_cqring_timer_wakeup"}, /* 6.1 waits by a sleeper instead */
    {NULL, "io_cqring_min_timer_wakeup"},
};

static_assert(ARRAY_SIZE(others) == KINDS_OTHERS);

static char text[96];

static void find_sleeper(void)
{
    struct hrtimer_sleeper scratch;

    hrtimer_init_sleeper_on_stack(&scratch, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    kinds_sleeper = scratch.timer.function;
    destroy_hrtimer_on_stack(&scratch.timer);
}

/* In the place of a function that this kernel has not. It is no timer's. */
static enum hrtimer_restart not_there(struct hrtimer *timer)
{
    return HRTIMER_NORESTART;
}

void kinds_find(void)
{
    int i;

    find_sleeper();
    strscpy(text, "sleepers", sizeof(text));
    for (i = 0; i < KINDS_OTHERS; i++) {
        kinds_others[i] = symbol_named(others[i].symbol) ?: (void *)not_there;
        if (kinds_others[i] == not_there && others[i].what)
            pr_warn("%s: not watched, this kernel has no %s\n", others[i].what, others[i].symbol);
        if (kinds_others[i] == not_there || !others[i].what)
            continue;
        strlcat(text, ", ", sizeof(text));
        strlcat(text, others[i].what, sizeof(text));
    }
}

const char *kinds_text(void)
{
    return text;
}

static const struct task_struct *task_signalled(const struct hrtimer *timer)
{
    const struct k_itimer *itimer = container_of(timer, struct k_itimer, it.real.timer);

    if (!(itimer->it_sigev_notify & SIGEV_THREAD_ID))
        return NULL;
    return pid_task(itimer->it_pid, PIDTYPE_PID);
}

const struct task_struct *kinds_task(const struct hrtimer *timer)
{
    const struct task_struct *task = NULL;

    if (kinds_is_sleeper(timer))
        return container_of(timer, struct hrtimer_sleeper, timer)->task;
    if (timer->function == kinds_others[POSIX_TIMERS])
        task = task_signalled(timer);
    return task ?: in_task() ? current : NULL;
}
