/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GICv2's driver against the registers of Arm IHI 0048: what it makes of what the firmware left, each
 * operation access for access, and list registers field for field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "arch_vcpu.h"
#include "base/arch.h"
#include "device_access.h"
#include "drivers/gic.h"
#include "fake_registers.h"
#include "random.h"
#include "tree_of.h"

#define GICD UINT64_C(0x2C001000)
#define GICC UINT64_C(0x2C010000)
#define GICH UINT64_C(0x2C040000)
#define GICV UINT64_C(0x2C060000)

#define GICD_CTLR          (GICD + 0x000)
#define GICD_TYPER         (GICD + 0x004)
#define GICD_ISENABLER(n)  (GICD + 0x100 + 4 * (uint64_t)(n))
#define GICD_ICENABLER(n)  (GICD + 0x180 + 4 * (uint64_t)(n))
#define GICD_ISACTIVER(n)  (GICD + 0x300 + 4 * (uint64_t)(n))
#define GICD_ICACTIVER(n)  (GICD + 0x380 + 4 * (uint64_t)(n))
#define GICD_IPRIORITYR(n) (GICD + 0x400 + 4 * (uint64_t)(n))
#define GICD_ICFGR(n)      (GICD + 0xC00 + 4 * (uint64_t)(n))
#define GICD_ITARGETSR(n)  (GICD + 0x800 + 4 * (uint64_t)(n))
#define GICD_SGIR          (GICD + 0xF00)
#define GICC_CTLR          (GICC + 0x0000)
#define GICC_PMR           (GICC + 0x0004)
#define GICC_IAR           (GICC + 0x000C)
#define GICC_EOIR          (GICC + 0x0010)
#define GICC_IIDR          (GICC + 0x00FC)
#define GICC_DIR           (GICC + 0x1000)
#define GICH_HCR           (GICH + 0x000)
#define GICH_VTR           (GICH + 0x004)
#define GICH_VMCR          (GICH + 0x008)
#define GICH_APR           (GICH + 0x0F0)
#define GICH_LR(n)         (GICH + 0x100 + 4 * (uint64_t)(n))

#define ENABLE         1u
#define EOI_MODE       (1u << 9)
#define HCR_EN         (1u << 0)
#define HCR_LRENPIE    (1u << 2)
#define HCR_NPIE       (1u << 3)
#define HCR_EOI_COUNT  27
#define VMCR_EOI_MODE  (1u << 9)
#define PPI            27u
#define SPI            41u
#define LINES          5
#define MAX_LINES      32
#define LIST_REGISTERS 4
#define PRIORITIES     0xA0A0A0A0u
#define ROUNDS         20000

static const void *tree;
static uint64_t gicc_size;

static const struct gic_driver *const driver = &gicv2_driver;

static void make_tree(unsigned entries)
{
    static const char *const regs[] = {"reg;", "reg = <0x2C001000 0x1000>;",
                                       "reg = <0x2C001000 0x1000 0x2C010000 0x2000>;",
                                       "reg = <0x2C001000 0x1000 0x2C010000 0x2000 0x2C040000 0x2000>;"};
    char source[256];
    char all[128];

    (void)snprintf(all, sizeof(all),
                   "reg = <0x2C001000 0x1000 0x2C010000 0x%llx 0x2C040000 0x2000 0x2C060000 0x2000>;",
                   (unsigned long long)gicc_size);
    (void)snprintf(source, sizeof(source), "/ { #address-cells = <1>; #size-cells = <1>; gic { %s }; };",
                   entries < 4 ? regs[entries] : all);
    tree = tree_of(source);
}

static const char *init(void)
{
    return driver->init(tree, fdt_path_offset(tree, "/gic"));
}

