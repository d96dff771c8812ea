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
 * does so with an interrupt on CPU 0: the console's, for no reason. "softirqs" does so with an interrupt on
 * the writer's CPU that has more softirqs than Linux serves at once, so that it leaves the last ones to its
 * thread. With the parameter refuse=1 pages are refused.
 *
 * For the calls of control it plays a system of two VMs, "alpha", which is this one, and "beta", whose
 * console sends back what it is given. Two CPUs have a trace of 600 records, the latter half of which they
 * make when they have been asked for the number of the next. CPU 1's has overwritten the first 100, and it
 * overwrites those from 300 to 399 before they can be read. A change of beta's state takes a few questions
 * for it. An image is recorded as its size and the sum of its bytes, each times the number of its block, from
 * 1 on.
 */
#include <linux/atomic.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq_work.h>
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

#include <ontime/control.h>

#include "hypercall.h"

#define RECORDS  16384
#define SOFTIRQS 12 /* Linux serves 10 at once (MAX_SOFTIRQ_RESTART) */

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

static unsigned int softirqs_left;

static void serve(struct tasklet_struct *tasklet)
{
    if (--softirqs_left)
        tasklet_schedule(tasklet);
}

static DECLARE_TASKLET(softirq, serve);

static void begin_softirqs(struct irq_work *work)
{
    softirqs_left = SOFTIRQS;
    tasklet_schedule(&softirq);
}

static DEFINE_IRQ_WORK(softirqs, begin_softirqs);

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
    if (!strncmp(word, "softirq", 7)) {
        be_warped();
        irq_work_queue(&softirqs);
    }
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

enum { VMS = 2, TRACES = 2, TRACE_RECORDS = 600, TRACE_NOW = 300, TRACE_LOST = 100, PATIENCE = 3, MARK = 14 };

static u32 beta_state = ONTIME_VM_RUNNING, beta_next = ONTIME_VM_RUNNING, beta_starts = 1, beta_patience;
static u32 beta_weight = 1;
static u64 time_seen; /* how often a vCPU has been asked for */
static char console[2 * ONTIME_PAGE_SIZE] = "beta is ready\n";
static u64 console_length = 14;

static void play_vm(unsigned int vm, struct ontime_vm_info *info)
{
    if (vm == 1 && beta_state != beta_next && ++beta_patience > PATIENCE)
        beta_state = beta_next;
    memset(info, 0, ONTIME_PAGE_SIZE);
    info->size = sizeof(*info);
    info->vm_count = VMS;
    strcpy(info->name, vm ? "beta" : "alpha");
    info->state = vm ? beta_state : ONTIME_VM_RUNNING;
    info->vcpus = vm + 1;
    info->ram_base = 0x40000000;
    info->ram_size = 16 << 20;
    info->cpus = vm ? 3 : 1;
    info->timers = vm ? 1 : 3;
    info->weight = vm ? beta_weight : 1;
    info->horizon_us = vm ? 0 : 100000;
    info->flags = vm ? 0 : ONTIME_VM_CONTROL;
    info->starts = vm ? beta_starts : 1;
    info->own = !vm;
}

/* Each question is a millisecond after the one before, half of which the vCPU has run. */
static void play_vcpu(struct ontime_vcpu_info *info)
{
    memset(info, 0, ONTIME_PAGE_SIZE);
    info->size = sizeof(*info);
    info->state = ONTIME_VCPU_BLOCKED;
    info->hz = 62500000;
    info->counter = ++time_seen * 62500;
    info->run = info->blocked = info->counter / 2;
    info->exits[ONTIME_EXIT_CALL] = time_seen;
    info->late[8] = time_seen;
    info->stats[ONTIME_STAT_LATE_MAX] = 255;
}

static u64 image_sum(const u64 *list, u64 bytes)
{
    u64 at, sum = 0;

    for (at = 0; at < bytes; at++)
        sum += (at / ONTIME_IMAGE_BLOCK + 1) *
               ((const u8 *)phys_to_virt(list[at / ONTIME_IMAGE_BLOCK]))[at % ONTIME_IMAGE_BLOCK];
    return sum;
}

