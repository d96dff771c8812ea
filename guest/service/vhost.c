// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vhost.h>

#include "say.h"
#include "vhost.h"

int vhost_open(const char *path, const char *module)
{
    int vhost = open(path, O_RDWR | O_CLOEXEC);

    if (vhost < 0 && (errno == ENOENT || errno == ENODEV))
        fail("there is no %s: is the kernel's module %s loaded?", path, module);
    if (vhost < 0)
        fail("%s: %s", path, strerror(errno));
    return vhost;
}

static void ask(int vhost, unsigned long request, void *argument, const char *what)
{
    if (ioctl(vhost, request, argument) < 0)
        fail("vhost refuses %s: %s", what, strerror(errno));
}

uint64_t vhost_features(int vhost)
{
    uint64_t features = 0;

    ask(vhost, VHOST_GET_FEATURES, &features, "to tell its features");
    return features;
}

static void set_memory(int vhost, const struct device *device)
{
    struct vhost_memory *memory = calloc(1, sizeof(*memory) + sizeof(struct vhost_memory_region));

    if (!memory)
        fail("no memory");
    memory->nregions = 1;
    memory->regions[0] = (struct vhost_memory_region){
        .guest_phys_addr = device->ram.base,
        .memory_size = device->ram.size,
        .userspace_addr = (uintptr_t)device->ram.bytes,
    };
    ask(vhost, VHOST_SET_MEM_TABLE, memory, "the driver's RAM");
    free(memory);
}

static void set_queue(int vhost, const struct device *device, const struct queue *queue,
                      const struct events *events)
{
    struct ring ring;
    struct vhost_vring_state state = {.index = queue->number, .num = queue->size};
    struct vhost_vring_file file = {.index = queue->number, .fd = events->kick};
    struct vhost_vring_addr address = {.index = queue->number};

    if (!ring_place(&ring, &device->ram, queue))
        fail("queue %u is not in the driver's RAM", queue->number);
    address.desc_user_addr = (uintptr_t)ring.descriptors;
    address.avail_user_addr = (uintptr_t)ring.available;
    address.used_user_addr = (uintptr_t)ring.used;
    ask(vhost, VHOST_SET_VRING_NUM, &state, "a queue's size");
    state.num = ring_used_index(&ring);
    ask(vhost, VHOST_SET_VRING_BASE, &state, "a queue's index");
    ask(vhost, VHOST_SET_VRING_ADDR, &address, "a queue's place");
    ask(vhost, VHOST_SET_VRING_KICK, &file, "a queue's eventfd");
    file.fd = events->call;
    ask(vhost, VHOST_SET_VRING_CALL, &file, "a queue's eventfd");
}

void vhost_set_up(int vhost, const struct device *device, const struct setting *setting,
                  const struct events *events, uint64_t features, uint32_t queues)
{
    ask(vhost, VHOST_SET_OWNER, NULL, "an owner");
    ask(vhost, VHOST_SET_FEATURES, &features, "the driver's features");
    set_memory(vhost, device);
    for (uint32_t i = 0; i < setting->queues; i++)
        if (setting->queue[i].number < queues)
            set_queue(vhost, device, &setting->queue[i], &events[i]);
}
