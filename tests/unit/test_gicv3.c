/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GICv3's driver against the registers of Arm IHI 0069: which redistributor is a CPU's, what the driver
 * makes of what the firmware left, each operation access for access, and list registers field for field.
 *
 * The GIC here takes its time: a write to GICD_CTLR is done, and a redistributor awake, some readings later.
 * What must not be done meanwhile is asserted, and that affinity routing never goes off and comes on only
 * while no group is enabled.
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

#define GICD       UINT64_C(0x08000000)
#define GICR       UINT64_C(0x080A0000)
#define GICR_OTHER UINT64_C(0x4000000000) /* a second region */
#define FRAME      UINT64_C(0x20000)      /* a redistributor: RD_base and SGI_base, 64 KiB each */

#define GICD_CTLR          (GICD + 0x0000)
#define GICD_TYPER         (GICD + 0x0004)
#define GICD_IGROUPR(n)    (GICD + 0x0080 + 4 * (uint64_t)(n))
#define GICD_ISENABLER(n)  (GICD + 0x0100 + 4 * (uint64_t)(n))
#define GICD_ICENABLER(n)  (GICD + 0x0180 + 4 * (uint64_t)(n))
#define GICD_ISACTIVER(n)  (GICD + 0x0300 + 4 * (uint64_t)(n))
#define GICD_ICACTIVER(n)  (GICD + 0x0380 + 4 * (uint64_t)(n))
#define GICD_IPRIORITYR(n) (GICD + 0x0400 + 4 * (uint64_t)(n))
#define GICD_ICFGR(n)      (GICD + 0x0C00 + 4 * (uint64_t)(n))
#define GICD_IROUTER(n)    (GICD + 0x6000 + 8 * (uint64_t)(n))

#define GICR_TYPER(frame)         ((frame) + 0x0008)
#define GICR_WAKER(frame)         ((frame) + 0x0014)
#define GICR_IGROUPR0(frame)      ((frame) + 0x10080)
#define GICR_ISENABLER0(frame)    ((frame) + 0x10100)
#define GICR_ICENABLER0(frame)    ((frame) + 0x10180)
#define GICR_ISACTIVER0(frame)    ((frame) + 0x10300)
#define GICR_ICACTIVER0(frame)    ((frame) + 0x10380)
#define GICR_IPRIORITYR(frame, n) ((frame) + 0x10400 + 4 * (uint64_t)(n))

#define CTLR_ENABLES    3u
#define CTLR_ENABLE_G1  (1u << 1)
#define CTLR_ARE        (1u << 4)
#define CTLR_RWP        (1u << 31)
#define TYPER_VLPIS     (1u << 1)
#define TYPER_LAST      (1u << 4)
#define PROCESSOR_SLEEP (1u << 1)
#define CHILDREN_ASLEEP (1u << 2)
#define WAKER_OTHERS    0x80000001u /* the implementation's own */

/* System registers as this machine's assembler knows them: op0, op1, CRn, CRm, op2. */
#define MPIDR_EL1       "mpidr_el1"
#define ICC_PMR_EL1     "S3_0_C4_C6_0"
#define ICC_DIR_EL1     "S3_0_C12_C11_1"
#define ICC_SGI1R_EL1   "S3_0_C12_C11_5"
#define ICC_IAR1_EL1    "S3_0_C12_C12_0"
#define ICC_EOIR1_EL1   "S3_0_C12_C12_1"
#define ICC_CTLR_EL1    "S3_0_C12_C12_4"
#define ICC_SRE_EL1     "S3_0_C12_C12_5"
#define ICC_IGRPEN1_EL1 "S3_0_C12_C12_7"
#define ICC_SRE_EL2     "S3_4_C12_C9_5"
#define ICH_HCR_EL2     "S3_4_C12_C11_0"
#define ICH_VTR_EL2     "S3_4_C12_C11_1"
#define ICH_VMCR_EL2    "S3_4_C12_C11_7"
static const char *const ap0r[4] = {"S3_4_C12_C8_0", "S3_4_C12_C8_1", "S3_4_C12_C8_2", "S3_4_C12_C8_3"};
static const char *const ap1r[4] = {"S3_4_C12_C9_0", "S3_4_C12_C9_1", "S3_4_C12_C9_2", "S3_4_C12_C9_3"};
static const char *const lrs[16] = {
    "S3_4_C12_C12_0", "S3_4_C12_C12_1", "S3_4_C12_C12_2", "S3_4_C12_C12_3",
    "S3_4_C12_C12_4", "S3_4_C12_C12_5", "S3_4_C12_C12_6", "S3_4_C12_C12_7",
    "S3_4_C12_C13_0", "S3_4_C12_C13_1", "S3_4_C12_C13_2", "S3_4_C12_C13_3",
    "S3_4_C12_C13_4", "S3_4_C12_C13_5", "S3_4_C12_C13_6", "S3_4_C12_C13_7",
};

#define SRE            1u
#define SRE_EL1_MAY    (1u << 3)
#define EOI_MODE       (1u << 1)
#define HCR_EN         UINT64_C(1)
#define HCR_LRENPIE    (UINT64_C(1) << 2)
#define HCR_NPIE       (UINT64_C(1) << 3)
#define HCR_TDIR       (UINT64_C(1) << 14)
#define HCR_EOI_COUNT  27
#define VTR_TDS        (UINT64_C(1) << 19)
#define VTR_PRI_BITS   29 /* of priority: 7, of which the preemption bits are a part */
#define VTR_PRE_BITS   26
#define VMCR_EOI_MODE  (UINT64_C(1) << 9)
#define PPI            27u
#define SPI            41u
#define LINES          5
#define MAX_LINES      32
#define LIST_REGISTERS 4
#define PRIORITIES     0xA0A0A0A0u
#define PATIENCE       3
#define CPUS           4
#define FRAMES         10                 /* the most that a test has in a region */
#define OWN_FRAME      (GICR + 2 * FRAME) /* of CPU 0 as setup() has it */
#define ROUNDS         20000

