/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sleeper SEED: 2,000 sleeps, uniform in 0 to 20 ms, with a little arithmetic between them.
 * sleeper -l MS...: sleeps of the given lengths.
 *
 * Under SCHED_FIFO 50, and logged as sleeplog.h says.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sleeplog.h"

#define SLEEPS     2000
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

static void sleep_for(uint64_t nanoseconds)
{
    struct timespec request = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                               .tv_nsec = (long)(nanoseconds % 1000000000u)};

    sleeplog_sleep(CLOCK_MONOTONIC, 0, &request, NULL);
}

static void sleep_at_random(uint64_t seed)
{
    uint64_t state = seed;

    for (int i = 0; i < SLEEPS; i++) {
        sleep_for(next_random(&state) % LONGEST_NS);
        compute();
    }
}

int main(int count, char **words)
{
    struct sched_param priority = {.sched_priority = PRIORITY};
    bool listed = count > 2 && !strcmp(words[1], "-l");

    if (count != 2 && !listed) {
        fprintf(stderr, "usage: sleeper SEED | sleeper -l MS...\n");
        return 2;
    }
    if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0) {
        perror("sleeper: SCHED_FIFO");
        return 1;
    }
    if (!listed)
        sleep_at_random(strtoull(words[1], NULL, 10));
    for (int i = 2; i < count; i++)
        sleep_for(strtoull(words[i], NULL, 10) * 1000000u);
    sleeplog_finish();
    return 0;
}
