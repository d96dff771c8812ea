// SPDX-License-Identifier: GPL-2.0
/*
 * The ends of Ontime's links (include/ontime/link.h, docs/abi.md) as devices for user space: /dev/uioN, for
 * programs that map registers and memory and wait for the doorbell. A module of its own, as nothing of it
 * concerns time. Programs use it as they would use uio_pdrv_genirq, which Debian's kernels do not have;
 * unlike that one it maps the memory with caches, as the other end does, unless the link is uncached.
 */
#define pr_fmt(format) "ontime_link: " format

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/uio_driver.h>

#include "doorbell.h"
#include "ontime/link.h"

static int add_map(struct platform_device *device, struct uio_mem *map, const char *name, int memtype)
{
    struct resource *range = platform_get_resource_byname(device, IORESOURCE_MEM, name);

    if (!range || !PAGE_ALIGNED(range->start))
        return -EINVAL;
    map->name = name;
    map->addr = range->start;
    map->size = resource_size(range);
    map->memtype = memtype;
    return 0;
}

static int link_probe(struct platform_device *device)
{
    struct doorbell *link = devm_kzalloc(&device->dev, sizeof(*link), GFP_KERNEL);
    const char *name;
    void __iomem *registers;
    bool uncached;
    int irq = platform_get_irq(device, 0);

    if (!link)
        return -ENOMEM;
    if (irq < 0)
        return irq;
    registers = devm_platform_ioremap_resource_byname(device, "registers");
    if (IS_ERR(registers))
        return PTR_ERR(registers);
    if (readl(registers + ONTIME_LINK_MAGIC) != ONTIME_LINK_MAGIC_VALUE ||
        readl(registers + ONTIME_LINK_VERSION) != ONTIME_LINK_VERSION_VALUE) {
        dev_err(&device->dev, "not a link of version %d\n", ONTIME_LINK_VERSION_VALUE);
        return -ENODEV;
    }
    uncached = readl(registers + ONTIME_LINK_FLAGS) & ONTIME_LINK_UNCACHED;
    if (device_property_read_string(&device->dev, "label", &name))
        name = "link";
    doorbell_init(link, name, irq);
    /* UIO_MEM_IOVA is mapped as UIO_MEM_PHYS is, but with caches. */
    if (add_map(device, &link->info.mem[0], "registers", UIO_MEM_PHYS) ||
        add_map(device, &link->info.mem[1], "memory", uncached ? UIO_MEM_PHYS : UIO_MEM_IOVA))
        return -EINVAL;
    return devm_uio_register_device(&device->dev, &link->info);
}

static const struct of_device_id link_nodes[] = {{.compatible = "ontime,link"}, {}};
MODULE_DEVICE_TABLE(of, link_nodes);

static struct platform_driver link_driver = {
    .probe = link_probe,
    .driver = {.name = "ontime_link", .of_match_table = link_nodes},
};
module_platform_driver(link_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Links between Ontime's VMs, for user space");
