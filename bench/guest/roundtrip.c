/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roundtrip reply: sends each UDP packet back to where it came from.
 * roundtrip ask ADDRESS SEED: 2,000 times, sleeps for 0 to 20 ms, sends 64 bytes to ADDRESS and waits for the
 * reply.
 *
 * Both run under SCHED_FIFO 50. The log is sleeplog.h's. A round trip stands there as a sleep that began with
 * the sleep before it, and was requested to end when the request was sent: its error is the time from there
 * until this program has the reply.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sleeplog.h"

#define ROUNDS        2000
#define LONGEST_NS    20000000u
#define PRIORITY      50
#define PORT          7
#define BYTES         64
#define NS_PER_SECOND 1000000000u

struct message {
    uint32_t round;
    char rest[BYTES - sizeof(uint32_t)];
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* As in linux_sleeper.c. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static uint64_t counter_frequency(void)
{
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

static int open_socket(void)
{
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (file < 0)
        fail("roundtrip: a socket");
    return file;
}

static _Noreturn void reply(void)
{
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int file = open_socket();

    if (bind(file, (const struct sockaddr *)&here, sizeof(here)) != 0)
        fail("roundtrip: bind");
    for (;;) {
        struct message message;
        struct sockaddr_in from;
        socklen_t size = sizeof(from);

        if (recvfrom(file, &message, sizeof(message), 0, (struct sockaddr *)&from, &size) != sizeof(message))
            fail("roundtrip: recvfrom");
        if (sendto(file, &message, sizeof(message), 0, (struct sockaddr *)&from, size) != sizeof(message))
            fail("roundtrip: sendto");
    }
}

static void sleep_ns(uint32_t ns)
{
    const struct timespec request = {.tv_nsec = ns};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &request, NULL);
}

static void ask_once(int file, uint32_t round)
{
    struct message sent = {.round = round}, received;

    if (send(file, &sent, sizeof(sent), 0) != sizeof(sent))
        fail("roundtrip: send");
    if (recv(file, &received, sizeof(received), 0) != sizeof(received))
        fail("roundtrip: recv");
    if (received.round == round)
        return;
    (void)fprintf(stderr, "roundtrip: a reply to request %u, not %u\n", received.round, round);
    exit(1);
}

static void ask(const char *address, uint64_t seed)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    uint64_t hz = counter_frequency();
    int file = open_socket();

    if (inet_pton(AF_INET, address, &there.sin_addr) != 1 ||
        connect(file, (const struct sockaddr *)&there, sizeof(there)) != 0)
        fail("roundtrip: connect");
    ask_once(file, ROUNDS); /* the addresses of the cards are known after it */
    sleeplog_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t start = sleeplog_counter();
        uint64_t sent;

        sleep_ns(next_random(&seed) % LONGEST_NS);
        sent = sleeplog_counter();
        ask_once(file, round);
        sleeplog_add((sent - start) * NS_PER_SECOND / hz, start, sleeplog_counter());
    }
    sleeplog_finish();
}

int main(int count, char **words)
{
    const struct sched_param priority = {.sched_priority = PRIORITY};

    if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
        fail("roundtrip: SCHED_FIFO");
    if (count == 2 && strcmp(words[1], "reply") == 0)
        reply();
    if (count != 4 || strcmp(words[1], "ask") != 0) {
        (void)fprintf(stderr, "usage: roundtrip reply | roundtrip ask ADDRESS SEED\n");
        return 2;
    }
    ask(words[2], strtoull(words[3], NULL, 10));
    return 0;
}
