/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2 with virtualization extensions (Arm IHI 0048): GIC-400 and the like. All registers are in memory: the
 * distributor (GICD), this CPU's interface (GICC), its virtual interface's control (GICH), and the virtual
 * interface itself (GICV), which guests use directly.
 *
 * Where the GIC has security extensions this is the non-secure side, which sees what the firmware put in
 * group 1; without them interrupts stay in group 0. Both are enabled by bit 0 and come as IRQ. EOI mode 1, as
 * with GICv3: ending an interrupt and deactivating it are two steps.
 *
 * A CPU's own number in the distributor need not be its index: it is read from GICD_ITARGETSR0.
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
#define CTLR_BYPASS     0x1E0u /* the firmware's choice for legacy interrupts */
#define CTLR_EOI_MODE   0x200u
#define CTLR_DISTRIBUTE 1u
#define PRIORITY        0xA0u
#define HCR_EN          1u
#define HCR_LRENPIE     4u
#define HCR_NPIE        8u
#define HCR_EOI_SHIFT   27
#define VMCR_EOI_MODE   0x200u
#define VMCR_RESET      0x004C0000u /* binary points at their least; priority mask 0, groups off */
#define LR_HW           (1u << 31)
#define LR_GROUP1       (1u << 30)
#define LR_EOI          (1u << 19)
#define MAX_CPUS        8
#define ALIASED         0x10000 /* GICs whose 4 KiB pages each fill 64 KiB, so that a big page holds no other */

static uint64_t distributor, interface, deactivate_register, control, guest_page;
static unsigned list_registers;
static uint8_t own_bit[MAX_CPUS]; /* of each CPU, in the distributor's sets of CPUs */

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
    unsigned lines;

    if (problem != NULL)
        return problem;
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
    device_write32(distributor + GICD_ICENABLER, UINT32_MAX);
    device_write32(distributor + GICD_ICACTIVER, UINT32_MAX);
    for (unsigned k = 0; k < 8; k++)
        device_write32(distributor + GICD_IPRIORITY + 4 * k, PRIORITY * 0x01010101u);
    own_bit[arch_cpu_index()] = (uint8_t)device_read32(distributor + GICD_ITARGETS);
    if (own_bit[arch_cpu_index()] == 0)
        own_bit[arch_cpu_index()] = 1; /* a GIC of one CPU has no targets */

    device_write32(interface + GICC_PMR, 0xFF);
    device_write32(interface + GICC_CTLR,
                   (device_read32(interface + GICC_CTLR) & CTLR_BYPASS) | CTLR_ENABLE | CTLR_EOI_MODE);
    list_registers = (device_read32(control + GICH_VTR) & 63) + 1;
    for (unsigned n = 0; n < list_registers; n++)
        device_write32(control + GICH_LR + 4 * n, 0);
    if (list_registers > GIC_MAX_LRS)
        list_registers = GIC_MAX_LRS;
    device_write32(control + GICH_HCR, HCR_EN);
    return NULL;
}

static uint32_t gicv2_acknowledge(void)
{
    uint32_t acknowledged =
        device_read32(interface + GICC_IAR); /* an SGI's sender with it: wanted back at the end */

    dsb(sy);
    return acknowledged;
}

static void gicv2_end(uint32_t acknowledged)
{
    device_write32(interface + GICC_EOIR, acknowledged);
}

static void gicv2_deactivate(uint32_t acknowledged)
{
    device_write32(deactivate_register, acknowledged);
    dsb(sy); /* before the interrupt is looked for again */
}

static void gicv2_enable(uint32_t intid)
{
    if (intid >= 32)
        device_write8(distributor + GICD_ITARGETS + intid, own_bit[arch_cpu_index()]);
    device_write32(distributor + GICD_ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
}

static void gicv2_set_private_active(uint32_t intid, bool active)
{
    device_write32(distributor + (active ? GICD_ISACTIVER : GICD_ICACTIVER), 1u << intid);
    /* The change is in the distributor before the guest can be interrupted by it. */
    dsb(sy);
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
           (lr->hardware ? LR_HW | (uint32_t)lr->intid << 10 : 0) | (lr->eoi_wanted ? LR_EOI : 0) |
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

/* Deactivations by name need not be trapped specially: guests never get the page of GICV_DIR. */
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
