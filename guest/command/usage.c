// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define EXITS(reason) offsetof(struct usage, exits[ONTIME_EXIT_##reason])

enum kind { SHARE, RATE, LATE };

static const struct {
    const char *title, *key;
    enum kind kind;
    size_t of; /* a share's or a rate's place in struct usage; of a lateness, percent */
} columns[COLUMNS_OF_USAGE] = {
    [COLUMN_RUN] = {"RUN%", "run_percent", SHARE, offsetof(struct usage, run)},
    [COLUMN_READY] = {"READY%", "ready_percent", SHARE, offsetof(struct usage, ready)},
    [COLUMN_BLOCKED] = {"BLOCKED%", "blocked_percent", SHARE, offsetof(struct usage, blocked)},
    [COLUMN_STOLEN] = {"STOLEN%", "stolen_percent", SHARE, offsetof(struct usage, stolen)},
    [COLUMN_SWITCHES] = {"SWITCH/s", "switches_per_s", RATE, offsetof(struct usage, switches)},
    [COLUMN_INTERRUPT] = {"IRQ/s", "exits_interrupt_per_s", RATE, EXITS(INTERRUPT)},
    [COLUMN_WAIT] = {"WAIT/s", "exits_wait_per_s", RATE, EXITS(WAIT)},
    [COLUMN_CALL] = {"CALL/s", "exits_call_per_s", RATE, EXITS(CALL)},
    [COLUMN_ACCESS] = {"ACCESS/s", "exits_access_per_s", RATE, EXITS(ACCESS)},
    [COLUMN_REGISTER] = {"SYSREG/s", "exits_register_per_s", RATE, EXITS(REGISTER)},
    [COLUMN_OTHER] = {"OTHER/s", "exits_other_per_s", RATE, EXITS(OTHER)},
    [COLUMN_ARMED] = {"ARMED/s", "armed_per_s", RATE, offsetof(struct usage, armed)},
    [COLUMN_FIRED] = {"FIRED/s", "fired_per_s", RATE, offsetof(struct usage, fired)},
    [COLUMN_P50] = {"P50us", "late_p50_us", LATE, 50},
    [COLUMN_P99] = {"P99us", "late_p99_us", LATE, 99},
    [COLUMN_MAX] = {"MAXus", "late_max_us", LATE, 100},
};

static const struct ontime_vcpu_info zero;

/* Ontime estimates what a vCPU has had since it was last charged, so a time may be a little less than before.
 */
static uint64_t growth(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

void usage_add(struct usage *usage, const struct ontime_vcpu_info *now, const struct ontime_vcpu_info *before)
{
    if (!before)
        before = &zero;
    usage->vcpus++;
    usage->hz = now->hz;
    usage->run += growth(now->run, before->run);
    usage->ready += growth(now->ready, before->ready);
    usage->blocked += growth(now->blocked, before->blocked);
    usage->elapsed += growth(now->run + now->ready + now->blocked + now->off,
                             before->run + before->ready + before->blocked + before->off);
    usage->stolen += growth(now->stats[ONTIME_STAT_STOLEN_TICKS], before->stats[ONTIME_STAT_STOLEN_TICKS]);
    usage->switches += now->stats[ONTIME_STAT_SWITCHES] - before->stats[ONTIME_STAT_SWITCHES];
    usage->armed += now->stats[ONTIME_STAT_ARMED] - before->stats[ONTIME_STAT_ARMED];
    usage->fired += now->stats[ONTIME_STAT_FIRED] - before->stats[ONTIME_STAT_FIRED];
    for (unsigned reason = 0; reason < ONTIME_EXIT_REASONS; reason++)
        usage->exits[reason] += now->exits[reason] - before->exits[reason];
    for (unsigned bucket = 0; bucket < ONTIME_LATE_BUCKETS; bucket++)
        usage->late[bucket] += now->late[bucket] - before->late[bucket];
    if (usage->late_max < now->stats[ONTIME_STAT_LATE_MAX])
        usage->late_max = now->stats[ONTIME_STAT_LATE_MAX];
}

double usage_late(const struct usage *usage, unsigned percent)
{
    uint64_t total = 0, sum = 0, most;
    unsigned bucket;

    for (bucket = 0; bucket < ONTIME_LATE_BUCKETS; bucket++)
        total += usage->late[bucket];
    if (total == 0)
        return NAN;
    for (bucket = 0; bucket < ONTIME_LATE_BUCKETS - 1; bucket++) {
        sum += usage->late[bucket];
        if (sum * 100 >= total * percent && sum != 0)
            break;
    }
    most = bucket == 0 ? 0 : (uint64_t)1 << bucket;
    if (bucket == ONTIME_LATE_BUCKETS - 1 || most > usage->late_max)
        most = usage->late_max;
    return (double)most;
}

const char *column_title(enum column column)
{
    return columns[column].title;
}

const char *column_key(enum column column)
{
    return columns[column].key;
}

double usage_value(const struct usage *usage, enum column column)
{
    size_t of = columns[column].of;
    double elapsed, value;

    if (columns[column].kind == LATE)
        return usage->hz ? usage_late(usage, (unsigned)of) * 1e6 / (double)usage->hz : NAN;
    if (usage->elapsed == 0)
        return NAN;
    elapsed = (double)usage->elapsed / usage->vcpus; /* the average of the vCPUs */
    value = (double)*(const uint64_t *)((const char *)usage + of);
    return columns[column].kind == SHARE ? 100 * value / elapsed : value * (double)usage->hz / elapsed;
}

void usage_cell(double value, char cell[CELL_WIDTH + 1])
{
    if (isnan(value))
        snprintf(cell, CELL_WIDTH + 1, "-");
    else if (value < 999.95)
        snprintf(cell, CELL_WIDTH + 1, "%.1f", value);
    else if (value < 1e7)
        snprintf(cell, CELL_WIDTH + 1, "%.0f", value);
    else
        snprintf(cell, CELL_WIDTH + 1, "%.2e", value);
}
