/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, stopping and restarting VMs.
 *
 * A vCPU is switched on and off on its own core. `powered` is what PSCI says of it, and changes under the
 * VM's lock; `on` follows when its core has taken the message, at once when that is the calling one.
 *
 * A VM is loaded on the CPU time of its boot vCPU. When the VM starts, that vCPU becomes runnable, and at
 * each of its turns one piece is loaded as its `work`. Other vCPUs are scheduled in between as always. When
 * the last piece is done, the vCPU is switched on for the guest.
 *
 * A vCPU that stops its VM is its `stopper`. It switches the others off one by one, as its `work`, and those
 * of other cores by a message; then itself. It never goes back to its guest. Another vCPU that wants to stop
 * the VM meanwhile waits, and is switched off as the others.
 *
 * A VM with `control` asks for things of another VM (vm->asked), and tells the core of that one's first vCPU,
 * which does them: so a VM's lock is taken on its own cores only. What comes while the VM stops or loads is
 * left until that is over. That vCPU is also the stopper then, whether it is on or not.
 *
 * A VM whose watchdog has expired (vm->bitten) is restarted in the same way. What is asked for is done
 * afterwards.
 *
 * A VM is paused by holding its vCPUs, each on its own core. A held vCPU is out of the scheduler as one that
 * is switched off, but `powered`, and keeps its state. The stop of a paused VM switches it off as others.
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

static struct spinlock off_lock = SPINLOCK_INIT(LOCK_ALONE); /* of all VMs' `off`; no other is held */

/* The time that it is off ends, or begins. */
static void count_off(struct vcpu *vcpu, bool off)
{
    uint64_t now = arch_counter();

    if (off == (vcpu->off_since != 0))
        return;
    if (!off)
        vcpu->off_ticks += now - vcpu->off_since;
    vcpu->off_since = off ? now : 0;
}

static void put_on(struct vcpu *vcpu)
{
    count_off(vcpu, false);
    vcpu->on = true;
    vcpu_wake(vcpu);
}

static void switch_on(struct vcpu *vcpu)
{
    DEBUG_ASSERT(vcpu->cpu == arch_cpu() && vcpu->work == (void *)0 && vcpu->cpu->loaded != vcpu);
    arch_vcpu_reset(vcpu, vcpu->resume_entry, vcpu->resume_argument);
    if (!vcpu->vm->paused) {
        put_on(vcpu);
        return;
    }
    count_off(vcpu, false);
    vcpu->held = true;
}

/* Unless a stop came before the message was taken. */
void vcpu_power_on_here(struct vcpu *vcpu)
{
    spin_lock(&vcpu->vm->lock);
    if (vcpu->to_start) {
        vcpu->to_start = false;
        switch_on(vcpu);
    }
    spin_unlock(&vcpu->vm->lock);
}

void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    DEBUG_ASSERT(spin_is_held(&vcpu->vm->lock));
    vcpu->hooks->reset_vcpu(vcpu); /* here, as the others may send it interrupts from now on */
    vcpu->powered = true;
    vcpu->resume_entry = entry;
    vcpu->resume_argument = argument;
    if (ARCH_READ_RELAXED(vcpu->cpu) == arch_cpu()) {
        switch_on(vcpu);
        return;
    }
    vcpu->to_start = true;
    vcpu_send(vcpu, VCPU_POWER_ON);
}

static void switch_off(struct vcpu *vcpu)
{
    DEBUG_ASSERT(spin_is_held(&vcpu->vm->lock) && vcpu->cpu == arch_cpu());
    vcpu->powered = false;
    vcpu->to_start = false;
    vcpu->on = vcpu->held = false;
    vcpu->work = (void *)0;
    count_off(vcpu, true);
    vcpu_retire(vcpu);
}

void vcpu_power_off_for_stop(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    spin_lock(&vm->lock);
    if (vcpu->powered && vm->stopper != (void *)0)
        switch_off(vcpu);
    spin_unlock(&vm->lock);
}

