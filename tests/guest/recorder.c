// SPDX-License-Identifier: GPL-2.0
/*
 * Takes the place of hypercall.c in a test module: instead of calling Ontime it records each call, so that
 * what the module would say can be checked on a machine without a hypervisor.
 *
 * /proc/ontime-calls shows the records, oldest first, a line each: CPU, counter when it was made, what,
 * value. A write empties it. Besides the calls, each expiry of any timer is recorded with CNTV_CVAL_EL0: at
 * that moment it still holds the instant for which Linux had set the clock.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <asm/arch_timer.h>

#include "hypercall.h"

#define RECORDS 16384

static struct {
    u64 counter, value;
    const char *what;
    unsigned int cpu;
} records[RECORDS];
static atomic_t count = ATOMIC_INIT(0);

static void record(const char *what, u64 value)
{
    unsigned int i = atomic_fetch_inc(&count);

    if (i >= RECORDS)
        return;
    records[i].cpu = raw_smp_processor_id();
    records[i].counter = arch_timer_read_counter();
    records[i].what = what;
    records[i].value = value;
}

static void probe_expire(void *data, struct hrtimer *timer, ktime_t *now)
{
    record("expire", read_sysreg(cntv_cval_el0));
}

static int show(struct seq_file *file, void *unused)
{
    int i, seen = min(atomic_read(&count), RECORDS);

    for (i = 0; i < seen; i++)
        seq_printf(file, "%u %llu %s %llu\n", records[i].cpu, records[i].counter, records[i].what,
                   records[i].value);
    return 0;
}

static int open(struct inode *inode, struct file *file)
{
    return single_open_size(file, show, NULL, RECORDS * 64);
}

static ssize_t empty(struct file *file, const char __user *text, size_t length, loff_t *at)
{
    atomic_set(&count, 0);
    return length;
}

static const struct proc_ops operations = {
    .proc_open = open,
    .proc_read = seq_read,
    .proc_lseek = seq_lseek,
    .proc_release = single_release,
    .proc_write = empty,
};

static struct tracepoint *expire_point;

static void match(struct tracepoint *point, void *data)
{
    if (!strcmp(point->name, "hrtimer_expire_entry"))
        expire_point = point;
}

int hypercall_find(u64 *features)
{
    *features = ONTIME_FEATURE_PRECISE | ONTIME_FEATURE_OBSERVER;
    return 0;
}
EXPORT_SYMBOL_GPL(hypercall_find);

void hypercall_arm(u64 deadline)
{
    record("arm", deadline);
}
EXPORT_SYMBOL_GPL(hypercall_arm);

void hypercall_cancel(void)
{
    record("cancel", 0);
}
EXPORT_SYMBOL_GPL(hypercall_cancel);

void hypercall_done(u64 next)
{
    record("done", 0);
}
EXPORT_SYMBOL_GPL(hypercall_done);

int hypercall_stat(unsigned int which, u64 *value)
{
    *value = which;
    return 0;
}
EXPORT_SYMBOL_GPL(hypercall_stat);

int hypercall_mark(u32 number)
{
    record("mark", number);
    return 0;
}
EXPORT_SYMBOL_GPL(hypercall_mark);

int hypercall_trace(u64 *cursor)
{
    record("trace", *cursor);
    *cursor = *cursor < 3 ? *cursor + 1 : 0;
    return 0;
}
EXPORT_SYMBOL_GPL(hypercall_trace);

static int __init recorder_init(void)
{
    int error;

    for_each_kernel_tracepoint(match, NULL);
    if (!expire_point)
        return -ENOENT;
    if (!proc_create("ontime-calls", 0600, NULL, &operations))
        return -ENOMEM;
    error = tracepoint_probe_register(expire_point, probe_expire, NULL);
    if (error)
        remove_proc_entry("ontime-calls", NULL);
    return error;
}

static void __exit recorder_exit(void)
{
    tracepoint_probe_unregister(expire_point, probe_expire, NULL);
    tracepoint_synchronize_unregister();
    remove_proc_entry("ontime-calls", NULL);
}

module_init(recorder_init);
module_exit(recorder_exit);
MODULE_DESCRIPTION("Records the calls that Ontime's guest module would make");
MODULE_LICENSE("GPL");
