/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vCPUs used between two readings of their statistics, and the columns of `top` and `info` made of it.
 * Times are in ticks of the counter.
 */
#ifndef COMMAND_USAGE_H
#define COMMAND_USAGE_H

#include <stdint.h>

#include <ontime/control.h>

/* Sums over vCPUs, all read at about the same time. */
struct usage {
    unsigned vcpus;
    uint64_t hz;
    uint64_t elapsed; /* between the readings */
    uint64_t run, ready, blocked, stolen;
    uint64_t switches, armed, fired;
    uint64_t exits[ONTIME_EXIT_REASONS];
    uint64_t late[ONTIME_LATE_BUCKETS];
    uint64_t late_max; /* of all since the machine was started */
};

/* Adds a vCPU's use since `before`; NULL: since the machine was started. */
void usage_add(struct usage *usage, const struct ontime_vcpu_info *now,
               const struct ontime_vcpu_info *before);

/*
 * The lateness, in ticks, that `percent` of those counted do not exceed, as far as buckets can tell: the
 * upper end of the bucket, but no more than late_max. NAN when none was counted.
 */
double usage_late(const struct usage *usage, unsigned percent);

enum column {
    COLUMN_RUN,
    COLUMN_READY,
    COLUMN_BLOCKED,
    COLUMN_STOLEN,
    COLUMN_SWITCHES,
    COLUMN_INTERRUPT,
    COLUMN_WAIT,
    COLUMN_CALL,
    COLUMN_ACCESS,
    COLUMN_REGISTER,
    COLUMN_OTHER,
    COLUMN_ARMED,
    COLUMN_FIRED,
    COLUMN_P50,
    COLUMN_P99,
    COLUMN_MAX,
    COLUMNS_OF_USAGE,
};

enum { CELL_WIDTH = 8 };

/* "RUN%", and the key in JSON, "run_percent". */
const char *column_title(enum column column);
const char *column_key(enum column column);

/*
 * A share of one CPU in percent (that of two vCPUs can be 200), a rate per second, or a lateness in us. NAN:
 * there is none.
 */
double usage_value(const struct usage *usage, enum column column);

/* The value as text of at most CELL_WIDTH characters; "-" when there is none. */
void usage_cell(double value, char cell[CELL_WIDTH + 1]);

#endif
