/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's devices, the page of its stolen-time records, and the device tree that describes them. They stand
 * where include/ontime/guest_map.h says.
 */
#include "devices/devices.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/seeds.h"
#include "base/units.h"
#include "console/console.h"
#include "devices/address_map.h"
#include "devices/control.h"
#include "devices/dma.h"
#include "devices/flash.h"
#include "devices/guest_tree.h"
#include "devices/link.h"
#include "devices/observer.h"
#include "devices/stolen_time.h"
#include "devices/vgic.h"
#include "devices/virtio.h"
#include "devices/vrtc.h"
#include "devices/vuart.h"
#include "devices/vwatchdog.h"
#include "vm/arch_vm.h"

#define SILENCE_US 1000000

/* For the seeds in a VM's tree: a block of its stream for each boot. */
struct guest_seeds {
    struct seed_stream stream;
    uint32_t boots;
    struct guest_tree_seeds places;
};

static void put_seeds(struct guest_seeds *seeds)
{
    uint8_t block[SEED_BLOCK];

    seed_stream_block(&seeds->stream, seeds->boots++, block);
    memcpy(seeds->places.kaslr, block, GUEST_TREE_KASLR_SEED_SIZE);
    if (seeds->places.rng != NULL)
        memcpy(seeds->places.rng, block + GUEST_TREE_KASLR_SEED_SIZE, GUEST_TREE_RNG_SEED_SIZE);
}

static void reset_vcpu(struct vcpu *vcpu)
{
    struct vgic *vgic = &vcpu->vm->vgic;

    spin_lock(&vgic->lock);
    vgic_vcpu_init(&vcpu->vgic);
    spin_unlock(&vgic->lock);
}

static void reset_devices(struct vm *vm)
{
    for (unsigned i = 0; i < vm->device_count; i++)
        if (vm->devices[i]->reset != NULL)
            vm->devices[i]->reset(vm->devices[i]);
    vm->silent_devices = 0;
}

/*
 * Its devices, then the vGIC: their lines can't rise any more, whatever another core does to them. Last the
 * seeds: the VM has its tree, and these are for its next boot.
 */
static bool reset_vm(struct vm *vm)
{
    unsigned step = vm->reset_step++;

    if (step == 0) {
        reset_devices(vm);
        return true;
    }
    if (step <= vm->vgic.spi_banks + 1) {
        spin_lock(&vm->vgic.lock);
        (void)vgic_reset_step(&vm->vgic, vm->vcpu_count, step - 1);
        spin_unlock(&vm->vgic.lock);
        return true;
    }
    put_seeds(vm->seeds);
    vm->reset_step = 0;
    return false;
}

/* False while the console has no room. */
static bool tell_of_noise(const struct vm *vm, const struct device *device)
{
    char text[SYSTEM_NAME_LENGTH + 96];
    int length = snprintf(text, sizeof(text), "%s: the device at 0x%lx can't be reset: it may go on with DMA",
                          vm->config->name, (unsigned long)device->base);

    return console_offer(text, (size_t)length);
}

/*
 * A step of one device. One that can't be silenced is one of a VM that is trusted with DMA: after a second
 * the VM goes on, or after two if the console has no room for the line.
 */
static void silence(struct vm *vm, const struct device *device)
{
    uint64_t now = arch_counter(), passed;

    if (vm->silence_step == 0)
        vm->silence_since = now;
    passed = now - vm->silence_since;
    if (device->silence(device, vm->silence_step++) ||
        (passed >= us_to_ticks(SILENCE_US) && tell_of_noise(vm, device)) ||
        passed >= us_to_ticks(2 * SILENCE_US)) {
        vm->silent_devices++;
        vm->silence_step = 0;
    }
}

/* The machine's devices first: a virtio service is not to work for a client with a disk that has gone. */
static bool stop_devices(struct vm *vm, bool for_good)
{
    for (; vm->silent_devices < vm->device_count; vm->silent_devices++) {
        const struct device *device = vm->devices[vm->silent_devices];

        if (device->silence != NULL) {
            silence(vm, device);
            return true;
        }
    }
    return virtio_stop(vm, for_good);
}

/* Its own devices first: after a stop they are silent before anybody hears of it. */
static bool tell_a_peer(struct vm *vm, bool up)
{
    return dma_step(vm, up) || link_tell_a_peer(vm, up) || virtio_tell_a_service(vm, up);
}

