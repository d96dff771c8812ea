/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads under SCHED_FIFO that each sleep until 20 ms from now, ROUNDS times: how late they wake.
 * Usage: sleepers THREADS ROUNDS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 16
#define SLEEP_US    20000

static int64_t late_us[THREADS_MAX];

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void *sleep_once(void *argument)
{
    int64_t until = now_us() + SLEEP_US;
    const struct timespec instant = {until / 1000000, until % 1000000 * 1000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, NULL); /* what comes before it counts not */
    *(int64_t *)argument = now_us() - until;
    return NULL;
}

int main(int count, char **arguments)
{
    const struct sched_param param = {50};
    int threads = count == 3 ? atoi(arguments[1]) : 0;
    int rounds = count == 3 ? atoi(arguments[2]) : 0;
    int64_t sum = 0, most = 0;

    if (threads < 1 || threads > THREADS_MAX || rounds < 1) {
        fprintf(stderr, "usage: sleepers THREADS ROUNDS\n");
        return 2;
    }
    if (sched_setscheduler(0, SCHED_FIFO, &param) != 0)
        perror("sleepers: sched_setscheduler");
    for (int round = 0; round < rounds; round++) {
        pthread_t ids[THREADS_MAX];

        for (int i = 0; i < threads; i++)
            if (pthread_create(&ids[i], NULL, sleep_once, &late_us[i]) != 0) {
                perror("sleepers: pthread_create");
                return 1;
            }
        for (int i = 0; i < threads; i++) {
            pthread_join(ids[i], NULL);
            sum += late_us[i];
            most = late_us[i] > most ? late_us[i] : most;
        }
    }
    printf("sleepers: %d threads, mean-us %lld max-us %lld\n", threads, (long long)(sum / (threads * rounds)),
           (long long)most);
    return 0;
}
