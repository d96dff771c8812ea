/* SPDX-License-Identifier: Apache-2.0 */
/* See core_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "base/arch.h"
#include "base/memory.h"
#include "core_world.h"
#include "console/console.h"
#include "devices/deadline_calls.h"
#include "devices/stolen_time.h"
#include "devices/vgic.h"
#include "vm/arch_vm.h"
#include "vm/power.h"
#include "vm/vm.h"

#define ROUNDS  1000 /* of the dispatcher's loop without entering a guest: it must end */
#define HEAPS   8    /* allocations of one world */
#define PAGE    ONTIME_PAGE_SIZE
#define RECORDS 64

struct cpu cpus[MAX_CPUS];
unsigned cpu_count = 1;
static struct vm vm_of[WORLD_VMS];
static struct vm_config config_of[WORLD_VMS];
static struct vcpu vcpu_of[WORLD_VMS][WORLD_VCPUS];
static struct world_guest guest_of[WORLD_VMS * WORLD_VCPUS];
/* The second piece of each VM's RAM lies before its first. */
static _Alignas(4096) uint8_t ram[WORLD_VMS][WORLD_RAM_END * PAGE];
static uint8_t stolen_page[WORLD_VMS][WORLD_VCPUS * 64];
static struct ontime_trace_record records[RECORDS];
static void *allocated[HEAPS];
static unsigned allocations;
static void (*touch)(void);
static void (*at_look)(void);
const char *world_policy = "bvt";
static const struct sched_policy *policy;
static uint64_t awaited; /* the deadline for which the vCPU is about to be entered, or DEADLINE_NONE */

void *memory_allocate(size_t size)
{
    assert_true(allocations < HEAPS);
    allocated[allocations] = calloc(1, size);
    return allocated[allocations++];
}

struct cpu *arch_cpu(void)
{
    return &world_cpu;
}

void arch_cpu_kick(unsigned index)
{
    fail_msg("kick of CPU %u", index);
}

/* What messages ask for; here are no other cores that send any. */
void vcpu_power_on_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_power_off_for_stop(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_load_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void vcpu_control_here(struct vcpu *vcpu)
{
    fail_msg("vCPU %u", vcpu->index);
}

void console_watch_silence(void)
{
    fail();
}

void arch_wait_for_interrupt(void)
{
    assert_null(world_cpu.current);
}

void arch_vcpu_run(struct vcpu *vcpu)
{
    struct world_guest *guest = world_guest(vcpu);

    assert_ptr_equal(vcpu, world_cpu.loaded);
    if (awaited == DEADLINE_NONE)
        return;
    /* Never early, but to work off a backlog, or after its own timer. */
    assert_true(fake_counter() >= awaited || vcpu->precise.backlog_until == awaited || guest->expired);
    guest->entered = fake_counter();
    guest->entries++;
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    (void)vcpu;
}

void arch_vcpu_save(struct vcpu *vcpu)
{
    (void)vcpu;
}

void arch_complete_maintenance(void)
{
    fail(); /* no vCPU goes to another core here */
}

void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now)
{
    assert_int_equal(now, fake_counter());
    world_guest(vcpu)->ticks++;
}

/* What vm.c asks; the tests make their VMs themselves. */
bool arch_vm_init(struct vm *vm)
{
    (void)vm;
    return false;
}

bool arch_vm_map_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size)
{
    (void)vm, (void)guest_address, (void)host_address, (void)size;
    return false;
}

void arch_vcpu_init(struct vcpu *vcpu)
{
    (void)vcpu;
}

uint64_t memory_take_blocks(uint64_t size, uint64_t *start)
{
    (void)size, (void)start;
    return 0;
}

void console_write_line(const char *line)
{
    fail_msg("%s", line);
}

bool console_offer(const char *line, size_t length)
{
    (void)length;
    fail_msg("%s", line);
    return false;
}

uint64_t arch_vcpu_pc(const struct vcpu *vcpu)
{
    return world_guest(vcpu)->pc;
}

bool arch_vcpu_in_user(const struct vcpu *vcpu)
{
    return world_guest(vcpu)->in_user;
}

bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu)
{
    return world_guest(vcpu)->masks;
}

bool arch_exit_masks_interrupts(const struct vcpu *vcpu)
{
    return world_guest(vcpu)->masks_at_call;
}

uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu)
{
    const struct world_guest *guest = world_guest(vcpu);

    assert_ptr_equal(vcpu, world_cpu.loaded);
    return guest->expired ? DEADLINE_NONE : guest->cval;
}

bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when)
{
    if (touch != NULL)
        touch();
    return world_guest(vcpu)->cval < when;
}

static void timer_expired(struct vcpu *vcpu)
{
    world_guest(vcpu)->expired = true;
}

void world_at_look(void (*what)(void))
{
    at_look = what;
}

static bool wakes(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, world_cpu.loaded);
    return (world_guest(vcpu)->expired && !world_guest(vcpu)->deferred) || world_guest(vcpu)->spi;
}

