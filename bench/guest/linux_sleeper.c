/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sleeper [-f] [-e] SEED: 2,000 sleeps, uniform in 0 to 20 ms, with a little arithmetic between them.
 * sleeper [-f] [-e] -l MS...: sleeps of the given lengths.
 *
 * With -f it runs under SCHED_FIFO 50, else as it was started. With -e it makes an empty call after each
 * sleep, which shows what the system call and the readings of the clock take by themselves. The log is
 * sleeplog.h's.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "sleeplog.h"

#ifndef SLEEPS /* the build may set it */
#define SLEEPS 2000
#endif
#define LONGEST_NS 20000000u
#define PRIORITY   50
#define ARITHMETIC 1000 /* steps between two sleeps */

/* The 64-bit linear congruential generator of Knuth's MMIX; the upper bits are the good ones. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void compute(void)
{
    volatile double x = 1.0;

    for (int i = 0; i < ARITHMETIC; i++)
        x = x * 1.000001 + 0.5;
}

static bool with_empty;

static void sleep_for(uint64_t nanoseconds)
{
    struct timespec request = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                               .tv_nsec = (long)(nanoseconds % 1000000000u)};

    sleeplog_sleep(CLOCK_MONOTONIC, 0, &request, NULL);
    if (with_empty)
        sleeplog_empty();
}

static void sleep_at_random(uint64_t seed)
{
    uint64_t state = seed;

    for (int i = 0; i < SLEEPS; i++) {
        sleep_for(next_random(&state) % LONGEST_NS);
        compute();
    }
}

static void become_real_time(void)
{
    struct sched_param priority = {.sched_priority = PRIORITY};

    if (sched_setscheduler(0, SCHED_FIFO, &priority) == 0)
        return;
    perror("sleeper: SCHED_FIFO");
    exit(1);
}

int main(int count, char **words)
{
    bool listed = false;
    int option;

    while ((option = getopt(count, words, "fel")) > 0) {
        if (option == 'f')
            become_real_time();
        with_empty = with_empty || option == 'e';
        listed = listed || option == 'l';
        if (option == '?')
            return 2;
    }
    if (optind == count) {
        fprintf(stderr, "usage: sleeper [-f] [-e] SEED | sleeper [-f] [-e] -l MS...\n");
        return 2;
    }
    if (!listed)
        sleep_at_random(strtoull(words[optind], NULL, 10));
    for (int i = optind; listed && i < count; i++)
        sleep_for(strtoull(words[i], NULL, 10) * 1000000u);
    sleeplog_finish();
    return 0;
}
