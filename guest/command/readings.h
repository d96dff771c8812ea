/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of all vCPUs' statistics, as rows of a table. */
#ifndef COMMAND_READINGS_H
#define COMMAND_READINGS_H

#include <stdbool.h>

#include "control.h"
#include "json.h"
#include "usage.h"

enum { READINGS_VCPUS = CONTROL_VMS * 8, ROW_NAME = 40, ROW_CPUS = 24 };

struct readings {
    struct vm_list list;
    unsigned count; /* of all vCPUs, by VM */
    struct ontime_vcpu_info vcpus[READINGS_VCPUS];
};

void readings_take(struct readings *readings);

struct row {
    char name[ROW_NAME]; /* of the VM, or "player.0" */
    const char *state;
    char cpus[ROW_CPUS]; /* on which its vCPUs are now */
    unsigned number;     /* the place among the rows as they are made */
    unsigned vm;
    struct usage usage;
};

/*
 * Fills rows, one for each VM or for each vCPU, with what was used since `before`; NULL: since the machine
 * was started. Returns how many. There is room for READINGS_VCPUS.
 */
unsigned rows_make(const struct readings *now, const struct readings *before, bool each_vcpu,
                   struct row *rows);

/*
 * The largest value of the column first, or with `reverse` the smallest; those without a value are the last.
 * By their number it is the other way round. Equal ones keep their order.
 */
enum { ROWS_BY_NUMBER = -1 };
void rows_sort(struct row *rows, unsigned count, int column, bool reverse);

/* The rows as an array of objects; those of one VM, unless `vm` is negative. */
void rows_write(struct json *json, const char *key, const struct row *rows, unsigned count, int vm);

/* "0,2,5" of CPUs' bits, "-" of none; what finds no room is left out. */
void cpus_text(uint64_t cpus, char *text, size_t room);

/* The names in a row of titles, and the cells of a row; without an end of line. */
enum { ROW_TEXT = 13 + 9 + 8 + COLUMNS_OF_USAGE * (CELL_WIDTH + 1) + 1 };
void row_titles(char text[ROW_TEXT]);
void row_text(const struct row *row, char text[ROW_TEXT]);

/* How much of each core's time VMs used, in percent: "cores 0: 97.1%, 1: 3.0%". */
void cores_text(const struct readings *now, const struct readings *before, char *text, size_t room);

#endif
