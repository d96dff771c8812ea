// SPDX-License-Identifier: Apache-2.0
/*
 * vsock_echo PORT                 sends back what comes by a socket between this VM and its service, or its
 * drivers vsock_echo CID PORT BYTES       sends so many bytes there, and compares what comes back
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { PIECE = 4096, TRIES = 100, TRY_US = 100000 };

__attribute__((noreturn)) static void fail(const char *what)
{
    perror(what);
    printf("linux: FAIL %s\n", what);
    exit(1);
}

static void echo(unsigned port)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
    int peer;
    char piece[PIECE];
    ssize_t length;

    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) ||
        listen(listener, 1))
        fail("listen");
    peer = accept(listener, NULL, NULL);
    if (peer < 0)
        fail("accept");
    while ((length = read(peer, piece, sizeof(piece))) > 0)
        for (ssize_t done = 0, part; done < length; done += part) {
            part = write(peer, piece + done, (size_t)(length - done));
            if (part < 0)
                fail("write");
        }
}

/* The byte at a place of the stream. */
static char byte_at(size_t place)
{
    return (char)(place * 7 + place / 251);
}

static size_t send_some(int peer, size_t sent, size_t bytes)
{
    char piece[PIECE];
    size_t room = bytes - sent < sizeof(piece) ? bytes - sent : sizeof(piece);
    ssize_t length;

    for (size_t i = 0; i < room; i++)
        piece[i] = byte_at(sent + i);
    length = send(peer, piece, room, MSG_DONTWAIT);
    return length > 0 ? (size_t)length : 0;
}

static size_t compare_some(int peer, size_t received)
{
    char piece[PIECE];
    ssize_t length = read(peer, piece, sizeof(piece));

    if (length <= 0)
        fail("read");
    for (ssize_t i = 0; i < length; i++)
        if (piece[i] != byte_at(received + (size_t)i))
            fail("compare");
    return (size_t)length;
}

static void send_and_compare(unsigned cid, unsigned port, size_t bytes)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    int peer = -1, tries = 0;
    size_t sent = 0, received = 0;

    /* The other side may not listen yet. */
    for (;;) {
        peer = socket(AF_VSOCK, SOCK_STREAM, 0);
        if (peer >= 0 && connect(peer, (const struct sockaddr *)&address, sizeof(address)) == 0)
            break;
        if (++tries == TRIES)
            fail("connect");
        close(peer);
        usleep(TRY_US);
    }
    while (received < bytes) {
        struct pollfd file = {.fd = peer, .events = (short)(POLLIN | (sent < bytes ? POLLOUT : 0))};

        if (poll(&file, 1, -1) < 0)
            fail("poll");
        if (file.revents & POLLOUT)
            sent += send_some(peer, sent, bytes);
        if (file.revents & POLLIN)
            received += compare_some(peer, received);
    }
    printf("linux: %zu bytes back\n", received);
}

int main(int count, char **words)
{
    if (count == 2)
        echo((unsigned)atoi(words[1]));
    else if (count == 4)
        send_and_compare((unsigned)atoi(words[1]), (unsigned)atoi(words[2]), strtoul(words[3], NULL, 10));
    else
        return 2;
    return 0;
}
