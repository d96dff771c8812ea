/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer receive: takes one TCP connection after the other, reads each to its end, and sends back how many
 * bytes have come and their checksum.
 * transfer send ADDRESS: sends 100 MB to ADDRESS, again and again, and compares what is sent back. It prints
 * one line for each 100 MB, with the counter when they were begun and when the answer was there.
 *
 * The checksum is of the words of 32 bits, in their order: each is added after the sum was multiplied, so
 * words that change places are noticed, too. What is sent differs from one word to the next.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT       7
#define MEGABYTES  100
#define WORDS      (1024 * 1024 / sizeof(uint32_t)) /* of a piece, which is a megabyte */
#define MULTIPLIER 31u

struct answer {
    uint64_t bytes;
    uint64_t sum;
};

static uint32_t piece[WORDS];

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
    return value;
}

static uint64_t add_words(uint64_t sum, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum = sum * MULTIPLIER + piece[i];
    return sum;
}

/* Returns how much has come: all of it, unless the other end has ended before. */
static size_t read_whole(int file, void *to, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = read(file, (char *)to + done, size - done);

        if (count < 0)
            fail("transfer: read");
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return done;
}

static void write_whole(int file, const void *from, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = write(file, (const char *)from + done, size - done);

        if (count < 0)
            fail("transfer: write");
        done += (size_t)count;
    }
}

static int open_socket(void)
{
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (file < 0)
        fail("transfer: a socket");
    return file;
}

static void take_one(int listening)
{
    struct answer answer = {0};
    int file = accept(listening, NULL, NULL);
    size_t count;

    if (file < 0)
        fail("transfer: accept");
    while ((count = read_whole(file, piece, sizeof(piece))) > 0) {
        answer.bytes += count;
        answer.sum = add_words(answer.sum, count / sizeof(uint32_t));
    }
    write_whole(file, &answer, sizeof(answer));
    close(file);
}

static _Noreturn void receive(void)
{
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int listening = open_socket();

    if (bind(listening, (const struct sockaddr *)&here, sizeof(here)) != 0 || listen(listening, 1) != 0)
        fail("transfer: bind");
    for (;;)
        take_one(listening);
}

static void send_one(const struct sockaddr_in *there, unsigned number)
{
    struct answer sent = {0}, answer;
    uint64_t began = counter();
    int file = open_socket();

    if (connect(file, (const struct sockaddr *)there, sizeof(*there)) != 0)
        fail("transfer: connect");
    for (unsigned i = 0; i < MEGABYTES; i++) {
        for (size_t word = 0; word < WORDS; word++)
            piece[word] = (uint32_t)(number + i * WORDS + word) * 2654435761u;
        write_whole(file, piece, sizeof(piece));
        sent.bytes += sizeof(piece);
        sent.sum = add_words(sent.sum, WORDS);
    }
    if (shutdown(file, SHUT_WR) != 0 || read_whole(file, &answer, sizeof(answer)) != sizeof(answer))
        fail("transfer: the answer");
    close(file);
    printf("transfer %u: %d MB, %s, %" PRIu64 " %" PRIu64 ";\n", number, MEGABYTES,
           memcmp(&sent, &answer, sizeof(sent)) == 0 ? "right" : "WRONG", began, counter());
}

int main(int count, char **words)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(words[1], "receive") == 0)
        receive();
    if (count != 3 || strcmp(words[1], "send") != 0 || inet_pton(AF_INET, words[2], &there.sin_addr) != 1) {
        (void)fprintf(stderr, "usage: transfer receive | transfer send ADDRESS\n");
        return 2;
    }
    for (unsigned number = 1;; number++)
        send_one(&there, number);
}
