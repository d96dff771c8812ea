/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's devices as they are made and reset, with the real virtual GIC, UART, stolen time and device tree:
 * what is mapped for the guest, what its tree says, what happens when memory runs out, and that a reset
 * leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "base/seeds.h"
#include "console/console.h"
#include "devices/address_map.h"
#include "devices/devices.h"
#include "devices/dma.h"
#include "devices/flash.h"
#include "devices/guest_tree.h"
#include "devices/stolen_time.h"
#include "devices/vgic.h"
#include "devices/vrtc.h"
#include "devices/vwatchdog.h"
#include "devices/vuart.h"
#include "fake_gic.h"
#include "one_core.h"
#include "random.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/power.h"

#define VCPUS       3
#define GICV_PAGE   0x8040000
#define RECORD      64
#define ROUNDS      100
#define CPU         "arm,cortex-a72"
#define ALLOCATIONS 7

static struct gic_driver driver;
static struct vm_config config;
static struct vm vm;
static struct vcpu vcpus[VCPUS + 1]; /* the last one is nobody's */
static uint64_t interface_page;      /* of the machine's GIC; 0: it has none */
static void *allocated[ALLOCATIONS];
static unsigned allocations;

static struct {
    uint64_t guest, host;
    unsigned calls;
    bool fails;
} device_page, readonly_page;

static const struct console_source *console_source;

void *memory_allocate(size_t size)
{
    assert_true(allocations < ALLOCATIONS);
    allocated[allocations] = aligned_alloc(MEMORY_PAGE, (size + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1));
    assert_non_null(allocated[allocations]);
    memset(allocated[allocations], 0, size);
    return allocated[allocations++];
}

bool arch_vm_map_device_page(struct vm *of, uint64_t guest_address, uint64_t host_address)
{
    assert_ptr_equal(of, &vm);
    device_page.calls++;
    device_page.guest = guest_address;
    device_page.host = host_address;
    return !device_page.fails;
}

bool arch_vm_map_readonly_page(struct vm *of, uint64_t guest_address, uint64_t host_address)
{
    assert_ptr_equal(of, &vm);
    readonly_page.calls++;
    readonly_page.guest = guest_address;
    readonly_page.host = host_address;
    return !readonly_page.fails;
}

bool dma_step(struct vm *of, bool up)
{
    (void)of, (void)up;
    return false;
}

bool arch_vm_map_shared_page(struct vm *of, uint64_t guest_address, uint64_t host_address, bool read_only,
                             bool uncached)
{
    (void)of, (void)guest_address, (void)host_address, (void)read_only, (void)uncached;
    fail_msg("there are no links");
    return false;
}

bool arch_vm_map_shared_ram(struct vm *of, uint64_t guest_address, uint64_t host_address, uint64_t size)
{
    (void)of, (void)guest_address, (void)host_address, (void)size;
    fail_msg("there are no virtio devices");
    return false;
}

void vcpu_block(struct vcpu *vcpu)
{
    fail_msg("vCPU %u waits", vcpu->index);
}

void vm_complain(struct vcpu *vcpu, const char *format, ...)
{
    fail_msg("vCPU %u: %s", vcpu->index, format);
}

static char offered[128];
static bool has_room;

bool console_offer(const char *line, size_t length)
{
    assert_true(length < sizeof(offered));
    if (has_room)
        memcpy(offered, line, length);
    return has_room;
}

void arch_memory_clean(const void *memory, uint64_t size)
{
    (void)memory, (void)size;
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu)
{
    (void)vcpu;
    return false;
}

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    fail_msg("vCPU %u woken", vcpu->index);
}

