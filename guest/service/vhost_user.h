/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device models in another process: the messages of vhost-user, as its front end sends them on a UNIX socket.
 * Each function gives false when the other end is gone, refuses, or answers with anything else than the
 * protocol says; the socket is of no use then.
 */
#ifndef SERVICE_VHOST_USER_H
#define SERVICE_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "rings.h"

/* Of the device's features: there are protocol features. The driver is not shown it. */
#define VHOST_USER_F_PROTOCOL_FEATURES (1ULL << 30)

/* Takes the device; `features` are those that it offers. */
bool vhost_user_begin(int socket, uint64_t *features);
bool vhost_user_get_configuration(int socket, uint8_t *configuration, uint32_t size);
/* Memory that the other end is given: a file from its begin on, where it is here, and the driver's address of
 * it. */
struct vhost_user_memory {
    int file;
    uint8_t *bytes;
    uint64_t guest_address;
    uint64_t size;
};

enum { VHOST_USER_MEMORIES = 2 };

/* Queue 0, from index 0 on. The descriptors and rings lie in the memories. */
bool vhost_user_start(int socket, uint64_t features, const struct vhost_user_memory *memories,
                      const struct ring *ring, const struct events *events);
/* Waits until the other end has ended all requests and left the socket, and closes it. */
bool vhost_user_end(int socket);

#endif
