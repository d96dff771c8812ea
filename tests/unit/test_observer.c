/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An observer's marks and trace lines: they are made in short pieces at the turns of the calling vCPU, the
 * guest is not entered before the last line is written, and what runs in between changes nothing in a line.
 * Other cores' part is done when they take their messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "devices/observer.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm_world.h"

#define VCPUS     3
#define RECORDS   64
#define STEPS_MAX 100
#define MARK_7                                                                                               \
    "mark 7 vm=alpha run=10101 stolen=121212 exits=20202 switches=30303 armed=3040404 cancelled=50505 "      \
    "fired=60606 late_max=70000 late_sum=80808 warps=90909 denied=101010 cut=111111 lead_switch=123 "        \
    "lead_backlog=456 moves=151515 interrupts=161616 counter=1000000"
#define MARK_7_BETA                                                                                          \
    "mark 7 vm=beta run=100 stolen=1200 exits=200 switches=300 armed=1000400 cancelled=500 fired=600 "       \
    "late_max=700 late_sum=800 warps=900 denied=1000 cut=1100 lead_switch=123 lead_backlog=456 "             \
    "moves=1500 interrupts=1600 counter=1000000"

static struct vm_config config[2];
static struct observer observers[2];
static struct ontime_trace_record records[RECORDS];
static struct ontime_trace_record other_records[3][RECORDS];
static struct vcpu *caller;

static struct vm *create(unsigned index, const char *name, unsigned vcpus, uint8_t cpu)
{
    static const unsigned pieces[] = {2};
    struct vm *vm;

    config[index] = (struct vm_config){
        .memory_base = GUEST_RAM_BASE, .memory_mib = 2, .vcpus = vcpus, .weight = 1, .observer = true};
    snprintf(config[index].name, sizeof(config[index].name), "%s", name);
    memset(config[index].cpus, cpu, sizeof(config[index].cpus));
    world_pieces(pieces);
    vm = vm_create(&config[index], &world_hooks);
    assert_non_null(vm);
    for (unsigned i = 0; i < vcpus; i++)
        world_count(&vm->vcpus[i], i);
    return vm;
}

/* "alpha" calls, on CPU 0; "beta" is on the last one. */
static int setup_cpus(unsigned count)
{
    world_reset();
    cpu_count = count;
    for (unsigned i = 1; i < count; i++)
        cpu_init(&cpus[i], i, sched_policy_find("bvt"), 0, VCPUS);
    memset(observers, 0xFF, sizeof(observers));
    caller = &create(0, "alpha", VCPUS, 0)->vcpus[0];
    caller->observer = &observers[0];
    create(1, "beta", 1, (uint8_t)(count - 1))->vcpus[0].observer = &observers[1];
    trace_init(&world_cpu.trace, records, sizeof(records));
    world_cpu.lead.switch_cost = 123;
    world_cpu.lead.backlog = 64 * 456 + 63;
    cpus[count - 1].lead = world_cpu.lead;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    (void)setup_cpus(1);
    cpus[0].up = true;
    return 0;
}

/* CPUs 0 to 3, of which 2 has not started. */
static int setup_four(void **state)
{
    (void)state;
    (void)setup_cpus(4);
    cpus[0].up = cpus[1].up = cpus[3].up = true;
    trace_init(&cpus[1].trace, other_records[0], sizeof(other_records[0]));
    trace_init(&cpus[3].trace, other_records[2], sizeof(other_records[2]));
    return 0;
}

static void expect_mark(unsigned first)
{
    assert_int_equal(world_line_count, first + 2);
    assert_string_equal(world_lines[first], MARK_7);
    assert_string_equal(world_lines[first + 1], MARK_7_BETA);
}

static void run_to_the_end(void)
{
    unsigned steps = 0;

    while (caller->work != NULL) {
        assert_true(steps++ < STEPS_MAX);
        caller->work(caller);
    }
}

static void a_mark_is_a_line_for_each_vm(void **state)
{
    (void)state;
    observer_mark(caller, 7);
    assert_int_equal(records[0].type, ONTIME_TRACE_MARK);
    assert_int_equal(records[0].arg, 7);
    assert_int_equal(records[0].vcpu, caller->id);
    assert_true(world_cpu.reschedule); /* so that the guest is left */
    assert_int_equal(world_line_count, 0);
    run_to_the_end();
    expect_mark(0);
    observer_mark(caller, UINT32_MAX);
    run_to_the_end();
    assert_memory_equal(world_lines[2], "mark 4294967295 vm=alpha run=", 29);
}

