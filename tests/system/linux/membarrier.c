/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to call another CPU that computes: the time of membarrier() beside a thread that spins there.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS 40

static atomic_bool up, stop;

static void run_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        perror("membarrier: sched_setaffinity");
}

static void *spin(void *unused)
{
    (void)unused;
    run_on(1);
    atomic_store(&up, true);
    while (!atomic_load(&stop))
        ;
    return NULL;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int main(void)
{
    pthread_t thread;
    int64_t sum = 0, most = 0;

    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) != 0 ||
        pthread_create(&thread, NULL, spin, NULL) != 0) {
        perror("membarrier");
        return 1;
    }
    run_on(0);
    while (!atomic_load(&up))
        sched_yield();
    for (unsigned i = 0; i < CALLS; i++) {
        int64_t begin = now_ns();

        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
        begin = now_ns() - begin;
        sum += begin;
        most = begin > most ? begin : most;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    printf("membarrier: mean-us %.1f max-us %.1f\n", (double)sum / CALLS / 1000, (double)most / 1000);
    return 0;
}
