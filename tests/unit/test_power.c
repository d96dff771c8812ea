/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, loading, stopping and restarting VMs: RAM is zeroed once and the images are copied, a short piece
 * at a time and beside VMs that run; a restart is a fresh boot; the machine is switched off when all VMs are
 * off, or the one that ends the system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "random.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/load.h"
#include "vm/power.h"
#include "vm_world.h"

#define MIB       WORLD_MIB
#define BASE      GUEST_RAM_BASE
#define STEP      VM_LOAD_STEP
#define DIRT      0xA5
#define IMAGE_MAX 100000
#define ENTRY     (BASE + 0x1234)
#define STEPS_MAX 10000
#define ROUNDS    20
#define VCPUS     2

static uint8_t images[3][IMAGE_MAX]; /* kernel, initrd, tree; without zeroes */
static uint8_t expected[WORLD_RAM];
static struct vm_config config[2];
static const char *const names[] = {"alpha", "beta"};

/* The VM is stopped by its first vCPU that is on. */
static void stop(struct vm *vm, bool restart)
{
    struct vcpu *vcpu = vm->vcpus;

    while (!vcpu->powered)
        vcpu++;
    vm_stop_by(vcpu, restart);
    while (vm->stopper != NULL)
        vcpu->work(vcpu);
}

static int setup(void **state)
{
    struct random random = {1};

    (void)state;
    world_reset();
    memset(world_ram(), DIRT, WORLD_RAM);
    memset(expected, DIRT, sizeof(expected));
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < IMAGE_MAX; k++)
            images[i][k] = (uint8_t)random_between(&random, 1, 255);
    for (unsigned i = 0; i < 2; i++) {
        config[i] = (struct vm_config){
            .memory_base = GUEST_RAM_BASE,
            .memory_mib = 6,
            .vcpus = VCPUS,
            .weight = 1,
            .timers = TIMERS_WAKE,
            .kernel = {images[0], 40000},
            .load_address = BASE,
            .entry = ENTRY,
            .initrd = {images[1], 3 * STEP},
            .initrd_address = BASE + 2 * MIB - 20000, /* across two pieces */
            .tree_address = BASE + 6 * MIB - 5000,    /* up to the last byte of RAM */
        };
        snprintf(config[i].name, sizeof(config[i].name), "%s", names[i]);
    }
    return 0;
}

static struct vm *create_with(unsigned index, const unsigned *pieces)
{
    struct vm *vm;

    world_pieces(pieces);
    vm = vm_create(&config[index], &world_hooks);
    assert_non_null(vm);
    vm->tree = (struct blob){images[2], 5000};
    return vm;
}

static struct vm *create(unsigned index)
{
    static const unsigned pieces[] = {2, 4};

    return create_with(index, pieces);
}

/* Where in `expected` the VM has its RAM at `address`; NULL: nowhere. */
static uint8_t *expected_at(const struct vm *vm, uint64_t address)
{
    for (unsigned i = 0; i < vm->ram_count; i++)
        if (address >= vm->ram[i].guest && address < vm->ram[i].guest + vm->ram[i].size)
            return expected + (vm->ram[i].host - (uintptr_t)world_ram()) + (address - vm->ram[i].guest);
    return NULL;
}

static void expect_image(const struct vm *vm, const struct blob *image, uint64_t address)
{
    for (size_t i = 0; image->data != NULL && i < image->size; i++) {
        uint8_t *byte = expected_at(vm, address + i);

        if (byte != NULL)
            *byte = image->data[i];
    }
}

/* What RAM is to hold: the VM's as a boot needs it, and all other as it was. */
static void expect_loaded(const struct vm *vm)
{
    for (unsigned i = 0; i < vm->ram_count; i++)
        memset(expected_at(vm, vm->ram[i].guest), 0, vm->ram[i].size);
    expect_image(vm, &vm->config->kernel, vm->config->load_address);
    expect_image(vm, &vm->config->initrd, vm->config->initrd_address);
    expect_image(vm, &vm->tree, vm->config->tree_address);
}

static void expect_pristine(const struct vm *vm)
{
    expect_loaded(vm);
    assert_int_equal(memcmp(world_ram(), expected, WORLD_RAM), 0);
}

