/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs that float, on several cores that are stepped one after the other in an order that a seed draws: the
 * dispatcher, the policies, the deadline queues, the messages and floating.c are the real ones. Guests
 * compute and sleep. Time stands still while a core handles something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/arch.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/units.h"
#include "console/console.h"
#include "random.h"
#include "sched/cbs.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/floating.h"
#include "vm/idle.h"
#include "vm/inbox.h"
#include "vm/messages.h"
#include "vm/power.h"
#include "vm/vm.h"

#define CORES   4
#define VMS     8
#define VCPUS   4 /* of each VM */
#define ROUNDS  1000
#define HEAPS   (2 * CORES)
#define HZ      62500000
#define C       (5000 * 625 / 10)
#define SECOND  UINT64_C(62500000)
#define RECORDS 256

struct cpu cpus[MAX_CPUS];
unsigned cpu_count;

static struct vm vm_of[VMS];
static struct vcpu vcpu_of[VMS][VCPUS];
static struct system_config config;
static struct ontime_trace_record records[CORES][RECORDS];
static bool kicked[CORES];
static unsigned completed[CORES]; /* how often it has waited for guests' maintenance */
static bool waiting[CORES];       /* idle, and in WFI */
static unsigned here;
static struct random drawn;
static unsigned alarm_on[VMS]; /* the core whose deadline the alarm is; CORES: none */
static void *allocated[HEAPS];
static unsigned allocations;
static uint64_t idle_in_vain;     /* ticks that cores were idle while one that may go there waited */
static uint32_t least_weight = 1; /* of those that will float */

/* What a guest does. One that neither sleeps nor waits is a hog. */
static struct guest {
    uint64_t work, sleep;   /* it computes and sleeps so long, 0: for ever; ticks */
    bool precise;           /* it arms a deadline for the end of each sleep */
    bool waits;             /* it blocks without a timer when its work is done */
    uint64_t begun;         /* its work, when it was entered first; 0: not yet */
    uint64_t wakes_at;      /* its timer */
    uint64_t late, sleeps;  /* the largest lateness, and how many sleeps there were */
    unsigned asked, served; /* wake-ups by others; by when it was last entered */
} guest_of[VMS][VCPUS];

static struct guest *guest_of_vcpu(const struct vcpu *vcpu)
{
    return &guest_of[vcpu->vm->index][vcpu->index];
}

static void on(unsigned core)
{
    here = core;
    fake_set_cpu(core);
}

struct cpu *arch_cpu(void)
{
    return &cpus[here];
}

void arch_cpu_kick(unsigned index)
{
    kicked[index] = true;
}

void *memory_allocate(size_t size)
{
    assert_true(allocations < HEAPS);
    return allocated[allocations++] = calloc(1, size);
}

void vcpu_power_on_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_power_off_for_stop(struct vcpu *vcpu)
{
    vcpu->on = false;
    vcpu_retire(vcpu);
}

void vcpu_load_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_control_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_take_params(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void console_watch_silence(void)
{
    fail();
}

void arch_wait_for_interrupt(void)
{
    assert_null(cpus[here].current);
    waiting[here] = true;
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < cpu_count; i++)
        assert_ptr_not_equal(cpus[i].loaded, vcpu);
}

void arch_vcpu_save(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
}

void arch_complete_maintenance(void)
{
    completed[here]++;
}

void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now)
{
    (void)vcpu, (void)now;
}

uint64_t arch_vcpu_pc(const struct vcpu *vcpu)
{
    (void)vcpu;
    return 0;
}

bool arch_vcpu_in_user(const struct vcpu *vcpu)
{
    (void)vcpu;
    return true;
}

bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

bool arch_exit_masks_interrupts(const struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu)
{
    return guest_of_vcpu(vcpu)->wakes_at;
}

bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when)
{
    (void)vcpu, (void)when;
    return false;
}

bool arch_wait_until(uint64_t when)
{
    (void)when;
    return true;
}

void arch_interrupt_take(struct vcpu *vcpu)
{
    (void)vcpu;
}

void arch_interrupts_handle(void)
{
    struct cpu *cpu = &cpus[here];

    for (unsigned i = 0; !cpu_switch_is_urgent(cpu); i++) {
        assert_true(i < ROUNDS);
        if (fake_interrupt_pending()) {
            deadline_queue_run(&cpu->deadlines, fake_counter());
        } else if (kicked[here]) {
            kicked[here] = false;
            cpu_take_messages(cpu);
            return;
        } else {
            return;
        }
    }
}

static uint64_t random_time(uint64_t mean)
{
    return mean / 2 + random_below(&drawn, mean);
}

/* The guest's work is done: it sleeps, or waits for another. */
static void rest(struct vcpu *vcpu, struct guest *guest)
{
    uint64_t now = fake_counter();

    guest->begun = 0;
    guest->wakes_at = guest->waits ? DEADLINE_NONE : now + random_time(guest->sleep);
    if (guest->asked != guest->served)
        return; /* an interrupt is pending */
    if (guest->precise) {
        precise_done(&vcpu->precise, now);
        precise_arm(&vcpu->precise, 0, guest->wakes_at);
    }
    vcpu_block(vcpu);
}

