// SPDX-License-Identifier: Apache-2.0
/*
 * The bound on a precise timer's lateness (tools/bound.c): each of its terms, when there is none, that each
 * CPU has its own, in random systems too, and what other CPUs add. At 1000 ns an instruction a term in us is
 * a count of instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bound.h"
#include "base/longest_path.h"
#include "ontime/abi.h"

#define NS             1000.0
#define CPUS           4
#define RANDOM_SYSTEMS 3000

static struct system_config config;
static struct vm_config *const first = &config.vms[0], *const second = &config.vms[1];

static struct vm_config precise(void)
{
    return (struct vm_config){.vcpus = 1,
                              .weight = 1,
                              .timers = TIMERS_PRECISE,
                              .job_us = 100,
                              .warp_us = 15000,
                              .warp_limit_us = 5000};
}

/* Two precise VMs with the defaults. */
static int two(void **state)
{
    (void)state;
    memset(&config, 0, sizeof(config));
    strcpy(config.scheduler, "bvt");
    config.allowance_us = 5000;
    config.vm_count = 2;
    *first = *second = precise();
    return 0;
}

static struct bound bound_of_first(void)
{
    return bound_of(&config, first, 0, NS);
}

static void test_alone(void **state)
{
    (void)state;
    config.vm_count = 1;
    struct bound bound = bound_of_first();
    assert_true(bound.exists);
    assert_true(PATH_LOAD <= PATH_DUE && PATH_EXIT <= PATH_DUE && PATH_LINE <= PATH_DUE);
    assert_int_equal(bound.path, PATH_DUE);
    assert_int_equal(bound.deadlines, 0);
    assert_int_equal(bound.switching, PATH_SWITCH);
    assert_int_equal(bound.warps, 0);
    assert_int_equal(bound.warped, 0);
    assert_int_equal(bound.message_count, 0);
    assert_int_equal(bound.messages, 0);
    assert_int_equal(bound.locks, 0);
    assert_int_equal(bound.console, 0);
    assert_int_equal(bound.total, bound.path + bound.deadlines + bound.switching);
}

static void test_instructions_are_time(void **state)
{
    (void)state;
    config.vm_count = 1;
    assert_int_equal(bound_of(&config, first, 0, 8).switching, (PATH_SWITCH * 8 + 999) / 1000);
    assert_int_equal(bound_of(&config, first, 0, 0.5).switching, (PATH_SWITCH + 1999) / 2000);
}

/* L twice, each time with the grace, a stretch at its end and a switch. */
static void test_another(void **state)
{
    (void)state;
    struct bound bound = bound_of_first();
    assert_true(bound.exists);
    assert_int_equal(bound.warps, 2);
    assert_int_equal(bound.warped, 2 * (5000 + 100 + PATH_EXIT + PATH_SWITCH));
    assert_int_equal(bound.deadlines, PATH_DUE_OTHER);
    second->warp_limit_us = 1000;
    assert_int_equal(bound_of_first().warped, bound.warped - 8000);
    second->timers = TIMERS_SNOOP;
    assert_int_equal(bound_of_first().warps, 1);
    second->timers = TIMERS_WAKE;
    second->warp_limit_us = 0;
    bound = bound_of_first();
    assert_int_equal(bound.warps, 0);
    assert_int_equal(bound.deadlines, 0);
}

static void test_own_other_vcpus(void **state)
{
    (void)state;
    config.vm_count = 1;
    first->vcpus = 3;
    assert_int_equal(bound_of_first().warps, 4);
    config.vm_count = 2;
    second->vcpus = 2;
    assert_int_equal(bound_of_first().warps, 8);
}

static void test_tick_ends_warps(void **state)
{
    (void)state;
    uint64_t without = bound_of_first().warped;
    config.vm_count = 3;
    config.vms[2] = precise();
    config.vms[2].timers = TIMERS_TICK;
    config.vms[2].warp_limit_us = 0;
    config.vms[2].tick_us = 10000;
    assert_int_equal(bound_of_first().warped, without + 2 * 10000);
}