static uint64_t images_size(const struct vm *vm)
{
    return vm->config->kernel.size + vm->tree.size +
           (vm->config->initrd.data != NULL ? vm->config->initrd.size : 0);
}

static void notes_begin(void)
{
    memset(&noted, 0, sizeof(noted));
}

/* Steps of the dispatcher, until the VM, which has just been started and is alone, is loaded. */
static void load(struct vm *vm)
{
    unsigned steps = 0;

    notes_begin();
    while (vm->vcpus[0].work != NULL) {
        uint64_t before = noted.zeroed + noted.cleaned;

        assert_false(vm->off);
        assert_int_equal(noted.entries | noted.vcpu_resets, 0);
        assert_in_range(noted.vm_resets, 0, noted.images_changed);
        world_step();
        assert_in_range(noted.zeroed + noted.cleaned - before, 0, noted.cleaned == 0 ? VM_LOAD_ZERO : STEP);
        assert_true(steps++ < STEPS_MAX);
    }
    assert_int_equal(noted.zeroed, (uint64_t)vm->config->memory_mib * MIB);
    assert_int_equal(noted.images_changed, 1);
    assert_int_equal(noted.vm_resets, 1);
    assert_int_equal(noted.peers_told[true], WORLD_PEERS);
    assert_int_equal(noted.times_told[true], 1);
    assert_int_equal(noted.vcpu_resets, 1);
    assert_ptr_equal(noted.reset, &vm->vcpus[0]);
    assert_int_equal(noted.entry, vm->config->entry);
    assert_int_equal(noted.argument, vm->config->tree_address);
    assert_true(vm->vcpus[0].on && vm->vcpus[0].unit.runnable);
    for (unsigned i = 1; i < vm->vcpu_count; i++)
        assert_false(vm->vcpus[i].on || vm->vcpus[i].unit.runnable);
    world_step();
    assert_int_equal(noted.entries, 1);
    assert_ptr_equal(world_cpu.current, &vm->vcpus[0]);
}

static struct vm *start(unsigned index)
{
    struct vm *vm = create(index);

    vm_start(vm);
    load(vm);
    return vm;
}

static void a_vm_is_loaded_and_entered(void **state)
{
    (void)state;
    struct vm *vm = create(0);

    assert_true(vm->off);
    world_step();
    assert_int_equal(noted.zeroed | noted.entries, 0); /* not started yet */
    vm_start(vm);
    load(vm);
    assert_int_equal(noted.cleaned, images_size(vm));
    expect_pristine(vm);
}

static void it_begins_again_from_the_beginning(void **state)
{
    (void)state;
    struct vm *vm = create(0);

    vm_start(vm);
    for (unsigned i = 0; i < 6 * MIB / VM_LOAD_ZERO + 5; i++) /* into the images */
        world_step();
    assert_true(vm->load_offset != 0);
    vm_load_begin(vm);
    load(vm);
    expect_pristine(vm);
}

static void ram_may_be_in_sixteen_pieces_or_one(void **state)
{
    static const unsigned whole[] = {4};
    const uint64_t size = MIB / 4;

    (void)state;
    config[0].memory_mib = 4;
    config[0].tree_address = BASE + 3 * MIB;
    struct vm *vm = create_with(0, whole);
    uint64_t host = vm->ram[0].host;

    vm_start(vm);
    load(vm);
    expect_pristine(vm);
    /* The same RAM from its end to its beginning. */
    vm->ram_count = VM_RAM_PIECES;
    for (unsigned i = 0; i < VM_RAM_PIECES; i++)
        vm->ram[i] = (struct ram_piece){BASE + i * size, host + (VM_RAM_PIECES - 1 - i) * size, size};
    stop(vm, true);
    load(vm);
    expect_pristine(vm);
}

static void images_may_be_absent_or_of_any_size(void **state)
{
    static const size_t sizes[] = {1, STEP - 1, STEP, STEP + 1, 2 * STEP, IMAGE_MAX};

    (void)state;
    struct vm *vm = create(0);

    config[0].initrd = (struct blob){NULL, 12345};
    vm_start(vm);
    load(vm);
    assert_int_equal(noted.cleaned, images_size(vm));
    expect_pristine(vm);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        config[0].kernel.size = sizes[i];
        config[0].initrd = (struct blob){images[1], sizes[i]};
        stop(vm, true);
        load(vm);
        assert_int_equal(noted.cleaned, images_size(vm));
        expect_pristine(vm);
    }
}

