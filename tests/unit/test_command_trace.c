// SPDX-License-Identifier: Apache-2.0
/* A file that the guest's command records is read by the host tool as a dump on the console is. */
#define _GNU_SOURCE /* fmemopen, open_memstream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trace_decode.h"
#include "../../guest/command/trace_lines.h"

enum { RECORDS = 3 * TRACE_LINE_RECORDS + 1, ERROR_SIZE = 256 };

static struct ontime_trace_record records[RECORDS];

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RECORDS; i++)
        records[i] = (struct ontime_trace_record){.counter = (uint64_t)i * 0x123456789ABCDEF,
                                                  .arg = 0xFFFFFFF0 + i,
                                                  .vcpu = (uint16_t)(i * 1001),
                                                  .type = ONTIME_TRACE_EXIT};
    return 0;
}

static void write_dump(FILE *file, unsigned cpu, size_t count, uint64_t lost)
{
    trace_begin(file, cpu, 62500000, count, lost);
    trace_vcpu(file, 0, "player", 0);
    trace_vcpu(file, 1, "matmul", 1);
    trace_data(file, records, count);
    trace_end(file);
}

static void the_host_tool_reads_what_was_written(void **state)
{
    static const size_t counts[] = {
        0, 1, 2, TRACE_LINE_RECORDS - 1, TRACE_LINE_RECORDS, TRACE_LINE_RECORDS + 1, RECORDS};
    enum { DUMPS = sizeof(counts) / sizeof(counts[0]) };
    char *text = NULL, error[ERROR_SIZE];
    unsigned long line = 0;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    for (unsigned i = 0; i < DUMPS; i++)
        write_dump(file, i, counts[i], 7 * i);
    assert_int_equal(fclose(file), 0);
    file = fmemopen(text, size, "r");
    for (unsigned i = 0; i < DUMPS; i++) {
        struct trace_dump dump;

        assert_int_equal(trace_dump_read(file, &line, &dump, error, sizeof(error)), 1);
        assert_int_equal(dump.cpu, i);
        assert_int_equal(dump.hz, 62500000);
        assert_int_equal(dump.lost, 7 * i);
        assert_int_equal(dump.count, counts[i]);
        if (counts[i] != 0)
            assert_memory_equal(dump.records, records, counts[i] * sizeof(records[0]));
        assert_string_equal(trace_dump_vcpu_name(&dump, 0), "player.0");
        assert_string_equal(trace_dump_vcpu_name(&dump, 1), "matmul.1");
        trace_dump_free(&dump);
    }
    (void)fclose(file);
    free(text);
}

static void lines_are_no_longer_than_those_of_the_console(void **state)
{
    char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    trace_data(file, records, RECORDS);
    assert_int_equal(fclose(file), 0);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
        assert_true(strcspn(line, "\n") <= strlen("[ontime] trace data ") + TRACE_LINE_RECORDS * 16 * 4 / 3);
    assert_int_equal(lines, (RECORDS + TRACE_LINE_RECORDS - 1) / TRACE_LINE_RECORDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_tool_reads_what_was_written),
        cmocka_unit_test(lines_are_no_longer_than_those_of_the_console),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
