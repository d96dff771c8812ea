/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's stand-in for an architecture: a clock that only moves when told, and for each CPU a comparator
 * whose interrupt line can be read. Implements the timing half of base/arch.h, and assert_failed().
 */
#ifndef ARCH_FAKE_H
#define ARCH_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_CPUS 4

/* CPU 0, counter 0 at 62.5 MHz, comparators off, their writes counted from 0. */
void fake_reset(void);

void fake_set_cpu(unsigned index);
void fake_set_hz(uint64_t hz);

/* The clock never goes back. */
void fake_set_counter(uint64_t value);

/* What passes with each reading of the counter by arch_counter(), ticks; 0 after a reset. */
void fake_set_reading_cost(uint64_t ticks);

/* The clock, at no cost. */
uint64_t fake_counter(void);

/* Of the CPU set: what the comparator holds, UINT64_MAX when it is off; how often it was set or put off. */
uint64_t fake_comparator(void);
unsigned fake_comparator_writes(void);

/* The comparator's interrupt line. */
bool fake_interrupt_pending(void);

/* Calls call(argument); returns whether that ended in a failed ASSERT(). Any other failed ASSERT() aborts. */
bool fake_assert_fails(void (*call)(void *argument), void *argument);

#endif