static void test_observer(void **state)
{
    (void)state;
    second->observer = true;
    assert_int_equal(bound_of_first().path, fmax(PATH_DUE, PATH_MARK + 2 * PATH_MARK_VM));
    config.vm_count = 4;
    config.vms[2] = config.vms[3] = precise();
    config.vms[3].vcpus = 8;
    assert_int_equal(bound_of_first().path, fmax(PATH_DUE, PATH_MARK + 11 * PATH_MARK_VM));
    first->vcpus = second->vcpus = config.vms[2].vcpus = 8;
    config.vm_count = 6;
    config.vms[4] = config.vms[5] = config.vms[3];
    assert_int_equal(bound_of_first().path, PATH_MARK + 48 * PATH_MARK_VM);
}

static void assert_none(const char *part)
{
    struct bound bound = bound_of_first();
    assert_false(bound.exists);
    assert_non_null(strstr(bound.why_not, part));
}

static void test_none(void **state)
{
    (void)state;
    first->timers = TIMERS_WAKE;
    assert_none("turn");
    first->timers = TIMERS_TICK;
    assert_none("turn");
    first->timers = TIMERS_PRECISE;
    first->unwarp_us = 1;
    assert_none("unwarp-us = <1>");
    first->unwarp_us = 0;
    first->warp_us = 14999;
    assert_none("<15000> or more");
}

/* Not even alone, and whatever it asks for. */
static void test_other_schedulers_have_none(void **state)
{
    (void)state;
    strcpy(config.scheduler, "credit");
    assert_none("scheduler = \"credit\" promises none");
    config.vm_count = 1;
    strcpy(config.scheduler, "rr");
    assert_none("scheduler = \"rr\" promises none");
}

static void test_snoop_has_one(void **state)
{
    (void)state;
    first->timers = TIMERS_SNOOP;
    assert_true(bound_of_first().exists);
}

/* Beside a VM of a third of its weight, whose turns are three times as long in virtual time. */
static void test_weight(void **state)
{
    (void)state;
    first->weight = 3;
    assert_none("<25000> or more");
    first->warp_us = 25000;
    assert_true(bound_of_first().exists);
    first->weight = 1;
    first->warp_us = 15000;
    second->weight = 3;
    assert_true(bound_of_first().exists);
}

/* A lone vCPU runs whenever it wants to. */
static void test_alone_needs_no_warp(void **state)
{
    (void)state;
    config.vm_count = 1;
    first->warp_us = 0;
    first->unwarp_us = 1000;
    assert_true(bound_of_first().exists);
}

static void test_unwarped_deadlines_come_one_by_one(void **state)
{
    (void)state;
    uint64_t without = bound_of_first().deadlines;
    second->unwarp_us = 1;
    assert_int_equal(bound_of_first().deadlines, without + (uint64_t)ONTIME_DEADLINES * PATH_DUE_OTHER);
}

/* Under cbs the other has what its share gives it until the job is due, and may be stopped late once. */
static void test_cbs(void **state)
{
    (void)state;
    strcpy(config.scheduler, "cbs");
    first->warp_us = second->warp_us = first->warp_limit_us = second->warp_limit_us = 0;
    struct bound bound = bound_of_first();
    assert_true(bound.exists);
    assert_int_equal(bound.warps, 1);
    assert_true(PATH_LOAD <= PATH_EXIT && PATH_LINE <= PATH_EXIT);
    assert_int_equal(bound.warped, 100 + PATH_EXIT);
    assert_int_equal(bound.total, bound.path + bound.deadlines + bound.switching + bound.warped);
    assert_int_equal(bound.response, 0);
    second->weight = 3;
    assert_int_equal(bound_of_first().warped, 3 * 100 + PATH_EXIT);
    second->job_us = 1; /* however it divides that */
    assert_int_equal(bound_of_first().warped, 3 * 100 + PATH_EXIT);
    first->weight = 6;
    assert_int_equal(bound_of_first().warped, 100 / 2 + PATH_EXIT);
    second->timers = TIMERS_WAKE;
    assert_int_equal(bound_of_first().warped, 0);
    second->timers = TIMERS_TICK;
    second->tick_us = 10000;
    second->vcpus = 2;
    first->vcpus = 2;
    assert_int_equal(bound_of_first().warped, 100 + PATH_EXIT + 10000 + 110); /* its sibling's DONE */
    first->timers = TIMERS_WAKE;
    assert_none("turn");
}

