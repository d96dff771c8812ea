/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the GICv2 with virtualization extensions (Arm IHI 0048), as the GIC-400. All its registers are
 * in memory: the distributor (GICD), and for each CPU at the same addresses its interface (GICC), the control
 * of its virtual interface (GICH), and the virtual interface (GICV). A guest uses GICV directly as its GICC.
 *
 * On a GIC with security extensions the driver sees the non-secure registers, and the interrupts that the
 * firmware has put into group 1. On one without them all interrupts stay in group 0. In both cases bit 0 of
 * the control registers enables them, and they come as IRQs. In EOI mode 1, which the driver sets, ending and
 * deactivating an interrupt are two steps; the guest's timer interrupt stays active between them.
 *
 * A CPU's number in the distributor need not be its index in Ontime, so it is read from GICD_ITARGETSR0.
 */
#include <stddef.h>
#include "arch_vcpu.h"
#include "base/arch.h"
#include "device_access.h"
#include "drivers/gic.h"
#include "drivers/machine_tree.h"
#include "sysreg.h"

#define GICD_CTLR      0x000
#define GICD_TYPER     0x004
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ISACTIVER 0x300
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITY 0x400
#define GICD_ITARGETS  0x800
#define GICD_ICFGR     0xC00
#define GICD_SGIR      0xF00
#define GICC_CTLR      0x0000
#define GICC_PMR       0x0004
#define GICC_IAR       0x000C
#define GICC_EOIR      0x0010
#define GICC_IIDR      0x00FC
#define GICC_DIR       0x1000
#define GICH_HCR       0x000
#define GICH_VTR       0x004
#define GICH_VMCR      0x008
#define GICH_APR       0x0F0
#define GICH_LR        0x100

#define CTLR_ENABLE     1u
#define CTLR_BYPASS     0x1E0u /* what becomes of interrupts that bypass the GIC: the firmware's choice */
#define CTLR_EOI_MODE   0x200u
#define CTLR_DISTRIBUTE 1u
#define PRIORITY        0xA0u
#define PRIORITY_SGI0   0xB0u /* the kick: after all that is pending as well */
#define HCR_EN          1u
#define HCR_LRENPIE     4u
#define HCR_NPIE        8u
#define HCR_EOI_SHIFT   27
#define VMCR_EOI_MODE   0x200u
#define VMCR_RESET      0x004C0000u /* priority mask 0, groups off, the least binary points: 2 and 3 */
#define LR_HW           (1u << 31)
#define LR_GROUP1       (1u << 30)
#define LR_EOI          (1u << 19)
#define INTERFACES      8 /* that a GICv2 has for CPUs at most */
#define SPIS_END        1020u
#define ALIASED         0x10000 /* where each 4 KiB page of a GIC is repeated through 64 KiB */

static uint64_t distributor, interface, deactivate_register, control, guest_page;
static unsigned list_registers, lines; /* a line: 32 interrupts */
static uint8_t own_bit[INTERFACES];    /* a CPU's bit in the distributor's sets of CPUs, by the CPU's index */

static const char *find_registers(const void *tree, int node)
{
    struct reg_range ranges[4];

    for (unsigned i = 0; i < 4; i++)
        if (!machine_tree_reg(tree, node, i, &ranges[i]))
            return "no virtualization registers in its interrupt controller's `reg`";
    for (unsigned i = 0; i < 3; i++)
        if (!arch_map_device(ranges[i].start, ranges[i].size))
            return "no room to map its interrupt controller";
    distributor = ranges[0].start;
    interface = ranges[1].start;
    control = ranges[2].start;
    guest_page = ranges[3].start;
    deactivate_register = interface + GICC_DIR;
    if (ranges[1].size >= 2 * ALIASED &&
        device_read32(interface + ALIASED - GICC_DIR + GICC_IIDR) == device_read32(interface + GICC_IIDR))
        deactivate_register = interface + ALIASED;
    return NULL;
}

