/* SPDX-License-Identifier: Apache-2.0 */
/* The paper's experiment: its runs, what is expected of them, and its results. */
#ifndef ANALYSE_DEMO_H
#define ANALYSE_DEMO_H

#include "analyse/experiment.h"
#include "analyse/results.h"

enum run_id { DEMO_RUN_LIST(IDENTIFIER) RUNS };

extern struct run runs[RUNS];

#endif