static void test_declared_job(void **state)
{
    (void)state;
    strcpy(config.scheduler, "cbs");
    first->period_us = 2 * (100 + 200); /* 200: it is brought in so early at most */
    struct bound bound = bound_of_first();
    assert_int_equal(bound.response, bound.total + 100);
    assert_true(bound.holds);
    first->period_us = 2 * (100 + 200) - 1;
    assert_false(bound_of_first().holds);
    second->timers = TIMERS_WAKE; /* its share counts, too */
    assert_false(bound_of_first().holds);
    second->weight = 2;
    first->period_us = 3 * (100 + 200);
    assert_true(bound_of_first().holds);
    first->vcpus = 2;
    assert_false(bound_of_first().holds);
}

/* General-purpose timers take EL2's time at each change of the deadlines, and a microsecond for their ticks.
 */
static void test_general_purpose_timers(void **state)
{
    struct bound without = bound_of_first(), with;

    (void)state;
    config.gp_timers = true;
    with = bound_of_first();
    assert_int_equal(with.switching, without.switching + 1 + 2 * (600 + 2 * 170));
    assert_true(with.path > without.path && with.deadlines >= without.deadlines);
    assert_int_equal(with.total, with.path + with.deadlines + with.switching + with.warped);
}

static void put_on(struct vm_config *vm, unsigned cpu)
{
    for (unsigned i = 0; i < vm->vcpus; i++)
        vm->cpus[i] = (uint8_t)cpu;
}

static uint64_t added(const struct bound *bound)
{
    return bound->messages + bound->locks + bound->console;
}

/* But for what other CPUs add. */
static void assert_same(const struct bound *bound, const struct bound *other)
{
    assert_int_equal(bound->exists, other->exists);
    assert_string_equal(bound->why_not, other->why_not);
    assert_int_equal(bound->path, other->path);
    assert_int_equal(bound->deadlines, other->deadlines);
    assert_int_equal(bound->switching, other->switching);
    assert_int_equal(bound->warps, other->warps);
    assert_int_equal(bound->warped, other->warped);
    assert_int_equal(bound->total - added(bound), other->total - added(other));
    assert_int_equal(bound->response != 0 ? bound->response - added(bound) : 0,
                     other->response != 0 ? other->response - added(other) : 0);
    assert_int_equal(bound->holds, other->holds);
}

static void test_vcpus_of_other_cpus_do_not_go_first(void **state)
{
    (void)state;
    second->vcpus = 2;
    second->unwarp_us = 1;
    put_on(second, 1);
    assert_int_equal(bound_of_first().warps, 0);
    assert_int_equal(bound_of_first().deadlines, 0);
    first->warp_us = 0; /* it is the only one of its CPU */
    assert_true(bound_of_first().exists);
    second->cpus[1] = 0;
    assert_none("its warps can be denied");
    first->warp_us = 15000;
    assert_int_equal(bound_of_first().warps, 2);
    assert_int_equal(bound_of_first().deadlines, (1 + ONTIME_DEADLINES) * (uint64_t)PATH_DUE_OTHER);
}

/* A message to the CPU itself, and in that stretch and the one at the deadline the console's lock. */
static void test_another_cpu_adds_the_console(void **state)
{
    (void)state;
    put_on(second, 1);
    struct bound bound = bound_of_first();
    assert_int_equal(bound.message_count, 1);
    assert_int_equal(bound.messages, PATH_MESSAGE);
    assert_int_equal(bound.locks, 0);
    assert_int_equal(bound.console, 2 * WAIT_ALL);
    assert_int_equal(bound.total, bound.path + bound.deadlines + bound.switching + bound.warped +
                                      PATH_MESSAGE + 2 * WAIT_ALL);
    config.vm_count = 3;
    config.vms[2] = precise();
    put_on(&config.vms[2], 2);
    assert_int_equal(bound_of_first().console, 2 * 2 * WAIT_ALL);
}

