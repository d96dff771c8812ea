/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANALYSE_REPORT_H
#define ANALYSE_REPORT_H

#include <stdio.h>

/* The summary for the terminal. */
void report_table(FILE *file);

/* OUT/report.html: the figures, our numbers and the paper's. */
void report_write(const char *out);

#endif
