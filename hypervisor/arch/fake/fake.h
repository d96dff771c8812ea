/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's stand-in for an architecture: a clock that only moves when told, and for each CPU a comparator
 * whose interrupt line can be read. Of base/arch.h it implements the counter and the CPU's index; also
 * time/comparator.h and assert_failed().
 */
#ifndef ARCH_FAKE_H
#define ARCH_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_CPUS 9 /* one more than a GICv2 has room for */

/*
 * Back to CPU 0, counter 0 at 62.5 MHz, readings that cost nothing, comparators off and their writes counted
 * from 0.
 */
void fake_reset(void);

/* Chooses the calling CPU, 0 to FAKE_CPUS - 1. */
void fake_set_cpu(unsigned index);
void fake_set_hz(uint64_t hz);

/* Moves the clock, which never goes back. */
void fake_set_counter(uint64_t value);

/* How many ticks pass with each reading by arch_counter(); 0 after a reset. */
void fake_set_reading_cost(uint64_t ticks);

/* The clock, without the cost of a reading. */
uint64_t fake_counter(void);

/*
 * Of the CPU that was chosen: what its comparator holds, UINT64_MAX when it is off; and how often it was set
 * or put off.
 */
uint64_t fake_comparator(void);
unsigned fake_comparator_writes(void);

/* Is the interrupt of that CPU's comparator pending? */
bool fake_interrupt_pending(void);

/*
 * Calls call(argument), and returns whether an ASSERT() failed in it. Outside of this, one that fails aborts.
 */
bool fake_assert_fails(void (*call)(void *argument), void *argument);

#endif