static const struct gic_driver *const driver = &gicv3_driver;

static const void *tree;
static unsigned busy, waking;
static uint32_t control;

static uint32_t on_read(uint64_t address, uint32_t value)
{
    if (address == GICD_CTLR && busy > 0) {
        busy--;
        return value | CTLR_RWP;
    }
    if (address >= GICR && address % FRAME == GICR_WAKER(0)) {
        bool asleep = (value & PROCESSOR_SLEEP) != 0 || waking > 0;

        if (waking > 0 && (value & PROCESSOR_SLEEP) == 0)
            waking--;
        return (value & ~CHILDREN_ASLEEP) | (asleep ? CHILDREN_ASLEEP : 0);
    }
    return value;
}

static void written_to_distributor(uint64_t address, uint32_t value)
{
    assert_int_equal(busy, 0);
    if (address != GICD_CTLR)
        return;
    if ((control & CTLR_ARE) != 0)
        assert_true((value & CTLR_ARE) != 0);
    else if ((value & CTLR_ARE) != 0)
        assert_int_equal((control | value) & CTLR_ENABLES, 0);
    control = value;
    busy = PATIENCE;
}

static void on_write(uint64_t address, uint32_t value)
{
    if (address - GICD < 0x10000)
        written_to_distributor(address, value);
    else if (address % FRAME != GICR_WAKER(0))
        assert_int_equal(waking, 0);
}

static void set_control(uint32_t value)
{
    busy = 0;
    control = value;
    fake_device_set(GICD_CTLR, value);
}

/* A distributor and a CPU interface as the firmware may leave them. */
static void make_gic(unsigned lines, unsigned list_registers, unsigned preemption_bits,
                     bool traps_deactivation)
{
    fake_registers_reset();
    busy = 0;
    waking = PATIENCE;
    fake_device_hooks((struct fake_device_hooks){.read = on_read, .written = on_write});
    fake_device(GICD, 0x10000);
    fake_device_set_clear(GICD_ISENABLER(0), GICD_ICENABLER(0), MAX_LINES);
    fake_device_set_clear(GICD_ISACTIVER(0), GICD_ICACTIVER(0), MAX_LINES);
    set_control(CTLR_ARE | CTLR_ENABLE_G1);
    fake_device_set(GICD_TYPER, 0x037A0000 | (lines - 1));
    for (unsigned i = 1; i < lines; i++) {
        fake_device_set(GICD_ISENABLER(i), 0x12345678);
        fake_device_set(GICD_ISACTIVER(i), 0x87654321);
    }

    fake_sysreg(MPIDR_EL1, 0x80000002);
    fake_sysreg(ICC_PMR_EL1, 0);
    fake_sysreg(ICC_DIR_EL1, 0);
    fake_sysreg(ICC_SGI1R_EL1, 0);
    fake_sysreg(ICC_IAR1_EL1, GIC_SPURIOUS);
    fake_sysreg(ICC_EOIR1_EL1, 0);
    fake_sysreg(ICC_CTLR_EL1, 1);
    fake_sysreg(ICC_SRE_EL1, 0);
    fake_sysreg(ICC_IGRPEN1_EL1, 0);
    fake_sysreg(ICC_SRE_EL2, 6 | SRE_EL1_MAY);
    fake_sysreg(ICH_HCR_EL2, HCR_NPIE);
    fake_sysreg(ICH_VTR_EL2, UINT64_C(6) << VTR_PRI_BITS | (uint64_t)(preemption_bits - 1) << VTR_PRE_BITS |
                                 (traps_deactivation ? VTR_TDS : 0) | (list_registers - 1));
    fake_sysreg(ICH_VMCR_EL2, 0);
    for (unsigned n = 0; n < list_registers; n++)
        fake_sysreg(lrs[n], UINT64_C(0x4000000000000000) | n);
    for (unsigned n = 0; n < (preemption_bits < 6 ? 1u : preemption_bits == 6 ? 2u : 4u); n++) {
        fake_sysreg(ap0r[n], 0);
        fake_sysreg(ap1r[n], 0);
    }
}

static void make_redistributor(uint64_t frame, uint32_t affinity, uint32_t type)
{
    fake_device_set(GICR_TYPER(frame), type);
    fake_device_set(GICR_TYPER(frame) + 4, affinity);
    fake_device_set(GICR_WAKER(frame), PROCESSOR_SLEEP | WAKER_OTHERS);
    fake_device_set_clear(GICR_ISENABLER0(frame), GICR_ICENABLER0(frame), 1);
    fake_device_set_clear(GICR_ISACTIVER0(frame), GICR_ICACTIVER0(frame), 1);
    fake_device_set(GICR_ISENABLER0(frame), 0x12345678);
    fake_device_set(GICR_ISACTIVER0(frame), 0x87654321);
}

/* Four CPUs of affinity 0 to 3, in one region. */
static void make_redistributors(void)
{
    fake_device(GICR, CPUS * FRAME);
    for (unsigned i = 0; i < CPUS; i++)
        make_redistributor(GICR + i * FRAME, i, i == CPUS - 1 ? TYPER_LAST : 0);
}

/* The node's properties. */
static void make_tree(const char *properties)
{
    char source[512];

    (void)snprintf(source, sizeof(source), "/ { #address-cells = <2>; #size-cells = <2>; gic { %s }; };",
                   properties);
    tree = tree_of(source);
}

