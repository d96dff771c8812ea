/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a trace in a file, the same as those of a dump on the console (docs/trace-format.md). */
#ifndef COMMAND_TRACE_LINES_H
#define COMMAND_TRACE_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ontime/trace.h>

/* The most records of one data line. */
enum { TRACE_LINE_RECORDS = 12 };

void trace_begin(FILE *file, unsigned cpu, uint64_t hz, uint64_t records, uint64_t lost);
void trace_vcpu(FILE *file, unsigned id, const char *vm, unsigned index);
void trace_data(FILE *file, const struct ontime_trace_record *records, size_t count);
void trace_end(FILE *file);

#endif