void vcpu_release_timer(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_give_work(struct vcpu *vcpu)
{
    fail_msg("vCPU %u given work", vcpu->index);
}

void vcpu_lend_warp(struct vcpu *lender, struct vcpu *to)
{
    (void)lender;
    (void)to;
}

bool vcpu_give_way(struct vcpu *vcpu, struct vcpu *other)
{
    (void)vcpu, (void)other;
    return false;
}

void console_add(struct console_source *source, const char *name, console_deliver *deliver)
{
    assert_non_null(deliver);
    assert_string_equal(name, "alpha");
    console_source = source;
}

bool console_put(struct console_source *source, char c)
{
    (void)source, (void)c;
    return true;
}

bool console_has_room(void)
{
    return true;
}

static uint64_t guest_interface(void)
{
    return interface_page;
}

static void reset_machine(unsigned version)
{
    fake_reset();
    fake_gic_reset(version, 4);
    driver = *gic;
    driver.guest_interface = guest_interface;
    gic = &driver;
    interface_page = version == 2 ? GICV_PAGE : 0;
    while (allocations != 0)
        free(allocated[--allocations]);
    memset(&device_page, 0, sizeof(device_page));
    memset(&readonly_page, 0, sizeof(readonly_page));
    memset(offered, 0, sizeof(offered));
    has_room = true;
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    console_source = NULL;
    config = (struct vm_config){.name = "alpha",
                                .memory_base = GUEST_RAM_BASE,
                                .memory_mib = 64,
                                .vcpus = VCPUS,
                                .timers = TIMERS_WAKE,
                                .bootargs = "quiet"};
    vm.config = &config;
    vm.vcpus = vcpus;
    vm.vcpu_count = VCPUS;
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i].vm = &vm;
        vcpus[i].index = (uint16_t)i;
        vcpus[i].cpu = &one_core;
    }
}

static int setup(void **state)
{
    (void)state;
    reset_machine(3);
    vrtc_init(1000, 0);
    return 0;
}

/* A piece at a time, without a lock between. */
static void reset_all(void)
{
    while (devices_hooks.reset_vm(&vm))
        assert_false(spin_is_held(&vm.vgic.lock));
}

static bool create(void)
{
    return devices_create(&vm) && devices_finish(&vm, CPU, true);
}

static const char *tree_string(const char *path, const char *property)
{
    const char *text = fdt_getprop(vm.tree.data, fdt_path_offset(vm.tree.data, path), property, NULL);

    return text != NULL ? text : "(none)";
}

static void nothing_is_left_to_ask(void **state)
{
    (void)state;
    assert_ptr_equal(devices_hooks.wakes, vgic_wakes);
    assert_ptr_equal(devices_hooks.timer_expired, vgic_timer_expired);
    assert_ptr_equal(devices_hooks.stolen, stolen_time_publish);
    assert_non_null(devices_hooks.reset_vcpu);
    assert_non_null(devices_hooks.reset_vm);
}

static void a_guest_with_virtio_devices_keeps_its_tick(void **state)
{
    static struct vm with_virtio;
    static struct vcpu vcpu = {.vm = &with_virtio};

    (void)state;
    with_virtio.virtio = (struct vm_virtio *)(void *)&vcpu;
    assert_false(devices_hooks.defer_timer(&vcpu));
    assert_int_equal(vcpu.vgic.own.deferred, 0);
    with_virtio.virtio = NULL;
    assert_true(devices_hooks.defer_timer(&vcpu));
    assert_int_not_equal(vcpu.vgic.own.deferred, 0);
}

static void a_guest_has_a_page_of_stolen_time(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(create());
    assert_int_equal(readonly_page.calls, 1);
    assert_int_equal(readonly_page.guest, 0x090A0000);
    assert_int_equal(readonly_page.host, (uintptr_t)vm.stolen_page);
    assert_int_equal(readonly_page.host % MEMORY_PAGE, 0);
    fake_set_hz(1000000000);
    stolen_time_init();
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i].stats[ONTIME_STAT_STOLEN_TICKS] = 77 + i;
        devices_hooks.stolen(&vcpus[i]);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_ptr_equal(vcpus[i].stolen_time, vm.stolen_page + i * RECORD);
        memcpy(&value, vm.stolen_page + i * RECORD + 8, sizeof(value));
        assert_int_equal(value, 77 + i);
    }
    assert_null(vcpus[VCPUS].stolen_time);
}

static void a_gicv3_is_made_of_system_registers(void **state)
{
    (void)state;
    assert_true(create());
    assert_int_equal(device_page.calls, 0);
    assert_string_equal(tree_string("/intc@8000000", "compatible"), "arm,gic-v3");
}

static void a_gicv2_has_a_page_of_the_machines(void **state)
{
    (void)state;
    reset_machine(2);
    assert_true(create());
    assert_int_equal(device_page.calls, 1);
    assert_int_equal(device_page.guest, 0x08010000);
    assert_int_equal(device_page.host, GICV_PAGE);
    assert_string_equal(tree_string("/intc@8000000", "compatible"), "arm,cortex-a15-gic");
}

static void a_guest_has_a_tree_of_its_own(void **state)
{
    (void)state;
    assert_true(create());
    assert_int_equal(fdt_check_full(vm.tree.data, vm.tree.size), 0);
    assert_int_equal(fdt_totalsize(vm.tree.data), vm.tree.size);
    assert_string_equal(tree_string("/cpus/cpu@2", "compatible"), CPU);
    assert_string_equal(tree_string("/chosen", "bootargs"), "quiet");
}

