// SPDX-License-Identifier: GPL-2.0
/*
 * Ontime's module for Linux guests: tells the hypervisor when chosen tasks must run.
 *
 *   main.c         loading and unloading
 *   watch.c        follows the sleeps of chosen tasks, and their work after those
 *   kinds.c        which timers are sleeps, and whose
 *   sleep_queue.c  the watched sleeps, ordered by deadline
 *   work.c         the tasks that have joined the work of a deadline
 *   tell.c         tells Ontime the first deadline of each CPU
 *   exact.c        exact sleeps, which end to the microsecond
 *   tick.c         keeps the guest's tick away from the end of an exact sleep
 *   chosen.c       the tasks chosen by `ontime run`
 *   device.c       /dev/ontime and /proc/ontime
 *   control.c      the calls of VMs with `control`, for user space
 *   hypercall.c    the calls to Ontime
 *
 * In a VM whose timers are not "precise" there is nothing to tell. The module then offers counters, marks and
 * the trace only.
 */
#define pr_fmt(format) "ontime: " format

#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

#include "device.h"
#include "hypercall.h"
#include "kinds.h"
#include "tell.h"
#include "watch.h"

/* Why sleeps cannot be watched here, or NULL. */
static const char *obstacle(u64 features)
{
    struct system_time_snapshot now;

    if (!(features & ONTIME_FEATURE_PRECISE))
        return "this VM's timers are not \"precise\"";
    if (hrtimer_resolution != HIGH_RES_NSEC)
        return "this kernel runs without high-resolution timers";
    ktime_get_snapshot(&now);
    if (now.cs_id != CSID_ARM_ARCH_COUNTER)
        return "this kernel's clock source is not the architected counter";
    return NULL;
}

static bool watching;

static int __init ontime_init(void)
{
    const char *why_not;
    u64 features;
    int error;

    error = hypercall_find(&features);
    if (error)
        return error;
    why_not = obstacle(features);
    watching = !why_not;
    error = watching ? watch_start(features) : 0;
    if (error)
        return error;
    error = device_start(watching);
    if (error) {
        if (watching)
            watch_stop();
        return error;
    }
    if (watching)
        pr_info("watching %s; telling by %s\n", kinds_text(), tell_pages() ? "page" : "calls");
    else
        pr_info("%s: counters and marks only\n", why_not);
    return 0;
}

static void __exit ontime_exit(void)
{
    device_stop();
    if (watching)
        watch_stop();
}

module_init(ontime_init);
module_exit(ontime_exit);
MODULE_DESCRIPTION("Precise sleeps under the Ontime hypervisor");
MODULE_LICENSE("GPL");
