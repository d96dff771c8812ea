/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenarios beside bare metal (`make bench`): their runs, what is derived from them, and the targets. A
 * mode is bare metal or a way to tell Ontime when.
 */
#ifndef ANALYSE_BENCH_H
#define ANALYSE_BENCH_H

#include "analyse/experiment.h"
#include "analyse/results.h"

enum scenario { BENCH_SCENARIO_LIST(IDENTIFIER) SCENARIOS };
enum mode { BENCH_WAY_LIST(IDENTIFIER) MODES };

extern const struct scenario_facts bench_scenarios[SCENARIOS];
extern const struct way_facts bench_modes[MODES];

/* A run that was not made has no name. */
extern struct run bench_runs[SCENARIOS][MODES];

/* What one run cost, and how many of its latest sleeps met a tick. NAN: not known. */
struct cost {
    double exits_per_sleep[MAX_VMS];
    double products_lost;  /* share of the products of the bare run that has the same work */
    double uncharged;      /* share of the time between the marks that no VM was charged for */
    double el2;            /* share of that time in EL2, where Ontime prints it */
    size_t latest;         /* how many sleeps are the latest 0.1% */
    size_t latest_at_tick; /* at how many of them the guest's own tick came */
};

struct cost bench_cost(enum scenario scenario, enum mode mode);

/* The bare run with the same sleeps, and the one with the same work for the core; NULL when it was not made.
 */
const struct run *bench_bare(enum scenario scenario);
const struct run *bench_bare_work(enum scenario scenario);

/* The largest lateness that Ontime measured, from a deadline to the entry of its guest. */
double el2_late_max_us(const struct run *run);

/* CPU time for which `ontime run --exact` kept the sleeper in the kernel until its time. */
double held_us_per_sleep(const struct run *run);

/* One target: a value that is to be at most, or at least, a limit. */
struct target {
    char what[96];
    double value, limit;
    bool at_most;
    bool in_parts; /* of a part of a load: the table of parts has it */
};

#define MAX_TARGETS 320
extern struct target targets[MAX_TARGETS];
extern size_t target_count;

bool target_met(const struct target *target);
/* Fills in `targets` from the runs that were made. */
void targets_find(void);

/* OUT/figures, for gnuplot; OUT/report.html; the tables for the terminal. */
void bench_write_data(const char *out);
void bench_write_report(const char *out);
void bench_print(FILE *file);

#endif
