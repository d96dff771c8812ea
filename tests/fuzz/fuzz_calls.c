// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for what a guest can call: any function with any arguments, from any of seven vCPUs in
 * three VMs, one of which may control the others, while time passes, the console is full or not, and the
 * guests write into their deadline pages. Dispatcher, precise timers, power and policy are the real ones; the
 * sanitizers and the invariants of debug builds say what is wrong.
 *
 * An input is a row of operations, a letter with its arguments:
 *   c F A A A  the vCPU that has the CPU calls function number F of the table below with four arguments
 *   r N A A A  the same with the function number N, of 4 bytes
 *   w A V      the guest writes a word of 8 bytes
 *   t N        N slices of 20,000 ticks pass
 *   f N        the console has room, or is full
 * Any other byte is a step of the dispatcher. An argument is a byte that says what it is, and what it needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "base/arch.h"
#include "bytes.h"
#include "devices/control.h"
#include "devices/hypercall.h"
#include "devices/observer.h"
#include "devices/vgic.h"
#include "devices/vuart.h"
#include "ontime/abi.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/power.h"
#include "vm_world.h"

#define VMS            3
#define OPERATIONS_MAX 2000
#define RECORDS        64

static struct vm_config configs[VMS];
static struct observer observers[SYSTEM_MAX_VCPUS];
static struct control controls[SYSTEM_MAX_VCPUS];
static struct ontime_trace_record records[RECORDS];
static const uint8_t kernel[4096] = {1};

static const uint32_t functions[] = {
    ONTIME_CALL_VM_INFO,
    ONTIME_CALL_VCPU_INFO,
    ONTIME_CALL_VM_POWER,
    ONTIME_CALL_VM_SET,
    ONTIME_CALL_CONSOLE_READ,
    ONTIME_CALL_CONSOLE_WRITE,
    ONTIME_CALL_TRACE_READ,
    ONTIME_CALL_UID,
    ONTIME_CALL_REVISION,
    ONTIME_CALL_FEATURES,
    ONTIME_CALL_ARM,
    ONTIME_CALL_CANCEL,
    ONTIME_CALL_DONE,
    ONTIME_CALL_QUERY,
    ONTIME_CALL_PAGE,
    ONTIME_CALL_STAT,
    ONTIME_CALL_MARK,
    ONTIME_CALL_TRACE,
    0x84000000,
    0x84000001,
    0x84000002,
    0x84000003,
    0x84000004,
    0x84000006,
    0x84000008,
    0x84000009,
    0x8400000A,
    0xC4000001,
    0xC4000003,
    0xC4000004,
    0x80000000,
    0x80000001,
    0xC5000020,
    0xC5000021,
    0x84000012,
    0xC400000E,
    0x80008000,
    0x80007FFF,
    0x80003FFF,
    ONTIME_CALL_HAND_ON,
};

