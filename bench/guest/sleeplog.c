/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sleeplog.h. The log is lines of text. Each ends in a semicolon, by which a reader knows a whole line
 * from one that a console has broken in two:
 *
 *   sleeplog begin hz=H slack_ns=S policy=P priority=Q;
 *   sleep REQUESTED_NS START END;     START and END in ticks of CNTVCT_EL0
 *   empty START END;                  the same around a call that the kernel refuses
 *   shown TIME;                       a frame was shown, ticks of CNTVCT_EL0
 *   sleeplog end sleeps=N shown=N dropped=N;    empty ones are not counted
 *
 * Several threads may sleep: each takes its place in the log by an atomic counter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ontime_ioctl.h"
#include "sleeplog.h"

#define CAPACITY 65536

struct sleep {
    uint64_t requested_ns, start, end;
};

static struct sleep sleeps[CAPACITY];
static struct sleep empties[CAPACITY];
static uint64_t shown[CAPACITY];
static atomic_uint sleep_count, empty_count, shown_count;

static atomic_bool begun, ended;

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static uint64_t counter_frequency(void)
{
    uint64_t value;

    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static void place_mark(unsigned which)
{
    const char *first = getenv("SLEEPLOG_MARK");
    unsigned long number = (first ? strtoul(first, NULL, 10) : 1) + which;
    int device = open(ONTIME_DEVICE, O_RDONLY | O_CLOEXEC);

    if (device < 0)
        return;
    if (ioctl(device, ONTIME_IOC_MARK, number) < 0)
        perror("sleeplog: mark");
    close(device);
}

/* The length of the sleep that is asked for, also when the request names an absolute time. */
static uint64_t requested_ns(clockid_t clock, int flags, const struct timespec *request)
{
    struct timespec now;
    uint64_t until = nanoseconds(request);

    if (!(flags & TIMER_ABSTIME))
        return until;
    clock_gettime(clock, &now);
    return until > nanoseconds(&now) ? until - nanoseconds(&now) : 0;
}

static long timed_sleep(struct sleep *sleep, clockid_t clock, int flags, const struct timespec *request,
                        struct timespec *remain)
{
    long result;

    sleep->start = counter();
    result = syscall(SYS_clock_nanosleep, clock, flags, request, remain);
    sleep->end = counter();
    return result;
}

uint64_t sleeplog_counter(void)
{
    return counter();
}

void sleeplog_begin(void)
{
    if (!atomic_exchange(&begun, true))
        place_mark(0);
}

void sleeplog_end(void)
{
    if (!atomic_exchange(&ended, true))
        place_mark(1);
}

void sleeplog_add(uint64_t requested, uint64_t start, uint64_t end)
{
    unsigned place = atomic_fetch_add(&sleep_count, 1);

    if (place < CAPACITY)
        sleeps[place] = (struct sleep){requested, start, end};
}

int sleeplog_sleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *remain)
{
    unsigned place = atomic_fetch_add(&sleep_count, 1);
    struct sleep sleep;
    long result;

    sleeplog_begin();
    sleep.requested_ns = requested_ns(clock, flags, request);
    result = timed_sleep(&sleep, clock, flags, request, remain);
    if (place < CAPACITY)
        sleeps[place] = sleep;
    return result < 0 ? errno : 0;
}

void sleeplog_empty(void)
{
    const struct timespec invalid = {.tv_nsec = -1};
    unsigned place = atomic_fetch_add(&empty_count, 1);
    struct sleep sleep = {0};

    timed_sleep(&sleep, CLOCK_MONOTONIC, 0, &invalid, NULL);
    if (place < CAPACITY)
        empties[place] = sleep;
}

void sleeplog_frame_shown(void)
{
    unsigned place = atomic_fetch_add(&shown_count, 1);

    if (place < CAPACITY)
        shown[place] = counter();
}

static unsigned kept(unsigned count)
{
    return count < CAPACITY ? count : CAPACITY;
}

static void write_log(FILE *out, unsigned slept, unsigned showed)
{
    struct sched_param priority = {0};

    sched_getparam(0, &priority);
    fprintf(out, "sleeplog begin hz=%" PRIu64 " slack_ns=%d policy=%d priority=%d;\n", counter_frequency(),
            prctl(PR_GET_TIMERSLACK), sched_getscheduler(0), priority.sched_priority);
    for (unsigned i = 0; i < kept(slept); i++)
        fprintf(out, "sleep %" PRIu64 " %" PRIu64 " %" PRIu64 ";\n", sleeps[i].requested_ns, sleeps[i].start,
                sleeps[i].end);
    for (unsigned i = 0; i < kept(atomic_load(&empty_count)); i++)
        fprintf(out, "empty %" PRIu64 " %" PRIu64 ";\n", empties[i].start, empties[i].end);
    for (unsigned i = 0; i < kept(showed); i++)
        fprintf(out, "shown %" PRIu64 ";\n", shown[i]);
    fprintf(out, "sleeplog end sleeps=%u shown=%u dropped=%u;\n", kept(slept), kept(showed),
            slept - kept(slept) + showed - kept(showed));
}

void sleeplog_finish(void)
{
    unsigned slept = atomic_load(&sleep_count);
    unsigned showed = atomic_load(&shown_count);
    const char *path = getenv("SLEEPLOG");
    FILE *out;

    if (slept == 0)
        return;
    sleeplog_end();
    out = path ? fopen(path, "w") : stdout;
    if (!out) {
        perror(path);
        return;
    }
    write_log(out, slept, showed);
    if (out != stdout)
        fclose(out);
}
