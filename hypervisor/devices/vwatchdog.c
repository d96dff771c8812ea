/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's watchdog, which is enabled when the VM starts: a guest that hangs before its driver is there
 * is caught as well. Each of its two periods is half of the system file's time then; afterwards as long as
 * the guest says. After the first it raises its interrupt (WS0), after the second (WS1) the VM is restarted,
 * or a line is written. Time is that of the counter, and none passes while the VM is paused.
 *
 * A guest that refreshes its watchdog only writes down when it will expire. The timer is left where it is:
 * when it comes, it is set anew. It is set at an access only if that brings the expiry forward. Those that
 * run on the timer's core at that time are not the guest's, so the timer sets itself no sooner than
 * AGAIN_US later: a watchdog that was refreshed may expire so much later than its registers say.
 *
 * Locking: the watchdog's own lock, which is taken after the VM's, and before the vGIC's and the console's.
 */
#include "devices/vwatchdog.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/memory.h"
#include "base/units.h"
#include "console/console.h"
#include "devices/tree_writer.h"
#include "devices/vgic.h"
#include "vm/power.h"

/* The refresh page has the first and the last of these, at the same places. */
#define WRR    0x000
#define WCS    0x000
#define WOR    0x008
#define WCV    0x010
#define W_IIDR 0xFCC

#define WCS_ENABLED    1u
#define WCS_WS0        2u
#define WCS_WS1        4u
#define OFFSET_BITS    48
#define REVISION_1     (UINT64_C(1) << 16) /* of the architecture, in W_IIDR: WOR has 48 bits */
#define AGAIN_US       10000
#define LINES_A_SECOND 10

static struct vwatchdog *watchdog_of(const struct device *control)
{
    return (struct vwatchdog *)(void *)((char *)(uintptr_t)control - offsetof(struct vwatchdog, control));
}

static void update_line(struct vwatchdog *dog)
{
    bool level = dog->registers.ws0;

    if (level == dog->line)
        return;
    dog->line = level;
    vgic_set_line(&dog->vm->vcpus[0], VGIC_WATCHDOG, level);
}

/* The first instant at which something happens, or DEADLINE_NONE. */
static uint64_t expiry(const struct vwatchdog *dog)
{
    if (!dog->registers.enabled || dog->registers.ws1 || dog->paused || dog->registers.compare == UINT64_MAX)
        return DEADLINE_NONE;
    return dog->registers.compare + 1;
}

static bool write_line(struct vwatchdog *dog, uint64_t now)
{
    if ((dog->told_at != 0 && now - dog->told_at < arch_counter_hz() / LINES_A_SECOND) ||
        !console_offer(dog->text, strlen(dog->text)))
        return false;
    dog->told_at = now;
    return true;
}

/* A line that can't be written yet is tried again. */
static void expire(struct vwatchdog *dog, uint64_t now)
{
    if (!dog->registers.ws0) {
        dog->registers.ws0 = true;
        dog->registers.compare = now + dog->registers.offset;
        update_line(dog);
    } else if (!dog->vm->config->watchdog_reports) {
        dog->registers.ws1 = true;
        vm_bite(dog->vm);
    } else {
        dog->registers.ws1 = write_line(dog, now);
    }
}

static void timeout_reached(struct deadline *deadline, uint64_t now)
{
    struct vwatchdog *dog = HEAP_ENTRY(deadline, struct vwatchdog, timer.deadline);
    uint64_t soonest = now + us_to_ticks(AGAIN_US), next;

    spin_lock(&dog->lock);
    if (expiry(dog) <= now)
        expire(dog, now);
    next = expiry(dog);
    home_deadline_set(&dog->timer, next > soonest ? next : soonest);
    spin_unlock(&dog->lock);
}

static void watch(struct vwatchdog *dog)
{
    uint64_t when = expiry(dog);

    if (when < dog->timer.at)
        home_deadline_set(&dog->timer, when);
}

void vwatchdog_pause(struct vm *vm, bool paused)
{
    struct vwatchdog *dog = vm->watchdog;
    uint64_t now = arch_counter(), left;

    if (dog == NULL)
        return;
    spin_lock(&dog->lock);
    if (paused && !dog->paused) {
        dog->paused_at = now;
        home_deadline_forget(&dog->timer);
    } else if (!paused && dog->paused) {
        left = UINT64_MAX - dog->registers.compare;
        dog->registers.compare += now - dog->paused_at < left ? now - dog->paused_at : left;
    }
    dog->paused = paused;
    watch(dog);
    spin_unlock(&dog->lock);
}

void vwatchdog_watch(struct vm *vm)
{
    struct vwatchdog *dog = vm->watchdog;

    if (dog == NULL)
        return;
    spin_lock(&dog->lock);
    home_deadline_watch(&dog->timer);
    spin_unlock(&dog->lock);
}

void vwatchdog_leave(struct vm *vm)
{
    struct vwatchdog *dog = vm->watchdog;

    if (dog == NULL)
        return;
    spin_lock(&dog->lock);
    home_deadline_leave(&dog->timer);
    spin_unlock(&dog->lock);
}

/* As if the VM had been paused at 0, until its guest begins. */
static void vwatchdog_reset(struct device *device)
{
    struct vwatchdog *dog = watchdog_of(device);
    uint64_t offset = us_to_ticks((uint64_t)dog->vm->config->watchdog_ms * 1000 / 2);

    spin_lock(&dog->lock);
    home_deadline_forget(&dog->timer);
    dog->registers = (struct vwatchdog_registers){
        .enabled = true, .restarted = dog->vm->by_watchdog, .offset = offset, .compare = offset};
    dog->paused = true;
    dog->paused_at = 0;
    dog->line = false;
    spin_unlock(&dog->lock);
}

