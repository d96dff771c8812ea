/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, stopping and restarting VMs.
 *
 * A VM is loaded on the CPU time of its boot vCPU. When the VM starts, that vCPU becomes runnable, and at
 * each of its turns one piece is loaded as its `work`. Other vCPUs are scheduled in between as always. When
 * the last piece is done, the vCPU is switched on for the guest.
 *
 * A vCPU that stops its VM switches the others off one by one, as its `work`, and never goes back to its
 * guest.
 *
 * Locking: the VM's lock, the outermost, for the power state of the VM and of its vCPUs.
 */
#include "vm/power.h"
#include "base/arch.h"
#include "base/assert.h"
#include "console/console.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/load.h"

void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    DEBUG_ASSERT(spin_is_held(&vcpu->vm->lock) && vcpu->work == (void *)0 && vcpu->cpu->loaded != vcpu);
    arch_vcpu_reset(vcpu, entry, argument);
    vcpu->hooks->reset_vcpu(vcpu);
    vcpu->on = true;
    vcpu_wake(vcpu);
}

void vcpu_power_off(struct vcpu *vcpu)
{
    DEBUG_ASSERT(spin_is_held(&vcpu->vm->lock));
    vcpu->on = false;
    vcpu->work = (void *)0;
    vcpu_retire(vcpu);
}

static void begin(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    spin_lock(&vm->lock);
    vcpu->work = (void *)0;
    vcpu_power_on(vcpu, vm->config->entry, vm->config->tree_address);
    spin_unlock(&vm->lock);
}

/* Each step, the reset of the devices, and the begin are a piece. */
static void load(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    if (!vm_load_step(vm))
        return;
    spin_lock(&vm->lock);
    vcpu->hooks->reset_vm(vm);
    vcpu->work = begin;
    spin_unlock(&vm->lock);
}

void vm_start(struct vm *vm)
{
    struct vcpu *boot = &vm->vcpus[0];

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        ASSERT(!vm->vcpus[i].on);
    vm->off = false;
    vm_load_begin(vm);
    boot->work = load;
    boot->on = true;
    vcpu_wake(boot);
}

static bool all_off(void)
{
    for (unsigned i = 0; i < vm_count; i++)
        if (!vms[i]->off)
            return false;
    return true;
}

_Noreturn static void switch_machine_off(void)
{
    vm_write_complaints();
    console_finish();
    arch_system_off();
}

#define RESTARTS_PER_SECOND 10

_Static_assert(SYSTEM_MAX_VMS <= CONSOLE_STOP_LINES &&
                   SYSTEM_NAME_LENGTH + sizeof(": reset (and 4294967295 more before)") <= CONSOLE_STOP_LINE,
               "the console has room for a line about each VM");

/* At most ten lines a second about restarts are written for each VM; the next says how many were left out. */
static void tell_restart(struct vm *vm)
{
    uint64_t now = arch_counter();

    if (vm->restart_told_at != 0 && now - vm->restart_told_at < arch_counter_hz() / RESTARTS_PER_SECOND) {
        vm->restarts++;
        return;
    }
    if (vm->restarts != 0)
        console_print("%s: reset (and %u more before)", vm->config->name, vm->restarts);
    else
        console_print("%s: reset", vm->config->name);
    vm->restart_told_at = now;
    vm->restarts = 0;
}

void vm_stop(struct vm *vm, bool restart)
{
    spin_lock(&vm->lock);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i].on)
            vcpu_power_off(&vm->vcpus[i]);
    vm->off = true;
    if (restart) {
        tell_restart(vm);
        vm_start(vm);
    } else {
        console_print("%s: off", vm->config->name);
    }
    spin_unlock(&vm->lock);
    if (!restart && vm->config->ends_system) {
        console_print("%s ends the system", vm->config->name);
        switch_machine_off();
    }
    if (all_off()) {
        console_print("all VMs are off");
        switch_machine_off();
    }
}

/* Switches one of the others off, or, when none is on, the rest. */
static void stop_piece(struct vcpu *vcpu, bool restart)
{
    struct vm *vm = vcpu->vm;
    bool stopped = false;

    spin_lock(&vm->lock);
    for (unsigned i = 0; i < vm->vcpu_count && !stopped; i++) {
        struct vcpu *other = &vm->vcpus[i];

        stopped = other != vcpu && other->on;
        if (stopped)
            vcpu_power_off(other);
    }
    spin_unlock(&vm->lock);
    if (!stopped)
        vm_stop(vm, restart);
}

static void stop_work(struct vcpu *vcpu)
{
    stop_piece(vcpu, false);
}

static void restart_work(struct vcpu *vcpu)
{
    stop_piece(vcpu, true);
}

void vm_stop_by(struct vcpu *vcpu, bool restart)
{
    vcpu->work = restart ? restart_work : stop_work;
    vcpu->cpu->reschedule = true;
}

/* At the suspended vCPU's first turn. */
static void resume_work(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;

    vcpu->work = (void *)0;
    if (cpu->loaded == vcpu) {
        arch_vcpu_save(vcpu);
        cpu->loaded = (void *)0;
    }
    arch_vcpu_reset(vcpu, vcpu->resume_entry, vcpu->resume_argument);
}

void vcpu_suspend(struct vcpu *vcpu, uint64_t entry, uint64_t argument, bool is_pending)
{
    vcpu->resume_entry = entry;
    vcpu->resume_argument = argument;
    vcpu->work = resume_work;
    vcpu->cpu->reschedule = true; /* not back to its guest, even if it does not block */
    if (!is_pending)
        vcpu_block(vcpu);
}