/* Two to each other precise vCPU of the CPU whose VM is elsewhere, too, and one to the CPU. */
static void test_messages_of_other_cpus(void **state)
{
    (void)state;
    second->vcpus = 3;
    second->cpus[2] = 1;
    assert_int_equal(bound_of_first().message_count, 5);
    assert_int_equal(bound_of_first().messages, 5 * PATH_MESSAGE);
    assert_int_equal(bound_of(&config, second, 0, NS).message_count, 3);
    assert_int_equal(bound_of(&config, second, 1, NS).message_count, 1);
    second->timers = TIMERS_SNOOP; /* it hands no work on */
    assert_int_equal(bound_of_first().message_count, 3);
    second->cpus[2] = 0;
    put_on(first, 1);
    assert_int_equal(bound_of(&config, second, 0, NS).message_count, 1);
}

/* Each may ring the other: a wake-up, and the lock of the virtual GIC. Work is not handed on by a link. */
static void test_links_to_other_cpus(void **state)
{
    (void)state;
    config.vm_count = 3;
    config.vms[2] = precise();
    put_on(&config.vms[2], 1);
    config.links[0] = (struct link_config){.ends = {{.vm = 1}, {.vm = 0}}};
    config.link_count = 1;
    assert_int_equal(bound_of_first().message_count, 1);
    assert_int_equal(bound_of_first().locks, 0); /* the two ends are on one CPU */
    config.links[0].ends[1].vm = 2;
    struct bound bound = bound_of_first();
    assert_int_equal(bound.message_count, 2);
    assert_int_equal(bound.locks, (2 + 2 + 1) * WAIT_VM + 3 * WAIT_SWITCH);
    bound = bound_of(&config, &config.vms[2], 1, NS);
    assert_int_equal(bound.message_count, 1);
    assert_int_equal(bound.locks, 2 * WAIT_VM + WAIT_SWITCH);
    assert_int_equal(bound_of(&config, second, 0, NS).message_count, 1);
    config.links[0].ends[1].warps = true; /* not this CPU's */
    assert_int_equal(bound_of_first().message_count, 2);
    config.links[0].ends[0].warps = true;
    assert_int_equal(bound_of_first().message_count, 3);
    assert_int_equal(bound_of(&config, second, 0, NS).message_count, 2); /* its own ring, and CPU 0's */
}

/* As by a link. */
static void test_virtio_devices_to_other_cpus(void **state)
{
    struct virtio_end *ends = config.virtios[0].ends;

    (void)state;
    config.vm_count = 3;
    config.vms[2] = precise();
    put_on(&config.vms[2], 1);
    config.virtio_count = 1;
    ends[0] = (struct virtio_end){.vm = 1};
    ends[1] = (struct virtio_end){.vm = 0};
    assert_int_equal(bound_of_first().message_count, 1);
    assert_int_equal(bound_of_first().locks, 0);
    ends[1].vm = 2;
    assert_int_equal(bound_of_first().message_count, 2);
    assert_int_equal(bound_of_first().locks, (2 + 2 + 1) * WAIT_VM + 3 * WAIT_SWITCH);
    ends[1].warps = true;
    assert_int_equal(bound_of_first().message_count, 2);
    ends[0].warps = true;
    assert_int_equal(bound_of_first().message_count, 3);
    assert_int_equal(bound_of(&config, second, 0, NS).message_count, 2);
}

/* In the stretch at the deadline, at the end of another's work or warp, with each message, and at a switch.
 */
