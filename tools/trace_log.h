/* SPDX-License-Identifier: Apache-2.0 */
/* The traces in a console log: the last dump of each CPU, and all CPUs' records in order of time. */
#ifndef TOOLS_TRACE_LOG_H
#define TOOLS_TRACE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "trace_decode.h"

#define TRACE_ALL_CPUS UINT32_MAX

struct trace_log {
    struct trace_dump *dumps; /* by CPU, ascending */
    size_t count;
};

/*
 * Reads the last dump of that CPU, or of each. False, with a message on stderr, when there is none or one is
 * damaged.
 */
bool trace_log_read(const char *path, unsigned cpu, struct trace_log *log);

void trace_log_free(struct trace_log *log);

/*
 * The records of all dumps by time; of the same time is first that of the lower CPU. *merged has the names of
 * the first dump, which stay the log's, and records of its own. Returns the CPU of each record. Both are to
 * be freed. NULL: out of memory, which is said on stderr.
 */
unsigned *trace_log_merge(const struct trace_log *log, struct trace_dump *merged);

#endif