/* What was asked while the VM stopped or loaded is taken now. */
static void look_at_asked(struct vm *vm)
{
    if (atomic_load_explicit(&vm->asked, memory_order_acquire) != ASKED_NOTHING)
        vcpu_send(&vm->vcpus[0], VCPU_CONTROL);
}

static void begin(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    spin_lock(&vm->lock);
    vcpu->work = (void *)0;
    vm->loaded = true;
    vm->image.from = (void *)0; /* it was for this start */
    vcpu_power_on(vcpu, vm->config->entry, vm->config->tree_address);
    spin_unlock(&vm->lock);
    vcpu->hooks->pause(vm, false);
    look_at_asked(vm);
}

static void tell_start_work(struct vcpu *vcpu)
{
    if (!vcpu->hooks->tell_a_peer(vcpu->vm, true))
        vcpu->work = begin;
}

/* No vCPU of the VM is on, so this needs no lock of the VM's. */
static void reset_work(struct vcpu *vcpu)
{
    if (!vcpu->hooks->reset_vm(vcpu->vm))
        vcpu->work = tell_start_work;
}

static void stop_last(struct vcpu *vcpu, bool restart);

/* Each step of this and of the reset, each peer that is told, and the begin are a piece. */
static void load(struct vcpu *vcpu)
{
    switch (vm_load_step(vcpu->vm)) {
    case VM_LOAD_MORE:
        break;
    case VM_LOAD_DONE:
        vcpu->work = reset_work;
        break;
    case VM_LOAD_FAILED:
        stop_last(vcpu, false);
        break;
    }
}

void vcpu_load_here(struct vcpu *vcpu)
{
    DEBUG_ASSERT(vcpu->cpu == arch_cpu() && !vcpu->on);
    vm_load_begin(vcpu->vm);
    vcpu->work = load;
    put_on(vcpu);
}

/* All vCPUs are off, and the lock is held. */
static void start_loading(struct vm *vm)
{
    struct vcpu *boot = &vm->vcpus[0];

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        ASSERT(!vm->vcpus[i].powered);
    vm->loaded = vm->paused = false;
    vm->starts++;
    boot->powered = true;
    if (ARCH_READ_RELAXED(boot->cpu) == arch_cpu())
        vcpu_load_here(boot);
    else
        vcpu_send(boot, VCPU_LOAD);
}

static void set_on(struct vm *vm)
{
    spin_lock(&off_lock);
    vm->off = false;
    spin_unlock(&off_lock);
}

/* The VM is off, and the lock is held. */
static void start(struct vm *vm)
{
    vm->by_watchdog = vm->one_too_many = false;
    vm->restarts_noted = vm->next_restart = 0;
    start_loading(vm);
}

void vm_start(struct vm *vm)
{
    set_on(vm);
    spin_lock(&vm->lock);
    start(vm);
    spin_unlock(&vm->lock);
}

_Noreturn static void switch_machine_off(void)
{
    vm_write_complaints();
    console_finish();
    arch_system_off();
}

#define RESTARTS_PER_SECOND 10

/* Of restarts that are not told, all in a tenth of a second, there are not so many that they have more
 * digits. */
#define LONGEST_RESTART ": reset by watchdog (and 99999 more before)"

_Static_assert(SYSTEM_MAX_VMS <= CONSOLE_STOP_LINES &&
                   SYSTEM_NAME_LENGTH + sizeof(LONGEST_RESTART) <= CONSOLE_STOP_LINE &&
                   RESTARTS_MAX <= 1000 && RESTART_SECONDS_MAX <= 86400 &&
                   sizeof(": off: more than 1000 restarts in 86400 s") <= sizeof(LONGEST_RESTART),
               "the console has room for a line about each VM");

