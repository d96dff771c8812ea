// SPDX-License-Identifier: Apache-2.0
/*
 * hand_over WAY [COUNT [WORK_US [MOST_US]]]: sleeps COUNT times (200) for 0 to 10 ms under SCHED_FIFO, does
 * WORK_US us (0) of work after each sleep, and prints how much later than the requested instant and that work
 * it was finished: the mean and the largest, in us. The work is done
 *
 *   alone     by the sleeper
 *   other     the same, under SCHED_OTHER
 *   thread    by a thread that the sleeper wakes and waits for
 *   pipe      by two processes, half each: the sleeper writes to a pipe, and reads from one at the other end
 *   uring     by the sleeper, which sleeps by an io_uring timeout
 *   periodic  by the sleeper, which waits for a timerfd that expires each 10 ms
 *
 * and, in ways that the module does not follow,
 *
 *   tcp       as pipe, by TCP connections of the loopback device
 *   wheel     by the sleeper, which waits for 12 ms at a time by the kernel's timer wheel (SO_RCVTIMEO)
 *
 * Fails when a sleep ends early, or when work is finished more than MOST_US us late.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "uring.h"

enum { MICROSECOND = 1000, LONGEST = 10000 * MICROSECOND, SECOND = 1000000000 };

static int64_t work_ns;

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * (int64_t)SECOND + time.tv_nsec;
}

/* Computes for so long as `ns` take without losing the CPU: for as many steps as that was when it began. */
static volatile uint64_t steps;
static double steps_per_ns;

__attribute__((noinline)) static void step(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        steps++;
}

static void compute(int64_t ns)
{
    step((uint64_t)((double)ns * steps_per_ns));
}

static void calibrate(void)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 50; i++) {
        int64_t start = now(), took;

        step(20000);
        took = now() - start;
        best = took < best ? took : best;
    }
    steps_per_ns = 20000.0 / (double)best;
}

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static void sleep_until(int64_t end)
{
    struct timespec time = {.tv_sec = end / SECOND, .tv_nsec = end % SECOND};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void work_alone(void)
{
    compute(work_ns);
}

static sem_t request, reply;

static void *help(void *unused)
{
    (void)unused;
    for (;;) {
        sem_wait(&request);
        compute(work_ns);
        sem_post(&reply);
    }
    return NULL;
}

static void begin_thread(void)
{
    pthread_t thread;

    sem_init(&request, 0, 0);
    sem_init(&reply, 0, 0);
    if (pthread_create(&thread, NULL, help, NULL))
        fail("pthread_create");
}

static void work_by_thread(void)
{
    sem_post(&request);
    sem_wait(&reply);
}

static int line[3][2];

static void start_process(int from, int to)
{
    char byte;

    if (fork())
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(from, &byte, 1) == 1) {
        compute(work_ns / 2);
        if (write(to, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

/* Connects line[i][1] to line[i][0]. */
static void connect_by_tcp(int i)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int now_on = 1;

    line[i][1] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        connect(line[i][1], (struct sockaddr *)&address, length))
        fail("tcp");
    setsockopt(line[i][1], IPPROTO_TCP, TCP_NODELAY, &now_on, sizeof(now_on));
    line[i][0] = accept(listener, NULL, NULL);
    close(listener);
}

static void begin_tcp(void)
{
    for (int i = 0; i < 3; i++)
        connect_by_tcp(i);
    start_process(line[0][0], line[1][1]);
    start_process(line[1][0], line[2][1]);
}

static void begin_pipe(void)
{
    for (int i = 0; i < 3; i++)
        if (pipe(line[i]))
            fail("pipe");
    start_process(line[0][0], line[1][1]);
    start_process(line[1][0], line[2][1]);
}

static void work_by_pipe(void)
{
    char byte = 'x';

    if (write(line[0][1], &byte, 1) != 1 || read(line[2][0], &byte, 1) != 1)
        fail("pipe");
}

static void sleep_uring_until(int64_t end)
{
    int64_t left = end - now();

    if (left > 0)
        uring_timeout(left);
}

static int timer;

static void begin_timer(void)
{
    struct itimerspec setting = {.it_value.tv_nsec = LONGEST, .it_interval.tv_nsec = LONGEST};

    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (timer < 0 || timerfd_settime(timer, 0, &setting, NULL))
        fail("timerfd");
}

static int64_t next_period(int64_t last, int64_t begin)
{
    uint64_t expiries;

    if (read(timer, &expiries, sizeof(expiries)) != sizeof(expiries))
        fail("timerfd");
    return last ? last + (int64_t)expiries * LONGEST : begin + LONGEST;
}

enum { WHEEL_US = 12000 };

static void begin_wheel(void)
{
    struct timeval timeout = {.tv_usec = WHEEL_US};

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, line[0]) ||
        setsockopt(line[0][0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
        fail("socketpair");
}

static int64_t next_timeout(void)
{
    int64_t end = now() + (int64_t)WHEEL_US * MICROSECOND;
    char byte;

    if (recv(line[0][0], &byte, 1, 0) != -1)
        fail("recv");
    return end;
}

static void no_preparation(void)
{
}

static const struct {
    const char *name;
    void (*begin)(void);
    void (*sleep)(int64_t end);
    void (*work)(void);
} ways[] = {
    {"alone", no_preparation, sleep_until, work_alone},
    {"other", no_preparation, sleep_until, work_alone},
    {"thread", begin_thread, sleep_until, work_by_thread},
    {"pipe", begin_pipe, sleep_until, work_by_pipe},
    {"uring", no_preparation, sleep_uring_until, work_alone},
    {"periodic", begin_timer, NULL, work_alone},
    {"tcp", begin_tcp, sleep_until, work_by_pipe},
    {"wheel", begin_wheel, NULL, work_alone},
};

static size_t way_named(const char *name)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (!strcmp(ways[i].name, name))
            return i;
    fprintf(stderr, "no such way: %s\n", name);
    exit(2);
}

int main(int words, char **word)
{
    struct sched_param parameters = {.sched_priority = 50};
    size_t way = way_named(words > 1 ? word[1] : "alone");
    int count = words > 2 ? atoi(word[2]) : 200;
    uint64_t random = 1;
    int64_t sum = 0, most = 0, end = 0, begin;

    work_ns = (words > 3 ? atoi(word[3]) : 0) * (int64_t)MICROSECOND;
    sched_setscheduler(0, SCHED_FIFO, &parameters);
    calibrate();
    if (!strcmp(word[1], "other")) {
        parameters.sched_priority = 0;
        sched_setscheduler(0, SCHED_OTHER, &parameters);
    }
    begin = now();
    ways[way].begin();
    for (int i = 0; i < count; i++) {
        int64_t late;

        random = random * 6364136223846793005u + 1442695040888963407u;
        if (ways[way].sleep) {
            end = now() + (int64_t)((random >> 33) % LONGEST);
            ways[way].sleep(end);
        } else {
            end = ways[way].begin == begin_wheel ? next_timeout() : next_period(end, begin);
        }
        if (ways[way].sleep && now() < end)
            return 1;
        ways[way].work();
        late = now() - end - work_ns;
        sum += late;
        most = late > most ? late : most;
    }
    printf("%s, %d of %ld us: late by %ld us, at most %ld us\n", ways[way].name, count,
           (long)(work_ns / MICROSECOND), (long)(sum / count / MICROSECOND), (long)(most / MICROSECOND));
    return words > 4 && most > atoi(word[4]) * (int64_t)MICROSECOND;
}
