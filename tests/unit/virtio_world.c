// SPDX-License-Identifier: Apache-2.0
#include "virtio_world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "console/console.h"
#include "devices/address_map.h"
#include "devices/vgic.h"
#include "ontime/service.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"

#define VCPUS       2
#define ALLOCATIONS 8
#define BLOCKS      8

static struct system_config config;
static struct vm world_of[WORLD_VMS];
static struct vcpu vcpus[WORLD_VMS][VCPUS];
static struct cpu core;
static void *allocated[ALLOCATIONS];
static unsigned allocations;
static unsigned latched[WORLD_VMS][96], warped[WORLD_VMS][96];
static char line[256];
static bool console_is_full;
static struct world_block blocks[BLOCKS];
static unsigned block_count, blocks_left;

__attribute__((weak)) struct cpu *arch_cpu(void)
{
    return &core;
}

const struct vcpu *world_lender;

void *memory_allocate(size_t size)
{
    assert_true(allocations < ALLOCATIONS);
    allocated[allocations] = calloc(1, size);
    assert_non_null(allocated[allocations]);
    return allocated[allocations++];
}

void vgic_need_spi(struct vm *vm, unsigned intid)
{
    if (vm->vgic.spi_banks < intid / 32)
        vm->vgic.spi_banks = intid / 32;
}

__attribute__((weak)) void vgic_latch_spi(struct vm *vm, unsigned intid, bool urgent, struct vcpu *lender)
{
    unsigned index = (unsigned)(vm - world_of);

    if (lender != NULL)
        world_lender = lender;
    assert_true(index < WORLD_VMS && intid < 96 && intid / 32 <= vm->vgic.spi_banks);
    latched[index][intid]++;
    warped[index][intid] += urgent;
}

bool vgic_wakes(struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

void vcpu_release_timer(struct vcpu *vcpu)
{
    (void)vcpu;
}

__attribute__((weak)) void vcpu_block(struct vcpu *vcpu)
{
    assert_true(vcpu->unit.runnable && vcpu->work == NULL);
    vcpu->unit.runnable = false;
}

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    vcpu->unit.runnable = true;
}

__attribute__((weak)) void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    fail_msg("vCPU %u is on another core: %u", vcpu->index, request);
}

void vm_complain(struct vcpu *vcpu, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(line, sizeof(line), "%s: ", vcpu->vm->config->name);

    va_start(arguments, format);
    vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
    va_end(arguments);
}

bool console_offer(const char *text, size_t length)
{
    assert_int_equal(strlen(text), length);
    if (!console_is_full)
        snprintf(line, sizeof(line), "%s", text);
    return !console_is_full;
}

bool arch_vm_map_shared_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size)
{
    assert_true(block_count < BLOCKS);
    if (blocks_left == 0)
        return false;
    blocks_left--;
    blocks[block_count++] = (struct world_block){vm, guest_address, host_address, size};
    return true;
}

static void make_config(void)
{
    config = (struct system_config){
        .vm_count = WORLD_VMS,
        .vms = {[DRIVER] = {.name = "linux", .memory_base = 0x50000000, .memory_mib = 6},
                [SERVICE] = {.name = "io", .memory_base = 0x40000000, .memory_mib = 2},
                [OTHER] = {.name = "other", .memory_base = 0x40000000, .memory_mib = 0x1002}},
        .virtio_count = WORLD_DEVICES,
        .virtios =
            {[DISK] = {.name = "disk", .kind = "block", .device_id = 2, .window = WORLD_WINDOW_DRIVER},
             [LAN] = {.name = "lan", .kind = "net", .device_id = 1, .window = WORLD_WINDOW_OTHER},
             [SOCKET] = {.name = "sock", .kind = "vsock", .device_id = 19, .window = WORLD_WINDOW_DRIVER}},
    };
    config.virtios[DISK].ends[VIRTIO_DRIVER] = (struct virtio_end){.vm = DRIVER, .index = 0, .warps = true};
    config.virtios[DISK].ends[VIRTIO_SERVICE] = (struct virtio_end){.vm = SERVICE, .index = 0, .warps = true};
    config.virtios[LAN].ends[VIRTIO_DRIVER] = (struct virtio_end){.vm = OTHER, .index = 0};
    config.virtios[LAN].ends[VIRTIO_SERVICE] = (struct virtio_end){.vm = SERVICE, .index = 1};
    config.virtios[SOCKET].ends[VIRTIO_DRIVER] = (struct virtio_end){.vm = DRIVER, .index = 1};
    config.virtios[SOCKET].ends[VIRTIO_SERVICE] = (struct virtio_end){.vm = SERVICE, .index = 2};
}