static void test_locks_of_a_vm(void **state)
{
    (void)state;
    strcpy(config.scheduler, "cbs");
    second->vcpus = 2;
    second->cpus[1] = 1;
    struct bound bound = bound_of_first();
    assert_int_equal(bound.warps, 1);
    assert_int_equal(bound.message_count, 3);
    assert_int_equal(bound.locks, 5 * WAIT_VM + WAIT_SWITCH);
    assert_int_equal(bound.console, 5 * WAIT_ALL);
    assert_int_equal(bound.total,
                     bound.path + bound.deadlines + bound.switching + bound.warped + added(&bound));
    first->period_us = 10000;
    assert_int_equal(bound_of_first().response, bound.total + 100);
    strcpy(config.scheduler, "bvt");
    assert_int_equal(bound_of_first().warps, 2);
    assert_int_equal(bound_of_first().locks, 6 * WAIT_VM + 3 * WAIT_SWITCH);
}

/* Others that float: each stretch may be a look, one may be on its way from each other CPU, and urgent ones.
 */
static void test_others_that_float(void **state)
{
    uint64_t look, asked = PATH_IDLE_CPU * 2;

    (void)state;
    strcpy(config.scheduler, "cbs");
    second->vcpus = 2;
    second->floats_on = 0x7;
    struct bound bound = bound_of_first();
    look = PATH_LOOK + 2 * PATH_LOOK_VCPU + 2 * PATH_LOOK_CPU;
    assert_int_equal(bound.path, fmax(fmax(PATH_DUE, PATH_EXIT), (double)look) + (double)asked);
    assert_int_equal(bound.switching, PATH_SWITCH + asked);
    assert_int_equal(bound.warps, 2);
    assert_int_equal(bound.deadlines, 2 * (PATH_DUE_OTHER + asked));
    /* A wake and work to each, one to the CPU, one from each other CPU, and both of them. */
    assert_int_equal(bound.message_count, 2 * 2 + 1 + 2 + 2);
    assert_int_equal(bound.messages, 9 * (PATH_MESSAGE + asked));
    assert_int_equal(bound.moved, 0);
    second->vcpus = 8; /* the look is the longest now */
    look += 6 * PATH_LOOK_VCPU;
    second->floats_on = 0xFFFF;
    look += 13 * PATH_LOOK_CPU;
    asked = PATH_IDLE_CPU * 15;
    assert_true(look > PATH_DUE);
    assert_true(look > PATH_EXIT);
    assert_int_equal(bound_of_first().path, look + asked);
    assert_int_equal(bound_of_first().warped, (uint64_t)(100 * 8 + 8 * (110 + look + asked)));
    second->floats_on = 0x6; /* not here */
    assert_int_equal(bound_of_first().path, PATH_DUE);
    assert_int_equal(bound_of_first().message_count, 1);
}

/* One that floats may have waited on the worst of its other CPUs before. */
static void test_one_that_moved(void **state)
{
    (void)state;
    strcpy(config.scheduler, "cbs");
    first->floats_on = 0x3;
    put_on(second, 1);
    uint64_t look = PATH_LOOK + PATH_LOOK_VCPU + PATH_LOOK_CPU;
    struct bound here = bound_of(&config, first, 0, NS), there = bound_of(&config, first, 1, NS);
    assert_int_equal(here.message_count, 1 + 1); /* nobody floats but itself */
    assert_int_equal(here.warps, 0);
    assert_int_equal(there.warps, 1);
    assert_int_equal(there.moved, 0); /* it would not wait on CPU 0 */
    assert_int_equal(here.moved, there.total + look);
    assert_int_equal(here.total,
                     here.path + here.deadlines + here.switching + here.warped + added(&here) + here.moved);
    first->period_us = 100000;
    first->job_us = 100;
    assert_int_equal(bound_of(&config, first, 0, NS).response, here.total + 100);
    /* With no bound on one of its CPUs it has none on the others. */
    strcpy(config.scheduler, "bvt");
    first->warp_us = 0;
    assert_none("its warps can be denied");
}

/*
 * Of three CPUs before this one at a VM's lock, the first waits for none of the others at a further lock, the
 * second for one, the third for two. One that is not at the first lock may be before all at the further one.
 */
