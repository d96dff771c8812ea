/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ontime trace convert`: a small trace of two CPUs, and a long one, in each format, read back by those that
 * the formats are for: trace-cmd, babeltrace2, and Perfetto's messages. Every record is there, at its time.
 */
#define _GNU_SOURCE /* getline, getdelim, popen */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "captured.h"
#include "commands.h"
#include "convert.h"
#include "perfetto.pb-c.h"

#define HZ   UINT64_C(62500000)
#define LONG 100000

static char folder[] = "/tmp/ontime-convert-XXXXXX";
static char path[64];
static char *names[] = {(char[]){"player.0"}, (char[]){"mat-mul.0"}, NULL, (char[]){"player.1"}};

static struct ontime_trace_record on_0[] = {
    {1000, 1, 0, ONTIME_TRACE_MARK},
    {1500, 0, 1, ONTIME_TRACE_SWITCH},
    {62501500, 7, 1, 4711},
    {62502000, 0, ONTIME_TRACE_IDLE, ONTIME_TRACE_TICK},
    {62502000, 0, 0, ONTIME_TRACE_VCPU_WOKEN},
    {62502001, 1, 0, ONTIME_TRACE_SWITCH},
    {62502001, 0, 0, ONTIME_TRACE_WARP_BEGIN},
    {62502601, 1, 0, ONTIME_TRACE_WARP_END},
};
static struct ontime_trace_record on_2[] = {
    {1200, 400, 3, ONTIME_TRACE_VCPU_BLOCKED},
    {1200, 3, ONTIME_TRACE_IDLE, ONTIME_TRACE_SWITCH},
};
static struct trace_dump dumps[] = {
    {.cpu = 0, .hz = HZ, .records = on_0, .count = 8, .names = names, .name_count = 4},
    {.cpu = 2, .hz = HZ, .lost = 41, .records = on_2, .count = 2, .names = names, .name_count = 4},
};
static const struct trace_log two_cpus = {.dumps = dumps, .count = 2};

static const char *file_name(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_as(bool (*write)(const struct trace_log *log, FILE *file), const struct trace_log *log)
{
    FILE *file = fopen(file_name("file"), "wb");

    assert_non_null(file);
    assert_true(write(log, file));
    assert_int_equal(fclose(file), 0);
}

/* A command on the file or folder of that name, whose both outputs are read. */
static FILE *start(const char *command, const char *name)
{
    char line[256];
    FILE *in;

    (void)snprintf(line, sizeof(line), "%s %s 2>&1", command, file_name(name));
    in = popen(line, "r"); // NOLINT(cert-env33-c): a fixed command
    assert_non_null(in);
    return in;
}

/* What it says, to be freed. */
static char *output_of(const char *command, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    FILE *in = start(command, name);

    if (getdelim(&text, &size, '\0', in) < 0)
        text[0] = '\0';
    assert_int_equal(pclose(in), 0);
    return text;
}

static void expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    for (const char *place = strstr(text, part); place != NULL; place = strstr(place + 1, part))
        found++;
    return found;
}

/* A record each 10 us, with pauses: so that pages end, and times need more than 27 bits. */
static void fill_long(struct trace_dump *dump)
{
    uint64_t time = 5;

    dump->records = calloc(LONG, sizeof(*dump->records));
    assert_non_null(dump->records);
    for (uint32_t i = 0; i < LONG; i++) {
        time += i % 1000 == 0 ? HZ : 625;
        dump->records[i] = (struct ontime_trace_record){time, i, 0, ONTIME_TRACE_MARK};
    }
    dump->count = LONG;
}

static void trace_cmd_reads_it(void **state)
{
    char *text;

    (void)state;
    write_as(convert_to_ftrace, &two_cpus);
    text = output_of("trace-cmd report -t", "file");
    expect_in(text, "cpus=3\n");
    expect_in(text, "player.0-1");
    expect_in(text, "[000]     0.000016000: mark:");
    expect_in(text, "vcpu=player.0 arg=1 counter=1000\n");
    expect_in(text, "vcpu=mat-mul.0 from=player.0 counter=1500\n");
    expect_in(text, "[000]     1.000024000: other:");
    expect_in(text, "vcpu=mat-mul.0 arg=7 counter=62501500 type=4711\n");
    expect_in(text, "vcpu=idle arg=0 counter=62502000\n");
    expect_in(text, "vcpu=player.0 reason=blocked counter=62502601\n");
    expect_in(text, "[000]     1.000032016: sched_switch:");
    expect_in(text, "[002]     0.000019200: sched_switch:");
    expect_in(text, "41 EVENTS DROPPED");
    assert_int_equal(count(text, "counter="), 10);
    assert_int_equal(count(text, "sched_switch:"), 3);
    assert_int_equal(count(text, "sched_waking:"), 1);
    free(text);
    text = output_of("trace-cmd report --stat", "file");
    expect_in(text, "overrun: 41\n");
    free(text);
}

static void trace_cmd_reads_a_long_one(void **state)
{
    struct trace_dump dump = {.cpu = 0, .hz = HZ, .names = names, .name_count = 4};
    const struct trace_log log = {.dumps = &dump, .count = 1};
    char *line = NULL;
    size_t room = 0, i = 0;
    FILE *in;

    (void)state;
    fill_long(&dump);
    write_as(convert_to_ftrace, &log);
    in = start("trace-cmd report -t", "file");
    while (getline(&line, &room, in) >= 0) {
        char time[64], rest[64];
        uint64_t ns;

        if (strstr(line, " mark:") == NULL)
            continue;
        assert_true(i < LONG);
        ns = trace_dump_ns(&dump, dump.records[i].counter);
        (void)snprintf(time, sizeof(time), " %" PRIu64 ".%09" PRIu64 ": mark:", ns / 1000000000,
                       ns % 1000000000);
        (void)snprintf(rest, sizeof(rest), " arg=%zu counter=%" PRIu64 "\n", i, dump.records[i].counter);
        expect_in(line, time);
        expect_in(line, rest);
        i++;
    }
    assert_int_equal(pclose(in), 0);
    assert_int_equal(i, LONG);
    free(line);
    free(dump.records);
}

static void babeltrace_reads_it(void **state)
{
    char *text;

    (void)state;
    assert_true(convert_to_ctf(&two_cpus, file_name("ctf")));
    text = output_of("babeltrace2 --clock-cycles --no-delta", "ctf");
    expect_in(
        text,
        "[00000000000000001000] mark: { cpu_id = 0 }, { vcpu = ( \"player.0\" : container = 0 ), arg = 1 }");
    expect_in(text,
              "switch: { cpu_id = 0 }, { vcpu = ( \"mat-mul.0\" : container = 1 ), from = ( \"player.0\"");
    expect_in(
        text,
        "[00000000000062501500] other: { cpu_id = 0 }, { vcpu = ( \"mat-mul.0\" : container = 1 ), arg = 7, "
        "type = 4711 }");
    expect_in(text, "tick: { cpu_id = 0 }, { vcpu = ( \"idle\" : container = 65535 ), arg = 0 }");
    expect_in(text,
              "warp-end: { cpu_id = 0 }, { vcpu = ( \"player.0\" : container = 0 ), reason = ( \"blocked\"");
    expect_in(text, "[00000000000000001200] vcpu-blocked: { cpu_id = 2 }");
    expect_in(text, "discarded 41 events");
    assert_int_equal(count(text, "vcpu = "), 10);
    free(text);
    text = output_of("grep -a freq", "ctf/metadata");
    expect_in(text, "62500000");
    free(text);
    assert_false(convert_to_ctf(&two_cpus, file_name("ctf"))); /* it is there */
}

static void babeltrace_reads_a_long_one(void **state)
{
    struct trace_dump dump = {.cpu = 0, .hz = HZ, .names = names, .name_count = 4};
    const struct trace_log log = {.dumps = &dump, .count = 1};
    char *line = NULL;
    size_t room = 0, i = 0;
    FILE *in;

    (void)state;
    fill_long(&dump);
    assert_true(convert_to_ctf(&log, file_name("long")));
    in = start("babeltrace2 --clock-cycles --no-delta", "long");
    for (; getline(&line, &room, in) >= 0; i++) {
        char time[64], rest[64];

        assert_true(i < LONG);
        (void)snprintf(time, sizeof(time), "[%020" PRIu64 "] mark:", dump.records[i].counter);
        (void)snprintf(rest, sizeof(rest), ", arg = %zu }", i);
        expect_in(line, time);
        expect_in(line, rest);
    }
    assert_int_equal(pclose(in), 0);
    assert_int_equal(i, LONG);
    free(line);
    free(dump.records);
}

static Trace *read_perfetto(uint8_t **bytes)
{
    FILE *file = fopen(file_name("file"), "rb");
    size_t size;
    Trace *trace;

    assert_non_null(file);
    *bytes = malloc(1 << 20);
    assert_non_null(*bytes);
    size = fread(*bytes, 1, 1 << 20, file);
    (void)fclose(file);
    trace = trace__unpack(NULL, size, *bytes);
    assert_non_null(trace);
    return trace;
}

/* Of each kind so many: tracks, switches, wakings, slices' begins and ends, instants, lost. */
static void count_packets(const Trace *trace, unsigned counts[7])
{
    for (size_t i = 0; i < trace->n_packet; i++) {
        const TracePacket *packet = trace->packet[i];
        const FtraceEventBundle *bundle = packet->ftrace_events;

        counts[0] += packet->track_descriptor != NULL;
        counts[1] += bundle != NULL && bundle->event[0]->sched_switch != NULL;
        counts[2] += bundle != NULL && bundle->event[0]->sched_waking != NULL;
        if (packet->track_event != NULL)
            counts[2 + packet->track_event->type]++;
        counts[6] += bundle != NULL && bundle->lost_events;
    }
}

static void perfettos_messages(void **state)
{
    /* Two processes, three threads, two CPUs; and of the records one more, for those that were lost. */
    static const unsigned expected[] = {7, 3, 1, 1, 1, 9, 1};
    unsigned counts[7] = {0};
    const TracePacket *first = NULL;
    uint8_t *bytes;
    Trace *trace;

    (void)state;
    write_as(convert_to_perfetto, &two_cpus);
    trace = read_perfetto(&bytes);
    count_packets(trace, counts);
    assert_memory_equal(counts, expected, sizeof(counts));
    for (size_t i = 0; i < trace->n_packet && first == NULL; i++)
        if (trace->packet[i]->track_event != NULL)
            first = trace->packet[i];
    assert_non_null(first);
    if (first != NULL) { /* for the analyser */
        assert_int_equal(first->timestamp, 16000);
        assert_string_equal(first->track_event->name, "mark");
        assert_string_equal(first->track_event->debug_annotations[0]->name, "counter");
        assert_int_equal(first->track_event->debug_annotations[0]->uint_value, 1000);
    }
    trace__free_unpacked(trace, NULL);
    free(bytes);
}

/* A packet of more than 127 bytes, whose length takes two. */
static void perfettos_long_packets(void **state)
{
    char *long_names[] = {(char[]){"a-name-that-is-as-long-as-sixty-letters-are-in-a-row-of-them.0"},
                          (char[]){"b-name-that-is-as-long-as-sixty-letters-are-in-a-row-of-them.0"}};
    struct ontime_trace_record record = {1000, 0, 1, ONTIME_TRACE_SWITCH};
    struct trace_dump dump = {.hz = HZ, .records = &record, .count = 1, .names = long_names, .name_count = 2};
    const struct trace_log log = {.dumps = &dump, .count = 1};
    unsigned switches = 0;
    uint8_t *bytes;
    Trace *trace;

    (void)state;
    write_as(convert_to_perfetto, &log);
    trace = read_perfetto(&bytes);
    for (size_t i = 0; i < trace->n_packet; i++)
        if (trace->packet[i]->ftrace_events != NULL) {
            assert_string_equal(trace->packet[i]->ftrace_events->event[0]->sched_switch->next_comm,
                                long_names[1]);
            switches++;
        }
    assert_int_equal(switches, 1);
    trace__free_unpacked(trace, NULL);
    free(bytes);
}

static void bad_requests_fail(void **state)
{
    const char *unknown[] = {"convert", "--to", "vcd", "log"};
    const char *no_format[] = {"convert", "log"};
    const char *no_log[] = {"convert", "--to", "ctf", "/nonexistent"};

    (void)state;
    assert_int_equal(captured_run(convert_command, 4, unknown), 2);
    assert_int_equal(captured_run(convert_command, 2, no_format), 2);
    assert_int_equal(captured_run(convert_command, 4, no_log), 1);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    free(output_of("rm -r", ""));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_cmd_reads_it),  cmocka_unit_test(trace_cmd_reads_a_long_one),
        cmocka_unit_test(babeltrace_reads_it), cmocka_unit_test(babeltrace_reads_a_long_one),
        cmocka_unit_test(perfettos_messages),  cmocka_unit_test(perfettos_long_packets),
        cmocka_unit_test(bad_requests_fail),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
