/* SPDX-License-Identifier: Apache-2.0 */
/* See fake.h. For a single host thread. */
#include "arch/fake/fake.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/arch.h"
#include "base/assert.h"
#include "base/limits.h"
#include "time/comparator.h"

struct comparator {
    bool on;
    uint64_t deadline;
    unsigned writes;
};

static unsigned cpu;
static uint64_t counter;
static uint64_t frequency;
static uint64_t reading_cost;
static struct comparator comparators[FAKE_CPUS];
static jmp_buf *assert_catcher;

void fake_reset(void)
{
    cpu = 0;
    counter = 0;
    frequency = 62500000;
    reading_cost = 0;
    for (unsigned i = 0; i < FAKE_CPUS; i++)
        comparators[i] = (struct comparator){0};
}

void fake_set_cpu(unsigned index)
{
    ASSERT(index < FAKE_CPUS);
    cpu = index;
}

void fake_set_hz(uint64_t hz)
{
    frequency = hz;
}

void fake_set_counter(uint64_t value)
{
    ASSERT(value >= counter);
    counter = value;
}

void fake_set_reading_cost(uint64_t ticks)
{
    reading_cost = ticks;
}

uint64_t fake_comparator(void)
{
    return comparators[cpu].on ? comparators[cpu].deadline : UINT64_MAX;
}

unsigned fake_comparator_writes(void)
{
    return comparators[cpu].writes;
}

bool fake_interrupt_pending(void)
{
    return comparators[cpu].on && counter >= comparators[cpu].deadline;
}

bool fake_assert_fails(void (*call)(void *argument), void *argument)
{
    jmp_buf catcher;

    assert_catcher = &catcher;
    if (setjmp(catcher) != 0) {
        assert_catcher = NULL;
        return true;
    }
    call(argument);
    assert_catcher = NULL;
    return false;
}

unsigned arch_cpu_index(void)
{
    return cpu;
}

uint32_t *arch_locks_held(void)
{
    static uint32_t held[MAX_CPUS];

    return &held[cpu];
}

uint64_t fake_counter(void)
{
    return counter;
}

uint64_t arch_counter(void)
{
    counter += reading_cost;
    return counter;
}

uint64_t arch_counter_hz(void)
{
    return frequency;
}

void arch_comparator_set(uint64_t deadline)
{
    comparators[cpu].on = deadline != UINT64_MAX;
    comparators[cpu].deadline = deadline;
    comparators[cpu].writes++;
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    if (assert_catcher != NULL)
        longjmp(*assert_catcher, 1);
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