static const uint8_t *tree_seed(const char *property, int wanted)
{
    int length;
    const void *bytes =
        fdt_getprop(vm.tree.data, fdt_path_offset(vm.tree.data, "/chosen"), property, &length);

    assert_int_equal(bytes == NULL ? 0 : length, wanted);
    return bytes;
}

/* The seeds of each boot are a block of the VM's stream: what one VM is told says nothing of another's. */
static void seeds_are_of_the_vm_and_its_boot(void **state)
{
    struct seed_stream stream;
    uint8_t block[SEED_BLOCK];

    (void)state;
    assert_true(create());
    seed_stream_init(&stream, "guest", "alpha");
    for (uint32_t boot = 0; boot < 3; boot++) {
        seed_stream_block(&stream, boot, block);
        assert_memory_equal(tree_seed("kaslr-seed", 8), block, 8);
        assert_memory_equal(tree_seed("rng-seed", 32), block + 8, 32);
        assert_int_equal(fdt_check_full(vm.tree.data, vm.tree.size), 0);
        reset_all(); /* the tree has been copied */
    }
}

/* A guest takes its rng-seed for hard to guess. */
static void without_entropy_there_is_no_rng_seed(void **state)
{
    uint8_t first[8];

    (void)state;
    assert_true(devices_create(&vm) && devices_finish(&vm, CPU, false));
    assert_null(tree_seed("rng-seed", 0));
    memcpy(first, tree_seed("kaslr-seed", 8), 8);
    reset_all();
    assert_memory_not_equal(tree_seed("kaslr-seed", 8), first, 8);
}

static void without_a_clock_of_the_machines_a_guest_has_none(void **state)
{
    (void)state;
    reset_machine(3);
    assert_true(create());
    assert_null(vm.rtc);
    assert_string_equal(tree_string("/pl031@9010000", "compatible"), "(none)");
    reset_all();
}

static void a_guest_has_a_clock(void **state)
{
    struct mmio_access read = {.offset = 0, .size = 4};

    (void)state;
    assert_true(create());
    assert_ptr_equal(vm.rtc->vm, &vm);
    assert_string_equal(tree_string("/pl031@9010000", "compatible"), "arm,pl031");
    assert_true(vm.rtc->device.access(&vcpus[0], &read));
    assert_int_equal(read.value, 1000);
    vm.rtc->mask = vm.rtc->raw = vm.rtc->line = true;
    reset_all();
    assert_false(vm.rtc->mask || vm.rtc->raw || vm.rtc->line);
}

void vm_bite(struct vm *bitten)
{
    (void)bitten;
    fail();
}

/* The hooks that the VM's power calls reach it, and its tree describes it. */
static void a_guest_may_have_a_watchdog(void **state)
{
    static struct heap_node *queue_slots[2];
    struct mmio_access read = {.offset = 0, .size = 4};

    (void)state;
    config.watchdog_ms = 30500;
    deadline_queue_init(&one_core.deadlines, queue_slots, 0, 2, NULL);
    assert_true(create());
    assert_string_equal(tree_string("/watchdog@90d0000", "compatible"), "arm,sbsa-gwdt");
    assert_true(address_map_access(&vcpus[0], GUEST_WATCHDOG_CONTROL, &read));
    assert_ptr_equal(read.device, &vm.watchdog->control);
    assert_int_equal(read.value, 1);
    devices_hooks.pause(&vm, false);
    assert_true(deadline_is_armed(&vm.watchdog->timer.deadline));
    devices_hooks.alarm_off(&vm);
    assert_false(deadline_is_armed(&vm.watchdog->timer.deadline));
    devices_hooks.alarm(&vm);
    assert_true(deadline_is_armed(&vm.watchdog->timer.deadline));
    reset_all();
    assert_false(deadline_is_armed(&vm.watchdog->timer.deadline));
}

static void a_guest_has_a_uart_on_the_console(void **state)
{
    (void)state;
    assert_true(create());
    assert_ptr_equal(console_source, &vm.uart->console);
    assert_ptr_equal(vm.uart->vm, &vm);
    assert_non_null(vm.uart->device.describe);
}

