/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that describe a run's sleeps. An error is actual minus requested time. */
#ifndef ANALYSE_SUMMARY_H
#define ANALYSE_SUMMARY_H

#include "analyse/log.h"

#define BANDS    10 /* of 5 ms each; the last takes what is longer */
#define BAND_NS  5000000u
#define LATE_NS  5000000 /* a frame shown later than this after its time is late */
#define BOUND_NS 2000000 /* "within 2 ms" */

struct summary {
    size_t n;
    double mean_us, min_us, p50_us, p90_us, p99_us, p999_us, max_us;
    double within_2ms;   /* share of the sleeps, 0 to 1 */
    double bands[BANDS]; /* share of the requests, 0 to 1 */
    double awake;        /* share of the time from the first sleep to the last that was not slept */
    double seconds;      /* that time */
};

/* The errors of all sleeps in rising order, ns, to be freed by the caller; `n` is set to their number. */
int64_t *sorted_errors(const struct log *log, size_t *n);

struct summary summarise(const struct log *log);
/* Of one series: its errors only. */
struct summary summarise_series(const struct series *series);
/* Of the empty sleeps; `n` is 0 when there are none. */
struct summary summarise_empties(const struct log *log);

int64_t sleep_error_ns(const struct series *series, const struct sleep *sleep);
int64_t ticks_to_ns(const struct series *series, uint64_t ticks);

/*
 * Frames shown more than LATE_NS after their time. The player sleeps until a frame's time. A frame without a
 * sleep before it was due one frame's time after the last.
 */
unsigned count_late_frames(const struct series *series);

#endif
