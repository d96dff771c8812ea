/* SPDX-License-Identifier: Apache-2.0 */
/* Ontime's trace of a run, as `ontime trace LOG` decodes it from the console log. */
#ifndef ANALYSE_TRACE_H
#define ANALYSE_TRACE_H

#include <stdint.h>
#include "analyse/log.h"
#include "ontime/trace.h"

#define TRACE_NO_VM (-1)

struct trace_event {
    uint64_t time;
    enum ontime_trace_type type;
    int vm; /* index into the log's VMs, or TRACE_NO_VM */
    uint64_t arg;
};

struct trace {
    size_t count;
    struct trace_event *events;
};

/* Reads OUT/NAME.trace.csv. The VMs are those of `log`, each with one vCPU. */
void trace_read(const char *path, const struct log *log, struct trace *trace);

/* Ticks for which the VM had the core between two times, by the switches. */
uint64_t trace_run_ticks(const struct trace *trace, int vm, uint64_t from, uint64_t to);

/* Whether the trace still has all records from that time on. */
bool trace_covers(const struct trace *trace, uint64_t from);

/* The first event of a type (and VM, unless TRACE_NO_VM) at or after a time, or NULL. */
const struct trace_event *trace_find(const struct trace *trace, uint64_t from, enum ontime_trace_type type,
                                     int vm);

/*
 * Precise wake-ups of a VM between two times that found an earlier timer of the guest's own (its tick)
 * expired and not yet served.
 */
unsigned trace_met_pending_tick(const struct trace *trace, int vm, uint64_t from, uint64_t to);

#endif
