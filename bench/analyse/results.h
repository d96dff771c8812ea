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
    bool other_cpu; /* than the bare run's: KVM needs VHE */
    bool peer;      /* of `make peers`: there is no trace, and the guests' clocks need not be one */

    struct log log;
    struct trace trace;
    struct summary summary;
    struct account accounts[MAX_VMS]; /* between the marks, all series together */
    double share[MAX_VMS];            /* of the core, between the marks */
    double products_per_s[MAX_VMS];
    double trace_deviation; /* of the marks' run time from the trace's, greatest; a ratio */
    unsigned late_frames, met_pending_tick;
    unsigned traced; /* series for which the trace reaches back to the first mark */
    bool has_marks;
    double bound_us; /* on EL2's lateness, by `ontime check`; 0: none */
};

/* Reads the run's logs in OUT and fills in the rest; name, guest and bare are given. */
void run_compute(const char *out, struct run *run);

/* Its object in OUT/results.json, and OUT/csv/NAME.csv with the raw points. */
json_t *run_json(const char *out, const struct run *run);
void run_write_points(const char *out, const struct run *run);

#endif
