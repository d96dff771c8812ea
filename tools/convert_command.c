/* SPDX-License-Identifier: Apache-2.0 */
/* ontime trace convert: the trace in a console log for trace-cmd and KernelShark, babeltrace2, or Perfetto.
 */
#include "commands.h"
#include "convert.h"
#include <inttypes.h>
#include <string.h>

static const char usage[] =
    "usage: ontime trace convert --to trace.dat|ctf|perfetto [-o OUT] LOG\n"
    "Writes the last trace dump of each CPU in a console log in another program's format.\n"
    "  trace.dat  a file for trace-cmd and KernelShark (trace.dat)\n"
    "  ctf        a folder for babeltrace2 and Trace Compass (ctf)\n"
    "  perfetto   a file for ui.perfetto.dev, which works offline, too (trace.perfetto)\n";

struct options {
    const char *to, *out, *log;
};

struct format {
    const char *name, *out;
    bool (*write)(const struct trace_log *log, FILE *file); /* NULL: a folder */
};

static const struct format formats[] = {
    {"trace.dat", "trace.dat", convert_to_ftrace},
    {"ctf", "ctf", NULL},
    {"perfetto", "trace.perfetto", convert_to_perfetto},
};

const char *convert_type_name(uint16_t type, char buffer[CONVERT_NAME_SIZE])
{
    const char *name = trace_type_name(type);

    (void)snprintf(buffer, CONVERT_NAME_SIZE, "%s", name != NULL ? name : "other");
    for (char *place = buffer; *place != '\0'; place++)
        if (*place == '-')
            *place = '_';
    return buffer;
}

uint16_t convert_first(const struct trace_dump *dump)
{
    for (size_t i = 0; i < dump->count; i++)
        if (dump->records[i].type == ONTIME_TRACE_SWITCH)
            return (uint16_t)dump->records[i].arg;
    return ONTIME_TRACE_IDLE;
}

void convert_follow(struct convert_blocked *blocked, const struct ontime_trace_record *record)
{
    if (record->type == ONTIME_TRACE_VCPU_BLOCKED)
        blocked->is[record->vcpu] = true;
    else if (record->type == ONTIME_TRACE_VCPU_WOKEN || record->type == ONTIME_TRACE_SWITCH ||
             record->type == ONTIME_TRACE_TIMER_FIRED)
        blocked->is[record->vcpu] = false;
}

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--to") == 0 && i + 1 < argc)
            options->to = argv[++i];
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            options->out = argv[++i];
        else if (argv[i][0] != '-' && options->log == NULL)
            options->log = argv[i];
        else
            return false;
    }
    return options->log != NULL && find_format(options->to) != NULL;
}

static bool write_file(const struct format *format, const struct trace_log *log, const char *name)
{
    FILE *file = fopen(name, "wb");
    bool good;

    if (file == NULL) {
        perror(name);
        return false;
    }
    good = format->write(log, file);
    good = ferror(file) == 0 && good;
    if (fclose(file) != 0 || !good) {
        (void)fprintf(stderr, "ontime trace convert: %s is not whole\n", name);
        return false;
    }
    return true;
}

static bool are_numbers_small(const struct trace_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        if (log->dumps[i].cpu >= CONVERT_MAX_CPUS) {
            (void)fprintf(stderr, "ontime trace convert: CPU %u: only %u are known\n", log->dumps[i].cpu,
                          CONVERT_MAX_CPUS);
            return false;
        }
    return true;
}

/* What was written: how many records of each CPU, and how many it had lost. */
static void say_counts(const struct trace_log *log, const char *name)
{
    printf("%s:", name);
    for (size_t i = 0; i < log->count; i++)
        printf("%s CPU %u %zu records, %" PRIu64 " lost", i != 0 ? ";" : "", log->dumps[i].cpu,
               log->dumps[i].count, log->dumps[i].lost);
    puts("");
}

int convert_command(int argc, char **argv)
{
    struct options options = {0};
    const struct format *format;
    struct trace_log log;
    const char *out;
    bool good;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (!trace_log_read(options.log, TRACE_ALL_CPUS, &log))
        return 1;
    format = find_format(options.to);
    out = options.out != NULL ? options.out : format->out;
    good = are_numbers_small(&log) &&
           (format->write != NULL ? write_file(format, &log, out) : convert_to_ctf(&log, out));
    if (good)
        say_counts(&log, out);
    trace_log_free(&log);
    return good ? 0 : 1;
}
