/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_SIZE 256

void trace_log_free(struct trace_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        trace_dump_free(&log->dumps[i]);
    free(log->dumps);
    *log = (struct trace_log){0};
}

/* Takes the dump over, in place of an earlier one of its CPU; false: out of memory. */
static bool keep(struct trace_log *log, const struct trace_dump *dump)
{
    size_t i = 0;
    struct trace_dump *dumps;

    while (i < log->count && log->dumps[i].cpu < dump->cpu)
        i++;
    if (i < log->count && log->dumps[i].cpu == dump->cpu) {
        trace_dump_free(&log->dumps[i]);
    } else {
        dumps = realloc(log->dumps, (log->count + 1) * sizeof(*dumps));
        if (dumps == NULL)
            return false;
        memmove(dumps + i + 1, dumps + i, (log->count - i) * sizeof(*dumps));
        log->dumps = dumps;
        log->count++;
    }
    log->dumps[i] = *dump;
    return true;
}

bool trace_log_read(const char *path, unsigned cpu, struct trace_log *log)
{
    char error[ERROR_SIZE] = "out of memory";
    unsigned long line = 0;
    struct trace_dump dump;
    FILE *file = fopen(path, "r");
    int result;

    *log = (struct trace_log){0};
    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((result = trace_dump_read(file, &line, &dump, error, sizeof(error))) > 0) {
        if (cpu != TRACE_ALL_CPUS && dump.cpu != cpu) {
            trace_dump_free(&dump);
        } else if (!keep(log, &dump)) {
            trace_dump_free(&dump);
            result = -1;
            break;
        }
    }
    (void)fclose(file);
    if (result == 0 && log->count != 0)
        return true;
    (void)fprintf(stderr, "ontime trace: %s: %s\n", path,
                  result < 0              ? error
                  : cpu == TRACE_ALL_CPUS ? "no trace in it"
                                          : "no trace of this CPU in it");
    trace_log_free(log);
    return false;
}

/* Is record `i` of one CPU before record `k` of another? */
static bool is_before(const struct trace_dump *one, size_t i, const struct trace_dump *other, size_t k)
{
    uint64_t time = one->records[i].counter;
    uint64_t other_time = other->records[k].counter;

    return time != other_time ? time < other_time : one->cpu < other->cpu;
}

/* Whose next record, at its place, is the first; there is one. */
static size_t earliest(const struct trace_log *log, const size_t *places)
{
    size_t found = log->count;

    for (size_t i = 0; i < log->count; i++)
        if (places[i] < log->dumps[i].count &&
            (found == log->count || is_before(&log->dumps[i], places[i], &log->dumps[found], places[found])))
            found = i;
    return found;
}

unsigned *trace_log_merge(const struct trace_log *log, struct trace_dump *merged)
{
    size_t *places = calloc(log->count, sizeof(*places));
    unsigned *cpus;

    *merged = log->dumps[0];
    merged->count = 0;
    merged->lost = 0;
    for (size_t i = 0; i < log->count; i++) {
        merged->count += log->dumps[i].count;
        merged->lost += log->dumps[i].lost;
    }
    merged->records = calloc(merged->count + 1, sizeof(*merged->records));
    cpus = calloc(merged->count + 1, sizeof(*cpus));
    if (places == NULL || merged->records == NULL || cpus == NULL) {
        (void)fprintf(stderr, "ontime trace: out of memory\n");
        free(places);
        free(merged->records);
        free(cpus);
        return NULL;
    }
    for (size_t i = 0; i < merged->count; i++) {
        size_t from = earliest(log, places);

        merged->records[i] = log->dumps[from].records[places[from]++];
        cpus[i] = log->dumps[from].cpu;
    }
    free(places);
    return cpus;
}
