/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace ring: what is kept, what is lost, and the lines of a dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/trace.h"

#define SLOTS 128

static struct ontime_trace_record memory[SLOTS];
static struct trace_ring ring;
static char line[TRACE_LINE_SIZE];

static void name_vcpu(unsigned id, char *name, size_t size)
{
    (void)snprintf(name, size, "%s.%u", id == 0 ? "player" : "matmul", id);
}

static const struct trace_header header = {.cpu = 3, .hz = 62500000, .vcpus = 2, .name_vcpu = name_vcpu};

static int setup(void **state)
{
    (void)state;
    fake_reset();
    trace_init(&ring, memory, sizeof(memory));
    return 0;
}

static void record_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        trace_record(&ring, ONTIME_TRACE_MARK, 1, i);
}

/* Dumps all and returns the number of lines; then the ring records again. */
static unsigned dump(void)
{
    uint64_t cursor = 0;
    unsigned lines = 0;

    trace_freeze(&ring);
    do {
        size_t length = trace_dump_line(&ring, &header, cursor, line, &cursor);

        assert_in_range(length, 1, TRACE_LINE_SIZE - 1);
        assert_int_equal(strlen(line), length);
        lines++;
    } while (cursor != 0);
    trace_open(&ring);
    return lines;
}

/* The first line is preceded by the ring's being frozen. */
static void assert_line(uint64_t cursor, const char *expected)
{
    uint64_t next;

    if (cursor == 0)
        trace_freeze(&ring);
    (void)trace_dump_line(&ring, &header, cursor, line, &next);
    assert_string_equal(line, expected);
}

static void record_holds_what_was_given(void **state)
{
    (void)state;
    fake_set_counter(0x123456789abcdef0);
    trace_record(&ring, ONTIME_TRACE_SWITCH, 7, 0xfffffffe);
    trace_record(&ring, ONTIME_TRACE_TIMER_FIRED, ONTIME_TRACE_IDLE, UINT64_C(1) << 32);
    assert_true(memory[0].counter == 0x123456789abcdef0);
    assert_int_equal(memory[0].arg, 0xfffffffe);
    assert_int_equal(memory[0].vcpu, 7);
    assert_int_equal(memory[0].type, ONTIME_TRACE_SWITCH);
    assert_int_equal(memory[1].arg, ONTIME_TRACE_ARG_MAX);
    assert_int_equal(memory[1].vcpu, ONTIME_TRACE_IDLE);
}

static void empty_dump(void **state)
{
    (void)state;
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=0 lost=0");
    assert_line(1, "trace vcpu 0 player.0");
    assert_line(2, "trace vcpu 1 matmul.1");
    assert_line(3, "trace end");
}

static void data_is_base64_of_the_records(void **state)
{
    (void)state;
    fake_set_counter(0x0102030405060708);
    trace_record(&ring, ONTIME_TRACE_TICK, 0x1112, 0x0a0b0c0d);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=1 lost=0");
    assert_line(3, "trace data CAcGBQQDAgENDAsKEhENAA==");
    assert_line(4, "trace end");
}

static void oldest_records_are_lost(void **state)
{
    (void)state;
    record_many(SLOTS - 1);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=127 lost=0");
    assert_int_equal(dump(), 1 + 2 + 11 + 1); /* twelve records a line */
    record_many(SLOTS + 2);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=127 lost=130");
}

static void lines_stay_under_1000_characters(void **state)
{
    (void)state;
    record_many(SLOTS);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=127 lost=1");
    for (uint64_t cursor = 3; cursor < 14; cursor++) {
        uint64_t next;
        size_t length = trace_dump_line(&ring, &header, cursor, line, &next);

        assert_true(length + strlen("[ontime] ") < 1000);
        assert_int_equal(next, cursor + 1);
    }
}

static void frozen_while_it_is_dumped(void **state)
{
    uint64_t next;

    (void)state;
    record_many(3);
    trace_freeze(&ring);
    (void)trace_dump_line(&ring, &header, 0, line, &next);
    record_many(5);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=3 lost=0");
    assert_int_equal(dump(), 1 + 2 + 1 + 1);
    record_many(5);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=8 lost=0");
}

/* A core that has not seen that its ring is frozen goes on, until it takes its message: that is dumped. */
static void records_until_the_message_are_dumped(void **state)
{
    (void)state;
    record_many(SLOTS + 7);
    trace_freeze(&ring);
    for (unsigned i = 0; i < 3; i++)
        trace_put(&ring, memory, ring.written, fake_counter(), ONTIME_TRACE_TICK, 1, i);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=127 lost=11");
    assert_int_equal(dump(), 1 + 2 + 11 + 1);
}

static void any_cursor_is_safe(void **state)
{
    static const uint64_t cursors[] = {1, 0, 5, 7, 100, UINT64_MAX, UINT64_C(1) << 63};
    uint64_t next = 99;

    (void)state;
    record_many(5);
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        assert_int_equal(trace_dump_line(&ring, &header, cursors[i], line, &next), 0);
        assert_int_equal(next, 0);
    }
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=5 lost=0");
    for (size_t i = 2; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        assert_int_equal(trace_dump_line(&ring, &header, cursors[i], line, &next), 0);
        assert_int_equal(next, 0);
    }
    assert_int_not_equal(trace_dump_line(&ring, &header, 1, line, &next), 0);
}

static void size_is_rounded_down(void **state)
{
    (void)state;
    trace_init(&ring, memory, 100 * sizeof(memory[0]));
    record_many(200);
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=63 lost=137");
}

static void no_memory_no_trace(void **state)
{
    (void)state;
    for (size_t size = 0; size < 2 * sizeof(memory[0]); size++) {
        trace_init(&ring, NULL, size);
        record_many(5);
        assert_int_equal(dump(), 1 + 2 + 1);
        record_many(5);
    }
    assert_line(0, "trace begin version=1 cpu=3 hz=62500000 records=0 lost=0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(record_holds_what_was_given, setup),
        cmocka_unit_test_setup(empty_dump, setup),
        cmocka_unit_test_setup(data_is_base64_of_the_records, setup),
        cmocka_unit_test_setup(oldest_records_are_lost, setup),
        cmocka_unit_test_setup(lines_stay_under_1000_characters, setup),
        cmocka_unit_test_setup(frozen_while_it_is_dumped, setup),
        cmocka_unit_test_setup(records_until_the_message_are_dumped, setup),
        cmocka_unit_test_setup(any_cursor_is_safe, setup),
        cmocka_unit_test_setup(size_is_rounded_down, setup),
        cmocka_unit_test_setup(no_memory_no_trace, setup),
    };

    return cmocka_run_group_tests_name("base/trace", tests, NULL, NULL);
}