/* Linux may leave a packet to a thread, which waits for the tick when others compute. */
static bool defer_timer(struct vcpu *vcpu)
{
    return vcpu->vm->virtio == NULL && vgic_defer_timer(vcpu);
}

static void watch_alarms(struct vm *vm)
{
    vrtc_watch_alarm(vm);
    vwatchdog_watch(vm);
}

static void leave_alarms(struct vm *vm)
{
    vrtc_leave_alarm(vm);
    vwatchdog_leave(vm);
}

const struct guest_hooks devices_hooks = {
    .wakes = vgic_wakes,
    .defer_timer = defer_timer,
    .release_timer = vgic_release_timer,
    .timer_expired = vgic_timer_expired,
    .stolen = stolen_time_publish,
    .look = vgic_look,
    .alarm = watch_alarms,
    .alarm_off = leave_alarms,
    .pause = vwatchdog_pause,
    .tell_a_peer = tell_a_peer,
    .stop_devices = stop_devices,
    .reset_vcpu = reset_vcpu,
    .reset_vm = reset_vm,
};

/* On a GICv2 the guest uses a page of the machine's GIC as its CPU interface. */
static bool map_gic(struct vm *vm)
{
    uint64_t page = gic->guest_interface();

    return page == 0 || arch_vm_map_device_page(vm, GUEST_GICC_BASE, page);
}

static bool make_stolen_time(struct vm *vm)
{
    vm->stolen_page = memory_allocate(MEMORY_PAGE);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i].stolen_time = stolen_time_record(vm->stolen_page, i);
    return arch_vm_map_readonly_page(vm, GUEST_STOLEN_TIME, (uint64_t)(uintptr_t)vm->stolen_page);
}

static void make_seeds(struct vm *vm)
{
    vm->seeds = memory_allocate(sizeof(*vm->seeds));
    seed_stream_init(&vm->seeds->stream, "guest", vm->config->name);
    vm->seeds->places = guest_tree_seeds((void *)(uintptr_t)vm->tree.data);
}

static bool make_tree(struct vm *vm, const char *cpu_compatible, bool entropy)
{
    const struct guest_tree_facts facts = {
        .vm = vm->config,
        .gic_version = vgic_version(),
        .cpu_compatible = cpu_compatible,
        .entropy = entropy,
        .devices = vm->devices,
        .device_count = vm->device_count,
    };
    void *tree = memory_allocate(GUEST_TREE_SIZE);
    size_t size = guest_tree_build(tree, GUEST_TREE_SIZE, &facts);

    vm->tree = (struct blob){tree, size};
    if (size == 0)
        return false;
    make_seeds(vm);
    return true;
}

static void add(struct vm *vm, struct device *device)
{
    bool added = address_map_add(vm, device);

    ASSERT(added);
}

static bool make_devices(struct vm *vm)
{
    vm->uart = vuart_create(vm);
    vm->uart->device.describe = guest_tree_uart;
    vm->rtc = vrtc_create(vm);
    vm->watchdog = vwatchdog_create(vm);
    vgic_make_registers(vm);
    add(vm, &vm->uart->device);
    add(vm, &vm->gic_registers[0]);
    add(vm, &vm->gic_registers[1]);
    if (vm->rtc != NULL) {
        vm->rtc->device.describe = guest_tree_rtc;
        add(vm, &vm->rtc->device);
    }
    if (!links_attach(vm) || !virtio_attach(vm))
        return false;
    if (vm->watchdog != NULL) {
        add(vm, &vm->watchdog->control);
        add(vm, &vm->watchdog->refresh);
    }
    add(vm, &flash);
    return true;
}

bool devices_create(struct vm *vm)
{
    return map_gic(vm) && make_stolen_time(vm) && make_devices(vm);
}

bool devices_finish(struct vm *vm, const char *cpu_compatible, bool entropy)
{
    if (!make_tree(vm, cpu_compatible, entropy))
        return false;
    while (reset_vm(vm)) {
    }
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        reset_vcpu(&vm->vcpus[i]);
    for (unsigned i = 0; vm->config->observer && i < vm->vcpu_count; i++)
        vm->vcpus[i].observer = memory_allocate(sizeof(struct observer));
    for (unsigned i = 0; vm->config->control && i < vm->vcpu_count; i++)
        vm->vcpus[i].control = memory_allocate(sizeof(struct control));
    return true;
}
