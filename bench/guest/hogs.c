/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hog of a guest with several CPUs: on each a thread that multiplies 64x64 matrices of doubles for ever,
 * as matmul.c does. Once a second by the virtual counter the first prints how many products all have made,
 * and when: `matmul COUNT CNTVCT;`.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N        64
#define MAX_CPUS 64
#define LINE     64 /* bytes of a cache line */

struct hog {
    _Alignas(LINE) double a[N][N];
    double b[N][N], c[N][N];
    int cpu;
    _Alignas(LINE) atomic_ulong count;
};

static struct hog hogs[MAX_CPUS];
static int cpu_count;

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static uint64_t counter_frequency(void)
{
    uint64_t value;

    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

static void multiply(struct hog *hog)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;

            for (int k = 0; k < N; k++)
                sum += hog->a[i][k] * hog->b[k][j];
            hog->c[i][j] = sum;
        }
    __asm__ volatile("" ::"r"(hog) : "memory"); /* the compiler must not drop a product that nobody reads */
}

static void report(uint64_t now)
{
    uint64_t count = 0;

    for (int i = 0; i < cpu_count; i++)
        count += atomic_load_explicit(&hogs[i].count, memory_order_relaxed);
    printf("matmul %" PRIu64 " %" PRIu64 ";\n", count, now);
    (void)fflush(stdout);
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == 0)
        return;
    perror("hogs: sched_setaffinity");
    exit(1);
}

static _Noreturn void run(struct hog *hog)
{
    uint64_t second = counter_frequency();
    uint64_t next = counter();

    stay_on(hog->cpu);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            hog->a[i][j] = i + j;
            hog->b[i][j] = i - j;
        }
    for (;;) {
        uint64_t now = counter();

        if (hog->cpu == 0 && now >= next) {
            report(now);
            next += second;
        }
        multiply(hog);
        atomic_fetch_add_explicit(&hog->count, 1, memory_order_relaxed);
    }
}

static void *run_thread(void *hog)
{
    run(hog);
}

int main(void)
{
    pthread_t thread;

    cpu_count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (cpu_count > MAX_CPUS)
        cpu_count = MAX_CPUS;
    for (int cpu = 0; cpu < cpu_count; cpu++)
        hogs[cpu].cpu = cpu;
    for (int cpu = 1; cpu < cpu_count; cpu++)
        if (pthread_create(&thread, NULL, run_thread, &hogs[cpu]) != 0) {
            (void)fprintf(stderr, "hogs: no thread for CPU %d\n", cpu);
            return 1;
        }
    run(&hogs[0]);
}
