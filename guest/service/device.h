/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device of another VM as this one serves it: the device file of ontime_service.ko. Errors end the
 * process. */
#ifndef SERVICE_DEVICE_H
#define SERVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <ontime/service.h>

#include "rings.h"

struct device {
    const char *name;
    int fd;
    int memory; /* the driver's RAM from offset 0 */
    volatile uint8_t *registers;
    struct ram ram;
};

/* What the driver is shown. */
struct offer {
    uint64_t features;
    uint32_t queues;
    uint32_t queue_size;
    uint32_t configuration_size;
    uint8_t configuration[ONTIME_SERVICE_CONFIG_SIZE];
};

/* What the driver has accepted and set up. */
struct setting {
    uint64_t features;
    uint32_t queues; /* those that are ready */
    struct queue queue[ONTIME_SERVICE_QUEUES_MAX];
};

/* `id` is virtio's number of the kind of device. Waits for a former server's end. */
void device_open(struct device *device, const char *name, uint32_t id, const char *kind);
void device_offer(const struct device *device, const struct offer *offer);

bool device_is_resetting(const struct device *device);
bool device_is_driven(const struct device *device);
void device_acknowledge(const struct device *device);
/* The driver has set up what can't be served. */
void device_break(const struct device *device);
void device_read_setting(const struct device *device, struct setting *setting);

/* Eventfds for a queue, or -1: none any more. */
void device_set_kick(const struct device *device, uint32_t queue, int fd);
void device_set_call(const struct device *device, uint32_t queue, int fd);
void device_interrupt(const struct device *device, uint32_t queue);

/* After poll() of the file: takes the note that something has changed. */
void device_take_changed(const struct device *device);

#endif