static const char *gicv2_init(const void *tree, int node)
{
    const char *problem = find_registers(tree, node);

    if (problem != NULL)
        return problem;
    list_registers = GIC_MAX_LRS;
    device_write32(distributor + GICD_CTLR, 0);
    lines = (device_read32(distributor + GICD_TYPER) & 31) + 1;
    for (unsigned i = 1; i < lines; i++) {
        device_write32(distributor + GICD_ICENABLER + 4 * i, UINT32_MAX);
        device_write32(distributor + GICD_ICACTIVER + 4 * i, UINT32_MAX);
        for (unsigned k = 0; k < 8; k++)
            device_write32(distributor + GICD_IPRIORITY + 32 * i + 4 * k, PRIORITY * 0x01010101u);
    }
    device_write32(distributor + GICD_CTLR, CTLR_DISTRIBUTE);
    return NULL;
}

static const char *gicv2_init_cpu(void)
{
    unsigned count;

    if (arch_cpu_index() >= INTERFACES)
        return "a GICv2 has no more than eight CPUs";
    device_write32(distributor + GICD_ICENABLER, UINT32_MAX);
    device_write32(distributor + GICD_ICACTIVER, UINT32_MAX);
    for (unsigned k = 0; k < 8; k++)
        device_write32(distributor + GICD_IPRIORITY + 4 * k,
                       k != 0 ? PRIORITY * 0x01010101u : PRIORITY * 0x01010100u + PRIORITY_SGI0);
    own_bit[arch_cpu_index()] = (uint8_t)device_read32(distributor + GICD_ITARGETS);
    if (own_bit[arch_cpu_index()] == 0)
        own_bit[arch_cpu_index()] = 1; /* with one CPU the register reads as zero */

    device_write32(interface + GICC_PMR, 0xFF);
    device_write32(interface + GICC_CTLR,
                   (device_read32(interface + GICC_CTLR) & CTLR_BYPASS) | CTLR_ENABLE | CTLR_EOI_MODE);
    count = (device_read32(control + GICH_VTR) & 63) + 1;
    for (unsigned n = 0; n < count; n++)
        device_write32(control + GICH_LR + 4 * n, 0);
    if (count < list_registers)
        list_registers = count;
    device_write32(control + GICH_HCR, HCR_EN);
    return NULL;
}

static uint32_t gicv2_acknowledge(void)
{
    uint32_t acknowledged = device_read32(interface + GICC_IAR);

    dsb(sy); /* acknowledged before the device is touched */
    return acknowledged;
}

static void gicv2_end(uint32_t acknowledged)
{
    device_write32(interface + GICC_EOIR, acknowledged);
}

static void gicv2_deactivate(uint32_t acknowledged)
{
    device_write32(deactivate_register, acknowledged);
    dsb(sy); /* inactive before the next look for interrupts */
}

