/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How cores are numbered and started: boot/cores.c. The firmware's part is `behaviour`: what each core does
 * when it is started. A core runs on the test's own stack until it waits for an interrupt; the clock moves
 * with each reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "boot/cores.h"
#include "console/console.h"
#include "vm/arch_vm.h"

#define STACK   UINT64_C(16384)
#define GUARD   UINT64_C(4096)
#define HZ      UINT64_C(62500000)
#define READING 1000 /* ticks that a reading of the clock takes */
#define LINES   8

#define REGISTERS 3 /* by which a CPU is known */

enum behaviour { COMES, REFUSED, SILENT, UNFIT, NO_GIC, OTHER_CLOCK };

static enum behaviour behaviour[MAX_CPUS];
static uint64_t own_affinity, releases[MAX_CPUS];
static struct core_start starts[MAX_CPUS];
static unsigned started, kicked, set_up, guards, refused_guard;
static bool has_memory, maps;
static uint64_t next_memory;
static char lines[LINES][256];
static unsigned line_count;
static struct cpu *calling;
static jmp_buf waits;
static bool went;
static uint64_t identity[MAX_CPUS][REGISTERS];

uint64_t arch_affinity(void)
{
    return own_affinity;
}

struct cpu *arch_cpu(void)
{
    return calling;
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

uint64_t arch_stack_size(void)
{
    return STACK;
}

uint64_t arch_stack_guard_size(void)
{
    return GUARD;
}

bool arch_guard_page(uint64_t address)
{
    assert_int_equal(address % GUARD, 0);
    return ++guards != refused_guard;
}

bool arch_map_ram(uint64_t start, uint64_t end)
{
    assert_int_equal(end - start, 8);
    return maps;
}

uint64_t memory_take(uint64_t size, uint64_t alignment)
{
    assert_int_equal(size, STACK + GUARD);
    assert_int_equal(alignment, GUARD);
    next_memory += size;
    return has_memory ? next_memory : 0;
}

void console_print(const char *format, ...)
{
    va_list arguments;

    if (line_count == LINES)
        return;
    va_start(arguments, format);
    vsnprintf(lines[line_count++], sizeof(lines[0]), format, arguments);
    va_end(arguments);
}

const char *arch_cpu_identity(unsigned n, uint64_t *value)
{
    static const char *const names[REGISTERS] = {"MIDR_EL1", "CTR_EL0", "ID_PFR0_EL1"};

    if (n >= REGISTERS)
        return NULL;
    *value = identity[calling->index][n];
    return names[n];
}

const char *arch_cpu_problem(void)
{
    if (behaviour[calling->index] == OTHER_CLOCK)
        fake_set_hz(HZ + 1);
    return behaviour[calling->index] == UNFIT ? "this CPU is too small" : NULL;
}

const char *arch_interrupts_init_core(void)
{
    return behaviour[calling->index] == NO_GIC ? "no redistributor" : NULL;
}

void arch_cpu_init(void)
{
    set_up++;
}

void arch_cpu_kick(unsigned index)
{
    assert_true(cpus[index].up);
    kicked++;
}

/* The core that runs has nothing to do. */
void arch_wait_for_interrupt(void)
{
    longjmp(waits, 1);
}

static void run_core(struct cpu *cpu)
{
    struct cpu *caller = calling;

    calling = cpu;
    went = false;
    if (setjmp(waits) == 0) {
        core_join(cpu);
        went = true;
    }
    calling = caller;
    fake_set_hz(HZ);
}

int32_t arch_core_start(const struct core_start *core, uint64_t release)
{
    unsigned index = core->cpu->index;

    assert_ptr_equal(core->cpu, &cpus[index]);
    starts[index] = *core;
    releases[index] = release;
    started++;
    if (behaviour[index] == REFUSED)
        return -2;
    if (behaviour[index] != SILENT)
        run_core(core->cpu);
    return 0;
}

static struct board board;

/* The state of the cores begins anew in a new process only, as at a boot: each number is used in one test. */
static void make_board(const uint64_t *affinities, unsigned count)
{
    memset(&board, 0, sizeof(board));
    board.cpu_count = count;
    for (unsigned i = 0; i < count; i++)
        board.cpus[i] = (struct board_cpu){affinities[i], 0, CPU_METHOD_PSCI};
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_hz(HZ);
    fake_set_reading_cost(READING);
    memset(behaviour, 0, sizeof(behaviour));
    memset(cpus, 0, sizeof(cpus));
    started = kicked = set_up = guards = refused_guard = line_count = 0;
    has_memory = maps = true;
    next_memory = 0x40000000;
    own_affinity = 0;
    calling = &cpus[0];
    return 0;
}

static void expect_order(const uint64_t *affinities, unsigned count)
{
    assert_int_equal(cpu_count, count);
    assert_int_equal(board.cpu_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(board.cpus[i].affinity, affinities[i]);
        assert_int_equal(cpus[i].index, i);
        assert_int_equal(cpus[i].up, i == 0);
    }
}

static void who_boots_is_the_first(void **state)
{
    static const uint64_t tree[] = {0x100, 0x101, 0, 1}, order[] = {0, 0x100, 0x101, 1};

    (void)state;
    make_board(tree, 4);
    cores_find(&board);
    expect_order(order, 4);
    own_affinity = 0x101;
    make_board(tree, 4);
    setup(NULL);
    own_affinity = 0x100;
    cores_find(&board);
    expect_order(tree, 4);
}

static void a_core_that_the_tree_has_not_boots_all_the_same(void **state)
{
    static const uint64_t tree[] = {1, 2}, order[] = {7, 1, 2};
    static uint64_t many[MAX_CPUS], expected[MAX_CPUS];

    (void)state;
    own_affinity = 7;
    make_board(tree, 2);
    cores_find(&board);
    expect_order(order, 3);
    setup(NULL);
    own_affinity = 7;
    make_board(NULL, 0);
    cores_find(&board);
    expect_order(order, 1);
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        many[i] = 0x100 + i;
        expected[i] = i == 0 ? 7 : 0x100 + i - 1;
    }
    setup(NULL);
    own_affinity = 7;
    make_board(many, MAX_CPUS);
    cores_find(&board);
    expect_order(expected, MAX_CPUS);
}

