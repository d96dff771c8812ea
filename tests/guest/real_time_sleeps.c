// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeps 200 times for 0 to 10 ms under SCHED_FIFO, and prints the mean and the largest lateness. Fails when
 * a sleep ends early.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { SLEEPS = 200 };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int main(void)
{
    struct sched_param parameters = {.sched_priority = 50};
    uint64_t random = 1;
    int64_t sum = 0, most = 0;

    sched_setscheduler(0, SCHED_FIFO, &parameters);
    for (int i = 0; i < SLEEPS; i++) {
        struct timespec length = {0};
        int64_t start, late;

        random = random * 6364136223846793005u + 1442695040888963407u;
        length.tv_nsec = (long)((random >> 33) % 10000000);
        start = now_ns();
        nanosleep(&length, NULL);
        late = now_ns() - start - length.tv_nsec;
        if (late < 0)
            return 1;
        sum += late;
        if (late > most)
            most = late;
    }
    printf("%d sleeps, late by %ld us, at most %ld us\n", SLEEPS, (long)(sum / SLEEPS / 1000),
           (long)(most / 1000));
    return 0;
}
