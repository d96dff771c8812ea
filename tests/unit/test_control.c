/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a VM with `control`: what they write, what they refuse, and what they make of other VMs, with
 * the real dispatcher, power and UART. "boss" is on CPU 0, and so is "worker"; "remote" is on CPU 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "devices/control.h"
#include "devices/vgic.h"
#include "devices/vuart.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/load.h"
#include "vm/power.h"
#include "vm_world.h"

#define RAM       GUEST_RAM_BASE
#define PAGE      (RAM + 0x10000)
#define LIST      (RAM + 0x20000)
#define RECORDS   512
#define STEPS_MAX 3000
#define BUSY      ONTIME_BUSY
#define UART_DR   0

enum { BOSS, WORKER, REMOTE, VMS };

static struct vm_config config[VMS];
static struct control controls[2];
static struct ontime_trace_record records[2][RECORDS];
static uint8_t kernel[5000];
static struct vcpu *boss;

void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level)
{
    (void)vcpu, (void)intid, (void)level;
}

bool console_has_room(void)
{
    return !world_console_full;
}

bool console_put(struct console_source *source, char c)
{
    (void)source, (void)c;
    return !world_console_full;
}

void console_add(struct console_source *source, const char *name, console_deliver *deliver)
{
    (void)source, (void)name, (void)deliver;
}

static struct vm *create(unsigned index, const char *name, unsigned vcpus, uint8_t cpu)
{
    static const unsigned pieces[VMS][2] = {[BOSS] = {6}, [WORKER] = {4, 2}, [REMOTE] = {2}};
    struct vm *vm;

    config[index] = (struct vm_config){.memory_base = RAM,
                                       .memory_mib = index == REMOTE ? 2 : 6,
                                       .vcpus = vcpus,
                                       .weight = index + 1,
                                       .timers = TIMERS_PRECISE,
                                       .warp_us = 15000,
                                       .warp_limit_us = 5000,
                                       .unwarp_us = 7,
                                       .kernel = {kernel, sizeof(kernel)},
                                       .load_address = RAM,
                                       .entry = RAM,
                                       .tree_address = RAM + (index == REMOTE ? 0x100000 : 0x400000)};
    snprintf(config[index].name, sizeof(config[index].name), "%s", name);
    memset(config[index].cpus, cpu, sizeof(config[index].cpus));
    world_pieces(pieces[index]);
    vm = vm_create(&config[index], &world_hooks);
    assert_non_null(vm);
    vm->uart = vuart_create(vm);
    vuart_keep_history(vm->uart);
    return vm;
}

static void step(unsigned cpu)
{
    world_here = cpu;
    world_step();
    world_here = 0;
}

/* Lets both cores go on for a while. */
static void go_on(void)
{
    for (unsigned i = 0; i < STEPS_MAX; i++)
        step(i % 2);
}

/* All three run. */
static int setup(void **state)
{
    (void)state;
    world_reset();
    cpu_count = 2;
    cpu_init(&cpus[1], 1, sched_policy_find("bvt"), 5 * 62500, 8);
    cpus[0].up = cpus[1].up = true;
    for (unsigned i = 0; i < sizeof(kernel); i++)
        kernel[i] = (uint8_t)(i + 1);
    boss = create(BOSS, "boss", 2, 0)->vcpus;
    create(WORKER, "worker", 2, 0);
    create(REMOTE, "remote", 1, 1);
    config[BOSS].control = true;
    config[REMOTE].watchdog_ms = 5000;
    memset(controls, 0xFF, sizeof(controls));
    boss[0].control = &controls[0];
    boss[1].control = &controls[1];
    for (unsigned i = 0; i < 2; i++)
        trace_init(&cpus[i].trace, records[i], sizeof(records[i]));
    for (unsigned i = 0; i < VMS; i++) {
        world_here = i == REMOTE;
        vm_start(vms[i]);
    }
    world_here = 0;
    go_on();
    go_on();
    for (unsigned i = 0; i < VMS; i++)
        assert_int_equal(vm_state(vms[i]), ONTIME_VM_RUNNING);
    return 0;
}

/* The call as it returns at once. */
static int64_t begin(uint32_t number, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4)
{
    uint64_t *x = boss->arch.regs.x;

    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
    x[4] = x4;
    return control_call(boss, number, x);
}

/* With its work, while the other core goes on. */
static int64_t call(uint32_t number, uint64_t x1, uint64_t x2, uint64_t x3)
{
    int64_t result = begin(number, x1, x2, x3, 0);

    for (unsigned i = 0; boss->work != NULL; i++) {
        assert_true(i < STEPS_MAX);
        boss->work(boss);
        if (boss->work != NULL)
            step(1);
    }
    return result;
}

/* boss's memory */
static void *at(uint64_t address)
{
    uint64_t size;
    void *host = vm_ram_at(vms[BOSS], address, &size);

    assert_non_null(host);
    return host;
}

static const struct ontime_vm_info *vm_info(unsigned vm)
{
    memset(at(PAGE), 0xEE, ONTIME_PAGE_SIZE);
    assert_int_equal(call(ONTIME_CALL_VM_INFO, vm, PAGE, 0), ONTIME_OK);
    return at(PAGE);
}

