/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How late a precise timer, or an interrupt that warps, can be at most: from its deadline, or from the ring,
 * to the entry of its guest with the interrupt pending, as ONTIME_STAT_LATE_MAX measures. And how long a
 * declared job takes at most, from its deadline to its end. docs/bound.md derives both; the counts of
 * instructions are hypervisor/base/longest_path.h's.
 *
 * At the deadline Ontime may be in a stretch without a look at interrupts, which ends first. Then it serves
 * the urgent deadlines that were reached before, one at an interrupt. Urgent work of others that is due
 * earlier goes first. With the policy cbs that is what their shares give them until the vCPU's own work is
 * due. With bvt it is warps of L at most, and a little longer: their end, too, is an interrupt that may come
 * late, and a guest that has interrupts masked just then is given a grace.
 *
 * A CPU has its own queues, and its vCPUs stay on it; those that float count on each CPU that they may be on,
 * as all of them may be on one. What is on other CPUs is in three terms: messages that
 * they send to the CPU's vCPUs, locks of VMs that are on both or have a link or a virtio device between them,
 * and the console's, which all CPUs take. And a mark notes the CPU time of all vCPUs there are. A vCPU that
 * floats may have waited on another CPU before, once.
 *
 * Every term has its greatest value, however improbable it is that all come together. Times are ns inside, us
 * in the result.
 */
#include "bound.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/limits.h"
#include "base/longest_path.h"
#include "ontime/abi.h"
#include "time/gp_timers.h"
#include "time/lead.h"

#define GRACE_NS (GRACE_STEPS * GRACE_STEP_US * 1000.0)
#define EARLY_US (LEAD_SWITCH_MAX_US + LEAD_BACKLOG_MAX_US) /* a vCPU is brought in before its deadline */

struct core {
    const struct system_config *system;
    unsigned cpu;
};

/* ns of the longest stretch, of the longest that a guest causes itself while it runs, and of a switch. */
struct costs {
    double path, own_path, change;
};

/* ns that one stretch, or one switch, may wait for the locks of VMs, and for those that all CPUs take. */
struct waits {
    double stretch, change, all;
};

static uint64_t to_us(double ns)
{
    return (uint64_t)ceil(ns / 1000);
}

static double longer(double a, double b)
{
    return a > b ? a : b;
}

static unsigned vcpus_on(const struct core *core, const struct vm_config *vm)
{
    return vm_config_vcpus_on(vm, core->cpu);
}

static unsigned count_cpus(uint64_t cpus)
{
    return (unsigned)__builtin_popcountll(cpus);
}

/* The other CPUs from which vCPUs that float may come here, or to which they may go. */
static unsigned cpus_floated_over(const struct core *core)
{
    uint64_t cpus = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++)
        if ((core->system->vms[i].floats_on >> core->cpu & 1) != 0)
            cpus |= core->system->vms[i].floats_on;
    return cpus != 0 ? count_cpus(cpus) - 1 : 0;
}

/* The vCPUs that float and may be here, those of VMs that `counts` counts. */
static unsigned vcpus_that_float(const struct core *core, bool (*counts)(enum timer_mode mode))
{
    unsigned sum = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *one = &core->system->vms[i];

        if ((one->floats_on >> core->cpu & 1) != 0 && (counts == NULL || counts(one->timers)))
            sum += one->vcpus;
    }
    return sum;
}

/* Instructions of a look at those that wait here. */
static double look(const struct core *core)
{
    unsigned vcpus = vcpus_that_float(core, NULL);

    if (vcpus == 0)
        return 0;
    return PATH_LOOK + (double)PATH_LOOK_VCPU * vcpus + (double)PATH_LOOK_CPU * cpus_floated_over(core);
}

/* How many vCPUs of `one` are on the CPU beside one of `vm`. */
static unsigned vcpus_beside(const struct core *core, const struct vm_config *one, const struct vm_config *vm)
{
    return vcpus_on(core, one) - (one == vm);
}

