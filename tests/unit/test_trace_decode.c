/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of trace dumps: a dump made by base/trace.c, printed among a console's other lines, comes back
 * as it was; a damaged one is refused with the reason. And `ontime trace` on such a log.
 */
#define _GNU_SOURCE /* fmemopen, open_memstream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arch/fake/fake.h"
#include "commands.h"
#include "base/trace.h"
#include "trace_decode.h"

#define SLOTS      256
#define ERROR_SIZE 256
#define HZ         UINT64_C(62500000)

static struct ontime_trace_record memory[SLOTS];
static struct trace_ring ring;
static char error[ERROR_SIZE];

static void name_vcpu(unsigned id, char *name, size_t size)
{
    (void)snprintf(name, size, "%s.%u", id == 0 ? "player" : "matmul", id);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    trace_init(&ring, memory, sizeof(memory));
    return 0;
}

static void record_at(uint64_t counter, enum ontime_trace_type type, uint16_t vcpu, uint64_t arg)
{
    fake_set_counter(counter);
    trace_record(&ring, type, vcpu, arg);
}

/* The ring's dump, as a console shows it between other lines. To be freed. */
static char *dump_text(unsigned cpu)
{
    const struct trace_header header = {.cpu = cpu, .hz = HZ, .vcpus = 2, .name_vcpu = name_vcpu};
    char line[TRACE_LINE_SIZE];
    char *text = NULL;
    size_t size = 0;
    uint64_t cursor = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    (void)fprintf(stream, "[player] hello\n");
    trace_freeze(&ring);
    do {
        (void)trace_dump_line(&ring, &header, cursor, line, &cursor);
        (void)fprintf(stream, "qemu: [ontime] %s\r\n[matmul] trace data AAAA\n", line);
    } while (cursor != 0);
    trace_open(&ring);
    (void)fclose(stream);
    return text;
}

static int read_first(const char *text, struct trace_dump *dump)
{
    FILE *log = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    unsigned long line = 0;

    assert_non_null(log);
    memset(error, 0, sizeof(error));
    int result = trace_dump_read(log, &line, dump, error, sizeof(error));

    (void)fclose(log);
    return result;
}

static void comes_back_as_it_was(void **state)
{
    struct trace_dump dump;

    (void)state;
    for (unsigned count = 0; count <= SLOTS - 1; count += count < 50 ? 1 : 41) {
        trace_init(&ring, memory, sizeof(memory));
        for (unsigned i = 0; i < count; i++)
            trace_record(&ring, (enum ontime_trace_type)(i % 15), (uint16_t)(i * 257),
                         (uint64_t)i * 19088743);
        char *text = dump_text(2);

        assert_int_equal(read_first(text, &dump), 1);
        assert_int_equal(dump.cpu, 2);
        assert_int_equal(dump.hz, HZ);
        assert_int_equal(dump.count, count);
        if (count > 0)
            assert_memory_equal(dump.records, memory, count * sizeof(memory[0]));
        assert_string_equal(trace_dump_vcpu_name(&dump, 1), "matmul.1");
        assert_string_equal(trace_dump_vcpu_name(&dump, ONTIME_TRACE_IDLE), "idle");
        assert_null(trace_dump_vcpu_name(&dump, 2));
        trace_dump_free(&dump);
        free(text);
    }
}

static void overwritten_records_are_counted(void **state)
{
    struct trace_dump dump;

    (void)state;
    for (unsigned i = 0; i < SLOTS + 100; i++)
        record_at(i, ONTIME_TRACE_TICK, 0, i);
    char *text = dump_text(0);

    assert_int_equal(read_first(text, &dump), 1);
    assert_int_equal(dump.lost, 101);
    assert_int_equal(dump.count, SLOTS - 1);
    assert_int_equal(dump.records[0].arg, 101);
    assert_int_equal(dump.records[SLOTS - 2].arg, SLOTS + 99);
    trace_dump_free(&dump);
    free(text);
}

static void log_without_trace(void **state)
{
    struct trace_dump dump;

    (void)state;
    assert_int_equal(read_first("[ontime] booting\n[player] trace begin\n", &dump), 0);
}

static void every_truncation_is_noticed(void **state)
{
    struct trace_dump dump;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        record_at(i, ONTIME_TRACE_TICK, 0, i);
    char *text = dump_text(0);
    size_t begin = (size_t)(strstr(text, "lost=0") - text) + strlen("lost=0");
    size_t end = (size_t)(strstr(text, "trace end") - text) + strlen("trace end");

    for (size_t length = end - 1; length >= begin; length--) {
        text[length] = '\0';
        assert_int_equal(read_first(text, &dump), -1);
        assert_int_not_equal(strlen(error), 0);
    }
    free(text);
}

