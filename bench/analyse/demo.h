/* SPDX-License-Identifier: Apache-2.0 */
/* The paper's experiment: its runs, what is expected of them, and its results. */
#ifndef ANALYSE_DEMO_H
#define ANALYSE_DEMO_H

#include <jansson.h>
#include "analyse/results.h"

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

extern struct run runs[RUNS];

/* Reads OUT's logs, makes the checks, writes data, points and report, prints the table; adds to `results`. */
void demo_analyse(const char *out, json_t *results);

#endif