static bool is_awake(const struct guest *guest)
{
    return guest->wakes_at <= fake_counter() || guest->asked != guest->served || guest->begun != 0;
}

/* The guest is entered. */
void arch_vcpu_run(struct vcpu *vcpu)
{
    struct guest *guest = guest_of_vcpu(vcpu);
    uint64_t now = fake_counter();

    assert_ptr_equal(vcpu->cpu, arch_cpu());
    for (unsigned i = 0; i < cpu_count; i++)
        assert_true(i == here || (cpus[i].current != vcpu && cpus[i].loaded != vcpu));
    if (guest->work == 0)
        return;
    if (guest->begun == 0 && guest->wakes_at != 0 && guest->served == guest->asked) {
        /* It may be early by a switch, which takes no time here. */
        guest->late = now > guest->late + guest->wakes_at ? now - guest->wakes_at : guest->late;
        guest->sleeps++;
    }
    guest->served = guest->asked;
    if (guest->begun == 0)
        guest->begun = now;
    if (now - guest->begun >= guest->work)
        rest(vcpu, guest);
}

static bool wakes(struct vcpu *vcpu)
{
    (void)vcpu;
    return true;
}

static void nothing(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void take_a_while(struct vcpu *vcpu)
{
    (void)vcpu;
    fake_set_counter(fake_counter() + 100);
}

static void alarm_here(struct vm *vm)
{
    assert_int_equal(alarm_on[vm->index], CORES);
    alarm_on[vm->index] = here;
}

static void alarm_gone(struct vm *vm)
{
    assert_int_equal(alarm_on[vm->index], here);
    alarm_on[vm->index] = CORES;
}

static const struct guest_hooks hooks = {
    .wakes = wakes,
    .timer_expired = nothing,
    .stolen = nothing,
    .look = nothing,
    .alarm = alarm_here,
    .alarm_off = alarm_gone,
};

/* Idle cores without VMs. */
static void make_cores(unsigned count, const char *policy, uint64_t seed)
{
    while (allocations != 0)
        free(allocated[--allocations]);
    fake_reset();
    fake_set_hz(HZ);
    fake_set_counter(1000);
    memset(cpus, 0, sizeof(cpus));
    memset(vm_of, 0, sizeof(vm_of));
    memset(vcpu_of, 0, sizeof(vcpu_of));
    memset(guest_of, 0, sizeof(guest_of));
    memset(kicked, 0, sizeof(kicked));
    memset(waiting, 0, sizeof(waiting));
    memset(&config, 0, sizeof(config));
    idle_in_vain = 0;
    drawn.state = seed;
    cpu_count = count;
    for (unsigned i = 0; i < count; i++) {
        on(i);
        cpus[i].up = true;
        trace_init(&cpus[i].trace, records[i], sizeof(records[i]));
        cpu_init(&cpus[i], i, sched_policy_find(policy), C, VMS * VCPUS);
        cpus[i].reschedule = true;
    }
    config.vm_count = 1;
    config.vms[0] = (struct vm_config){.floats_on = 1, .weight = least_weight};
    floating_init(&config);
    config.vm_count = 0;
}

/* A VM whose vCPUs are blocked on core `first`, and may go to those of `mask`; 0: they stay. */
static struct vcpu *add(unsigned count, uint32_t weight, unsigned first, uint64_t mask)
{
    unsigned index = config.vm_count++;
    struct vm *vm = &vm_of[index];

    config.vms[index] = (struct vm_config){.vcpus = count, .weight = weight, .floats_on = mask};
    *vm = (struct vm){
        .config = &config.vms[index], .index = index, .vcpus = vcpu_of[index], .vcpu_count = count};
    alarm_on[index] = first;
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *vcpu = &vm->vcpus[i];

        *vcpu = (struct vcpu){
            .vm = vm,
            .hooks = &hooks,
            .index = (uint16_t)i,
            .id = (uint16_t)(index * VCPUS + i),
            .timers = TIMERS_PRECISE,
            .floats_on = mask,
            .unit.params = {.weight = weight, .horizon = 100000 * 625 / 10, .job = 50 * 625 / 10},
        };
        vcpu_attach(vcpu, &cpus[first]);
        for (unsigned k = 0; k < cpu_count; k++)
            cpus[k].is_visited = cpus[k].is_visited || (mask >> k & 1) != 0;
        deadline_init(&vcpu->physical_timer, DEADLINE_OTHER, NULL);
        vcpu->on = true;
    }
    return vm->vcpus;
}

static void start(struct vcpu *vcpu)
{
    on((unsigned)(vcpu->cpu - cpus));
    vcpu_wake(vcpu);
}