static const struct ontime_vcpu_info *vcpu_info(unsigned vm, unsigned vcpu)
{
    memset(at(PAGE), 0xEE, ONTIME_PAGE_SIZE);
    assert_int_equal(call(ONTIME_CALL_VCPU_INFO, vm, vcpu, PAGE), ONTIME_OK);
    return at(PAGE);
}

static int64_t power(unsigned vm, unsigned what)
{
    return begin(ONTIME_CALL_VM_POWER, vm, what, 0, 0);
}

static void others_are_denied(void **state)
{
    struct vcpu *worker = vms[WORKER]->vcpus;

    (void)state;
    for (uint32_t number = ONTIME_CALL_VM_INFO; number <= ONTIME_CALL_TRACE_READ; number++)
        assert_int_equal(control_call(worker, number, worker->arch.regs.x), ONTIME_DENIED);
}

static void bad_arguments_are_invalid(void **state)
{
    static const uint64_t pages[] = {PAGE + 8, PAGE + 4095, RAM - 4096,       RAM + 0x600000,
                                     0,        UINT64_MAX,  UINT64_MAX - 4095};
    static const uint64_t vm_numbers[] = {VMS, 64, UINT64_C(1) << 32, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        assert_int_equal(call(ONTIME_CALL_VM_INFO, 0, pages[i], 0), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_VCPU_INFO, 0, 0, pages[i]), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_CONSOLE_READ, 0, 0, pages[i]), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, 1, pages[i], 1), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_TRACE_READ, 0, 0, pages[i]), ONTIME_INVALID);
    }
    for (unsigned i = 0; i < sizeof(vm_numbers) / sizeof(vm_numbers[0]); i++) {
        assert_int_equal(call(ONTIME_CALL_VM_INFO, vm_numbers[i], PAGE, 0), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_VCPU_INFO, vm_numbers[i], 0, PAGE), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_VM_POWER, vm_numbers[i], ONTIME_POWER_RESUME, 0), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_VM_SET, vm_numbers[i], ONTIME_SET_WEIGHT, 1), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_CONSOLE_READ, vm_numbers[i], 0, PAGE), ONTIME_INVALID);
        assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, vm_numbers[i], PAGE, 1), ONTIME_INVALID);
    }
    assert_int_equal(call(ONTIME_CALL_VCPU_INFO, REMOTE, 1, PAGE), ONTIME_INVALID);
    assert_int_equal(call(ONTIME_CALL_VCPU_INFO, REMOTE, UINT64_MAX, PAGE), ONTIME_INVALID);
    assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, 1, PAGE, 4097), ONTIME_INVALID);
    assert_int_equal(power(WORKER, 4), ONTIME_INVALID);
    for (unsigned what = 0; what < 4; what++)
        assert_int_equal(power(BOSS, what), ONTIME_INVALID);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 2, 0, PAGE), ONTIME_INVALID);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, UINT64_MAX, 0, PAGE), ONTIME_INVALID);
    cpus[1].up = false;
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 0, PAGE), ONTIME_INVALID);
}

static void a_vm_is_described(void **state)
{
    const struct ontime_vm_info *info = vm_info(REMOTE);

    (void)state;
    assert_int_equal(info->size, sizeof(*info));
    assert_int_equal(info->vm_count, VMS);
    assert_string_equal(info->name, "remote");
    assert_int_equal(info->state, ONTIME_VM_RUNNING);
    assert_int_equal(info->vcpus, 1);
    assert_int_equal(info->ram_base, RAM);
    assert_int_equal(info->ram_size, 2 << 20);
    assert_int_equal(info->cpus, 2);
    assert_int_equal(info->timers, 3);
    assert_int_equal(info->weight, 3);
    assert_int_equal(info->horizon_us, 0);
    assert_true(info->warp_us == 15000 && info->warp_limit_us == 5000 && info->unwarp_us == 7);
    assert_int_equal(info->flags | info->own, 0);
    assert_int_equal(info->watchdog_ms, 5000);
    assert_int_equal(info->starts, 1);
    assert_int_equal(((const uint8_t *)info)[sizeof(*info)], 0xEE); /* no more than the record */
    config[BOSS].observer = config[BOSS].ends_system = true;
    info = vm_info(BOSS);
    assert_int_equal(info->flags, ONTIME_VM_CONTROL | ONTIME_VM_OBSERVER | ONTIME_VM_ENDS_SYSTEM);
    assert_int_equal(info->own, 1);
}

