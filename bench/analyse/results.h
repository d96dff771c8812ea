/* SPDX-License-Identifier: Apache-2.0 */
/* The runs of the experiment, what came out of each, and what is asked of them. */
#ifndef ANALYSE_RESULTS_H
#define ANALYSE_RESULTS_H

#include <jansson.h>
#include "analyse/log.h"
#include "analyse/summary.h"
#include "analyse/trace.h"

enum run_id {
    PLAYER_BARE,
    PLAYER_TICK,
    PLAYER_PRECISE,
    MIXED_BARE,
    MIXED_WAKE,
    MIXED_PRECISE,
    STEPS_TICK,
    RUNS
};

struct run {
    const char *name;  /* OUT/log/NAME.txt */
    const char *guest; /* the measured VM */
    bool bare;

    struct log log;
    struct trace trace;
    struct summary summary;
    struct account accounts[MAX_VMS]; /* between the marks, all series together */
    double share[MAX_VMS];            /* of the core, between the marks */
    double products_per_s[MAX_VMS];
    double trace_deviation; /* of the marks' run time from the trace's, greatest; a ratio */
    unsigned late_frames, met_pending_tick;
    bool has_marks;
};

extern struct run runs[RUNS];

/* Reads OUT's logs, fills in `runs`. */
void results_compute(const char *out);

/* OUT/results.json, and OUT/csv/NAME.csv with the raw points. */
json_t *results_json(const char *out);
void results_write_points(const char *out);

#endif