/*
 * Marks and trace dumps are made on an observer's CPU; a mark's first piece notes the CPU time of each vCPU,
 * wherever it is.
 */
static double longest_own_path(const struct core *core)
{
    const struct system_config *system = core->system;
    double path = longer(longer(longer(PATH_LOAD, PATH_EXIT), PATH_LINE), look(core));
    unsigned vcpus = 0;
    bool observed = false;

    for (unsigned i = 0; i < system->vm_count; i++) {
        vcpus += system->vms[i].vcpus;
        observed = observed || (system->vms[i].observer && vcpus_on(core, &system->vms[i]) != 0);
    }
    return observed ? longer(longer(path, PATH_TRACE), PATH_MARK + (double)PATH_MARK_VM * vcpus) : path;
}

/* What general-purpose timers add to each change of the deadlines. */
static double timers_path(const struct core *core)
{
    const struct system_config *system = core->system;
    double path = PATH_TIMERS;

    for (unsigned i = 0; i < system->vm_count; i++)
        path += vcpus_on(core, &system->vms[i]) * (double)PATH_TIMERS_VCPU;
    return system->gp_timers ? path : 0;
}

/* The other CPUs that take the console's lock: those with a vCPU, and CPU 0, which serves the UART. */
static unsigned other_cpus(const struct core *core)
{
    uint64_t cpus = 1;

    for (unsigned i = 0; i < core->system->vm_count; i++)
        cpus |= vm_config_cpus(&core->system->vms[i]);
    return count_cpus(cpus & ~(UINT64_C(1) << core->cpu));
}

/* The CPUs that run the VM's vCPUs, or those of a VM that it has a link or a virtio device with. */
static uint64_t cpus_with_links(const struct core *core, const struct vm_config *vm)
{
    return system_cpus_with_links(core->system, (unsigned)(vm - core->system->vms));
}

static bool is_elsewhere_too(const struct core *core, uint64_t cpus)
{
    return (cpus & ~(UINT64_C(1) << core->cpu)) != 0;
}

/* The other CPUs that may take a lock of a VM, of whichever this CPU takes one, too, has the most. */
static unsigned other_cpus_of_a_vm(const struct core *core)
{
    unsigned most = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *vm = &core->system->vms[i];
        uint64_t cpus = cpus_with_links(core, vm);
        unsigned others = count_cpus(cpus) - 1;

        if ((cpus >> core->cpu & 1) != 0 && others > most)
            most = others;
    }
    return most;
}

/*
 * Each other CPU that is before this one at a VM's lock holds it once. While a holder waits for a further
 * lock, those that have still to come to the first one wait, so they are not before it there: only the CPUs
 * that are not at the first lock, or have left it, can be. If all of k are at it, the first holder waits for
 * none of them, and the last for k - 1.
 */
static struct waits waits_of(const struct core *core, double ns_per_instruction)
{
    double others = other_cpus(core), at_vm = other_cpus_of_a_vm(core);
    double inner = at_vm * (2 * others - at_vm - 1) / 2;

    return (struct waits){
        .stretch = (at_vm * WAIT_VM + inner * WAIT_INNER) * ns_per_instruction,
        .change = at_vm * WAIT_SWITCH * ns_per_instruction,
        .all = others * WAIT_ALL * ns_per_instruction,
    };
}

/* Is it this VM that an interrupt from another CPU warps? `peer` is the VM that it comes from. */
static bool warps_from_elsewhere(const struct core *core, const struct vm_config *vm, unsigned its,
                                 unsigned peer, bool warps)
{
    const struct system_config *system = core->system;

    return &system->vms[its] == vm && warps && is_elsewhere_too(core, vm_config_cpus(&system->vms[peer]));
}