#define BEGIN "[ontime] trace begin version=1 cpu=0 hz=1000 records=1 lost=0\n"
#define DATA  "[ontime] trace data CAcGBQQDAgENDAsKEhENAA==\n"
#define END   "[ontime] trace end\n"

static void damage_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } bad[] = {
        {"[ontime] trace end\n", "line 1: a trace's begin line that cannot be read: \"end\""},
        {"[ontime] trace begin version=2 cpu=0 hz=1 records=0 lost=0\n",
         "line 1: trace version 2; this tool knows version 1"},
        {"[ontime] trace begin version=1 cpu=0 hz=0 records=0 lost=0\n",
         "line 1: a trace's begin line that cannot be read: \"begin version=1 cpu=0 hz=0 records=0 lost=0\""},
        {BEGIN, "line 1: the log ends inside a trace, after 0 of 1 records"},
        {BEGIN "\n" END, "line 3: the trace has 0 of 1 records: lines are missing"},
        {BEGIN DATA DATA END, "line 4: the trace has 2 of 1 records: lines are missing"},
        {BEGIN "[ontime] trace data CAcGBQQDAgENDAsKEhENAA=\n",
         "line 2: a data line that is not base64 of whole records"},
        {BEGIN "[ontime] trace data CAcGBQQDAgENDAsKEhENAAAA\n",
         "line 2: a data line that is not base64 of whole records"},
        {BEGIN "[ontime] trace data CAcGBQQDA.ENDAsKEhENAA==\n",
         "line 2: a data line that is not base64 of whole records"},
        {BEGIN "[ontime] trace data \n", "line 2: a data line that is not base64 of whole records"},
        {BEGIN "[ontime] trace vcpu 3\n", "line 2: a vCPU's line that cannot be read: \"vcpu 3\""},
        {BEGIN "[ontime] trace vcpu 99999 a.0\n",
         "line 2: a vCPU's line that cannot be read: \"vcpu 99999 a.0\""},
        {BEGIN BEGIN,
         "line 2: not expected inside a trace: \"begin version=1 cpu=0 hz=1000 records=1 lost=0\""},
    };
    struct trace_dump dump;

    (void)state;
    assert_int_equal(read_first(BEGIN DATA END, &dump), 1);
    assert_true(dump.records[0].counter == 0x0102030405060708);
    trace_dump_free(&dump);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_first(bad[i].text, &dump), -1);
        assert_string_equal(error, bad[i].reason);
    }
}

/* Runs `ontime trace` on a log; what it prints, errors too, goes to `out`. */
static int run_trace(const char *log, char *out, size_t size, int argc, char **argv)
{
    char log_name[] = "/tmp/ontime-trace-log-XXXXXX";
    char out_name[] = "/tmp/ontime-trace-out-XXXXXX";
    int log_file = mkstemp(log_name);
    int out_file = mkstemp(out_name);
    int saved_out = dup(STDOUT_FILENO);
    int saved_error = dup(STDERR_FILENO);

    assert_true(log_file >= 0 && out_file >= 0 && saved_out >= 0 && saved_error >= 0);
    assert_int_equal(write(log_file, log, strlen(log)), strlen(log));
    argv[argc] = log_name;
    (void)fflush(stdout);
    assert_true(dup2(out_file, STDOUT_FILENO) >= 0 && dup2(out_file, STDERR_FILENO) >= 0);
    int status = trace_command(argc + 1, argv);

    (void)fflush(stdout);
    (void)dup2(saved_out, STDOUT_FILENO);
    (void)dup2(saved_error, STDERR_FILENO);
    ssize_t length = pread(out_file, out, size - 1, 0);

    out[length > 0 ? length : 0] = '\0';
    (void)close(log_file);
    (void)close(out_file);
    (void)close(saved_out);
    (void)close(saved_error);
    (void)unlink(log_name);
    (void)unlink(out_name);
    return status;
}

/* A short life of two vCPUs between marks 1 and 2, in ticks of 16 ns. */
static char *short_life(void)
{
    record_at(1000, ONTIME_TRACE_MARK, 0, 1);
    record_at(1500, ONTIME_TRACE_SWITCH, 1, 0);
    record_at(1700, ONTIME_TRACE_EXIT, 1, 0x11e);
    record_at(2000, ONTIME_TRACE_SWITCH, ONTIME_TRACE_IDLE, 1);
    record_at(2250, ONTIME_TRACE_SWITCH, 0, ONTIME_TRACE_IDLE);
    record_at(2260, ONTIME_TRACE_WARP_END, 0, ONTIME_WARP_END_BLOCKED);
    record_at(3000, ONTIME_TRACE_MARK, 0, 2);
    record_at(9000, ONTIME_TRACE_TICK, ONTIME_TRACE_IDLE, 0);
    return dump_text(0);
}

