// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio devices that this VM serves for others ("ontime,virtio-service" nodes; include/ontime/service.h and
 * ontime_service_ioctl.h), for user space: a device file each. The module carries the two signals between
 * Ontime and eventfds, so that vhost in the kernel and vhost-user programs work on a queue without a program
 * in between.
 */
#define pr_fmt(format) "ontime_service: " format

#include <linux/anon_inodes.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/property.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait.h>

#include "ontime/service.h"
#include "ontime_service_ioctl.h"

/*
 * An eventfd that interrupts the driver. The entry holds the file, so that the eventfd outlives its place in
 * the wait queue.
 */
struct call {
    struct service *service;
    u32 queue;
    struct file *file;
    struct eventfd_ctx *event;
    wait_queue_entry_t entry;
    poll_table table;
};

struct service {
    struct miscdevice file;
    void __iomem *registers;
    struct resource *register_range;
    struct resource *memory_range;
    struct mutex mutex; /* of the ioctls and of users */
    /*
     * The device file, and files and mappings of the memory. While there is one, something may work on the
     * rings: until then READY stays, and no other program serves the device.
     */
    unsigned int users;
    struct call calls[ONTIME_SERVICE_QUEUES_MAX];

    spinlock_t lock; /* of what follows; the interrupt takes it */
    struct eventfd_ctx *kicks[ONTIME_SERVICE_QUEUES_MAX];
    bool changed;
    wait_queue_head_t readers;
};

static void signal(struct eventfd_ctx *event)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
    eventfd_signal(event);
#else
    eventfd_signal(event, 1);
#endif
}

static irqreturn_t notified(int irq, void *context)
{
    struct service *service = context;
    u32 pending = readl(service->registers + ONTIME_SERVICE_PENDING);
    unsigned long flags;
    u32 queue;

    spin_lock_irqsave(&service->lock, flags);
    for (queue = 0; queue < ONTIME_SERVICE_QUEUES_MAX; queue++)
        if (pending & BIT(queue) && service->kicks[queue])
            signal(service->kicks[queue]);
    if (pending & ONTIME_SERVICE_CHANGED)
        service->changed = true;
    spin_unlock_irqrestore(&service->lock, flags);
    if (pending & ONTIME_SERVICE_CHANGED)
        wake_up_interruptible(&service->readers);
    return IRQ_HANDLED;
}

/* ---- Signals to the driver */

static int called(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
    struct call *call = container_of(entry, struct call, entry);
    u64 count;

    if (!(key_to_poll(key) & EPOLLIN))
        return 0;
    eventfd_ctx_do_read(call->event, &count);
    writel(call->queue, call->service->registers + ONTIME_SERVICE_INTERRUPT);
    return 0;
}

static void enqueue_call(struct file *file, wait_queue_head_t *head, poll_table *table)
{
    struct call *call = container_of(table, struct call, table);

    add_wait_queue_priority(head, &call->entry);
}

static void end_call(struct call *call)
{
    u64 count;

    if (!call->file)
        return;
    eventfd_ctx_remove_wait_queue(call->event, &call->entry, &count);
    eventfd_ctx_put(call->event);
    fput(call->file);
    call->file = NULL;
}

static int set_call(struct service *service, u32 queue, int fd)
{
    struct call *call = &service->calls[queue];
    struct eventfd_ctx *event;
    struct file *file;

    end_call(call);
    if (fd < 0)
        return 0;
    file = fget(fd);
    if (!file)
        return -EBADF;
    event = eventfd_ctx_fileget(file);
    if (IS_ERR(event)) {
        fput(file);
        return PTR_ERR(event);
    }
    call->service = service;
    call->queue = queue;
    call->file = file;
    call->event = event;
    init_waitqueue_func_entry(&call->entry, called);
    init_poll_funcptr(&call->table, enqueue_call);
    /* Signalled before there was the entry: once more. */
    if (vfs_poll(file, &call->table) & EPOLLIN)
        writel(queue, service->registers + ONTIME_SERVICE_INTERRUPT);
    return 0;
}

/* ---- Signals from the driver */

static int set_kick(struct service *service, u32 queue, int fd)
{
    struct eventfd_ctx *event = fd < 0 ? NULL : eventfd_ctx_fdget(fd);
    struct eventfd_ctx *old;

    if (IS_ERR(event))
        return PTR_ERR(event);
    spin_lock_irq(&service->lock);
    old = service->kicks[queue];
    service->kicks[queue] = event;
    /* What was notified while there was none is not lost. */
    if (event)
        signal(event);
    spin_unlock_irq(&service->lock);
    if (old)
        eventfd_ctx_put(old);
    return 0;
}

/* ---- The driver's RAM */

static int map_memory(struct file *file, struct vm_area_struct *area)
{
    struct service *service = file->private_data;

    return vm_iomap_memory(area, service->memory_range->start, resource_size(service->memory_range));
}

/* The caller has the mutex. */
static void drop_user(struct service *service)
{
    if (--service->users == 0)
        writel(0, service->registers + ONTIME_SERVICE_CONTROL);
}

static int release_memory(struct inode *inode, struct file *file)
{
    struct service *service = file->private_data;

    mutex_lock(&service->mutex);
    drop_user(service);
    mutex_unlock(&service->mutex);
    return 0;
}

static const struct file_operations memory_operations = {
    .owner = THIS_MODULE,
    .release = release_memory,
    .mmap = map_memory,
    .llseek = noop_llseek,
};

