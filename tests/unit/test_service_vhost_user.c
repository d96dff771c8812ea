// SPDX-License-Identifier: Apache-2.0
/* The messages of a service guest's program to what serves a disk, which is a process of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../guest/service/vhost_user.h"

enum { RAM_BASE = 0x40000000, RAM_SIZE = 1 << 16, DISK_SIZE = 60, FEATURES = 0x44 };

static uint8_t bytes[RAM_SIZE] __attribute__((aligned(4096)));

struct message {
    uint32_t request, flags, size;
    uint64_t payload[40];
    int files;
};

/* The server's side: a script of what it expects and answers. */
struct step {
    uint32_t request;
    uint32_t size;  /* of the payload */
    uint64_t first; /* of the payload */
    int files;
    uint32_t answer; /* size of it; 0: none */
    uint64_t value;
};

static void receive(int socket, struct message *message)
{
    char space[CMSG_SPACE(4 * sizeof(int))];
    struct iovec part = {.iov_base = message, .iov_len = 12};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};

    message->files = 0;
    if (recvmsg(socket, &header, MSG_WAITALL) != 12)
        exit(2);
    if (CMSG_FIRSTHDR(&header))
        message->files = (int)((CMSG_FIRSTHDR(&header)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    if (message->size > sizeof(message->payload))
        exit(3);
    if (message->size && recv(socket, message->payload, message->size, MSG_WAITALL) != (ssize_t)message->size)
        exit(3);
}

static void answer(int socket, const struct message *message, const struct step *step)
{
    uint32_t header[3] = {message->request, 1 | 4, step->answer};

    if (send(socket, header, sizeof(header), 0) != sizeof(header) ||
        send(socket, message->payload, step->answer, 0) != (ssize_t)step->answer)
        exit(4);
}

/* Plays the steps, and ends with 0 when all have come as they should. */
static int play(int socket, const struct step *steps, int count)
{
    struct message message;

    for (int i = 0; i < count; i++) {
        receive(socket, &message);
        if (message.request != steps[i].request || (message.flags & 7) != 1 ||
            message.size != steps[i].size || (message.size && message.payload[0] != steps[i].first) ||
            message.files != steps[i].files)
            return 10 + i;
        message.payload[0] = steps[i].value;
        if (steps[i].answer)
            answer(socket, &message, &steps[i]);
    }
    /* Until the other end has shut down. */
    return recv(socket, &message, 1, 0) == 0 ? 0 : 5;
}

static pid_t begin(int *socket, const struct step *steps, int count)
{
    int ends[2];
    pid_t server;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    server = fork();
    if (server == 0) {
        close(ends[0]);
        _exit(play(ends[1], steps, count));
    }
    close(ends[1]);
    *socket = ends[0];
    return server;
}

static void expect_end(pid_t server)
{
    int status;

    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define PROTOCOL (1 << 3 | 1 << 9)

static void a_device_is_taken(void **state)
{
    const struct step steps[] = {
        {.request = 3},
        {.request = 1, .answer = 8, .value = FEATURES | VHOST_USER_F_PROTOCOL_FEATURES},
        {.request = 15, .answer = 8, .value = PROTOCOL | 1},
        {.request = 16, .size = 8, .first = PROTOCOL},
        {.request = 24, .size = 12 + DISK_SIZE, .first = (uint64_t)DISK_SIZE << 32, .answer = 12 + DISK_SIZE},
    };
    uint8_t configuration[DISK_SIZE];
    uint64_t features;
    int socket;
    pid_t server = begin(&socket, steps, 5);

    (void)state;
    assert_true(vhost_user_begin(socket, &features));
    assert_int_equal(features, FEATURES | VHOST_USER_F_PROTOCOL_FEATURES);
    assert_true(vhost_user_get_configuration(socket, configuration, DISK_SIZE));
    assert_true(vhost_user_end(socket));
    expect_end(server);
}

static void a_device_without_what_is_needed_is_not(void **state)
{
    const struct step no_protocol[] = {{.request = 3}, {.request = 1, .answer = 8, .value = FEATURES}};
    const struct step no_configuration[] = {
        {.request = 3},
        {.request = 1, .answer = 8, .value = VHOST_USER_F_PROTOCOL_FEATURES},
        {.request = 15, .answer = 8, .value = 1 << 3},
    };
    const struct step short_answer[] = {{.request = 3}, {.request = 1, .answer = 4}};
    uint64_t features;
    int socket;
    pid_t server;

    (void)state;
    server = begin(&socket, no_protocol, 2);
    assert_false(vhost_user_begin(socket, &features));
    close(socket);
    expect_end(server);
    server = begin(&socket, no_configuration, 3);
    assert_false(vhost_user_begin(socket, &features));
    close(socket);
    expect_end(server);
    server = begin(&socket, short_answer, 2);
    assert_false(vhost_user_begin(socket, &features));
    close(socket);
    waitpid(server, NULL, 0);
}

static void a_queue_is_started(void **state)
{
    int event = eventfd(0, 0);
    const struct events events = {.kick = event, .call = event};
    const struct vhost_user_memory memories[] = {
        {.file = event, .bytes = bytes, .guest_address = RAM_BASE, .size = RAM_SIZE},
        {.file = event, .bytes = bytes, .guest_address = 0, .size = 16},
    };
    const struct ring ring = {.size = 16, .descriptors = bytes};
    const struct step steps[] = {
        {.request = 2, .size = 8, .first = FEATURES | VHOST_USER_F_PROTOCOL_FEATURES, .answer = 8},
        {.request = 5, .size = 72, .first = 2, .files = 2, .answer = 8},
        {.request = 8, .size = 8, .first = 16ULL << 32, .answer = 8},
        {.request = 10, .size = 8, .first = 0, .answer = 8},
        {.request = 9, .size = 40, .first = 0, .answer = 8},
        {.request = 13, .size = 8, .first = 0, .files = 1, .answer = 8},
        {.request = 12, .size = 8, .first = 0, .files = 1, .answer = 8},
        {.request = 18, .size = 8, .first = 1ULL << 32, .answer = 8},
    };
    const struct step refusal[] = {
        steps[0], {.request = 5, .size = 72, .first = 2, .files = 2, .answer = 8, .value = 1}};
    int socket;
    pid_t server;

    (void)state;
    server = begin(&socket, steps, 8);
    assert_true(vhost_user_start(socket, FEATURES, memories, &ring, &events));
    assert_true(vhost_user_end(socket));
    expect_end(server);

    server = begin(&socket, refusal, 2);
    assert_false(vhost_user_start(socket, FEATURES, memories, &ring, &events));
    close(socket);
    expect_end(server);
    close(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_taken),
        cmocka_unit_test(a_device_without_what_is_needed_is_not),
        cmocka_unit_test(a_queue_is_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
