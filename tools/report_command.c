/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ontime report: one page about a run, of its console log. The page is tools/report.html, which draws what
 * stands in it as JSON; this writes the JSON. Times in it are us, from the trace's first record.
 */
#define _GNU_SOURCE /* open_memstream */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bound.h"
#include "commands.h"
#include "explain_inputs.h"
#include "explain_picture.h"
#include "explain_words.h"

#define PLACE "@DATA@"

static const char usage[] =
    "usage: ontime report [-o OUT.html] [--sleeps FILE.csv --vm NAME]\n"
    "                     [--system SYSTEM.dtb [--ns-per-instruction N]] LOG\n"
    "Writes one page (report.html), which needs no network, about a run whose console log has a trace: "
    "sleeps\n"
    "requested and actual, who had the cores when, shares, bounds, and why the latest wake-up was late.\n"
    "  --sleeps     the programs' sleeps of --vm's, a CSV file of the benches; without it those that the log "
    "has\n"
    "  --system     the run's system file, for the bounds\n";

/* The page, and a zero behind it. */
__asm__(".section .rodata\n"
        "report_page:\n"
        ".incbin \"tools/report.html\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char report_page[];

struct report {
    FILE *file;
    const struct explain_options *options;
    const struct explain_inputs *inputs;
    const struct trace_view *view;
    uint64_t from; /* the first record's time */
};

/* A string, as JSON that may stand in a page's script. */
static void put_string(FILE *file, const char *text, size_t length)
{
    (void)fputc('"', file);
    for (size_t i = 0; i < length; i++) {
        unsigned char letter = (unsigned char)text[i];

        if (letter < ' ' || strchr("\"\\<>&", letter) != NULL)
            (void)fprintf(file, "\\u%04x", letter);
        else
            (void)fputc(letter, file);
    }
    (void)fputc('"', file);
}

static double us(const struct report *report, uint64_t ticks)
{
    return (double)trace_dump_ns(report->view->trace, ticks) / 1000;
}

/* us from the first record; of sleeps it may be before. */
static double time_of(const struct report *report, uint64_t time)
{
    return time >= report->from ? us(report, time - report->from) : -us(report, report->from - time);
}

static void put_names(const struct report *report)
{
    const struct trace_dump *trace = report->view->trace;

    fputs(",\n\"vcpus\":[", report->file);
    for (size_t i = 0; i < trace->name_count; i++) {
        fputs(i != 0 ? "," : "", report->file);
        if (trace->names[i] != NULL)
            put_string(report->file, trace->names[i], strlen(trace->names[i]));
        else
            fputs("null", report->file);
    }
    fputs("]", report->file);
}

/* Who has a core, from when on, and whether as urgent work. */
struct run {
    uint16_t vcpu;
    uint64_t since;
    bool urgent;
};

static void put_run(const struct report *report, const struct run *run, uint64_t until, bool *first)
{
    if (until <= run->since)
        return;
    fprintf(report->file, "%s[%u,%.3f,%.3f,%d]", *first ? "" : ",", run->vcpu, time_of(report, run->since),
            us(report, until - run->since), run->urgent);
    *first = false;
}

/* `urgent`: room for all vCPUs, zero. */
static void put_runs(const struct report *report, const struct trace_dump *dump, bool *urgent)
{
    struct run run = {.vcpu = ONTIME_TRACE_IDLE, .since = dump->count != 0 ? dump->records[0].counter : 0};
    bool first = true, known = false;

    for (size_t i = 0; i < dump->count; i++) {
        const struct ontime_trace_record *record = &dump->records[i];
        bool begins = record->type == ONTIME_TRACE_WARP_BEGIN;

        if (record->type == ONTIME_TRACE_SWITCH) {
            if (!known)
                run.vcpu = (uint16_t)record->arg;
            known = true;
            put_run(report, &run, record->counter, &first);
            run = (struct run){record->vcpu, record->counter, urgent[record->vcpu]};
        } else if (begins || record->type == ONTIME_TRACE_WARP_END) {
            urgent[record->vcpu] = begins;
            if (record->vcpu == run.vcpu) {
                put_run(report, &run, record->counter, &first);
                run.since = record->counter;
                run.urgent = begins;
            }
        }
    }
    if (known)
        put_run(report, &run, dump->records[dump->count - 1].counter, &first);
}

static bool put_cores(const struct report *report)
{
    bool *urgent = calloc(ONTIME_TRACE_IDLE + 1, sizeof(*urgent));

    fputs(",\n\"cores\":[", report->file);
    for (size_t i = 0; i < report->inputs->log.count && urgent != NULL; i++) {
        const struct trace_dump *dump = &report->inputs->log.dumps[i];

        fprintf(report->file, "%s\n{\"cpu\":%u,\"records\":%zu,\"lost\":%llu,\"runs\":[", i != 0 ? "," : "",
                dump->cpu, dump->count, (unsigned long long)dump->lost);
        put_runs(report, dump, urgent);
        fputs("]}", report->file);
    }
    fputs("]", report->file);
    free(urgent);
    return urgent != NULL;
}

/* [vCPU, start, requested, actual]; a VM is named by its first vCPU. */
static void put_sleeps(const struct report *report)
{
    const char *between = "";

    fputs(",\n\"sleeps\":[", report->file);
    for (size_t i = 0; i < report->inputs->sleeps.count; i++) {
        const struct sleep_entry *sleep = &report->inputs->sleeps.list[i];

        fprintf(report->file, "%s[%u,%.3f,%.3f,%.3f]", between,
                wakeup_first_vcpu_of(report->view->trace, sleep->vm), time_of(report, sleep->start),
                us(report, sleep->requested), us(report, sleep->end - sleep->start));
        between = ",";
    }
    fputs("]", report->file);
}

/* [vCPU, time, late by, CPU] of each entry for a deadline; where there are none, of guests' own timers. */
static void put_entries(const struct report *report)
{
    const struct trace_dump *trace = report->view->trace;
    uint16_t type = ONTIME_TRACE_GUEST_TIMER;
    const char *between = "";

    for (size_t i = 0; i < trace->count; i++)
        if (trace->records[i].type == ONTIME_TRACE_TIMER_ENTERED)
            type = ONTIME_TRACE_TIMER_ENTERED;
    fprintf(report->file, ",\n\"of\":\"%s\",\n\"entries\":[", trace_type_name(type));
    for (size_t i = 0; i < trace->count; i++) {
        const struct ontime_trace_record *record = &trace->records[i];

        if (record->type != type || record->arg == ONTIME_TRACE_ARG_MAX)
            continue;
        fprintf(report->file, "%s[%u,%.3f,%.3f,%u]", between, record->vcpu, time_of(report, record->counter),
                us(report, record->arg), report->view->cpus[i]);
        between = ",";
    }
    fputs("]", report->file);
}

static void put_bounds(const struct report *report)
{
    const struct system_config *system = report->inputs->system;
    const char *between = "";

    fputs(",\n\"bounds\":[", report->file);
    for (unsigned vm = 0; system != NULL && vm < system->vm_count; vm++)
        for (unsigned cpu = 0; cpu < SYSTEM_MAX_CPUS; cpu++) {
            struct bound bound;

            if (vm_config_vcpus_on(&system->vms[vm], cpu) == 0)
                continue;
            bound = bound_of(system, &system->vms[vm], cpu, report->options->ns_per_instruction);
            fprintf(report->file, "%s{\"vm\":\"%s\",\"cpu\":%u,\"us\":%llu,\"why\":", between,
                    system->vms[vm].name, cpu, (unsigned long long)bound.total);
            put_string(report->file, bound.why_not, bound.exists ? 0 : strlen(bound.why_not));
            fputs("}", report->file);
            between = ",";
        }
    fputs("]", report->file);
}

/* What `ontime trace explain` says of a wake-up, in words or as a picture. */
static void put_explanation(const struct report *report, const struct wakeup *wakeup, bool as_picture)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    if (file == NULL) {
        fputs("\"\"", report->file);
        return;
    }
    if (as_picture)
        explain_draw(file, report->view, wakeup);
    else
        explain_in_words(file, report->view, wakeup, report->inputs->system,
                         report->options->ns_per_instruction);
    (void)fclose(file);
    put_string(report->file, text, size);
    free(text);
}