static long open_memory(struct service *service)
{
    long fd;

    mutex_lock(&service->mutex);
    service->users++;
    fd = anon_inode_getfd("[ontime-virtio-memory]", &memory_operations, service, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        service->users--;
    mutex_unlock(&service->mutex);
    return fd;
}

/* ---- The device file */

static struct service *service_of(struct file *file)
{
    return container_of(file->private_data, struct service, file);
}

static int service_open(struct inode *inode, struct file *file)
{
    struct service *service = service_of(file);
    int status = 0;

    mutex_lock(&service->mutex);
    if (service->users)
        status = -EBUSY;
    else
        service->users = 1;
    mutex_unlock(&service->mutex);
    return status;
}

static int service_release(struct inode *inode, struct file *file)
{
    struct service *service = service_of(file);
    u32 queue;

    mutex_lock(&service->mutex);
    for (queue = 0; queue < ONTIME_SERVICE_QUEUES_MAX; queue++) {
        end_call(&service->calls[queue]);
        set_kick(service, queue, -1);
    }
    drop_user(service);
    mutex_unlock(&service->mutex);
    return 0;
}

static long service_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
    struct service *service = service_of(file);
    struct ontime_service_event event;
    long status;

    if (request == ONTIME_SERVICE_IOC_MEMORY)
        return open_memory(service);
    if (request != ONTIME_SERVICE_IOC_KICK && request != ONTIME_SERVICE_IOC_CALL)
        return -ENOTTY;
    if (copy_from_user(&event, (void __user *)argument, sizeof(event)))
        return -EFAULT;
    if (event.queue >= ONTIME_SERVICE_QUEUES_MAX)
        return -EINVAL;
    mutex_lock(&service->mutex);
    if (request == ONTIME_SERVICE_IOC_KICK)
        status = set_kick(service, event.queue, event.fd);
    else
        status = set_call(service, event.queue, event.fd);
    mutex_unlock(&service->mutex);
    return status;
}

static int service_mmap(struct file *file, struct vm_area_struct *area)
{
    struct service *service = service_of(file);

    area->vm_page_prot = pgprot_noncached(area->vm_page_prot);
    return vm_iomap_memory(area, service->register_range->start, resource_size(service->register_range));
}

static bool take_changed(struct service *service)
{
    bool changed;

    spin_lock_irq(&service->lock);
    changed = service->changed;
    service->changed = false;
    spin_unlock_irq(&service->lock);
    return changed;
}

static ssize_t service_read(struct file *file, char __user *buffer, size_t size, loff_t *place)
{
    struct service *service = service_of(file);
    u32 one = 1;

    if (size < sizeof(one))
        return -EINVAL;
    if (!take_changed(service))
        return -EAGAIN;
    return copy_to_user(buffer, &one, sizeof(one)) ? -EFAULT : sizeof(one);
}

static __poll_t service_poll(struct file *file, poll_table *table)
{
    struct service *service = service_of(file);

    poll_wait(file, &service->readers, table);
    return READ_ONCE(service->changed) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations service_operations = {
    .owner = THIS_MODULE,
    .open = service_open,
    .release = service_release,
    .unlocked_ioctl = service_ioctl,
    .mmap = service_mmap,
    .read = service_read,
    .poll = service_poll,
    .llseek = noop_llseek,
};

static void deregister(void *context)
{
    misc_deregister(context);
}

static int service_probe(struct platform_device *device)
{
    struct service *service = devm_kzalloc(&device->dev, sizeof(*service), GFP_KERNEL);
    const char *label;
    int irq = platform_get_irq(device, 0);
    int status;

    if (!service)
        return -ENOMEM;
    if (irq < 0)
        return irq;
    service->register_range = platform_get_resource_byname(device, IORESOURCE_MEM, "registers");
    service->memory_range = platform_get_resource_byname(device, IORESOURCE_MEM, "memory");
    if (!service->register_range || !service->memory_range ||
        device_property_read_string(&device->dev, "label", &label))
        return -EINVAL;
    service->registers = devm_platform_ioremap_resource_byname(device, "registers");
    if (IS_ERR(service->registers))
        return PTR_ERR(service->registers);
    if (readl(service->registers + ONTIME_SERVICE_MAGIC) != ONTIME_SERVICE_MAGIC_VALUE ||
        readl(service->registers + ONTIME_SERVICE_VERSION) != ONTIME_SERVICE_VERSION_VALUE) {
        dev_err(&device->dev, "not a service of version %d\n", ONTIME_SERVICE_VERSION_VALUE);
        return -ENODEV;
    }
    mutex_init(&service->mutex);
    spin_lock_init(&service->lock);
    init_waitqueue_head(&service->readers);
    service->file.minor = MISC_DYNAMIC_MINOR;
    service->file.name = devm_kasprintf(&device->dev, GFP_KERNEL, "ontime-virtio-%s", label);
    service->file.fops = &service_operations;
    service->file.mode = 0600;
    if (!service->file.name)
        return -ENOMEM;
    status = devm_request_irq(&device->dev, irq, notified, 0, service->file.name, service);
    if (status)
        return status;
    status = misc_register(&service->file);
    if (status)
        return status;
    return devm_add_action_or_reset(&device->dev, deregister, &service->file);
}

static const struct of_device_id service_nodes[] = {{.compatible = "ontime,virtio-service"}, {}};
MODULE_DEVICE_TABLE(of, service_nodes);

/* A device whose file is open can't be taken from the driver: the file holds the module. */
static struct platform_driver service_driver = {
    .probe = service_probe,
    .driver = {.name = "ontime_service", .of_match_table = service_nodes, .suppress_bind_attrs = true},
};
module_platform_driver(service_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtio devices that this VM of Ontime serves for others, for user space");
