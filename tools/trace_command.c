/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ontime trace: prints a trace in a console log as CSV, or its sums. A vCPU's sum is the time from each
 * switch to it until the switch away from it. Who ran at the beginning is known from the first switch, which
 * names the vCPU that it leaves. Of all CPUs the records are merged by time; sums are made for one CPU only.
 */
#include "commands.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trace_decode.h"
#include "trace_log.h"

#define NAME_SIZE 64

static const char usage[] =
    "usage: ontime trace [--cpu N|all] [--summary] [--from MARK] [--to MARK] LOG\n"
    "       ontime trace convert --to trace.dat|ctf|perfetto -o OUT LOG\n"
    "       ontime trace explain [OPTION...] LOG\n"
    "Reads the last trace dump of a CPU in a console log.\n"
    "  --cpu N      the CPU (0)\n"
    "  --cpu all    the records of all CPUs in order of time, with a column `cpu` before `vcpu`\n"
    "  --from MARK  only from the first mark of that number on\n"
    "  --to MARK    only up to the next mark of that number\n"
    "  --summary    the CPU time of each vCPU and of idleness on one CPU: CSV vcpu,ticks,us,share\n"
    "Otherwise prints all records: CSV counter,us,vcpu,type,arg; us counts from the counter's 0.\n";

struct options {
    unsigned long cpu;
    bool all; /* CPUs */
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

static bool read_cpu(const char *text, struct options *options)
{
    if (read_number(text, UINT32_MAX - 1, &options->cpu)) {
        options->all = false;
        return true;
    }
    options->all = text != NULL && strcmp(text, "all") == 0;
    return options->all;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--summary") == 0) {
            options->summary = true;
        } else if (strcmp(argv[i], "--cpu") == 0 && read_cpu(value, options)) {
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
    return options->log != NULL && !(options->all && options->summary);
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

static void print_us(const struct trace_dump *dump, uint64_t ticks)
{
    uint64_t ns = trace_dump_ns(dump, ticks);

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

/* `cpus`: that of each record, or NULL when all are of one. */
static void print_records(const struct trace_dump *dump, const unsigned *cpus, size_t first, size_t last)
{
    printf("counter,us,%svcpu,type,arg\n", cpus != NULL ? "cpu," : "");
    for (size_t i = first; i <= last; i++) {
        const struct ontime_trace_record *record = &dump->records[i];
        const char *type = trace_type_name(record->type);
        char buffer[NAME_SIZE];

        printf("%" PRIu64 ",", record->counter);
        print_us(dump, record->counter);
        if (cpus != NULL)
            printf(",%u", cpus[i]);
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

static bool print_dump(const struct options *options, const struct trace_dump *dump, const unsigned *cpus)
{
    size_t first;
    size_t last;

    if (dump->count == 0) {
        (void)fprintf(stderr, "ontime trace: the trace is empty\n");
        return false;
    }
    if (!find_range(options, dump, &first, &last))
        return false;
    if (options->summary)
        return print_summary(dump, first, last);
    print_records(dump, cpus, first, last);
    return true;
}

static bool print_all(const struct options *options, const struct trace_log *log)
{
    struct trace_dump merged;
    unsigned *cpus = trace_log_merge(log, &merged);
    bool done;

    if (cpus == NULL)
        return false;
    done = print_dump(options, &merged, cpus);
    free(merged.records);
    free(cpus);
    return done;
}

int trace_command(int argc, char **argv)
{
    struct options options = {0};
    struct trace_log log = {0};
    bool done = false;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (trace_log_read(options.log, options.all ? TRACE_ALL_CPUS : (unsigned)options.cpu, &log))
        done = options.all ? print_all(&options, &log) : print_dump(&options, &log.dumps[0], NULL);
    trace_log_free(&log);
    return done ? 0 : 1;
}