static void records_as_csv(void **state)
{
    static const char expected[] = "counter,us,vcpu,type,arg\n"
                                   "1000,16.000,player.0,mark,1\n"
                                   "1500,24.000,matmul.1,switch,player.0\n"
                                   "1700,27.200,matmul.1,exit,286\n"
                                   "2000,32.000,idle,switch,matmul.1\n"
                                   "2250,36.000,player.0,switch,idle\n"
                                   "2260,36.160,player.0,warp-end,blocked\n"
                                   "3000,48.000,player.0,mark,2\n"
                                   "9000,144.000,idle,tick,0\n";
    char *argv[8] = {(char[]){"trace"}};
    char out[4096];
    char *log = short_life();

    (void)state;
    assert_int_equal(run_trace(log, out, sizeof(out), 1, argv), 0);
    assert_string_equal(out, expected);
    free(log);
}

static void summary_between_marks(void **state)
{
    static const char expected[] = "vcpu,ticks,us,share\n"
                                   "player.0,1250,20.000,0.625000\n"
                                   "matmul.1,500,8.000,0.250000\n"
                                   "idle,250,4.000,0.125000\n";
    char *argv[8] = {(char[]){"trace"}, (char[]){"--summary"}, (char[]){"--from"},
                     (char[]){"1"},     (char[]){"--to"},      (char[]){"2"}};
    char out[4096];
    char *log = short_life();

    (void)state;
    assert_int_equal(run_trace(log, out, sizeof(out), 6, argv), 0);
    assert_string_equal(out, expected);
    free(log);
}

static void last_dump_of_the_cpu_is_taken(void **state)
{
    char *argv[8] = {(char[]){"trace"}, (char[]){"--cpu"}, (char[]){"1"}};
    char log[16384];
    char out[4096];

    (void)state;
    record_at(10, ONTIME_TRACE_MARK, 0, 1);
    char *first = dump_text(1);

    trace_init(&ring, memory, sizeof(memory));
    record_at(20, ONTIME_TRACE_MARK, 0, 2);
    char *second = dump_text(1);
    char *other = dump_text(0);

    (void)snprintf(log, sizeof(log), "%s%s%s", first, second, other);
    assert_int_equal(run_trace(log, out, sizeof(out), 3, argv), 0);
    assert_string_equal(out, "counter,us,vcpu,type,arg\n20,0.320,player.0,mark,2\n");
    argv[2][0] = '3';
    assert_int_equal(run_trace(log, out, sizeof(out), 3, argv), 1);
    assert_non_null(strstr(out, "no trace of this CPU"));
    free(first);
    free(second);
    free(other);
}

/* CPU 1's dump comes first in the log; at 1500 and 2000 both have a record. */
static void all_cpus_are_merged_by_time(void **state)
{
    static const char first[] = "counter,us,cpu,vcpu,type,arg\n2000,32.000,1,player.0,mark,7\n2250,";
    static const char expected[] = "1500,24.000,0,matmul.1,switch,player.0\n"
                                   "1500,24.000,1,idle,tick,0\n"
                                   "1600,25.600,1,idle,tick,0\n"
                                   "1700,27.200,0,matmul.1,exit,286\n"
                                   "2000,32.000,0,idle,switch,matmul.1\n"
                                   "2000,32.000,1,player.0,mark,7\n";
    char *from[8] = {(char[]){"trace"}, (char[]){"--cpu"}, (char[]){"all"}, (char[]){"--from"},
                     (char[]){"7"}};
    char *to[8] = {(char[]){"trace"}, (char[]){"--cpu"}, (char[]){"all"}, (char[]){"--to"}, (char[]){"7"}};
    char *summary[8] = {(char[]){"trace"}, (char[]){"--cpu"}, (char[]){"all"}, (char[]){"--summary"}};
    char log[16384];
    char out[4096];

    (void)state;
    record_at(900, ONTIME_TRACE_TICK, ONTIME_TRACE_IDLE, 0);
    record_at(1500, ONTIME_TRACE_TICK, ONTIME_TRACE_IDLE, 0);
    record_at(1600, ONTIME_TRACE_TICK, ONTIME_TRACE_IDLE, 0);
    record_at(2000, ONTIME_TRACE_MARK, 0, 7);
    char *one = dump_text(1);

    fake_reset();
    trace_init(&ring, memory, sizeof(memory));
    char *zero = short_life();

    (void)snprintf(log, sizeof(log), "%s%s", one, zero);
    assert_int_equal(run_trace(log, out, sizeof(out), 5, from), 0);
    assert_memory_equal(out, first, sizeof(first) - 1);
    assert_int_equal(run_trace(log, out, sizeof(out), 5, to), 0);
    assert_non_null(strstr(out, "\n900,14.400,1,idle,tick,0\n1000,16.000,0,player.0,mark,1\n"));
    assert_string_equal(strstr(out, "\n1500,") + 1, expected);
    assert_int_equal(run_trace(log, out, sizeof(out), 4, summary), 2);
    assert_int_equal(run_trace("", out, sizeof(out), 3, summary), 1);
    assert_non_null(strstr(out, "no trace in it"));
    free(one);
    free(zero);
}