static void what_does_not_lie_in_ram_is_left_out(void **state)
{
    (void)state;
    struct vm *vm = create(0);

    config[0].initrd_address = BASE + 7 * MIB;
    config[0].tree_address = BASE + 6 * MIB - 10;
    vm_start(vm);
    load(vm);
    assert_int_equal(noted.cleaned, config[0].kernel.size + 10);
    expect_pristine(vm);
}

static void a_restart_is_a_fresh_boot(void **state)
{
    (void)state;
    struct vm *vm = start(0);

    expect_pristine(vm);
    spin_lock(&vm->lock);
    vcpu_power_on(&vm->vcpus[1], ENTRY + 4, 9);
    spin_unlock(&vm->lock);
    memset((void *)(uintptr_t)vm->ram[0].host, DIRT, vm->ram[0].size);
    memset((void *)(uintptr_t)vm->ram[1].host, DIRT, vm->ram[1].size);
    stop(vm, true);
    assert_int_equal(world_line_count, 1);
    world_expect_line("alpha: reset");
    assert_false(world_lock_is_held(vm));
    assert_null(world_cpu.loaded);
    assert_false(vm->vcpus[1].on || vm->vcpus[1].unit.runnable);
    load(vm);
    expect_pristine(vm);
}

/* A VM that restarts without end writes no more lines than the console takes. */
static void a_restart_waits_for_the_console(void **state)
{
    (void)state;
    struct vm *vm = start(0);

    world_console_full = true;
    stop(vm, true);
    notes_begin();
    for (unsigned i = 0; i < 10; i++)
        world_step();
    assert_int_equal(noted.zeroed | noted.entries, 0);
    world_console_full = false;
    world_step();
    world_console_full = true; /* what has begun goes on */
    assert_int_equal(noted.zeroed, VM_LOAD_ZERO);
    world_step();
    assert_int_equal(noted.zeroed, 2 * VM_LOAD_ZERO);
}

/* Its registers are set anew when it wakes, not before; it is not switched off in between. */
static void a_suspended_vcpu_begins_anew(void **state)
{
    (void)state;
    struct vm *vm = start(0);
    struct vcpu *vcpu = &vm->vcpus[0];

    world_step();
    assert_ptr_equal(world_cpu.loaded, vcpu);
    notes_begin();
    world_cpu.reschedule = false;
    vcpu_suspend(vcpu, ENTRY + 8, 5, false);
    assert_true(vcpu->on && !vcpu->unit.runnable && world_cpu.current == NULL);
    world_step();
    assert_true(noted.entries == 0 && noted.reset == NULL);
    vcpu_wake(vcpu);
    world_step();
    assert_ptr_equal(noted.reset, vcpu);
    assert_int_equal(noted.entry, ENTRY + 8);
    assert_int_equal(noted.argument, 5);
    assert_true(noted.entries == 0 && world_cpu.loaded == NULL);
    world_step();
    assert_int_equal(noted.entries, 1);

    /* With an interrupt pending it does not wait. */
    notes_begin();
    world_cpu.reschedule = false;
    vcpu_suspend(vcpu, ENTRY + 12, 6, true);
    assert_true(world_cpu.reschedule && vcpu->unit.runnable);
    world_step();
    assert_int_equal(noted.entry, ENTRY + 12);
    world_step();
    assert_int_equal(noted.entries, 1);
}

/* Ten lines a second, and what was left out is counted; case: a guest that resets for ever. */
static void restarts_are_told_ten_times_a_second(void **state)
{
    const uint64_t interval = arch_counter_hz() / 10;

    (void)state;
    struct vm *vm = create(0);
    struct vm *other = create(1);
    const uint64_t begin = arch_counter() + interval;

    vm_start(vm);
    vm_start(other);
    fake_set_counter(begin);
    stop(vm, true);
    for (unsigned i = 0; i < 5; i++)
        stop(vm, true);
    assert_int_equal(world_line_count, 1);
    stop(other, true); /* each VM has its own */
    assert_int_equal(world_line_count, 2);
    fake_set_counter(begin + interval - 1);
    stop(vm, true);
    assert_int_equal(world_line_count, 2);
    fake_set_counter(begin + interval);
    stop(vm, true);
    assert_int_equal(world_line_count, 3);
    world_expect_line("alpha: reset (and 6 more before)");
    fake_set_counter(begin + 2 * interval);
    stop(vm, true);
    world_expect_line("alpha: reset");
}

