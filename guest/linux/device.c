// SPDX-License-Identifier: GPL-2.0
/*
 * What user space sees: /dev/ontime and /proc/ontime.
 *
 * /dev/ontime takes the requests of ontime_ioctl.h. A caller can make this VM run before others, so it is for
 * root only, unless the mode of the file is changed; in a VM with `control` it can stop other VMs, too.
 * /proc/ontime shows counters to everybody, a name and a number in each line.
 */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <asm/arch_timer.h>

#include "control.h"
#include "device.h"
#include "exact.h"
#include "hypercall.h"
#include "ontime_ioctl.h"
#include "tell.h"
#include "watch.h"

static bool watching;

static u64 ticks_to_ns(u64 ticks)
{
    u64 hz = arch_timer_get_cntfrq();

    return ticks / hz * NSEC_PER_SEC + ticks % hz * NSEC_PER_SEC / hz;
}

static int dump_trace(void)
{
    u64 cursor = 0;
    int error;

    do {
        error = hypercall_trace(&cursor);
        cond_resched();
    } while (!error && cursor);
    return error;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    switch (command) {
    case ONTIME_IOC_RUN:
    case ONTIME_IOC_EXACT:
        return watching ? watch_choose_current(command == ONTIME_IOC_EXACT) : -EOPNOTSUPP;
    case ONTIME_IOC_MARK:
        return argument > U32_MAX ? -EINVAL : hypercall_mark(argument);
    case ONTIME_IOC_TRACE:
        return dump_trace();
    case ONTIME_IOC_CONTROL:
        return control_request((struct ontime_control __user *)argument);
    default:
        return -ENOTTY;
    }
}

static const struct file_operations device_operations = {
    .owner = THIS_MODULE,
    .unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "ontime",
    .fops = &device_operations,
    .mode = 0600,
};

static const struct {
    const char *name;
    unsigned int unit; /* 0: a number; else a time in ticks, shown in units of so many ns */
} stats[ONTIME_STAT_COUNT] = {
    [ONTIME_STAT_RUN_TICKS] = {"vm_run_ns", 1},
    [ONTIME_STAT_EXITS] = {"vm_exits"},
    [ONTIME_STAT_SWITCHES] = {"vm_switches"},
    [ONTIME_STAT_ARMED] = {"vm_armed"},
    [ONTIME_STAT_CANCELLED] = {"vm_cancelled"},
    [ONTIME_STAT_FIRED] = {"vm_fired"},
    [ONTIME_STAT_LATE_MAX] = {"vm_late_max_ns", 1},
    [ONTIME_STAT_LATE_TICKS] = {"vm_late_ns", 1},
    [ONTIME_STAT_WARPS] = {"vm_warps"},
    [ONTIME_STAT_WARPS_DENIED] = {"vm_warps_denied"},
    [ONTIME_STAT_WARPS_CUT] = {"vm_warps_cut"},
    [ONTIME_STAT_STOLEN_TICKS] = {"vm_stolen_ns", 1},
    [ONTIME_STAT_LEAD_SWITCH] = {"lead_switch_us", NSEC_PER_USEC},
    [ONTIME_STAT_LEAD_BACKLOG] = {"lead_backlog_us", NSEC_PER_USEC},
    [ONTIME_STAT_MOVES] = {"vm_moves"},
    [ONTIME_STAT_INTERRUPTS] = {"vm_interrupts"},
};

static void show_line(struct seq_file *file, const char *name, u64 value)
{
    seq_printf(file, "%s %llu\n", name, value);
}

static void show_watched(struct seq_file *file)
{
    struct watch_counters sum;

    show_line(file, "pages", tell_pages());
    watch_read(&sum);
    show_line(file, "armed", sum.armed);
    show_line(file, "cancelled", sum.cancelled);
    show_line(file, "fired", sum.fired);
    show_line(file, "late", sum.late);
    show_line(file, "late_max_us", div_u64(ticks_to_ns(sum.late_max), NSEC_PER_USEC));
    show_line(file, "given_up", sum.given_up);
    show_line(file, "overflow", sum.overflow);
    show_line(file, "joined", sum.joined);
    show_line(file, "joins_refused", sum.joins_refused);
    show_line(file, "tasks_refused", watch_tasks_refused());
    show_line(file, "done", sum.done);
    show_line(file, "calls", sum.calls);
}

static void show_exact(struct seq_file *file)
{
    struct exact_counters sum;

    exact_read(&sum);
    show_line(file, "exact_sleeps", sum.sleeps);
    show_line(file, "exact_missed", sum.missed);
    show_line(file, "exact_ticks", sum.ticks);
    show_line(file, "exact_held_us", div_u64(sum.held_ns, NSEC_PER_USEC));
    show_line(file, "exact_early_us", div_u64(sum.early_ns, NSEC_PER_USEC));
}

static int show_status(struct seq_file *file, void *unused)
{
    unsigned int i;
    u64 value;

    show_line(file, "watching", watching);
    if (watching) {
        show_watched(file);
        show_exact(file);
    }
    for (i = 0; i < ARRAY_SIZE(stats); i++)
        if (!hypercall_stat(i, &value))
            show_line(file, stats[i].name,
                      stats[i].unit ? div_u64(ticks_to_ns(value), stats[i].unit) : value);
    return 0;
}

int device_start(bool watches)
{
    int error;

    watching = watches;
    error = control_start();
    if (error)
        return error;
    error = -ENOMEM;
    if (!proc_create_single("ontime", 0444, NULL, show_status))
        goto no_file;
    error = misc_register(&device);
    if (error)
        goto no_device;
    return 0;

no_device:
    remove_proc_entry("ontime", NULL);
no_file:
    control_stop();
    return error;
}

void device_stop(void)
{
    misc_deregister(&device);
    remove_proc_entry("ontime", NULL);
    control_stop();
}