/* Does a link or a virtio device whose other end is on another CPU warp the VM? */
static bool is_warped_from_elsewhere(const struct core *core, const struct vm_config *vm)
{
    const struct system_config *system = core->system;
    bool any = false;

    for (unsigned i = 0; i < 2 * system->link_count; i++) {
        const struct link_end *ends = system->links[i / 2].ends;

        any = any || warps_from_elsewhere(core, vm, ends[i % 2].vm, ends[1 - i % 2].vm, ends[i % 2].warps);
    }
    for (unsigned i = 0; i < 2 * system->virtio_count; i++) {
        const struct virtio_end *ends = system->virtios[i / 2].ends;

        any = any || warps_from_elsewhere(core, vm, ends[i % 2].vm, ends[1 - i % 2].vm, ends[i % 2].warps);
    }
    return any;
}

/*
 * How many messages of other CPUs can come that no vCPU's urgent work has room for, as they are charged to
 * the one that they are for. Each other vCPU whose VM is on other CPUs, too, or has a link or a virtio device
 * with one that is, is woken once until it runs. Work may be handed on to it once, within its VM or by such
 * an interrupt that warps it. And one is for the CPU itself. Where what the vCPU is late for is such a link's
 * interrupt, it comes by a message of its own. Of vCPUs that float, each other CPU may have sent one here
 * before it could see that there is urgent work, and each that is urgent itself comes once.
 */
static unsigned messages_to(const struct core *core, const struct vm_config *vm)
{
    unsigned count = (other_cpus(core) != 0 ? 1u : 0u) + (is_warped_from_elsewhere(core, vm) ? 1u : 0u);

    count += cpus_floated_over(core) + vcpus_that_float(core, timers_warp);
    if ((vm->floats_on >> core->cpu & 1) != 0)
        count -= 1; /* it is here */
    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *one = &core->system->vms[i];

        if (is_elsewhere_too(core, cpus_with_links(core, one)))
            count += vcpus_beside(core, one, vm);
        if ((one->timers == TIMERS_PRECISE && is_elsewhere_too(core, vm_config_cpus(one))) ||
            is_warped_from_elsewhere(core, one))
            count += vcpus_beside(core, one, vm);
    }
    return count;
}

/*
 * Instructions for the deadlines of others that are reached before, one for each vCPU: it has no other until
 * it has run. But while U forbids a warp, each deadline of a vCPU is a wake-up of its own. `asked`: what
 * vCPUs that float add to each.
 */
static double deadlines(const struct core *core, const struct vm_config *vm, double asked)
{
    double each = PATH_DUE_OTHER + asked + timers_path(core);
    double sum = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *one = &core->system->vms[i];

        if (timers_warp(one->timers))
            sum += vcpus_beside(core, one, vm) * each;
        if (one->unwarp_us != 0)
            sum += vcpus_on(core, one) * ONTIME_DEADLINES * each;
    }
    return sum;
}

/* On a CPU with a tick, the end of a warp is seen only at the next one. */
static double tick_ns(const struct core *core)
{
    const struct system_config *system = core->system;
    double tick = 0;

    for (unsigned i = 0; i < system->vm_count; i++)
        if (system->vms[i].timers == TIMERS_TICK && vcpus_on(core, &system->vms[i]) != 0)
            tick = longer(tick, system->vms[i].tick_us * 1000.0);
    return tick;
}

/*
 * How many warps of such a vCPU can come first. Of one that asks for its deadlines, two can: L cuts the
 * first, and another of its deadlines, reached meanwhile and still earlier than the one that waits, begins
 * the second. Of one whose timer is only looked at when it waits, one can.
 */
static unsigned warps_of(const struct vm_config *one)
{
    if (!timers_warp(one->timers))
        return 0;
    return one->timers == TIMERS_PRECISE ? 2 : 1;
}

static double other_warps(const struct core *core, const struct vm_config *vm, const struct costs *costs,
                          unsigned *count)
{
    double sum = 0;

    *count = 0;
    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *one = &core->system->vms[i];
        unsigned warps = vcpus_beside(core, one, vm) * warps_of(one);

        *count += warps;
        sum += warps *
               (one->warp_limit_us * 1000.0 + GRACE_NS + tick_ns(core) + costs->own_path + costs->change);
    }
    return sum;
}