/* The core takes its messages, and the VM's first vCPU does its work until it has none. */
static void carry_out(struct vm *vm)
{
    do {
        noted.kicked = 0;
        cpu_take_messages(&world_cpu);
        while (vm->vcpus[0].work != NULL && vm->vcpus[0].on) {
            world_cpu.current = &vm->vcpus[0];
            vm->vcpus[0].work(&vm->vcpus[0]);
        }
    } while (noted.kicked != 0 || atomic_load(&world_cpu.messages) != NULL);
}

/* The VM is restarted, or off for good. */
static bool stays_on(struct vm *vm)
{
    stop(vm, true);
    assert_int_equal(noted.stopped_for_good, vm->off);
    if (!vm->off)
        carry_out(vm);
    return !vm->off;
}

static void a_vm_that_restarts_too_often_stays_off(void **state)
{
    const uint64_t second = arch_counter_hz();
    struct vm *vm;

    (void)state;
    config[0].restarts = 2;
    config[0].restart_seconds = 10;
    vm = start(0);
    vm_start(create(1));                /* so that the machine stays on */
    for (unsigned i = 0; i < 20; i++) { /* two within ten seconds, on and on */
        assert_true(stays_on(vm));
        fake_set_counter(arch_counter() + 5 * second);
    }
    assert_true(stays_on(vm));
    fake_set_counter(arch_counter() + 5 * second - 1);
    assert_false(stays_on(vm));
    world_expect_line("alpha: off: more than 2 restarts in 10 s");
    vm_start(vm); /* what was before does not count */
    carry_out(vm);
    assert_true(stays_on(vm));
    assert_true(stays_on(vm));
    assert_false(stays_on(vm));
    vm_start(vm);
    carry_out(vm);
    stop(vm, false);
    world_expect_line("alpha: off");
}

static void a_vm_may_never_restart(void **state)
{
    struct vm *vm;

    (void)state;
    config[0].restart_seconds = 1;
    vm = start(0);
    vm_start(create(1));
    assert_false(stays_on(vm));
    world_expect_line("alpha: off: more than 0 restarts in 1 s");
}

static void the_watchdog_restarts_a_vm_that_runs(void **state)
{
    const struct lent_image none = {.from = NULL};
    struct vm *vm = start(0);

    (void)state;
    vm_start(create(1));
    assert_true(noted.pauses == 1 && !noted.paused); /* its devices are told that it begins */
    fake_set_counter(arch_counter() + arch_counter_hz());
    vm_bite(vm);
    carry_out(vm);
    world_expect_line("alpha: reset by watchdog");
    assert_true(vm->by_watchdog && vm->loaded && vm->starts == 2);
    fake_set_counter(arch_counter() + arch_counter_hz());
    stop(vm, true);
    world_expect_line("alpha: reset");
    assert_false(vm->by_watchdog);
    vm_bite(vm); /* while it loads */
    cpu_take_messages(&world_cpu);
    carry_out(vm);
    carry_out(vm);
    assert_int_equal(vm->starts, 3);

    vm_bite(vm); /* before what another VM has asked for, which is done afterwards */
    assert_true(vm_ask(vm, ASKED_PAUSE, &none));
    carry_out(vm);
    assert_int_equal(vm->starts, 4);
    assert_true(vm->paused && vm->vcpus[0].held && noted.paused);
    assert_true(vm_ask(vm, ASKED_RESUME, &none));
    carry_out(vm);
    assert_false(vm->paused || vm->vcpus[0].held || noted.paused);

    stop(vm, false);
    vm_bite(vm);
    carry_out(vm);
    assert_true(vm->off);
    assert_int_equal(vm->starts, 4);
    assert_true(vm_ask(vm, ASKED_RESTART, &none));
    carry_out(vm);
    assert_int_equal(vm->starts, 5);
}

