// SPDX-License-Identifier: Apache-2.0
/*
 * victim PHASE_MS MAX_US: sleeps for 0 to MAX_US under SCHED_FIFO, again and again. A second process
 * computes, so that the guest never idles. After each whole phase of the counter it prints the line of
 * guest/bare/sleeper.c. A sleep is timed by two readings of the counter (CNTVCT_EL0) around the system call.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLEEPS_MAX 65536

static int64_t errors[SLEEPS_MAX];
static int64_t hz;

static int64_t counter(void)
{
    int64_t value;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;

    return (one > two) - (one < two);
}

static double in_ns(int64_t ticks)
{
    return (double)ticks * 1e9 / (double)hz;
}

static int64_t sleep_error(int64_t range)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    int64_t wanted = (int64_t)((state >> 33) % (uint64_t)range); /* ticks */
    struct timespec time = {.tv_nsec = (long)in_ns(wanted)};
    int64_t begin = counter();
    nanosleep(&time, NULL);
    return counter() - begin - wanted;
}

static void phase(int64_t length, int64_t range, const volatile uint64_t *worked)
{
    int64_t number = counter() / length, sum = 0;
    uint64_t worked_before = *worked;
    size_t count = 0, early = 0;

    while (counter() / length == number && count < SLEEPS_MAX)
        errors[count++] = sleep_error(range);
    uint64_t work = *worked - worked_before;
    qsort(errors, count, sizeof(errors[0]), compare);
    for (size_t i = 0; i < count; i++) {
        sum += errors[i];
        early += errors[i] < 0;
    }
    printf("phase %" PRId64 " n %zu min-ns %.3f mean-ns %.3f p50-ns %.3f p99-ns %.3f max-ns %.3f early %zu "
           "work %" PRIu64 "\n",
           number, count, in_ns(errors[0]), in_ns(sum) / (double)count, in_ns(errors[(count - 1) / 2]),
           in_ns(errors[(count * 99 + 99) / 100 - 1]), in_ns(errors[count - 1]), early, work);
    (void)fflush(stdout);
}

static void hog(volatile uint64_t *worked)
{
    for (;; (*worked)++)
        for (int i = 0; i < 1000; i++)
            __asm__ volatile("");
}

int main(int argc, char **argv)
{
    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    int64_t length = (argc > 1 ? atoll(argv[1]) : 1000) * hz / 1000;
    int64_t range = (argc > 2 ? atoll(argv[2]) : 5000) * hz / 1000000;
    uint64_t *worked = mmap(NULL, sizeof(*worked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (worked == MAP_FAILED)
        return 1;
    if (fork() == 0)
        hog(worked);
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50}) != 0)
        return 1;
    for (int64_t first = counter() / length; counter() / length == first;)
        (void)sleep_error(range);
    for (;;)
        phase(length, range, worked);
}
