/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ontime trace: prints a trace in a console log as CSV, or its sums. A vCPU's sum is the time from each
 * switch to it until the switch away from it. Who ran at the beginning is known from the first switch, which
 * names the vCPU that it leaves.
 */
#include "commands.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trace_decode.h"

#define ERROR_SIZE 256
#define NAME_SIZE  64

static const char usage[] =
    "usage: ontime trace [--cpu N] [--summary] [--from MARK] [--to MARK] LOG\n"
    "Reads the last trace dump of a CPU in a console log.\n"
    "  --cpu N      the CPU (0)\n"
    "  --from MARK  only from the first mark of that number on\n"
    "  --to MARK    only up to the next mark of that number\n"
    "  --summary    the CPU time of each vCPU and of idleness: CSV vcpu,ticks,us,share\n"
    "Otherwise prints all records: CSV counter,us,vcpu,type,arg; us counts from the counter's 0.\n";

struct options {
    unsigned long cpu;
    bool summary;
    bool has_from;
    bool has_to;
    unsigned long from;
    unsigned long to;
    const char *log;
};

static bool read_number(const char *text, unsigned long max, unsigned long *number)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    *number = strtoul(text, &end, 0);
    return *end == '\0' && *number <= max;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--summary") == 0) {
            options->summary = true;
        } else if (strcmp(argv[i], "--cpu") == 0 && read_number(value, UINT32_MAX, &options->cpu)) {
            i++;
        } else if (strcmp(argv[i], "--from") == 0 && read_number(value, UINT32_MAX, &options->from)) {
            options->has_from = true;
            i++;
        } else if (strcmp(argv[i], "--to") == 0 && read_number(value, UINT32_MAX, &options->to)) {
            options->has_to = true;
            i++;
        } else if (argv[i][0] != '-' && options->log == NULL) {
            options->log = argv[i];
        } else {
            return false;
        }
    }
    return options->log != NULL;
}

/* Reads the last dump of the CPU that was asked for. */
static bool read_log(const struct options *options, struct trace_dump *chosen)
{
    char error[ERROR_SIZE];
    unsigned long line = 0;
    bool found = false;
    struct trace_dump dump;
    FILE *log = fopen(options->log, "r");
    int result;

    if (log == NULL) {
        perror(options->log);
        return false;
    }
    while ((result = trace_dump_read(log, &line, &dump, error, sizeof(error))) > 0) {
        if (dump.cpu != options->cpu) {
            trace_dump_free(&dump);
            continue;
        }
        if (found)
            trace_dump_free(chosen);
        *chosen = dump;
        found = true;
    }
    (void)fclose(log);
    if (result == 0 && found)
        return true;
    if (found)
        trace_dump_free(chosen);
    (void)fprintf(stderr, "ontime trace: %s: %s\n", options->log,
                  result < 0 ? error : "no trace of this CPU in it");
    return false;
}

static bool find_mark(const struct trace_dump *dump, size_t start, unsigned long mark, size_t *found)
{
    for (size_t i = start; i < dump->count; i++) {
        if (dump->records[i].type == ONTIME_TRACE_MARK && dump->records[i].arg == mark) {
            *found = i;
            return true;
        }
    }
    (void)fprintf(stderr, "ontime trace: no mark %lu%s", mark, start > 0 ? " after --from's" : "");
    (void)fprintf(stderr, " in the trace (%" PRIu64 " older records were lost)\n", dump->lost);
    return false;
}

/* The records from *first to *last, marks included. */
static bool find_range(const struct options *options, const struct trace_dump *dump, size_t *first,
                       size_t *last)
{
    *first = 0;
    if (options->has_from && !find_mark(dump, 0, options->from, first))
        return false;
    if (options->has_to)
        return find_mark(dump, options->has_from ? *first + 1 : 0, options->to, last);
    *last = dump->count - 1;
    return true;
}

static const char *vcpu_name(const struct trace_dump *dump, uint16_t vcpu, char buffer[NAME_SIZE])
{
    const char *name = trace_dump_vcpu_name(dump, vcpu);

    if (name != NULL)
        return name;
    (void)snprintf(buffer, NAME_SIZE, "vcpu%u", vcpu);
    return buffer;
}

/* Whole nanoseconds; a counter runs at 1 GHz at most. */
static uint64_t nanoseconds(const struct trace_dump *dump, uint64_t ticks)
{
    return ticks / dump->hz * 1000000000 + ticks % dump->hz * 1000000000 / dump->hz;
}