/* The virtual GIC has a fuzzer of its own: here nothing is ever pending. */
bool vgic_wakes(struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

bool vgic_has_spi_to_take(struct vcpu *vcpu)
{
    return vgic_wakes(vcpu);
}

bool vgic_has_deliverable(struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

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

/* A machine that needs none of the workarounds. */
int32_t arch_workaround(uint32_t workaround)
{
    (void)workaround;
    return -1;
}

void arch_workaround_call(uint32_t workaround)
{
    (void)workaround;
}

static struct vm *create(unsigned index, enum timer_mode timers, unsigned vcpus, bool observer)
{
    static const unsigned pieces[] = {2};
    struct vm_config *config = &configs[index];
    struct vm *vm;

    *config = (struct vm_config){.memory_base = GUEST_RAM_BASE,
                                 .memory_mib = 2,
                                 .vcpus = vcpus,
                                 .weight = index + 1,
                                 .timers = timers,
                                 .warp_us = 15000,
                                 .warp_limit_us = 5000,
                                 .observer = observer,
                                 .kernel = {kernel, sizeof(kernel)},
                                 .load_address = GUEST_RAM_BASE,
                                 .entry = GUEST_RAM_BASE,
                                 .bootargs = ""};
    snprintf(config->name, sizeof(config->name), "vm%u", index);
    world_pieces(pieces);
    vm = vm_create(config, &world_hooks);
    for (unsigned i = 0; observer && i < vcpus; i++)
        vm->vcpus[i].observer = &observers[i];
    for (unsigned i = 0; index == 0 && i < vcpus; i++)
        vm->vcpus[i].control = &controls[i];
    vm->uart = vuart_create(vm);
    vuart_keep_history(vm->uart);
    return vm;
}

static void make_world(void)
{
    world_reset();
    world_cpu.up = true;
    memset(observers, 0, sizeof(observers));
    memset(controls, 0, sizeof(controls));
    memset(records, 0, sizeof(records));
    trace_init(&world_cpu.trace, records, sizeof(records));
    vm_start(create(0, TIMERS_PRECISE, 2, true));
    vm_start(create(1, TIMERS_WAKE, 1, false));
    vm_start(create(2, TIMERS_SNOOP, 4, true));
}

static uint64_t take_argument(struct bytes *bytes)
{
    unsigned kind = (unsigned)take(bytes, 1);

    switch (kind & 7) {
    case 0:
        return kind >> 3;
    case 1: /* near now */
        return arch_counter() + take(bytes, 3) - 0x10000;
    case 2: /* in RAM, or right before or behind it */
        return GUEST_RAM_BASE + take(bytes, 2) * 64 - 4096;
    case 3:
        return take(bytes, 4);
    case 4:
        return UINT64_MAX - (kind >> 3);
    default:
        return take(bytes, 8);
    }
}

/* The vCPU whose guest executes now, or NULL. */
static struct vcpu *running(void)
{
    struct vcpu *vcpu = world_cpu.current;

    return vcpu != NULL && vcpu == world_cpu.loaded && vcpu->on && vcpu->work == NULL ? vcpu : NULL;
}

static void call(struct bytes *bytes, uint32_t function)
{
    struct vcpu *vcpu = running();
    uint64_t arguments[4];

    for (unsigned i = 0; i < 4; i++)
        arguments[i] = take_argument(bytes);
    if (vcpu == NULL)
        return;
    vcpu->arch.regs.x[0] = function;
    memcpy(&vcpu->arch.regs.x[1], arguments, sizeof(arguments));
    if (hypercall_is_vendors(vcpu))
        vcpu->arch.regs.x[0] = (uint64_t)hypercall_vendor(vcpu);
    else
        hypercall_standard(vcpu);
}

static void guest_writes(struct bytes *bytes)
{
    struct vcpu *vcpu = running();
    uint64_t address = take_argument(bytes) & ~UINT64_C(7);
    uint64_t value = take_argument(bytes);
    uint64_t size;
    uint8_t *host = vcpu != NULL ? vm_ram_at(vcpu->vm, address, &size) : NULL;

    if (host != NULL)
        memcpy(host, &value, sizeof(value));
}

static void step(struct bytes *bytes)
{
    switch (take(bytes, 1)) {
    case 'c':
        call(bytes, functions[take_below(bytes, sizeof(functions) / sizeof(functions[0]))]);
        break;
    case 'r':
        call(bytes, (uint32_t)take(bytes, 4));
        break;
    case 'w':
        guest_writes(bytes);
        break;
    case 't':
        fake_set_counter(fake_counter() + WORLD_SLICE * take(bytes, 1));
        arch_interrupts_handle();
        break;
    case 'f':
        world_console_full = take_below(bytes, 2) != 0;
        break;
    default:
        world_step();
    }
    world_line_count = 0;
}

/* From the first instruction of the guests on: loading takes many steps. */
static void run(void *argument)
{
    struct bytes *bytes = argument;

    for (unsigned i = 0; i < 1000 && noted.images_changed < VMS; i++)
        world_step();
    for (unsigned i = 0; i < OPERATIONS_MAX && bytes->left != 0; i++)
        step(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};

    make_world();
    (void)world_ends(run, &bytes);
    return 0;
}