/* A GIC as the firmware may leave it: anything enabled, active, of any priority, in the list registers. */
static void make_gic(unsigned lines, unsigned list_registers)
{
    fake_registers_reset();
    fake_device(GICD, 0x1000);
    fake_device(GICC, gicc_size);
    fake_device(GICH, 0x2000);
    fake_device(GICV, 0x2000);
    fake_device_set_clear(GICD_ISENABLER(0), GICD_ICENABLER(0), MAX_LINES);
    fake_device_set_clear(GICD_ISACTIVER(0), GICD_ICACTIVER(0), MAX_LINES);
    fake_device_set(GICD_CTLR, ENABLE);
    fake_device_set(GICD_TYPER, 0xFC60 | (lines - 1)); /* security extensions, four CPUs */
    for (unsigned i = 0; i < lines; i++) {
        fake_device_set(GICD_ISENABLER(i), 0x12345678);
        fake_device_set(GICD_ISACTIVER(i), 0x87654321);
    }
    fake_device_set(GICD_ITARGETSR(0), 0x04040404);
    fake_device_set(GICC_CTLR, 0x1E0);
    fake_device_set(GICH_VTR, 0x90000000 | (list_registers - 1));
    fake_device_set(GICH_HCR, HCR_NPIE | 3u << HCR_EOI_COUNT);
    for (unsigned n = 0; n < list_registers; n++)
        fake_device_set(GICH_LR(n), 0x10000000 | n);
}

/* The GIC, with the driver's init() and init_cpu() behind it. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    gicc_size = 0x2000;
    make_gic(LINES, LIST_REGISTERS);
    make_tree(4);
    assert_null(init());
    assert_null(driver->init_cpu());
    fake_log_clear();
    return 0;
}

static void the_list_has_it(void **state)
{
    (void)state;
    assert_ptr_equal(gic_drivers[1], driver);
    assert_null(gic_drivers[2]);
    assert_int_equal(driver->version, 2);
    assert_string_equal(driver->compatible[0], "arm,gic-400");
    assert_string_equal(driver->compatible[1], "arm,cortex-a15-gic");
    assert_string_equal(driver->compatible[2], "arm,cortex-a7-gic");
    assert_null(driver->compatible[3]);
}

static void guests_get_the_page_of_the_virtual_interface(void **state)
{
    (void)state;
    assert_int_equal(driver->guest_interface(), GICV);
}

static void a_gic_without_virtualization_is_refused(void **state)
{
    (void)state;
    for (unsigned entries = 0; entries < 4; entries++) {
        make_tree(entries);
        fake_log_clear();
        assert_non_null(init());
        fake_log_has_no_writes();
    }
}

static void what_cannot_be_mapped_is_refused(void **state)
{
    (void)state;
    static const uint64_t starts[] = {GICD, GICC, GICH};

    for (unsigned i = 0; i < 3; i++) {
        make_gic(LINES, LIST_REGISTERS);
        fake_device_unmappable(starts[i]);
        assert_non_null(init());
        fake_log_has_no_writes();
    }
}

static void the_guests_page_is_not_mapped_here(void **state)
{
    (void)state;
    make_gic(LINES, LIST_REGISTERS);
    fake_device_unmappable(GICV);
    assert_null(init());
}

static void the_distributor_is_off_while_it_is_set_up(void **state)
{
    (void)state;
    assert_null(init());
    assert_int_equal(fake_log_first(DEVICE_WRITE32(GICD_CTLR, 0)), 0);
    assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_CTLR, ENABLE)), 1);
    assert_true(fake_log_first(DEVICE_WRITE32(GICD_CTLR, ENABLE)) >
                fake_log_last(DEVICE_WRITE32(GICD_IPRIORITYR(8 * LINES - 1), PRIORITIES)));
    assert_true(fake_log_first(DEVICE_WRITE32(GICD_CTLR, ENABLE)) >
                fake_log_last(DEVICE_WRITE32(GICD_ICENABLER(LINES - 1), UINT32_MAX)));
}

/* Line 0 is each CPU's own: init_cpu()'s. Behind the last line nothing is there. */
static void spis_begin_disabled_and_inactive(void **state)
{
    (void)state;
    static const unsigned lines[] = {1, 2, LINES, MAX_LINES};

    for (unsigned k = 0; k < 4; k++) {
        make_gic(lines[k], LIST_REGISTERS);
        assert_null(init());
        assert_int_equal(fake_device_get(GICD_ISENABLER(0)), 0x12345678);
        assert_int_equal(fake_device_get(GICD_ISACTIVER(0)), 0x87654321);
        assert_int_equal(fake_device_get(GICD_IPRIORITYR(7)), 0);
        for (unsigned i = 1; i < lines[k]; i++) {
            assert_int_equal(fake_device_get(GICD_ISENABLER(i)), 0);
            assert_int_equal(fake_device_get(GICD_ISACTIVER(i)), 0);
            for (unsigned n = 8 * i; n < 8 * (i + 1); n++)
                assert_int_equal(fake_device_get(GICD_IPRIORITYR(n)), PRIORITIES);
        }
        assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_ICENABLER(lines[k]), UINT32_MAX)), 0);
        assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_IPRIORITYR(8 * lines[k]), PRIORITIES)), 0);
    }
}

