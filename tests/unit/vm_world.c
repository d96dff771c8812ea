/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "console/console.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/load.h"
#include "vm_world.h"

#define START       1000000
#define VCPUS       32
#define ALLOWANCE   (5 * 62500) /* 5 ms */
#define ALLOCATIONS 64

struct cpu cpus[MAX_CPUS];
unsigned cpu_count = 1;
struct world_noted noted;
char world_lines[WORLD_LINES][600];
unsigned world_line_count;
bool world_no_stage_2;
unsigned world_unmapped;
uint64_t world_load_ticks;
bool world_console_full;
unsigned world_here;

static _Alignas(MEMORY_BLOCK) uint8_t ram[WORLD_RAM];
static const unsigned *next_piece;
static uint64_t ram_left;
static void *allocated[ALLOCATIONS];
static unsigned allocations;
static jmp_buf *off; /* where to go on when the machine is switched off */

bool world_lock_is_held(struct vm *vm)
{
    return spin_is_held(&vm->lock);
}

void *memory_allocate(size_t size)
{
    assert_true(allocations < ALLOCATIONS);
    allocated[allocations] = calloc(1, size);
    assert_non_null(allocated[allocations]);
    return allocated[allocations++];
}

uint64_t memory_take_blocks(uint64_t size, uint64_t *start)
{
    uint64_t got = *next_piece * WORLD_MIB;

    assert_true(noted.pieces < WORLD_PIECES);
    noted.asked[noted.pieces++] = size;
    if (got == 0)
        return 0;
    next_piece++;
    ram_left -= got + MEMORY_BLOCK; /* no two of them touch */
    *start = (uint64_t)(uintptr_t)ram + ram_left;
    return got;
}

struct cpu *arch_cpu(void)
{
    return &cpus[world_here];
}

bool arch_vm_init(struct vm *vm)
{
    assert_int_equal(vm->ram_count, 0);
    return !world_no_stage_2;
}

bool arch_vm_map_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size)
{
    assert_int_equal(vm->index, vm_count);
    assert_true(size != 0 && noted.maps < WORLD_PIECES);
    if (noted.maps == world_unmapped)
        return false;
    noted.map[noted.maps++] = (struct ram_piece){guest_address, host_address, size};
    return true;
}

void arch_vcpu_init(struct vcpu *vcpu)
{
    assert_null(vcpu->cpu);
    noted.vcpus++;
}

void arch_memory_zero(void *memory, uint64_t size)
{
    assert_true(size <= VM_LOAD_ZERO && size % 4096 == 0);
    memset(memory, 0, size);
    noted.zeroed += size;
    fake_set_counter(fake_counter() + world_load_ticks);
}

void arch_memory_clean(const void *memory, uint64_t size)
{
    const uint8_t *start = memory;

    assert_true(start >= ram && size <= (uint64_t)(ram + WORLD_RAM - start));
    noted.cleaned += size;
    fake_set_counter(fake_counter() + world_load_ticks);
}

void arch_vm_images_changed(struct vm *vm)
{
    vm->reset_step = 1; /* reset_vm() is to come */
    noted.images_changed++;
}

void console_watch_silence(void)
{
    fail();
}

void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    noted.reset = vcpu;
    noted.entry = entry;
    noted.argument = argument;
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    assert_true(vcpu->on);
}

/* Of a vCPU that is switched off, the power state's lock is held. */
void arch_vcpu_save(struct vcpu *vcpu)
{
    assert_int_equal(world_lock_is_held(vcpu->vm), !vcpu->on);
}

void arch_complete_maintenance(void)
{
    fail(); /* no vCPU goes to another core here */
}

void arch_vcpu_run(struct vcpu *vcpu)
{
    assert_true(vcpu->on);
    assert_ptr_equal(vcpu->work, NULL);
    noted.entries++;
    fake_set_counter(fake_counter() + WORLD_SLICE);
}

uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu)
{
    (void)vcpu;
    return DEADLINE_NONE;
}

bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when)
{
    (void)vcpu, (void)when;
    return false;
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

void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now)
{
    (void)vcpu, (void)now;
}

void arch_interrupts_handle(void)
{
    while (fake_interrupt_pending())
        deadline_queue_run(&world_cpu.deadlines, fake_counter());
    while ((noted.kicked >> world_here & 1) != 0) {
        noted.kicked &= ~(UINT64_C(1) << world_here);
        cpu_take_messages(&cpus[world_here]);
    }
}

void arch_interrupt_take(struct vcpu *vcpu)
{
    (void)vcpu;
}

bool arch_wait_until(uint64_t when)
{
    (void)when;
    return false;
}

void arch_wait_for_interrupt(void)
{
    assert_null(arch_cpu()->current);
}

void arch_cpu_kick(unsigned index)
{
    assert_in_range(index, 0, cpu_count - 1);
    noted.kicked |= UINT64_C(1) << index;
}

_Noreturn void arch_system_off(void)
{
    assert_non_null(off);
    assert_true(noted.finished);
    for (unsigned i = 0; i < vm_count; i++)
        assert_false(world_lock_is_held(vms[i]));
    longjmp(*off, 1);
}

