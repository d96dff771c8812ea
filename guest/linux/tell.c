// SPDX-License-Identifier: GPL-2.0
/*
 * Telling Ontime the first deadline of each CPU, and that the work of a deadline is done.
 *
 * By page: each CPU has a page that Ontime reads when it takes the CPU away (ONTIME_CALL_PAGE). To tell a
 * deadline is then a store into the page. The only call left is DONE, made when the page says that the vCPU
 * is warped. By calls: ARM, CANCEL and DONE. That is for an Ontime without pages, and for the parameter
 * calls=1.
 *
 * A deadline that has been reached stays told until its work is done. When the last of the work is done, the
 * deadline told changes from one in the past to one in the future, or to none, and the warp ends. A CPU that
 * goes idle then makes no call, because its WFI ends the warp. A DONE before the WFI would do harm: Ontime
 * would take the CPU away at once, and would have to give it back for the WFI.
 *
 * The state of a CPU is used by that CPU only, with interrupts off. A CPU begins to tell when it comes
 * online, and stops when it goes offline.
 */
#define pr_fmt(format) "ontime: " format

#include <linux/build_bug.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <asm/arch_timer.h>
#include <asm/cputype.h>

#include "hypercall.h"
#include "tell.h"

static bool calls;
module_param(calls, bool, 0444);
MODULE_PARM_DESC(calls, "tell deadlines by calls, not by a page");

static unsigned int needs_us;
module_param(needs_us, uint, 0444);
MODULE_PARM_DESC(needs_us, "the CPU time that the work of a deadline needs, us; 0: not known");

struct deadline_page {
    u64 deadline, needs, handed;
    u8 unused[ONTIME_PAGE_WARPED - 3 * sizeof(u64)];
    u64 warped;
};

static_assert(offsetof(struct deadline_page, deadline) == ONTIME_PAGE_DEADLINE);
static_assert(offsetof(struct deadline_page, needs) == ONTIME_PAGE_NEEDS);
static_assert(offsetof(struct deadline_page, handed) == ONTIME_PAGE_HANDED);
static_assert(offsetof(struct deadline_page, warped) == ONTIME_PAGE_WARPED);

DEFINE_PER_CPU(struct tell, tells) = {.told = ONTIME_NO_DEADLINE};
static DEFINE_PER_CPU(struct deadline_page *, pages); /* kept while their CPUs are offline */
static int hotplug_state;

static void say_done(struct tell *tell, u64 next)
{
    tell->done++;
    tell->calls++;
    hypercall_done(next);
}

/* Ontime may warp a vCPU before its deadline. So DONE may be needed for a deadline that was never reached. */
static void tell_by_page(struct tell *tell, u64 first, u64 now, bool idles)
{
    bool gone = tell->told < first && !idles;

    WRITE_ONCE(tell->page->deadline, first);
    if (gone && first > now && READ_ONCE(tell->page->warped))
        say_done(tell, first);
}

/* DONE comes last, because Ontime may take the CPU away in this call. */
static void tell_by_call(struct tell *tell, u64 first, u64 now, bool idles)
{
    bool was_reached = tell->told <= now; /* Ontime disarms a deadline that is reached */

    if (first != ONTIME_NO_DEADLINE) {
        hypercall_arm(first);
        tell->calls++;
    } else if (!was_reached) {
        hypercall_cancel();
        tell->calls++;
    }
    if (was_reached && first > now && !idles)
        say_done(tell, first);
}

void tell_anew(u64 first, bool idles)
{
    struct tell *tell = this_cpu_ptr(&tells);
    u64 now = arch_timer_read_counter();

    if (!tell->on)
        return;
    if (tell->page)
        tell_by_page(tell, first, now, idles);
    else
        tell_by_call(tell, first, now, idles);
    tell->told = first;
}

bool tell_is_warped(void)
{
    const struct deadline_page *page = __this_cpu_read(tells.page);

    return page && READ_ONCE(page->warped);
}

void tell_in_vain(u64 next)
{
    struct tell *tell = this_cpu_ptr(&tells);

    if (tell->page && READ_ONCE(tell->page->warped) && !READ_ONCE(tell->page->handed))
        say_done(tell, next);
}