static struct vcpu *add_hog(uint32_t weight, unsigned first, uint64_t mask)
{
    struct vcpu *vcpu = add(1, weight, first, mask);

    start(vcpu);
    return vcpu;
}

static struct vcpu *add_sleeper(uint64_t work, uint64_t sleep, bool precise, unsigned first, uint64_t mask)
{
    struct vcpu *vcpu = add(1, 1, first, mask);

    *guest_of_vcpu(vcpu) = (struct guest){.work = work, .sleep = sleep, .precise = precise};
    start(vcpu);
    return vcpu;
}

/* When the core has something to do. */
static uint64_t next_of(unsigned core)
{
    const struct vcpu *vcpu = cpus[core].current;
    const struct guest *guest = vcpu != NULL ? guest_of_vcpu(vcpu) : NULL;
    uint64_t next;

    on(core);
    next = fake_comparator();
    if (kicked[core] || cpus[core].reschedule || (guest == NULL && !waiting[core]) ||
        (guest != NULL && vcpu != cpus[core].loaded))
        return fake_counter();
    if (guest != NULL && guest->work != 0 && is_awake(guest)) {
        uint64_t end = guest->begun != 0 ? guest->begun + guest->work : fake_counter();

        next = end < next ? end : next;
    }
    return next;
}

/* How many cores are idle while a vCPU waits elsewhere that may go there. */
static unsigned idle_while_one_waits(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < cpu_count; i++) {
        bool any = false;

        for (unsigned k = 0; k < VMS * VCPUS && cpus[i].current == NULL; k++) {
            const struct vcpu *vcpu = &vcpu_of[k / VCPUS][k % VCPUS];

            any = any || ((vcpu->floats_on >> i & 1) != 0 && vcpu->cpu != NULL && vcpu_waits(vcpu));
        }
        count += any;
    }
    return count;
}

/* One of the cores that have something to do now does it. False when none has before `end`, the time then. */
static bool step(uint64_t end)
{
    unsigned due[CORES], count = 0;
    uint64_t first = end;

    for (unsigned i = 0; i < cpu_count; i++) {
        uint64_t next = next_of(i);

        first = next < first ? next : first;
        if (next <= fake_counter())
            due[count++] = i;
    }
    if (count == 0) {
        if (first > fake_counter())
            idle_in_vain += (first - fake_counter()) * idle_while_one_waits();
        fake_set_counter(first > fake_counter() ? first : fake_counter());
        return first < end;
    }
    on(due[random_below(&drawn, count)]);
    waiting[here] = false;
    dispatch_step(&cpus[here]);
    return true;
}

static void run(uint64_t ticks)
{
    uint64_t end = fake_counter() + ticks;

    while (step(end))
        ;
}

static uint64_t cpu_time(const struct vcpu *vcpu)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        on(i);
        cpu_charge(&cpus[i], fake_counter());
    }
    return vcpu->stats[ONTIME_STAT_RUN_TICKS];
}

static void expect_share(const struct vcpu *vcpu, uint64_t before, uint64_t ticks, double share)
{
    double has = (double)(cpu_time(vcpu) - before) / (double)ticks;

    if (has < share - 0.01 || has > share + 0.01)
        fail_msg("%u has %.4f of a core, not %.4f", vcpu->id, has, share);
}

static void hogs_share_the_cores(void **state)
{
    static const char *const policies[] = {"cbs", "bvt"};

    (void)state;
    for (unsigned policy = 0; policy < 2; policy++) {
        struct vcpu *hogs[3];
        uint64_t moves;

        make_cores(2, policies[policy], 1);
        for (unsigned i = 0; i < 3; i++)
            hogs[i] = add_hog(1, 0, 3);
        run(10 * SECOND);
        for (unsigned i = 0; i < 3; i++)
            expect_share(hogs[i], 0, 10 * SECOND, 2.0 / 3);
        moves = hogs[0]->stats[ONTIME_STAT_MOVES] + hogs[1]->stats[ONTIME_STAT_MOVES] +
                hogs[2]->stats[ONTIME_STAT_MOVES];
        assert_in_range(moves, 100, 1000);
    }
}

static void shares_go_by_weights(void **state)
{
    (void)state;
    for (uint32_t scale = 1; scale <= 250; scale += 249) {
        struct vcpu *heavy, *light[2];

        least_weight = scale;
        make_cores(2, "cbs", 2);
        least_weight = 1;
        light[0] = add_hog(scale, 0, 3);
        heavy = add_hog(2 * scale, 0, 3);
        light[1] = add_hog(scale, 1, 3);
        run(10 * SECOND);
        expect_share(heavy, 0, 10 * SECOND, 1);
        expect_share(light[0], 0, 10 * SECOND, 0.5);
        expect_share(light[1], 0, 10 * SECOND, 0.5);
    }
}