/* Numbers as large as they can be have room. */
static void the_longest_line_is_whole(void **state)
{
    char end[128];

    (void)state;
    snprintf(config[1].name, sizeof(config[1].name), "name-of-thirty-one-characters-a");
    for (unsigned stat = 0; stat < ONTIME_STAT_COUNT; stat++)
        vms[1]->vcpus[0].stats[stat] = UINT64_MAX;
    memset(&vms[1]->vcpus[0].precise, 0, sizeof(struct precise));
    world_cpu.lead.switch_cost = UINT64_MAX - UINT64_MAX / 64;
    world_cpu.lead.backlog = UINT64_MAX;
    observer_mark(caller, UINT32_MAX);
    run_to_the_end();
    snprintf(end, sizeof(end), "lead_backlog=%llu moves=%llu interrupts=%llu counter=1000000",
             (unsigned long long)(UINT64_MAX / 64), (unsigned long long)UINT64_MAX,
             (unsigned long long)UINT64_MAX);
    assert_string_equal(world_lines[1] + strlen(world_lines[1]) - strlen(end), end);
}

static void the_guest_waits_for_all_lines(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) /* the dispatcher's time is to add up */
        vms[0]->vcpus[i].stats[ONTIME_STAT_RUN_TICKS] = 0;
    vms[1]->vcpus[0].stats[ONTIME_STAT_RUN_TICKS] = 0;
    caller->on = true;
    vcpu_wake(caller);
    world_step();
    assert_int_equal(noted.entries, 1);
    observer_mark(caller, 7);
    for (unsigned steps = 0; caller->work != NULL; steps++) {
        assert_true(steps < STEPS_MAX);
        assert_int_equal(noted.entries, 1);
        world_step();
    }
    assert_int_equal(world_line_count, 2);
    world_step();
    assert_int_equal(noted.entries, 2);
}

/* In each piece another VM counts on: CPU time is that of the call. */
static void cpu_time_is_of_one_instant(void **state)
{
    (void)state;
    observer_mark(caller, 7);
    while (caller->work != NULL) {
        fake_set_counter(fake_counter() + 1000);
        vms[0]->vcpus[2].stats[ONTIME_STAT_RUN_TICKS]++;
        vms[1]->vcpus[0].stats[ONTIME_STAT_RUN_TICKS]++;
        caller->work(caller);
    }
    expect_mark(0);
}

static void turns(unsigned count)
{
    while (count-- != 0)
        caller->work(caller);
}

/* "beta" has run for 20,000 ticks at the mark, and its core takes the message 500 ticks later. */
static void a_mark_waits_until_each_core_has_charged(void **state)
{
    struct vcpu *beta = &vms[1]->vcpus[0];

    (void)state;
    beta->stats[ONTIME_STAT_RUN_TICKS] = 0;
    beta->on = true;
    world_here = 3;
    vcpu_wake(beta);
    world_step();
    world_here = 0;
    assert_int_equal(noted.entries, 1);
    observer_mark(caller, 8);
    assert_int_equal(noted.kicked, 1u << 1 | 1u << 3);
    fake_set_counter(fake_counter() + 500);

    turns(STEPS_MAX);
    cpu_take_messages(&cpus[1]);
    turns(STEPS_MAX);
    assert_int_equal(world_line_count, 0);
    assert_int_equal(beta->stats[ONTIME_STAT_RUN_TICKS], 0);

    cpu_take_messages(&cpus[3]);
    assert_int_equal(beta->stats[ONTIME_STAT_RUN_TICKS], WORLD_SLICE + 500);
    run_to_the_end();
    assert_int_equal(world_line_count, 2);
    assert_memory_equal(world_lines[0], "mark 8 vm=alpha run=10101 ", 26);
    assert_memory_equal(world_lines[1], "mark 8 vm=beta run=20500 ", 25);
}

/*
 * A core may charge for reasons of its own. Its vCPU's time is not seen before the core says so: it is
 * charged after `charged_until` was set.
 */
static void a_charge_without_the_message_does_not_count(void **state)
{
    (void)state;
    observer_mark(caller, 7);
    cpu_take_messages(&cpus[1]);
    cpus[3].charged_until = fake_counter() + 1000;
    turns(STEPS_MAX);
    assert_int_equal(world_line_count, 0);
    cpu_take_messages(&cpus[3]);
    run_to_the_end();
    expect_mark(0);
}