static bool put_worst(const struct report *report)
{
    struct wakeup wakeup;
    int found =
        wakeup_find(report->view, &report->inputs->sleeps, report->options->vm, WAKEUP_WORST, 0, &wakeup);

    fputs(",\n\"worst\":", report->file);
    if (found <= 0) {
        fputs("null", report->file);
        return found == 0;
    }
    fputs("{\"words\":", report->file);
    put_explanation(report, &wakeup, false);
    fputs(",\"picture\":", report->file);
    put_explanation(report, &wakeup, true);
    fputs("}", report->file);
    wakeup_free(&wakeup);
    return true;
}

static bool put_data(const struct report *report)
{
    const struct trace_dump *trace = report->view->trace;
    const char *log = report->options->log, *slash = strrchr(log, '/');
    const char *name = slash != NULL ? slash + 1 : log;
    bool good;

    fputs("{\"title\":", report->file);
    put_string(report->file, name, strlen(name));
    fprintf(report->file, ",\"from\":%.3f,\"length\":%.3f", us(report, report->from),
            us(report, trace->records[trace->count - 1].counter - report->from));
    put_names(report);
    good = put_cores(report);
    put_sleeps(report);
    put_entries(report);
    put_bounds(report);
    good = put_worst(report) && good;
    fputs("}\n", report->file);
    return good;
}

static bool write_page(const struct explain_options *options, const struct explain_inputs *inputs,
                       const char *out)
{
    const char *place = strstr(report_page, PLACE);
    struct report report = {.options = options,
                            .inputs = inputs,
                            .view = &inputs->view,
                            .file = fopen(out, "w"),
                            .from = inputs->merged.records[0].counter};
    bool good;

    if (report.file == NULL) {
        perror(out);
        return false;
    }
    (void)fwrite(report_page, 1, (size_t)(place - report_page), report.file);
    good = put_data(&report);
    fputs(place + strlen(PLACE), report.file);
    good = ferror(report.file) == 0 && good;
    if (fclose(report.file) != 0 || !good) {
        (void)fprintf(stderr, "ontime report: %s is not whole\n", out);
        return false;
    }
    printf("%s\n", out);
    return true;
}

static bool read_options(int argc, char **argv, struct explain_options *options, const char **out)
{
    *out = "report.html";
    options->ns_per_instruction = EXPLAIN_NS_PER_INSTRUCTION;
    for (int i = 1, taken; i < argc; i += taken) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        taken = 2;
        if (strcmp(argv[i], "-o") == 0 && value != NULL)
            *out = value;
        else
            taken = explain_read_option(argv[i], value, options);
        if (taken == 0)
            return false;
    }
    return options->log != NULL && explain_options_are_whole(options);
}

int report_command(int argc, char **argv)
{
    struct explain_options options = {0};
    struct explain_inputs inputs;
    const char *out;
    bool good;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options, &out)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (!explain_inputs_read(&options, &inputs))
        return 1;
    good = inputs.merged.count != 0;
    if (!good)
        (void)fprintf(stderr, "ontime report: %s: the trace is empty\n", options.log);
    good = good && write_page(&options, &inputs, out);
    explain_inputs_free(&inputs);
    return good ? 0 : 1;
}