/* More than one look can be about. */
static void many_share_the_cores(void **state)
{
    (void)state;
    make_cores(4, "cbs", 12);
    for (unsigned i = 0; i < VMS; i++) {
        struct vcpu *vcpus = add(VCPUS, 1, i % 2, 0xF);

        for (unsigned k = 0; k < VCPUS; k++)
            start(&vcpus[k]);
    }
    run(10 * SECOND);
    for (unsigned i = 0; i < VMS; i++)
        for (unsigned k = 0; k < VCPUS; k++)
            expect_share(&vcpu_of[i][k], 0, 10 * SECOND, 4.0 / (VMS * VCPUS));
}

static void those_that_stay_have_their_shares(void **state)
{
    struct vcpu *stays[2], *light, *heavy;

    (void)state;
    make_cores(2, "cbs", 3);
    for (unsigned i = 0; i < 2; i++)
        stays[i] = add_hog(1, i, 0);
    light = add_hog(1, 0, 3);
    heavy = add_hog(2, 0, 3);
    run(10 * SECOND);
    expect_share(stays[0], 0, 10 * SECOND, 0.4);
    expect_share(stays[1], 0, 10 * SECOND, 0.4);
    expect_share(light, 0, 10 * SECOND, 0.4);
    expect_share(heavy, 0, 10 * SECOND, 0.8);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(stays[i]->stats[ONTIME_STAT_MOVES], 0);
}

/* What a core had for itself is no debt: those that come later have their shares at once. */
static void what_nobody_else_could_use_is_no_debt(void **state)
{
    struct vcpu *alone, *crowd[3], *hogs[2];
    uint64_t before[2];

    (void)state;
    make_cores(2, "cbs", 4);
    alone = add_hog(1, 1, 0);
    for (unsigned i = 0; i < 3; i++)
        crowd[i] = add_hog(1, 0, 0);
    run(20 * SECOND);
    expect_share(alone, 0, 20 * SECOND, 1);
    expect_share(crowd[0], 0, 20 * SECOND, 1.0 / 3);
    for (unsigned i = 0; i < 2; i++)
        hogs[i] = add_hog(1, 0, 3);
    run(SECOND / 2);
    before[0] = cpu_time(alone);
    before[1] = cpu_time(hogs[0]);
    run(2 * SECOND);
    expect_share(alone, before[0], 2 * SECOND, 1.0 / 3);
    expect_share(hogs[0], before[1], 2 * SECOND, 1.0 / 3);
    /* The crowd goes but for one: now there is room on its core. */
    for (unsigned i = 0; i < 2; i++) {
        on(0);
        crowd[i]->on = false;
        vcpu_retire(crowd[i]);
    }
    run(SECOND / 2);
    before[0] = cpu_time(alone);
    before[1] = cpu_time(hogs[0]);
    run(2 * SECOND);
    expect_share(alone, before[0], 2 * SECOND, 0.5);
    expect_share(hogs[0], before[1], 2 * SECOND, 0.5);
}

static void one_that_wakes_goes_to_an_idle_core(void **state)
{
    struct vcpu *hog, *sleeper;

    (void)state;
    make_cores(3, "cbs", 5);
    hog = add_hog(1, 0, 0);
    sleeper = add_sleeper(1000, 100000, false, 0, 5);
    run(SECOND / 10);
    assert_ptr_equal(sleeper->cpu, &cpus[2]);
    assert_int_equal(sleeper->stats[ONTIME_STAT_MOVES], 1);
    assert_true(guest_of_vcpu(sleeper)->sleeps > 10);
    assert_int_equal(guest_of_vcpu(sleeper)->late, 0);
    expect_share(hog, 0, SECOND / 10, 1);
}

/* Under cbs it could run where it is, as it used less than its share. It leaves that core to the other. */
static void one_with_credit_goes_to_an_idle_core(void **state)
{
    struct vcpu *hogs[2], *sleeper;
    uint64_t before;
    unsigned idle;

    (void)state;
    make_cores(2, "cbs", 13);
    for (unsigned i = 0; i < 2; i++)
        hogs[i] = add_hog(1, i, 0);
    sleeper = add_sleeper(SECOND / 5000, SECOND / 2000, false, 0, 3);
    run(SECOND);
    assert_true(guest_of_vcpu(sleeper)->sleeps > 1000);
    idle = sleeper->cpu == &cpus[0];
    on(idle);
    hogs[idle]->on = false;
    vcpu_retire(hogs[idle]);
    run(SECOND / 1000);
    assert_ptr_equal(sleeper->cpu, &cpus[idle]);
    before = cpu_time(hogs[1 - idle]);
    run(SECOND / 10);
    expect_share(hogs[1 - idle], before, SECOND / 10, 1);
}