/* Another mark's message was taken at the moment of this one, with a counter that was read before. */
static void a_message_that_came_too_early_is_sent_again(void **state)
{
    (void)state;
    observer_mark(caller, 7);
    cpu_take_messages(&cpus[1]);
    cpus[3].requests = 0;
    cpus[3].charge_told = fake_counter() - 1;
    noted.kicked = 0;
    turns(STEPS_MAX);
    assert_int_equal(world_line_count, 0);
    assert_int_equal(noted.kicked, 1u << 3);
    cpu_take_messages(&cpus[3]);
    run_to_the_end();
    expect_mark(0);
}

static void a_line_waits_for_room(void **state)
{
    (void)state;
    world_console_full = true;
    observer_mark(caller, 7);
    for (unsigned i = 0; i < STEPS_MAX; i++)
        caller->work(caller);
    assert_int_equal(world_line_count, 0);
    world_console_full = false;
    run_to_the_end();
    expect_mark(0);

    world_console_full = true;
    observer_trace(caller, 0);
    for (unsigned i = 0; i < STEPS_MAX; i++)
        caller->work(caller);
    assert_int_equal(world_line_count, 2);
    world_console_full = false;
    run_to_the_end();
    assert_int_equal(world_line_count, 3);
}

/* Two observers' pieces alternate, and one of them begins anew as if it had been switched off. */
static void observers_do_not_mix(void **state)
{
    struct vcpu *other = &vms[1]->vcpus[0];

    (void)state;
    observer_mark(other, 1);
    for (unsigned i = 0; i < 3; i++)
        other->work(other);
    other->work = NULL;
    observer_mark(caller, 7);
    observer_trace(other, 0);
    for (unsigned steps = 0; caller->work != NULL || other->work != NULL; steps++) {
        assert_true(steps < STEPS_MAX);
        if (other->work != NULL)
            other->work(other);
        if (caller->work != NULL)
            caller->work(caller);
    }
    assert_memory_equal(world_lines[0], "trace begin ", 12);
    expect_mark(1);
}

static void trace_is_dumped_line_by_line(void **state)
{
    uint64_t cursor = 0;
    unsigned calls = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        trace_record(&world_cpu.trace, ONTIME_TRACE_TICK, 0, i);
    do {
        observer_trace(caller, cursor);
        run_to_the_end();
        cursor = caller->arch.regs.x[1];
        assert_true(calls++ < STEPS_MAX);
        assert_int_equal(world_line_count, calls);
    } while (cursor != 0);
    assert_int_equal(calls, 1 + VCPUS + 1 + 2 + 1); /* begin, the vCPUs, data, end */
    assert_memory_equal(world_lines[0], "trace begin version=1 cpu=0 ", 28);
    assert_string_equal(world_lines[3], "trace vcpu 2 alpha.2");
    assert_string_equal(world_lines[4], "trace vcpu 3 beta.0");
    world_expect_line("trace end");
    observer_trace(caller, UINT64_MAX);
    run_to_the_end();
    assert_int_equal(caller->arch.regs.x[1], 0);
    assert_int_equal(world_line_count, calls);
}

/* `from` to `to` less 1, in the rings of CPU 0, 1 and 3. */
static void record_on_all(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        trace_record(&cpus[0].trace, ONTIME_TRACE_TICK, 0, i);
        trace_record(&cpus[1].trace, ONTIME_TRACE_TICK, 1, i);
        trace_record(&cpus[3].trace, ONTIME_TRACE_TICK, 3, i);
    }
}

static void take_all_messages(void)
{
    cpu_take_messages(&cpus[1]);
    cpu_take_messages(&cpus[3]);
}

/* One line; returns the next cursor. */
static uint64_t trace_line(uint64_t cursor)
{
    observer_trace(caller, cursor);
    if (cursor == 0)
        take_all_messages();
    run_to_the_end();
    return caller->arch.regs.x[1];
}

/* Line `line` is the begin of a ring's part. */
static void expect_begin(unsigned line, unsigned cpu, unsigned count)
{
    char begin[64], end[64];
    size_t length = strlen(world_lines[line]);

    snprintf(begin, sizeof(begin), "trace begin version=1 cpu=%u ", cpu);
    snprintf(end, sizeof(end), " records=%u lost=0", count);
    assert_memory_equal(world_lines[line], begin, strlen(begin));
    assert_string_equal(world_lines[line] + length - strlen(end), end);
}

