/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ontime trace explain`: one small trace for each verdict, in ticks of 1 us. What each stretch belongs to,
 * which wake-up is chosen, and that the words and the picture say it.
 */
#define _GNU_SOURCE /* open_memstream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "captured.h"
#include "commands.h"
#include "explain_picture.h"
#include "wakeup.h"

#define PLAYER 0
#define MATMUL 1
#define OTHER  2
#define IDLE   ONTIME_TRACE_IDLE
#define MAX    64

static struct ontime_trace_record records[MAX];
static unsigned cpus[MAX];
static char *names[] = {(char[]){"player.0"}, (char[]){"matmul.0"}, (char[]){"other.0"}};
static struct trace_dump trace;
static const struct trace_view view = {.trace = &trace, .cpus = cpus};
static struct sleep_entry one_sleep;
static struct sleeps sleeps;
static struct wakeup wakeup;

static int setup(void **state)
{
    (void)state;
    trace = (struct trace_dump){.hz = 1000000, .records = records, .names = names, .name_count = 3};
    sleeps = (struct sleeps){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wakeup_free(&wakeup);
    return 0;
}

static void on_cpu(unsigned cpu, uint64_t time, enum ontime_trace_type type, uint16_t vcpu, uint32_t arg)
{
    assert_true(trace.count < MAX);
    cpus[trace.count] = cpu;
    records[trace.count++] =
        (struct ontime_trace_record){.counter = time, .type = (uint16_t)type, .vcpu = vcpu, .arg = arg};
}

static void at(uint64_t time, enum ontime_trace_type type, uint16_t vcpu, uint32_t arg)
{
    on_cpu(0, time, type, vcpu, arg);
}

/* The program's sleep of the player, of 500 ticks. */
static void slept(uint64_t due, uint64_t end)
{
    one_sleep = (struct sleep_entry){.vm = "player", .start = due - 500, .requested = 500, .end = end};
    sleeps = (struct sleeps){.list = &one_sleep, .count = 1};
}

static void find(void)
{
    assert_int_equal(wakeup_find(&view, &sleeps, "player", WAKEUP_WORST, 0, &wakeup), 1);
}

static void expect_sum(enum wakeup_term term, uint64_t ticks)
{
    assert_int_equal(wakeup.sums[term], ticks);
}

/* The terms cover all of the time between, and only the stretches after it are not counted. */
static void expect(enum wakeup_term verdict, uint64_t due, uint64_t end)
{
    uint64_t sum = 0, next = due;

    assert_int_equal(wakeup.due, due);
    assert_int_equal(wakeup.end, end);
    for (unsigned i = 0; i < WAKEUP_TERMS; i++)
        sum += wakeup.sums[i];
    assert_int_equal(sum, end - due);
    for (size_t i = 0; i < wakeup.count; i++) {
        assert_int_equal(wakeup.stretches[i].from, next);
        next = wakeup.stretches[i].to;
        assert_int_equal(i < wakeup.late_count, next <= end);
    }
    assert_string_equal(wakeup_term_name(wakeup_verdict(&wakeup)), wakeup_term_name(verdict));
}

/* From the deadline 1000: the player is brought in for it, and done at 1100. */
static void bring_in(uint64_t fired, uint64_t entered)
{
    at(fired, ONTIME_TRACE_TIMER_FIRED, PLAYER, (uint32_t)(fired - 1000));
    at(fired, ONTIME_TRACE_WARP_BEGIN, PLAYER, 0);
    at(fired, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(entered, ONTIME_TRACE_TIMER_ENTERED, PLAYER, (uint32_t)(entered - 1000));
    at(entered + 1, ONTIME_TRACE_GUEST_TIMER, PLAYER, (uint32_t)(entered + 1 - 1000));
}

static void done(void)
{
    at(1100, ONTIME_TRACE_WARP_END, PLAYER, ONTIME_WARP_END_DONE);
    at(1100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
}

static void a_switch(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    bring_in(1002, 1010);
    done();
    find();
    expect(WAKEUP_SWITCH, 1000, 1011);
    expect_sum(WAKEUP_PATH, 2);
    expect_sum(WAKEUP_SWITCH, 8);
    expect_sum(WAKEUP_GUEST, 1);
    assert_int_equal(wakeup.fired, 1002);
    assert_int_equal(wakeup.entered, 1010);
    assert_int_equal(wakeup.pending, 1011);
    assert_int_equal(wakeup.warp_begin, 1002);
    assert_int_equal(wakeup.warp_end, 1100);
    assert_int_equal(wakeup.warp_reason, ONTIME_WARP_END_DONE);
    assert_int_equal(wakeup.count, wakeup.late_count + 1);
}

static void in_place_before_the_deadline(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(950, ONTIME_TRACE_TIMER_FIRED, PLAYER, 0);
    at(950, ONTIME_TRACE_WARP_BEGIN, PLAYER, 0);
    at(950, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(960, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 0);
    at(1003, ONTIME_TRACE_GUEST_TIMER, PLAYER, 3);
    done();
    find();
    expect(WAKEUP_GUEST, 1000, 1003);
    assert_int_equal(wakeup.fired, 950);
    assert_int_equal(wakeup.entered, 960);
}

static void el2s_path(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    bring_in(1020, 1022);
    done();
    find();
    expect(WAKEUP_PATH, 1000, 1023);
    expect_sum(WAKEUP_PATH, 20);
}

static void deadlines_of_others(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(1001, ONTIME_TRACE_TIMER_FIRED, OTHER, 1);
    at(1001, ONTIME_TRACE_WARP_DENIED, OTHER, 0);
    bring_in(1030, 1031);
    done();
    find();
    expect(WAKEUP_DEADLINES, 1000, 1032);
    expect_sum(WAKEUP_PATH, 1);
    expect_sum(WAKEUP_DEADLINES, 29);
}

/* The deadline is handled at once, but others run until 1500. */
static void wait_until_1500(uint16_t who)
{
    at(1000, ONTIME_TRACE_TIMER_FIRED, PLAYER, 0);
    at(1000, ONTIME_TRACE_WARP_BEGIN, PLAYER, 0);
    at(1000, ONTIME_TRACE_WARP_DENIED, PLAYER, 0);
    if (who == OTHER)
        at(1500, ONTIME_TRACE_WARP_END, OTHER, ONTIME_WARP_END_BLOCKED);
    at(1500, ONTIME_TRACE_SWITCH, PLAYER, who);
    at(1505, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 505);
    at(1505, ONTIME_TRACE_GUEST_TIMER, PLAYER, 505);
}

static void urgent_work_of_another(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(900, ONTIME_TRACE_WARP_BEGIN, OTHER, 0);
    at(900, ONTIME_TRACE_SWITCH, OTHER, MATMUL);
    wait_until_1500(OTHER);
    find();
    expect(WAKEUP_URGENT, 1000, 1505);
    expect_sum(WAKEUP_URGENT, 500);
    expect_sum(WAKEUP_SWITCH, 5);
    assert_int_equal(wakeup_who(&wakeup, WAKEUP_URGENT), OTHER);
    assert_true(wakeup.denied);
}

static void a_denied_warp(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    wait_until_1500(MATMUL);
    find();
    expect(WAKEUP_DENIED, 1000, 1505);
    expect_sum(WAKEUP_DENIED, 500);
    assert_int_equal(wakeup_who(&wakeup, WAKEUP_DENIED), MATMUL);
}

/* The limit ends the warp before the program is back; matmul runs in between. */
static void a_cut_warp(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    bring_in(1000, 1002);
    at(1052, ONTIME_TRACE_WARP_END, PLAYER, ONTIME_WARP_END_LIMIT);
    at(1052, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(2052, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(2200, ONTIME_TRACE_MARK, PLAYER, 1);
    slept(1000, 2152);
    find();
    expect(WAKEUP_CUT, 1000, 2152);
    expect_sum(WAKEUP_CUT, 1000);
    expect_sum(WAKEUP_SWITCH, 2);
    expect_sum(WAKEUP_GUEST, 150);
    assert_ptr_equal(wakeup.sleep, &one_sleep);
}

static void a_turn_of_others(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(3000, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(3001, ONTIME_TRACE_GUEST_TIMER, PLAYER, 2001);
    find();
    expect(WAKEUP_TURN, 1000, 3001);
    expect_sum(WAKEUP_TURN, 2000);
}

static void a_tick(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_VCPU_BLOCKED, PLAYER, 900);
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(5000, ONTIME_TRACE_TICK, IDLE, 0);
    at(5001, ONTIME_TRACE_VCPU_WOKEN, PLAYER, 0);
    at(5001, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(5003, ONTIME_TRACE_GUEST_TIMER, PLAYER, 4003);
    find();
    expect(WAKEUP_TICK, 1000, 5003);
    expect_sum(WAKEUP_TICK, 4000);
    expect_sum(WAKEUP_PATH, 1);
}

static void a_move(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, OTHER, PLAYER);
    at(100, ONTIME_TRACE_WARP_BEGIN, OTHER, 0);
    at(1000, ONTIME_TRACE_TIMER_FIRED, PLAYER, 0);
    at(1000, ONTIME_TRACE_WARP_DENIED, PLAYER, 0);
    at(1200, ONTIME_TRACE_VCPU_MOVED, PLAYER, 1);
    on_cpu(1, 1900, ONTIME_TRACE_VCPU_WOKEN, PLAYER, 0);
    on_cpu(1, 1900, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    on_cpu(1, 1910, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 910);
    on_cpu(1, 1910, ONTIME_TRACE_GUEST_TIMER, PLAYER, 910);
    find();
    expect(WAKEUP_MOVED, 1000, 1910);
    expect_sum(WAKEUP_URGENT, 200);
    expect_sum(WAKEUP_MOVED, 700);
    expect_sum(WAKEUP_SWITCH, 10);
    assert_int_equal(wakeup.cpu, 0);
}

static void the_guest_itself(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(1001, ONTIME_TRACE_EXIT, PLAYER, 0x100 + 27);
    at(1001, ONTIME_TRACE_GUEST_TIMER, PLAYER, 1);
    at(1100, ONTIME_TRACE_TIMER_IN_PLACE, PLAYER, 100);
    at(1100, ONTIME_TRACE_WARP_BEGIN, PLAYER, 0);
    at(1400, ONTIME_TRACE_WARP_END, PLAYER, ONTIME_WARP_END_BLOCKED);
    slept(999, 1300);
    find();
    expect(WAKEUP_GUEST, 999, 1300);
    expect_sum(WAKEUP_GUEST, 300);
    expect_sum(WAKEUP_TOLD, 1);
    assert_true(wakeup.in_place);
    assert_int_equal(wakeup.exits, 1);
    assert_int_equal(wakeup.warp_end, 1400);
}

static void a_timer_that_is_set_late(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(1051, ONTIME_TRACE_GUEST_TIMER, PLAYER, 1);
    at(2000, ONTIME_TRACE_GUEST_TIMER, PLAYER, 10);
    slept(1000, 1060);
    find();
    expect(WAKEUP_TOLD, 1000, 1060);
    expect_sum(WAKEUP_TOLD, 50);
    assert_int_equal(wakeup.timer, 1050);
}

/* The guest comes back to a tick of its own that is past: one interrupt for both. */
static void one_interrupt_for_tick_and_sleep(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(3000, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(3001, ONTIME_TRACE_GUEST_TIMER, PLAYER, 2900);
    at(3100, ONTIME_TRACE_MARK, PLAYER, 1);
    slept(1000, 3050);
    find();
    expect(WAKEUP_TURN, 1000, 3050);
    assert_int_equal(wakeup.pending, 3001);
    assert_true(wakeup.timer == WAKEUP_NEVER);
}

static void the_guest_waits(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    bring_in(1000, 1001);
    at(1010, ONTIME_TRACE_WARP_END, PLAYER, ONTIME_WARP_END_BLOCKED);
    at(1010, ONTIME_TRACE_VCPU_BLOCKED, PLAYER, ONTIME_TRACE_ARG_MAX);
    at(1010, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(1400, ONTIME_TRACE_VCPU_WOKEN, PLAYER, 0);
    at(1400, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(1500, ONTIME_TRACE_MARK, PLAYER, 1);
    slept(1000, 1450);
    find();
    expect(WAKEUP_WAITS, 1000, 1450);
    expect_sum(WAKEUP_WAITS, 390);
}

static void an_interrupt_that_warps(void **state)
{
    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(1004, ONTIME_TRACE_INTERRUPT, PLAYER, 4);
    at(1004, ONTIME_TRACE_WARP_BEGIN, PLAYER, 0);
    at(1004, ONTIME_TRACE_SWITCH, PLAYER, MATMUL);
    at(1006, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 6);
    done();
    find();
    expect(WAKEUP_PATH, 1000, 1006);
    assert_true(wakeup.by_interrupt);
    assert_true(wakeup.pending == WAKEUP_NEVER);
}

/* Three wake-ups: of the player, late by 20 and 9, and of another VM, late by 50. */
static void three(void)
{
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(1000, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 20);
    at(2000, ONTIME_TRACE_TIMER_ENTERED, OTHER, 50);
    at(3000, ONTIME_TRACE_TIMER_ENTERED, PLAYER, 9);
}

static void chosen(const char *vm, enum wakeup_choice choice, uint64_t time, uint64_t end)
{
    assert_int_equal(wakeup_find(&view, &sleeps, vm, choice, time, &wakeup), 1);
    assert_int_equal(wakeup.end, end);
    wakeup_free(&wakeup);
}

static void which_is_chosen(void **state)
{
    (void)state;
    three();
    chosen(NULL, WAKEUP_WORST, 0, 2000);
    chosen("player", WAKEUP_WORST, 0, 1000);
    chosen("player", WAKEUP_LAST, 0, 3000);
    chosen(NULL, WAKEUP_AT, 1001, 2000);
    chosen("player", WAKEUP_AT, 1001, 3000);
    assert_int_equal(wakeup_find(&view, &sleeps, "matmul", WAKEUP_WORST, 0, &wakeup), 0);
    assert_int_equal(wakeup_find(&view, &sleeps, "play", WAKEUP_WORST, 0, &wakeup), 0);
    assert_int_equal(wakeup_find(&view, &sleeps, NULL, WAKEUP_AT, 3001, &wakeup), 0);
    trace.count = 0;
    assert_int_equal(wakeup_find(&view, &sleeps, NULL, WAKEUP_WORST, 0, &wakeup), 0);
}

/* A sleep that ends after the trace, or is due before it, is none of the trace's. */
static void sleeps_outside_the_trace(void **state)
{
    (void)state;
    three();
    slept(2900, 3001);
    chosen("player", WAKEUP_WORST, 0, 1000);
    slept(2900, 3000);
    chosen("player", WAKEUP_WORST, 0, 3000);
    slept(599, 2000);
    chosen("player", WAKEUP_WORST, 0, 2000);
    trace.lost = 1;
    slept(99, 2000);
    chosen("player", WAKEUP_WORST, 0, 1000);
}

static void the_picture(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    at(100, ONTIME_TRACE_SWITCH, MATMUL, PLAYER);
    at(900, ONTIME_TRACE_WARP_BEGIN, OTHER, 0);
    at(900, ONTIME_TRACE_SWITCH, OTHER, MATMUL);
    wait_until_1500(OTHER);
    find();
    explain_draw(file, &view, &wakeup);
    (void)fclose(file);
    assert_non_null(strstr(text, "player.0, due at 1000.0 us, 505.0 us late"));
    assert_non_null(strstr(text, ">other.0</text>"));
    assert_non_null(strstr(text, "urgent  500.0 us: urgent work of others went first"));
    assert_non_null(strstr(text, ">entered +505.0</text>"));
    assert_string_equal(text + size - 7, "</svg>\n");
    free(text);
}

/* --- The command, on a log. --- */

/* Two records: matmul has the core; at 1000 the player comes, and is entered 500 ticks after its deadline. */
static const char log_text[] = "[player] sleep 400000 50 500;\n"
                               "[ontime] trace begin version=1 cpu=0 hz=1000000 records=2 lost=0\n"
                               "[ontime] trace vcpu 0 player.0\n"
                               "[ontime] trace vcpu 1 matmul.0\n"
                               "[ontime] trace data ZAAAAAAAAAAAAAAAAQABAOgDAAAAAAAA9AEAAAAABgA=\n"
                               "[ontime] trace end\n";

static const char *write_log(char name[])
{
    int file = mkstemp(name);

    assert_true(file >= 0);
    assert_int_equal(write(file, log_text, strlen(log_text)), strlen(log_text));
    (void)close(file);
    return name;
}

static void the_command(void **state)
{
    char log[] = "/tmp/ontime-explain-XXXXXX";
    const char *of_sleep[] = {"explain", write_log(log)};
    const char *of_timer[] = {"explain", "--timers", log};
    const char *none[] = {"explain", "--vm", "matmul", log};
    const char *bad[] = {"explain", "--sleeps", "x.csv", log};

    (void)state;
    assert_int_equal(captured_run(explain_command, 2, of_sleep), 0);
    assert_non_null(strstr(captured_out, "player.0 on CPU 0: a sleep of 400.0 us"));
    assert_non_null(strstr(captured_out, "was 50.0 us late"));
    assert_int_equal(captured_run(explain_command, 3, of_timer), 0);
    assert_non_null(
        strstr(captured_out, "a timer, due at 500.000 us of the counter (500), was 500.0 us late"));
    assert_non_null(strstr(captured_out, "verdict: "));
    assert_int_equal(captured_run(explain_command, 4, none), 1);
    assert_non_null(strstr(captured_errors, "no such wake-up"));
    assert_int_equal(captured_run(explain_command, 4, bad), 2);
    (void)unlink(log);
}

/* What the page is drawn from, and nothing that it would have to load. */
static void the_page(void **state)
{
    char log[] = "/tmp/ontime-explain-XXXXXX", page[] = "/tmp/ontime-page-XXXXXX";
    const char *words[] = {"report", "-o", page, write_log(log)};
    int file = mkstemp(page);
    char text[65536];
    ssize_t size;

    (void)state;
    assert_int_equal(captured_run(report_command, 4, words), 0);
    size = read(file, text, sizeof(text) - 1);
    assert_true(size > 0);
    text[size] = '\0';
    assert_non_null(strstr(text, "\"from\":100.000,\"length\":900.000"));
    assert_non_null(strstr(text, "\"vcpus\":[\"player.0\",\"matmul.0\"]"));
    assert_non_null(strstr(text, "{\"cpu\":0,\"records\":2,\"lost\":0,\"runs\":[[1,0.000,900.000,0]]}"));
    assert_non_null(strstr(text, "\"sleeps\":[[0,-50.000,400.000,450.000]]"));
    assert_non_null(strstr(text, "\"entries\":[[0,900.000,500.000,0]]"));
    assert_non_null(strstr(text, "\"picture\":\"\\u003csvg"));
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "@import"));
    assert_string_equal(text + size - 8, "</html>\n");
    (void)close(file);
    (void)unlink(page);
    (void)unlink(log);
}

static void sleeps_of_a_csv_file(void **state)
{
    char name[] = "/tmp/ontime-sleeps-XXXXXX";
    int file = mkstemp(name);
    static const char text[] = "seed,sleep,start_ticks,requested_ns,actual_ns,error_ns\n"
                               "1,0,100,2000000,2500000,500000\n1,1,7000,1000,2000,1000\n";

    (void)state;
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    (void)close(file);
    assert_true(sleeps_read_csv(name, "player", 1000000, &sleeps));
    assert_int_equal(sleeps.count, 2);
    assert_int_equal(sleep_due(&sleeps.list[0]), 2100);
    assert_int_equal(sleep_late(&sleeps.list[0]), 500);
    assert_int_equal(sleeps.list[1].start, 7000);
    assert_string_equal(sleeps.list[1].vm, "player");
    sleeps_free(&sleeps);
    (void)unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_switch, setup, teardown),
        cmocka_unit_test_setup_teardown(in_place_before_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(el2s_path, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(urgent_work_of_another, setup, teardown),
        cmocka_unit_test_setup_teardown(a_denied_warp, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_warp, setup, teardown),
        cmocka_unit_test_setup_teardown(a_turn_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move, setup, teardown),
        cmocka_unit_test_setup_teardown(the_guest_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_is_set_late, setup, teardown),
        cmocka_unit_test_setup_teardown(one_interrupt_for_tick_and_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(the_guest_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(an_interrupt_that_warps, setup, teardown),
        cmocka_unit_test_setup_teardown(which_is_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(sleeps_outside_the_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(the_picture, setup, teardown),
        cmocka_unit_test(the_command),
        cmocka_unit_test(the_page),
        cmocka_unit_test_setup(sleeps_of_a_csv_file, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