/* Who interrupts another for what it did not use before pays for the way back to that one. */
static void one_that_breaks_in_pays_for_it(void **state)
{
    struct vcpu *hog, *sleeper;
    uint64_t sleeps, cost, ran;

    (void)state;
    make_cores(1, "cbs", 14);
    hog = add_hog(1, 0, 0);
    sleeper = add_sleeper(SECOND / 5000, SECOND / 2000, false, 0, 0);
    run(SECOND);
    cost = cpus[0].lead.switch_cost; /* not much, as time stands still meanwhile */
    sleeps = guest_of_vcpu(sleeper)->sleeps;
    ran = cpu_time(sleeper);
    assert_true(sleeps > 1000);
    assert_in_range(ran, (sleeps - 1) * (SECOND / 5000 + cost + cost / 2),
                    (sleeps + 1) * (SECOND / 5000 + cost + cost / 2) + SECOND / 5000);
    assert_in_range(ran + cpu_time(hog), SECOND, SECOND + 2 * cost);
}

/*
 * Hogs that float, beside others that stay, and come and go: while one of them waits, no core that it may use
 * is idle for longer than FLOATING_SOON_US after a switch.
 */
static void no_core_is_idle_while_one_waits(void **state)
{
    static const char *const policies[] = {"cbs", "bvt", "rr"};

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        unsigned hogs = 1 + n % 2;

        make_cores(2, policies[n / 2], 15);
        for (unsigned i = 0; i < hogs; i++)
            (void)add_hog(1, 0, 3);
        for (unsigned i = 0; i < 4; i++)
            (void)add_sleeper((i + 1) * SECOND / 1000, (i + 1) * SECOND / 400, false, i % 2, 0);
        run(10 * SECOND);
        if (idle_in_vain > SECOND * 10 / (hogs == 1 ? 80 : 1000))
            fail_msg("%s: idle for %.3f%% of a core", policies[n / 2], (double)idle_in_vain / SECOND * 10);
    }
}

/* A core that gets idle asks for one that waits elsewhere, at once. */
static void one_that_waits_comes_when_a_core_gets_idle(void **state)
{
    struct vcpu *vcpu;
    uint64_t ends;

    (void)state;
    make_cores(2, "cbs", 16);
    ends = fake_counter() + SECOND / 430;
    (void)add_sleeper(SECOND / 430, SECOND, false, 1, 0);
    (void)add_hog(1, 0, 0);
    run(10);
    vcpu = add_hog(1, 0, 3);
    run(ends - 10 - fake_counter());
    assert_true(vcpu->cpu == &cpus[0] && vcpu_waits(vcpu) && cpus[1].current != NULL);
    run(30);
    assert_true(vcpu->cpu == &cpus[1] && cpus[1].current == vcpu);
    assert_int_equal(vcpu->stats[ONTIME_STAT_MOVES], 1);
}

/* Does core 1, which is idle, ask core 0 to look? */
static bool asks(void)
{
    bool asked;

    on(1);
    while (idle_pull(&cpus[1]))
        ;
    asked = kicked[0];
    kicked[0] = false;
    assert_int_equal(atomic_exchange(&cpus[0].requests, 0), asked ? CPU_LOOK : 0);
    return asked;
}

static void an_idle_core_asks_for_whom_it_can_get(void **state)
{
    struct vcpu *vcpu;

    (void)state;
    make_cores(2, "cbs", 17);
    (void)add_hog(1, 0, 0);
    run(10);
    assert_false(asks());
    vcpu = add(VCPUS, 1, 0, 3);
    for (unsigned i = 0; i < VMS - 2; i++) /* more than a piece: all but one are blocked */
        (void)add(VCPUS, 1, 0, 3);
    on(0);
    vcpu_wake(vcpu);
    assert_true(asks());
    assert_false(asks()); /* once in a while only, whatever comes of it */
    fake_set_counter(fake_counter() + us_to_ticks(FLOATING_PULL_US) - 1);
    assert_false(asks());
    fake_set_counter(fake_counter() + 1);
    vcpu->floats_on = 1;
    assert_false(asks());
    vcpu->floats_on = 3;
    vcpu->work = take_a_while;
    assert_false(asks());
    vcpu->work = NULL;
    cpus[0].current = vcpu;
    assert_false(asks());
    cpus[0].current = vm_of[0].vcpus;
    vcpu->cpu = NULL;
    assert_false(asks());
    vcpu->cpu = &cpus[1];
    assert_false(asks());
    vcpu->cpu = &cpus[0];
    assert_true(asks());
}

/* When one has come, the core may ask again at once. */
static void an_idle_core_asks_again_when_one_has_come(void **state)
{
    struct vcpu *vcpu;

    (void)state;
    make_cores(2, "cbs", 18);
    (void)add_hog(1, 0, 0);
    vcpu = add(1, 1, 0, 3);
    run(10);
    on(0);
    vcpu_wake(vcpu);
    assert_true(asks());
    run(10);
    assert_ptr_equal(vcpu->cpu, &cpus[1]);
    assert_true(cpus[1].pull_from <= fake_counter());
}