#define REG_GICD "0 0x08000000 0 0x10000"
#define REG_GICR " 0 0x080A0000 0 0x80000"

static const char *init(void)
{
    return driver->init(tree, fdt_path_offset(tree, "/gic"));
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_redistributors();
    make_tree("reg = <" REG_GICD REG_GICR ">;");
    assert_null(init());
    assert_null(driver->init_cpu());
    fake_log_clear();
    return 0;
}

/* As setup(), with another CPU interface. */
static void init_with(unsigned list_registers, unsigned preemption_bits, bool traps_deactivation)
{
    make_gic(LINES, list_registers, preemption_bits, traps_deactivation);
    make_redistributors();
    assert_null(init());
    assert_null(driver->init_cpu());
    fake_log_clear();
}

static void the_list_has_it(void **state)
{
    (void)state;
    assert_ptr_equal(gic_drivers[0], driver);
    assert_int_equal(driver->version, 3);
    assert_string_equal(driver->compatible[0], "arm,gic-v3");
    assert_null(driver->compatible[1]);
}

static void guests_have_system_registers(void **state)
{
    (void)state;
    assert_int_equal(driver->guest_interface(), 0);
}

static void a_node_without_registers_is_refused(void **state)
{
    (void)state;
    static const char *const nodes[] = {"", "reg;", "reg = <" REG_GICD ">;",
                                        "#redistributor-regions = <2>; reg = <" REG_GICD REG_GICR ">;"};

    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        make_tree(nodes[i]);
        fake_log_clear();
        assert_string_equal(init(), i < 2 ? "no distributor in `reg`" : "no redistributors in `reg`");
        fake_log_has_no_writes();
    }
}

static void what_cannot_be_mapped_is_refused(void **state)
{
    (void)state;
    static const uint64_t starts[] = {GICD, GICR};

    for (unsigned i = 0; i < 2; i++) {
        make_gic(LINES, LIST_REGISTERS, 5, false);
        make_redistributors();
        fake_device_unmappable(starts[i]);
        assert_non_null(init());
        fake_log_has_no_writes();
    }
}

/* The firmware may have left it off, on, or on with affinity routing. */
static void the_distributor_is_off_while_it_is_set_up(void **state)
{
    (void)state;
    static const uint32_t left[] = {0, CTLR_ENABLES, CTLR_ARE, CTLR_ARE | CTLR_ENABLES};

    for (unsigned i = 0; i < 4; i++) {
        unsigned off, on;

        set_control(left[i]);
        assert_null(init());
        off = fake_log_first(DEVICE_WRITE32(GICD_CTLR, left[i] & CTLR_ARE));
        on = fake_log_last(DEVICE_WRITE32(GICD_CTLR, CTLR_ARE | CTLR_ENABLE_G1));
        assert_true(off < fake_log_first(DEVICE_WRITE32(GICD_ICENABLER(1), UINT32_MAX)));
        assert_true(on > fake_log_last(DEVICE_WRITE32(GICD_IPRIORITYR(8 * LINES - 1), PRIORITIES)));
        assert_int_equal(control, CTLR_ARE | CTLR_ENABLE_G1);
        fake_log_clear();
    }
}

/* Line 0 is in the redistributors. Behind the last line nothing is there. */
static void spis_begin_disabled_inactive_and_in_group_1(void **state)
{
    (void)state;
    static const unsigned lines[] = {1, 2, LINES, MAX_LINES};

    for (unsigned k = 0; k < 4; k++) {
        make_gic(lines[k], LIST_REGISTERS, 5, false);
        make_redistributors();
        assert_null(init());
        assert_int_equal(fake_device_get(GICD_IGROUPR(0)), 0);
        for (unsigned i = 1; i < lines[k]; i++) {
            assert_int_equal(fake_device_get(GICD_ISENABLER(i)), 0);
            assert_int_equal(fake_device_get(GICD_ISACTIVER(i)), 0);
            assert_int_equal(fake_device_get(GICD_IGROUPR(i)), UINT32_MAX);
            for (unsigned n = 8 * i; n < 8 * (i + 1); n++)
                assert_int_equal(fake_device_get(GICD_IPRIORITYR(n)), PRIORITIES);
        }
        assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_ICENABLER(0), UINT32_MAX)), 0);
        assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_ICENABLER(lines[k]), UINT32_MAX)), 0);
        assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_IPRIORITYR(8 * lines[k]), PRIORITIES)), 0);
        fake_log_clear();
    }
}

/* Lets init_cpu() find the redistributor of the CPU with this MPIDR, and shows which it was; 0: refused. */
static uint64_t redistributor_of(uint64_t mpidr)
{
    static const uint64_t regions[] = {GICR, GICR_OTHER};
    uint64_t found = 0;

    assert_null(init());
    fake_sysreg(MPIDR_EL1, mpidr);
    waking = PATIENCE;
    fake_log_clear();
    if (driver->init_cpu() != NULL) {
        fake_log_has_no_writes();
        return 0;
    }
    for (unsigned i = 0; i < 2; i++)
        for (unsigned n = 0; n < FRAMES; n++) {
            uint64_t frame = regions[i] + n * FRAME;

            if (fake_log_count(DEVICE_WRITE32(GICR_ICENABLER0(frame), UINT32_MAX)) != 0) {
                assert_int_equal(found, 0);
                found = frame;
            }
        }
    return found;
}

static void a_redistributor_is_found_by_affinity(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(redistributor_of(0x80000000 | i), GICR + i * FRAME);
    assert_int_equal(redistributor_of(0x80000000 | CPUS), 0);
}

