/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of samples: count, mean, percentiles. A sample is a number of counter ticks, of 32 bits; a
 * larger one is kept as the largest number of 32 bits. Samples beyond STATS_MAX are not kept, but counted as
 * `lost`.
 */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#define STATS_MAX 16384u

struct stats {
    uint32_t kept, lost;
    uint32_t values[STATS_MAX];
};

struct summary { /* times in picoseconds */
    uint64_t count, lost;
    uint64_t min, mean, p50, p99, max;
};

void stats_clear(struct stats *stats);
void stats_add(struct stats *stats, uint64_t ticks);

/* Sorts the samples. Each is the time of `per` operations and of `overhead` ticks of measuring. */
struct summary stats_summary(struct stats *stats, uint64_t per, uint64_t overhead);

/* Prints "n 5 min-ns 1.25 mean-ns ... p50-ns ... p99-ns ... max-ns ...". */
void stats_print(const struct summary *summary);

#endif