/* At most ten lines a second about restarts are written for each VM; the next says how many were left out. */
static void tell_restart(struct vm *vm)
{
    const char *by = vm->by_watchdog ? " by watchdog" : "";
    uint64_t now = arch_counter();

    if (vm->restart_told_at != 0 && now - vm->restart_told_at < arch_counter_hz() / RESTARTS_PER_SECOND) {
        vm->restarts++;
        return;
    }
    if (vm->restarts != 0)
        console_print("%s: reset%s (and %u more before)", vm->config->name, by, vm->restarts);
    else
        console_print("%s: reset%s", vm->config->name, by);
    vm->restart_told_at = now;
    vm->restarts = 0;
}

/* The VM is off. Is it the last one? */
static bool all_are_off(struct vm *vm)
{
    bool all = true;

    spin_lock(&off_lock);
    vm->off = true;
    for (unsigned i = 0; i < vm_count; i++)
        all = all && vms[i]->off;
    spin_unlock(&off_lock);
    return all;
}

static void stopped(struct vm *vm)
{
    bool bad_image = vm->image.from != (void *)0; /* that is, it went off while it was loaded */

    vm->image.from = (void *)0;
    if (vm->one_too_many)
        console_print("%s: off: more than %u restarts in %u s", vm->config->name, vm->config->restarts,
                      vm->config->restart_seconds);
    else
        console_print(bad_image ? "%s: off: its new image is not in RAM" : "%s: off", vm->config->name);
    if (vm->config->ends_system) {
        console_print("%s ends the system", vm->config->name);
        switch_machine_off();
    }
    if (all_are_off(vm)) {
        console_print("all VMs are off");
        switch_machine_off();
    }
}

/*
 * The calling vCPU is the last that is on, and may be off already. The line about a restart is written first,
 * without the lock: nobody else restarts the VM before this is over.
 */
static void stop_last(struct vcpu *vcpu, bool restart)
{
    struct vm *vm = vcpu->vm;

    if (restart)
        tell_restart(vm);
    spin_lock(&vm->lock);
    if (vcpu->powered)
        switch_off(vcpu);
    if (restart) {
        vm->stopper = (void *)0;
        start_loading(vm);
    } else {
        vm->stopper = vcpu;
    }
    spin_unlock(&vm->lock);
    if (restart)
        return;
    stopped(vm);
    spin_lock(&vm->lock);
    vm->stopper = (void *)0; /* from now on it may be started */
    spin_unlock(&vm->lock);
    look_at_asked(vm);
}

/*
 * Switches one of the others off that are on this core, and sends the message to one of another. False when
 * none is on any more.
 */
static bool stop_another(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *other = &vm->vcpus[i];

        if (other == vcpu || !other->powered)
            continue;
        if (ARCH_READ_RELAXED(other->cpu) == vcpu->cpu)
            switch_off(other);
        else
            vcpu_send(other, VCPU_POWER_OFF);
        return true;
    }
    return false;
}

/* Each step of the devices and each peer that is told is a piece, and so is the end. */
static void stop_last_work(struct vcpu *vcpu)
{
    if (!vcpu->hooks->stop_devices(vcpu->vm, true) && !vcpu->hooks->tell_a_peer(vcpu->vm, false))
        stop_last(vcpu, false);
}

static void restart_last_work(struct vcpu *vcpu)
{
    if (!vcpu->hooks->stop_devices(vcpu->vm, false) && !vcpu->hooks->tell_a_peer(vcpu->vm, false))
        stop_last(vcpu, true);
}

/* When no other is on, what is left is another piece: each takes the lock once. */
static void stop_piece(struct vcpu *vcpu, void (*last)(struct vcpu *vcpu))
{
    struct vm *vm = vcpu->vm;
    bool others;

    spin_lock(&vm->lock);
    others = stop_another(vcpu);
    spin_unlock(&vm->lock);
    if (others)
        arch_relax(); /* one of another core may take a while */
    else
        vcpu->work = last;
}

