/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a load (bench/guest/load.h): each is measured by itself and compared with the same part on
 * bare metal.
 */
#ifndef ANALYSE_PARTS_H
#define ANALYSE_PARTS_H

#include <jansson.h>
#include <stdio.h>
#include "analyse/results.h"

/* A target is a ratio to bare metal. It is for a part whose work takes at most DEMAND_LIMIT of its VM's
 * share. */
#define DEMAND_LIMIT     0.8
#define MEAN_RATIO       1.05
#define PERCENTILE_RATIO 1.2
#define MAX_RATIO        1.5
#define RESPONSE_RATIO   1.1

struct part_target {
    const char *what;
    double value, limit;
};

#define MAX_PART_TARGETS 4

/* Does a part's work, or one of the run's parts, take more of the core than targets are set for? */
bool part_demands_too_much(const struct run *run, const struct series *series);
bool run_demands_too_much(const struct run *run);

/*
 * The targets of a series against the same part of the bare run. Returns how many there are: none of a series
 * that demands too much, or that the bare run does not have. p99.9 has none where fewer than 1,000 errors
 * were measured, of which it is the greatest.
 */
unsigned part_targets(const struct run *run, const struct series *series, const struct run *bare,
                      struct part_target found[MAX_PART_TARGETS]);

/*
 * A line for each part, which begins with the run's and the part's name. `bare`: the run that it is compared
 * with; NULL on bare metal itself.
 */
void parts_print_heading(FILE *file);
void parts_print(FILE *file, const struct run *run, const struct run *bare);

/* An object for each part of the run: the figures, and `targets`. */
json_t *parts_json(const struct run *run, const struct run *bare);

#endif
