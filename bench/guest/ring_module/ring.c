// SPDX-License-Identifier: GPL-2.0
/*
 * A doorbell on bare metal, for programs that have a link's under Ontime (guest/linux/ontime_link.c): an SPI
 * that no device has, `spi` by the GIC's numbers, taken at CPU 0. Its /dev/uioN has one map, the first page
 * of the GIC's distributor. A store to GICD_ISPENDR there, from any CPU, raises it.
 */
#define pr_fmt(format) "ring: " format

#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>

#include "doorbell.h"

#define FIRST_SPI 32

static unsigned int spi;
module_param(spi, uint, 0444);
MODULE_PARM_DESC(spi, "number of the interrupt at the GIC");

static struct platform_device *device;
static struct doorbell doorbell;

static int map_interrupt(struct device_node *gic)
{
    struct irq_fwspec interrupt = {
        .fwnode = of_node_to_fwnode(gic),
        .param_count = 3,
        .param = {0, spi - FIRST_SPI, IRQ_TYPE_EDGE_RISING},
    };
    unsigned int irq = irq_create_fwspec_mapping(&interrupt);

    return irq ? (int)irq : -EINVAL;
}

static int start(struct device_node *gic)
{
    struct uio_mem *map = &doorbell.info.mem[0];
    struct resource distributor;
    int irq, error = of_address_to_resource(gic, 0, &distributor);

    if (error)
        return error;
    irq = map_interrupt(gic);
    if (irq < 0)
        return irq;
    doorbell_init(&doorbell, "rings", irq);
    map->name = "distributor";
    map->addr = distributor.start;
    map->size = PAGE_SIZE;
    map->memtype = UIO_MEM_PHYS;
    device = platform_device_register_simple("ring", PLATFORM_DEVID_NONE, NULL, 0);
    if (IS_ERR(device))
        return PTR_ERR(device);
    error = uio_register_device(&device->dev, &doorbell.info);
    if (!error)
        error = irq_set_affinity(irq, cpumask_of(0));
    if (error)
        platform_device_unregister(device);
    return error;
}

static int __init ring_init(void)
{
    struct device_node *gic = of_find_compatible_node(NULL, NULL, "arm,gic-v3");
    int error = gic && spi >= FIRST_SPI ? start(gic) : -ENODEV;

    of_node_put(gic);
    return error;
}

/* The mapping of the interrupt stays. */
static void __exit ring_exit(void)
{
    uio_unregister_device(&doorbell.info);
    platform_device_unregister(device);
}

module_init(ring_init);
module_exit(ring_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A doorbell on bare metal, for user space");
