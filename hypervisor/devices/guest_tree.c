// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a guest's device tree, front to back, with libfdt's sequential functions. They do not move what is
 * written already, nor use SIMD registers, which EL2 must leave alone.
 *
 * Names, addresses, interrupts and compatibles are those of QEMU 7.2's virt machine, so that a guest finds
 * here what it finds there. One thing follows from the VM's timer mode: with `tick` the timer node names the
 * physical timer only. That makes Linux use CNTP, which can be trapped, instead of CNTV
 * (drivers/clocksource/arm_arch_timer.c, arch_timer_of_init()).
 *
 * The first error of libfdt is kept in the writer, and nothing is written after it. It is looked at once, at
 * the end.
 */
#include "devices/guest_tree.h"
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define UART_PATH     "/pl011@9000000"
#define UART_CLOCK_HZ 24000000

/* Interrupt specifiers: kind, number, flags. PPI n is INTID 16 + n, SPI n is INTID 32 + n. */
#define SPI                  0
#define PPI                  1
#define LEVEL_HIGH           4
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

#define GIC_PHANDLE   1
#define CLOCK_PHANDLE 2
#define CPU_PHANDLE   3 /* of vCPU 0; the others follow */

#define CELLS_MAX 16

struct writer {
    void *fdt;
    int error; /* libfdt's first, or 0 */
};

static void begin(struct writer *writer, const char *name)
{
    if (writer->error == 0)
        writer->error = fdt_begin_node(writer->fdt, name);
}

static void begin_at(struct writer *writer, const char *name, uint64_t address)
{
    char text[32];
    snprintf(text, sizeof(text), "%s@%lx", name, (unsigned long)address);
    begin(writer, text);
}

static void begin_numbered(struct writer *writer, const char *name, unsigned number)
{
    char text[16];
    snprintf(text, sizeof(text), "%s%u", name, number);
    begin(writer, text);
}

static void end(struct writer *writer)
{
    if (writer->error == 0)
        writer->error = fdt_end_node(writer->fdt);
}

static void put(struct writer *writer, const char *name, const void *data, size_t size)
{
    if (writer->error == 0)
        writer->error = fdt_property(writer->fdt, name, data, (int)size);
}

static void put_flag(struct writer *writer, const char *name)
{
    put(writer, name, NULL, 0);
}

static void put_cell(struct writer *writer, const char *name, uint32_t value)
{
    if (writer->error == 0)
        writer->error = fdt_property_u32(writer->fdt, name, value);
}

static void put_address(struct writer *writer, const char *name, uint64_t value)
{
    if (writer->error == 0)
        writer->error = fdt_property_u64(writer->fdt, name, value);
}

static void put_string(struct writer *writer, const char *name, const char *value)
{
    put(writer, name, value, strlen(value) + 1);
}

static void put_cells(struct writer *writer, const char *name, const uint32_t *cells, size_t count)
{
    fdt32_t values[CELLS_MAX];
    for (size_t i = 0; i < count; i++)
        values[i] = cpu_to_fdt32(cells[i]);
    put(writer, name, values, count * sizeof(values[0]));
}

/* A list of strings: a literal's characters, with its inner zero bytes and the last one. */
#define PUT_STRINGS(writer, name, literal) put(writer, name, literal, sizeof(literal))