static int play_power(const u64 arguments[4])
{
    static const u32 next[] = {ONTIME_VM_PAUSED, ONTIME_VM_RUNNING, ONTIME_VM_OFF, ONTIME_VM_RUNNING};
    u64 action = arguments[1];

    if (arguments[0] != 1 || action >= ARRAY_SIZE(next))
        return -EINVAL;
    if (beta_state != beta_next || (action < ONTIME_POWER_STOP && beta_state == ONTIME_VM_OFF))
        return -EBUSY;
    if (action == ONTIME_POWER_RESTART) {
        beta_starts++;
        beta_state = ONTIME_VM_LOADING;
    }
    if (arguments[2]) {
        record("image", arguments[3]);
        record("sum", image_sum(phys_to_virt(arguments[2]), arguments[3]));
    }
    beta_next = next[action];
    beta_patience = 0;
    return 0;
}

static int play_set(const u64 arguments[4])
{
    if (arguments[0] != 1 || arguments[1] != ONTIME_SET_WEIGHT || arguments[2] < 1 || arguments[2] > 1000)
        return -EINVAL;
    beta_weight = arguments[2];
    return 0;
}

static void play_console_read(u64 position, void *page, u64 results[2])
{
    results[1] = min(position, console_length);
    results[0] = min_t(u64, console_length - results[1], ONTIME_PAGE_SIZE);
    memcpy(page, console + results[1], results[0]);
}

/* Takes seven bytes at a time at most. */
static void play_console_write(const void *page, u64 bytes, u64 results[2])
{
    results[0] = min3(bytes, (u64)7, sizeof(console) - console_length);
    memcpy(console + console_length, page, results[0]);
    console_length += results[0];
}

/* As in ontime/trace.h. */
struct trace_record {
    u64 counter;
    u32 arg;
    u16 vcpu, type;
};

static bool is_overwritten(u64 cpu, u64 i)
{
    return cpu == 1 && (i < TRACE_LOST || (i >= TRACE_NOW && i < TRACE_NOW + TRACE_LOST));
}

static int play_trace(const u64 arguments[4], struct trace_record *page, u64 results[2])
{
    u64 i, cpu = arguments[0], first = arguments[1];

    if (cpu >= TRACES)
        return -EINVAL;
    results[0] = 0;
    results[1] = TRACE_NOW;
    if (first == ONTIME_TRACE_NEXT)
        return 0;
    while (is_overwritten(cpu, first))
        first++;
    results[1] = first;
    for (i = first;
         i < TRACE_RECORDS && !is_overwritten(cpu, i) && results[0] < ONTIME_PAGE_SIZE / sizeof(*page); i++)
        page[results[0]++] =
            (struct trace_record){.counter = i * 1000 + cpu, .arg = i, .vcpu = cpu, .type = MARK};
    return 0;
}

int hypercall_control(u32 call, const u64 arguments[4], u64 results[2])
{
    unsigned int vm = arguments[0];

    if (call != ONTIME_CALL_TRACE_READ && arguments[0] >= VMS)
        return -EINVAL;
    switch (call) {
    case ONTIME_CALL_VM_INFO:
        play_vm(vm, phys_to_virt(arguments[1]));
        return 0;
    case ONTIME_CALL_VCPU_INFO:
        if (arguments[1] > vm)
            return -EINVAL;
        play_vcpu(phys_to_virt(arguments[2]));
        return 0;
    case ONTIME_CALL_VM_POWER:
        return play_power(arguments);
    case ONTIME_CALL_VM_SET:
        return play_set(arguments);
    case ONTIME_CALL_CONSOLE_READ:
        play_console_read(arguments[1], phys_to_virt(arguments[2]), results);
        return 0;
    case ONTIME_CALL_CONSOLE_WRITE:
        play_console_write(phys_to_virt(arguments[1]), arguments[2], results);
        return 0;
    default:
        return play_trace(arguments, phys_to_virt(arguments[2]), results);
    }
}
EXPORT_SYMBOL_GPL(hypercall_control);

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