/* The weight of all vCPUs on the CPU of the VMs that `counts` counts. */
static double weights(const struct core *core, bool (*counts)(enum timer_mode mode))
{
    const struct system_config *system = core->system;
    double sum = 0;

    for (unsigned i = 0; i < system->vm_count; i++)
        if (counts == NULL || counts(system->vms[i].timers))
            sum += (double)system->vms[i].weight * vcpus_on(core, &system->vms[i]);
    return sum;
}

/* A vCPU with siblings that ends its urgent work with its interrupts masked keeps the CPU for so long. */
static double kept_at_done(const struct vm_config *one)
{
    return one->vcpus > 1 && one->timers == TIMERS_PRECISE ? GRACE_NS + GRACE_STEP_US * 1000.0 : 0;
}

/*
 * Under cbs: when the work of the vCPU is due, job / share after its deadline, the other servers have had
 * what their shares give them until then, and each may have been stopped late once.
 */
static double earlier_work(const struct core *core, const struct vm_config *vm, const struct costs *costs,
                           unsigned *count)
{
    const struct system_config *system = core->system;
    double ratio = (weights(core, timers_warp) - vm->weight) / vm->weight;
    double stops = 0;

    *count = 0;
    for (unsigned i = 0; i < system->vm_count; i++) {
        unsigned vcpus = vcpus_beside(core, &system->vms[i], vm);

        if (!timers_warp(system->vms[i].timers))
            continue;
        *count += vcpus;
        stops += vcpus * (costs->own_path + tick_ns(core) + kept_at_done(&system->vms[i]));
    }
    return vm->job_us * 1000.0 * ratio + stops;
}

/*
 * The least W with which no warp of a VM within its share is denied: C, by which it may be ahead when it ran
 * last; what it may use at the beginning of another's turn; and L. The turns of a VM of less weight are
 * longer in virtual time. docs/system-file.md ("C, L, W and U") explains these.
 */
static uint64_t warp_needed(const struct core *core, const struct vm_config *vm)
{
    const struct system_config *system = core->system;
    double ratio = 1;

    for (unsigned i = 0; i < system->vm_count; i++)
        if (vcpus_on(core, &system->vms[i]) != 0)
            ratio = longer(ratio, (double)vm->weight / system->vms[i].weight);
    return (uint64_t)ceil(system->allowance_us * (1 + ratio)) + vm->warp_limit_us;
}

static bool is_alone(const struct core *core)
{
    unsigned vcpus = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++)
        vcpus += vcpus_on(core, &core->system->vms[i]);
    return vcpus == 1;
}

/* The terms follow from the order in which BVT runs vCPUs. */
static bool is_cbs(const struct system_config *system)
{
    return strcmp(system->scheduler, "cbs") == 0;
}

static bool is_bvt(const struct system_config *system)
{
    return strcmp(system->scheduler, "bvt") == 0;
}

/* Writes to `why`, when there is none, the reason. */
static bool has_bound(const struct core *core, const struct vm_config *vm, char *why)
{
    const struct system_config *system = core->system;
    uint64_t needed = warp_needed(core, vm);

    if (!is_cbs(system) && !is_bvt(system)) {
        snprintf(why, BOUND_WHY, "scheduler = \"%s\" promises none: \"cbs\" and \"bvt\" do",
                 system->scheduler);
        return false;
    }
    if (!timers_warp(vm->timers)) {
        snprintf(why, BOUND_WHY, "it waits for its turn: timers = \"precise\" or \"snoop\" gives one");
        return false;
    }
    if (is_cbs(system))
        return true;
    if (is_alone(core) || (vm->unwarp_us == 0 && vm->warp_us >= needed))
        return true;
    if (vm->unwarp_us != 0)
        snprintf(why, BOUND_WHY,
                 "a deadline less than unwarp-us = <%" PRIu32 "> after a warp is not warped: <0> gives one",
                 vm->unwarp_us);
    else
        snprintf(why, BOUND_WHY,
                 "its warps can be denied, with warp-us = <%" PRIu32 ">: <%" PRIu64 "> or more gives one",
                 vm->warp_us, needed);
    return false;
}