static void expect_new(unsigned version)
{
    struct vgic_spis spis;
    struct vgic vgic = {.spi_banks = 1, .spis = &spis};
    struct vgic_vcpu vgic_vcpu;

    assert_int_equal(gic->version, version);
    vgic_init(&vgic, VCPUS);
    vgic_vcpu_init(&vgic_vcpu);
    assert_memory_equal(vm.vgic.enabled, vgic.enabled, sizeof(vgic) - offsetof(struct vgic, enabled));
    assert_int_equal(vm.vgic.spi_banks, 1);
    assert_memory_equal(vm.vgic.spis, &spis, sizeof(spis));
    assert_false(spin_is_held(&vm.vgic.lock));
    for (unsigned i = 0; i < VCPUS; i++)
        assert_memory_equal(&vcpus[i].vgic, &vgic_vcpu, sizeof(vgic_vcpu));
    assert_false(vcpus[VCPUS].vgic.asleep);
    assert_int_equal(vm.uart->fifo_count | vm.uart->raw | vm.uart->mask, 0);
    assert_int_equal(vm.uart->control, 0x300);
}

static void scribble(struct random *random, void *memory, size_t size)
{
    uint8_t *byte = memory;

    while (size-- != 0)
        *byte++ = (uint8_t)random_below(random, 256);
}

static void a_reset_leaves_nothing_behind(void **state)
{
    struct random random = {1};

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned version = 2 + round % 2;

        reset_machine(version);
        assert_true(create());
        expect_new(version);
        scribble(&random, vm.vgic.enabled, sizeof(vm.vgic) - offsetof(struct vgic, enabled));
        scribble(&random, vm.vgic.spis, sizeof(vm.vgic.spis[0]));
        for (unsigned i = 0; i < VCPUS; i++)
            scribble(&random, &vcpus[i].vgic, sizeof(vcpus[i].vgic));
        vm.uart->fifo_count = vm.uart->raw = vm.uart->mask = vm.uart->control = 3;
        reset_all();
        for (unsigned i = 0; i < VCPUS; i++)
            devices_hooks.reset_vcpu(&vcpus[i]);
        expect_new(version);
    }
}

static unsigned banks_with(uint32_t enabled)
{
    unsigned count = 0;

    for (unsigned i = 0; i < vm.vgic.spi_banks; i++)
        count += vm.vgic.spis[i].bank.enabled == enabled;
    return count;
}

/* No step is longer because the VM has many SPIs; what says which banks are busy comes after them. */
static void banks_are_reset_one_by_one(void **state)
{
    (void)state;
    vm.vgic.spi_banks = VGIC_MAX_SPI_BANKS;
    assert_true(create());
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < VGIC_MAX_SPI_BANKS; i++)
            vm.vgic.spis[i].bank.enabled = 5;
        vm.vgic.busy = 6;
        assert_true(devices_hooks.reset_vm(&vm));
        for (unsigned i = 0; i < VGIC_MAX_SPI_BANKS; i++) {
            assert_int_equal(banks_with(0), i);
            assert_int_equal(banks_with(5), VGIC_MAX_SPI_BANKS - i);
            assert_true(devices_hooks.reset_vm(&vm));
        }
        assert_int_equal(vm.vgic.busy, 6);
        assert_true(devices_hooks.reset_vm(&vm));
        assert_int_equal(vm.vgic.busy, 0);
        assert_false(devices_hooks.reset_vm(&vm));
        assert_int_equal(banks_with(0), VGIC_MAX_SPI_BANKS);
    }
}

static void a_vcpu_is_reset_alone(void **state)
{
    (void)state;
    assert_true(create());
    vcpus[0].vgic.own.enabled = 5;
    vcpus[1].vgic.own.enabled = 6;
    vm.vgic.spis->bank.enabled = 7;
    vm.uart->mask = 8;
    devices_hooks.reset_vcpu(&vcpus[1]);
    assert_int_equal(vcpus[1].vgic.own.enabled, 0);
    assert_int_equal(vcpus[0].vgic.own.enabled, 5);
    assert_int_equal(vm.vgic.spis->bank.enabled, 7);
    assert_int_equal(vm.uart->mask, 8);
}

#define NOISY 3 /* devices of the machine's that can be silenced */

static unsigned steps[NOISY], steps_needed[NOISY];
static unsigned now_silent; /* the devices come one after the other */

static bool become_silent(const struct device *device, unsigned step)
{
    unsigned n = (unsigned)(device->base >> 12) - 0x20000;

    assert_int_equal(n, now_silent);
    assert_int_equal(step, steps[n]);
    steps[n]++;
    now_silent += steps[n] == steps_needed[n];
    return steps[n] == steps_needed[n];
}