/* One that loses its core for a moment stays, though another is idle. */
static void one_that_gets_its_core_back_soon_stays(void **state)
{
    (void)state;
    for (unsigned longer = 0; longer < 2; longer++) {
        uint64_t soon = us_to_ticks(FLOATING_SOON_US);
        struct vcpu *vcpu, *sleeper;

        make_cores(2, "cbs", 19);
        sleeper = add_sleeper(longer ? soon + 100 : soon - 100, SECOND / 100, true, 0, 0);
        run(2 * soon);
        vcpu = add_hog(1, 0, 3);
        while (guest_of_vcpu(sleeper)->sleeps == 0)
            run(1);
        assert_true(cpus[0].current == sleeper && vcpu->cpu == &cpus[0]);
        run(soon + 200);
        assert_ptr_equal(vcpu->cpu, &cpus[longer]);
    }
}

/* It stays while its core runs it at once, busy or not. */
static void one_that_is_on_time_stays(void **state)
{
    struct vcpu *sleeper;

    (void)state;
    make_cores(2, "cbs", 6);
    (void)add_hog(1, 0, 0);
    sleeper = add_sleeper(1000, 100000, true, 0, 3);
    run(SECOND);
    assert_true(guest_of_vcpu(sleeper)->sleeps > 100);
    assert_int_equal(guest_of_vcpu(sleeper)->late, 0);
    assert_true(sleeper->stats[ONTIME_STAT_WARPS] > 100);
    assert_true(sleeper->stats[ONTIME_STAT_MOVES] <= 2); /* the first time it woke without a deadline */
}

/* A warped one that others' urgent work keeps waiting goes where it is first, and nowhere else. */
static void urgent_work_goes_where_it_is_first(void **state)
{
    (void)state;
    for (unsigned urgent_there = 0; urgent_there < 2; urgent_there++) {
        struct vcpu *one, *other;

        make_cores(2, "cbs", 7);
        (void)add_hog(1, 1, 0);
        if (urgent_there) {
            (void)add_hog(1, 1, 0);
            other = vm_of[0].vcpus;
            on(1);
            run(1000);
            on(1);
            assert_ptr_equal(cpus[1].current, other);
            assert_true(cpus[1].sched.policy->warp(&cpus[1].sched, &other->unit, 0, 0, fake_counter()));
        }
        one = add_hog(1, 0, 0);
        run(1000);
        on(0);
        assert_true(cpus[0].sched.policy->warp(&cpus[0].sched, &one->unit, 0, 0, fake_counter()));
        other = add(1, 1, 0, 3);
        precise_arm(&other->precise, 0, fake_counter() + 500);
        on(0);
        vcpu_watch_deadlines(other);
        run(600);
        assert_ptr_equal(other->cpu, &cpus[urgent_there ? 0 : 1]);
        assert_true(other->unit.warped);
        assert_int_equal(other->stats[ONTIME_STAT_MOVES], !urgent_there);
        assert_int_equal(cpus[1].current == other, !urgent_there);
        assert_int_equal(other->stats[ONTIME_STAT_WARPS], urgent_there ? 1 : 2);
    }
}

static void warp_now(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;

    on(cpu->index);
    cpu_charge(cpu, fake_counter());
    assert_true(cpu->sched.policy->warp(&cpu->sched, &vcpu->unit, 0, 0, fake_counter()));
    cpu->reschedule = true;
}

/* While it is on its way, the core that it goes to may get urgent work that is due before. Then it stays. */
static void urgent_work_moves_once(void **state)
{
    struct vcpu *stays[2], *vcpu;

    (void)state;
    make_cores(2, "cbs", 20);
    for (unsigned i = 0; i < 2; i++)
        stays[i] = add_hog(1, i, 0);
    vcpu = add(1, 1, 0, 3);
    vcpu->unit.params.job = SECOND / 10; /* due after the others' */
    run(1000);
    warp_now(stays[0]);
    precise_arm(&vcpu->precise, 0, fake_counter() + 500);
    on(0);
    vcpu_watch_deadlines(vcpu);
    while (vcpu->cpu != NULL)
        assert_true(step(DEADLINE_NONE));
    warp_now(stays[1]);
    on(0);
    assert_true(cpus[0].sched.policy->unwarp(&cpus[0].sched, &stays[0]->unit, fake_counter()));
    cpus[0].reschedule = true;
    run(5 * us_to_ticks(FLOATING_LOOK_US));
    assert_true(vcpu->cpu == &cpus[1] && vcpu_waits(vcpu) && vcpu->unit.warped);
    assert_int_equal(vcpu->stats[ONTIME_STAT_MOVES], 1);
}

