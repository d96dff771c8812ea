/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that the reports of all experiments share: text for the terminal, and parts of a page. */
#ifndef ANALYSE_PAGE_H
#define ANALYSE_PAGE_H

#include <stdio.h>
#include "analyse/results.h"

/* Sleep errors, shares and products of runs. Left out are a run without a name, which was not made, and
 * one in parts, which has a table of its own (analyse/parts.h). */
void text_table(FILE *file, const struct run *runs, size_t count);
/* The checks: expectations, and what failed. */
void text_checks(FILE *file);

void page_begin(FILE *file, const char *title);
void page_table(FILE *file, const struct run *runs, size_t count);
void page_figure(FILE *file, const char *name, const char *caption);
/* The checks, and what the figures can tell. */
void page_end(FILE *file);

#endif
