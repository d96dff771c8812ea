// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user.h"

enum {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    SET_VRING_ENABLE = 18,
    GET_CONFIG = 24,
};

enum { VERSION = 1, VERSION_MASK = 3, REPLY = 4, NEED_REPLY = 8 };

#define PROTOCOL_REPLY_ACK (1ULL << 3)
#define PROTOCOL_CONFIG    (1ULL << 9)
#define PROTOCOL_NEEDED    (PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG)

struct header {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
};

struct memories {
    uint32_t count;
    uint32_t padding;
    struct {
        uint64_t guest_address;
        uint64_t size;
        uint64_t user_address;
        uint64_t offset;
    } memory[VHOST_USER_MEMORIES];
};

struct queue_state {
    uint32_t number;
    uint32_t value;
};

struct queue_address {
    uint32_t number;
    uint32_t flags;
    uint64_t descriptors;
    uint64_t used;
    uint64_t available;
    uint64_t log;
};

struct configuration {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t bytes[ONTIME_SERVICE_CONFIG_SIZE];
};

static bool send_message(int socket, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
                         const int *files, int count)
{
    struct header header = {.request = request, .flags = VERSION | flags, .size = size};
    union {
        char space[CMSG_SPACE(VHOST_USER_MEMORIES * sizeof(int))];
        struct cmsghdr alignment;
    } control = {.space = {0}};
    struct iovec parts[] = {{.iov_base = &header, .iov_len = sizeof(header)},
                            {.iov_base = (void *)(uintptr_t)payload, .iov_len = size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;

    if (count > 0) {
        size_t length = (size_t)count * sizeof(int);
        struct cmsghdr *rights;

        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(length);
        rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(rights), files, length);
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)(sizeof(header) + size);
}

static bool receive_all(int socket, void *buffer, size_t size)
{
    ssize_t length;

    do
        length = recv(socket, buffer, size, MSG_WAITALL);
    while (length < 0 && errno == EINTR);
    return length == (ssize_t)size;
}

static bool receive_reply(int socket, uint32_t request, void *payload, uint32_t size)
{
    struct header header;

    return receive_all(socket, &header, sizeof(header)) && header.request == request &&
           (header.flags & VERSION_MASK) == VERSION && header.flags & REPLY && header.size == size &&
           receive_all(socket, payload, size);
}

static bool get(int socket, uint32_t request, uint64_t *value)
{
    return send_message(socket, request, 0, NULL, 0, NULL, 0) &&
           receive_reply(socket, request, value, sizeof(*value));
}

/* With an answer, which says whether it was done. */
static bool set(int socket, uint32_t request, const void *payload, uint32_t size, const int *files, int count)
{
    uint64_t refused = 1;

    return send_message(socket, request, NEED_REPLY, payload, size, files, count) &&
           receive_reply(socket, request, &refused, sizeof(refused)) && refused == 0;
}

bool vhost_user_begin(int socket, uint64_t *features)
{
    uint64_t protocol, needed = PROTOCOL_NEEDED;

    return send_message(socket, SET_OWNER, 0, NULL, 0, NULL, 0) && get(socket, GET_FEATURES, features) &&
           *features & VHOST_USER_F_PROTOCOL_FEATURES && get(socket, GET_PROTOCOL_FEATURES, &protocol) &&
           (protocol & needed) == needed &&
           send_message(socket, SET_PROTOCOL_FEATURES, 0, &needed, sizeof(needed), NULL, 0);
}

bool vhost_user_get_configuration(int socket, uint8_t *bytes, uint32_t size)
{
    struct configuration configuration = {.size = size};
    uint32_t length = (uint32_t)(sizeof(configuration) - sizeof(configuration.bytes) + size);

    if (size > sizeof(configuration.bytes) ||
        !send_message(socket, GET_CONFIG, 0, &configuration, length, NULL, 0) ||
        !receive_reply(socket, GET_CONFIG, &configuration, length))
        return false;
    memcpy(bytes, configuration.bytes, size);
    return true;
}

static bool set_memories(int socket, const struct vhost_user_memory *from)
{
    struct memories memories = {.count = VHOST_USER_MEMORIES};
    int files[VHOST_USER_MEMORIES];

    for (int i = 0; i < VHOST_USER_MEMORIES; i++) {
        memories.memory[i].guest_address = from[i].guest_address;
        memories.memory[i].size = from[i].size;
        memories.memory[i].user_address = (uintptr_t)from[i].bytes;
        files[i] = from[i].file;
    }
    return set(socket, SET_MEM_TABLE, &memories, sizeof(memories), files, VHOST_USER_MEMORIES);
}

bool vhost_user_start(int socket, uint64_t features, const struct vhost_user_memory *memories,
                      const struct ring *ring, const struct events *events)
{
    const struct queue_state size = {.value = ring->size}, base = {.value = 0}, enable = {.value = 1};
    const struct queue_address address = {
        .descriptors = (uintptr_t)ring->descriptors,
        .available = (uintptr_t)ring->available,
        .used = (uintptr_t)ring->used,
    };
    const uint64_t number = 0;

    features |= VHOST_USER_F_PROTOCOL_FEATURES;
    return set(socket, SET_FEATURES, &features, sizeof(features), NULL, 0) &&
           set_memories(socket, memories) && set(socket, SET_VRING_NUM, &size, sizeof(size), NULL, 0) &&
           set(socket, SET_VRING_BASE, &base, sizeof(base), NULL, 0) &&
           set(socket, SET_VRING_ADDR, &address, sizeof(address), NULL, 0) &&
           set(socket, SET_VRING_CALL, &number, sizeof(number), &events->call, 1) &&
           set(socket, SET_VRING_KICK, &number, sizeof(number), &events->kick, 1) &&
           set(socket, SET_VRING_ENABLE, &enable, sizeof(enable), NULL, 0);
}

bool vhost_user_end(int socket)
{
    uint8_t rest[64];
    ssize_t length = 0;

    if (shutdown(socket, SHUT_WR) == 0)
        do
            length = recv(socket, rest, sizeof(rest), 0);
        while (length > 0 || (length < 0 && errno == EINTR));
    close(socket);
    return length == 0;
}
