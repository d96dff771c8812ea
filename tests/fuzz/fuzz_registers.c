// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for the guest's UART, clock and watchdog: a guest with two vCPUs, the second of which
 * stays on a core of its own, writes whatever comes to any of their registers, while time passes, the first
 * goes from core to core, and the VM is paused and restarted. The sanitizers and the invariants of debug
 * builds say what is wrong; and that an interrupt is not what the registers say, that the watchdog's timer
 * comes too late, or that timers and messages come more often than so many times for each operation.
 *
 * An input begins with the watchdog's time and what it does, a byte each. Then come operations, a byte each
 * with its arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "base/units.h"
#include "bytes.h"
#include "devices/vgic.h"
#include "devices/vrtc.h"
#include "devices/vuart.h"
#include "devices/vwatchdog.h"
#include "vm/cpu.h"
#include "vm/messages.h"
#include "vm/power.h"

#define OPERATIONS_MAX 1024
#define HZ             1000000
#define AGAIN          10000 /* of devices/vwatchdog.c and devices/home_deadline.h, ticks */
#define BOOT           5000
#define CORES          2
#define SLOTS          4

static struct cpu cores[CORES];
static struct heap_node *queue_slots[CORES][SLOTS];
static struct vm_config config;
static struct vcpu vcpus[2];
static struct vm vm;
static unsigned here;

static struct {
    bool lines[GUEST_INTID_WATCHDOG + 1];
    bool is_told; /* the first vCPU has a message */
    bool bitten, paused, full;
    unsigned fired, messages, operations;
} seen;

struct cpu *arch_cpu(void)
{
    return &cores[here];
}

static void be_on(unsigned core)
{
    here = core;
    fake_set_cpu(core);
}

void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level)
{
    assert_true(vcpu->vm == &vm && intid <= GUEST_INTID_WATCHDOG);
    assert_true(level != seen.lines[intid]); /* told of changes only */
    seen.lines[intid] = level;
}

void vm_bite(struct vm *bitten)
{
    assert_ptr_equal(bitten, &vm);
    assert_false(seen.paused);
    seen.bitten = true;
}

void vcpu_send(struct vcpu *to, uint32_t request)
{
    assert_ptr_equal(to, &vcpus[0]);
    assert_int_equal(request, VCPU_ALARM);
    seen.is_told = true;
    seen.messages++;
}

bool console_offer(const char *line, size_t length)
{
    assert_true(strlen(line) == length);
    return !seen.full;
}

bool console_has_room(void)
{
    return !seen.full;
}

bool console_put(struct console_source *source, char c)
{
    (void)source, (void)c;
    return !seen.full;
}

void console_add(struct console_source *source, const char *name, console_deliver *deliver)
{
    (void)source, (void)name, (void)deliver;
}

void *memory_allocate(size_t size)
{
    void *memory = calloc(1, size);

    assert_non_null(memory);
    return memory;
}

static void slice_ended(struct deadline *deadline, uint64_t now)
{
    (void)deadline, (void)now;
    fail();
}

/* As devices/devices.c does it at a reset, and vm/power.c when the guest begins. */
static void start(void)
{
    vm.by_watchdog = seen.bitten;
    seen.bitten = seen.paused = false;
    memset(seen.lines, 0, sizeof(seen.lines));
    vm.uart->device.reset(&vm.uart->device);
    vm.rtc->device.reset(&vm.rtc->device);
    vm.watchdog->control.reset(&vm.watchdog->control);
    vwatchdog_pause(&vm, false);
}

static void begin(struct bytes *bytes)
{
    fake_reset();
    fake_set_hz(HZ);
    fake_set_counter(BOOT);
    memset(&seen, 0, sizeof(seen));
    memset(cores, 0, sizeof(cores));
    for (unsigned i = 0; i < CORES; i++) {
        be_on(i);
        deadline_queue_init(&cores[i].deadlines, queue_slots[i], 0, SLOTS, slice_ended);
    }
    be_on(0);
    config = (struct vm_config){.name = "alpha", .watchdog_ms = 10u << take_below(bytes, 8)};
    config.watchdog_reports = take_below(bytes, 2) != 0;
    vm = (struct vm){.vcpus = vcpus, .vcpu_count = 2, .config = &config};
    for (unsigned i = 0; i < 2; i++)
        vcpus[i] = (struct vcpu){.vm = &vm, .index = (uint16_t)i, .cpu = &cores[i]};
    vrtc_init(1767225600, BOOT);
    vm.uart = vuart_create(&vm);
    vuart_keep_history(vm.uart);
    vm.rtc = vrtc_create(&vm);
    vm.watchdog = vwatchdog_create(&vm);
    start();
}

static void finish(void)
{
    free(vm.uart->history);
    free(vm.uart);
    free(vm.rtc);
    free(vm.watchdog);
}

static bool is_home(void)
{
    return vcpus[0].cpu != NULL;
}

static void go_home(void)
{
    be_on(vcpus[0].cpu == &cores[1]);
}