/* MPIDR_EL1 has Aff3 apart, and between it and Aff2 bits that are no affinity: 31, U, MT. */
static void all_four_levels_of_affinity_count(void **state)
{
    (void)state;
    static const uint32_t affinities[] = {0x00000000, 0x01000000, 0x00010000, 0x00000100, 0x01020304};
    static const uint64_t mpidrs[] = {0x0080000000, 0x01C0000000, 0x0081010000, 0x00C1000100, 0x0181020304};

    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0xA0000>;");
    fake_device(GICR, 5 * FRAME);
    for (unsigned i = 0; i < 5; i++)
        make_redistributor(GICR + i * FRAME, affinities[i], i == 4 ? TYPER_LAST : 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(redistributor_of(mpidrs[i]), GICR + i * FRAME);
}

static void the_last_of_a_region_is_the_last(void **state)
{
    (void)state;
    fake_device_set(GICR_TYPER(GICR + FRAME), TYPER_LAST);
    assert_int_equal(redistributor_of(1), GICR + FRAME);
    assert_int_equal(redistributor_of(2), 0);
}

/* Also when none says that it is the last; and not in a piece that is too small for one. */
static void no_redistributor_is_outside_its_region(void **state)
{
    (void)state;
    fake_device_set(GICR_TYPER(GICR + (CPUS - 1) * FRAME), 0);
    assert_int_equal(redistributor_of(CPUS), 0);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0x40000>;");
    assert_int_equal(redistributor_of(1), GICR + FRAME);
    assert_int_equal(redistributor_of(2), 0);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0x50000>;");
    assert_int_equal(redistributor_of(2), 0);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0>;");
    assert_int_equal(redistributor_of(0), 0);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0x20000>;");
    fake_device_set(GICR_TYPER(GICR), TYPER_VLPIS);
    assert_int_equal(redistributor_of(2), 0);
}

static void virtual_lpis_take_two_frames_more(void **state)
{
    (void)state;
    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0xA0000>;");
    fake_device(GICR, 5 * FRAME);
    make_redistributor(GICR, 0, TYPER_VLPIS);
    fake_device_set(GICR_TYPER(GICR + FRAME) + 4,
                    1); /* what the frames of virtual LPIs hold is no affinity */
    make_redistributor(GICR + 2 * FRAME, 1, TYPER_VLPIS);
    make_redistributor(GICR + 4 * FRAME, 2, TYPER_LAST);
    assert_int_equal(redistributor_of(0), GICR);
    assert_int_equal(redistributor_of(1), GICR + 2 * FRAME);
    assert_int_equal(redistributor_of(2), GICR + 4 * FRAME);
}

static void the_tree_may_say_how_far_they_are_apart(void **state)
{
    (void)state;
    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_tree("redistributor-stride = <0 0x60000>; reg = <" REG_GICD " 0 0x080A0000 0 0xC0000>;");
    fake_device(GICR, 6 * FRAME);
    make_redistributor(GICR, 0, 0);
    fake_device_set(GICR_TYPER(GICR + FRAME) + 4, 1);
    make_redistributor(GICR + 3 * FRAME, 1, TYPER_VLPIS);
    assert_int_equal(redistributor_of(0), GICR);
    assert_int_equal(redistributor_of(1), GICR + 3 * FRAME);
    assert_int_equal(redistributor_of(2), 0);
    make_tree("reg = <" REG_GICD " 0 0x080A0000 0 0xC0000>;");
    assert_int_equal(redistributor_of(1), GICR + FRAME);
}

static void all_regions_are_looked_through(void **state)
{
    (void)state;
    fake_device(GICR_OTHER, 2 * FRAME);
    make_redistributor(GICR_OTHER, CPUS, 0);
    make_redistributor(GICR_OTHER + FRAME, CPUS + 1, TYPER_LAST);
    make_tree("#redistributor-regions = <2>; reg = <" REG_GICD REG_GICR " 0x40 0 0 0x40000>;");
    assert_int_equal(redistributor_of(0), GICR);
    assert_int_equal(redistributor_of(CPUS), GICR_OTHER);
    assert_int_equal(redistributor_of(CPUS + 1), GICR_OTHER + FRAME);
    assert_int_equal(redistributor_of(CPUS + 2), 0);
}

/* Without the property the second entry is the first and only region: what follows is something else. */
static void one_region_is_the_rule(void **state)
{
    (void)state;
    fake_device(GICR_OTHER, FRAME);
    make_redistributor(GICR_OTHER, CPUS, TYPER_LAST);
    make_tree("reg = <" REG_GICD REG_GICR " 0x40 0 0 0x20000>;");
    assert_int_equal(redistributor_of(CPUS), 0);
}

static void more_regions_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    make_gic(LINES, LIST_REGISTERS, 5, false);
    fake_device(GICR, 10 * FRAME);
    for (unsigned i = 0; i < 10; i++)
        make_redistributor(GICR + i * FRAME, i, TYPER_LAST);
    make_tree(
        "#redistributor-regions = <10>; reg = <" REG_GICD
        " 0 0x080A0000 0 0x20000  0 0x080C0000 0 0x20000  0 0x080E0000 0 0x20000  0 0x08100000 0 0x20000"
        " 0 0x08120000 0 0x20000  0 0x08140000 0 0x20000  0 0x08160000 0 0x20000  0 0x08180000 0 0x20000"
        " 0 0x081A0000 0 0x20000  0 0x081C0000 0 0x20000>;");
    assert_int_equal(redistributor_of(7), GICR + 7 * FRAME);
    assert_int_equal(redistributor_of(8), 0);
}

static void a_redistributor_is_woken_first(void **state)
{
    (void)state;
    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_redistributors();
    assert_null(init());
    assert_null(driver->init_cpu());
    assert_int_equal(waking, 0);
    assert_int_equal(fake_device_get(GICR_WAKER(OWN_FRAME)) & ~CHILDREN_ASLEEP, WAKER_OTHERS);
    assert_int_equal(fake_device_get(GICR_WAKER(OWN_FRAME + FRAME)), PROCESSOR_SLEEP | WAKER_OTHERS);
}