/* Without what a move adds. */
static struct bound bound_on(const struct core *core, const struct vm_config *vm, double ns_per_instruction)
{
    struct bound bound = {.exists = false};
    double asked = (double)PATH_IDLE_CPU * cpus_floated_over(core);
    double timers = timers_path(core), longer_by = asked + TIMERS_CHANGES * timers;
    struct costs costs = {
        .path = (longer(longest_own_path(core), PATH_DUE) + longer_by) * ns_per_instruction,
        .own_path = (longest_own_path(core) + longer_by) * ns_per_instruction,
        .change = (PATH_SWITCH + asked + 2 * timers) * ns_per_instruction,
    };
    const struct waits waits = waits_of(core, ns_per_instruction);
    unsigned stretches, changes;
    double warped;

    bound.exists = has_bound(core, vm, bound.why_not);
    if (!bound.exists)
        return bound;
    warped = is_cbs(core->system) ? earlier_work(core, vm, &costs, &bound.warps)
                                  : other_warps(core, vm, &costs, &bound.warps);
    bound.path = to_us(costs.path);
    bound.deadlines = to_us(deadlines(core, vm, asked) * ns_per_instruction);
    bound.switching = to_us(costs.change + (core->system->gp_timers ? GP_TIMER_LATE_NS : 0));
    bound.warped = to_us(warped);
    bound.message_count = messages_to(core, vm);
    bound.messages = to_us(bound.message_count * (PATH_MESSAGE + longer_by) * ns_per_instruction);
    stretches = 1 + bound.warps + bound.message_count;
    changes = is_cbs(core->system) ? 1 : 1 + bound.warps;
    bound.locks = to_us(stretches * waits.stretch + changes * waits.change);
    bound.console = to_us(stretches * waits.all);
    bound.total = bound.path + bound.deadlines + bound.switching + bound.warped + bound.messages +
                  bound.locks + bound.console;
    return bound;
}

/*
 * A vCPU that floats, and waits for others' urgent work, may go to another CPU, once for each deadline. So it
 * has waited on one of the others before for as long as it may there, up to the end of the look that sends it
 * away. If it has no bound there, it has none here.
 */
static void add_wait_elsewhere(const struct core *core, const struct vm_config *vm, double ns_per_instruction,
                               struct bound *bound)
{
    for (uint64_t left = vm->floats_on & ~(UINT64_C(1) << core->cpu); left != 0; left &= left - 1) {
        const struct core other = {core->system, (unsigned)__builtin_ctzll(left)};
        struct bound there = bound_on(&other, vm, ns_per_instruction);
        uint64_t waited = there.total + to_us(look(&other) * ns_per_instruction);

        if (!there.exists) {
            *bound = there;
            return;
        }
        if (there.warps != 0 && waited > bound->moved)
            bound->moved = waited;
    }
    bound->total += bound->moved;
}

struct bound bound_of(const struct system_config *system, const struct vm_config *vm, unsigned cpu,
                      double ns_per_instruction)
{
    const struct core core = {system, cpu};
    struct bound bound = bound_on(&core, vm, ns_per_instruction);

    if (bound.exists)
        add_wait_elsewhere(&core, vm, ns_per_instruction, &bound);
    if (!bound.exists)
        return bound;
    if (vm->period_us == 0)
        return bound;
    bound.response = bound.total + vm->job_us;
    bound.demand = (double)vm->job_us / vm->period_us;
    bound.holds = (double)(vm->job_us + EARLY_US) / vm->period_us <= vm->weight / weights(&core, NULL);
    return bound;
}