static void stop_work(struct vcpu *vcpu)
{
    stop_piece(vcpu, stop_last_work);
}

static void restart_work(struct vcpu *vcpu)
{
    stop_piece(vcpu, restart_last_work);
}

/* Until the stopper switches it off. */
static void be_stopped(struct vcpu *vcpu)
{
    (void)vcpu;
    arch_relax();
}

/* Notes that the VM is about to restart. False: it is one restart too many. */
static bool may_restart(struct vm *vm)
{
    const struct vm_config *config = vm->config;
    uint64_t now = arch_counter();

    if (config->restart_seconds == 0)
        return true;
    if (config->restarts == 0 ||
        (vm->restarts_noted == config->restarts &&
         now - vm->restarted_at[vm->next_restart] < config->restart_seconds * arch_counter_hz()))
        return false;
    vm->restarted_at[vm->next_restart] = now;
    vm->next_restart = vm->next_restart + 1 != config->restarts ? vm->next_restart + 1 : 0;
    if (vm->restarts_noted != config->restarts)
        vm->restarts_noted++;
    return true;
}

/* Nobody stops the VM yet. The lock is held. */
static void be_stopper(struct vcpu *vcpu, bool restart)
{
    struct vm *vm = vcpu->vm;

    vm->stopper = vcpu;
    vm->by_watchdog = false;
    vm->one_too_many = restart && !may_restart(vm);
    vcpu->work = restart && !vm->one_too_many ? restart_work : stop_work;
}

void vm_stop_by(struct vcpu *vcpu, bool restart)
{
    struct vm *vm = vcpu->vm;

    spin_lock(&vm->lock);
    vm->paused = false;
    if (vm->stopper == (void *)0)
        be_stopper(vcpu, restart);
    else if (vm->stopper != vcpu)
        vcpu->work = be_stopped;
    spin_unlock(&vm->lock);
    vcpu->cpu->reschedule = true;
}

void vcpu_switch_off(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    bool any = false;

    spin_lock(&vm->lock);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        any = any || (&vm->vcpus[i] != vcpu && vm->vcpus[i].powered);
    if (any)
        switch_off(vcpu);
    spin_unlock(&vm->lock);
    if (!any)
        vm_stop_by(vcpu, false);
}

/* At the suspended vCPU's first turn. */
static void resume_work(struct vcpu *vcpu)
{
    vcpu->work = (void *)0;
    vcpu_unload(vcpu);
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

/*
 * Stops the VM by its first vCPU, which is on this core, and may be on, held, off, or about to be switched
 * on. The lock is held.
 */
static void stop_from_outside(struct vm *vm, bool restart)
{
    struct vcpu *boot = &vm->vcpus[0];

    be_stopper(boot, restart);
    vm->paused = false;
    boot->powered = true;
    boot->to_start = false;
    if (boot->held)
        vcpu_release(boot);
    else
        put_on(boot);
    boot->cpu->reschedule = true;
}

static void tell_vcpus(struct vm *vm)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vcpu_send(&vm->vcpus[i], VCPU_CONTROL);
}

static void carry_out(struct vm *vm, enum asked what)
{
    switch (what) {
    case ASKED_PAUSE:
    case ASKED_RESUME:
        vm->paused = what == ASKED_PAUSE;
        tell_vcpus(vm);
        break;
    case ASKED_RESTART:
        vm->image = vm->asked_image;
        stop_from_outside(vm, true);
        break;
    default:
        stop_from_outside(vm, false);
        break;
    }
}

static void take_while_off(struct vm *vm, enum asked what)
{
    if (what != ASKED_RESTART)
        return;
    vm->image = vm->asked_image;
    start(vm);
}

static void take_while_on(struct vm *vm, enum asked what, bool bitten)
{
    if (bitten) {
        stop_from_outside(vm, true);
        vm->by_watchdog = true;
    } else {
        carry_out(vm, what);
    }
}

