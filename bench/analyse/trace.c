/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/trace.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyse/util.h"

/* Two timers closer than this count as one: the guest sets its timer to the earlier for both. */
#define SAME_TIMER_TICKS 625 /* 10 us at 62.5 MHz */

#define TYPE(id, number, text) {(text), ONTIME_TRACE_##id},

static const struct {
    const char *name;
    enum ontime_trace_type type;
} types[] = {ONTIME_TRACE_TYPES(TYPE)};

static bool find_type(const char *name, enum ontime_trace_type *type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(types[i].name, name)) {
            *type = types[i].type;
            return true;
        }
    return false;
}

/* `vcpu` is NAME.INDEX, or a word for the idle core. */
static int find_vm(const struct log *log, const char *vcpu)
{
    size_t length = strcspn(vcpu, ".");

    for (size_t i = 0; i < log->vm_count; i++)
        if (strlen(log->vms[i].name) == length && !strncmp(log->vms[i].name, vcpu, length))
            return (int)i;
    return TRACE_NO_VM;
}

void trace_read(const char *path, const struct log *log, struct trace *trace)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (!file)
        die("%s: %s", path, strerror(errno));
    *trace = (struct trace){0};
    while (getline(&line, &size, file) > 0) {
        struct trace_event event;
        unsigned long long time, arg = 0; /* an argument that is a name stays 0 */
        char type[32], vcpu[64];

        if (sscanf(line, "%llu,%*f,%63[^,],%31[^,],%llu", &time, vcpu, type, &arg) < 3 ||
            !find_type(type, &event.type))
            continue;
        event.time = time;
        event.arg = arg;
        event.vm = find_vm(log, vcpu);
        trace->events = grow(trace->events, trace->count, sizeof(event));
        trace->events[trace->count++] = event;
    }
    free(line);
    fclose(file);
    if (!trace->count)
        die("%s: no trace: the run's console log has none, or not the whole", path);
}

/* The number of the first event at or after a time. */
static size_t first_from(const struct trace *trace, uint64_t time)
{
    size_t low = 0, high = trace->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (trace->events[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Who has the core at a time: the last switch before it. */
static int running_at(const struct trace *trace, uint64_t time)
{
    for (size_t i = first_from(trace, time); i-- > 0;)
        if (trace->events[i].type == ONTIME_TRACE_SWITCH)
            return trace->events[i].vm;
    return TRACE_NO_VM;
}

uint64_t trace_run_ticks(const struct trace *trace, int vm, uint64_t from, uint64_t to)
{
    int running = running_at(trace, from);
    uint64_t since = from, ran = 0;

    for (size_t i = first_from(trace, from); i < trace->count && trace->events[i].time < to; i++) {
        if (trace->events[i].type != ONTIME_TRACE_SWITCH)
            continue;
        if (running == vm)
            ran += trace->events[i].time - since;
        running = trace->events[i].vm;
        since = trace->events[i].time;
    }
    return running == vm ? ran + to - since : ran;
}

bool trace_covers(const struct trace *trace, uint64_t from)
{
    size_t first = 0;

    while (first < trace->count && trace->events[first].type != ONTIME_TRACE_SWITCH)
        first++;
    return first < trace->count && trace->events[first].time < from;
}

const struct trace_event *trace_find(const struct trace *trace, uint64_t from, enum ontime_trace_type type,
                                     int vm)
{
    for (size_t i = first_from(trace, from); i < trace->count; i++)
        if (trace->events[i].type == type && (vm == TRACE_NO_VM || trace->events[i].vm == vm))
            return &trace->events[i];
    return NULL;
}

unsigned trace_met_pending_tick(const struct trace *trace, int vm, uint64_t from, uint64_t to)
{
    unsigned met = 0;

    for (size_t i = first_from(trace, from); i < trace->count && trace->events[i].time < to; i++) {
        const struct trace_event *entered = &trace->events[i];
        const struct trace_event *timer;

        if (entered->type != ONTIME_TRACE_TIMER_ENTERED || entered->vm != vm)
            continue;
        timer = trace_find(trace, entered->time - entered->arg, ONTIME_TRACE_GUEST_TIMER, vm);
        met += timer && timer->time - timer->arg + SAME_TIMER_TICKS < entered->time - entered->arg;
    }
    return met;
}
