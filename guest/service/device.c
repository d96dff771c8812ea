// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "../linux/ontime_service_ioctl.h"
#include "device.h"
#include "say.h"

enum { REGISTERS_SIZE = 0x1000, TRIES = 100, TRY_MS = 50 };

/*
 * Ontime emulates the registers, and the CPU tells it of simple loads and stores only what they access. A
 * compiler may choose others for a volatile access.
 */
#ifdef __aarch64__
static uint32_t load(const struct device *device, uint32_t offset)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(device->registers + offset) : "memory");
    return value;
}

static void store(const struct device *device, uint32_t offset, uint32_t value)
{
    __asm__ volatile("dmb sy\n\tstr %w0, [%1]" : : "r"(value), "r"(device->registers + offset) : "memory");
}
#else
static uint32_t load(const struct device *device, uint32_t offset)
{
    return *(const volatile uint32_t *)(const volatile void *)(device->registers + offset);
}

static void store(const struct device *device, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(volatile void *)(device->registers + offset) = value;
}
#endif

static uint64_t load_pair(const struct device *device, uint32_t offset)
{
    return load(device, offset) | (uint64_t)load(device, offset + 4) << 32;
}

static int open_file(const char *name)
{
    const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
    char path[256];
    int fd = -1;

    snprintf(path, sizeof(path), "%s%s", ONTIME_SERVICE_FILE, name);
    for (int i = 0; i < TRIES && fd < 0; i++) {
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno != EBUSY)
            break;
        if (fd < 0)
            nanosleep(&pause, NULL);
    }
    if (fd < 0 && errno == ENOENT)
        fail("there is no %s: is ontime_service.ko loaded, and does the system file have a node virtio-%s of "
             "which this VM is the service?",
             path, name);
    if (fd < 0 && errno == EBUSY)
        fail("%s: another program serves the device", path);
    if (fd < 0)
        fail("%s: %s", path, strerror(errno));
    return fd;
}

void device_open(struct device *device, const char *name, uint32_t id, const char *kind)
{
    device->name = name;
    device->fd = open_file(name);
    device->registers = mmap(NULL, REGISTERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, 0);
    if (device->registers == MAP_FAILED)
        fail("the registers cannot be mapped: %s", strerror(errno));
    if (load(device, ONTIME_SERVICE_DEVICE_ID) != id)
        fail("the system file says that it is another device than %s (virtio's number %u)", kind,
             load(device, ONTIME_SERVICE_DEVICE_ID));
    device->memory = ioctl(device->fd, ONTIME_SERVICE_IOC_MEMORY);
    if (device->memory < 0)
        fail("the driver's RAM cannot be had: %s", strerror(errno));
    device->ram.base = load_pair(device, ONTIME_SERVICE_RAM);
    device->ram.size = load_pair(device, ONTIME_SERVICE_RAM_SIZE);
    device->ram.bytes = mmap(NULL, device->ram.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->memory, 0);
    if (device->ram.bytes == MAP_FAILED)
        fail("the driver's RAM cannot be mapped: %s", strerror(errno));
}

void device_offer(const struct device *device, const struct offer *offer)
{
    uint32_t word;

    store(device, ONTIME_SERVICE_FEATURES, (uint32_t)offer->features);
    store(device, ONTIME_SERVICE_FEATURES + 4, (uint32_t)(offer->features >> 32));
    store(device, ONTIME_SERVICE_QUEUES, offer->queues);
    store(device, ONTIME_SERVICE_QUEUE_SIZE, offer->queue_size);
    for (uint32_t i = 0; i < offer->configuration_size; i += sizeof(word)) {
        memcpy(&word, offer->configuration + i, sizeof(word));
        store(device, ONTIME_SERVICE_CONFIG + i, word);
    }
    store(device, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
}

bool device_is_resetting(const struct device *device)
{
    return load(device, ONTIME_SERVICE_ACK) & ONTIME_SERVICE_RESETTING;
}

bool device_is_driven(const struct device *device)
{
    return load(device, ONTIME_SERVICE_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK;
}

void device_acknowledge(const struct device *device)
{
    store(device, ONTIME_SERVICE_ACK, 1);
}

void device_break(const struct device *device)
{
    store(device, ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY | ONTIME_SERVICE_BROKEN);
}

void device_read_setting(const struct device *device, struct setting *setting)
{
    setting->features = load_pair(device, ONTIME_SERVICE_DRIVER_FEATURES);
    setting->queues = 0;
    for (uint32_t i = 0; i < ONTIME_SERVICE_QUEUES_MAX; i++) {
        uint32_t place = ONTIME_SERVICE_QUEUE + ONTIME_SERVICE_QUEUE_STRIDE * i;

        if (load(device, place + ONTIME_SERVICE_QUEUE_READY) == 0)
            continue;
        setting->queue[setting->queues++] = (struct queue){
            .number = i,
            .size = load(device, place + ONTIME_SERVICE_QUEUE_NUM),
            .descriptors = load_pair(device, place + ONTIME_SERVICE_QUEUE_DESC),
            .available = load_pair(device, place + ONTIME_SERVICE_QUEUE_DRIVER),
            .used = load_pair(device, place + ONTIME_SERVICE_QUEUE_DEVICE),
        };
    }
}

static void set_event(const struct device *device, unsigned long request, uint32_t queue, int fd)
{
    struct ontime_service_event event = {.queue = queue, .fd = fd};

    if (ioctl(device->fd, request, &event))
        fail("queue %u: its eventfd is refused: %s", queue, strerror(errno));
}

void device_set_kick(const struct device *device, uint32_t queue, int fd)
{
    set_event(device, ONTIME_SERVICE_IOC_KICK, queue, fd);
}

void device_set_call(const struct device *device, uint32_t queue, int fd)
{
    set_event(device, ONTIME_SERVICE_IOC_CALL, queue, fd);
}

void device_interrupt(const struct device *device, uint32_t queue)
{
    store(device, ONTIME_SERVICE_INTERRUPT, queue);
}

void device_take_changed(const struct device *device)
{
    uint32_t changed;

    if (read(device->fd, &changed, sizeof(changed)) < 0 && errno != EAGAIN && errno != EINTR)
        fail("the device file: %s", strerror(errno));
}