static void private_interrupts_begin_disabled_inactive_and_in_group_1(void **state)
{
    (void)state;
    assert_int_equal(fake_device_get(GICR_ISENABLER0(OWN_FRAME)), 0);
    assert_int_equal(fake_device_get(GICR_ISACTIVER0(OWN_FRAME)), 0);
    assert_int_equal(fake_device_get(GICR_IGROUPR0(OWN_FRAME)), UINT32_MAX);
    for (unsigned n = 0; n < 8; n++)
        assert_int_equal(fake_device_get(GICR_IPRIORITYR(OWN_FRAME, n)),
                         n == 0 ? PRIORITIES + 0x10 : PRIORITIES);
    assert_int_equal(fake_device_get(GICR_IPRIORITYR(OWN_FRAME, 8)), 0);
    assert_int_equal(fake_device_get(GICR_ISENABLER0(OWN_FRAME + FRAME)), 0x12345678);
}

/* System registers first, as the others exist only then. ICC_SRE_EL2's bypass bits are the firmware's. */
static void the_interface_takes_all_and_ends_in_two_steps(void **state)
{
    (void)state;
    unsigned first, last;

    make_gic(LINES, LIST_REGISTERS, 5, false);
    make_redistributors();
    assert_null(init());
    assert_null(driver->init_cpu());
    assert_int_equal(fake_sysreg_get(ICC_SRE_EL2), 6 | SRE);
    assert_int_equal(fake_sysreg_get(ICC_SRE_EL1), SRE);
    assert_int_equal(fake_sysreg_get(ICC_PMR_EL1), 0xFF);
    assert_int_equal(fake_sysreg_get(ICC_CTLR_EL1), EOI_MODE);
    assert_int_equal(fake_sysreg_get(ICC_IGRPEN1_EL1), 1);

    first = fake_log_first(SYSREG_WRITE(ICC_SRE_EL2, 6 | SRE));
    last = fake_log_first(SYSREG_WRITE(ICC_IGRPEN1_EL1, 1));
    assert_true(fake_log_first(BARRIER("isb")) == first + 1);
    assert_true(fake_log_first(SYSREG_WRITE(ICC_SRE_EL1, SRE)) > first + 1);
    assert_true(fake_log_first(SYSREG_WRITE(ICC_PMR_EL1, 0xFF)) > first + 1);
    assert_true(fake_log_first(SYSREG_WRITE(ICC_CTLR_EL1, EOI_MODE)) > first + 1);
    assert_true(last > fake_log_first(SYSREG_WRITE(ICC_CTLR_EL1, EOI_MODE)));
    assert_true(fake_log_last(BARRIER("isb")) > last);
}

static void the_virtual_interface_begins_empty_and_on(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 2, LIST_REGISTERS, GIC_MAX_LRS};

    for (unsigned i = 0; i < 4; i++) {
        init_with(counts[i], 5, false);
        assert_int_equal(driver->lr_count(), counts[i]);
        for (unsigned n = 0; n < counts[i]; n++)
            assert_int_equal(fake_sysreg_get(lrs[n]), 0);
        assert_int_equal(fake_sysreg_get(ICH_HCR_EL2), HCR_EN);
    }
}

static void an_interrupt_is_acknowledged_ended_and_deactivated(void **state)
{
    (void)state;
    fake_sysreg(ICC_IAR1_EL1, SPI);
    assert_int_equal(driver->acknowledge(), SPI);
    FAKE_LOG_IS(SYSREG_READ(ICC_IAR1_EL1, SPI), BARRIER("dsb sy"));
    driver->end(SPI);
    FAKE_LOG_IS(SYSREG_WRITE(ICC_EOIR1_EL1, SPI), BARRIER("isb"));
    driver->deactivate(SPI);
    FAKE_LOG_IS(SYSREG_WRITE(ICC_DIR_EL1, SPI), BARRIER("isb"));
}

static void nothing_pending_is_spurious(void **state)
{
    (void)state;
    assert_int_equal(driver->acknowledge(), GIC_SPURIOUS);
}

static void a_private_interrupt_is_enabled(void **state)
{
    (void)state;
    driver->enable(PPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ISENABLER0(OWN_FRAME), 1u << PPI));
    driver->enable(31);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ISENABLER0(OWN_FRAME), 1u << 31));
}

/* It goes to this CPU before it can come. */
static void a_shared_interrupt_is_routed_and_enabled(void **state)
{
    (void)state;
    driver->enable(SPI);
    FAKE_LOG_IS(DEVICE_WRITE64(GICD_IROUTER(SPI), 2), DEVICE_WRITE32(GICD_ISENABLER(1), 1u << (SPI - 32)));
    fake_sysreg(MPIDR_EL1, 0x05C1020304);
    driver->enable(32);
    FAKE_LOG_IS(DEVICE_WRITE64(GICD_IROUTER(32), 0x0500020304), DEVICE_WRITE32(GICD_ISENABLER(1), 1));
    driver->enable(1019);
    FAKE_LOG_IS(DEVICE_WRITE64(GICD_IROUTER(1019), 0x0500020304),
                DEVICE_WRITE32(GICD_ISENABLER(31), 1u << 27));
}