static void make_vm(unsigned index)
{
    struct vm *vm = &world_of[index];
    const struct vm_config *its = &config.vms[index];

    *vm = (struct vm){.config = its, .index = index, .vcpus = vcpus[index], .vcpu_count = VCPUS};
    for (unsigned i = 0; i < VCPUS; i++)
        vcpus[index][i] = (struct vcpu){
            .vm = vm, .cpu = &core, .index = (uint16_t)i, .on = true, .unit = {.runnable = true}};
    vm->ram[0] = (struct ram_piece){its->memory_base, 0x80000000 + index * 0x1000000, 2 << 20};
    vm->ram_count = 1;
    if (its->memory_mib > 2)
        vm->ram[vm->ram_count++] =
            (struct ram_piece){its->memory_base + (2 << 20), 0xC0000000 + index * 0x1000000,
                               (uint64_t)(its->memory_mib - 2) << 20};
    assert_true(virtio_attach(vm));
}

static void forget(void)
{
    memset(latched, 0, sizeof(latched));
    memset(warped, 0, sizeof(warped));
    line[0] = '\0';
}

void world_reset(void)
{
    fake_reset();
    while (allocations != 0)
        free(allocated[--allocations]);
    make_config();
    block_count = 0;
    blocks_left = BLOCKS;
    console_is_full = false;
    virtio_create(&config);
    for (unsigned i = 0; i < WORLD_VMS; i++)
        make_vm(i);
    for (unsigned i = 0; i < WORLD_VMS; i++)
        world_start(i);
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        (void)service_get(i, ONTIME_SERVICE_PENDING);
    forget();
}

struct vm *world_vm(unsigned vm)
{
    return &world_of[vm];
}

struct vcpu *world_vcpu(unsigned index)
{
    return &vcpus[DRIVER][index];
}

void world_start(unsigned vm)
{
    for (unsigned i = 0; i < VCPUS; i++)
        vcpus[vm][i].on = vcpus[vm][i].unit.runnable = true;
    while (virtio_tell_a_service(&world_of[vm], true))
        ;
}

unsigned world_stop(unsigned vm, bool for_good)
{
    unsigned steps = 0;

    for (unsigned i = 0; i < VCPUS; i++)
        vcpus[vm][i].on = vcpus[vm][i].unit.runnable = false;
    for (; virtio_stop(&world_of[vm], for_good); steps++)
        fake_set_counter(fake_counter() + arch_counter_hz() / 100);
    while (virtio_tell_a_service(&world_of[vm], false))
        ;
    return steps;
}

enum outcome world_access(struct vcpu *vcpu, uint64_t address, unsigned size, bool write, uint64_t *value)
{
    struct mmio_access access = {.size = size, .write = write, .value = *value};

    if (!address_map_access(vcpu, address, &access))
        return FAULT;
    if (access.again)
        return AGAIN;
    *value = access.value;
    return DONE;
}

static uint64_t address_of(unsigned device, enum virtio_side side, unsigned reg)
{
    uint64_t base = side == VIRTIO_DRIVER ? GUEST_VIRTIO_BASE : GUEST_SERVICE_BASE;

    return base + config.virtios[device].ends[side].index * GUEST_VIRTIO_STRIDE + reg;
}

static uint32_t access_to(unsigned device, enum virtio_side side, unsigned reg, bool write, uint32_t value)
{
    uint64_t data = value;
    unsigned vm = config.virtios[device].ends[side].vm;

    assert_int_equal(world_access(&vcpus[vm][0], address_of(device, side, reg), 4, write, &data), DONE);
    return (uint32_t)data;
}

uint32_t driver_get(unsigned device, unsigned reg)
{
    return access_to(device, VIRTIO_DRIVER, reg, false, 0);
}

void driver_put(unsigned device, unsigned reg, uint32_t value)
{
    (void)access_to(device, VIRTIO_DRIVER, reg, true, value);
}

enum outcome driver_try(unsigned vcpu, unsigned device, unsigned reg, bool write, uint32_t value)
{
    uint64_t data = value;

    return world_access(&vcpus[config.virtios[device].ends[VIRTIO_DRIVER].vm][vcpu],
                        address_of(device, VIRTIO_DRIVER, reg), 4, write, &data);
}

uint32_t service_get(unsigned device, unsigned reg)
{
    return access_to(device, VIRTIO_SERVICE, reg, false, 0);
}

void service_put(unsigned device, unsigned reg, uint32_t value)
{
    (void)access_to(device, VIRTIO_SERVICE, reg, true, value);
}

static unsigned take_count(unsigned *count)
{
    unsigned was = *count;

    *count = 0;
    return was;
}

unsigned world_latched(unsigned vm, unsigned intid)
{
    return take_count(&latched[vm][intid]);
}

unsigned world_warped(unsigned vm, unsigned intid)
{
    return take_count(&warped[vm][intid]);
}

bool world_waits(unsigned vcpu)
{
    return !vcpus[DRIVER][vcpu].unit.runnable;
}

void world_interrupt(unsigned vcpu)
{
    vcpu_wake(&vcpus[DRIVER][vcpu]);
}

const char *world_line(void)
{
    static char last[sizeof(line)];

    memcpy(last, line, sizeof(line));
    line[0] = '\0';
    return last;
}

void world_fill_console(bool full)
{
    console_is_full = full;
}

unsigned world_blocks(const struct world_block **found)
{
    *found = blocks;
    return block_count;
}

void world_limit_blocks(unsigned most)
{
    blocks_left = most;
}
