/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the GICv3 (Arm IHI 0069). The distributor (GICD) is in memory, as are the redistributors
 * (GICR), one for each CPU. The CPU's interface (ICC) and the control of its virtual interface (ICH) are
 * system registers.
 *
 * The GIC may have one security state, or two, of which the driver sees the non-secure one. All interrupts
 * are in group 1. In EOI mode 1, which the driver sets, ending and deactivating an interrupt are two steps;
 * the guest's timer interrupt stays active between them.
 */
#include <stddef.h>
#include "arch_vcpu.h"
#include "base/arch.h"
#include "base/limits.h"
#include "device_access.h"
#include "drivers/gic.h"
#include "drivers/machine_tree.h"
#include "sysreg.h"

#define GICD_CTLR      0x0000
#define GICD_TYPER     0x0004
#define GICD_IGROUPR   0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISACTIVER 0x0300
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITY 0x0400
#define GICD_ICFGR     0x0C00
#define GICD_IROUTER   0x6000
#define GICR_TYPER     0x0008
#define GICR_WAKER     0x0014
#define GICR_SGI       0x10000
#define GICR_IGROUPR0  (GICR_SGI + 0x0080)
#define GICR_ISENABLE0 (GICR_SGI + 0x0100)
#define GICR_ICENABLE0 (GICR_SGI + 0x0180)
#define GICR_ISACTIVE0 (GICR_SGI + 0x0300)
#define GICR_ICACTIVE0 (GICR_SGI + 0x0380)
#define GICR_PRIORITY0 (GICR_SGI + 0x0400)

/* System registers by encoding: the assembler knows their names only with another -march. */
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2     S3_4_C12_C9_5
#define SRE_ON          UINT64_C(1)
#define SRE_EL2_ENABLE  UINT64_C(8) /* EL1 may access ICC_SRE_EL1 */
#define ICH_AP0R0_EL2   S3_4_C12_C8_0
#define ICH_AP0R1_EL2   S3_4_C12_C8_1
#define ICH_AP0R2_EL2   S3_4_C12_C8_2
#define ICH_AP0R3_EL2   S3_4_C12_C8_3
#define ICH_AP1R0_EL2   S3_4_C12_C9_0
#define ICH_AP1R1_EL2   S3_4_C12_C9_1
#define ICH_AP1R2_EL2   S3_4_C12_C9_2
#define ICH_AP1R3_EL2   S3_4_C12_C9_3
#define ICH_HCR_EL2     S3_4_C12_C11_0
#define ICH_VTR_EL2     S3_4_C12_C11_1
#define ICH_VMCR_EL2    S3_4_C12_C11_7
#define ICH_LR0_EL2     S3_4_C12_C12_0

#define CTLR_ENABLE_G1 2u
#define CTLR_ARE       16u
#define CTLR_RWP       (1u << 31)
#define WAKER_SLEEP    2u
#define WAKER_QUIET    4u
#define TYPER_VLPIS    2u
#define TYPER_LAST     16u
#define FRAME_PAIR     0x20000 /* a redistributor's RD and SGI frames; with virtual LPIs two more follow */
#define PRIORITY       0xA0
#define PRIORITY_SGI0  0xB0 /* the kick: after all that is pending as well */

#define HCR_EN         UINT64_C(1)
#define HCR_LRENPIE    UINT64_C(4)
#define HCR_NPIE       UINT64_C(8)
#define HCR_TDIR       (UINT64_C(1) << 14)
#define HCR_EOI_SHIFT  27
#define LR_HW          (UINT64_C(1) << 61)
#define LR_GROUP1      (UINT64_C(1) << 60)
#define LR_EOI         (UINT64_C(1) << 41)
#define LR_STATE_SHIFT 62
#define VTR_TDS        (UINT64_C(1) << 19)
#define VMCR_EOIM      (UINT64_C(1) << 9)
#define VMCR_RESET     UINT64_C(0) /* priority mask 0, groups off */
#define SPIS_END       1020u
#define MAX_REGIONS    8
#define MAX_PREEMPTION 7 /* preemption bits */

static uint64_t distributor;
static struct reg_range redistributors[MAX_REGIONS];
static unsigned region_count;
static uint64_t stride; /* from one redistributor to the next, bytes; 0: as GICR_TYPER says */
static uint64_t own_redistributor[MAX_CPUS];
static uint64_t own_route[MAX_CPUS]; /* GICD_IROUTER's value that sends an interrupt to that CPU */
static uint64_t own_kick[MAX_CPUS];  /* ICC_SGI1R_EL1's value that sends SGI 0 to that CPU */