/* The shared interrupts of devices: each its own register or bit, so that any CPU may write it. */
static void a_shared_interrupt_is_set_up(void **state)
{
    (void)state;
    fake_device_set(GICD_ICFGR(2), 0x55555555);
    fake_log_clear();
    driver->spi_set_up(33, true);
    assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_ICENABLER(1), 2)), 1);
    assert_int_equal(fake_log_count(DEVICE_WRITE32(GICD_ICACTIVER(1), 2)), 1);
    assert_int_equal(fake_device_get(GICD_ICFGR(2)), 0x5555555D);
    driver->spi_set_up(33, false);
    assert_int_equal(fake_device_get(GICD_ICFGR(2)), 0x55555555);
    fake_log_clear();
    driver->spi_set_target(SPI, 0);
    driver->spi_enable(SPI);
    driver->spi_set_active(SPI, true);
    driver->spi_set_active(SPI, false);
    driver->disable(SPI);
    driver->disable(PPI);
    FAKE_LOG_IS(DEVICE_WRITE64(GICD_IROUTER(SPI), 2), DEVICE_WRITE32(GICD_ISENABLER(1), 1u << (SPI - 32)),
                DEVICE_WRITE32(GICD_ISACTIVER(1), 1u << (SPI - 32)),
                DEVICE_WRITE32(GICD_ICACTIVER(1), 1u << (SPI - 32)),
                DEVICE_WRITE32(GICD_ICENABLER(1), 1u << (SPI - 32)),
                DEVICE_WRITE32(GICR_ICENABLER0(OWN_FRAME), 1u << PPI));
    assert_int_equal(driver->spi_end(), 32 * LINES);
}

static void private_active_state_is_set_and_cleared(void **state)
{
    (void)state;
    driver->set_private_active(PPI, true);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ISACTIVER0(OWN_FRAME), 1u << PPI), BARRIER("dsb sy"));
    driver->set_private_active(PPI, false);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ICACTIVER0(OWN_FRAME), 1u << PPI), BARRIER("dsb sy"));
}

static void each_cpu_has_its_own_redistributor(void **state)
{
    (void)state;
    fake_set_cpu(1);
    fake_sysreg(MPIDR_EL1, 0x80000003);
    assert_null(driver->init_cpu());
    fake_log_clear();
    driver->enable(PPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ISENABLER0(GICR + 3 * FRAME), 1u << PPI));
    fake_set_cpu(0);
    driver->enable(PPI);
    FAKE_LOG_IS(DEVICE_WRITE32(GICR_ISENABLER0(OWN_FRAME), 1u << PPI));
}

/*
 * ICC_SGI1R_EL1: Aff3 in 55:48, the sixteen CPUs of Aff0 that are meant (RS) in 47:44, Aff2 in 39:32, INTID 0
 * in 27:24, Aff1 in 23:16, which of the sixteen in 15:0. What was written before is seen by the other CPU.
 */
static void a_kick_names_the_other_cpu(void **state)
{
    (void)state;
    static const uint32_t affinities[] = {0x00000003, 0x0000000F, 0x01020304, 0x00000010, 0xFFFEFDFC};

    for (unsigned i = 0; i < 5; i++) {
        uint32_t affinity = affinities[i];
        uint64_t sgi;

        fake_device_set(GICR_TYPER(OWN_FRAME) + 4, affinity);
        fake_sysreg(MPIDR_EL1, (uint64_t)(affinity & 0xFF000000) << 8 | 0x80000000 | (affinity & 0xFFFFFF));
        assert_null(driver->init_cpu());
        fake_log_clear();
        driver->send_kick(0);
        sgi = fake_sysreg_get(ICC_SGI1R_EL1);
        FAKE_LOG_IS(BARRIER("dsb ishst"), SYSREG_WRITE(ICC_SGI1R_EL1, sgi), BARRIER("isb"));
        assert_int_equal(field(sgi, 63, 56), 0);
        assert_int_equal(field(sgi, 55, 48), field(affinity, 31, 24));
        assert_int_equal(field(sgi, 47, 44), field(affinity, 7, 4));
        assert_int_equal(field(sgi, 43, 40), 0);
        assert_int_equal(field(sgi, 39, 32), field(affinity, 23, 16));
        assert_int_equal(field(sgi, 31, 24), 0);
        assert_int_equal(field(sgi, 23, 16), field(affinity, 15, 8));
        assert_int_equal(field(sgi, 15, 0), 1u << field(affinity, 3, 0));
    }
}

static void a_kick_goes_to_the_cpu_of_that_index(void **state)
{
    (void)state;
    fake_set_cpu(1);
    fake_sysreg(MPIDR_EL1, 0x80000003);
    assert_null(driver->init_cpu());
    driver->send_kick(0);
    assert_int_equal(fake_sysreg_get(ICC_SGI1R_EL1), 1u << 2);
    driver->send_kick(1);
    assert_int_equal(fake_sysreg_get(ICC_SGI1R_EL1), 1u << 3);
}

/* Of CPUs that differ, guests have what all have. */
static void list_registers_are_what_all_cpus_have(void **state)
{
    (void)state;
    init_with(8, 5, true);
    fake_set_cpu(1);
    fake_sysreg(ICH_VTR_EL2, UINT64_C(6) << VTR_PRI_BITS | UINT64_C(4) << VTR_PRE_BITS | 3);
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), 4);
    driver->virtual_ask(false, true);
    assert_int_equal(fake_sysreg_get(ICH_HCR_EL2), HCR_EN | HCR_LRENPIE);
    fake_set_cpu(2);
    fake_sysreg(ICH_VTR_EL2, UINT64_C(6) << VTR_PRI_BITS | UINT64_C(4) << VTR_PRE_BITS | VTR_TDS | 7);
    assert_null(driver->init_cpu());
    assert_int_equal(driver->lr_count(), 4);
}

