/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of a process's sleeps, requested and actual. It is kept in memory and written when the process exits.
 *
 * The preloaded shim (preload.c) and the sleeper use it. A sleep's time is that between two readings of the
 * virtual counter around the system call, in the process itself. Where /dev/ontime can be opened, mark M is
 * placed before the first sleep and mark M + 1 at exit (M: environment variable SLEEPLOG_MARK, 1 when unset).
 * Elsewhere the same code runs and places none.
 */
#ifndef SLEEPLOG_H
#define SLEEPLOG_H

#include <stdint.h>
#include <time.h>

/* clock_nanosleep(), logged. Returns 0 or a positive error number. */
int sleeplog_sleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *remain);

/* Times, in the same way, a clock_nanosleep() that the kernel refuses: an empty call. */
void sleeplog_empty(void);

/* For waits that are made otherwise: the counter, and an entry for a wait that lasted from one reading to
 * another. */
uint64_t sleeplog_counter(void);
void sleeplog_add(uint64_t requested_ns, uint64_t start, uint64_t end);

/* Place the first and the second mark now, unless it has been placed. */
void sleeplog_begin(void);
void sleeplog_end(void);

/* Notes that a frame has been shown now. */
void sleeplog_frame_shown(void);

/* Places the second mark and writes the log to the file that SLEEPLOG names, or to standard output. */
void sleeplog_finish(void);

#endif
