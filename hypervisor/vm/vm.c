/* SPDX-License-Identifier: Apache-2.0 */
/* Making VMs, their RAM, complaints about them, and what they count. */
#include "vm/vm.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/memory.h"
#include "base/units.h"
#include "console/console.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"

struct vm *vms[SYSTEM_MAX_VMS];
unsigned vm_count;

static unsigned vcpu_total;

/* RAM that the guest has where the machine has it, which was taken before. */
static bool map_direct(struct vm *vm)
{
    uint64_t base = vm->config->memory_base;
    uint64_t size = (uint64_t)vm->config->memory_mib << 20;

    vm->ram[0] = (struct ram_piece){.guest = base, .host = base, .size = size};
    vm->ram_count = 1;
    return arch_vm_map_ram(vm, base, base, size);
}

static bool take_ram(struct vm *vm)
{
    uint64_t left = (uint64_t)vm->config->memory_mib << 20;
    uint64_t guest = vm->config->memory_base;

    while (left != 0) {
        struct ram_piece *piece = &vm->ram[vm->ram_count];

        if (vm->ram_count == VM_RAM_PIECES)
            return false;
        piece->guest = guest;
        piece->size = memory_take_blocks(left, &piece->host);
        if (piece->size == 0 || !arch_vm_map_ram(vm, piece->guest, piece->host, piece->size))
            return false;
        vm->ram_count++;
        guest += piece->size;
        left -= piece->size;
    }
    return true;
}

struct sched_params vm_sched_params(const struct vm *vm)
{
    const struct vm_tuning *tuning = &vm->tuning;

    return (struct sched_params){
        .weight = ARCH_READ_RELAXED(tuning->weight),
        .warp = us_to_ticks(ARCH_READ_RELAXED(tuning->warp_us)),
        .warp_limit = us_to_ticks(ARCH_READ_RELAXED(tuning->warp_limit_us)),
        .unwarp = us_to_ticks(ARCH_READ_RELAXED(tuning->unwarp_us)),
        .horizon = us_to_ticks(ARCH_READ_RELAXED(tuning->horizon_us)),
        .job = us_to_ticks(vm->config->job_us),
    };
}

void vcpu_take_params(struct vcpu *vcpu)
{
    const struct sched_params params = vm_sched_params(vcpu->vm);

    vcpu_set_params(vcpu, &params);
}

static void make_vcpu(struct vm *vm, unsigned index, const struct guest_hooks *hooks)
{
    const struct vm_config *config = vm->config;
    struct vcpu *vcpu = &vm->vcpus[index];

    vcpu->vm = vm;
    vcpu->hooks = hooks;
    vcpu->index = (uint16_t)index;
    vcpu->id = (uint16_t)vcpu_total++;
    vcpu->timers = config->timers;
    vcpu->floats_on = config->floats_on;
    vcpu->unit.params = vm_sched_params(vm);
    arch_vcpu_init(vcpu);
    vcpu_attach(vcpu, &cpus[vm_config_cpu(config, index)]);
}

struct vm *vm_create(const struct vm_config *config, const struct guest_hooks *hooks)
{
    struct vm *vm = memory_allocate(sizeof(*vm));

    vm->config = config;
    vm->index = vm_count;
    vm->features = vm_config_features(config);
    vm->off = true;
    vm->tuning = (struct vm_tuning){config->weight, config->horizon_us, config->warp_us,
                                    config->warp_limit_us, config->unwarp_us};
    vm->lock = (struct spinlock)SPINLOCK_INIT(LOCK_VM);
    vm->vgic.lock = (struct spinlock)SPINLOCK_INIT(LOCK_VGIC);
    vm->complaint_lock = (struct spinlock)SPINLOCK_INIT(LOCK_COMPLAINT);
    if (config->restart_seconds != 0 && config->restarts != 0)
        vm->restarted_at = memory_allocate(config->restarts * sizeof(uint64_t));
    vm->vcpu_count = config->vcpus;
    vm->vcpus = memory_allocate(config->vcpus * sizeof(struct vcpu));
    if (!arch_vm_init(vm) || !(config->direct_map ? map_direct(vm) : take_ram(vm)))
        return NULL;
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        make_vcpu(vm, i, hooks);
    for (uint64_t left = config->floats_on; left != 0; left &= left - 1)
        cpus[__builtin_ctzll(left)].is_visited = true;
    vms[vm_count++] = vm;
    return vm;
}