static struct list_register random_list_register(struct random *random)
{
    return (struct list_register){
        .intid = (uint16_t)random_below(random, 1020),
        .priority = (uint8_t)random_below(random, 256),
        .state = (uint8_t)random_below(random, 4),
        .hardware = random_below(random, 2) != 0,
        .physical = (uint16_t)random_below(random, 1020),
        .group1 = random_below(random, 2) != 0,
        .eoi_wanted = random_below(random, 2) != 0,
    };
}

/* ICH_LR<n>_EL2: the physical INTID stands where without the HW bit the wish for an EOI stands. */
static void a_list_register_has_its_fields(void **state)
{
    (void)state;
    struct random random = {1};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct list_register lr = random_list_register(&random);
        uint64_t word;

        lr.eoi_wanted = lr.eoi_wanted && !lr.hardware;
        word = driver->lr_word(&lr);
        assert_int_equal(field(word, 63, 62), lr.state);
        assert_int_equal(field(word, 61, 61), lr.hardware);
        assert_int_equal(field(word, 60, 60), lr.group1);
        assert_int_equal(field(word, 59, 56), 0);
        assert_int_equal(field(word, 55, 48), lr.priority);
        assert_int_equal(field(word, 47, 45), 0);
        assert_int_equal(field(word, 44, 32), lr.hardware ? lr.physical : lr.eoi_wanted ? 1u << 9 : 0);
        assert_int_equal(field(word, 31, 0), lr.intid);
    }
}

/* An SGI's source is not a virtual interface's business in a GICv3. */
static void list_registers_by_example(void **state)
{
    (void)state;
    const struct list_register timer = {
        .intid = 27, .priority = 0x80, .state = LR_PENDING, .hardware = true, .physical = 27, .group1 = true};
    const struct list_register sgi = {
        .intid = 3, .priority = 0xF8, .state = LR_PENDING | LR_ACTIVE, .source = 5, .eoi_wanted = true};
    const struct list_register none = {0};

    assert_int_equal(driver->lr_word(&timer), UINT64_C(0x7080001B0000001B));
    assert_int_equal(driver->lr_word(&sgi), UINT64_C(0xC0F8020000000003));
    assert_int_equal(driver->lr_word(&none), 0);
}

static void list_registers_are_written_each(void **state)
{
    (void)state;
    init_with(GIC_MAX_LRS, 5, false);
    for (unsigned n = 0; n < GIC_MAX_LRS; n++) {
        driver->lr_write(n, UINT64_C(0x5000000000000010) + n);
        FAKE_LOG_IS(SYSREG_WRITE(lrs[n], UINT64_C(0x5000000000000010) + n));
    }
}

static void taking_tells_the_state_and_empties(void **state)
{
    (void)state;
    struct random random = {2};

    init_with(GIC_MAX_LRS, 5, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct list_register lr = random_list_register(&random);
        unsigned n = (unsigned)random_below(&random, GIC_MAX_LRS);
        uint64_t word = driver->lr_word(&lr);
        struct lr_content content;

        driver->lr_write(n, word);
        fake_log_clear();
        content = driver->lr_take(n);
        FAKE_LOG_IS(SYSREG_READ(lrs[n], word), SYSREG_WRITE(lrs[n], 0));
        assert_int_equal(content.state, lr.state);
        assert_int_equal(content.source, 0);
    }
}

static void what_is_asked_for_is_asked_until_the_next_time(void **state)
{
    (void)state;
    driver->virtual_ask(true, false);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_NPIE));
    driver->virtual_ask(false, true);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_LRENPIE));
    driver->virtual_ask(true, true);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_NPIE | HCR_LRENPIE));
    driver->virtual_ask(false, false);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN));
}

/* With ICH_VTR_EL2.TDS. Nothing is trapped when nothing is active outside. */
static void deactivations_are_trapped_where_they_can_be(void **state)
{
    (void)state;
    init_with(LIST_REGISTERS, 5, true);
    driver->virtual_ask(false, true);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_LRENPIE | HCR_TDIR));
    driver->virtual_ask(true, false);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_NPIE));
}

static void ends_without_a_list_register_are_counted_once(void **state)
{
    (void)state;
    fake_sysreg(ICH_HCR_EL2, UINT64_C(31) << HCR_EOI_COUNT | HCR_EN | HCR_LRENPIE);
    assert_int_equal(driver->take_eoi_count(), 31);
    FAKE_LOG_IS(SYSREG_WRITE(ICH_HCR_EL2, HCR_EN | HCR_LRENPIE));
    assert_int_equal(driver->take_eoi_count(), 0);
    fake_log_has_no_writes();
}

/* In EOI mode 1 what is counted are deactivations by name; where those are trapped, the count means nothing.
 */
static void counted_ends_of_a_guest_that_deactivates_by_name(void **state)
{
    (void)state;
    static const uint64_t counted = UINT64_C(2) << HCR_EOI_COUNT | HCR_EN;

    fake_sysreg(ICH_VMCR_EL2, VMCR_EOI_MODE);
    fake_sysreg(ICH_HCR_EL2, counted);
    assert_int_equal(driver->take_eoi_count(), 2);
    init_with(LIST_REGISTERS, 5, true);
    fake_sysreg(ICH_VMCR_EL2, VMCR_EOI_MODE);
    fake_sysreg(ICH_HCR_EL2, counted);
    assert_int_equal(driver->take_eoi_count(), 0);
    assert_int_equal(fake_sysreg_get(ICH_HCR_EL2), HCR_EN);
    fake_sysreg(ICH_VMCR_EL2, ~VMCR_EOI_MODE & UINT32_MAX);
    fake_sysreg(ICH_HCR_EL2, counted);
    assert_int_equal(driver->take_eoi_count(), 2);
}