/* The times of a vCPU's states add up, on the own core and on another. */
static void times_of_states_add_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VMS; i++)
        for (unsigned k = 0; k < vms[i]->vcpu_count; k++) {
            const struct vcpu *vcpu = &vms[i]->vcpus[k];
            const struct ontime_vcpu_info *info;

            go_on();
            info = vcpu_info(i, k);
            assert_int_equal(info->size, sizeof(*info));
            assert_int_equal(info->cpu, i == REMOTE);
            assert_int_equal(info->hz, arch_counter_hz());
            assert_int_equal(info->counter, fake_counter());
            assert_int_equal(info->run, vcpu->stats[ONTIME_STAT_RUN_TICKS]);
            assert_int_equal(info->run + info->ready + info->blocked + info->off,
                             fake_counter() - cpus[0].started);
            assert_int_equal(info->off != 0 && info->off == fake_counter() - cpus[0].started, k != 0);
            assert_int_equal(info->state == ONTIME_VCPU_OFF, k != 0);
            assert_int_equal(info->run != 0, k == 0);
            for (unsigned stat = 0; stat < ONTIME_STAT_COUNT; stat++)
                assert_int_equal(info->stats[stat], vm_stat_with(vcpu, stat, 0));
        }
    assert_true(vcpu_info(WORKER, 0)->ready != 0 && vcpu_info(WORKER, 0)->blocked == 0);
    assert_int_equal(vcpu_info(REMOTE, 0)->state, ONTIME_VCPU_RUNNING);
    step(1);
    world_here = 1;
    vcpu_block(cpus[1].current);
    world_here = 0;
    fake_set_counter(fake_counter() + 12345);
    assert_int_equal(vcpu_info(REMOTE, 0)->state, ONTIME_VCPU_BLOCKED);
    assert_in_range(vcpu_info(REMOTE, 0)->blocked, 12345, 12345 + 3 * WORLD_SLICE);
}

static void exits_are_told_by_reason(void **state)
{
    struct vcpu *vcpu = vms[REMOTE]->vcpus;
    const struct ontime_vcpu_info *info;

    (void)state;
    vcpu->stats[ONTIME_STAT_EXITS] = 100;
    for (unsigned i = 0; i < ONTIME_EXIT_REASONS; i++)
        vcpu->exits[i] = i == ONTIME_EXIT_CALL ? 0 : 1 + i;
    vcpu->precise.late[3] = 7;
    info = vcpu_info(REMOTE, 0);
    for (unsigned i = 0; i < ONTIME_EXIT_REASONS; i++)
        if (i != ONTIME_EXIT_CALL)
            assert_int_equal(info->exits[i], 1 + i);
    assert_int_equal(info->exits[ONTIME_EXIT_CALL], 100 - 2 - 4 - 5 - 6);
    assert_int_equal(info->stats[ONTIME_STAT_EXITS], 100 + 1);
    assert_int_equal(info->late[3], 7);
}

/* Another core says first what its vCPU has used up to the call. */
static void another_core_charges_first(void **state)
{
    const struct vcpu *vcpu = vms[REMOTE]->vcpus;
    uint64_t before = vcpu->stats[ONTIME_STAT_RUN_TICKS];

    (void)state;
    step(1);
    fake_set_counter(fake_counter() + 777);
    assert_int_equal(begin(ONTIME_CALL_VCPU_INFO, REMOTE, 0, PAGE, 0), ONTIME_OK);
    assert_true(world_cpu.reschedule); /* so that the guest is left */
    for (unsigned i = 0; i < 5; i++)
        boss->work(boss);
    assert_non_null(boss->work);
    world_here = 1;
    cpu_take_messages(&cpus[1]);
    world_here = 0;
    boss->work(boss);
    assert_null(boss->work);
    assert_in_range(((const struct ontime_vcpu_info *)at(PAGE))->run, before + 777, UINT64_MAX);
}

/* How much of the time from now on the VM's first vCPU gets. */
static unsigned percent_of(unsigned vm)
{
    uint64_t before = vcpu_info(vm, 0)->run, then = fake_counter();

    for (unsigned i = 0; i < 3; i++)
        go_on();
    return (unsigned)(100 * (vcpu_info(vm, 0)->run - before) / (fake_counter() - then));
}

static void a_paused_vm_does_not_run(void **state)
{
    struct vm *remote = vms[REMOTE], *worker = vms[WORKER];
    uint64_t ran, blocked;

    (void)state;
    assert_int_equal(power(REMOTE, ONTIME_POWER_PAUSE), ONTIME_OK);
    assert_int_equal(power(WORKER, ONTIME_POWER_PAUSE), ONTIME_OK);
    assert_int_equal(power(WORKER, ONTIME_POWER_RESUME), BUSY); /* one at a time */
    go_on();
    assert_int_equal(vm_info(REMOTE)->state, ONTIME_VM_PAUSED);
    assert_int_equal(vm_info(WORKER)->state, ONTIME_VM_PAUSED);
    ran = remote->vcpus[0].stats[ONTIME_STAT_RUN_TICKS];
    blocked = vcpu_info(REMOTE, 0)->blocked;
    vcpu_wake(&worker->vcpus[0]); /* an interrupt */
    assert_int_equal(percent_of(WORKER), 0);
    assert_int_equal(remote->vcpus[0].stats[ONTIME_STAT_RUN_TICKS], ran);
    assert_true(vcpu_info(REMOTE, 0)->blocked > blocked);
    assert_int_equal(vcpu_info(REMOTE, 0)->state, ONTIME_VCPU_BLOCKED);
    assert_int_equal(vcpu_info(WORKER, 1)->state, ONTIME_VCPU_OFF);
    assert_false(remote->off);

    assert_int_equal(power(REMOTE, ONTIME_POWER_PAUSE), ONTIME_OK); /* it is already */
    go_on();
    assert_int_equal(power(REMOTE, ONTIME_POWER_RESUME), ONTIME_OK);
    assert_int_equal(power(WORKER, ONTIME_POWER_RESUME), ONTIME_OK);
    go_on();
    assert_int_equal(vm_info(REMOTE)->state, ONTIME_VM_RUNNING);
    assert_in_range(percent_of(WORKER), 60, 70);
    assert_true(vcpu_info(REMOTE, 0)->run > ran);
}

