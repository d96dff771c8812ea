// SPDX-License-Identifier: Apache-2.0
/*
 * Where the clock of this guest's own traces has its zero, in Ontime's: both count the machine's counter, as
 * CNTVOFF_EL2 is 0 for all VMs, but Linux's CLOCK_MONOTONIC_RAW, ftrace's `mono_raw`, begins when its kernel
 * does.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"

enum { TRIES = 1000 };

#define NS 1000000000

static uint64_t counter(void)
{
    uint64_t now;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now) : : "memory");
    return now;
}

static int64_t counter_ns(uint64_t ticks)
{
    uint64_t hz;

    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    return (int64_t)(ticks / hz * NS + ticks % hz * NS / hz);
}

static int64_t raw_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

/* Of many readings of one between two of the other, that with the least time between. */
void print_clock(void)
{
    uint64_t least = UINT64_MAX;
    int64_t offset = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = counter();
        int64_t raw = raw_ns();
        uint64_t took = counter() - before;

        if (took < least) {
            least = took;
            offset = counter_ns(before + took / 2) - raw;
        }
    }
    printf("%" PRId64 "\n", offset);
}