static void private_interrupts_begin_disabled_and_inactive(void **state)
{
    (void)state;
    assert_int_equal(fake_device_get(GICD_ISENABLER(0)), 0);
    assert_int_equal(fake_device_get(GICD_ISACTIVER(0)), 0);
    for (unsigned n = 0; n < 8; n++)
        assert_int_equal(fake_device_get(GICD_IPRIORITYR(n)), n == 0 ? PRIORITIES + 0x10 : PRIORITIES);
    assert_null(driver->init_cpu());
    assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_IPRIORITYR(8), PRIORITIES)), 0);
}

/* The bypass bits of GICC_CTLR are the firmware's; what else it set is not. */
static void the_interface_takes_all_and_ends_in_two_steps(void **state)
{
    (void)state;
    fake_device_set(GICC_CTLR, 0xFFFFFFFF);
    assert_null(driver->init_cpu());
    assert_int_equal(fake_device_get(GICC_PMR), 0xFF);
    assert_int_equal(fake_device_get(GICC_CTLR), 0x1E0 | ENABLE | EOI_MODE);
    assert_true(fake_log_first(DEVICE_WRITE32(GICC_PMR, 0xFF)) <
                fake_log_first(DEVICE_WRITE32(GICC_CTLR, 0x1E0 | ENABLE | EOI_MODE)));
    fake_device_set(GICC_CTLR, 0);
    assert_null(driver->init_cpu());
    assert_int_equal(fake_device_get(GICC_CTLR), ENABLE | EOI_MODE);
}

static void the_virtual_interface_begins_empty_and_on(void **state)
{
    (void)state;
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), LIST_REGISTERS);
    for (unsigned n = 0; n < LIST_REGISTERS; n++)
        assert_int_equal(fake_device_get(GICH_LR(n)), 0);
    assert_int_equal(fake_device_get(GICH_HCR), HCR_EN);
    assert_true(fake_log_count(DEVICE_WRITE32(GICH_LR(LIST_REGISTERS), 0)) == 0);
}

/* GICH_VTR can tell of 64; those that are not used must not hold anything either. */
static void of_many_list_registers_some_are_used(void **state)
{
    (void)state;
    make_gic(LINES, 64);
    assert_null(init());
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), GIC_MAX_LRS);
    for (unsigned n = 0; n < 64; n++)
        assert_int_equal(fake_device_get(GICH_LR(n)), 0);
}

/* An SGI's sender is in what is acknowledged, and wanted back. */
static void an_interrupt_is_acknowledged_ended_and_deactivated(void **state)
{
    (void)state;
    const uint32_t sgi_2_of_cpu_1 = 1u << 10 | 2;

    fake_device_set(GICC_IAR, sgi_2_of_cpu_1);
    assert_int_equal(driver->acknowledge(), sgi_2_of_cpu_1);
    FAKE_LOG_IS(DEVICE_READ32(GICC_IAR, sgi_2_of_cpu_1), BARRIER("dsb sy"));
    driver->end(sgi_2_of_cpu_1);
    FAKE_LOG_IS(DEVICE_WRITE32(GICC_EOIR, sgi_2_of_cpu_1));
    driver->deactivate(sgi_2_of_cpu_1);
    FAKE_LOG_IS(DEVICE_WRITE32(GICC_DIR, sgi_2_of_cpu_1), BARRIER("dsb sy"));
}