/* Its deadlines wait. A deadline that has passed is served when it goes on. */
static void deadlines_wait_for_a_resume(void **state)
{
    struct vcpu *vcpu = vms[WORKER]->vcpus;
    uint64_t when;

    (void)state;
    assert_int_equal(power(WORKER, ONTIME_POWER_PAUSE), ONTIME_OK);
    go_on();
    when = fake_counter() + 10 * WORLD_SLICE;
    precise_arm(&vcpu->precise, 0, when);
    go_on();
    assert_true(fake_counter() > when && !deadline_is_armed(&vcpu->precise_timer));
    assert_int_equal(vcpu_info(WORKER, 0)->stats[ONTIME_STAT_FIRED], 0);
    assert_int_equal(power(WORKER, ONTIME_POWER_RESUME), ONTIME_OK);
    go_on();
    assert_int_equal(vcpu_info(WORKER, 0)->stats[ONTIME_STAT_FIRED], 1);
}

/* CPU_ON in a VM that is paused takes effect when it goes on. */
static void a_vcpu_that_is_switched_on_is_held(void **state)
{
    struct vm *vm = vms[WORKER];

    (void)state;
    assert_int_equal(power(WORKER, ONTIME_POWER_PAUSE), ONTIME_OK);
    go_on();
    spin_lock(&vm->lock);
    vcpu_power_on(&vm->vcpus[1], RAM + 4, 0);
    spin_unlock(&vm->lock);
    go_on();
    assert_true(vm->vcpus[1].held && !vm->vcpus[1].on);
    assert_int_equal(vcpu_info(WORKER, 1)->run, 0);
    assert_int_equal(power(WORKER, ONTIME_POWER_RESUME), ONTIME_OK);
    go_on();
    assert_true(vcpu_info(WORKER, 1)->run != 0);
}

static void expect_off(unsigned vm)
{
    assert_int_equal(vm_info(vm)->state, ONTIME_VM_OFF);
    assert_true(vms[vm]->off);
    for (unsigned i = 0; i < vms[vm]->vcpu_count; i++) {
        const struct vcpu *vcpu = &vms[vm]->vcpus[i];

        assert_false(vcpu->powered || vcpu->on || vcpu->held || vcpu->unit.runnable);
    }
}

static void a_vm_is_stopped_and_started(void **state)
{
    char line[32];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        unsigned vm = i % 2 != 0 ? REMOTE : WORKER;
        unsigned starts = vms[vm]->starts;

        if ((i & 2) != 0) {
            assert_int_equal(power(vm, ONTIME_POWER_PAUSE), ONTIME_OK);
            go_on();
        }
        assert_int_equal(power(vm, ONTIME_POWER_STOP), ONTIME_OK);
        assert_int_equal(vm_info(vm)->state, ONTIME_VM_STOPPING);
        for (unsigned what = 0; what < 4; what++)
            assert_int_equal(power(vm, what), BUSY);
        go_on();
        expect_off(vm);
        snprintf(line, sizeof(line), "%s: off", config[vm].name);
        world_expect_line(line);
        assert_true(noted.stopped_for_good);
        assert_int_equal(power(vm, ONTIME_POWER_PAUSE), BUSY);
        assert_int_equal(power(vm, ONTIME_POWER_RESUME), BUSY);
        assert_int_equal(power(vm, ONTIME_POWER_STOP), ONTIME_OK); /* it is already */
        go_on();
        expect_off(vm);
        assert_int_equal(power(vm, ONTIME_POWER_RESTART), ONTIME_OK);
        assert_int_equal(vm_info(vm)->state, ONTIME_VM_LOADING);
        assert_int_equal(power(vm, ONTIME_POWER_STOP), BUSY);
        go_on();
        go_on();
        assert_int_equal(vm_info(vm)->state, ONTIME_VM_RUNNING);
        assert_int_equal(vm_info(vm)->starts, starts + 1);
    }
}

