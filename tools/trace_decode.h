/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the trace dumps in a console log (docs/trace-format.md).
 *
 * Other lines may stand between those of a dump. In a dump's line all that stands to the left of the marker
 * "[ontime] trace " is passed over.
 */
#ifndef TOOLS_TRACE_DECODE_H
#define TOOLS_TRACE_DECODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "ontime/trace.h"

struct trace_dump {
    unsigned cpu;
    uint64_t hz;
    uint64_t lost; /* records overwritten before the dump */
    struct ontime_trace_record *records;
    size_t count;
    char **names; /* of the vCPUs, by id; NULL where there is none */
    size_t name_count;
};

/*
 * Reads the next dump. Returns 1 and fills *dump, to be freed; 0 at the end of the log; -1 with one line in
 * `error` when a dump is damaged. *line counts the log's lines: 0 at first.
 */
int trace_dump_read(FILE *log, unsigned long *line, struct trace_dump *dump, char *error, size_t error_size);

void trace_dump_free(struct trace_dump *dump);

/* "player.0", "idle", or NULL. */
const char *trace_dump_vcpu_name(const struct trace_dump *dump, uint16_t vcpu);

/* Whole nanoseconds; a counter runs at 1 GHz at most. */
uint64_t trace_dump_ns(const struct trace_dump *dump, uint64_t ticks);

/* A type's name ("switch"), and that of the reason for which a warp ended ("done"); NULL when unknown. */
const char *trace_type_name(uint16_t type);
const char *trace_warp_end_name(uint32_t reason);

#endif
