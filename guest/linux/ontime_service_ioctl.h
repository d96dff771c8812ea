/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What ontime_service.ko and the programs that serve virtio devices have in common. There is one device file
 * for each "ontime,virtio-service" node, ONTIME_SERVICE_FILE and the node's label, which one program at a
 * time can open:
 * - mmap() at offset 0 gives the registers (include/ontime/service.h), but for PENDING, which the module
 * reads.
 * - poll() waits until ONTIME_SERVICE_CHANGED has come, and read() of a __u32 takes that away. read() does
 * not wait.
 * - close() takes READY away, once the files and mappings of the memory are gone, too. Until then open() says
 * EBUSY.
 */
#ifndef ONTIME_SERVICE_IOCTL_H
#define ONTIME_SERVICE_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define ONTIME_SERVICE_FILE "/dev/ontime-virtio-"

struct ontime_service_event {
    __u32 queue;
    __s32 fd; /* an eventfd, or -1: none any more */
};

/* The eventfd is signalled when the driver has notified the queue, and once by this call. */
#define ONTIME_SERVICE_IOC_KICK _IOW('O', 0x20, struct ontime_service_event)
/* Whenever the eventfd is signalled, the driver has an interrupt for used buffers of this queue. */
#define ONTIME_SERVICE_IOC_CALL _IOW('O', 0x21, struct ontime_service_event)
/* A new file descriptor, for mmap(): the driver's RAM from offset 0, with caches. It has no power over the
 * registers. */
#define ONTIME_SERVICE_IOC_MEMORY _IO('O', 0x22)

#endif