static void nothing_pending_is_spurious(void **state)
{
    (void)state;
    fake_device_set(GICC_IAR, GIC_SPURIOUS);
    assert_int_equal(driver->acknowledge(), GIC_SPURIOUS);
}

/* Where each 4 KiB page fills 64 KiB, the second begins there. Its first page is seen again just before. */
static void deactivation_lies_where_the_second_page_begins(void **state)
{
    (void)state;
    gicc_size = 0x20000;
    make_gic(LINES, LIST_REGISTERS);
    make_tree(4);
    fake_device_set(GICC_IIDR, 0x0202043B);
    fake_device_set(GICC + 0xF0FC, 0x0202043B);
    assert_null(init());
    fake_log_clear();
    driver->deactivate(SPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICC + 0x10000, SPI), BARRIER("dsb sy"));

    fake_device_set(GICC + 0xF0FC, 0);
    assert_null(init());
    fake_log_clear();
    driver->deactivate(SPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICC_DIR, SPI), BARRIER("dsb sy"));
}

static void a_private_interrupt_is_enabled(void **state)
{
    (void)state;
    driver->enable(PPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICD_ISENABLER(0), 1u << PPI));
    driver->enable(31);
    FAKE_LOG_IS(DEVICE_WRITE32(GICD_ISENABLER(0), 1u << 31));
}

/* It goes to this CPU, by the number that the distributor knows it under, before it can come. */
static void a_shared_interrupt_is_routed_and_enabled(void **state)
{
    (void)state;
    driver->enable(SPI);
    FAKE_LOG_IS(DEVICE_WRITE8(GICD_ITARGETSR(0) + SPI, 0x04),
                DEVICE_WRITE32(GICD_ISENABLER(1), 1u << (SPI - 32)));
    driver->enable(32);
    FAKE_LOG_IS(DEVICE_WRITE8(GICD_ITARGETSR(8), 0x04), DEVICE_WRITE32(GICD_ISENABLER(1), 1));
}

/* A GIC with one CPU has no target registers: they read as zero. */
static void a_single_cpu_is_number_0(void **state)
{
    (void)state;
    fake_device_set(GICD_ITARGETSR(0), 0);
    assert_null(driver->init_cpu());
    fake_log_clear();
    driver->enable(SPI);
    assert_int_equal(fake_log_count(DEVICE_WRITE8(GICD_ITARGETSR(0) + SPI, 0x01)), 1);
}

/* The shared interrupts of devices: each its own register or bit, so that any CPU may write it. */
static void a_shared_interrupt_is_set_up(void **state)
{
    (void)state;
    fake_device_set(GICD_ICFGR(2), 0x55555555);
    fake_log_clear();
    driver->spi_set_up(33, true);
    FAKE_LOG_IS(DEVICE_WRITE32(GICD_ICENABLER(1), 2), DEVICE_WRITE32(GICD_ICACTIVER(1), 2),
                DEVICE_READ32(GICD_ICFGR(2), 0x55555555), DEVICE_WRITE32(GICD_ICFGR(2), 0x5555555D));
    driver->spi_set_up(33, false);
    assert_int_equal(fake_device_get(GICD_ICFGR(2)), 0x55555555);
    fake_log_clear();
    driver->spi_set_target(SPI, 0);
    driver->spi_enable(SPI);
    driver->spi_set_active(SPI, true);
    driver->spi_set_active(SPI, false);
    driver->disable(SPI);
    driver->disable(PPI);
    FAKE_LOG_IS(
        DEVICE_WRITE8(GICD_ITARGETSR(0) + SPI, 0x04), DEVICE_WRITE32(GICD_ISENABLER(1), 1u << (SPI - 32)),
        DEVICE_WRITE32(GICD_ISACTIVER(1), 1u << (SPI - 32)),
        DEVICE_WRITE32(GICD_ICACTIVER(1), 1u << (SPI - 32)),
        DEVICE_WRITE32(GICD_ICENABLER(1), 1u << (SPI - 32)), DEVICE_WRITE32(GICD_ICENABLER(0), 1u << PPI));
    assert_int_equal(driver->spi_end(), 32 * LINES);
}

