/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings [-s SPI] SEED: reads the rings of a doorbell at /dev/uio0, 2,000 of them, each 0 to 20 ms after the
 * last one was read. It runs under SCHED_FIFO 50 on CPU 0.
 *
 * Under Ontime the doorbell is a link's (guest/linux/ontime_link.c), and guest/bare/ringer.c rings. On bare
 * metal it is that interrupt of the GIC (ring_module/ring.c), and a thread of this program rings, on CPU 1.
 *
 * The log is sleeplog.h's. A ring stands there as a sleep that began when the one before had been read, and
 * was requested to end when the doorbell was rung: its error is the time from the ring until this program has
 * read() behind it. Both sides read the same counter: Ontime gives all guests the machine's.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ontime/link.h"
#include "ringer.h"
#include "sleeplog.h"

#define RINGS         2000
#define PRIORITY      50
#define PAGE          4096
#define GICD_ISPENDR  0x200
#define NS_PER_SECOND 1000000000u

static int file;
static volatile uint32_t *doorbell; /* a store of `value` rings it */
static uint32_t value;
static volatile struct ringer_memory own, *memory = &own;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        fail("rings: sched_setaffinity");
}

static uint64_t counter_frequency(void)
{
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

static void *map(int number)
{
    void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)number * PAGE);

    if (at == MAP_FAILED)
        fail("rings: mmap");
    return at;
}

static void ring(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
    *doorbell = value;
}

static void sleep_ns(uint32_t ns)
{
    const struct timespec request = {.tv_nsec = ns};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &request, NULL);
}

/* As guest/bare/ringer.c does. */
static void *ring_series(void *unused)
{
    uint64_t state = memory->seed;

    stay_on(1);
    for (uint32_t n = 0; n < RINGS; n++) {
        while (memory->read != n)
            sleep_ns(RINGER_LOOK_US * 1000);
        sleep_ns(ringer_random_ns(&state));
        memory->stamp = sleeplog_counter();
        __atomic_store_n(&memory->rung, n + 1, __ATOMIC_RELEASE);
        ring();
    }
    return unused;
}

/* Ends when ring number n has come. Another interrupt is that of the other end's VM, which has started. */
static void wait_for_ring(uint32_t n)
{
    const uint32_t on = 1;
    uint32_t count;

    do {
        if (write(file, &on, sizeof(on)) != sizeof(on) || read(file, &count, sizeof(count)) != sizeof(count))
            fail("rings: /dev/uio0");
    } while (__atomic_load_n(&memory->rung, __ATOMIC_ACQUIRE) != n);
}

static void read_rings(void)
{
    uint64_t hz = counter_frequency();

    for (uint32_t n = 1; n <= RINGS; n++) {
        uint64_t start = sleeplog_counter();
        uint64_t end;

        memory->read = n - 1;
        wait_for_ring(n);
        end = sleeplog_counter();
        sleeplog_add((memory->stamp - start) * NS_PER_SECOND / hz, start, end);
    }
}

static void begin(uint32_t seed)
{
    memory->read = RINGS; /* before the first is waited for */
    memory->rung = 0;
    memory->rings = RINGS;
    __asm__ volatile("dsb sy" ::: "memory");
    memory->seed = seed;
}

static void open_link(void)
{
    doorbell = (volatile uint32_t *)map(0) + ONTIME_LINK_RING / 4;
    value = 1;
    memory = map(1);
}

static void open_distributor(uint32_t spi)
{
    doorbell = (volatile uint32_t *)map(0) + GICD_ISPENDR / 4 + spi / 32;
    value = 1u << spi % 32;
}

int main(int count, char **words)
{
    const struct sched_param priority = {.sched_priority = PRIORITY};
    uint32_t spi = 0;
    pthread_t thread;

    if (getopt(count, words, "s:") == 's')
        spi = (uint32_t)strtoul(optarg, NULL, 10);
    if (optind != count - 1) {
        (void)fprintf(stderr, "usage: rings [-s SPI] SEED\n");
        return 2;
    }
    stay_on(0);
    if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
        fail("rings: SCHED_FIFO");
    file = open("/dev/uio0", O_RDWR | O_SYNC);
    if (file < 0)
        fail("rings: /dev/uio0");
    if (spi)
        open_distributor(spi);
    else
        open_link();
    begin((uint32_t)strtoul(words[optind], NULL, 10));
    sleeplog_begin();
    if (!spi)
        ring();
    else if (pthread_create(&thread, NULL, ring_series, NULL) != 0)
        fail("rings: no thread");
    read_rings();
    sleeplog_finish();
    return 0;
}
