/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making VMs, starting, stopping and restarting them.
 *
 * A VM starts from pristine copies: its RAM is zeroed, then kernel, initrd and device tree are copied in from
 * the system file, every time, so that a reboot is a fresh boot. That takes long, so the boot vCPU is made
 * runnable at once and the dispatcher does the work a piece at a time on that vCPU's CPU time (vm_load_step);
 * neighbours are scheduled in between as always.
 */
#include "core/vm.h"
#include "core/arch.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "core/precise.h"
#include "virt/guest_tree.h"
#include "virt/mmio.h"
#include "virt/stolen_time.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct vm *vms[SYSTEM_MAX_VMS];
unsigned vm_count;

static unsigned vcpu_total;

static uint64_t us_to_ticks(uint64_t us)
{
    return us * (arch_counter_hz() / 1000) / 1000;
}

static bool take_ram(struct vm *vm)
{
    uint64_t left = (uint64_t)vm->config->memory_mib << 20;
    uint64_t guest = GUEST_RAM_BASE;

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

/* On a GICv2 the guest uses a page of the machine's GIC as its CPU interface. */
static bool map_gic(struct vm *vm)
{
    uint64_t page = gic->guest_interface();

    return page == 0 || arch_vm_map_device_page(vm, GUEST_GICC_BASE, page);
}

static bool make_tree(struct vm *vm, const char *cpu_compatible, const uint8_t *seed)
{
    const struct guest_tree_facts facts = {
        .vm = vm->config,
        .gic_version = vgic_version(),
        .cpu_compatible = cpu_compatible,
        .seed = seed,
    };
    void *tree = memory_allocate(GUEST_TREE_SIZE);
    size_t size = guest_tree_build(tree, GUEST_TREE_SIZE, &facts);

    vm->tree = (struct blob){tree, size};
    return size != 0;
}

static void make_vcpu(struct vm *vm, unsigned index)
{
    const struct vm_config *config = vm->config;
    struct vcpu *vcpu = &vm->vcpus[index];

    vcpu->vm = vm;
    vcpu->index = (uint16_t)index;
    vcpu->id = (uint16_t)vcpu_total++;
    vcpu->unit.params = (struct sched_params){
        .weight = config->weight,
        .warp = us_to_ticks(config->warp_us),
        .warp_limit = us_to_ticks(config->warp_limit_us),
        .unwarp = us_to_ticks(config->unwarp_us),
    };
    vcpu->stolen_time = stolen_time_record(vm->stolen_page, index);
    arch_vcpu_init(vcpu);
    precise_init(vcpu);
    vgic_cpu_init(&vcpu->vgic);
    vcpu_attach(vcpu, arch_cpu());
}

int vm_create(const struct vm_config *config, const char *cpu_compatible, const uint8_t *seed)
{
    struct vm *vm = memory_allocate(sizeof(*vm));

    vm->config = config;
    vm->index = vm_count;
    vm->off = true;
    vm->vcpu_count = config->vcpus;
    vm->vcpus = memory_allocate(config->vcpus * sizeof(struct vcpu));
    vm->stolen_page = memory_allocate(MEMORY_PAGE);
    if (!arch_vm_init(vm) || !take_ram(vm) || !map_gic(vm) ||
        !arch_vm_map_readonly_page(vm, GUEST_STOLEN_TIME, (uint64_t)(uintptr_t)vm->stolen_page))
        return -1;
    if (!make_tree(vm, cpu_compatible, seed))
        return -1;
    vgic_init(&vm->vgic, vm->vcpu_count);
    pl011_init(&vm->uart);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        make_vcpu(vm, i);
    console_add(&vm->console, config->name, vm);
    vms[vm_count++] = vm;
    return 0;
}

void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    arch_vcpu_reset(vcpu, entry, argument);
    vgic_cpu_init(&vcpu->vgic);
    precise_reset(vcpu);
    vcpu->on = true;
    vcpu_wake(vcpu);
}

void vcpu_power_off(struct vcpu *vcpu)
{
    vcpu->on = false;
    precise_reset(vcpu);
    deadline_cancel(&vcpu->cpu->deadlines, &vcpu->physical_timer);
    vcpu_retire(vcpu);
}

/*
 * Loading: zero the RAM, then copy each image. `load_phase` is the piece of RAM being zeroed, then, counted
 * from VM_RAM_PIECES, the image being copied; `load_offset` the bytes done.
 */
void vm_start(struct vm *vm)
{
    vm->off = false;
    vm->reset_wanted = false;
    vm->loading = true;
    vm->load_phase = 0;
    vm->load_offset = 0;
    vm->vcpus[0].on = true;
    vcpu_wake(&vm->vcpus[0]);
}

/* Copies into guest RAM; the range was checked against the VM's memory when the system file was read. */
static void copy_to_guest(struct vm *vm, uint64_t guest, const uint8_t *data, uint64_t size)
{
    for (unsigned i = 0; i < vm->ram_count && size != 0; i++) {
        const struct ram_piece *piece = &vm->ram[i];
        uint64_t room;
        uint8_t *host;

        if (guest < piece->guest || guest - piece->guest >= piece->size)
            continue;
        room = piece->guest + piece->size - guest;
        if (room > size)
            room = size;
        host = (uint8_t *)(uintptr_t)(piece->host + (guest - piece->guest));
        memcpy(host, data, room);
        arch_memory_clean(host, room);
        guest += room;
        data += room;
        size -= room;
    }
}