/*
 * On the core of the VM's first vCPU. What is asked stays while the VM stops or loads, and is looked at again
 * when that is over (look_at_asked()). A bite comes before, and is forgotten unless the VM runs. False: there
 * is nothing. Whether the VM is off is known for certain when nobody stops it, as the last that its stopper
 * does is under the lock.
 */
static bool take_asked(struct vm *vm)
{
    enum asked what = (enum asked)atomic_load_explicit(&vm->asked, memory_order_acquire);
    bool bitten = atomic_exchange_explicit(&vm->bitten, false, memory_order_relaxed), off, later;

    if (what == ASKED_BEING_MADE)
        what = ASKED_NOTHING;
    if (what == ASKED_NOTHING && !bitten)
        return false;
    spin_lock(&vm->lock);
    off = ARCH_READ_RELAXED(vm->off);
    later = vm->stopper != (void *)0 || (!off && !vm->loaded);
    if (!later && off)
        take_while_off(vm, what);
    else if (!later)
        take_while_on(vm, what, bitten);
    spin_unlock(&vm->lock);
    if (later || what == ASKED_NOTHING || (bitten && !off))
        return true;
    if (off && what == ASKED_RESTART)
        set_on(vm); /* this is the core that its first vCPU begins on: nothing of it has happened yet */
    else if (!off && (what == ASKED_PAUSE || what == ASKED_RESUME))
        vm->vcpus[0].hooks->pause(vm, what == ASKED_PAUSE);
    atomic_store_explicit(&vm->asked, ASKED_NOTHING, memory_order_release);
    return true;
}

/*
 * The VM's lock is taken once: when a pause was asked for, or its end, each vCPU gets the message again
 * (carry_out()), and nothing is to be done here while the VM stops or loads.
 */
void vcpu_control_here(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;

    if (vcpu->index == 0 && take_asked(vm))
        return;
    spin_lock(&vm->lock);
    if (vm->paused && vcpu->on)
        vcpu_hold(vcpu);
    else if (!vm->paused && vcpu->held && vm->stopper == (void *)0)
        vcpu_release(vcpu);
    spin_unlock(&vm->lock);
}

void vm_bite(struct vm *vm)
{
    atomic_store_explicit(&vm->bitten, true, memory_order_relaxed);
    vcpu_send(&vm->vcpus[0], VCPU_CONTROL);
}

enum ontime_vm_state vm_state(const struct vm *vm)
{
    uint32_t what = atomic_load_explicit(&vm->asked, memory_order_acquire); /* first */

    if (ARCH_READ_RELAXED(vm->off))
        return what == ASKED_RESTART ? ONTIME_VM_LOADING : ONTIME_VM_OFF;
    if (ARCH_READ_RELAXED(vm->stopper) != (void *)0 || what == ASKED_STOP || what == ASKED_RESTART)
        return ONTIME_VM_STOPPING;
    if (!ARCH_READ_RELAXED(vm->loaded))
        return ONTIME_VM_LOADING;
    return ARCH_READ_RELAXED(vm->paused) ? ONTIME_VM_PAUSED : ONTIME_VM_RUNNING;
}

bool vm_ask(struct vm *vm, enum asked what, const struct lent_image *image)
{
    enum ontime_vm_state state = vm_state(vm);
    uint32_t nothing = ASKED_NOTHING;

    if (state == ONTIME_VM_STOPPING || state == ONTIME_VM_LOADING ||
        (state == ONTIME_VM_OFF && what != ASKED_STOP && what != ASKED_RESTART) ||
        !atomic_compare_exchange_strong_explicit(&vm->asked, &nothing, ASKED_BEING_MADE, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    vm->asked_image = *image;
    atomic_store_explicit(&vm->asked, what, memory_order_release);
    vcpu_send(&vm->vcpus[0], VCPU_CONTROL);
    return true;
}