uint8_t *vm_ram_at(const struct vm *vm, uint64_t guest, uint64_t *size)
{
    for (unsigned i = 0; i < vm->ram_count; i++) {
        const struct ram_piece *piece = &vm->ram[i];

        if (guest >= piece->guest && guest - piece->guest < piece->size) {
            *size = piece->size - (guest - piece->guest);
            return (uint8_t *)(uintptr_t)(piece->host + (guest - piece->guest));
        }
    }
    return NULL;
}

#define COMPLAINTS_PER_SECOND 10

/* Gives the console the VM's complaint. While it has no room, the vCPU waits. */
static void complain(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    bool done;

    spin_lock(&vm->complaint_lock);
    done = vm->complaint_length == 0 || console_offer(vm->complaint, vm->complaint_length);
    if (done)
        vm->complaint_length = 0;
    spin_unlock(&vm->complaint_lock);
    if (done)
        vcpu->work = NULL;
}

__attribute__((format(printf, 2, 0))) static size_t put_complaint(struct vm *vm, const char *format,
                                                                  va_list arguments)
{
    size_t length = (size_t)snprintf(vm->complaint, sizeof(vm->complaint), "%s: ", vm->config->name);
    size_t text = (size_t)vsnprintf(vm->complaint + length, COMPLAINT_TEXT + 1, format, arguments);

    length += text < COMPLAINT_TEXT ? text : COMPLAINT_TEXT;
    if (vm->complaints != 0)
        length += (size_t)snprintf(vm->complaint + length, COMPLAINT_COUNT + 1, " (and %u more before)",
                                   vm->complaints);
    return length;
}

void vm_complain(struct vcpu *vcpu, const char *format, ...)
{
    struct vm *vm = vcpu->vm;
    va_list arguments;
    uint64_t now = arch_counter();
    bool waits;

    spin_lock(&vm->complaint_lock);
    if (vm->complaint_length != 0 ||
        (vm->complained_at != 0 && now - vm->complained_at < arch_counter_hz() / COMPLAINTS_PER_SECOND)) {
        vm->complaints++;
    } else {
        va_start(arguments, format);
        vm->complaint_length = put_complaint(vm, format, arguments);
        va_end(arguments);
        vm->complained_at = now;
        vm->complaints = 0;
    }
    waits = vm->complaint_length != 0;
    spin_unlock(&vm->complaint_lock);
    if (!waits)
        return;
    vcpu->work = complain;
    vcpu->cpu->reschedule = true; /* so that the guest is left, and the work is done first */
}

void vm_write_complaints(void)
{
    for (unsigned i = 0; i < vm_count; i++)
        if (vms[i]->complaint_length != 0)
            console_write_line(vms[i]->complaint);
}

uint64_t vm_stat_with(const struct vcpu *vcpu, unsigned stat, uint64_t value)
{
    const struct lead *lead = &atomic_load_explicit(&vcpu->mail_to, memory_order_relaxed)->lead;
    uint64_t own;

    if (stat == ONTIME_STAT_LEAD_SWITCH)
        return lead_for(lead, false);
    if (stat == ONTIME_STAT_LEAD_BACKLOG)
        return lead_for(lead, true) - lead_for(lead, false);
    own = vcpu->stats[stat] + precise_stat(&vcpu->precise, stat);
    if (stat == ONTIME_STAT_EXITS)
        own += vcpu->exits[ONTIME_EXIT_INTERRUPT];
    if (stat != ONTIME_STAT_LATE_MAX)
        return value + own;
    return own > value ? own : value;
}

uint64_t vm_stat(const struct vm *vm, unsigned stat)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        value = vm_stat_with(&vm->vcpus[i], stat, value);
    return value;
}
