// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's device tree. Names, addresses, interrupts and compatibles are those of QEMU 7.2's virt machine,
 * so that a guest finds here what it finds there. One thing follows from the VM's timer mode: with `tick` the
 * timer node names the physical timer only. That makes Linux use CNTP, which can be trapped, instead of CNTV
 * (drivers/clocksource/arm_arch_timer.c, arch_timer_of_init()).
 */
#include "devices/guest_tree.h"
#include <libfdt.h>
#include "devices/tree_writer.h"

#define UART_PATH     "/pl011@9000000"
#define UART_CLOCK_HZ 24000000

#define GICV2_PPI_CPUS(cpus) (((1u << (cpus)) - 1) << 8)
#define UART_SPI             (GUEST_INTID_UART - GUEST_INTID_SPIS)
#define RTC_SPI              (GUEST_INTID_RTC - GUEST_INTID_SPIS)
#define SECURE_TIMER_PPI     (GUEST_INTID_SECURE_TIMER - GUEST_INTID_PPIS)
#define PHYSICAL_TIMER_PPI   (GUEST_INTID_PHYSICAL_TIMER - GUEST_INTID_PPIS)
#define VIRTUAL_TIMER_PPI    (GUEST_INTID_VIRTUAL_TIMER - GUEST_INTID_PPIS)
#define HYP_TIMER_PPI        (GUEST_INTID_HYP_TIMER - GUEST_INTID_PPIS)

#define PSCI_CPU_SUSPEND 0xC4000001
#define PSCI_CPU_OFF     0x84000002
#define PSCI_CPU_ON      0xC4000003

static void write_chosen(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    static const uint8_t no_seed[GUEST_TREE_RNG_SEED_SIZE];
    const struct vm_config *vm = facts->vm;
    tree_begin(writer, "chosen");
    tree_put_string(writer, "stdout-path", UART_PATH);
    if (vm->bootargs[0] != '\0')
        tree_put_string(writer, "bootargs", vm->bootargs);
    if (vm->initrd.data != NULL) {
        tree_put_address(writer, "linux,initrd-start", vm->initrd_address);
        tree_put_address(writer, "linux,initrd-end", vm->initrd_address + vm->initrd.size);
    }
    tree_put(writer, "kaslr-seed", no_seed, GUEST_TREE_KASLR_SEED_SIZE);
    if (facts->entropy)
        tree_put(writer, "rng-seed", no_seed, GUEST_TREE_RNG_SEED_SIZE);
    tree_end(writer);
}

static void write_memory(struct tree_writer *writer, const struct vm_config *vm)
{
    uint64_t base = vm->memory_base;
    uint64_t size = vm_config_ram_end(vm) - base;
    tree_begin_at(writer, "memory", base);
    tree_put_string(writer, "device_type", "memory");
    tree_put_reg(writer, base, size);
    tree_end(writer);
}

static void write_cpu_map(struct tree_writer *writer, unsigned vcpus)
{
    tree_begin(writer, "cpu-map");
    tree_begin(writer, "socket0");
    tree_begin(writer, "cluster0");
    for (unsigned i = 0; i < vcpus; i++) {
        tree_begin_numbered(writer, "core", i);
        tree_put_cell(writer, "cpu", TREE_PHANDLE_CPU + i);
        tree_end(writer);
    }
    tree_end(writer);
    tree_end(writer);
    tree_end(writer);
}

static void write_cpus(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    unsigned vcpus = facts->vm->vcpus;
    tree_begin(writer, "cpus");
    tree_put_cell(writer, "#address-cells", 1);
    tree_put_cell(writer, "#size-cells", 0);
    write_cpu_map(writer, vcpus);
    for (unsigned i = 0; i < vcpus; i++) {
        tree_begin_numbered(writer, "cpu@", i);
        tree_put_string(writer, "device_type", "cpu");
        tree_put_string(writer, "compatible",
                        facts->cpu_compatible != NULL ? facts->cpu_compatible : "arm,armv8");
        tree_put_cell(writer, "reg", i);
        if (vcpus > 1)
            tree_put_string(writer, "enable-method", "psci");
        tree_put_cell(writer, "phandle", TREE_PHANDLE_CPU + i);
        tree_end(writer);
    }
    tree_end(writer);
}