#define PUT_CELLS(writer, name, ...)                                                                         \
    put_cells(writer, name, (const uint32_t[]){__VA_ARGS__},                                                 \
              sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void write_chosen(struct writer *writer, const struct guest_tree_facts *facts)
{
    static const uint8_t no_seed[GUEST_TREE_RNG_SEED_SIZE];
    const struct vm_config *vm = facts->vm;
    begin(writer, "chosen");
    put_string(writer, "stdout-path", UART_PATH);
    if (vm->bootargs[0] != '\0')
        put_string(writer, "bootargs", vm->bootargs);
    if (vm->initrd.data != NULL) {
        put_address(writer, "linux,initrd-start", vm->initrd_address);
        put_address(writer, "linux,initrd-end", vm->initrd_address + vm->initrd.size);
    }
    put(writer, "kaslr-seed", no_seed, GUEST_TREE_KASLR_SEED_SIZE);
    if (facts->entropy)
        put(writer, "rng-seed", no_seed, GUEST_TREE_RNG_SEED_SIZE);
    end(writer);
}

static void write_memory(struct writer *writer, const struct vm_config *vm)
{
    uint64_t base = vm->memory_base;
    uint64_t size = vm_config_ram_end(vm) - base;
    begin_at(writer, "memory", base);
    put_string(writer, "device_type", "memory");
    PUT_CELLS(writer, "reg", (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32), (uint32_t)size);
    end(writer);
}

static void write_cpu_map(struct writer *writer, unsigned vcpus)
{
    begin(writer, "cpu-map");
    begin(writer, "socket0");
    begin(writer, "cluster0");
    for (unsigned i = 0; i < vcpus; i++) {
        begin_numbered(writer, "core", i);
        put_cell(writer, "cpu", CPU_PHANDLE + i);
        end(writer);
    }
    end(writer);
    end(writer);
    end(writer);
}

static void write_cpus(struct writer *writer, const struct guest_tree_facts *facts)
{
    unsigned vcpus = facts->vm->vcpus;
    begin(writer, "cpus");
    put_cell(writer, "#address-cells", 1);
    put_cell(writer, "#size-cells", 0);
    write_cpu_map(writer, vcpus);
    for (unsigned i = 0; i < vcpus; i++) {
        begin_numbered(writer, "cpu@", i);
        put_string(writer, "device_type", "cpu");
        put_string(writer, "compatible", facts->cpu_compatible != NULL ? facts->cpu_compatible : "arm,armv8");
        put_cell(writer, "reg", i);
        if (vcpus > 1)
            put_string(writer, "enable-method", "psci");
        put_cell(writer, "phandle", CPU_PHANDLE + i);
        end(writer);
    }
    end(writer);
}

static void write_psci(struct writer *writer)
{
    begin(writer, "psci");
    PUT_STRINGS(writer, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
    put_string(writer, "method", "hvc");
    put_cell(writer, "cpu_suspend", PSCI_CPU_SUSPEND);
    put_cell(writer, "cpu_off", PSCI_CPU_OFF);
    put_cell(writer, "cpu_on", PSCI_CPU_ON);
    end(writer);
}

/* With a GICv2 the specifier of a PPI also says which CPUs have it. */
static void write_timer(struct writer *writer, const struct guest_tree_facts *facts)
{
    uint32_t flags = LEVEL_HIGH | (facts->gic_version == 2 ? GICV2_PPI_CPUS(facts->vm->vcpus) : 0);
    begin(writer, "timer");
    PUT_STRINGS(writer, "compatible", "arm,armv8-timer\0arm,armv7-timer");
    put_flag(writer, "always-on");
    if (facts->vm->timers == TIMERS_TICK) {
        put_string(writer, "interrupt-names", "phys");
        PUT_CELLS(writer, "interrupts", PPI, PHYSICAL_TIMER_PPI, flags);
    } else {
        PUT_CELLS(writer, "interrupts", PPI, SECURE_TIMER_PPI, flags, PPI, PHYSICAL_TIMER_PPI, flags, PPI,
                  VIRTUAL_TIMER_PPI, flags, PPI, HYP_TIMER_PPI, flags);
    }
    end(writer);
}

static void write_gic(struct writer *writer, const struct guest_tree_facts *facts)
{
    begin(writer, "intc@8000000");
    if (facts->gic_version == 2) {
        put_string(writer, "compatible", "arm,cortex-a15-gic");
        PUT_CELLS(writer, "reg", 0, GUEST_GICD_BASE, 0, GUEST_GICD_SIZE, 0, GUEST_GICC_BASE, 0,
                  GUEST_GICC_SIZE);
    } else {
        put_string(writer, "compatible", "arm,gic-v3");
        put_cell(writer, "#redistributor-regions", 1);
        PUT_CELLS(writer, "reg", 0, GUEST_GICD_BASE, 0, GUEST_GICD_SIZE, 0, GUEST_GICR_BASE, 0,
                  facts->vm->vcpus * (uint32_t)GUEST_GICR_SIZE);
    }
    put_flag(writer, "interrupt-controller");
    put_cell(writer, "#interrupt-cells", 3);
    put_cell(writer, "#address-cells", 2);
    put_cell(writer, "#size-cells", 2);
    put_flag(writer, "ranges");
    put_cell(writer, "phandle", GIC_PHANDLE);
    end(writer);
}

static void write_uart(struct writer *writer)
{
    begin(writer, &UART_PATH[1]);
    PUT_STRINGS(writer, "compatible", "arm,pl011\0arm,primecell");
    PUT_CELLS(writer, "reg", 0, GUEST_UART_BASE, 0, GUEST_UART_SIZE);
    PUT_CELLS(writer, "interrupts", SPI, UART_SPI, LEVEL_HIGH);
    PUT_STRINGS(writer, "clock-names", "uartclk\0apb_pclk");
    PUT_CELLS(writer, "clocks", CLOCK_PHANDLE, CLOCK_PHANDLE);
    end(writer);

    begin(writer, "apb-pclk");
    put_string(writer, "compatible", "fixed-clock");
    put_cell(writer, "clock-frequency", UART_CLOCK_HZ);
    put_string(writer, "clock-output-names", "clk24mhz");
    put_cell(writer, "#clock-cells", 0);
    put_cell(writer, "phandle", CLOCK_PHANDLE);
    end(writer);
}

static void write_rtc(struct writer *writer)
{
    begin(writer, "pl031@9010000");
    PUT_STRINGS(writer, "compatible", "arm,pl031\0arm,primecell");
    PUT_CELLS(writer, "reg", 0, GUEST_RTC_BASE, 0, GUEST_RTC_SIZE);
    PUT_CELLS(writer, "interrupts", SPI, RTC_SPI, LEVEL_HIGH);
    put_string(writer, "clock-names", "apb_pclk");
    PUT_CELLS(writer, "clocks", CLOCK_PHANDLE);
    end(writer);
}

/* For a guest's user space, which looks here for what it runs on. A kernel asks by ONTIME_CALL_UID. */
static void write_hypervisor(struct writer *writer)
{
    begin(writer, "hypervisor");
    put_string(writer, "compatible", "ontime,hypervisor");
    put_string(writer, "method", "hvc");
    end(writer);
}

static void write_root(struct writer *writer, const struct guest_tree_facts *facts)
{
    begin(writer, "");
    put_string(writer, "compatible", "linux,dummy-virt");
    put_string(writer, "model", "linux,dummy-virt");
    put_cell(writer, "#address-cells", 2);
    put_cell(writer, "#size-cells", 2);
    put_cell(writer, "interrupt-parent", GIC_PHANDLE);
    write_chosen(writer, facts);
    write_memory(writer, facts->vm);
    write_cpus(writer, facts);
    write_psci(writer);
    write_timer(writer, facts);
    write_gic(writer, facts);
    write_uart(writer);
    if (facts->has_clock)
        write_rtc(writer);
    write_hypervisor(writer);
    end(writer);
}

size_t guest_tree_build(void *buffer, size_t size, const struct guest_tree_facts *facts)
{
    struct writer writer = {.fdt = buffer, .error = fdt_create(buffer, (int)size)};
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