static void test_cpus_before_at_a_lock(void **state)
{
    (void)state;
    config.vm_count = 1;
    first->vcpus = 4;
    for (uint8_t i = 0; i < 4; i++)
        first->cpus[i] = i;
    assert_int_equal(bound_of_first().message_count, 1);
    assert_int_equal(bound_of_first().locks, 2 * (3 * WAIT_VM + 3 * WAIT_INNER) + 3 * WAIT_SWITCH);
    first->vcpus = 3;
    assert_int_equal(bound_of_first().locks, 2 * (2 * WAIT_VM + WAIT_INNER) + 2 * WAIT_SWITCH);
    config.vm_count = 2;
    put_on(second, 5);
    assert_int_equal(bound_of_first().locks, 2 * (2 * WAIT_VM + 3 * WAIT_INNER) + 2 * WAIT_SWITCH);
    assert_int_equal(bound_of(&config, second, 5, NS).locks, 0);
    assert_int_equal(bound_of(&config, second, 5, NS).console, 2 * 3 * WAIT_ALL);
}

static void test_cpu_0_serves_the_console(void **state)
{
    (void)state;
    config.vm_count = 1;
    put_on(first, 5);
    assert_int_equal(bound_of(&config, first, 5, NS).console, 2 * WAIT_ALL);
}

static void test_weights_of_other_cpus(void **state)
{
    (void)state;
    config.vm_count = 3;
    config.vms[2] = precise();
    first->weight = second->weight = 3;
    put_on(&config.vms[2], 1);
    assert_true(bound_of_first().exists);
    put_on(&config.vms[2], 0);
    assert_none("<25000> or more");
    strcpy(config.scheduler, "cbs");
    first->weight = 1;
    first->period_us = 4 * (100 + 200);
    assert_false(bound_of_first().holds);
    put_on(&config.vms[2], 1);
    assert_true(bound_of_first().holds);
}

static void test_tick_of_another_cpu(void **state)
{
    (void)state;
    uint64_t without = bound_of_first().warped;
    config.vm_count = 3;
    config.vms[2] = precise();
    config.vms[2].timers = TIMERS_TICK;
    config.vms[2].tick_us = 10000;
    put_on(&config.vms[2], 63);
    assert_int_equal(bound_of_first().warped, without);
}

/* It makes its marks on its own CPU, of all vCPUs there are. */
static void test_observer_of_another_cpu(void **state)
{
    (void)state;
    first->vcpus = 8;
    second->vcpus = 8;
    config.vm_count = 4;
    config.vms[2] = config.vms[3] = precise();
    config.vms[2].observer = true;
    config.vms[3].vcpus = 8;
    put_on(second, 1);
    put_on(&config.vms[2], 1);
    put_on(&config.vms[3], 2);
    assert_int_equal(bound_of_first().path, PATH_DUE);
    assert_int_equal(bound_of(&config, second, 1, NS).path, fmax(PATH_DUE, PATH_MARK + 25 * PATH_MARK_VM));
}

static uint64_t random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((random_state >> 33) % limit);
}

static void make_random_system(void)
{
    static const char *const schedulers[] = {"cbs", "bvt", "credit"};

    memset(&config, 0, sizeof(config));
    snprintf(config.scheduler, sizeof(config.scheduler), "%s", schedulers[random_below(3)]);
    config.allowance_us = random_below(10000);
    config.vm_count = 1 + random_below(6);
    for (unsigned i = 0; i < config.vm_count; i++) {
        struct vm_config *vm = &config.vms[i];

        *vm = precise();
        vm->timers = (enum timer_mode)random_below(4);
        vm->tick_us = vm->timers == TIMERS_TICK ? 10000 : 0;
        vm->weight = 1 + random_below(3);
        vm->vcpus = 1 + random_below(SYSTEM_MAX_VCPUS);
        vm->period_us = random_below(2) * (300 + random_below(3000));
        vm->warp_limit_us = 1 + random_below(5000);
        vm->warp_us = 3 * vm->warp_limit_us + random_below(40000);
        vm->unwarp_us = random_below(8) == 0;
        for (unsigned k = 0; k < vm->vcpus; k++)
            vm->cpus[k] = (uint8_t)random_below(CPUS);
    }
}

