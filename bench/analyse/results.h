/* SPDX-License-Identifier: Apache-2.0 */
/* A run of an experiment, and what came out of it. */
#ifndef ANALYSE_RESULTS_H
#define ANALYSE_RESULTS_H

#include <jansson.h>
#include "analyse/log.h"
#include "analyse/summary.h"
#include "analyse/trace.h"

struct run {
    const char *name;  /* OUT/log/NAME.txt */
    const char *guest; /* the measured VM */
    bool bare;
    /* What may differ from the bare run: the CPU, as KVM needs VHE; page-table isolation, as Xen gives its
     * guests no seed for KASLR. */
    bool other_cpu, other_kpti;
    bool in_parts; /* its series are parts of a load (analyse/parts.h): there is no trace */
    bool peer;     /* of `make peers`: there is no trace, and the guests may have different clocks */

    struct log log;
    struct trace trace;
    struct summary summary;
    struct account accounts[MAX_VMS]; /* between the marks, all series together */
    double share[MAX_VMS];            /* of the core, between the marks */
    double products_per_s[MAX_VMS];
    double trace_deviation; /* greatest, of the run time by marks from that by the trace; a ratio */
    unsigned late_frames, met_pending_tick;
    unsigned traced; /* series for which the trace reaches back to the first mark */
    bool has_marks;
    double bound_us; /* that `ontime check` promises on EL2's lateness; 0: none */
};

/* Reads the run's logs in OUT and fills in the rest; name, guest and bare are given. */
void run_compute(const char *out, struct run *run);

/* The command that started the run, as bench/run wrote it down: valid until the next call. */
const char *run_command(const char *out, const struct run *run);

/* A number, or null for NAN. */
json_t *real_or_null(double value);

/* The run's object in OUT/results.json, and OUT/csv/NAME.csv with the raw points. */
json_t *run_json(const char *out, const struct run *run);
void run_write_points(const char *out, const struct run *run);

/* OUT/figures/cdf-NAME.dat, lines `error_us share`: that share of all sleeps was at least so late. */
void run_write_distribution(const char *out, const struct run *run);

#endif