/* The calling vCPU switches the others off one by one, then itself; another that it meets does not go on. */
static void a_vm_is_stopped_in_pieces(void **state)
{
    (void)state;
    struct vm *vm = start(0);
    struct vcpu *other = &vm->vcpus[1];

    spin_lock(&vm->lock);
    vcpu_power_on(other, ENTRY + 4, 9);
    spin_unlock(&vm->lock);
    vm_stop_by(&vm->vcpus[0], true);
    world_cpu.reschedule = false;
    vm_stop_by(other, false);          /* it has asked too late, and waits */
    assert_true(world_cpu.reschedule); /* so that the guest is left */
    other->work(other);
    assert_true(vm->vcpus[0].on && other->on);
    vm->vcpus[0].work(&vm->vcpus[0]);
    assert_true(vm->vcpus[0].on && !other->on);
    assert_null(other->work);
    noted.peers_told[false] = noted.times_told[false] = 0;
    for (unsigned i = 0; i <= WORLD_STEPS; i++) {
        vm->vcpus[0].work(&vm->vcpus[0]);
        assert_int_equal(noted.stop_steps, i);
    }
    assert_false(noted.stopped_for_good);
    for (unsigned i = 1; i <= WORLD_PEERS; i++) {
        vm->vcpus[0].work(&vm->vcpus[0]);
        assert_true(vm->vcpus[0].on);
        assert_int_equal(noted.peers_told[false], i);
        assert_int_equal(world_line_count, 0);
    }
    vm->vcpus[0].work(&vm->vcpus[0]);
    assert_int_equal(noted.times_told[false], 1);
    world_expect_line("alpha: reset");
    assert_false(world_lock_is_held(vm));
    load(vm);
}

static void any_vm_is_loaded(void **state)
{
    struct random random = {1};

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned pieces[] = {2 * (unsigned)random_between(&random, 1, 2), 2, 2, 2};
        unsigned whole[] = {6};
        uint64_t kernel_room = random_between(&random, IMAGE_MAX, 3 * MIB);

        setup(state);
        config[0].kernel.size = random_between(&random, 1, IMAGE_MAX);
        config[0].load_address = BASE + random_below(&random, kernel_room - config[0].kernel.size);
        config[0].initrd.size = random_between(&random, 1, IMAGE_MAX);
        config[0].initrd_address = BASE + kernel_room + random_below(&random, 2 * MIB);
        struct vm *vm = create_with(0, random_below(&random, 3) != 0 ? pieces : whole);

        vm->tree.size = random_between(&random, 1, IMAGE_MAX);
        config[0].tree_address = BASE + 6 * MIB - vm->tree.size - random_below(&random, MIB / 2);
        vm_start(vm);
        load(vm);
        expect_pristine(vm);
    }
}

static void loading_shares_the_core(void **state)
{
    (void)state;
    struct vm *runs = start(0);
    struct vm *loads = create(1);
    uint64_t begin = fake_counter();
    uint64_t ran = vm_stat(runs, ONTIME_STAT_RUN_TICKS);
    unsigned steps = 0;

    notes_begin();
    world_load_ticks = WORLD_SLICE / 2;
    vm_start(loads);
    while (loads->vcpus[0].work != NULL) {
        world_step();
        assert_true(steps++ < STEPS_MAX);
    }
    ran = vm_stat(runs, ONTIME_STAT_RUN_TICKS) - ran;
    assert_in_range(ran * 100 / (fake_counter() - begin), 40, 60);
    assert_true(noted.entries > 100);
    expect_loaded(runs);
    expect_pristine(loads);
}

static void a_vcpu_is_switched_on_and_off(void **state)
{
    (void)state;
    struct vm *vm = start(0);
    struct vcpu *vcpu = &vm->vcpus[1];

    spin_lock(&vm->lock);
    vcpu_power_on(vcpu, ENTRY + 8, 77);
    assert_ptr_equal(noted.reset, vcpu);
    assert_int_equal(noted.entry, ENTRY + 8);
    assert_int_equal(noted.argument, 77);
    assert_int_equal(noted.vcpu_resets, 2);
    assert_int_equal(noted.vm_resets, 1);
    assert_true(vcpu->on && vcpu->unit.runnable);
    spin_unlock(&vm->lock);
    vcpu_switch_off(&vm->vcpus[0]);
    assert_false(vm->vcpus[0].on || vm->vcpus[0].unit.runnable);
    assert_null(world_cpu.loaded);
    assert_false(vm->off);
    world_step();
    assert_ptr_equal(world_cpu.current, vcpu);
    assert_ptr_equal(world_cpu.loaded, vcpu);
    assert_int_equal(world_line_count, 0);
}