static uint64_t read_control(const struct vwatchdog *dog, uint64_t offset)
{
    switch (offset & ~UINT64_C(7)) {
    case WCS:
        return (dog->registers.enabled ? WCS_ENABLED : 0) | (dog->registers.ws0 ? WCS_WS0 : 0) |
               (dog->registers.ws1 || dog->registers.restarted ? WCS_WS1 : 0);
    case WOR:
        return dog->registers.offset;
    case WCV:
        return dog->registers.compare;
    default:
        return 0;
    }
}

/* What is written, with the half of the register that is not. */
static uint64_t merged(uint64_t old, const struct mmio_access *access)
{
    if (access->size == 8)
        return access->value;
    return (access->offset & 4) != 0 ? (old & UINT32_MAX) | access->value << 32
                                     : (old & ~(uint64_t)UINT32_MAX) | (uint32_t)access->value;
}

static void refresh(struct vwatchdog *dog)
{
    dog->registers.compare = arch_counter() + dog->registers.offset;
    dog->registers.ws0 = dog->registers.ws1 = dog->registers.restarted = false;
}

static void write_control(struct vwatchdog *dog, const struct mmio_access *access)
{
    const uint64_t offset_mask = (UINT64_C(1) << OFFSET_BITS) - 1;

    switch (access->offset & ~UINT64_C(7)) {
    case WCS:
        if (access->offset != WCS)
            break;
        dog->registers.enabled = (access->value & WCS_ENABLED) != 0;
        refresh(dog);
        break;
    case WOR:
        dog->registers.offset = merged(dog->registers.offset, access) & offset_mask;
        refresh(dog);
        break;
    case WCV:
        dog->registers.compare = merged(dog->registers.compare, access);
        break;
    default:
        break;
    }
}

static void write_register(struct vwatchdog *dog, const struct mmio_access *access)
{
    if (access->device == &dog->control)
        write_control(dog, access);
    else if (access->offset == WRR)
        refresh(dog);
}

static uint64_t read_register(const struct vwatchdog *dog, const struct mmio_access *access)
{
    uint64_t value = 0;

    if (access->offset == W_IIDR)
        value = REVISION_1;
    else if (access->device == &dog->control && (access->offset != WCS + 4))
        value = read_control(dog, access->offset);
    if (access->size == 8)
        return value;
    return (access->offset & 4) != 0 && access->offset != W_IIDR ? value >> 32 : (uint32_t)value;
}

/* Words, and whole registers of 64 bits. */
static bool has(const struct vwatchdog *dog, const struct mmio_access *access)
{
    return access->size == 4 || (access->size == 8 && access->device == &dog->control &&
                                 (access->offset == WOR || access->offset == WCV));
}

/* False: nothing is written, as another core's timer would have to be set again so soon. */
static bool write_in_time(struct vwatchdog *dog, const struct mmio_access *access)
{
    const struct vwatchdog_registers before = dog->registers;

    write_register(dog, access);
    if (expiry(dog) < dog->timer.at && home_deadline_is_too_soon(&dog->timer)) {
        dog->registers = before;
        return false;
    }
    update_line(dog);
    watch(dog);
    return true;
}

static bool vwatchdog_access(struct vcpu *vcpu, struct mmio_access *access)
{
    struct vwatchdog *dog = vcpu->vm->watchdog;

    if (!has(dog, access))
        return false;
    spin_lock(&dog->lock);
    if (access->write)
        access->again = !write_in_time(dog, access);
    else
        access->value = read_register(dog, access);
    spin_unlock(&dog->lock);
    return true;
}

/* Linux's driver takes `timeout-sec` for its own, unless it is told another. */
static void vwatchdog_describe(const struct device *device, struct tree_writer *writer)
{
    const struct vwatchdog *dog = watchdog_of(device);
    uint32_t seconds = dog->vm->config->watchdog_ms / 1000;

    tree_begin_at(writer, "watchdog", device->base);
    tree_put_string(writer, "compatible", "arm,sbsa-gwdt");
    TREE_PUT_CELLS(writer, "reg", 0, GUEST_WATCHDOG_CONTROL, 0, GUEST_WATCHDOG_SIZE, 0,
                   GUEST_WATCHDOG_REFRESH, 0, GUEST_WATCHDOG_SIZE);
    TREE_PUT_CELLS(writer, "interrupts", TREE_SPI, GUEST_INTID_WATCHDOG - GUEST_INTID_SPIS, TREE_LEVEL_HIGH);
    tree_put_cell(writer, "timeout-sec", seconds != 0 ? seconds : 1);
    tree_end(writer);
}

struct vwatchdog *vwatchdog_create(struct vm *vm)
{
    struct vwatchdog *dog;

    if (vm->config->watchdog_ms == 0)
        return NULL;
    dog = memory_allocate(sizeof(*dog));
    dog->vm = vm;
    dog->lock = (struct spinlock)SPINLOCK_INIT(LOCK_DEVICE);
    home_deadline_init(&dog->timer, vm, timeout_reached);
    snprintf(dog->text, sizeof(dog->text), "%s: its watchdog has expired", vm->config->name);
    dog->control = (struct device){
        .base = GUEST_WATCHDOG_CONTROL,
        .size = GUEST_WATCHDOG_SIZE,
        .access = vwatchdog_access,
        .describe = vwatchdog_describe,
        .reset = vwatchdog_reset,
    };
    dog->refresh = (struct device){
        .base = GUEST_WATCHDOG_REFRESH, .size = GUEST_WATCHDOG_SIZE, .access = vwatchdog_access};
    return dog;
}