bool vgic_has_spi_to_take(struct vcpu *vcpu)
{
    bool has = world_guest(vcpu)->spi;

    assert_ptr_equal(vcpu, world_cpu.loaded);
    if (at_look != NULL)
        at_look();
    return has;
}

static bool defer_timer(struct vcpu *vcpu)
{
    world_guest(vcpu)->deferred = !world_guest(vcpu)->serves;
    return world_guest(vcpu)->deferred;
}

static void release_timer(struct vcpu *vcpu)
{
    world_guest(vcpu)->deferred = false;
}

static const struct guest_hooks hooks = {
    .wakes = wakes,
    .timer_expired = timer_expired,
    .defer_timer = defer_timer,
    .release_timer = release_timer,
    .stolen = stolen_time_publish,
};

/* The virtual timer of the loaded vCPU interrupts, also when the CPU idles. */
static bool timer_pending(void)
{
    const struct vcpu *vcpu = world_cpu.loaded;

    return vcpu != NULL && !world_guest(vcpu)->expired && world_guest(vcpu)->cval <= fake_counter();
}

static bool interrupt_pending(void)
{
    return fake_interrupt_pending() || timer_pending();
}

static void timer_interrupts(struct vcpu *vcpu)
{
    struct world_guest *guest = world_guest(vcpu);

    guest->expired = true;
    if (vcpu->precise.backlog_until != DEADLINE_NONE)
        precise_timer_fired(&vcpu->precise, &world_cpu.lead, guest->cval, guest->in_user);
    vcpu_wake(vcpu);
}

/* The comparator's interrupt is for these, among others maybe. */
static void count_fetched(void)
{
    for (unsigned i = 0; i < vm_count; i++) {
        for (unsigned k = 0; k < vms[i]->vcpu_count; k++) {
            const struct vcpu *vcpu = &vms[i]->vcpus[k];

            if (deadline_is_armed(&vcpu->precise_timer) && vcpu->precise_timer.node.key <= fake_counter())
                world_guest(vcpu)->fetched++;
        }
    }
}

void arch_interrupts_handle(void)
{
    unsigned rounds = 0;

    while (interrupt_pending() && !cpu_switch_is_urgent(&world_cpu)) {
        assert_true(rounds++ < ROUNDS);
        if (fake_interrupt_pending()) {
            count_fetched();
            deadline_queue_run(&world_cpu.deadlines, fake_counter());
        } else {
            timer_interrupts(world_cpu.loaded);
        }
    }
}

static uint64_t next_interrupt(void)
{
    const struct vcpu *loaded = world_cpu.loaded;
    uint64_t next = fake_comparator();

    if (loaded != NULL && !world_guest(loaded)->expired && world_guest(loaded)->cval < next)
        next = world_guest(loaded)->cval;
    return next;
}

static void advance(uint64_t when)
{
    if (when > fake_counter())
        fake_set_counter(when);
}

void arch_interrupt_take(struct vcpu *vcpu)
{
    (void)vcpu;
    arch_interrupts_handle();
}

bool arch_wait_until(uint64_t when)
{
    uint64_t next = next_interrupt();

    advance(next < when ? next : when);
    return !interrupt_pending();
}

/* The policy with the test's hand in it. */
static void touched_init(struct sched_queue *queue, struct heap_node **slots, unsigned capacity)
{
    policy->init(queue, slots, capacity);
}

static void touched_add(struct sched_queue *queue, struct sched_unit *unit)
{
    policy->add(queue, unit);
}

static void touched_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    touch();
    policy->wake(queue, unit, now);
    touch();
}

static bool touched_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    touch();
    bool ended = policy->block(queue, unit, now);

    touch();
    return ended;
}

static bool touched_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now)
{
    touch();
    bool cut = policy->charge(queue, unit, ran, now);

    touch();
    return cut;
}

static struct sched_unit *touched_pick(struct sched_queue *queue, uint64_t now, uint64_t *until)
{
    touch();
    struct sched_unit *unit = policy->pick(queue, now, until);

    touch();
    return unit;
}

static bool touched_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline,
                         uint64_t needs, uint64_t now)
{
    touch();
    bool warped = policy->warp(queue, unit, deadline, needs, now);

    touch();
    return warped;
}

static bool touched_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now)
{
    touch();
    bool ended = policy->unwarp(queue, unit, now);

    touch();
    return ended;
}

static const struct sched_policy touched = {
    .name = "touched",
    .init = touched_init,
    .add = touched_add,
    .wake = touched_wake,
    .block = touched_block,
    .charge = touched_charge,
    .pick = touched_pick,
    .warp = touched_warp,
    .unwarp = touched_unwarp,
};