static void private_active_state_is_set_and_cleared(void **state)
{
    (void)state;
    driver->set_private_active(PPI, true);
    FAKE_LOG_IS(DEVICE_WRITE32(GICD_ISACTIVER(0), 1u << PPI), BARRIER("dsb sy"));
    driver->set_private_active(PPI, false);
    FAKE_LOG_IS(DEVICE_WRITE32(GICD_ICACTIVER(0), 1u << PPI), BARRIER("dsb sy"));
}

/* GICD_SGIR: targets from bit 16, filter 0, SGI 0. What was written before is seen by the other CPU. */
static void a_kick_names_the_other_cpu(void **state)
{
    (void)state;
    fake_set_cpu(1);
    fake_device_set(GICD_ITARGETSR(0), 0x80808080);
    assert_null(driver->init_cpu());
    fake_log_clear();
    driver->send_kick(0);
    FAKE_LOG_IS(BARRIER("dsb ishst"), DEVICE_WRITE32(GICD_SGIR, 0x04u << 16));
    driver->send_kick(1);
    FAKE_LOG_IS(BARRIER("dsb ishst"), DEVICE_WRITE32(GICD_SGIR, 0x80u << 16));
}

static void a_ninth_cpu_has_no_interface(void **state)
{
    (void)state;
    fake_set_cpu(7);
    assert_null(driver->init_cpu());
    fake_set_cpu(8);
    fake_log_clear();
    assert_non_null(driver->init_cpu());
    fake_log_has_no_writes();
}

/* Of CPUs that differ, guests have what all have. */
static void list_registers_are_what_all_cpus_have(void **state)
{
    (void)state;
    fake_set_cpu(1);
    fake_device_set(GICH_VTR, 0x90000000 | (LIST_REGISTERS - 2));
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), LIST_REGISTERS - 1);
    fake_set_cpu(2);
    fake_device_set(GICH_VTR, 0x90000000 | (LIST_REGISTERS - 1));
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), LIST_REGISTERS - 1);
}

static struct list_register random_list_register(struct random *random)
{
    return (struct list_register){
        .intid = (uint16_t)random_below(random, 1020),
        .priority = (uint8_t)(random_below(random, 32) << 3),
        .state = (uint8_t)random_below(random, 4),
        .source = (uint8_t)random_below(random, 8),
        .hardware = random_below(random, 2) != 0,
        .physical = (uint16_t)random_below(random, 1020),
        .group1 = random_below(random, 2) != 0,
        .eoi_wanted = random_below(random, 2) != 0,
    };
}

/* GICH_LR: the physical INTID stands where without the HW bit the sender and the wish for an EOI stand. */
static void a_list_register_has_its_fields(void **state)
{
    (void)state;
    struct random random = {1};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct list_register lr = random_list_register(&random);
        uint64_t word;

        lr.eoi_wanted = lr.eoi_wanted && !lr.hardware;
        word = driver->lr_word(&lr);
        assert_int_equal(field(word, 63, 32), 0);
        assert_int_equal(field(word, 31, 31), lr.hardware);
        assert_int_equal(field(word, 30, 30), lr.group1);
        assert_int_equal(field(word, 29, 28), lr.state);
        assert_int_equal(field(word, 27, 23), lr.priority >> 3);
        assert_int_equal(field(word, 22, 20), 0);
        assert_int_equal(field(word, 9, 0), lr.intid);
        if (lr.hardware) {
            assert_int_equal(field(word, 19, 10), lr.physical);
        } else {
            assert_int_equal(field(word, 19, 19), lr.eoi_wanted);
            assert_int_equal(field(word, 18, 13), 0);
            assert_int_equal(field(word, 12, 10), lr.source);
        }
    }
}

