// SPDX-License-Identifier: GPL-2.0
/*
 * Takes the place of hypercall.c in a test build of the module. It does not call Ontime, but records each
 * call. So the calls that the module makes can be checked on a machine without a hypervisor.
 *
 * /proc/ontime-calls shows the records, oldest first, one a line: CPU, counter, what was recorded, value.
 * Besides the calls these are:
 *
 *   expire    a timer has expired. The value is CNTV_CVAL_EL0, which still holds the instant for which Linux
 *             had set its clock
 *   store     the module has stored a deadline into the CPU's page. The recorder looks for that in probes of
 *             its own, which run behind the module's on the same tracepoints
 *   idle      the CPU goes idle
 *
 * A write to the file empties the list. The recorder also plays Ontime's part in the pages: a page says that
 * its vCPU is warped from the first expiry after its deadline until DONE, or until the CPU goes idle. Writing
 * "calm" stops that, and "warp" starts it again. "urgent" warps the writer's CPU at once, and "interrupt"
 * does so with an interrupt on CPU 0: the console's, for no reason. With the parameter refuse=1 pages are
 * refused.
 */
#include <linux/atomic.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <asm/arch_timer.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* a parameter in irqdomain.h */
#include <linux/of_irq.h>
#pragma GCC diagnostic pop

#include "hypercall.h"

#define RECORDS 16384

static bool refuse;
module_param(refuse, bool, 0644);

static bool warps = true;
static unsigned int console_irq;
static DEFINE_PER_CPU(u64 *, pages);
static DEFINE_PER_CPU(u64, stored);

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
    u64 *page = this_cpu_read(pages);

    record("expire", read_sysreg(cntv_cval_el0));
    if (page && warps && page[ONTIME_PAGE_DEADLINE / 8] <= arch_timer_read_counter())
        page[ONTIME_PAGE_WARPED / 8] = 1;
}

static void look_at_page(void)
{
    u64 *page = this_cpu_read(pages);

    if (!page || page[ONTIME_PAGE_DEADLINE / 8] == this_cpu_read(stored))
        return;
    this_cpu_write(stored, page[ONTIME_PAGE_DEADLINE / 8]);
    record("store", page[ONTIME_PAGE_DEADLINE / 8]);
}

static void probe_start(void *data, struct hrtimer *timer, enum hrtimer_mode mode, bool was_armed)
{
    look_at_page();
}

static void probe_cancel(void *data, struct hrtimer *timer)
{
    look_at_page();
}

static void probe_migrate(void *data, struct task_struct *task, int dest)
{
    look_at_page();
}

/* A vCPU that goes idle is no longer warped. */
static void probe_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
                         unsigned int prev_state)
{
    u64 *page = this_cpu_read(pages);

    look_at_page();
    if (!is_idle_task(next))
        return;
    record("idle", 0);
    if (page)
        page[ONTIME_PAGE_WARPED / 8] = 0;
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

static void be_calm(void)
{
    unsigned int cpu;

    warps = false;
    for_each_possible_cpu(cpu)
    {
        if (per_cpu(pages, cpu))
            per_cpu(pages, cpu)[ONTIME_PAGE_WARPED / 8] = 0;
    }
}

static void be_warped(void)
{
    u64 *page = get_cpu_var(pages);

    if (page)
        page[ONTIME_PAGE_WARPED / 8] = 1;
    put_cpu_var(pages);
}

static ssize_t empty(struct file *file, const char __user *text, size_t length, loff_t *at)
{
    char word[8] = "";

    if (copy_from_user(word, text, min(length, sizeof(word) - 1)))
        return -EFAULT;
    if (!strncmp(word, "warp", 4))
        warps = true;
    if (!strncmp(word, "calm", 4))
        be_calm();
    atomic_set(&count, 0);
    if (!strncmp(word, "urgent", 6))
        be_warped();
    if (!strncmp(word, "interru", 7)) {
        be_warped();
        irq_set_irqchip_state(console_irq, IRQCHIP_STATE_PENDING, true);
    }
    return length;
}

static const struct proc_ops operations = {
    .proc_open = open,
    .proc_read = seq_read,
    .proc_lseek = seq_lseek,
    .proc_release = single_release,
    .proc_write = empty,
};

/* They are registered with a lower priority than the module's probes, so that those run first. */
static struct {
    const char *name;
    void *function;
    struct tracepoint *point;
} probes[] = {
    {.name = "hrtimer_expire_entry", .function = probe_expire},
    {.name = "hrtimer_start", .function = probe_start},
    {.name = "hrtimer_cancel", .function = probe_cancel},
    {.name = "sched_migrate_task", .function = probe_migrate},
    {.name = "sched_switch", .function = probe_switch},
};

static void match(struct tracepoint *point, void *data)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(probes); i++)
        if (!strcmp(point->name, probes[i].name))
            probes[i].point = point;
}

static void unregister(int registered)
{
    while (registered-- > 0)
        tracepoint_probe_unregister(probes[registered].point, probes[registered].function, NULL);
    tracepoint_synchronize_unregister();
}

static int register_all(void)
{
    int i, error;

    for_each_kernel_tracepoint(match, NULL);
    for (i = 0; i < ARRAY_SIZE(probes); i++) {
        error = probes[i].point ? tracepoint_probe_register_prio(probes[i].point, probes[i].function, NULL, 0)
                                : -ENOENT;
        if (error) {
            unregister(i);
            return error;
        }
    }
    return 0;
}

int hypercall_find(u64 *features)
{
    *features =
        ONTIME_FEATURE_PRECISE | ONTIME_FEATURE_OBSERVER | ONTIME_FEATURE_PAGE | ONTIME_FEATURE_INTERRUPTS;
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
    u64 *page = this_cpu_read(pages);

    look_at_page(); /* the module has stored the next deadline before this call */
    record("done", next);
    if (page)
        page[ONTIME_PAGE_WARPED / 8] = 0;
}
EXPORT_SYMBOL_GPL(hypercall_done);

void hypercall_hand_on(u64 vcpu)
{
    u64 *page = per_cpu(pages, vcpu);

    record("hand", vcpu);
    if (page)
        page[ONTIME_PAGE_WARPED / 8] = 1;
}
EXPORT_SYMBOL_GPL(hypercall_hand_on);

int hypercall_page(u64 address)
{
    if (refuse)
        return -EINVAL;
    look_at_page();
    record("page", address);
    *this_cpu_ptr(&pages) = address == ONTIME_NO_PAGE ? NULL : phys_to_virt(address);
    this_cpu_write(stored, ONTIME_NO_DEADLINE);
    return 0;
}
EXPORT_SYMBOL_GPL(hypercall_page);

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

    console_irq = irq_of_parse_and_map(of_find_compatible_node(NULL, NULL, "arm,pl011"), 0);
    if (!console_irq)
        return -ENODEV;
    if (!proc_create("ontime-calls", 0600, NULL, &operations))
        return -ENOMEM;
    error = register_all();
    if (error)
        remove_proc_entry("ontime-calls", NULL);
    return error;
}

static void __exit recorder_exit(void)
{
    unregister(ARRAY_SIZE(probes));
    remove_proc_entry("ontime-calls", NULL);
}

module_init(recorder_init);
module_exit(recorder_exit);
MODULE_DESCRIPTION("Records the calls that Ontime's guest module would make");
MODULE_LICENSE("GPL");