/* Three, and one between that has no such hook. */
static void make_noisy(struct device *devices)
{
    assert_true(create());
    now_silent = 0;
    memset(steps, 0, sizeof(steps));
    for (unsigned i = 0; i < NOISY; i++) {
        devices[i] =
            (struct device){.base = 0x20000000 + i * 0x1000, .size = 0x1000, .silence = become_silent};
        vm.devices[vm.device_count++] = &devices[i];
        if (i == 0)
            vm.devices[vm.device_count++] = &flash;
    }
}

static void the_devices_of_a_vm_that_stops_are_silenced(void **state)
{
    struct device devices[NOISY];

    (void)state;
    make_noisy(devices);
    for (unsigned round = 0; round < 3; round++) {
        steps_needed[0] = 3, steps_needed[1] = 1, steps_needed[2] = 2;
        for (unsigned step = 0; step < 6; step++)
            assert_true(devices_hooks.stop_devices(&vm, round == 2));
        assert_false(devices_hooks.stop_devices(&vm, round == 2));
        assert_false(devices_hooks.stop_devices(&vm, round == 2));
        assert_int_equal(now_silent, NOISY);
        reset_all(); /* it starts again */
        now_silent = 0;
        memset(steps, 0, sizeof(steps));
    }
    assert_string_equal(offered, "");
}

/* For a second; for two when the line has no room. */
static void a_device_that_is_never_silent_is_told(void **state)
{
    struct device devices[NOISY];

    (void)state;
    fake_set_hz(1000);
    make_noisy(devices);
    steps_needed[0] = 1, steps_needed[1] = 0, steps_needed[2] = 1;
    fake_set_counter(5000);
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_true(devices_hooks.stop_devices(&vm, false));
    fake_set_counter(5999);
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_string_equal(offered, "");
    fake_set_counter(6000);
    has_room = false;
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_string_equal(offered, "");
    has_room = true;
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_string_equal(offered, "alpha: the device at 0x20001000 can't be reset: it may go on with DMA");
    now_silent = 2;
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_false(devices_hooks.stop_devices(&vm, false));

    reset_all();
    now_silent = 0;
    memset(steps, 0, sizeof(steps));
    has_room = false;
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_true(devices_hooks.stop_devices(&vm, false));
    fake_set_counter(8000);
    assert_true(devices_hooks.stop_devices(&vm, false));
    now_silent = 2;
    assert_true(devices_hooks.stop_devices(&vm, false));
    assert_false(devices_hooks.stop_devices(&vm, false));
}

static void without_memory_there_are_no_devices(void **state)
{
    static char bootargs[GUEST_TREE_SIZE + 1];

    (void)state;
    reset_machine(2);
    device_page.fails = true;
    assert_false(create());
    assert_int_equal(allocations, 0);

    reset_machine(2);
    readonly_page.fails = true;
    assert_false(create());
    assert_null(vm.tree.data);

    reset_machine(3);
    memset(bootargs, 'x', GUEST_TREE_SIZE);
    config.bootargs = bootargs;
    assert_false(create());
    assert_null(vm.seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_clock_of_the_machines_a_guest_has_none), /* first */
        cmocka_unit_test_setup(nothing_is_left_to_ask, setup),
        cmocka_unit_test_setup(a_guest_with_virtio_devices_keeps_its_tick, setup),
        cmocka_unit_test_setup(a_guest_has_a_page_of_stolen_time, setup),
        cmocka_unit_test_setup(a_gicv3_is_made_of_system_registers, setup),
        cmocka_unit_test_setup(a_gicv2_has_a_page_of_the_machines, setup),
        cmocka_unit_test_setup(a_guest_has_a_tree_of_its_own, setup),
        cmocka_unit_test_setup(seeds_are_of_the_vm_and_its_boot, setup),
        cmocka_unit_test_setup(without_entropy_there_is_no_rng_seed, setup),
        cmocka_unit_test_setup(a_guest_may_have_a_watchdog, setup),
        cmocka_unit_test_setup(a_guest_has_a_clock, setup),
        cmocka_unit_test_setup(a_guest_has_a_uart_on_the_console, setup),
        cmocka_unit_test_setup(a_reset_leaves_nothing_behind, setup),
        cmocka_unit_test_setup(banks_are_reset_one_by_one, setup),
        cmocka_unit_test_setup(a_vcpu_is_reset_alone, setup),
        cmocka_unit_test_setup(the_devices_of_a_vm_that_stops_are_silenced, setup),
        cmocka_unit_test_setup(a_device_that_is_never_silent_is_told, setup),
        cmocka_unit_test_setup(without_memory_there_are_no_devices, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
