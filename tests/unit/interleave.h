/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several cores on one host thread, in an order that a seed draws: each core is a coroutine, and may be left
 * before each atomic access (interleaved_atomics.h) and wherever the test calls interleave_point(). A seed
 * gives the same order each time. Accesses take effect in the order in which they are made: what a weaker
 * memory order would allow besides is not seen here.
 *
 * SEED=17 in the environment makes interleave_seeds() run that seed alone, and interleave_note() print.
 */
#ifndef TESTS_INTERLEAVE_H
#define TESTS_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>
#include "random.h"

#define INTERLEAVE_CORES 4

/* Of the current run, for what else is random in it. */
extern struct random interleave_random;

/* Calls run(seed) for the seeds 1 to `count`, or for SEED. One that fails is named. */
void interleave_seeds(unsigned count, void (*run)(uint64_t seed));

/* Calls body(0) to body(count - 1), each on a core of its own, and returns when all of them have. */
void interleave_run(unsigned count, void (*body)(unsigned core));

/* Which core is this? Outside of interleave_run(): what the test has chosen. */
unsigned interleave_core(void);
void interleave_choose(unsigned core);

/* Another core may go on here. Outside of interleave_run() nothing happens. */
void interleave_point(void);

/* While a test holds them, accesses are no points: it looks at what they would change. */
void interleave_hold(bool hold);

/*
 * Calls call(argument) once, just before the atomic access number `when` from now on, the next one being 0.
 * Accesses in `call` are not counted. interleave_called() says whether that has come.
 */
void interleave_at(unsigned when, void (*call)(void *argument), void *argument);
bool interleave_called(void);

/* What happens, for whoever looks at one seed. */
void interleave_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
