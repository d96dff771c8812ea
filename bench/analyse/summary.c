/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/summary.h"
#include <math.h>
#include <stdlib.h>
#include "analyse/util.h"

int64_t ticks_to_ns(const struct series *series, uint64_t ticks)
{
    return (int64_t)llround((double)ticks * 1e9 / (double)series->hz);
}

int64_t sleep_error_ns(const struct series *series, const struct sleep *sleep)
{
    return ticks_to_ns(series, sleep->end - sleep->start) - (int64_t)sleep->requested_ns;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The least error that is not exceeded by this share of all. */
static double percentile_us(const int64_t *sorted, size_t n, double share)
{
    size_t rank = (size_t)ceil(share * (double)n);

    return (double)sorted[rank ? rank - 1 : 0] / 1e3;
}

static int64_t *errors_of_series(const struct series *series, int64_t *errors, size_t *n)
{
    for (size_t i = 0; i < series->count; i++) {
        errors = grow(errors, *n, sizeof(*errors));
        errors[(*n)++] = sleep_error_ns(series, &series->sleeps[i]);
    }
    return errors;
}

int64_t *sorted_errors(const struct log *log, size_t *n)
{
    int64_t *errors = NULL;

    *n = 0;
    for (size_t s = 0; s < log->series_count; s++)
        errors = errors_of_series(&log->series[s], errors, n);
    if (!errors)
        die("no sleep was logged");
    qsort(errors, *n, sizeof(*errors), compare);
    return errors;
}

static void describe_errors(struct summary *summary, const int64_t *sorted, size_t n)
{
    double sum = 0;
    size_t within = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)sorted[i];
        within += sorted[i] <= BOUND_NS;
    }
    summary->n = n;
    summary->mean_us = sum / (double)n / 1e3;
    summary->min_us = (double)sorted[0] / 1e3;
    summary->p50_us = percentile_us(sorted, n, 0.50);
    summary->p90_us = percentile_us(sorted, n, 0.90);
    summary->p99_us = percentile_us(sorted, n, 0.99);
    summary->p999_us = percentile_us(sorted, n, 0.999);
    summary->max_us = (double)sorted[n - 1] / 1e3;
    summary->within_2ms = (double)within / (double)n;
}

struct summary summarise(const struct log *log)
{
    struct summary summary = {0};
    size_t n;
    int64_t *errors = sorted_errors(log, &n);
    double slept = 0, total = 0;

    for (size_t s = 0; s < log->series_count; s++) {
        const struct series *series = &log->series[s];

        if (!series->count)
            continue;
        for (size_t i = 0; i < series->count; i++) {
            const struct sleep *sleep = &series->sleeps[i];
            uint64_t band = sleep->requested_ns / BAND_NS;

            summary.bands[band < BANDS ? band : BANDS - 1]++;
            slept += (double)(sleep->end - sleep->start);
        }
        if (series->part.name[0])
            total += (double)(series->part.end - series->part.begin);
        else
            total += (double)(series->sleeps[series->count - 1].end - series->sleeps[0].start);
    }
    describe_errors(&summary, errors, n);
    for (unsigned i = 0; i < BANDS; i++)
        summary.bands[i] /= (double)n;
    summary.awake = 1 - slept / total;
    summary.seconds = total / (double)log->series[0].hz;
    free(errors);
    return summary;
}

struct summary summarise_series(const struct series *series)
{
    struct summary summary = {0};
    int64_t *errors;
    size_t n = 0;

    errors = errors_of_series(series, NULL, &n);
    if (!errors)
        die("no sleep was logged");
    qsort(errors, n, sizeof(*errors), compare);
    describe_errors(&summary, errors, n);
    free(errors);
    return summary;
}

struct summary summarise_empties(const struct log *log)
{
    struct summary summary = {0};
    int64_t *errors = NULL;
    size_t n = 0;

    for (size_t s = 0; s < log->series_count; s++)
        for (size_t i = 0; i < log->series[s].empty_count; i++) {
            errors = grow(errors, n, sizeof(*errors));
            errors[n++] = sleep_error_ns(&log->series[s], &log->series[s].empties[i]);
        }
    if (errors) {
        qsort(errors, n, sizeof(*errors), compare);
        describe_errors(&summary, errors, n);
    }
    free(errors);
    return summary;
}

/*
 * Time between two frames, ns. The requested ends of two consecutive sleeps are one frame apart, or more
 * where the player was late: the lower quartile is one frame.
 */
static int64_t frame_period_ns(const struct series *series)
{
    int64_t *distances = NULL;
    size_t n = 0;
    int64_t period;

    for (size_t i = 1; i < series->count; i++) {
        const struct sleep *one = &series->sleeps[i - 1], *next = &series->sleeps[i];

        distances = grow(distances, n, sizeof(*distances));
        distances[n++] = ticks_to_ns(series, next->start - one->start) + (int64_t)next->requested_ns -
                         (int64_t)one->requested_ns;
    }
    if (!n)
        return 0;
    qsort(distances, n, sizeof(*distances), compare);
    period = distances[n / 4];
    free(distances);
    return period;
}

unsigned count_late_frames(const struct series *series)
{
    int64_t period = frame_period_ns(series);
    size_t frame = 0;
    unsigned late = 0;

    for (size_t i = 0; i < series->count; i++) {
        const struct sleep *sleep = &series->sleeps[i];
        uint64_t next = i + 1 < series->count ? series->sleeps[i + 1].end : UINT64_MAX;
        int64_t due = (int64_t)sleep->requested_ns; /* since the sleep's start */

        while (frame < series->shown_count && series->shown[frame] < sleep->end)
            frame++;
        for (; frame < series->shown_count && series->shown[frame] < next; frame++, due += period) {
            late += ticks_to_ns(series, series->shown[frame] - sleep->start) - due > LATE_NS;
            if (next == UINT64_MAX)
                return late; /* after the last frame there is one more flush, which shows none */
        }
    }
    return late;
}
