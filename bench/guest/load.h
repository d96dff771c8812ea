/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads that a user brings, each called a part: `load PART LENGTH` makes one of them, LENGTH times as
 * long as by default, and writes to standard output
 *
 *   part NAME kind=K demand_ppm=D period_ns=P begin=B end=E;
 *
 * and sleeplog.h's log. K says what the log's errors are: `lateness`, of a wake-up or, where work is handed
 * over, of the work's end; or `response`, from a requested wake-up to the end of the work that follows it. D
 * is the part of the core that the work after the wake-ups takes where each is on time, P the time between
 * two wake-ups where that is fixed, else 0. From B to E, in ticks of CNTVCT_EL0, the load ran.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

/* A result of a system call; negative ends the program, saying what failed. */
long need(long result, const char *what);

/* Uniform in 0 to `below`. The numbers are the same in each run. */
uint64_t random_below(uint64_t below);

/* CLOCK_MONOTONIC. */
uint64_t monotonic_ns(void);
struct timespec timespec_of(uint64_t nanoseconds);

/*
 * Waits for times in the way of that name, and logs how late the process went on. False when there is none.
 * Sets `period_ns`, which is 0 when the way is not periodic.
 */
bool waits_run(const char *name, unsigned count, uint64_t *period_ns);

#endif