/* All rings have been frozen at the first line: what is recorded during the dump is in none. */
static void a_dump_has_the_rings_of_all_cores(void **state)
{
    unsigned part = 1 + (vms[1]->vcpus[0].id + 1u) + 2 + 1; /* begin, the vCPUs, data, end */
    uint64_t cursor = 0;

    (void)state;
    record_on_all(0, 20);
    do {
        cursor = trace_line(cursor);
        record_on_all(20, 22);
        assert_true(world_line_count <= 3 * part);
    } while (cursor != 0);
    assert_int_equal(world_line_count, 3 * part);
    expect_begin(0, 0, 20);
    expect_begin(part, 1, 20);
    expect_begin(2 * part, 3, 20);
    for (unsigned i = 1; i <= 3; i++)
        assert_string_equal(world_lines[i * part - 1], "trace end");
    record_on_all(22, 25);
    (void)trace_line(0);
    (void)trace_line(UINT64_C(3) << 32);
    expect_begin(3 * part, 0, 25); /* two came after the last line */
    expect_begin(3 * part + 1, 3, 25);
}

/* A core may see late that its ring is frozen. Its records until then are in the dump. */
static void a_dump_waits_until_each_core_has_stopped_recording(void **state)
{
    (void)state;
    record_on_all(0, 20);
    observer_trace(caller, 0);
    assert_int_equal(noted.kicked, 1u << 1 | 1u << 3);
    turns(STEPS_MAX);
    cpu_take_messages(&cpus[3]);
    turns(STEPS_MAX);
    assert_int_equal(world_line_count, 0);
    trace_put(&cpus[1].trace, other_records[0], 20, fake_counter(), ONTIME_TRACE_TICK, 1, 20);
    cpu_take_messages(&cpus[1]);
    run_to_the_end();
    (void)trace_line(UINT64_C(1) << 32);
    expect_begin(0, 0, 20);
    expect_begin(1, 1, 21);
}

static void a_dump_that_is_given_up_can_begin_again(void **state)
{
    uint64_t cursor = 0;

    (void)state;
    record_on_all(0, 20);
    do
        cursor = trace_line(cursor);
    while (cursor < UINT64_C(3) << 32);
    record_on_all(20, 30);
    world_line_count = 0;
    do
        cursor = trace_line(world_line_count == 0 ? 0 : cursor);
    while (cursor != 0);
    expect_begin(0, 0, 20);
    expect_begin(world_line_count / 3 * 2, 3, 20);
    record_on_all(20, 30);
    (void)trace_line(0);
    expect_begin(world_line_count - 1, 0, 30);
}

/* A line is written for no cursor that no line has led to. */
static void any_cursor_is_safe(void **state)
{
    static const uint64_t none[] = {UINT64_C(2) << 32,        UINT64_C(4) << 32, UINT64_C(63) << 32,
                                    UINT64_C(64) << 32,       UINT64_MAX,        UINT64_MAX >> 32,
                                    (UINT64_C(1) << 32) + 100};

    (void)state;
    assert_int_equal(trace_line(UINT64_C(1) << 32), 0); /* not frozen */
    assert_int_equal(world_line_count, 0);
    (void)trace_line(0);
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(trace_line(none[i]), 0);
    assert_int_equal(world_line_count, 1);
    assert_int_not_equal(trace_line(UINT64_C(1) << 32), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(trace_is_dumped_line_by_line,
                               setup), /* first: ids of vCPUs are never reused */
        cmocka_unit_test_setup(a_mark_is_a_line_for_each_vm, setup),
        cmocka_unit_test_setup(the_longest_line_is_whole, setup),
        cmocka_unit_test_setup(the_guest_waits_for_all_lines, setup),
        cmocka_unit_test_setup(cpu_time_is_of_one_instant, setup),
        cmocka_unit_test_setup(a_mark_waits_until_each_core_has_charged, setup_four),
        cmocka_unit_test_setup(a_charge_without_the_message_does_not_count, setup_four),
        cmocka_unit_test_setup(a_message_that_came_too_early_is_sent_again, setup_four),
        cmocka_unit_test_setup(a_line_waits_for_room, setup),
        cmocka_unit_test_setup(observers_do_not_mix, setup),
        cmocka_unit_test_setup(a_dump_has_the_rings_of_all_cores, setup_four),
        cmocka_unit_test_setup(a_dump_waits_until_each_core_has_stopped_recording, setup_four),
        cmocka_unit_test_setup(a_dump_that_is_given_up_can_begin_again, setup_four),
        cmocka_unit_test_setup(any_cursor_is_safe, setup_four),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
