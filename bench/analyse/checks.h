/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks. When a validity check fails, the figures are worthless and the program fails. An expectation
 * that is missed is only reported.
 */
#ifndef ANALYSE_CHECKS_H
#define ANALYSE_CHECKS_H

#include <jansson.h>
#include <stdbool.h>
#include "analyse/results.h"

#define MAX_CHECKS 2048

struct check {
    char what[160];
    bool valid_only; /* a validity check, not an expectation */
    bool holds;
};

extern struct check checks[MAX_CHECKS];
extern size_t check_count;

/* Records a validity check, or an expectation: whether it holds, and in words what it is. */
void checks_require(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void checks_expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Requires that the run's conditions are those of the bare one. */
void checks_compare(const struct run *run, const struct run *bare);

/* Requires what has to hold for every run by itself. */
void checks_of_run(const struct run *run);

/* False when a validity check has failed. */
bool checks_valid(void);
json_t *checks_json(void);

#endif
