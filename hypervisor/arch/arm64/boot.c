/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first C with the MMU on to the first guest: the machine's tree, console, memory, system file, VMs.
 * Reads as a table of contents from boot_main() at the end.
 */
#include <libfdt.h>
#include <string.h>
#include "arch/arm64/interrupts.h"
#include "arch/arm64/mmu.h"
#include "arch/arm64/stage2.h"
#include "arch/arm64/vcpu.h"
#include "core/arch.h"
#include "core/assert.h"
#include "core/board.h"
#include "core/console.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "core/system_file.h"
#include "drivers/gic.h"
#include "drivers/uart.h"
#include "sysreg.h"
#include "virt/guest_tree.h"

#define PSCI_SYSTEM_OFF 0x84000008
#define PAGE_MASK       UINT64_C(4095)

static struct board board;
static struct cpu cpus[1]; /* the others stay where the firmware has them */
static struct system_config config;

_Noreturn void boot_main(const void *tree);
_Noreturn void el2_exception(unsigned kind);

unsigned arch_cpu_index(void)
{
    return arch_cpu()->index;
}

static void firmware_call(uint64_t function)
{
    register uint64_t x0 __asm__("x0") = function;

    if (board.psci_by_hvc)
        __asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    else
        __asm__ volatile("smc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
}

_Noreturn void arch_system_off(void)
{
    console_finish();
    firmware_call(PSCI_SYSTEM_OFF);
    for (;;)
        arch_wait_for_interrupt();
}

_Noreturn static void stop(void)
{
    console_print("stopped: the machine is switched off");
    arch_system_off();
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    console_print("bug: %s:%d: %s", file, line, what);
    stop();
}

/* An exception taken from EL2 itself, see vectors.S. */
_Noreturn void el2_exception(unsigned kind)
{
    console_print("bug: exception %u in EL2: syndrome 0x%lx, pc 0x%lx (image offset 0x%lx), address 0x%lx",
                  kind, (unsigned long)read_sysreg(esr_el2), (unsigned long)read_sysreg(elr_el2),
                  (unsigned long)(read_sysreg(elr_el2) - mmu_image_start()),
                  (unsigned long)read_sysreg(far_el2));
    stop();
}

static void start_console(void)
{
    for (unsigned i = 0; board.uart_compatible != NULL && uart_drivers[i] != NULL; i++) {
        const struct uart_driver *driver = uart_drivers[i];

        if (strcmp(driver->compatible, board.uart_compatible) != 0 ||
            !arch_map_device(board.uart.start, board.uart.size))
            continue;
        driver->init(board.uart.start);
        console_init(driver);
    }
}

static int find_gic(const void *tree, const struct gic_driver *driver)
{
    int node = -1;

    for (const char *const *name = driver->compatible; *name != NULL && node < 0; name++)
        node = fdt_node_offset_by_compatible(tree, -1, *name);
    return node;
}

static void start_gic(const void *tree)
{
    const char *problem =
        "no driver for its interrupt controller; Ontime knows GICv3, and GICv2 as of the GIC-400";

    for (unsigned i = 0; gic_drivers[i] != NULL; i++) {
        int node = find_gic(tree, gic_drivers[i]);

        if (node < 0)
            continue;
        gic = gic_drivers[i];
        board.maintenance_irq = machine_tree_interrupt(tree, node, 0);
        problem = board.maintenance_irq != 0 ? gic->init(tree, node)
                                             : "its interrupt controller has no `interrupts`";
    }
    interrupts_init(&(struct board_interrupts){
        .comparator = board.comparator_irq, .maintenance = board.maintenance_irq, .uart = board.uart_irq});
    if (problem == NULL)
        problem = interrupts_init_cpu();
    if (problem != NULL) {
        console_print("this machine: %s", problem);
        stop();
    }
    interrupts_enable_uart();
}

static bool map_ram(uint64_t start, uint64_t end)
{
    return mmu_map_ram(start, end);
}

static void take_memory(const void *tree)
{
    memory_reserve(mmu_image_start(), mmu_image_end() - mmu_image_start());
    memory_reserve((uint64_t)(uintptr_t)tree, fdt_totalsize(tree));
    if (board.initrd != 0)
        memory_reserve(board.initrd, board.initrd_size);
    memory_each(map_ram);
}

static void read_system_file(void)
{
    char error[256];

    if (board.initrd == 0) {
        console_print("no system file: give one as the initrd (see docs/getting-started.md)");
        stop();
    }
    if (system_file_read((const void *)(uintptr_t)board.initrd, board.initrd_size, &config, error,
                         sizeof(error)) != 0) {
        console_print("system file: %s", error);
        stop();
    }
}

/* What only the machine knows: enough RAM, the CPUs that are named, one tick for all. */
static void check_against_machine(void)
{
    uint64_t have = memory_blocks_left() >> 20;
    uint64_t want = 0;
    uint32_t tick_us = 0;

    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];

        want += vm->memory_mib;
        if ((vm->cpus & ~UINT64_C(1)) != 0) {
            console_print(
                "system file: node /vm-%s: property cpus: only CPU 0 runs guests; the others are parked",
                vm->name);
            stop();
        }
        if (vm->timers == TIMERS_TICK && tick_us != 0 && vm->tick_us != tick_us) {
            console_print(
                "system file: node /vm-%s: property tick-us: %u us, but another VM of its CPU says %u us",
                vm->name, vm->tick_us, tick_us);
            stop();
        }
        if (vm->timers == TIMERS_TICK)
            tick_us = vm->tick_us;
    }
    if (want > have) {
        console_print("the VMs need %lu MiB of RAM, this machine has %lu MiB for them: %lu MiB are missing",
                      (unsigned long)want, (unsigned long)have, (unsigned long)(want - have));
        stop();
    }
}