static void a_vm_is_restarted_paused_or_not(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        unsigned vm = i % 2 != 0 ? REMOTE : WORKER;

        if ((i & 2) != 0) {
            assert_int_equal(power(vm, ONTIME_POWER_PAUSE), ONTIME_OK);
            go_on();
        }
        assert_int_equal(power(vm, ONTIME_POWER_RESTART), ONTIME_OK);
        assert_int_equal(vm_info(vm)->state, ONTIME_VM_STOPPING);
        go_on();
        go_on();
        assert_int_equal(vm_info(vm)->state, ONTIME_VM_RUNNING);
        assert_int_equal(vm_info(vm)->starts, 2 + i / 2);
        assert_in_range(percent_of(vm), vm == REMOTE ? 45 : 30, 100);
    }
}

/* The guest has switched its first vCPU off, and the second one runs on. */
static void a_vm_without_its_first_vcpu_is_stopped(void **state)
{
    struct vm *vm = vms[WORKER];

    (void)state;
    spin_lock(&vm->lock);
    vcpu_power_on(&vm->vcpus[1], RAM + 4, 0);
    spin_unlock(&vm->lock);
    vcpu_switch_off(&vm->vcpus[0]);
    go_on();
    assert_true(vm->vcpus[1].on && !vm->vcpus[0].on);
    assert_int_equal(power(WORKER, ONTIME_POWER_STOP), ONTIME_OK);
    go_on();
    expect_off(WORKER);
}

static void stop_the_last(void *argument)
{
    (void)argument;
    assert_int_equal(power(WORKER, ONTIME_POWER_STOP), ONTIME_OK);
    go_on();
}

static void a_vm_that_ends_the_system_ends_it(void **state)
{
    (void)state;
    config[WORKER].ends_system = true;
    assert_true(world_ends(stop_the_last, NULL));
    world_expect_line("worker ends the system");
}

/* A guest stops itself while a request is on its way to its core. */
static void a_request_waits_for_what_the_guest_does(void **state)
{
    struct vcpu *vcpu = vms[REMOTE]->vcpus;

    (void)state;
    step(1);
    assert_int_equal(power(REMOTE, ONTIME_POWER_STOP), ONTIME_OK);
    world_here = 1;
    vm_stop_by(vcpu, true);
    world_here = 0;
    go_on();
    go_on();
    expect_off(REMOTE);
    assert_int_equal(vms[REMOTE]->starts, 2); /* it was loaded again in between */

    assert_int_equal(power(REMOTE, ONTIME_POWER_RESTART), ONTIME_OK);
    go_on();
    go_on();
    assert_int_equal(power(REMOTE, ONTIME_POWER_RESTART), ONTIME_OK);
    world_here = 1;
    vm_stop_by(vcpu, false);
    world_here = 0;
    go_on();
    go_on();
    assert_int_equal(vm_info(REMOTE)->state, ONTIME_VM_RUNNING);
    assert_int_equal(vms[REMOTE]->starts, 4);
}

static uint64_t *lend(uint64_t size)
{
    uint64_t *list = at(LIST);

    for (unsigned i = 0; i <= size / ONTIME_IMAGE_BLOCK; i++)
        list[i] = RAM + 0x100000 + i * ONTIME_IMAGE_BLOCK;
    for (uint64_t i = 0; i < size; i++)
        *(uint8_t *)at(RAM + 0x100000 + i) = (uint8_t)(i * 7 + i / 256);
    return list;
}

static int64_t restart_with(unsigned vm, uint64_t size)
{
    return begin(ONTIME_CALL_VM_POWER, vm, ONTIME_POWER_RESTART, LIST, size);
}

static uint8_t byte_of(unsigned vm, uint64_t address)
{
    uint64_t size;

    return *vm_ram_at(vms[vm], address, &size);
}

/* It is there for one start, and the kernel of the system file again at the next. */
static void an_image_takes_the_kernels_place_once(void **state)
{
    static const uint64_t sizes[] = {1, 2048, 5001, ONTIME_IMAGE_BLOCK, ONTIME_IMAGE_BLOCK + 4097};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        (void)lend(sizes[i]);
        assert_int_equal(restart_with(WORKER, sizes[i]), ONTIME_OK);
        go_on();
        go_on();
        assert_int_equal(vm_info(WORKER)->state, ONTIME_VM_RUNNING);
        for (uint64_t n = 0; n < sizes[i]; n += n + 1 < sizes[i] ? 1 : 100)
            assert_int_equal(byte_of(WORKER, RAM + n), (uint8_t)(n * 7 + n / 256));
        assert_int_equal(byte_of(WORKER, RAM + sizes[i]), 0);
    }
    assert_int_equal(power(WORKER, ONTIME_POWER_RESTART), ONTIME_OK);
    go_on();
    go_on();
    assert_int_equal(byte_of(WORKER, RAM + 3), 4);
    assert_int_equal(byte_of(WORKER, RAM + sizeof(kernel)), 0);
}