static void print_us(const struct trace_dump *dump, uint64_t ticks)
{
    uint64_t ns = nanoseconds(dump, ticks);

    printf("%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
}

/* The argument; of a switch and of the end of a warp as a name. */
static void print_argument(const struct trace_dump *dump, const struct ontime_trace_record *record)
{
    char buffer[NAME_SIZE];
    const char *name = NULL;

    if (record->type == ONTIME_TRACE_SWITCH)
        name = vcpu_name(dump, (uint16_t)record->arg, buffer);
    else if (record->type == ONTIME_TRACE_WARP_END)
        name = trace_warp_end_name(record->arg);
    if (name != NULL)
        printf("%s", name);
    else
        printf("%" PRIu32, record->arg);
}

static void print_records(const struct trace_dump *dump, size_t first, size_t last)
{
    printf("counter,us,vcpu,type,arg\n");
    for (size_t i = first; i <= last; i++) {
        const struct ontime_trace_record *record = &dump->records[i];
        const char *type = trace_type_name(record->type);
        char buffer[NAME_SIZE];

        printf("%" PRIu64 ",", record->counter);
        print_us(dump, record->counter);
        printf(",%s,", vcpu_name(dump, record->vcpu, buffer));
        if (type != NULL)
            printf("%s,", type);
        else
            printf("type%u,", record->type);
        print_argument(dump, record);
        printf("\n");
    }
}

/* Who ran when record `at` was made: the last switch before it says, or the next one. */
static bool running_at(const struct trace_dump *dump, size_t at, uint16_t *vcpu)
{
    for (size_t i = at; i > 0; i--) {
        if (dump->records[i - 1].type == ONTIME_TRACE_SWITCH) {
            *vcpu = dump->records[i - 1].vcpu;
            return true;
        }
    }
    for (size_t i = at; i < dump->count; i++) {
        if (dump->records[i].type == ONTIME_TRACE_SWITCH) {
            *vcpu = (uint16_t)dump->records[i].arg;
            return true;
        }
    }
    return false;
}

/*
 * Adds up `ticks` by vCPU; false when the trace has no switch, or one that leaves another vCPU than the one
 * that ran.
 */
static bool sum_up(const struct trace_dump *dump, size_t first, size_t last, uint64_t *ticks)
{
    uint64_t since = dump->records[first].counter;
    uint16_t running;

    if (!running_at(dump, first, &running)) {
        (void)fprintf(stderr, "ontime trace: no switch in the trace tells who ran\n");
        return false;
    }
    for (size_t i = first; i <= last; i++) {
        const struct ontime_trace_record *record = &dump->records[i];

        if (record->type != ONTIME_TRACE_SWITCH && i != last)
            continue;
        ticks[running] += record->counter - since;
        since = record->counter;
        if (record->type != ONTIME_TRACE_SWITCH)
            continue;
        if (record->arg != running) {
            (void)fprintf(stderr, "ontime trace: at %" PRIu64 " vCPU %" PRIu32 " is left, but %u ran\n",
                          record->counter, record->arg, running);
            return false;
        }
        running = record->vcpu;
    }
    return true;
}

static void print_sum(const struct trace_dump *dump, uint16_t vcpu, uint64_t ticks, uint64_t total)
{
    char buffer[NAME_SIZE];

    printf("%s,%" PRIu64 ",", vcpu_name(dump, vcpu, buffer), ticks);
    print_us(dump, ticks);
    printf(",%.6f\n", total > 0 ? (double)ticks / (double)total : 0.0);
}

static bool print_summary(const struct trace_dump *dump, size_t first, size_t last)
{
    uint64_t *ticks = calloc(ONTIME_TRACE_IDLE + 1, sizeof(*ticks));
    uint64_t total = dump->records[last].counter - dump->records[first].counter;
    bool done = ticks != NULL && sum_up(dump, first, last, ticks);

    if (done) {
        printf("vcpu,ticks,us,share\n");
        for (unsigned vcpu = 0; vcpu < ONTIME_TRACE_IDLE; vcpu++) {
            if (ticks[vcpu] > 0 || trace_dump_vcpu_name(dump, (uint16_t)vcpu) != NULL)
                print_sum(dump, (uint16_t)vcpu, ticks[vcpu], total);
        }
        print_sum(dump, ONTIME_TRACE_IDLE, ticks[ONTIME_TRACE_IDLE], total);
    }
    free(ticks);
    return done;
}

int trace_command(int argc, char **argv)
{
    struct options options = {0};
    struct trace_dump dump;
    size_t first;
    size_t last;
    bool done = false;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (!read_log(&options, &dump))
        return 1;
    if (dump.count == 0) {
        (void)fprintf(stderr, "ontime trace: the trace is empty\n");
    } else if (find_range(&options, &dump, &first, &last)) {
        done = !options.summary || print_summary(&dump, first, last);
        if (done && !options.summary)
            print_records(&dump, first, last);
    }
    trace_dump_free(&dump);
    return done ? 0 : 1;
}