static unsigned vcpus_configured(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < config.vm_count; i++)
        sum += config.vms[i].vcpus;
    return sum;
}

static void start_cpu(struct cpu *cpu)
{
    uint64_t ticks_per_ms = arch_counter_hz() / 1000;

    cpu_init(cpu, 0, sched_policy_find(config.scheduler), config.allowance_us * ticks_per_ms / 1000,
             vcpus_configured());
    if (config.trace_kib != 0)
        trace_init(&cpu->trace, memory_allocate((size_t)config.trace_kib << 10),
                   (size_t)config.trace_kib << 10);
}

/*
 * Seeds for the guests' trees, each different, out of the firmware's: xorshift64* over its bytes. They are as
 * good as what the firmware gave.
 */
static void next_seed(uint8_t seed[GUEST_TREE_SEED_SIZE])
{
    static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);
    static bool mixed;
    const uint8_t *bytes = board.seed;

    for (unsigned i = 0; !mixed && bytes != NULL && i < 32; i++)
        state = (state ^ bytes[i]) * UINT64_C(0x100000001B3);
    mixed = true;
    for (unsigned i = 0; i < GUEST_TREE_SEED_SIZE; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        seed[i] = (uint8_t)(state * UINT64_C(0x2545F4914F6CDD1D) >> 56);
    }
}

static void make_vms(void)
{
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];
        uint8_t seed[GUEST_TREE_SEED_SIZE];

        next_seed(seed);
        if (vm_create(vm, board.cpu_compatible, seed) != 0) {
            console_print("no RAM for VM %s: its %u MiB can't be had in pieces of 2 MiB", vm->name,
                          vm->memory_mib);
            stop();
        }
        console_print("VM %s: %u MiB, %u vCPU%s, weight %u", vm->name, vm->memory_mib, vm->vcpus,
                      vm->vcpus == 1 ? "" : "s", vm->weight);
    }
    for (unsigned i = 0; i < vm_count; i++)
        vm_start(vms[i]);
}

static void start_tick(struct cpu *cpu)
{
    for (unsigned i = 0; i < config.vm_count; i++)
        if (config.vms[i].timers == TIMERS_TICK) {
            cpu_start_tick(cpu, config.vms[i].tick_us * (arch_counter_hz() / 1000) / 1000);
            return;
        }
}

_Noreturn void boot_main(const void *tree)
{
    struct cpu *cpu = &cpus[0];
    const char *missing;

    write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)cpu);
    missing = board_read(tree, &board);
    start_console();
    console_print("Ontime " ONTIME_VERSION);
    if (missing != NULL || fdt_check_header(tree) != 0) {
        console_print("the machine's device tree lacks %s", missing != NULL ? missing : "a header");
        stop();
    }
    if (!stage2_supported()) {
        console_print("this CPU has less than 40 bits of physical address");
        stop();
    }
    take_memory(tree);
    read_system_file();
    check_against_machine();
    start_gic(tree);
    vcpu_init_cpu();
    start_cpu(cpu);
    make_vms();
    start_tick(cpu);
    dispatch_run(cpu);
}
