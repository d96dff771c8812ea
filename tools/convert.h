/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace in the formats of other programs. All CPUs are in one file or folder. A time is that of the
 * physical counter: as it is in CTF, whose clocks have a frequency, and as ns from the counter's 0 in the
 * others, where each event has the counter itself as a field. How many records each CPU has lost is in each
 * format.
 */
#ifndef TOOLS_CONVERT_H
#define TOOLS_CONVERT_H

#include <stdbool.h>
#include <stdio.h>
#include "trace_log.h"

#define CONVERT_MAX_CPUS  64u
#define CONVERT_NAME_SIZE 64

/* False: out of memory, or the file cannot be written; a message is on stderr. */
bool convert_to_ftrace(const struct trace_log *log, FILE *file);
bool convert_to_perfetto(const struct trace_log *log, FILE *file);

/* Writes a folder, which must not exist. */
bool convert_to_ctf(const struct trace_log *log, const char *folder);

/* The vCPU as a process: idle is 0, vCPU n is n + 1. */
static inline unsigned convert_pid(uint16_t vcpu)
{
    return vcpu == ONTIME_TRACE_IDLE ? 0 : vcpu + 1u;
}

/* The name of a type with '_' for '-', "other" when it is unknown. */
const char *convert_type_name(uint16_t type, char buffer[CONVERT_NAME_SIZE]);

/* The vCPU that had that core before the first switch of its dump, or ONTIME_TRACE_IDLE. */
uint16_t convert_first(const struct trace_dump *dump);

/*
 * What scheduling events say of a vCPU that leaves its core: is it blocked? Follows the records of all CPUs.
 */
struct convert_blocked {
    bool is[ONTIME_TRACE_IDLE + 1];
};
void convert_follow(struct convert_blocked *blocked, const struct ontime_trace_record *record);

#endif