/* Comparators' interrupts are taken, those of a core together. */
static void pass(uint64_t ticks)
{
    uint64_t until = fake_counter() + ticks;

    for (;;) {
        uint64_t first = until;
        unsigned core = CORES;

        for (unsigned i = 0; i < CORES; i++) {
            be_on(i);
            if (fake_comparator() <= first) {
                first = fake_comparator();
                core = i;
            }
        }
        if (core == CORES)
            break;
        be_on(core);
        if (first > fake_counter())
            fake_set_counter(first);
        deadline_queue_run(&cores[core].deadlines, fake_counter());
        seen.fired++;
    }
    fake_set_counter(until);
}

/* A value of its own, or one near the counter's. */
static uint64_t any_value(struct bytes *bytes, unsigned size)
{
    unsigned how = (unsigned)take(bytes, 1);

    if (how < 64)
        return fake_counter() + how;
    return how < 128 ? how - 64 : take(bytes, size);
}

static struct device *device_of(unsigned which)
{
    switch (which) {
    case 0:
        return &vm.uart->device;
    case 1:
        return &vm.rtc->device;
    case 2:
        return &vm.watchdog->control;
    default:
        return &vm.watchdog->refresh;
    }
}

static void access_register(struct bytes *bytes, unsigned operation)
{
    unsigned vcpu = is_home() ? operation >> 4 & 1 : 1, how = (unsigned)take(bytes, 1);
    struct mmio_access access = {.device = device_of(how & 3), .write = (operation & 32) != 0};

    access.size = (how & 4) != 0 ? 4 : 1u << (how >> 3 & 3);
    access.offset = (operation & 64) != 0 ? take(bytes, 2) % GUEST_UART_SIZE : (how >> 5) * 4u;
    access.offset &= ~(uint64_t)(access.size - 1);
    if (access.write)
        access.value = any_value(bytes, access.size);
    if (access.size < 8)
        access.value &= (UINT64_C(1) << 8 * access.size) - 1;
    be_on(vcpu == 0 && vcpus[0].cpu == &cores[0] ? 0 : 1);
    (void)access.device->access(&vcpus[vcpu], &access);
    assert_true(!access.again || vcpu == 1);
}

/* The first vCPU takes its message, leaves its core, or comes to one. */
static void move(unsigned operation)
{
    if (is_home() && (operation & 16) != 0) {
        go_home();
        vrtc_leave_alarm(&vm);
        vwatchdog_leave(&vm);
        vcpus[0].cpu = NULL;
        return;
    }
    if (!is_home())
        vcpus[0].cpu = &cores[operation >> 5 & 1];
    go_home();
    seen.is_told = false;
    vrtc_watch_alarm(&vm);
    vwatchdog_watch(&vm);
}

static void manage(unsigned operation)
{
    if (!is_home())
        return;
    go_home();
    if ((operation & 16) != 0 || seen.bitten) {
        start();
        return;
    }
    seen.paused = !seen.paused;
    vwatchdog_pause(&vm, seen.paused);
}

static void step(struct bytes *bytes)
{
    static const uint8_t text[VUART_FIFO];
    unsigned operation = (unsigned)take(bytes, 1);

    switch (operation & 15) {
    case 0:
        manage(operation);
        break;
    case 1:
        move(operation);
        break;
    case 2:
        seen.full = (operation & 16) != 0;
        break;
    case 3:
        (void)vuart_type(vm.uart, text, (operation & 16) != 0 ? VUART_FIFO : operation >> 5);
        break;
    case 4:
    case 5:
    case 6:
        pass(take(bytes, 2) << (operation >> 4 & 3));
        break;
    default:
        access_register(bytes, operation);
        break;
    }
}

/* Its timer comes when it expires, or when it has come lately, or a message is on its way, a little later. */
static void check_watchdog(struct vwatchdog *dog)
{
    const struct vwatchdog_registers *registers = &dog->registers;

    assert_false(spin_is_held(&dog->lock));
    assert_true(seen.lines[VGIC_WATCHDOG] == registers->ws0);
    assert_true(registers->ws0 || !registers->ws1);
    assert_true(!dog->paused || dog->timer.at == DEADLINE_NONE);
    if (is_home() && !seen.is_told)
        assert_true(deadline_when(&dog->timer.deadline) == dog->timer.at);
    if (dog->paused || !registers->enabled || registers->ws1 || registers->compare == UINT64_MAX)
        return;
    assert_true(dog->timer.at <= fake_counter() + AGAIN || dog->timer.at <= registers->compare + 1);
}

static void check(void)
{
    uint64_t times = (fake_counter() - BOOT) / AGAIN + 1;

    assert_false(spin_is_held(&vm.uart->lock));
    assert_true(seen.lines[VGIC_UART] == ((vm.uart->raw & vm.uart->mask) != 0));
    assert_true(vm.uart->fifo_count <= VUART_FIFO);
    assert_false(spin_is_held(&vm.rtc->lock));
    assert_true(seen.lines[VGIC_RTC] == (vm.rtc->raw && vm.rtc->mask));
    check_watchdog(vm.watchdog);
    assert_true(seen.fired <= times + 2 * seen.operations);
    assert_true(seen.messages <= 2 * times);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};

    begin(&bytes);
    while (bytes.left != 0 && seen.operations < OPERATIONS_MAX) {
        seen.operations++;
        step(&bytes);
        check();
    }
    finish();
    return 0;
}