static void loading_finished(struct vm *vm)
{
    const struct vm_config *config = vm->config;

    arch_vm_images_changed(vm);
    vgic_init(&vm->vgic, vm->vcpu_count);
    pl011_init(&vm->uart);
    vm->loading = false;
    vcpu_power_on(&vm->vcpus[0], config->entry, config->tree_address);
}

static void next_phase(struct vm *vm, unsigned phase)
{
    vm->load_phase = phase;
    vm->load_offset = 0;
}

static void zero_step(struct vm *vm)
{
    const struct ram_piece *piece = &vm->ram[vm->load_phase];

    arch_memory_zero((void *)(uintptr_t)(piece->host + vm->load_offset), VM_LOAD_STEP);
    vm->load_offset += VM_LOAD_STEP;
    if (vm->load_offset == piece->size)
        next_phase(vm, vm->load_phase + 1 == vm->ram_count ? VM_RAM_PIECES : vm->load_phase + 1);
}

void vm_load_step(struct vm *vm)
{
    const struct vm_config *config = vm->config;
    const struct blob *images[] = {&config->kernel, &config->initrd, &vm->tree};
    const uint64_t addresses[] = {config->load_address, config->initrd_address, config->tree_address};
    unsigned image = vm->load_phase - VM_RAM_PIECES;
    uint64_t size;

    if (vm->load_phase < VM_RAM_PIECES) {
        zero_step(vm);
        return;
    }
    if (image == sizeof(images) / sizeof(images[0])) {
        loading_finished(vm);
        return;
    }
    size = images[image]->data == NULL ? 0 : images[image]->size - vm->load_offset;
    if (size > VM_LOAD_STEP)
        size = VM_LOAD_STEP;
    if (size == 0) {
        next_phase(vm, vm->load_phase + 1);
        return;
    }
    copy_to_guest(vm, addresses[image] + vm->load_offset, images[image]->data + vm->load_offset, size);
    vm->load_offset += size;
}

static bool all_off(void)
{
    for (unsigned i = 0; i < vm_count; i++)
        if (!vms[i]->off)
            return false;
    return true;
}

void vm_stop(struct vm *vm, bool restart)
{
    spin_lock(&vm->lock);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i].on)
            vcpu_power_off(&vm->vcpus[i]);
    vm->off = true;
    console_print("%s: %s", vm->config->name, restart ? "reset" : "off");
    if (restart)
        vm_start(vm);
    spin_unlock(&vm->lock);
    if (!restart && vm->config->ends_system) {
        console_print("%s ends the system", vm->config->name);
        arch_system_off();
    }
    if (all_off()) {
        console_print("all VMs are off");
        arch_system_off();
    }
}

#define COMPLAINTS_PER_SECOND 10

void vm_complain(struct vm *vm, const char *format, ...)
{
    char text[160];
    va_list arguments;
    uint64_t now = arch_counter();

    if (vm->complained_at != 0 && now - vm->complained_at < arch_counter_hz() / COMPLAINTS_PER_SECOND) {
        vm->complaints++;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (vm->complaints != 0)
        console_print("%s: %u such lines left out", vm->config->name, vm->complaints);
    console_print("%s: %s", vm->config->name, text);
    vm->complained_at = now;
    vm->complaints = 0;
}

uint64_t vm_stat(const struct vm *vm, unsigned stat)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        uint64_t one = vm->vcpus[i].stats[stat];

        if (stat != ONTIME_STAT_LATE_MAX)
            value += one;
        else if (one > value)
            value = one;
    }
    return value;
}

void vm_print_accounting(uint32_t mark)
{
    uint64_t now = arch_counter();

    for (unsigned i = 0; i < vm_count; i++) {
        const struct vm *vm = vms[i];

        console_print(
            "mark %u vm=%s run=%lu stolen=%lu exits=%lu switches=%lu armed=%lu cancelled=%lu fired=%lu "
            "late_max=%lu late_sum=%lu warps=%lu denied=%lu cut=%lu "
            "lead_switch=%lu lead_backlog=%lu counter=%lu",
            mark, vm->config->name, (unsigned long)vm_stat(vm, ONTIME_STAT_RUN_TICKS),
            (unsigned long)vm_stat(vm, ONTIME_STAT_STOLEN_TICKS),
            (unsigned long)vm_stat(vm, ONTIME_STAT_EXITS), (unsigned long)vm_stat(vm, ONTIME_STAT_SWITCHES),
            (unsigned long)vm_stat(vm, ONTIME_STAT_ARMED), (unsigned long)vm_stat(vm, ONTIME_STAT_CANCELLED),
            (unsigned long)vm_stat(vm, ONTIME_STAT_FIRED), (unsigned long)vm_stat(vm, ONTIME_STAT_LATE_MAX),
            (unsigned long)vm_stat(vm, ONTIME_STAT_LATE_TICKS), (unsigned long)vm_stat(vm, ONTIME_STAT_WARPS),
            (unsigned long)vm_stat(vm, ONTIME_STAT_WARPS_DENIED),
            (unsigned long)vm_stat(vm, ONTIME_STAT_WARPS_CUT),
            (unsigned long)precise_lead(vm->vcpus[0].cpu, ONTIME_STAT_LEAD_SWITCH),
            (unsigned long)precise_lead(vm->vcpus[0].cpu, ONTIME_STAT_LEAD_BACKLOG), (unsigned long)now);
    }
}