static void a_bad_image_is_refused(void **state)
{
    uint64_t *list = lend(4096);

    (void)state;
    assert_int_equal(restart_with(WORKER, 0), ONTIME_INVALID);
    assert_int_equal(restart_with(WORKER, 0x400001), ONTIME_INVALID); /* the tree is there */
    assert_int_equal(restart_with(WORKER, UINT64_MAX), ONTIME_INVALID);
    assert_int_equal(begin(ONTIME_CALL_VM_POWER, WORKER, ONTIME_POWER_RESTART, LIST + 8, 4096),
                     ONTIME_INVALID);
    assert_int_equal(begin(ONTIME_CALL_VM_POWER, WORKER, ONTIME_POWER_RESTART, RAM - 4096, 4096),
                     ONTIME_INVALID);
    list[0] += 8;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID);
    list[0] = 0;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID);
    go_on();
    assert_int_equal(vm_info(WORKER)->state, ONTIME_VM_RUNNING);
    assert_int_equal(vm_info(WORKER)->starts, 1);
}

/* An arm64 Image: its header says how much room it takes, and where it wants to be. */
static void an_image_is_of_the_kernels_kind(void **state)
{
    uint8_t *image;

    (void)state;
    (void)lend(4096);
    image = at(RAM + 0x100000);
    config[WORKER].is_linux_image = true;
    config[WORKER].load_address = config[WORKER].entry = RAM + 0x200000;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID);
    memset(image, 0, 64);
    memcpy(image + 56, "ARM\x64", 4);
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID); /* no image_size */
    image[18] = 0x20;                                             /* 2 MiB: up to the tree */
    image[16] = 1;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID);
    image[16] = 0;
    image[9] = 8; /* text_offset */
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID);
    image[9] = 0;
    assert_int_equal(restart_with(WORKER, 63), ONTIME_INVALID);
    config[WORKER].initrd = (struct blob){kernel, 100};
    config[WORKER].initrd_address = RAM + 0x300000;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_INVALID); /* the initrd is there */
    config[WORKER].initrd.data = NULL;
    assert_int_equal(restart_with(WORKER, 4096), ONTIME_OK);
}

/* The caller changes its list after the call: the VM goes off, and can be started again. */
static void a_list_that_goes_bad_switches_the_vm_off(void **state)
{
    (void)state;
    lend(ONTIME_IMAGE_BLOCK + 1)[1] = RAM + 0x5FF001;
    assert_int_equal(restart_with(WORKER, ONTIME_IMAGE_BLOCK + 4096), ONTIME_OK);
    go_on();
    go_on();
    expect_off(WORKER);
    world_expect_line("worker: off: its new image is not in RAM");
    assert_int_equal(power(WORKER, ONTIME_POWER_RESTART), ONTIME_OK);
    go_on();
    go_on();
    assert_int_equal(vm_info(WORKER)->state, ONTIME_VM_RUNNING);
    assert_int_equal(byte_of(WORKER, RAM + 3), 4);
}

static int64_t set(unsigned vm, uint64_t which, uint64_t value)
{
    return call(ONTIME_CALL_VM_SET, vm, which, value);
}

static void parameters_have_their_ranges(void **state)
{
    static const struct {
        uint64_t least, most;
    } ranges[] = {[ONTIME_SET_WEIGHT] = {1, 1000},
                  [ONTIME_SET_WARP_US] = {0, 60000000},
                  [ONTIME_SET_WARP_LIMIT_US] = {1, 1000000},
                  [ONTIME_SET_UNWARP_US] = {0, 60000000},
                  [ONTIME_SET_HORIZON_US] = {1000, 60000000}};

    (void)state;
    config[REMOTE].horizon_us = 100000;
    for (unsigned which = 0; which < sizeof(ranges) / sizeof(ranges[0]); which++) {
        if (ranges[which].least != 0)
            assert_int_equal(set(REMOTE, which, ranges[which].least - 1), ONTIME_INVALID);
        assert_int_equal(set(REMOTE, which, ranges[which].most + 1), ONTIME_INVALID);
        assert_int_equal(set(REMOTE, which, (UINT64_C(1) << 32) + ranges[which].least), ONTIME_INVALID);
        assert_int_equal(set(REMOTE, which, ranges[which].least), ONTIME_OK);
        assert_int_equal(set(REMOTE, which, ranges[which].most), ONTIME_OK);
    }
    assert_int_equal(set(REMOTE, sizeof(ranges) / sizeof(ranges[0]), 1), ONTIME_INVALID);
    assert_int_equal(set(REMOTE, UINT64_MAX, 1), ONTIME_INVALID);
    step(1);
    assert_true(vm_info(REMOTE)->weight == 1000 && vm_info(REMOTE)->horizon_us == 60000000);
    assert_true(vm_info(REMOTE)->warp_us == 60000000 && vm_info(REMOTE)->unwarp_us == 60000000);
    assert_int_equal(vm_info(REMOTE)->warp_limit_us, 1000000);
    assert_int_equal(vms[REMOTE]->vcpus[0].unit.params.weight, 1000);
    assert_int_equal(vms[REMOTE]->vcpus[0].unit.params.warp_limit, arch_counter_hz());

    /* Without a meaning in the system file there is none here. */
    assert_int_equal(set(WORKER, ONTIME_SET_HORIZON_US, 1000), ONTIME_INVALID);
    config[WORKER].warp_limit_us = 0;
    for (unsigned which = ONTIME_SET_WARP_US; which <= ONTIME_SET_UNWARP_US; which++)
        assert_int_equal(set(WORKER, which, 1000), ONTIME_INVALID);
}