bool world_ends(void (*call)(void *argument), void *argument)
{
    jmp_buf buffer;
    bool ended = setjmp(buffer) != 0;

    if (!ended) {
        off = &buffer;
        call(argument);
    }
    off = NULL;
    return ended;
}

void console_print(const char *format, ...)
{
    va_list arguments;

    assert_true(world_line_count < WORLD_LINES);
    va_start(arguments, format);
    vsnprintf(world_lines[world_line_count++], sizeof(world_lines[0]), format, arguments);
    va_end(arguments);
}

void console_write_line(const char *line)
{
    console_print("%s", line);
}

bool console_offer(const char *line, size_t length)
{
    if (world_console_full)
        return false;
    assert_int_equal(strlen(line), length);
    console_print("%s", line);
    return true;
}

bool console_is_calm(void)
{
    return !world_console_full;
}

void console_finish(void)
{
    noted.finished = true;
}

void world_expect_line(const char *line)
{
    assert_true(world_line_count != 0);
    assert_string_equal(world_lines[world_line_count - 1], line);
}

static bool wakes(struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

static void nothing(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void reset_vcpu(struct vcpu *vcpu)
{
    assert_true(world_lock_is_held(vcpu->vm));
    noted.vcpu_resets++;
}

/* It takes WORLD_STEPS, and one more. */
static bool reset_vm(struct vm *vm)
{
    assert_int_not_equal(vm->reset_step, 0);
    assert_ptr_equal(vm, arch_cpu()->current->vm);
    if (vm->reset_step++ <= WORLD_STEPS)
        return true;
    vm->reset_step = 0;
    noted.vm_resets++;
    return false;
}

/* Nobody but the stopper is on any more. It takes WORLD_STEPS; a peer is told only afterwards. */
static bool stop_devices(struct vm *vm, bool for_good)
{
    unsigned powered = 0;

    assert_false(world_lock_is_held(vm));
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        powered += vm->vcpus[i].powered;
    assert_true(powered <= 1);
    noted.stopped_for_good = for_good;
    if (noted.stop_steps % (WORLD_STEPS + 1) == WORLD_STEPS)
        return false;
    assert_int_equal(noted.peers_told[false] % WORLD_PEERS, 0);
    noted.stop_steps++;
    return true;
}

/* The peers are told while no vCPU of the VM is on but the one that does it. */
static bool tell_a_peer(struct vm *vm, bool up)
{
    unsigned powered = 0;

    assert_false(world_lock_is_held(vm));
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        powered += vm->vcpus[i].powered;
    assert_int_equal(powered, 1);
    assert_int_equal(vm->reset_step, 0);
    if (noted.peers_told[up] == WORLD_PEERS * (noted.times_told[up] + 1)) {
        noted.times_told[up]++;
        noted.stop_steps += !up;
        return false;
    }
    noted.peers_told[up]++;
    return true;
}

static void pause_devices(struct vm *vm, bool paused)
{
    assert_false(world_lock_is_held(vm));
    noted.paused = paused;
    noted.pauses++;
}

const struct guest_hooks world_hooks = {
    .wakes = wakes,
    .timer_expired = nothing,
    .stolen = nothing,
    .pause = pause_devices,
    .tell_a_peer = tell_a_peer,
    .stop_devices = stop_devices,
    .reset_vcpu = reset_vcpu,
    .reset_vm = reset_vm,
};

void world_pieces(const unsigned *mib)
{
    next_piece = mib;
}

uint8_t *world_ram(void)
{
    return ram;
}

void world_reset(void)
{
    fake_reset();
    fake_set_counter(START);
    while (allocations != 0)
        free(allocated[--allocations]);
    memset(cpus, 0, sizeof(cpus));
    cpu_count = 1;
    world_here = 0;
    memset(&noted, 0, sizeof(noted));
    memset(vms, 0, sizeof(struct vm *) * SYSTEM_MAX_VMS);
    vm_count = 0;
    world_line_count = 0;
    world_no_stage_2 = false;
    world_unmapped = UINT_MAX;
    world_load_ticks = 0;
    world_console_full = false;
    ram_left = WORLD_RAM;
    cpu_init(&world_cpu, 0, sched_policy_find("bvt"), ALLOWANCE, VCPUS);
    world_cpu.reschedule = true;
}

void world_step(void)
{
    dispatch_step(&cpus[world_here]);
}

uint64_t world_counted(unsigned index, unsigned stat)
{
    static const uint64_t scale[] = {100, 10000, 1};

    return scale[index] * (stat + 1);
}

void world_count(struct vcpu *vcpu, unsigned index)
{
    for (unsigned stat = 0; stat < ONTIME_STAT_COUNT; stat++)
        vcpu->stats[stat] = world_counted(index, stat);
    vcpu->stats[ONTIME_STAT_LATE_MAX] = 0;
    vcpu->precise.armed_count = vcpu->precise.dropped_count = 1000000; /* so none of them is reached */
    vcpu->precise.late_max = world_counted(index, ONTIME_STAT_LATE_MAX);
}