/* The vCPUs on one CPU, as a system of their own. `vm` becomes the same VM there. */
static void take_cpu(unsigned cpu, struct system_config *alone, const struct vm_config **vm)
{
    const struct vm_config *wanted = *vm;

    *alone = config;
    alone->vm_count = 0;
    for (unsigned i = 0; i < config.vm_count; i++) {
        struct vm_config *copy = &alone->vms[alone->vm_count];

        *copy = config.vms[i];
        copy->vcpus = 0;
        for (unsigned k = 0; k < config.vms[i].vcpus; k++)
            copy->vcpus += config.vms[i].cpus[k] == cpu;
        memset(copy->cpus, 0, sizeof(copy->cpus));
        if (&config.vms[i] == wanted)
            *vm = copy;
        alone->vm_count += copy->vcpus != 0;
    }
}

/* A VM with siblings on other CPUs, which it has not in a system of this CPU alone, counts otherwise. */
static bool has_divided_vm(unsigned cpu)
{
    for (unsigned i = 0; i < config.vm_count; i++)
        if (config.vms[i].vcpus > 1 && vm_config_vcpus_on(&config.vms[i], cpu) == 1)
            return true;
    return false;
}

/* Without an observer, a CPU has the bounds of a system that has nothing but what is on this CPU. */
static void test_a_cpu_is_a_system(void **state)
{
    (void)state;
    unsigned compared = 0;

    for (unsigned n = 0; n < RANDOM_SYSTEMS; n++) {
        make_random_system();
        for (unsigned i = 0; i < config.vm_count * CPUS; i++) {
            static struct system_config alone;
            const struct vm_config *vm = &config.vms[i / CPUS], *same = vm;
            struct bound bound, other;

            if (vm_config_vcpus_on(vm, i % CPUS) == 0 || has_divided_vm(i % CPUS))
                continue;
            take_cpu(i % CPUS, &alone, &same);
            bound = bound_of(&config, vm, i % CPUS, NS);
            other = bound_of(&alone, same, 0, NS);
            assert_same(&bound, &other);
            compared += bound.exists;
        }
    }
    assert_true(compared > RANDOM_SYSTEMS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_alone, two),
        cmocka_unit_test_setup(test_instructions_are_time, two),
        cmocka_unit_test_setup(test_another, two),
        cmocka_unit_test_setup(test_own_other_vcpus, two),
        cmocka_unit_test_setup(test_tick_ends_warps, two),
        cmocka_unit_test_setup(test_observer, two),
        cmocka_unit_test_setup(test_none, two),
        cmocka_unit_test_setup(test_other_schedulers_have_none, two),
        cmocka_unit_test_setup(test_snoop_has_one, two),
        cmocka_unit_test_setup(test_general_purpose_timers, two),
        cmocka_unit_test_setup(test_weight, two),
        cmocka_unit_test_setup(test_alone_needs_no_warp, two),
        cmocka_unit_test_setup(test_unwarped_deadlines_come_one_by_one, two),
        cmocka_unit_test_setup(test_cbs, two),
        cmocka_unit_test_setup(test_declared_job, two),
        cmocka_unit_test_setup(test_vcpus_of_other_cpus_do_not_go_first, two),
        cmocka_unit_test_setup(test_another_cpu_adds_the_console, two),
        cmocka_unit_test_setup(test_messages_of_other_cpus, two),
        cmocka_unit_test_setup(test_links_to_other_cpus, two),
        cmocka_unit_test_setup(test_virtio_devices_to_other_cpus, two),
        cmocka_unit_test_setup(test_locks_of_a_vm, two),
        cmocka_unit_test_setup(test_others_that_float, two),
        cmocka_unit_test_setup(test_one_that_moved, two),
        cmocka_unit_test_setup(test_cpus_before_at_a_lock, two),
        cmocka_unit_test_setup(test_cpu_0_serves_the_console, two),
        cmocka_unit_test_setup(test_weights_of_other_cpus, two),
        cmocka_unit_test_setup(test_tick_of_another_cpu, two),
        cmocka_unit_test_setup(test_observer_of_another_cpu, two),
        cmocka_unit_test(test_a_cpu_is_a_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
