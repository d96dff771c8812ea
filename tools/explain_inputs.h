/* SPDX-License-Identifier: Apache-2.0 */
/* What `ontime trace explain` and `ontime report` are given: a console log, sleeps, the system file. */
#ifndef TOOLS_EXPLAIN_INPUTS_H
#define TOOLS_EXPLAIN_INPUTS_H

#include <stdbool.h>
#include "trace_log.h"
#include "vm/config.h"
#include "wakeup.h"

#define EXPLAIN_NS_PER_INSTRUCTION 8 /* QEMU's -icount shift=3 */

struct explain_options {
    const char *vm, *sleeps, *system, *log; /* NULL: not given */
    bool timers;                            /* programs' sleeps are left out */
    double ns_per_instruction;
};

struct explain_inputs {
    struct trace_log log;
    struct trace_dump merged;
    struct trace_view view;
    struct sleeps sleeps;
    struct system_config *system; /* NULL: not given */
    unsigned *cpus;
    void *system_file;
};

/*
 * Takes an option that both have, or the log's name. Returns how many words it takes, or 0 when it is
 * neither. `value` is the next word, or NULL.
 */
int explain_read_option(const char *word, const char *value, struct explain_options *options);

/* Is there a log, and a VM for a file of sleeps? */
bool explain_options_are_whole(const struct explain_options *options);

/* A number from 0 on. */
bool explain_read_number(const char *text, double *number);

/* False: one of them cannot be read; a message is on stderr, and nothing is to be freed. */
bool explain_inputs_read(const struct explain_options *options, struct explain_inputs *inputs);

void explain_inputs_free(struct explain_inputs *inputs);

#endif
