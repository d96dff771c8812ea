/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trace_decode.h. A dump is a begin line, lines of vCPUs and of data, and an end line. At the end there
 * must be as many records as the begin line promises: so a log that was cut or has lost lines is refused.
 */
#define _GNU_SOURCE /* getline, asprintf */
#include "trace_decode.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MARKER "[ontime] trace "

struct reader {
    FILE *log;
    unsigned long *line_number;
    char *line; /* getline()'s */
    size_t room;
    struct trace_dump *dump;
    uint64_t promised; /* records */
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int fail(struct reader *reader, const char *format, ...)
{
    va_list list;
    char reason[128];

    va_start(list, format);
    (void)vsnprintf(reason, sizeof(reason), format, list);
    va_end(list);
    (void)snprintf(reader->error, reader->error_size, "line %lu: %s", *reader->line_number, reason);
    return -1;
}

/*
 * What follows the marker in the next line that has it, without the end of line; NULL at the end of the log.
 */
static char *next_trace_line(struct reader *reader)
{
    while (getline(&reader->line, &reader->room, reader->log) >= 0) {
        char *found = strstr(reader->line, MARKER);

        ++*reader->line_number;
        if (found == NULL)
            continue;
        found[strcspn(found, "\r\n")] = '\0';
        return found + strlen(MARKER);
    }
    return NULL;
}

static int read_begin(struct reader *reader, const char *text)
{
    unsigned version;
    int length = 0;

    if (sscanf(text, "begin version=%u cpu=%u hz=%" SCNu64 " records=%" SCNu64 " lost=%" SCNu64 "%n",
               &version, &reader->dump->cpu, &reader->dump->hz, &reader->promised, &reader->dump->lost,
               &length) != 5 ||
        text[length] != '\0' || reader->dump->hz == 0)
        return fail(reader, "a trace's begin line that cannot be read: \"%.60s\"", text);
    if (version != ONTIME_TRACE_VERSION)
        return fail(reader, "trace version %u; this tool knows version %u", version, ONTIME_TRACE_VERSION);
    return 0;
}

static int read_vcpu(struct reader *reader, const char *text)
{
    struct trace_dump *dump = reader->dump;
    unsigned id;
    int start = 0;

    if (sscanf(text, "vcpu %u %n", &id, &start) != 1 || text[start] == '\0' || id >= ONTIME_TRACE_IDLE)
        return fail(reader, "a vCPU's line that cannot be read: \"%.60s\"", text);
    if (id >= dump->name_count) {
        char **names = realloc(dump->names, (id + 1) * sizeof(*names));

        if (names == NULL)
            return fail(reader, "out of memory");
        memset(names + dump->name_count, 0, (id + 1 - dump->name_count) * sizeof(*names));
        dump->names = names;
        dump->name_count = id + 1;
    }
    free(dump->names[id]);
    dump->names[id] = strdup(text + start);
    return dump->names[id] != NULL ? 0 : fail(reader, "out of memory");
}

static int digit_value(char digit)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit != '\0' ? strchr(alphabet, digit) : NULL;

    return found != NULL ? (int)(found - alphabet) : -1;
}

/* Decodes base64 in place; returns the number of bytes, -1 when it is not base64. */
static long decode(const char *text, uint8_t *bytes)
{
    size_t length = strlen(text);
    size_t padding = length >= 2 ? (size_t)(text[length - 1] == '=') + (text[length - 2] == '=') : 0;
    uint32_t group = 0;
    long count = 0;

    if (length % 4 != 0)
        return -1;
    for (size_t i = 0; i < length - padding; i++) {
        int value = digit_value(text[i]);

        if (value < 0)
            return -1;
        group = group << 6 | (uint32_t)value;
        if (i % 4 > 0)
            bytes[count++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    return count;
}

static uint64_t little_endian(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    for (unsigned i = count; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static int read_data(struct reader *reader, char *text)
{
    struct trace_dump *dump = reader->dump;
    uint8_t *bytes = (uint8_t *)text;
    long size = decode(text, bytes);
    size_t count = (size_t)size / sizeof(*dump->records);

    if (size <= 0 || (size_t)size % sizeof(*dump->records) != 0)
        return fail(reader, "a data line that is not base64 of whole records");
    struct ontime_trace_record *records = realloc(dump->records, (dump->count + count) * sizeof(*records));

    if (records == NULL)
        return fail(reader, "out of memory");
    dump->records = records;
    for (size_t i = 0; i < count; i++, bytes += sizeof(*records)) {
        records[dump->count++] = (struct ontime_trace_record){
            .counter = little_endian(bytes, 8),
            .arg = (uint32_t)little_endian(bytes + 8, 4),
            .vcpu = (uint16_t)little_endian(bytes + 12, 2),
            .type = (uint16_t)little_endian(bytes + 14, 2),
        };
    }
    return 0;
}

/* Reads what follows the begin line. */
static int read_body(struct reader *reader)
{
    char *text;

    while ((text = next_trace_line(reader)) != NULL) {
        int result;

        if (strcmp(text, "end") == 0) {
            if (reader->dump->count == reader->promised)
                return 1;
            return fail(reader, "the trace has %zu of %" PRIu64 " records: lines are missing",
                        reader->dump->count, reader->promised);
        }
        if (strncmp(text, "vcpu ", 5) == 0)
            result = read_vcpu(reader, text);
        else if (strncmp(text, "data ", 5) == 0)
            result = read_data(reader, text + 5);
        else
            result = fail(reader, "not expected inside a trace: \"%.60s\"", text);
        if (result != 0)
            return result;
    }
    return fail(reader, "the log ends inside a trace, after %zu of %" PRIu64 " records", reader->dump->count,
                reader->promised);
}

int trace_dump_read(FILE *log, unsigned long *line, struct trace_dump *dump, char *error, size_t error_size)
{
    struct reader reader = {
        .log = log, .line_number = line, .dump = dump, .error = error, .error_size = error_size};
    int result = 0;

    *dump = (struct trace_dump){0};
    const char *text = next_trace_line(&reader);

    if (text != NULL)
        result = read_begin(&reader, text) != 0 ? -1 : read_body(&reader);
    free(reader.line);
    if (result < 0)
        trace_dump_free(dump);
    return result;
}

void trace_dump_free(struct trace_dump *dump)
{
    for (size_t i = 0; i < dump->name_count; i++)
        free(dump->names[i]);
    free(dump->names);
    free(dump->records);
    *dump = (struct trace_dump){0};
}

const char *trace_dump_vcpu_name(const struct trace_dump *dump, uint16_t vcpu)
{
    if (vcpu == ONTIME_TRACE_IDLE)
        return "idle";
    return vcpu < dump->name_count ? dump->names[vcpu] : NULL;
}

uint64_t trace_dump_ns(const struct trace_dump *dump, uint64_t ticks)
{
    return ticks / dump->hz * 1000000000 + ticks % dump->hz * 1000000000 / dump->hz;
}

/* Arrays of names, for the lists of include/ontime/trace.h. */
#define NAME(name, number, text) [number] = (text),

const char *trace_type_name(uint16_t type)
{
    static const char *const names[] = {ONTIME_TRACE_TYPES(NAME)};

    return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

const char *trace_warp_end_name(uint32_t reason)
{
    static const char *const names[] = {ONTIME_WARP_ENDS(NAME)};

    return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : NULL;
}