/* What all CPUs have. */
static unsigned list_registers, preemption_bits;
static unsigned lines;          /* of 32 interrupts */
static bool traps_deactivation; /* a guest's ICC_DIR_EL1 can be trapped alone */

static const char *find_registers(const void *tree, int node)
{
    uint64_t regions = machine_tree_number(tree, node, "#redistributor-regions");
    struct reg_range range;

    if (!machine_tree_reg(tree, node, 0, &range))
        return "no distributor in `reg`";
    distributor = range.start;
    if (!arch_map_device(range.start, range.size))
        return "no room to map its distributor";
    region_count = 0;
    stride = machine_tree_number(tree, node, "redistributor-stride");
    do {
        if (!machine_tree_reg(tree, node, 1 + region_count, &range))
            return "no redistributors in `reg`";
        if (!arch_map_device(range.start, range.size))
            return "no room to map its redistributors";
        redistributors[region_count++] = range;
    } while (region_count < regions && region_count < MAX_REGIONS);
    return NULL;
}

/* Writes GICD_CTLR, and waits until the write has taken effect. */
static void write_control(uint32_t value)
{
    device_write32(distributor + GICD_CTLR, value);
    while ((device_read32(distributor + GICD_CTLR) & CTLR_RWP) != 0) {
    }
}

static const char *gicv3_init(const void *tree, int node)
{
    const char *problem = find_registers(tree, node);

    if (problem != NULL)
        return problem;
    list_registers = GIC_MAX_LRS;
    preemption_bits = MAX_PREEMPTION;
    traps_deactivation = true;
    /* It is unpredictable to clear ARE, and to set it while a group is enabled: IHI 0069, 2.3.3. */
    write_control(device_read32(distributor + GICD_CTLR) & CTLR_ARE);
    lines = (device_read32(distributor + GICD_TYPER) & 31) + 1;
    for (unsigned i = 1; i < lines; i++) {
        device_write32(distributor + GICD_ICENABLER + 4 * i, UINT32_MAX);
        device_write32(distributor + GICD_ICACTIVER + 4 * i, UINT32_MAX);
        device_write32(distributor + GICD_IGROUPR + 4 * i, UINT32_MAX);
        for (unsigned k = 0; k < 8; k++)
            device_write32(distributor + GICD_IPRIORITY + 32 * i + 4 * k, PRIORITY * 0x01010101u);
    }
    write_control(CTLR_ARE);
    write_control(CTLR_ARE | CTLR_ENABLE_G1);
    return NULL;
}

/* The address of the redistributor in `region` whose CPU has this affinity; 0 when there is none. */
static uint64_t find_in_region(const struct reg_range *region, uint32_t affinity)
{
    uint64_t offset = 0;

    while (offset < region->size && region->size - offset >= FRAME_PAIR) {
        uint64_t frame = region->start + offset;
        uint32_t type = device_read32(frame + GICR_TYPER);

        if (device_read32(frame + GICR_TYPER + 4) == affinity)
            return frame;
        if ((type & TYPER_LAST) != 0)
            break;
        if (stride != 0)
            offset += stride;
        else
            offset += (type & TYPER_VLPIS) != 0 ? 2 * FRAME_PAIR : FRAME_PAIR;
    }
    return 0;
}

/* The address of the calling CPU's redistributor; 0 when there is none. */
static uint64_t find_redistributor(void)
{
    uint64_t mpidr = read_sysreg(mpidr_el1);
    uint32_t affinity = (uint32_t)((mpidr & 0xFFFFFF) | (mpidr >> 8 & 0xFF000000));
    uint64_t frame = 0;

    for (unsigned i = 0; i < region_count && frame == 0; i++)
        frame = find_in_region(&redistributors[i], affinity);
    return frame;
}

static uint64_t this_redistributor(void)
{
    return own_redistributor[arch_cpu_index()];
}

static uint32_t gicv3_acknowledge(void)
{
    uint32_t intid = (uint32_t)read_sysreg_(ICC_IAR1_EL1);

    dsb(sy); /* acknowledged before the device is touched: IHI 0069, 4.1.1 */
    return intid;
}

static void gicv3_end(uint32_t acknowledged)
{
    write_sysreg_(ICC_EOIR1_EL1, acknowledged);
    isb();
}

static void gicv3_deactivate(uint32_t acknowledged)
{
    write_sysreg_(ICC_DIR_EL1, acknowledged);
    isb();
}

