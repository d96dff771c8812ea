// SPDX-License-Identifier: Apache-2.0
#include "stats.h"
#include "bare.h"

void stats_clear(struct stats *stats)
{
    stats->kept = stats->lost = 0;
}

void stats_add(struct stats *stats, uint64_t ticks)
{
    if (stats->kept == STATS_MAX)
        stats->lost++;
    else
        stats->values[stats->kept++] = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/* Shell's sort needs neither recursion nor memory. */
static void sort(uint32_t *values, uint32_t count)
{
    static const uint32_t gaps[] = {8861, 3938, 1750, 701, 301, 132, 57, 23, 10, 4, 1};

    for (unsigned g = 0; g < ARRAY_SIZE(gaps); g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint32_t value = values[i], k = i;
            for (; k >= gaps[g] && values[k - gaps[g]] > value; k -= gaps[g])
                values[k] = values[k - gaps[g]];
            values[k] = value;
        }
    }
}

static uint64_t picoseconds(uint64_t ticks, uint64_t per, uint64_t overhead)
{
    uint64_t net = ticks > overhead ? ticks - overhead : 0;

    return net * (UINT64_C(1000000000000) / read_sysreg(CNTFRQ_EL0)) / per;
}

struct summary stats_summary(struct stats *stats, uint64_t per, uint64_t overhead)
{
    uint32_t count = stats->kept;
    uint64_t sum = 0;

    if (count == 0)
        return (struct summary){.lost = stats->lost};
    sort(stats->values, count);
    for (uint32_t i = 0; i < count; i++)
        sum += stats->values[i];
    return (struct summary){
        .count = count,
        .lost = stats->lost,
        .min = picoseconds(stats->values[0], per, overhead),
        .mean = picoseconds(sum, per * count, overhead * count),
        .p50 = picoseconds(stats->values[(count - 1) / 2], per, overhead),
        .p99 = picoseconds(stats->values[((uint64_t)count * 99 + 99) / 100 - 1], per, overhead),
        .max = picoseconds(stats->values[count - 1], per, overhead),
    };
}

static void print_ns(const char *name, uint64_t ps)
{
    print(" %s-ns %lu.%03lu", name, ps / 1000, ps % 1000);
}

void stats_print(const struct summary *summary)
{
    print("n %lu", summary->count);
    print_ns("min", summary->min);
    print_ns("mean", summary->mean);
    print_ns("p50", summary->p50);
    print_ns("p99", summary->p99);
    print_ns("max", summary->max);
    if (summary->lost != 0)
        print(" lost %lu", summary->lost);
}