static void one_core_says_and_takes_nothing(void **state)
{
    static const uint64_t tree[] = {0};

    (void)state;
    make_board(tree, 1);
    cores_find(&board);
    cores_make_stacks();
    cores_start(&board);
    cores_go();
    assert_int_equal(started + kicked + guards + line_count, 0);
}

/*
 * All that can happen, in one boot: a core's state begins anew in a new process only. The clock is looked at
 * to see that who does not come has a second, and no other takes as long.
 */
static void each_core_comes_or_is_named(void **state)
{
    static const uint64_t tree[] = {0, 1, 2, 3, 0x0500060708, 5, 6, 7, 8, 9};
    uint64_t begin;

    (void)state;
    make_board(tree, 10);
    behaviour[2] = REFUSED;
    behaviour[4] = SILENT;
    behaviour[5] = UNFIT;
    behaviour[6] = NO_GIC;
    behaviour[7] = OTHER_CLOCK;
    board.cpus[3].method = CPU_METHOD_SPIN_TABLE;
    board.cpus[3].release = 0xD8;
    board.cpus[8].method = CPU_METHOD_UNKNOWN;
    refused_guard = 9;
    for (unsigned i = 0; i < REGISTERS; i++)
        identity[0][i] = identity[1][i] = identity[3][i] = 0x410fd030 + i;
    identity[3][2]++;
    cores_find(&board);
    cores_make_stacks();
    begin = fake_counter();
    cores_start(&board);

    assert_in_range(fake_counter() - begin, HZ, HZ + 100 * READING);
    assert_int_equal(started, 7);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(cpus[i].up, i == 0 || i == 1 || i == 3);
    assert_int_equal(set_up, 2);
    assert_int_equal(starts[4].affinity, 0x0500060708);
    assert_int_equal(releases[1], 0);
    assert_int_equal(releases[3], 0xD8);
    assert_int_equal(starts[3].stack_end - starts[1].stack_end, 2 * (STACK + GUARD));
    assert_string_equal(lines[0], "CPU 2 (affinity 0.0.0.2): the firmware does not start it: left out");
    assert_string_equal(lines[1], "CPU 4 (affinity 5.6.7.8) did not start within a second: left out");
    assert_string_equal(lines[2], "CPU 5 (affinity 0.0.0.5): this CPU is too small: left out");
    assert_string_equal(lines[3], "CPU 6 (affinity 0.0.0.6): no redistributor: left out");
    assert_non_null(strstr(lines[4], "CPU 7 (affinity 0.0.0.7): its counter's frequency"));
    assert_non_null(strstr(lines[5], "CPU 8 (affinity 0.0.0.8): no enable-method"));
    assert_string_equal(lines[6], "CPU 9 (affinity 0.0.0.9): no room for its stack: left out");
    assert_string_equal(lines[7], "3 CPUs");
    assert_null(cores_differ(0, 0));
    assert_null(cores_differ(0, 1));
    assert_string_equal(cores_differ(1, 3), "ID_PFR0_EL1");
    assert_string_equal(cores_differ(3, 0), "ID_PFR0_EL1");

    /* One that comes later does nothing, then or when the others go on. */
    run_core(&cpus[4]);
    assert_false(went);
    assert_int_equal(set_up, 2);
    cores_go();
    assert_int_equal(kicked, 2);
    run_core(&cpus[4]);
    assert_false(went);
    assert_int_equal(set_up, 2);
}

/* The test before has called cores_go(), and a boot does so once: a core that comes up now does not wait. */
static void a_core_that_is_up_goes_when_the_vms_are_made(void **state)
{
    static uint64_t tree[12];

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        tree[i] = i;
    make_board(tree, 12);
    for (unsigned i = 1; i < 10; i++)
        board.cpus[i].method = CPU_METHOD_UNKNOWN;
    cores_find(&board);
    run_core(&cpus[11]);
    assert_false(went); /* nobody has started it */
    board.cpu_count = cpu_count = 11;
    cores_make_stacks();
    behaviour[10] = COMES;
    cores_start(&board);
    assert_true(went);
    assert_true(cpus[10].up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_boots_is_the_first, setup),
        cmocka_unit_test_setup(a_core_that_the_tree_has_not_boots_all_the_same, setup),
        cmocka_unit_test_setup(one_core_says_and_takes_nothing, setup),
        cmocka_unit_test_setup(each_core_comes_or_is_named, setup),
        cmocka_unit_test_setup(a_core_that_is_up_goes_when_the_vms_are_made, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