static void list_registers_by_example(void **state)
{
    (void)state;
    const struct list_register timer = {.intid = 27,
                                        .priority = 0x80,
                                        .state = LR_PENDING,
                                        .source = 5,
                                        .hardware = true,
                                        .physical = 27,
                                        .group1 = true};
    const struct list_register sgi = {
        .intid = 3, .priority = 0xF8, .state = LR_PENDING | LR_ACTIVE, .source = 5, .eoi_wanted = true};
    const struct list_register none = {0};

    assert_int_equal(driver->lr_word(&timer), 0xD8006C1B);
    assert_int_equal(driver->lr_word(&sgi), 0x3F881403);
    assert_int_equal(driver->lr_word(&none), 0);
}

static void list_registers_are_written_each(void **state)
{
    (void)state;
    for (unsigned n = 0; n < LIST_REGISTERS; n++) {
        driver->lr_write(n, 0x10000010 + n);
        FAKE_LOG_IS(DEVICE_WRITE32(GICH_LR(n), 0x10000010 + n));
    }
}

static void taking_tells_the_rest_and_empties(void **state)
{
    (void)state;
    struct random random = {2};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct list_register lr = random_list_register(&random);
        unsigned n = (unsigned)random_below(&random, LIST_REGISTERS);
        struct lr_content content;

        driver->lr_write(n, driver->lr_word(&lr));
        content = driver->lr_take(n);
        assert_int_equal(content.state, lr.state);
        assert_int_equal(content.source, lr.hardware ? 0 : lr.source);
        assert_int_equal(fake_device_get(GICH_LR(n)), 0);
        fake_log_clear();
    }
}

static void taking_touches_no_other(void **state)
{
    (void)state;
    for (unsigned n = 0; n < LIST_REGISTERS; n++)
        driver->lr_write(n, 0x10000000 | n);
    assert_int_equal(driver->lr_take(1).state, LR_PENDING);
    assert_int_equal(fake_device_get(GICH_LR(0)), 0x10000000);
    assert_int_equal(fake_device_get(GICH_LR(1)), 0);
    assert_int_equal(fake_device_get(GICH_LR(2)), 0x10000002);
}

static void what_is_asked_for_is_asked_until_the_next_time(void **state)
{
    (void)state;
    driver->virtual_ask(true, false);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_HCR, HCR_EN | HCR_NPIE));
    driver->virtual_ask(false, true);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_HCR, HCR_EN | HCR_LRENPIE));
    driver->virtual_ask(true, true);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_HCR, HCR_EN | HCR_NPIE | HCR_LRENPIE));
    driver->virtual_ask(false, false);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_HCR, HCR_EN));
}

static void ends_without_a_list_register_are_counted_once(void **state)
{
    (void)state;
    fake_device_set(GICH_HCR, 31u << HCR_EOI_COUNT | HCR_EN | HCR_LRENPIE);
    assert_int_equal(driver->take_eoi_count(), 31);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_HCR, HCR_EN | HCR_LRENPIE));
    assert_int_equal(driver->take_eoi_count(), 0);
    fake_log_has_no_writes();
}

/* In EOI mode 1 an end only drops the priority. */
static void ends_of_a_guest_that_deactivates_by_name_are_none(void **state)
{
    (void)state;
    fake_device_set(GICH_VMCR, VMCR_EOI_MODE);
    fake_device_set(GICH_HCR, 2u << HCR_EOI_COUNT | HCR_EN);
    assert_int_equal(driver->take_eoi_count(), 0);
    assert_int_equal(fake_device_get(GICH_HCR), HCR_EN);
}

static void the_guests_mask_and_groups_are_told(void **state)
{
    (void)state;
    unsigned groups;

    fake_device_set(GICH_VMCR, 0x1Eu << 27 | 0x004C0000 | 2);
    assert_int_equal(driver->virtual_priority_mask(&groups), 0xF0);
    assert_int_equal(groups, 2);
    fake_device_set(GICH_VMCR, 0x07FFFFFC | 1);
    assert_int_equal(driver->virtual_priority_mask(&groups), 0);
    assert_int_equal(groups, 1);
}