static void bad_requests_fail(void **state)
{
    char *missing[8] = {(char[]){"trace"}, (char[]){"--summary"}, (char[]){"--from"}, (char[]){"7"}};
    char *same[8] = {(char[]){"trace"}, (char[]){"--from"}, (char[]){"1"}, (char[]){"--to"}, (char[]){"1"}};
    char *unknown[8] = {(char[]){"trace"}, (char[]){"--frm"}};
    char *bad_number[8] = {(char[]){"trace"}, (char[]){"--to"}, (char[]){"2x"}};
    char out[4096];
    char *log = short_life();

    (void)state;
    assert_int_equal(run_trace(log, out, sizeof(out), 4, missing), 1);
    assert_string_equal(out, "ontime trace: no mark 7 in the trace (0 older records were lost)\n");
    assert_int_equal(run_trace(log, out, sizeof(out), 5, same), 1);
    assert_string_equal(out,
                        "ontime trace: no mark 1 after --from's in the trace (0 older records were lost)\n");
    assert_int_equal(run_trace(log, out, sizeof(out), 2, unknown), 2);
    assert_int_equal(run_trace(log, out, sizeof(out), 3, bad_number), 2);
    assert_non_null(strstr(out, "usage: "));
    free(log);
}

static void switch_from_another_than_ran_is_refused(void **state)
{
    char *argv[8] = {(char[]){"trace"}, (char[]){"--summary"}};
    char out[4096];

    (void)state;
    record_at(10, ONTIME_TRACE_SWITCH, 1, 0);
    record_at(20, ONTIME_TRACE_SWITCH, 1, 0);
    char *log = dump_text(0);

    assert_int_equal(run_trace(log, out, sizeof(out), 2, argv), 1);
    assert_string_equal(out, "ontime trace: at 20 vCPU 0 is left, but 1 ran\n");
    free(log);
}

#define NUMBER(name, number, text) number,

/* The rows of docs/trace-format.md, | number | `name` | ..., and the list of types in ontime/trace.h. */
static void document_has_every_type(void **state)
{
    static const unsigned numbers[] = {ONTIME_TRACE_TYPES(NUMBER)};
    FILE *document = fopen("docs/trace-format.md", "r");
    char line[512], name[32];
    unsigned type, rows = 0;

    (void)state;
    assert_non_null(document);
    while (fgets(line, sizeof(line), document) != NULL)
        if (sscanf(line, "| %u | `%31[^`]` |", &type, name) == 2) {
            assert_non_null(trace_type_name((uint16_t)type));
            assert_string_equal(name, trace_type_name((uint16_t)type));
            rows++;
        }
    (void)fclose(document);
    assert_int_equal(rows, sizeof(numbers) / sizeof(numbers[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comes_back_as_it_was, setup),
        cmocka_unit_test_setup(overwritten_records_are_counted, setup),
        cmocka_unit_test_setup(log_without_trace, setup),
        cmocka_unit_test_setup(every_truncation_is_noticed, setup),
        cmocka_unit_test_setup(damage_is_refused, setup),
        cmocka_unit_test_setup(records_as_csv, setup),
        cmocka_unit_test_setup(summary_between_marks, setup),
        cmocka_unit_test_setup(last_dump_of_the_cpu_is_taken, setup),
        cmocka_unit_test_setup(all_cpus_are_merged_by_time, setup),
        cmocka_unit_test_setup(bad_requests_fail, setup),
        cmocka_unit_test_setup(switch_from_another_than_ran_is_refused, setup),
        cmocka_unit_test(document_has_every_type),
    };

    return cmocka_run_group_tests_name("tools/trace", tests, NULL, NULL);
}
