// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "say.h"
#include "serve.h"

enum state { WAITING, SERVED, BROKEN };

static struct events events[ONTIME_SERVICE_QUEUES_MAX];

static int make_event(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        fail("an eventfd: %s", strerror(errno));
    return fd;
}

static bool is_in_ram(const struct device *device, const struct queue *queue)
{
    struct ring ring;

    return ring_place(&ring, &device->ram, queue);
}

static enum state start(const struct backend *backend, const struct device *device)
{
    struct setting setting;

    device_read_setting(device, &setting);
    for (uint32_t i = 0; i < setting.queues; i++) {
        if (!is_in_ram(device, &setting.queue[i])) {
            say("queue %u is not in the driver's RAM: the driver has to reset the device",
                setting.queue[i].number);
            device_break(device);
            return BROKEN;
        }
    }
    for (uint32_t i = 0; i < setting.queues; i++)
        events[i] = (struct events){.kick = make_event(), .call = make_event()};
    for (uint32_t i = 0; i < setting.queues; i++)
        device_set_call(device, setting.queue[i].number, events[i].call);
    backend->start(device, &setting, events);
    for (uint32_t i = 0; i < setting.queues; i++) {
        device_set_kick(device, setting.queue[i].number, events[i].kick);
        /* For what a server before this one has ended without saying so. */
        device_interrupt(device, setting.queue[i].number);
    }
    return SERVED;
}

static void stop(const struct backend *backend, const struct device *device)
{
    backend->stop();
    for (uint32_t i = 0; i < ONTIME_SERVICE_QUEUES_MAX; i++) {
        device_set_kick(device, i, -1);
        device_set_call(device, i, -1);
        if (events[i].kick > 0)
            close(events[i].kick);
        if (events[i].call > 0)
            close(events[i].call);
        events[i] = (struct events){.kick = -1, .call = -1};
    }
}

void serve(const struct backend *backend, const struct word *word, int ready)
{
    struct device device;
    struct offer offer = {.features = 0};
    enum state state = WAITING;

    device_open(&device, word->name, backend->id, backend->kind);
    backend->prepare(&device, word->target, &offer);
    device_offer(&device, &offer);
    if (write(ready, "", 1) != 1)
        fail("the program that has started this process is gone");
    for (;;) {
        struct pollfd files[1 + BACKEND_FILES] = {{.fd = device.fd, .events = POLLIN}};
        int count = 1;

        if (device_is_resetting(&device)) {
            if (state != WAITING)
                stop(backend, &device);
            state = WAITING;
            device_acknowledge(&device);
        } else if (state == WAITING && device_is_driven(&device)) {
            state = start(backend, &device);
        }
        if (state == SERVED && backend->watch)
            count += backend->watch(files + 1);
        for (int i = 0; i < count; i++)
            files[i].events = POLLIN;
        if (poll(files, (nfds_t)count, -1) < 0 && errno != EINTR)
            fail("poll: %s", strerror(errno));
        if (files[0].revents)
            device_take_changed(&device);
        if (count > 1 && !backend->serve(files + 1)) {
            device_break(&device);
            state = BROKEN;
        }
    }
}
