// SPDX-License-Identifier: Apache-2.0
/*
 * never_early COUNT MAX_US: sleeps COUNT times for 0 to MAX_US. Fails when a sleep ends early by
 * CLOCK_MONOTONIC.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1000;
    int64_t range = argc > 2 ? atoll(argv[2]) * 1000 : 20000000;
    int64_t sum = 0, max = 0;
    uint64_t state = 1;
    int early = 0;

    for (int i = 0; i < count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t wanted = (int64_t)((state >> 33) % (uint64_t)range);
        int64_t begin = now_ns();
        nanosleep(&(struct timespec){.tv_nsec = wanted}, NULL);
        int64_t late = now_ns() - begin - wanted;
        early += late < 0;
        sum += late;
        max = late > max ? late : max;
    }
    printf("sleeps: count %d early %d mean-us %lld max-us %lld\n", count, early,
           (long long)(sum / count / 1000), (long long)(max / 1000));
    return early != 0;
}