/* A core that is ahead gets nobody who is not urgent while it does urgent work. */
static void nobody_comes_to_wait_for_urgent_work(void **state)
{
    (void)state;
    for (unsigned urgent = 0; urgent < 2; urgent++) {
        struct vcpu *stays, *hogs[2];

        make_cores(2, "cbs", 21);
        stays = add_hog(1, 1, 0);
        run(10);
        for (unsigned i = 0; i < 2; i++)
            hogs[i] = add_hog(1, 0, 3);
        if (urgent)
            warp_now(stays);
        run(SECOND / 20);
        assert_int_equal(stays->unit.warped, urgent);
        assert_int_equal(hogs[0]->stats[ONTIME_STAT_MOVES] + hogs[1]->stats[ONTIME_STAT_MOVES] == 0, urgent);
    }
}

/* One that comes to where it has to wait is watched from then on. */
static void deadlines_are_watched_at_once(void **state)
{
    struct vcpu *vcpu;
    unsigned before;

    (void)state;
    make_cores(2, "cbs", 11);
    (void)add_hog(1, 1, 0);
    run(1000);
    vcpu = add_hog(1, 0, 3);
    (void)add_hog(1, 0, 0);
    precise_arm(&vcpu->precise, 0, SECOND);
    while (vcpu->cpu != &cpus[0] || cpus[0].reschedule || !vcpu_may_leave(vcpu))
        run(1000);
    on(0);
    before = completed[0];
    vcpu_leave(vcpu, &cpus[1], (uint64_t)1 << 40);
    assert_int_equal(completed[0], before + 1);
    assert_null(vcpu->cpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    on(1);
    cpu_take_messages(&cpus[1]);
    assert_ptr_equal(vcpu->cpu, &cpus[1]);
    assert_ptr_not_equal(cpus[1].current, vcpu);
    assert_int_equal(deadline_when(&vcpu->precise_timer), SECOND - cpus[1].lead.switch_cost);
    assert_true(deadline_is_armed(&cpus[1].look));
}

static void timers_and_deadlines_go_along(void **state)
{
    struct vcpu *hogs[2];
    uint64_t later = 40 * SECOND;

    (void)state;
    make_cores(2, "cbs", 8);
    (void)add_hog(1, 0, 0);
    hogs[0] = add(1, 1, 0, 3);
    precise_arm(&hogs[0]->precise, 3, later);
    on(0);
    deadline_set(&cpus[0].deadlines, &hogs[0]->physical_timer, later + 1);
    start(hogs[0]);
    hogs[1] = add_hog(1, 1, 0);
    run(SECOND);
    while (hogs[0]->cpu != &cpus[1] || cpus[1].current == hogs[0])
        run(1000);
    assert_true(hogs[0]->stats[ONTIME_STAT_MOVES] > 0);
    assert_int_equal(deadline_when(&hogs[0]->physical_timer), later + 1);
    assert_int_equal(deadline_when(&hogs[0]->precise_timer), later);
    assert_int_equal(alarm_on[1], 1);
    on(1);
    for (unsigned i = 0; i < DEADLINE_KINDS; i++) /* they are in this core's heaps */
        for (unsigned k = 0; k < cpus[0].deadlines.heaps[i].count; k++) {
            assert_ptr_not_equal(cpus[0].deadlines.heaps[i].slots[k], &hogs[0]->physical_timer.node);
            assert_ptr_not_equal(cpus[0].deadlines.heaps[i].slots[k], &hogs[0]->precise_timer.node);
        }
}

/* A vCPU whose registers are in its core's, or that has work at EL2, is not sent away. */
static void one_in_use_stays(void **state)
{
    struct vcpu *hog, *other;

    (void)state;
    make_cores(2, "cbs", 9);
    hog = add_hog(1, 0, 0);
    other = add_hog(1, 0, 3);
    other->work = take_a_while;
    run(SECOND / 100);
    assert_ptr_equal(other->cpu, &cpus[0]);
    other->work = NULL;
    run(SECOND / 100);
    assert_ptr_equal(other->cpu, &cpus[1]);
    assert_ptr_equal(hog->cpu, &cpus[0]);
}

/* It may be switched off while it is on its way. */
static void a_message_finds_one_on_its_way(void **state)
{
    struct vcpu *vcpu;

    (void)state;
    make_cores(3, "cbs", 10);
    (void)add_hog(1, 0, 0);
    vcpu = add_hog(1, 0, 3);
    while (vcpu->cpu != NULL) {
        on(0);
        if (next_of(0) > fake_counter())
            fake_set_counter(next_of(0));
        dispatch_step(&cpus[0]);
    }
    on(2);
    vcpu_send(vcpu, VCPU_POWER_OFF);
    assert_false(kicked[0] || kicked[2]);
    on(1);
    dispatch_step(&cpus[1]);
    assert_ptr_equal(vcpu->cpu, &cpus[1]);
    assert_false(vcpu->on || vcpu->unit.runnable);
    run(SECOND / 10);
    assert_int_equal(vcpu->stats[ONTIME_STAT_MOVES], 1);
}

/* The servers' weights of each core are those of its vCPUs. */
static void check_weights(void)
{
    for (unsigned i = 0; i < cpu_count && strcmp(cpus[i].sched.policy->name, "cbs") == 0; i++) {
        uint64_t weights = 0;

        for (const struct vcpu *vcpu = cpus[i].vcpus; vcpu != NULL; vcpu = vcpu->next)
            weights += vcpu->unit.params.weight;
        for (const struct vcpu *vcpu = cpus[i].visitors; vcpu != NULL; vcpu = vcpu->next)
            weights += vcpu->unit.params.weight;
        assert_int_equal(cbs_queue(&cpus[i].sched)->weights, weights);
    }
}

/* Anything, at random: nobody is lost, and nobody is in two places. */
static void anything(uint64_t seed)
{
    static const char *const policies[] = {"cbs", "bvt", "rr"};
    unsigned cores = 2 + (unsigned)(seed % 3);
    uint64_t all = (UINT64_C(1) << cores) - 1;

    make_cores(cores, policies[seed / 3 % 3], seed);
    for (unsigned i = 0; i < VMS; i++) {
        unsigned count = 1 + (unsigned)random_below(&drawn, VCPUS);
        uint64_t mask = random_below(&drawn, 4) == 0 ? 0 : random_below(&drawn, 2) == 0 ? all : 3;
        struct vcpu *vcpus =
            add(count, 1 + (uint32_t)random_below(&drawn, 3), (unsigned)random_below(&drawn, 2), mask);

        for (unsigned k = 0; k < count; k++) {
            struct guest *guest = guest_of_vcpu(&vcpus[k]);

            if (random_below(&drawn, 3) != 0)
                *guest = (struct guest){.work = random_between(&drawn, 100, 300000),
                                        .sleep = random_between(&drawn, 100, 300000),
                                        .precise = random_below(&drawn, 2) == 0,
                                        .waits = random_below(&drawn, 4) == 0};
            guest->precise = guest->precise && !guest->waits;
            start(&vcpus[k]);
        }
    }
    for (unsigned n = 0; n < 200; n++) {
        struct vm *vm = &vm_of[random_below(&drawn, VMS)];
        struct vcpu *vcpu = &vm->vcpus[random_below(&drawn, vm->vcpu_count)];

        run(random_below(&drawn, SECOND / 200));
        on((unsigned)random_below(&drawn, cores));
        guest_of_vcpu(vcpu)->asked++;
        vcpu_wake(vcpu);
    }
    run(2 * SECOND);
    check_weights();
    for (unsigned i = 0; i < VMS; i++)
        for (unsigned k = 0; k < vm_of[i].vcpu_count; k++) {
            const struct vcpu *vcpu = &vm_of[i].vcpus[k];
            const struct guest *guest = guest_of_vcpu(vcpu);

            assert_true(guest->work == 0 || guest->served == guest->asked);
            assert_true(guest->work == 0 || guest->waits || guest->sleeps > 0);
            assert_int_equal(alarm_on[i] < CORES, true);
            if (vcpu->cpu != NULL && k == 0)
                assert_int_equal(alarm_on[i], vcpu->cpu->index);
            assert_true(vcpu->floats_on != 0 || vcpu->stats[ONTIME_STAT_MOVES] == 0);
        }
}

static void nobody_is_lost(void **state)
{
    const char *wanted = getenv("SEED"); /* tries that one only */

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        if (wanted != NULL && seed != strtoull(wanted, NULL, 10))
            continue;
        anything(seed);
    }
}