void tell_on_its_way(unsigned int cpu, bool on_its_way)
{
    struct deadline_page *page = READ_ONCE(per_cpu(pages, cpu)); /* kept where Ontime is told nothing */

    if (page)
        WRITE_ONCE(page->handed, on_its_way);
}

void tell_handed_on(unsigned int cpu)
{
    const struct tell *there = per_cpu_ptr(&tells, cpu);

    if (!READ_ONCE(there->on))
        return;
    this_cpu_inc(tells.calls);
    hypercall_hand_on(READ_ONCE(there->vcpu));
}

static int register_page(struct deadline_page *page)
{
    page->deadline = ONTIME_NO_DEADLINE;
    page->needs = (u64)needs_us * arch_timer_get_cntfrq() / USEC_PER_SEC;
    page->handed = page->warped = 0;
    return hypercall_page(virt_to_phys(page));
}

static int cpu_begins(unsigned int cpu)
{
    struct tell *tell;
    unsigned long flags;
    int error = 0;

    local_irq_save(flags);
    tell = this_cpu_ptr(&tells);
    tell->vcpu = MPIDR_AFFINITY_LEVEL(read_cpuid_mpidr(), 0);
    tell->page = __this_cpu_read(pages);
    if (tell->page)
        error = register_page(tell->page);
    if (error)
        tell->page = NULL;
    tell->on = true;
    local_irq_restore(flags);
    if (error)
        pr_warn("CPU %u: Ontime takes no deadline page (%d): deadlines are told by calls\n", cpu, error);
    return 0;
}

static int cpu_ends(unsigned int cpu)
{
    struct tell *tell;
    unsigned long flags;

    local_irq_save(flags);
    tell = this_cpu_ptr(&tells);
    tell_first(ONTIME_NO_DEADLINE, false);
    if (tell->page)
        hypercall_page(ONTIME_NO_PAGE);
    tell->page = NULL;
    tell->on = false;
    local_irq_restore(flags);
    return 0;
}

static void end_here(void *unused)
{
    cpu_ends(smp_processor_id());
}

/* Withdraws the pages: if kexec starts another kernel, that one uses them for something else. */
static int before_reboot(struct notifier_block *block, unsigned long action, void *unused)
{
    on_each_cpu(end_here, NULL, 1);
    return NOTIFY_DONE;
}

static struct notifier_block reboot_block = {.notifier_call = before_reboot};

static void free_pages_of_cpus(void)
{
    unsigned int cpu;

    for_each_possible_cpu(cpu)
    {
        free_page((unsigned long)per_cpu(pages, cpu));
        per_cpu(pages, cpu) = NULL;
    }
}

static int allocate_pages(void)
{
    unsigned int cpu;

    for_each_possible_cpu(cpu)
    {
        per_cpu(pages, cpu) = (struct deadline_page *)get_zeroed_page(GFP_KERNEL);
        if (!per_cpu(pages, cpu)) {
            free_pages_of_cpus();
            return -ENOMEM;
        }
    }
    return 0;
}

unsigned int tell_pages(void)
{
    unsigned int cpu, count = 0;

    for_each_possible_cpu(cpu) count += !!READ_ONCE(per_cpu(tells, cpu).page);
    return count;
}

int tell_start(bool has_pages)
{
    int error;

    BUILD_BUG_ON(PAGE_SIZE % ONTIME_PAGE_SIZE);
    if (!has_pages && !calls)
        pr_info("this Ontime has no deadline pages: deadlines are told by calls\n");
    error = has_pages && !calls ? allocate_pages() : 0;
    if (error)
        return error;
    hotplug_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "ontime:tell", cpu_begins, cpu_ends);
    if (hotplug_state < 0) {
        free_pages_of_cpus();
        return hotplug_state;
    }
    register_reboot_notifier(&reboot_block);
    return 0;
}

void tell_stop(void)
{
    unregister_reboot_notifier(&reboot_block);
    cpuhp_remove_state(hotplug_state);
    free_pages_of_cpus();
}