void world_reset(void (*hand)(void))
{
    fake_reset();
    fake_set_hz(WORLD_US * UINT64_C(1000000));
    fake_set_counter(WORLD_START);
    while (allocations != 0)
        free(allocated[--allocations]);
    memset(&world_cpu, 0, sizeof(world_cpu));
    memset(vm_of, 0, sizeof(vm_of));
    memset(vcpu_of, 0, sizeof(vcpu_of));
    memset(guest_of, 0, sizeof(guest_of));
    memset(ram, 0, sizeof(ram));
    vm_count = 0;
    touch = hand;
    trace_init(&world_cpu.trace, records, sizeof(records));
    policy = sched_policy_find(world_policy);
    stolen_time_init();
    cpu_init(&world_cpu, 0, hand != NULL ? &touched : policy, WORLD_C, WORLD_VMS * WORLD_VCPUS);
    world_cpu.reschedule = true;
}

static void add_ram(struct vm *vm)
{
    uint8_t *host = ram[vm->index];

    vm->ram[0] = (struct ram_piece){GUEST_RAM_BASE, (uint64_t)(uintptr_t)(host + PAGE), WORLD_RAM_GAP * PAGE};
    vm->ram[1] = (struct ram_piece){GUEST_RAM_BASE + WORLD_RAM_GAP * PAGE, (uint64_t)(uintptr_t)host, PAGE};
    vm->ram_count = 2;
}

struct vcpu *world_add_with(enum timer_mode timers, unsigned count, struct sched_params params)
{
    unsigned index = vm_count++;
    struct vm *vm = vms[index] = &vm_of[index];

    config_of[index] = (struct vm_config){.timers = timers};
    vm->config = &config_of[index];
    vm->index = index;
    vm->vcpus = vcpu_of[index];
    vm->vcpu_count = count;
    add_ram(vm);
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *vcpu = &vm->vcpus[i];

        vcpu->vm = vm;
        vcpu->index = (uint16_t)i;
        vcpu->id = (uint16_t)(index * WORLD_VCPUS + i);
        vcpu->unit.params = params;
        vcpu->stolen_time = stolen_page[index] + 64ul * i;
        *world_guest(vcpu) = (struct world_guest){.cval = DEADLINE_NONE};
        vcpu->hooks = &hooks;
        vcpu->timers = timers;
        vcpu->sibling = count > 1 ? &vm->vcpus[(i + 1) % count] : NULL;
        vcpu_attach(vcpu, &world_cpu);
        vcpu->on = true;
    }
    return vm->vcpus;
}

struct vcpu *world_add(enum timer_mode timers, unsigned count)
{
    return world_add_with(
        timers, count,
        (struct sched_params){
            .weight = 1, .warp = WORLD_W, .warp_limit = WORLD_L, .horizon = WORLD_H, .job = WORLD_JOB});
}

struct world_guest *world_guest(const struct vcpu *vcpu)
{
    return &guest_of[vcpu->id];
}

volatile uint64_t *world_page(const struct vcpu *vcpu, unsigned number)
{
    unsigned place = number < WORLD_RAM_GAP ? number + 1 : 0;

    return (volatile uint64_t *)(void *)(ram[vcpu->vm->index] + place * PAGE);
}

void world_timer(struct vcpu *vcpu, uint64_t cval)
{
    world_guest(vcpu)->cval = cval;
    world_guest(vcpu)->expired = false;
    world_dispatch();
}

void world_block(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, world_cpu.current);
    vcpu_block(vcpu);
    world_dispatch();
}

volatile uint64_t *world_share_page(struct vcpu *vcpu)
{
    volatile uint64_t *page = world_page(vcpu, vcpu->index);

    *page = ONTIME_NO_DEADLINE;
    assert_int_equal(deadline_call_page(vcpu, GUEST_RAM_BASE + vcpu->index * PAGE), ONTIME_OK);
    return page;
}

void world_power_off(struct vcpu *vcpu)
{
    vcpu->on = false;
    vcpu_retire(vcpu);
    world_dispatch();
}

void world_power_on(struct vcpu *vcpu)
{
    *world_guest(vcpu) = (struct world_guest){.cval = DEADLINE_NONE};
    vcpu->on = true;
    vcpu_wake(vcpu);
    world_dispatch();
}

void world_dispatch(void)
{
    unsigned rounds = 0;

    do {
        assert_true(rounds++ < ROUNDS);
        arch_interrupts_handle();
        if (world_cpu.reschedule)
            vcpu_catch_up(vms[0]->vcpus);
        awaited = world_cpu.current != NULL ? world_cpu.current->precise.reached : DEADLINE_NONE;
        dispatch_step(&world_cpu);
    } while (interrupt_pending() || world_cpu.reschedule ||
             (world_cpu.current != NULL && world_cpu.current->precise.reached != DEADLINE_NONE));
}

void world_run_until(uint64_t when)
{
    world_dispatch();
    while (fake_counter() < when) {
        uint64_t next = next_interrupt();

        advance(next < when ? next : when);
        world_dispatch();
    }
}

void world_run(uint64_t ticks)
{
    world_run_until(fake_counter() + ticks);
}

void world_bring_in(struct vcpu *vcpu)
{
    vcpu_wake(vcpu);
    world_dispatch();
    for (unsigned i = 0; i < ROUNDS && world_cpu.current != vcpu; i++)
        world_run(WORLD_C / 10);
    assert_ptr_equal(world_cpu.current, vcpu);
}