static void gicv2_enable(uint32_t intid)
{
    if (intid >= 32)
        device_write8(distributor + GICD_ITARGETS + intid, own_bit[arch_cpu_index()]);
    device_write32(distributor + GICD_ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static void gicv2_disable(uint32_t intid)
{
    device_write32(distributor + GICD_ICENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static unsigned gicv2_spi_end(void)
{
    return 32 * lines < SPIS_END ? 32 * lines : SPIS_END;
}

static void gicv2_spi_enable(uint32_t intid)
{
    device_write32(distributor + GICD_ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static void gicv2_spi_set_active(uint32_t intid, bool active)
{
    device_write32(distributor + (active ? GICD_ISACTIVER : GICD_ICACTIVER) + 4 * (intid / 32),
                   1u << (intid % 32));
}

static void gicv2_spi_set_target(uint32_t intid, unsigned cpu_index)
{
    device_write8(distributor + GICD_ITARGETS + intid, own_bit[cpu_index]);
}

/* The trigger may change only while the interrupt is disabled. */
static void gicv2_spi_set_up(uint32_t intid, bool edge)
{
    uint64_t config = distributor + GICD_ICFGR + 4 * (intid / 16);
    uint32_t bit = 2u << (2 * (intid % 16));

    gicv2_disable(intid);
    gicv2_spi_set_active(intid, false);
    device_write32(config, (device_read32(config) & ~bit) | (edge ? bit : 0));
}

static void gicv2_set_private_active(uint32_t intid, bool active)
{
    device_write32(distributor + (active ? GICD_ISACTIVER : GICD_ICACTIVER), 1u << intid);
    dsb(sy); /* the distributor has it before the next guest is entered */
}

static void gicv2_send_kick(unsigned cpu_index)
{
    dsb(ishst);
    device_write32(distributor + GICD_SGIR, (uint32_t)own_bit[cpu_index] << 16);
}

static unsigned gicv2_lr_count(void)
{
    return list_registers;
}

static uint64_t gicv2_lr_word(const struct list_register *lr)
{
    return (uint32_t)lr->state << 28 | (uint32_t)(lr->priority >> 3) << 23 | (lr->group1 ? LR_GROUP1 : 0) |
           (lr->hardware ? LR_HW | (uint32_t)lr->physical << 10 : 0) | (lr->eoi_wanted ? LR_EOI : 0) |
           (lr->hardware ? 0 : (uint32_t)lr->source << 10) | lr->intid;
}

static void gicv2_lr_write(unsigned n, uint64_t word)
{
    device_write32(control + GICH_LR + 4 * n, (uint32_t)word);
}

static struct lr_content gicv2_lr_take(unsigned n)
{
    uint32_t value = device_read32(control + GICH_LR + 4 * n);

    gicv2_lr_write(n, 0);
    return (struct lr_content){
        .state = (uint8_t)(value >> 28 & 3),
        .source = (value & LR_HW) != 0 ? 0 : (uint8_t)(value >> 10 & 7),
    };
}

/* A guest's deactivations by name are emulated always: the page with GICV_DIR is not mapped for it. */
static void gicv2_virtual_ask(bool refill, bool outside)
{
    device_write32(control + GICH_HCR, HCR_EN | (refill ? HCR_NPIE : 0) | (outside ? HCR_LRENPIE : 0));
}

static unsigned gicv2_take_eoi_count(void)
{
    uint32_t hcr = device_read32(control + GICH_HCR);
    unsigned count = hcr >> HCR_EOI_SHIFT;

    if (count == 0)
        return 0;
    device_write32(control + GICH_HCR, hcr & ~(UINT32_MAX << HCR_EOI_SHIFT));
    /* In EOI mode 1 an end deactivates nothing, though the GIC may have counted it. */
    return (device_read32(control + GICH_VMCR) & VMCR_EOI_MODE) != 0 ? 0 : count;
}

static uint8_t gicv2_virtual_priority_mask(unsigned *groups)
{
    uint32_t vmcr = device_read32(control + GICH_VMCR);

    *groups = vmcr & 3;
    return (uint8_t)(vmcr >> 27 << 3);
}

static void gicv2_interface_save(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = device_read32(control + GICH_VMCR);
    vcpu->gic_ap0[0] = device_read32(control + GICH_APR);
}

static void gicv2_interface_load(const struct arch_vcpu *vcpu)
{
    device_write32(control + GICH_VMCR, (uint32_t)vcpu->gic_vmcr);
    device_write32(control + GICH_APR, (uint32_t)vcpu->gic_ap0[0]);
}

static void gicv2_interface_reset(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = VMCR_RESET;
    vcpu->gic_ap0[0] = 0;
}

static uint64_t gicv2_guest_interface(void)
{
    return guest_page;
}

static const char *const compatible[] = {"arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", NULL};

const struct gic_driver gicv2_driver = {
    .compatible = compatible,
    .version = 2,
    .init = gicv2_init,
    .init_cpu = gicv2_init_cpu,
    .acknowledge = gicv2_acknowledge,
    .end = gicv2_end,
    .deactivate = gicv2_deactivate,
    .enable = gicv2_enable,
    .disable = gicv2_disable,
    .spi_end = gicv2_spi_end,
    .spi_set_up = gicv2_spi_set_up,
    .spi_enable = gicv2_spi_enable,
    .spi_set_active = gicv2_spi_set_active,
    .spi_set_target = gicv2_spi_set_target,
    .set_private_active = gicv2_set_private_active,
    .send_kick = gicv2_send_kick,
    .lr_count = gicv2_lr_count,
    .lr_word = gicv2_lr_word,
    .lr_write = gicv2_lr_write,
    .lr_take = gicv2_lr_take,
    .virtual_ask = gicv2_virtual_ask,
    .take_eoi_count = gicv2_take_eoi_count,
    .virtual_priority_mask = gicv2_virtual_priority_mask,
    .interface_save = gicv2_interface_save,
    .interface_load = gicv2_interface_load,
    .interface_reset = gicv2_interface_reset,
    .guest_interface = gicv2_guest_interface,
};