static void call_start(void *vm)
{
    vm_start(vm);
}

static void only_a_vm_that_is_off_is_started(void **state)
{
    (void)state;
    struct vm *vm = create(0);

    for (unsigned i = 0; i < VCPUS; i++) {
        vm->vcpus[i].powered = true;
        assert_true(fake_assert_fails(call_start, vm));
        spin_unlock(&vm->lock); /* who fails does not come to it */
        vm->vcpus[i].powered = false;
    }
    assert_false(fake_assert_fails(call_start, vm));
}

struct stop {
    struct vm *vm;
    bool restart;
};

static void call_stop(void *argument)
{
    const struct stop *of = argument;

    stop(of->vm, of->restart);
}

static bool ends(struct vm *vm, bool restart)
{
    struct stop of = {vm, restart};

    return world_ends(call_stop, &of);
}

static void the_last_vm_switches_the_machine_off(void **state)
{
    (void)state;
    struct vm *first = start(0);
    struct vm *second = create(1);

    vm_start(second);
    assert_false(ends(first, false));
    assert_true(first->off);
    assert_false(first->vcpus[0].on || first->vcpus[0].unit.runnable);
    assert_int_equal(world_line_count, 1);
    world_expect_line("alpha: off");
    assert_false(world_lock_is_held(first));
    assert_false(noted.finished);

    load(second);
    vm_complain(&second->vcpus[0], "a fault");
    assert_true(ends(second, false));
    assert_int_equal(world_line_count, 4);
    assert_string_equal(world_lines[1], "beta: off");
    assert_string_equal(world_lines[2], "all VMs are off");
    world_expect_line("beta: a fault"); /* it is not lost */
}

static void a_vm_that_restarts_is_not_off(void **state)
{
    (void)state;
    struct vm *vm = start(0);

    config[0].ends_system = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(ends(vm, true));
        assert_false(vm->off);
        load(vm);
        fake_set_counter(arch_counter() + arch_counter_hz());
    }
    assert_int_equal(world_line_count, 3);
    world_expect_line("alpha: reset");
}

static void the_vm_that_ends_the_system_does(void **state)
{
    (void)state;
    struct vm *first = start(0);
    struct vm *second = create(1);

    vm_start(second);
    config[0].ends_system = true;
    assert_true(ends(first, false));
    assert_false(second->off);
    assert_int_equal(world_line_count, 2);
    assert_string_equal(world_lines[0], "alpha: off");
    world_expect_line("alpha ends the system");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_vm_is_loaded_and_entered, setup),
        cmocka_unit_test_setup(it_begins_again_from_the_beginning, setup),
        cmocka_unit_test_setup(ram_may_be_in_sixteen_pieces_or_one, setup),
        cmocka_unit_test_setup(images_may_be_absent_or_of_any_size, setup),
        cmocka_unit_test_setup(what_does_not_lie_in_ram_is_left_out, setup),
        cmocka_unit_test_setup(a_restart_is_a_fresh_boot, setup),
        cmocka_unit_test_setup(a_restart_waits_for_the_console, setup),
        cmocka_unit_test_setup(a_suspended_vcpu_begins_anew, setup),
        cmocka_unit_test_setup(restarts_are_told_ten_times_a_second, setup),
        cmocka_unit_test_setup(a_vm_that_restarts_too_often_stays_off, setup),
        cmocka_unit_test_setup(a_vm_may_never_restart, setup),
        cmocka_unit_test_setup(the_watchdog_restarts_a_vm_that_runs, setup),
        cmocka_unit_test_setup(a_vm_is_stopped_in_pieces, setup),
        cmocka_unit_test_setup(any_vm_is_loaded, setup),
        cmocka_unit_test_setup(loading_shares_the_core, setup),
        cmocka_unit_test_setup(a_vcpu_is_switched_on_and_off, setup),
        cmocka_unit_test_setup(only_a_vm_that_is_off_is_started, setup),
        cmocka_unit_test_setup(the_last_vm_switches_the_machine_off, setup),
        cmocka_unit_test_setup(a_vm_that_restarts_is_not_off, setup),
        cmocka_unit_test_setup(the_vm_that_ends_the_system_does, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
