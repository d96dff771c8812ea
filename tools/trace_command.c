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

#define ERROR_SIZE 256
#define NAME_SIZE  64

static const char usage[] =
    "usage: ontime trace [--cpu N|all] [--summary] [--from MARK] [--to MARK] LOG\n"
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
    if (read_number(text, UINT32_MAX, &options->cpu)) {
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

/* The last dump of each CPU that was asked for. */
struct dumps {
    struct trace_dump *list;
    size_t count;
};

static void free_dumps(struct dumps *dumps)
{
    for (size_t i = 0; i < dumps->count; i++)
        trace_dump_free(&dumps->list[i]);
    free(dumps->list);
    *dumps = (struct dumps){0};
}

/* Takes the dump over, in place of an earlier one of its CPU; false: out of memory. */
static bool keep(struct dumps *dumps, const struct trace_dump *dump)
{
    size_t i = 0;
    struct trace_dump *list;

    while (i < dumps->count && dumps->list[i].cpu != dump->cpu)
        i++;
    if (i < dumps->count) {
        trace_dump_free(&dumps->list[i]);
    } else {
        list = realloc(dumps->list, (i + 1) * sizeof(*list));
        if (list == NULL)
            return false;
        dumps->list = list;
        dumps->count++;
    }
    dumps->list[i] = *dump;
    return true;
}

static bool read_log(const struct options *options, struct dumps *dumps)
{
    char error[ERROR_SIZE] = "out of memory";
    unsigned long line = 0;
    struct trace_dump dump;
    FILE *log = fopen(options->log, "r");
    int result;

    if (log == NULL) {
        perror(options->log);
        return false;
    }
    while ((result = trace_dump_read(log, &line, &dump, error, sizeof(error))) > 0) {
        if (!options->all && dump.cpu != options->cpu) {
            trace_dump_free(&dump);
        } else if (!keep(dumps, &dump)) {
            trace_dump_free(&dump);
            result = -1;
            break;
        }
    }
    (void)fclose(log);
    if (result == 0 && dumps->count != 0)
        return true;
    (void)fprintf(stderr, "ontime trace: %s: %s\n", options->log,
                  result < 0     ? error
                  : options->all ? "no trace in it"
                                 : "no trace of this CPU in it");
    return false;
}

/* Is record `i` of one CPU before record `k` of another? Of the same time is that of the lower CPU. */
static bool is_before(const struct trace_dump *one, size_t i, const struct trace_dump *other, size_t k)
{
    uint64_t time = one->records[i].counter;
    uint64_t other_time = other->records[k].counter;

    return time != other_time ? time < other_time : one->cpu < other->cpu;
}

/* Whose next record, at its place, is the first; there is one. */
static size_t earliest(const struct dumps *dumps, const size_t *places)
{
    size_t found = dumps->count;

    for (size_t i = 0; i < dumps->count; i++)
        if (places[i] < dumps->list[i].count &&
            (found == dumps->count ||
             is_before(&dumps->list[i], places[i], &dumps->list[found], places[found])))
            found = i;
    return found;
}

/*
 * The records of all dumps by time, in one with the names of the first, and the CPU of each; NULL: out of
 * memory.
 */
static unsigned *merge(const struct dumps *dumps, struct trace_dump *merged)
{
    size_t *places = calloc(dumps->count, sizeof(*places));
    unsigned *cpus;

    *merged = dumps->list[0];
    merged->count = 0;
    merged->lost = 0;
    for (size_t i = 0; i < dumps->count; i++) {
        merged->count += dumps->list[i].count;
        merged->lost += dumps->list[i].lost;
    }
    merged->records = calloc(merged->count + 1, sizeof(*merged->records));
    cpus = calloc(merged->count + 1, sizeof(*cpus));
    if (places == NULL || merged->records == NULL || cpus == NULL) {
        free(places);
        free(merged->records);
        free(cpus);
        return NULL;
    }
    for (size_t i = 0; i < merged->count; i++) {
        size_t from = earliest(dumps, places);

        merged->records[i] = dumps->list[from].records[places[from]++];
        cpus[i] = dumps->list[from].cpu;
    }
    free(places);
    return cpus;
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

static bool print_all(const struct options *options, const struct dumps *dumps)
{
    struct trace_dump merged;
    unsigned *cpus = merge(dumps, &merged);
    bool done;

    if (cpus == NULL) {
        (void)fprintf(stderr, "ontime trace: out of memory\n");
        return false;
    }
    done = print_dump(options, &merged, cpus);
    free(merged.records);
    free(cpus);
    return done;
}

int trace_command(int argc, char **argv)
{
    struct options options = {0};
    struct dumps dumps = {0};
    bool done = false;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (read_log(&options, &dumps))
        done = options.all ? print_all(&options, &dumps) : print_dump(&options, &dumps.list[0], NULL);
    free_dumps(&dumps);
    return done ? 0 : 1;
}