static void a_weight_acts(void **state)
{
    (void)state;
    assert_in_range(percent_of(WORKER), 63, 69); /* 2 of 3 */
    assert_int_equal(set(WORKER, ONTIME_SET_WEIGHT, 1), ONTIME_OK);
    go_on();
    assert_in_range(percent_of(WORKER), 47, 53);
    assert_int_equal(set(BOSS, ONTIME_SET_WEIGHT, 3), ONTIME_OK); /* its own, too */
    go_on();
    assert_in_range(percent_of(WORKER), 22, 28);
}

/* Also of vCPUs that have each other's places, and of those that are off or held. */
static void siblings_have_the_same_parameters(void **state)
{
    struct vm *vm = vms[WORKER];

    (void)state;
    spin_lock(&vm->lock);
    vcpu_power_on(&vm->vcpus[1], RAM + 4, 0);
    spin_unlock(&vm->lock);
    for (unsigned i = 1; i < 60; i++) {
        assert_int_equal(set(WORKER, ONTIME_SET_WEIGHT, 1 + i % 7), ONTIME_OK);
        for (unsigned k = 0; k < 20 + i; k++)
            step(0);
        assert_int_equal(vm->vcpus[0].unit.params.weight, 1 + i % 7);
        assert_int_equal(vm->vcpus[1].unit.params.weight, 1 + i % 7);
        if (i % 8 == 3)
            assert_int_equal(power(WORKER, ONTIME_POWER_PAUSE), ONTIME_OK);
        if (i % 8 == 6)
            assert_int_equal(power(WORKER, ONTIME_POWER_RESUME), ONTIME_OK);
    }
}

static void print(unsigned vm, const char *text)
{
    for (; *text != 0; text++) {
        struct mmio_access access = {.offset = UART_DR, .size = 1, .write = true, .value = (uint8_t)*text};

        assert_true(vms[vm]->uart->device.access(vms[vm]->vcpus, &access));
    }
}

static void expect_console(uint64_t position, uint64_t from, const char *text)
{
    assert_int_equal(call(ONTIME_CALL_CONSOLE_READ, REMOTE, position, PAGE), ONTIME_OK);
    assert_int_equal(boss->arch.regs.x[1], strlen(text));
    assert_int_equal(boss->arch.regs.x[2], from);
    assert_memory_equal(at(PAGE), text, strlen(text));
}

static void a_console_is_read(void **state)
{
    (void)state;
    expect_console(0, 0, "");
    print(REMOTE, "first line\r\nsecond");
    expect_console(0, 0, "first line\r\nsecond");
    expect_console(12, 12, "second");
    expect_console(18, 18, "");
    expect_console(UINT64_MAX, 18, ""); /* the end */
    world_console_full = true;          /* what the console did not take was not printed */
    print(REMOTE, "lost");
    expect_console(12, 12, "second");
}

static void the_last_of_much_output_is_kept(void **state)
{
    uint64_t end = 0, position = 0, bytes = 0;

    (void)state;
    while (end < 100000) {
        print(REMOTE, "0123456789");
        end += 10;
    }
    while (position < end) {
        assert_int_equal(call(ONTIME_CALL_CONSOLE_READ, REMOTE, position, PAGE), ONTIME_OK);
        assert_true(boss->arch.regs.x[1] != 0 && boss->arch.regs.x[2] >= position);
        position = boss->arch.regs.x[2];
        for (unsigned i = 0; i < boss->arch.regs.x[1]; i++, position++, bytes++)
            assert_int_equal(((const char *)at(PAGE))[i], '0' + position % 10);
    }
    assert_in_range(bytes, 16384, VUART_HISTORY);
}

/* Between two pieces the guest overwrites what is copied: the copy begins again. */
static void output_during_a_copy_does_not_mix(void **state)
{
    uint64_t position;

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        print(REMOTE, "0123456789");
    assert_int_equal(begin(ONTIME_CALL_CONSOLE_READ, REMOTE, 0, PAGE, 0), ONTIME_OK);
    boss->work(boss);
    boss->work(boss);
    for (unsigned i = 0; i < 500; i++)
        print(REMOTE, "abcdefghij");
    while (boss->work != NULL)
        boss->work(boss);
    position = boss->arch.regs.x[2];
    assert_in_range(position, 55000 - VUART_HISTORY, 55000);
    assert_int_equal(boss->arch.regs.x[1], 4096);
    for (unsigned i = 0; i < 4096; i++, position++)
        assert_int_equal(((const char *)at(PAGE))[i], (position < 50000 ? '0' : 'a') + (int)(position % 10));
}

