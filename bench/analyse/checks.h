/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold. A validity check that fails makes the figures worthless: the demo fails. An expectation
 * that is missed is reported.
 */
#ifndef ANALYSE_CHECKS_H
#define ANALYSE_CHECKS_H

#include <jansson.h>
#include <stdbool.h>

#define MAX_CHECKS 80

struct check {
    char what[160];
    bool valid_only; /* a validity check, not an expectation */
    bool holds;
};

extern struct check checks[MAX_CHECKS];
extern size_t check_count;

/* Makes all checks on `runs`; returns false when a validity check fails. */
bool checks_make(void);
json_t *checks_json(void);

#endif