static void write_psci(struct tree_writer *writer)
{
    tree_begin(writer, "psci");
    TREE_PUT_STRINGS(writer, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
    tree_put_string(writer, "method", "hvc");
    tree_put_cell(writer, "cpu_suspend", PSCI_CPU_SUSPEND);
    tree_put_cell(writer, "cpu_off", PSCI_CPU_OFF);
    tree_put_cell(writer, "cpu_on", PSCI_CPU_ON);
    tree_end(writer);
}

/* With a GICv2 the specifier of a TREE_PPI also says which CPUs have it. */
static void write_timer(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    uint32_t flags = TREE_LEVEL_HIGH | (facts->gic_version == 2 ? GICV2_PPI_CPUS(facts->vm->vcpus) : 0);
    tree_begin(writer, "timer");
    TREE_PUT_STRINGS(writer, "compatible", "arm,armv8-timer\0arm,armv7-timer");
    tree_put_flag(writer, "always-on");
    if (facts->vm->timers == TIMERS_TICK) {
        tree_put_string(writer, "interrupt-names", "phys");
        TREE_PUT_CELLS(writer, "interrupts", TREE_PPI, PHYSICAL_TIMER_PPI, flags);
    } else {
        TREE_PUT_CELLS(writer, "interrupts", TREE_PPI, SECURE_TIMER_PPI, flags, TREE_PPI, PHYSICAL_TIMER_PPI,
                       flags, TREE_PPI, VIRTUAL_TIMER_PPI, flags, TREE_PPI, HYP_TIMER_PPI, flags);
    }
    tree_end(writer);
}

static void write_gic(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    tree_begin(writer, "intc@8000000");
    if (facts->gic_version == 2) {
        tree_put_string(writer, "compatible", "arm,cortex-a15-gic");
        TREE_PUT_CELLS(writer, "reg", 0, GUEST_GICD_BASE, 0, GUEST_GICD_SIZE, 0, GUEST_GICC_BASE, 0,
                       GUEST_GICC_SIZE);
    } else {
        tree_put_string(writer, "compatible", "arm,gic-v3");
        tree_put_cell(writer, "#redistributor-regions", 1);
        TREE_PUT_CELLS(writer, "reg", 0, GUEST_GICD_BASE, 0, GUEST_GICD_SIZE, 0, GUEST_GICR_BASE, 0,
                       facts->vm->vcpus * (uint32_t)GUEST_GICR_SIZE);
    }
    tree_put_flag(writer, "interrupt-controller");
    tree_put_cell(writer, "#interrupt-cells", 3);
    tree_put_cell(writer, "#address-cells", 2);
    tree_put_cell(writer, "#size-cells", 2);
    tree_put_flag(writer, "ranges");
    tree_put_cell(writer, "phandle", TREE_PHANDLE_GIC);
    tree_end(writer);
}

void guest_tree_uart(const struct device *device, struct tree_writer *writer)
{
    tree_begin(writer, &UART_PATH[1]);
    TREE_PUT_STRINGS(writer, "compatible", "arm,pl011\0arm,primecell");
    tree_put_reg(writer, device->base, device->size);
    TREE_PUT_CELLS(writer, "interrupts", TREE_SPI, UART_SPI, TREE_LEVEL_HIGH);
    TREE_PUT_STRINGS(writer, "clock-names", "uartclk\0apb_pclk");
    TREE_PUT_CELLS(writer, "clocks", TREE_PHANDLE_CLOCK, TREE_PHANDLE_CLOCK);
    tree_end(writer);
}

static void write_clock(struct tree_writer *writer)
{
    tree_begin(writer, "apb-pclk");
    tree_put_string(writer, "compatible", "fixed-clock");
    tree_put_cell(writer, "clock-frequency", UART_CLOCK_HZ);
    tree_put_string(writer, "clock-output-names", "clk24mhz");
    tree_put_cell(writer, "#clock-cells", 0);
    tree_put_cell(writer, "phandle", TREE_PHANDLE_CLOCK);
    tree_end(writer);
}

void guest_tree_rtc(const struct device *device, struct tree_writer *writer)
{
    tree_begin(writer, "pl031@9010000");
    TREE_PUT_STRINGS(writer, "compatible", "arm,pl031\0arm,primecell");
    tree_put_reg(writer, device->base, device->size);
    TREE_PUT_CELLS(writer, "interrupts", TREE_SPI, RTC_SPI, TREE_LEVEL_HIGH);
    tree_put_string(writer, "clock-names", "apb_pclk");
    TREE_PUT_CELLS(writer, "clocks", TREE_PHANDLE_CLOCK);
    tree_end(writer);
}

static void write_reserved_memory(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    bool any = false;
    for (unsigned i = 0; i < facts->device_count; i++) {
        const struct device *device = facts->devices[i];
        if (device->describe_memory == NULL)
            continue;
        if (!any) {
            tree_begin(writer, "reserved-memory");
            tree_put_cell(writer, "#address-cells", 2);
            tree_put_cell(writer, "#size-cells", 2);
            tree_put_flag(writer, "ranges");
        }
        any = true;
        device->describe_memory(device, writer);
    }
    if (any)
        tree_end(writer);
}

/* For a guest's user space, which looks here for what it runs on. A kernel asks by ONTIME_CALL_UID. */
static void write_hypervisor(struct tree_writer *writer)
{
    tree_begin(writer, "hypervisor");
    tree_put_string(writer, "compatible", "ontime,hypervisor");
    tree_put_string(writer, "method", "hvc");
    tree_end(writer);
}

static void write_root(struct tree_writer *writer, const struct guest_tree_facts *facts)
{
    tree_begin(writer, "");
    tree_put_string(writer, "compatible", "linux,dummy-virt");
    tree_put_string(writer, "model", "linux,dummy-virt");
    tree_put_cell(writer, "#address-cells", 2);
    tree_put_cell(writer, "#size-cells", 2);
    tree_put_cell(writer, "interrupt-parent", TREE_PHANDLE_GIC);
    write_chosen(writer, facts);
    write_memory(writer, facts->vm);
    write_cpus(writer, facts);
    write_psci(writer);
    write_timer(writer, facts);
    write_gic(writer, facts);
    write_clock(writer);
    write_reserved_memory(writer, facts);
    for (unsigned i = 0; i < facts->device_count; i++)
        if (facts->devices[i]->describe != NULL)
            facts->devices[i]->describe(facts->devices[i], writer);
    write_hypervisor(writer);
    tree_end(writer);
}

size_t guest_tree_build(void *buffer, size_t size, const struct guest_tree_facts *facts)
{
    struct tree_writer writer = {.fdt = buffer, .error = fdt_create(buffer, (int)size)};
    if (writer.error == 0)
        writer.error = fdt_finish_reservemap(buffer);
    write_root(&writer, facts);
    if (writer.error == 0)
        writer.error = fdt_finish(buffer);
    return writer.error == 0 ? fdt_totalsize(buffer) : 0;
}

struct guest_tree_seeds guest_tree_seeds(void *tree)
{
    int chosen = fdt_path_offset(tree, "/chosen");
    return (struct guest_tree_seeds){fdt_getprop_w(tree, chosen, "kaslr-seed", NULL),
                                     fdt_getprop_w(tree, chosen, "rng-seed", NULL)};
}