static void text_is_typed(void **state)
{
    struct vuart *uart = vms[REMOTE]->uart;

    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        ((char *)at(PAGE))[i] = (char)('a' + i % 26);
    assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, REMOTE, PAGE, 0), ONTIME_OK);
    assert_int_equal(boss->arch.regs.x[1], 0);
    assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, REMOTE, PAGE, 37), ONTIME_OK);
    assert_int_equal(boss->arch.regs.x[1], 37);
    assert_int_equal(uart->fifo_count, 37);
    for (unsigned i = 0; i < 37; i++)
        assert_int_equal(uart->fifo[i], 'a' + i % 26);
    assert_int_equal(call(ONTIME_CALL_CONSOLE_WRITE, REMOTE, PAGE, 2000), ONTIME_OK);
    assert_int_equal(boss->arch.regs.x[1], VUART_FIFO - 37);
    assert_int_equal(uart->raw & 0x400, 0); /* no overrun */
}

static void record_marks(unsigned cpu, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        trace_record(&cpus[cpu].trace, ONTIME_TRACE_MARK, 1,
                     atomic_load(&cpus[cpu].trace.written)); /* each has its own number */
}

static void expect_records(unsigned count, uint64_t first)
{
    const struct ontime_trace_record *page = at(PAGE);

    assert_int_equal(boss->arch.regs.x[1], count);
    assert_int_equal(boss->arch.regs.x[2], first);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(page[i].arg, first + i);
}

/* boss's own core records nothing while its calls are made; the other core is not stepped. */
static void a_trace_is_read_while_it_is_recorded(void **state)
{
    struct trace_ring *ring = &cpus[1].trace;
    uint64_t kept = RECORDS - 1 - TRACE_MARGIN - (RECORDS - 1) / 8;

    (void)state;
    trace_init(ring, records[1], sizeof(records[1]));
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 0, PAGE), ONTIME_OK);
    expect_records(0, 0);
    record_marks(1, 300);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 0, PAGE), ONTIME_OK);
    expect_records(256, 0);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 256, PAGE), ONTIME_OK);
    expect_records(44, 256);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, ONTIME_TRACE_NEXT, PAGE), ONTIME_OK);
    expect_records(0, 300);
    record_marks(1, 1000);
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 300, PAGE), ONTIME_OK);
    expect_records(256, 1300 - kept);

    /* A few more in the middle do no harm; many make it begin again. */
    for (unsigned more = 1; more < 400; more += 40) {
        uint64_t before = atomic_load(&ring->written);

        assert_int_equal(begin(ONTIME_CALL_TRACE_READ, 1, 0, PAGE, 0), ONTIME_OK);
        boss->work(boss);
        record_marks(1, more);
        while (boss->work != NULL)
            boss->work(boss);
        expect_records(256, (more <= (RECORDS - 1) / 8 ? before : before + more) - kept);
    }
}

static void a_ring_that_is_too_small_is_none(void **state)
{
    (void)state;
    trace_init(&cpus[1].trace, records[1], 32 * sizeof(records[1][0]));
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 0, PAGE), ONTIME_INVALID);
    memset(&cpus[1].trace, 0, sizeof(cpus[1].trace));
    assert_int_equal(call(ONTIME_CALL_TRACE_READ, 1, 0, PAGE), ONTIME_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(others_are_denied, setup),
        cmocka_unit_test_setup(bad_arguments_are_invalid, setup),
        cmocka_unit_test_setup(a_vm_is_described, setup),
        cmocka_unit_test_setup(times_of_states_add_up, setup),
        cmocka_unit_test_setup(exits_are_told_by_reason, setup),
        cmocka_unit_test_setup(another_core_charges_first, setup),
        cmocka_unit_test_setup(a_paused_vm_does_not_run, setup),
        cmocka_unit_test_setup(deadlines_wait_for_a_resume, setup),
        cmocka_unit_test_setup(a_vcpu_that_is_switched_on_is_held, setup),
        cmocka_unit_test_setup(a_vm_is_stopped_and_started, setup),
        cmocka_unit_test_setup(a_vm_is_restarted_paused_or_not, setup),
        cmocka_unit_test_setup(a_vm_without_its_first_vcpu_is_stopped, setup),
        cmocka_unit_test_setup(a_vm_that_ends_the_system_ends_it, setup),
        cmocka_unit_test_setup(a_request_waits_for_what_the_guest_does, setup),
        cmocka_unit_test_setup(an_image_takes_the_kernels_place_once, setup),
        cmocka_unit_test_setup(a_bad_image_is_refused, setup),
        cmocka_unit_test_setup(an_image_is_of_the_kernels_kind, setup),
        cmocka_unit_test_setup(a_list_that_goes_bad_switches_the_vm_off, setup),
        cmocka_unit_test_setup(parameters_have_their_ranges, setup),
        cmocka_unit_test_setup(a_weight_acts, setup),
        cmocka_unit_test_setup(siblings_have_the_same_parameters, setup),
        cmocka_unit_test_setup(a_console_is_read, setup),
        cmocka_unit_test_setup(the_last_of_much_output_is_kept, setup),
        cmocka_unit_test_setup(output_during_a_copy_does_not_mix, setup),
        cmocka_unit_test_setup(text_is_typed, setup),
        cmocka_unit_test_setup(a_trace_is_read_while_it_is_recorded, setup),
        cmocka_unit_test_setup(a_ring_that_is_too_small_is_none, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