static int teardown(void **state)
{
    (void)state;
    while (allocations != 0)
        free(allocated[--allocations]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hogs_share_the_cores),
        cmocka_unit_test(shares_go_by_weights),
        cmocka_unit_test(many_share_the_cores),
        cmocka_unit_test(those_that_stay_have_their_shares),
        cmocka_unit_test(what_nobody_else_could_use_is_no_debt),
        cmocka_unit_test(one_that_wakes_goes_to_an_idle_core),
        cmocka_unit_test(one_with_credit_goes_to_an_idle_core),
        cmocka_unit_test(one_that_breaks_in_pays_for_it),
        cmocka_unit_test(no_core_is_idle_while_one_waits),
        cmocka_unit_test(one_that_waits_comes_when_a_core_gets_idle),
        cmocka_unit_test(an_idle_core_asks_for_whom_it_can_get),
        cmocka_unit_test(an_idle_core_asks_again_when_one_has_come),
        cmocka_unit_test(one_that_gets_its_core_back_soon_stays),
        cmocka_unit_test(one_that_is_on_time_stays),
        cmocka_unit_test(urgent_work_goes_where_it_is_first),
        cmocka_unit_test(urgent_work_moves_once),
        cmocka_unit_test(nobody_comes_to_wait_for_urgent_work),
        cmocka_unit_test(deadlines_are_watched_at_once),
        cmocka_unit_test(timers_and_deadlines_go_along),
        cmocka_unit_test(one_in_use_stays),
        cmocka_unit_test(a_message_finds_one_on_its_way),
        cmocka_unit_test(nobody_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
