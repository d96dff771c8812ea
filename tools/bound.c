/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How late a precise timer can be at most: from its deadline to the entry of its guest with the interrupt
 * pending, as ONTIME_STAT_LATE_MAX measures. And how long a declared job takes at most, from its deadline to
 * its end. docs/bound.md derives both; the counts of instructions are hypervisor/base/longest_path.h's.
 *
 * At the deadline Ontime may be in a stretch without a look at interrupts, which ends first. Then it serves
 * the urgent deadlines that were reached before, one at an interrupt. Urgent work of others that is due
 * earlier goes first. With the policy cbs that is what their shares give them until the vCPU's own work is
 * due. With bvt it is warps of L at most, and a little longer: their end, too, is an interrupt that may come
 * late, and a guest that has interrupts masked just then is given a grace.
 *
 * A CPU has its own queues, and its vCPUs stay on it: what is on other CPUs is in no term. The exception is a
 * mark, which notes the CPU time of all vCPUs there are.
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
    double path = longer(longer(PATH_LOAD, PATH_EXIT), PATH_LINE);
    unsigned vcpus = 0;
    bool observed = false;

    for (unsigned i = 0; i < system->vm_count; i++) {
        vcpus += system->vms[i].vcpus;
        observed = observed || (system->vms[i].observer && vcpus_on(core, &system->vms[i]) != 0);
    }
    return observed ? longer(longer(path, PATH_TRACE), PATH_MARK + (double)PATH_MARK_VM * vcpus) : path;
}

/*
 * Instructions for the deadlines of others that are reached before, one for each vCPU: it has no other until
 * it has run. But while U forbids a warp, each deadline of a vCPU is a wake-up of its own.
 */
static double deadlines(const struct core *core, const struct vm_config *vm)
{
    double sum = 0;

    for (unsigned i = 0; i < core->system->vm_count; i++) {
        const struct vm_config *one = &core->system->vms[i];

        if (timers_warp(one->timers))
            sum += vcpus_beside(core, one, vm) * PATH_DUE_OTHER;
        if (one->unwarp_us != 0)
            sum += vcpus_on(core, one) * (double)ONTIME_DEADLINES * PATH_DUE_OTHER;
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

struct bound bound_of(const struct system_config *system, const struct vm_config *vm, unsigned cpu,
                      double ns_per_instruction)
{
    const struct core core = {system, cpu};
    struct bound bound = {.exists = false};
    struct costs costs = {
        .path = longer(longest_own_path(&core), PATH_DUE) * ns_per_instruction,
        .own_path = longest_own_path(&core) * ns_per_instruction,
        .change = PATH_SWITCH * ns_per_instruction,
    };
    double warped;

    bound.exists = has_bound(&core, vm, bound.why_not);
    if (!bound.exists)
        return bound;
    warped = is_cbs(system) ? earlier_work(&core, vm, &costs, &bound.warps)
                            : other_warps(&core, vm, &costs, &bound.warps);
    bound.path = to_us(costs.path);
    bound.deadlines = to_us(deadlines(&core, vm) * ns_per_instruction);
    bound.switching = to_us(costs.change);
    bound.warped = to_us(warped);
    bound.total = bound.path + bound.deadlines + bound.switching + bound.warped;
    if (vm->period_us == 0)
        return bound;
    bound.response = bound.total + vm->job_us;
    bound.demand = (double)vm->job_us / vm->period_us;
    bound.holds = (double)(vm->job_us + EARLY_US) / vm->period_us <= vm->weight / weights(&core, NULL);
    return bound;
}