static void gicv3_enable(uint32_t intid)
{
    if (intid < 32) {
        device_write32(this_redistributor() + GICR_ISENABLE0, 1u << intid);
        return;
    }
    device_write64(distributor + GICD_IROUTER + 8 * intid, read_sysreg(mpidr_el1) & 0xFF00FFFFFF);
    device_write32(distributor + GICD_ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static void gicv3_disable(uint32_t intid)
{
    if (intid < 32)
        device_write32(this_redistributor() + GICR_ICENABLE0, 1u << intid);
    else
        device_write32(distributor + GICD_ICENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static unsigned gicv3_spi_end(void)
{
    return 32 * lines < SPIS_END ? 32 * lines : SPIS_END;
}

static void gicv3_spi_enable(uint32_t intid)
{
    device_write32(distributor + GICD_ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static void gicv3_spi_set_active(uint32_t intid, bool active)
{
    device_write32(distributor + (active ? GICD_ISACTIVER : GICD_ICACTIVER) + 4 * (intid / 32),
                   1u << (intid % 32));
}

static void gicv3_spi_set_target(uint32_t intid, unsigned cpu_index)
{
    device_write64(distributor + GICD_IROUTER + 8 * (uint64_t)intid, own_route[cpu_index]);
}

/* The trigger may change only while the interrupt is disabled, which takes until RWP is clear. */
static void gicv3_spi_set_up(uint32_t intid, bool edge)
{
    uint64_t config = distributor + GICD_ICFGR + 4 * (intid / 16);
    uint32_t bit = 2u << (2 * (intid % 16));

    gicv3_disable(intid);
    while ((device_read32(distributor + GICD_CTLR) & CTLR_RWP) != 0) {
    }
    gicv3_spi_set_active(intid, false);
    device_write32(config, (device_read32(config) & ~bit) | (edge ? bit : 0));
}

static void gicv3_set_private_active(uint32_t intid, bool active)
{
    device_write32(this_redistributor() + (active ? GICR_ISACTIVE0 : GICR_ICACTIVE0), 1u << intid);
    dsb(sy); /* the redistributor has it before the next guest is entered */
}

/* RS, bits 47:44, chooses sixteen CPUs of one Aff1. A GIC that does not know it has no more in one. */
static uint64_t kick_to(uint64_t affinity)
{
    return (affinity & 0xFF000000) << 24 | (affinity & 0xF0) << 40 | (affinity & 0xFF0000) << 16 |
           (affinity & 0xFF00) << 8 | UINT64_C(1) << (affinity & 15);
}

static void gicv3_send_kick(unsigned cpu_index)
{
    dsb(ishst);
    write_sysreg_(ICC_SGI1R_EL1, own_kick[cpu_index]);
    isb();
}

static unsigned gicv3_lr_count(void)
{
    return list_registers;
}

#define LR_CASE(n, reg, action)                                                                              \
    case n:                                                                                                  \
        action(reg);                                                                                         \
        break;
#define LR_CASES(action)                                                                                     \
    LR_CASE(0, ICH_LR0_EL2, action)                                                                          \
    LR_CASE(1, S3_4_C12_C12_1, action)                                                                       \
    LR_CASE(2, S3_4_C12_C12_2, action)                                                                       \
    LR_CASE(3, S3_4_C12_C12_3, action)                                                                       \
    LR_CASE(4, S3_4_C12_C12_4, action)                                                                       \
    LR_CASE(5, S3_4_C12_C12_5, action)                                                                       \
    LR_CASE(6, S3_4_C12_C12_6, action)                                                                       \
    LR_CASE(7, S3_4_C12_C12_7, action)                                                                       \
    LR_CASE(8, S3_4_C12_C13_0, action)                                                                       \
    LR_CASE(9, S3_4_C12_C13_1, action)                                                                       \
    LR_CASE(10, S3_4_C12_C13_2, action)                                                                      \
    LR_CASE(11, S3_4_C12_C13_3, action)                                                                      \
    LR_CASE(12, S3_4_C12_C13_4, action)                                                                      \
    LR_CASE(13, S3_4_C12_C13_5, action)                                                                      \
    LR_CASE(14, S3_4_C12_C13_6, action)                                                                      \
    LR_CASE(15, S3_4_C12_C13_7, action)

static uint64_t gicv3_lr_word(const struct list_register *lr)
{
    return (uint64_t)lr->state << LR_STATE_SHIFT | (lr->hardware ? LR_HW | (uint64_t)lr->physical << 32 : 0) |
           (lr->group1 ? LR_GROUP1 : 0) | (uint64_t)lr->priority << 48 | (lr->eoi_wanted ? LR_EOI : 0) |
           lr->intid;
}

#define WRITE_LR(reg) write_sysreg_(reg, word)
#define TAKE_LR(reg)                                                                                         \
    word = read_sysreg_(reg);                                                                                \
    write_sysreg_(reg, 0)

__attribute__((noinline)) static void write_other_lr(unsigned n, uint64_t word)
{
    switch (n) {
        LR_CASES(WRITE_LR)
    default:
        break;
    }
}

__attribute__((noinline)) static uint64_t take_other_lr(unsigned n)
{
    uint64_t word = 0;

    switch (n) {
        LR_CASES(TAKE_LR)
    default:
        break;
    }
    return word;
}

/* List register 0 is the one in use nearly always, so it needs no look-up. */
static void gicv3_lr_write(unsigned n, uint64_t word)
{
    if (n == 0)
        WRITE_LR(ICH_LR0_EL2);
    else
        write_other_lr(n, word);
}

static struct lr_content gicv3_lr_take(unsigned n)
{
    uint64_t word;

    if (n == 0) {
        TAKE_LR(ICH_LR0_EL2);
    } else {
        word = take_other_lr(n);
    }
    return (struct lr_content){.state = (uint8_t)(word >> LR_STATE_SHIFT)};
}

static void gicv3_virtual_ask(bool refill, bool outside)
{
    write_sysreg_(ICH_HCR_EL2, HCR_EN | (refill ? HCR_NPIE : 0) |
                                   (outside ? HCR_LRENPIE | (traps_deactivation ? HCR_TDIR : 0) : 0));
}

static const char *gicv3_init_cpu(void)
{
    uint64_t frame = find_redistributor();
    unsigned count, bits;
    uint64_t vtr;

    if (frame == 0)
        return "no redistributor for this CPU in `reg`";
    own_redistributor[arch_cpu_index()] = frame;
    own_route[arch_cpu_index()] = read_sysreg(mpidr_el1) & 0xFF00FFFFFF;
    own_kick[arch_cpu_index()] = kick_to(device_read32(frame + GICR_TYPER + 4));
    device_write32(frame + GICR_WAKER, device_read32(frame + GICR_WAKER) & ~WAKER_SLEEP);
    while ((device_read32(frame + GICR_WAKER) & WAKER_QUIET) != 0) {
    }
    device_write32(frame + GICR_ICENABLE0, UINT32_MAX);
    device_write32(frame + GICR_ICACTIVE0, UINT32_MAX);
    device_write32(frame + GICR_IGROUPR0, UINT32_MAX);
    for (unsigned k = 0; k < 8; k++)
        device_write32(frame + GICR_PRIORITY0 + 4 * k,
                       k != 0 ? PRIORITY * 0x01010101u : PRIORITY * 0x01010100u + PRIORITY_SGI0);

    /* System registers on. A guest's access to ICC_SRE_EL1 traps: it would switch them off for the next one.
     */
    write_sysreg_(ICC_SRE_EL2, (read_sysreg_(ICC_SRE_EL2) & ~SRE_EL2_ENABLE) | SRE_ON);
    isb();
    write_sysreg_(ICC_SRE_EL1, SRE_ON);
    write_sysreg_(ICC_PMR_EL1, 0xFF);
    write_sysreg_(ICC_CTLR_EL1, 2); /* EOImode */
    write_sysreg_(ICC_IGRPEN1_EL1, 1);
    isb();
    vtr = read_sysreg_(ICH_VTR_EL2);
    count = (unsigned)(vtr & 31) + 1;
    bits = (unsigned)(vtr >> 26 & 7) + 1;
    for (unsigned n = 0; n < count; n++)
        gicv3_lr_write(n, 0);
    list_registers = count < list_registers ? count : list_registers;
    preemption_bits = bits < preemption_bits ? bits : preemption_bits;
    traps_deactivation = traps_deactivation && (vtr & VTR_TDS) != 0;
    gicv3_virtual_ask(false, false);
    return NULL;
}

static unsigned gicv3_take_eoi_count(void)
{
    uint64_t hcr = read_sysreg_(ICH_HCR_EL2);
    unsigned count = (unsigned)(hcr >> HCR_EOI_SHIFT);

    if (count == 0)
        return 0;
    write_sysreg_(ICH_HCR_EL2, hcr & ~(UINT64_MAX << HCR_EOI_SHIFT));
    /*
     * In EOI mode 1 the GIC counts deactivations by name. Where they are trapped none is left to count, but
     * QEMU 7.2 counts ends, which deactivate nothing.
     */
    return traps_deactivation && (read_sysreg_(ICH_VMCR_EL2) & VMCR_EOIM) != 0 ? 0 : count;
}

static uint8_t gicv3_virtual_priority_mask(unsigned *groups)
{
    uint64_t vmcr = read_sysreg_(ICH_VMCR_EL2);

    *groups = (unsigned)(vmcr & 3);
    return (uint8_t)(vmcr >> 24);
}

/* Each group has 1, 2 or 4 registers of active priorities, with 5, 6 or 7 bits of preemption. */
static void gicv3_interface_save(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = read_sysreg_(ICH_VMCR_EL2);
    vcpu->gic_ap0[0] = read_sysreg_(ICH_AP0R0_EL2);
    vcpu->gic_ap1[0] = read_sysreg_(ICH_AP1R0_EL2);
    if (preemption_bits >= 6) {
        vcpu->gic_ap0[1] = read_sysreg_(ICH_AP0R1_EL2);
        vcpu->gic_ap1[1] = read_sysreg_(ICH_AP1R1_EL2);
    }
    if (preemption_bits >= 7) {
        vcpu->gic_ap0[2] = read_sysreg_(ICH_AP0R2_EL2);
        vcpu->gic_ap0[3] = read_sysreg_(ICH_AP0R3_EL2);
        vcpu->gic_ap1[2] = read_sysreg_(ICH_AP1R2_EL2);
        vcpu->gic_ap1[3] = read_sysreg_(ICH_AP1R3_EL2);
    }
}

static void gicv3_interface_load(const struct arch_vcpu *vcpu)
{
    write_sysreg_(ICH_VMCR_EL2, vcpu->gic_vmcr);
    write_sysreg_(ICH_AP0R0_EL2, vcpu->gic_ap0[0]);
    write_sysreg_(ICH_AP1R0_EL2, vcpu->gic_ap1[0]);
    if (preemption_bits >= 6) {
        write_sysreg_(ICH_AP0R1_EL2, vcpu->gic_ap0[1]);
        write_sysreg_(ICH_AP1R1_EL2, vcpu->gic_ap1[1]);
    }
    if (preemption_bits >= 7) {
        write_sysreg_(ICH_AP0R2_EL2, vcpu->gic_ap0[2]);
        write_sysreg_(ICH_AP0R3_EL2, vcpu->gic_ap0[3]);
        write_sysreg_(ICH_AP1R2_EL2, vcpu->gic_ap1[2]);
        write_sysreg_(ICH_AP1R3_EL2, vcpu->gic_ap1[3]);
    }
}

static void gicv3_interface_reset(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = VMCR_RESET;
    for (unsigned i = 0; i < 4; i++)
        vcpu->gic_ap0[i] = vcpu->gic_ap1[i] = 0;
}

static uint64_t gicv3_guest_interface(void)
{
    return 0;
}

static const char *const compatible[] = {"arm,gic-v3", NULL};

const struct gic_driver gicv3_driver = {
    .compatible = compatible,
    .version = 3,
    .init = gicv3_init,
    .init_cpu = gicv3_init_cpu,
    .acknowledge = gicv3_acknowledge,
    .end = gicv3_end,
    .deactivate = gicv3_deactivate,
    .enable = gicv3_enable,
    .disable = gicv3_disable,
    .spi_end = gicv3_spi_end,
    .spi_set_up = gicv3_spi_set_up,
    .spi_enable = gicv3_spi_enable,
    .spi_set_active = gicv3_spi_set_active,
    .spi_set_target = gicv3_spi_set_target,
    .set_private_active = gicv3_set_private_active,
    .send_kick = gicv3_send_kick,
    .lr_count = gicv3_lr_count,
    .lr_word = gicv3_lr_word,
    .lr_write = gicv3_lr_write,
    .lr_take = gicv3_lr_take,
    .virtual_ask = gicv3_virtual_ask,
    .take_eoi_count = gicv3_take_eoi_count,
    .virtual_priority_mask = gicv3_virtual_priority_mask,
    .interface_save = gicv3_interface_save,
    .interface_load = gicv3_interface_load,
    .interface_reset = gicv3_interface_reset,
    .guest_interface = gicv3_guest_interface,
};
