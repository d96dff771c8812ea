/* SPDX-License-Identifier: Apache-2.0 */
/* What serves a device: a virtio device model outside of this program, in the kernel or in another process.
 */
#ifndef SERVICE_BACKEND_H
#define SERVICE_BACKEND_H

#include <poll.h>
#include <stdbool.h>

#include "device.h"

enum { BACKEND_FILES = 3 };

/* The eventfds of a queue: from the driver, and to it. */
struct events {
    int kick;
    int call;
};

struct backend {
    const char *kind; /* on the command line */
    uint32_t id;      /* virtio's */
    const char *help; /* what follows KIND:NAME= */

    /* `target` is what the command line says behind `=`. Errors end the process, here and in start(). */
    void (*prepare)(const struct device *device, const char *target, struct offer *offer);
    /* Begins with each queue at its used index. The setting's rings lie in the driver's RAM. */
    void (*start)(const struct device *device, const struct setting *setting, const struct events *events);
    /* Afterwards nothing touches the rings or buffers. */
    void (*stop)(void);
    /*
     * NULL: the backend needs nobody. Else watch() says what to wait for, in up to BACKEND_FILES entries, and
     * gives their number, and serve() is called with what has come. False: the driver has to reset the
     * device.
     */
    int (*watch)(struct pollfd *files);
    bool (*serve)(const struct pollfd *files);
};

extern const struct backend net_backend, block_backend, vsock_backend;

#endif