static void an_interface_is_saved_and_loaded(void **state)
{
    (void)state;
    struct arch_vcpu vcpu = {0};

    fake_device_set(GICH_VMCR, 0xF04C0003);
    fake_device_set(GICH_APR, 0x00100000);
    driver->interface_save(&vcpu);
    fake_device_set(GICH_VMCR, 0);
    fake_device_set(GICH_APR, 0);
    fake_log_clear();
    driver->interface_load(&vcpu);
    FAKE_LOG_IS(DEVICE_WRITE32(GICH_VMCR, 0xF04C0003), DEVICE_WRITE32(GICH_APR, 0x00100000));
}

/* GICV_PMR 0, both groups off, binary points at their least: 2 and 3, as there are five bits of priority. */
static void a_new_interface_is_as_after_a_reset(void **state)
{
    (void)state;
    struct arch_vcpu vcpu = {.gic_vmcr = UINT64_MAX, .gic_ap0 = {1}};
    uint32_t vmcr;

    driver->interface_reset(&vcpu);
    driver->interface_load(&vcpu);
    vmcr = fake_device_get(GICH_VMCR);
    assert_int_equal(field(vmcr, 31, 27), 0);
    assert_int_equal(field(vmcr, 23, 21), 2);
    assert_int_equal(field(vmcr, 20, 18), 3);
    assert_int_equal(field(vmcr, 17, 0), 0);
    assert_int_equal(fake_device_get(GICH_APR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_list_has_it, setup),
        cmocka_unit_test_setup(guests_get_the_page_of_the_virtual_interface, setup),
        cmocka_unit_test_setup(a_gic_without_virtualization_is_refused, setup),
        cmocka_unit_test_setup(what_cannot_be_mapped_is_refused, setup),
        cmocka_unit_test_setup(the_guests_page_is_not_mapped_here, setup),
        cmocka_unit_test_setup(the_distributor_is_off_while_it_is_set_up, setup),
        cmocka_unit_test_setup(spis_begin_disabled_and_inactive, setup),
        cmocka_unit_test_setup(private_interrupts_begin_disabled_and_inactive, setup),
        cmocka_unit_test_setup(the_interface_takes_all_and_ends_in_two_steps, setup),
        cmocka_unit_test_setup(the_virtual_interface_begins_empty_and_on, setup),
        cmocka_unit_test_setup(of_many_list_registers_some_are_used, setup),
        cmocka_unit_test_setup(an_interrupt_is_acknowledged_ended_and_deactivated, setup),
        cmocka_unit_test_setup(nothing_pending_is_spurious, setup),
        cmocka_unit_test_setup(deactivation_lies_where_the_second_page_begins, setup),
        cmocka_unit_test_setup(a_private_interrupt_is_enabled, setup),
        cmocka_unit_test_setup(a_shared_interrupt_is_routed_and_enabled, setup),
        cmocka_unit_test_setup(a_single_cpu_is_number_0, setup),
        cmocka_unit_test_setup(a_shared_interrupt_is_set_up, setup),
        cmocka_unit_test_setup(private_active_state_is_set_and_cleared, setup),
        cmocka_unit_test_setup(a_kick_names_the_other_cpu, setup),
        cmocka_unit_test_setup(a_ninth_cpu_has_no_interface, setup),
        cmocka_unit_test_setup(list_registers_are_what_all_cpus_have, setup),
        cmocka_unit_test_setup(a_list_register_has_its_fields, setup),
        cmocka_unit_test_setup(list_registers_by_example, setup),
        cmocka_unit_test_setup(list_registers_are_written_each, setup),
        cmocka_unit_test_setup(taking_tells_the_rest_and_empties, setup),
        cmocka_unit_test_setup(taking_touches_no_other, setup),
        cmocka_unit_test_setup(what_is_asked_for_is_asked_until_the_next_time, setup),
        cmocka_unit_test_setup(ends_without_a_list_register_are_counted_once, setup),
        cmocka_unit_test_setup(ends_of_a_guest_that_deactivates_by_name_are_none, setup),
        cmocka_unit_test_setup(the_guests_mask_and_groups_are_told, setup),
        cmocka_unit_test_setup(an_interface_is_saved_and_loaded, setup),
        cmocka_unit_test_setup(a_new_interface_is_as_after_a_reset, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