static void the_guests_mask_and_groups_are_told(void **state)
{
    (void)state;
    unsigned groups;

    fake_sysreg(ICH_VMCR_EL2, 0xF04C0002);
    assert_int_equal(driver->virtual_priority_mask(&groups), 0xF0);
    assert_int_equal(groups, 2);
    fake_sysreg(ICH_VMCR_EL2, 0x00FFFFFD);
    assert_int_equal(driver->virtual_priority_mask(&groups), 0);
    assert_int_equal(groups, 1);
}

/* Of each group 1, 2 or 4 registers of active priorities: the others would be undefined. */
static void an_interface_is_saved_and_loaded(void **state)
{
    (void)state;
    for (unsigned bits = 5; bits <= 7; bits++) {
        unsigned count = bits == 5 ? 1 : bits == 6 ? 2 : 4;
        struct arch_vcpu vcpu = {0};

        init_with(LIST_REGISTERS, bits, false);
        fake_sysreg(ICH_VMCR_EL2, 0xF04C0003);
        for (unsigned n = 0; n < count; n++) {
            fake_sysreg(ap0r[n], 0x100 + n);
            fake_sysreg(ap1r[n], 0x200 + n);
        }
        driver->interface_save(&vcpu);
        fake_log_has_no_writes();
        fake_sysreg(ICH_VMCR_EL2, 0);
        for (unsigned n = 0; n < count; n++) {
            fake_sysreg(ap0r[n], 0);
            fake_sysreg(ap1r[n], 0);
        }
        driver->interface_load(&vcpu);
        assert_int_equal(fake_sysreg_get(ICH_VMCR_EL2), 0xF04C0003);
        for (unsigned n = 0; n < count; n++) {
            assert_int_equal(fake_sysreg_get(ap0r[n]), 0x100 + n);
            assert_int_equal(fake_sysreg_get(ap1r[n]), 0x200 + n);
        }
    }
}

static void a_new_interface_is_as_after_a_reset(void **state)
{
    (void)state;
    struct arch_vcpu vcpu;

    memset(&vcpu, 0xFF, sizeof(vcpu));
    driver->interface_reset(&vcpu);
    assert_int_equal(vcpu.gic_vmcr, 0);
    for (unsigned n = 0; n < 4; n++) {
        assert_int_equal(vcpu.gic_ap0[n], 0);
        assert_int_equal(vcpu.gic_ap1[n], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_list_has_it, setup),
        cmocka_unit_test_setup(guests_have_system_registers, setup),
        cmocka_unit_test_setup(a_node_without_registers_is_refused, setup),
        cmocka_unit_test_setup(what_cannot_be_mapped_is_refused, setup),
        cmocka_unit_test_setup(the_distributor_is_off_while_it_is_set_up, setup),
        cmocka_unit_test_setup(spis_begin_disabled_inactive_and_in_group_1, setup),
        cmocka_unit_test_setup(a_redistributor_is_found_by_affinity, setup),
        cmocka_unit_test_setup(all_four_levels_of_affinity_count, setup),
        cmocka_unit_test_setup(the_last_of_a_region_is_the_last, setup),
        cmocka_unit_test_setup(no_redistributor_is_outside_its_region, setup),
        cmocka_unit_test_setup(virtual_lpis_take_two_frames_more, setup),
        cmocka_unit_test_setup(the_tree_may_say_how_far_they_are_apart, setup),
        cmocka_unit_test_setup(all_regions_are_looked_through, setup),
        cmocka_unit_test_setup(one_region_is_the_rule, setup),
        cmocka_unit_test_setup(more_regions_than_there_is_room_for_are_left_out, setup),
        cmocka_unit_test_setup(a_redistributor_is_woken_first, setup),
        cmocka_unit_test_setup(private_interrupts_begin_disabled_inactive_and_in_group_1, setup),
        cmocka_unit_test_setup(the_interface_takes_all_and_ends_in_two_steps, setup),
        cmocka_unit_test_setup(the_virtual_interface_begins_empty_and_on, setup),
        cmocka_unit_test_setup(an_interrupt_is_acknowledged_ended_and_deactivated, setup),
        cmocka_unit_test_setup(nothing_pending_is_spurious, setup),
        cmocka_unit_test_setup(a_private_interrupt_is_enabled, setup),
        cmocka_unit_test_setup(a_shared_interrupt_is_routed_and_enabled, setup),
        cmocka_unit_test_setup(a_shared_interrupt_is_set_up, setup),
        cmocka_unit_test_setup(private_active_state_is_set_and_cleared, setup),
        cmocka_unit_test_setup(each_cpu_has_its_own_redistributor, setup),
        cmocka_unit_test_setup(a_kick_names_the_other_cpu, setup),
        cmocka_unit_test_setup(a_kick_goes_to_the_cpu_of_that_index, setup),
        cmocka_unit_test_setup(list_registers_are_what_all_cpus_have, setup),
        cmocka_unit_test_setup(a_list_register_has_its_fields, setup),
        cmocka_unit_test_setup(list_registers_by_example, setup),
        cmocka_unit_test_setup(list_registers_are_written_each, setup),
        cmocka_unit_test_setup(taking_tells_the_state_and_empties, setup),
        cmocka_unit_test_setup(what_is_asked_for_is_asked_until_the_next_time, setup),
        cmocka_unit_test_setup(deactivations_are_trapped_where_they_can_be, setup),
        cmocka_unit_test_setup(ends_without_a_list_register_are_counted_once, setup),
        cmocka_unit_test_setup(counted_ends_of_a_guest_that_deactivates_by_name, setup),
        cmocka_unit_test_setup(the_guests_mask_and_groups_are_told, setup),
        cmocka_unit_test_setup(an_interface_is_saved_and_loaded, setup),
        cmocka_unit_test_setup(a_new_interface_is_as_after_a_reset, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
