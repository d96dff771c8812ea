/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer on a UART that takes as many characters as a test lets it: what is on the screen,
 * and who gets what is typed. Its state is one for the whole program, as in the hypervisor: each test begins
 * with three sources, the first of which has the input, and with nothing left to write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/arch.h"
#include "console/console.h"
#include "random.h"

#define SOURCES      3
#define SCREEN       (1 << 23)
#define TYPED        4096
#define UNLIMITED    UINT32_MAX
#define RING         32768
#define RESERVE      8192 /* for Ontime's own lines */
#define OFFERED      6144 /* of that, what offered lines leave */
#define BURST        16
#define FLOOD_LINES  3000
#define LINE_MAX     600
#define CTRL_BRACKET "\x1d"

static struct deadline_queue deadlines;
static struct heap_node *deadline_slots[4];
static struct console_source sources[SOURCES];
static const char *const names[SOURCES] = {"alpha", "beta", "c3"};

static char screen[SCREEN];
static size_t screen_length;
static uint32_t uart_room; /* characters it takes before it is full */
static bool space_wanted, input_wanted = true;
static const char *typing;
static char delivered[SOURCES][TYPED];
static size_t delivered_length[SOURCES];
static unsigned patience; /* when full: puts that fail before there is room again; 0: for ever */

static void uart_init(const struct uart_registers *registers)
{
    (void)registers;
}

static bool uart_put(char c)
{
    if (uart_room == 0) {
        if (patience != 0 && --patience == 0)
            uart_room = UNLIMITED;
        return false;
    }
    uart_room--;
    assert_true(screen_length + 1 < SCREEN);
    screen[screen_length++] = c;
    screen[screen_length] = '\0';
    return true;
}

static bool uart_get(char *c)
{
    if (*typing == '\0')
        return false;
    *c = *typing++;
    return true;
}

static void uart_want_space(bool wanted)
{
    space_wanted = wanted;
}

static void uart_want_input(bool wanted)
{
    assert_true(wanted != input_wanted);
    input_wanted = wanted;
}

static const struct uart_driver uart = {
    .init = uart_init,
    .put = uart_put,
    .get = uart_get,
    .want_space = uart_want_space,
    .want_input = uart_want_input,
};

// cppcheck-suppress constParameter ; it is a console_deliver
static void deliver(struct console_source *source, char c)
{
    size_t n = (size_t)(source - sources);

    assert_true(n < SOURCES && delivered_length[n] + 1 < TYPED);
    delivered[n][delivered_length[n]++] = c;
    delivered[n][delivered_length[n]] = '\0';
}

static void drain(void)
{
    uart_room = UNLIMITED;
    for (unsigned i = 0; i < RING / BURST + 1; i++)
        console_interrupt();
    assert_false(space_wanted);
}

static void clear(void)
{
    screen_length = 0;
    screen[0] = '\0';
    for (unsigned i = 0; i < SOURCES; i++) {
        delivered_length[i] = 0;
        delivered[i][0] = '\0';
    }
}

static void type(const char *text)
{
    typing = text;
    while (*typing != '\0')
        console_interrupt();
}

static void put(unsigned source, const char *text)
{
    for (; *text != '\0'; text++)
        assert_true(console_put(&sources[source], *text));
}

static void wait_ms(uint64_t ms)
{
    fake_set_counter(arch_counter() + ms * (arch_counter_hz() / 1000));
    do
        deadline_queue_run(&deadlines, arch_counter());
    while (fake_interrupt_pending());
}

/* What is on the screen, without the carriage returns that each line end must have. */
static const char *shown(void)
{
    static char text[SCREEN];
    size_t length = 0;

    drain();
    for (size_t i = 0; i < screen_length; i++) {
        if (screen[i] == '\n')
            assert_true(i != 0 && screen[i - 1] == '\r');
        if (screen[i] != '\r')
            text[length++] = screen[i];
    }
    text[length] = '\0';
    return text;
}

static unsigned told; /* core 0 */

static void tell_core_0(void)
{
    told++;
}

static int begin(void **state)
{
    (void)state;
    uart_room = UNLIMITED;
    patience = 0;
    typing = "";
    for (unsigned i = 0; i < SOURCES; i++)
        put(i, "\n");
    type(CTRL_BRACKET "1");
    drain();
    wait_ms(1000);
    drain();
    clear();
    return 0;
}

/* The first test: nothing was set up before. */
static void kept_until_there_is_a_uart(void **state)
{
    (void)state;
    fake_reset();
    deadline_queue_init(&deadlines, deadline_slots, 0, 4, NULL);
    typing = "";
    uart_room = UNLIMITED;
    console_print("number %u", 1);
    console_write_line("number 2");
    assert_int_equal(screen_length, 0);
    console_init(&uart, &deadlines, tell_core_0);
    assert_string_equal(screen, "[ontime] number 1\r\n[ontime] number 2\r\n");
    for (unsigned i = 0; i < SOURCES; i++)
        console_add(&sources[i], names[i], deliver);
    type("x");
    assert_string_equal(delivered[0], "x"); /* the first has the input */
}

static void whole_lines_have_a_prefix(void **state)
{
    (void)state;
    put(1, "one\r\ntwo\n");
    put(2, "three\n\n");
    put(0, "four\n");
    assert_string_equal(shown(), "[beta] one\n[beta] two\n[c3] three\n[c3] \n[alpha] four\n");
}

/* A line's prefix stays where it is, and is that of its writer: case line-rewrite. */
static void a_guest_cannot_act_on_the_terminal(void **state)
{
    (void)state;
    put(1, "\r[ontime] victim: vCPU 0: SError\n\033[2K\033[1G[ontime] all VMs are off\n");
    put(0, "a\r[c3] b\r\n\033]0;title\007\n\x9b\xc2\x9b\xe2\n");
    assert_string_equal(shown(), "[beta] ^M[ontime] victim: vCPU 0: SError\n"
                                 "[beta] ^[[2K^[[1G[ontime] all VMs are off\n"
                                 "[alpha] a^M[c3] b\n[alpha] ^[]0;title^G\n[alpha] \\x9b\\u009b\\xe2\n");
    clear();
    put(0, "\xe2\x82"); /* nothing can come between the bytes of a character */
    console_print("own");
    put(0, "\xac\n");
    assert_string_equal(shown(), "[ontime] own\n[alpha] \xe2\x82\xac\n");
}

/* For the one who has the input, and until somebody else's line. */
static void a_raw_source_acts_while_it_has_the_input(void **state)
{
    (void)state;
    sources[0].raw = true;
    put(0, "\033[31mred\n\r");
    wait_ms(100);
    drain();
    assert_non_null(strstr(screen, "[alpha] \033[31mred\r\n[alpha] \r"));
    clear();
    put(1, "plain\033\n");
    put(0, "a\r\nb\033[1m");
    put(2, "plain\n");
    assert_string_equal(shown(), "\x18\033[0m\n[beta] plain^[\n"
                                 "[alpha] a\n[alpha] b\033[1m\x18\033[0m\n[c3] plain\n");
    clear();
    put(0, "text\n");
    put(1, "plain\n");
    type(CTRL_BRACKET "2");
    put(0, "\033[31mred\n");
    assert_string_equal(shown(), "[alpha] text\n[beta] plain\n[ontime] input: beta\n[alpha] ^[[31mred\n");
    sources[0].raw = false;
}

/* Who takes the console apart again has to know a line that goes on from one that is over. */
static void a_broken_line_ends_with_two_returns(void **state)
{
    (void)state;
    sources[0].raw = true;
    put(0, "$ l");
    put(1, "other\n");
    put(0, "s\r\n");
    put(0, "\033[1");
    console_print("own");
    put(0, "m\r\r\r\n");
    drain();
    assert_string_equal(screen, "[alpha] $ l\r\r\n[beta] other\r\n[alpha] s\r\n"
                                "[alpha] \033[1\x18\033[0m\r\r\n[ontime] own\r\n[alpha] m\r\n");
    clear();
    put(0, "50%\r"); /* is not known to end the line; seen after silence */
    drain();
    assert_string_equal(screen, "[alpha] 50%");
    wait_ms(100);
    drain();
    assert_string_equal(screen, "[alpha] 50%\r");
    put(0, "\r\r51%\n");
    drain();
    assert_string_equal(screen, "[alpha] 50%\r\r51%\r\n");
    sources[0].raw = false;
}

/* The last of the tests with raw sources: there is no way back. */
static void raw_sources_act_when_the_console_is_taken_apart(void **state)
{
    (void)state;
    sources[1].raw = true;
    put(1, "\033[31mred\n");
    type(CTRL_BRACKET "*\rx");
    put(1, "\033[31mred\n");
    put(2, "\033[31mred\n");
    assert_string_equal(shown(), "[beta] ^[[31mred\n[beta] \033[31mred\n\x18\033[0m[c3] ^[[31mred\n");
    assert_string_equal(delivered[0], "x");
    sources[1].raw = false;
}

static void unfinished_lines_wait(void **state)
{
    (void)state;
    put(1, "be");
    put(2, "see");
    assert_string_equal(shown(), "");
    put(1, "ta\n");
    put(2, "\n");
    assert_string_equal(shown(), "[beta] beta\n[c3] see\n");
}

static void a_prompt_is_shown_after_silence(void **state)
{
    (void)state;
    put(1, "login: ");
    wait_ms(99);
    assert_string_equal(shown(), "");
    wait_ms(1);
    assert_string_equal(shown(), "[beta] login: ");
    put(1, "root\n");
    assert_string_equal(shown(), "[beta] login: root\n");
}

static void silence_counts_from_the_last_character(void **state)
{
    (void)state;
    put(1, "a");
    wait_ms(60);
    put(1, "b");
    wait_ms(60);
    put(2, "c");
    assert_string_equal(shown(), "");
    wait_ms(40);
    assert_string_equal(shown(), "[beta] ab");
    wait_ms(59);
    assert_string_equal(shown(), "[beta] ab");
    wait_ms(1);
    assert_string_equal(shown(), "[beta] ab\n[c3] c");
    wait_ms(1000);
    assert_int_equal(fake_comparator(), UINT64_MAX); /* nothing to wait for */
}

static void who_has_the_input_is_shown_at_once(void **state)
{
    (void)state;
    put(0, "$ ");
    assert_string_equal(shown(), "[alpha] $ ");
    put(0, "l");
    assert_string_equal(shown(), "[alpha] $ l");
    put(0, "s\n");
    assert_string_equal(shown(), "[alpha] $ ls\n");
}

static void another_line_begins_anew(void **state)
{
    (void)state;
    put(0, "$ l");
    put(1, "hello\n");
    put(0, "s");
    console_print("own");
    put(0, "\n");
    assert_string_equal(shown(), "[alpha] $ l\n[beta] hello\n[alpha] s\n[ontime] own\n[alpha] \n");
}

static void long_lines_are_one_line(void **state)
{
    char line[3 * CONSOLE_LINE];
    char wanted[4 * CONSOLE_LINE];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\0';
    snprintf(wanted, sizeof(wanted), "[beta] %s", line);
    put(1, line);
    assert_string_equal(shown(), wanted);
    console_print("%.*s", 600, line); /* cut, but whole */
    put(2, "next\n");
    assert_non_null(strstr(shown(), "x\n[ontime] x"));
    assert_non_null(strstr(shown(), "x\n[c3] next\n"));
}

/* A line of more than a piece is written whole, whatever others write meanwhile, and goes on as the UART
 * does. */
static void a_long_line_is_written_in_one(void **state)
{
    enum { LONG = 9000 };
    static char wanted[LONG + 64];

    (void)state;
    snprintf(wanted, sizeof(wanted), "[beta] ");
    memset(wanted + 7, 'x', LONG);
    snprintf(wanted + 7 + LONG, sizeof(wanted) - 7 - LONG, "\n[c3] between");
    uart_room = 100;
    for (unsigned i = 0; i < LONG; i++) {
        put(1, "x");
        if (i == LONG / 2)
            put(2, "between");
    }
    put(1, "\n");
    assert_false(console_has_room() || console_is_calm());
    assert_false(console_put(&sources[2], 'x') || console_put(&sources[1], 'x') || console_offer("own", 3));
    uart_room = UNLIMITED;
    for (unsigned i = 0; !console_has_room(); i++) {
        assert_true(space_wanted && i < LONG);
        console_interrupt();
    }
    put(2, "\n");
    assert_string_equal(strchr(strstr(shown(), "c3"), '\n'), "\n");
    assert_memory_equal(shown(), wanted, 7 + LONG + 13);
}

/* A stopped VM's line does not wait for it. */
static void ontimes_own_line_may_come_between(void **state)
{
    char line[3 * CONSOLE_LINE] = {0};

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    uart_room = 100;
    put(1, line);
    put(1, "\n");
    console_print("c3: off");
    assert_memory_equal(shown(), "[beta] xxx", 10);
    assert_non_null(strstr(shown(), "x\n[ontime] c3: off\n[beta] x"));
    assert_int_equal(strlen(shown()),
                     sizeof(line) - 1 + 2 * strlen("[beta] \n") + strlen("[ontime] c3: off\n"));
}

/* A buffer that is full ends at a word, when there is one near its end. */
static void longer_lines_are_cut_between_words(void **state)
{
    static const char word[] = "word-of-22-characters ";
    const char *at;

    (void)state;
    for (unsigned i = 0; i < CONSOLE_LONG_LINE + CONSOLE_LINE; i++) {
        char c = word[i % (sizeof(word) - 1)];

        if (console_put(&sources[1], c))
            continue;
        while (!console_has_room())
            console_interrupt();
        console_print("own");
        assert_true(console_put(&sources[1], c));
    }
    put(1, "\n");
    at = strstr(shown(), "characters \n[ontime] own\n");
    assert_non_null(at);
    assert_in_range(at - shown(), CONSOLE_LONG_LINE - 64, CONSOLE_LONG_LINE + 64);
    clear();
    put(1, "a ");
    for (unsigned i = 0; i < CONSOLE_LONG_LINE; i++)
        while (!console_put(&sources[1], 'x'))
            console_interrupt();
    put(2, "between\n");
    put(1, "z\n");
    assert_memory_equal(shown(), "[beta] a xxx", 12);
    assert_non_null(strstr(shown(), "xx\n[c3] between\n[beta] xx"));
    assert_non_null(strstr(shown(), "xxz\n"));
}

/* ---- output that waits */

static void a_full_uart_is_not_waited_for(void **state)
{
    (void)state;
    uart_room = 3;
    put(1, "abc\n");
    assert_string_equal(screen, "[be");
    assert_true(space_wanted);
    uart_room = 4;
    console_interrupt();
    assert_string_equal(screen, "[beta] ");
    assert_true(space_wanted);
    uart_room = UNLIMITED;
    console_interrupt();
    assert_string_equal(screen, "[beta] abc\r\n");
    assert_false(space_wanted);
}

static void output_goes_in_bursts(void **state)
{
    (void)state;
    uart_room = 0;
    for (unsigned i = 0; i < 10; i++)
        put(1, "0123456789\n");
    uart_room = UNLIMITED;
    console_interrupt();
    assert_in_range(screen_length, 1, BURST);
    drain();
    assert_int_equal(screen_length, 10 * strlen("[beta] 0123456789\r\n"));
}

static void guests_are_refused_when_full_and_nothing_is_lost(void **state)
{
    char wanted[32];
    unsigned lines = 0, own = 0;
    const char *at;

    (void)state;
    uart_room = 0;
    for (;;) {
        char line[16];
        unsigned done = 0;

        snprintf(line, sizeof(line), "%06u\n", lines);
        while (line[done] != '\0' && console_put(&sources[1], line[done]))
            done++;
        if (line[done] != '\0')
            break;
        lines++;
    }
    assert_false(console_has_room());
    assert_true(lines > (RING - RESERVE) / 16 - 16);
    while (own < RESERVE / 2 / 18)
        console_print("own %03u", own++);
    assert_int_equal(screen_length, 0);
    at = shown();
    for (unsigned i = 0; i < lines; i++) {
        snprintf(wanted, sizeof(wanted), "[beta] %06u\n", i);
        assert_memory_equal(at, wanted, strlen(wanted));
        at += strlen(wanted);
    }
    for (unsigned i = 0; i < own; i++) {
        snprintf(wanted, sizeof(wanted), "[ontime] own %03u\n", i);
        assert_memory_equal(at, wanted, strlen(wanted));
        at += strlen(wanted);
    }
    assert_true(console_has_room());
}

/* A guest's lines may fill the ring only so far, and those that its calls cause not much further. */
static void offered_lines_are_refused_when_full(void **state)
{
    static const char line[] = "offered";
    unsigned offered = 0, more = 0, filled = 0;

    (void)state;
    uart_room = 0;
    while (console_put(&sources[1], filled % 2 == 0 ? 'x' : '\n'))
        filled++;
    assert_true(console_is_calm());
    while (console_offer(line, sizeof(line) - 1))
        assert_true(offered++ < RING);
    assert_in_range(offered, (RESERVE - OFFERED) / 20 - CONSOLE_LINE / 20 - 2, (RESERVE - OFFERED) / 18);
    assert_true(console_is_calm());
    while (console_is_calm())
        console_print("own %03u", more++);
    assert_in_range(more, 1, 3);
    for (unsigned i = 0; i < 150; i++)
        console_print("own %03u", more++);
    assert_int_equal(screen_length, 0); /* nobody has waited */
    assert_false(console_offer(line, sizeof(line) - 1));
    (void)shown();
    assert_true(console_is_calm() && console_offer(line, sizeof(line) - 1));
    assert_non_null(strstr(shown(), "x\n[ontime] offered\n"));
    for (const char *at = strstr(shown(), "[ontime]"); offered-- != 0; at += strlen("[ontime] offered\n"))
        assert_memory_equal(at, "[ontime] offered\n", strlen("[ontime] offered\n"));
}

/* Lines that have been unfinished for long are written one by one, and only when there is room. */
static void silence_takes_one_line_at_a_time(void **state)
{
    (void)state;
    put(1, "one");
    put(2, "two");
    fake_set_counter(arch_counter() + arch_counter_hz() / 10);
    deadline_queue_run(&deadlines, arch_counter());
    assert_string_equal(shown(), "[beta] one");
    assert_true(fake_comparator() <= arch_counter() + 1);
    fake_set_counter(arch_counter() + 1);
    deadline_queue_run(&deadlines, arch_counter());
    assert_string_equal(shown(), "[beta] one\n[c3] two");
    put(1, "\n");
    put(2, "\n");

    clear();
    put(2, "waits");
    uart_room = 0;
    while (console_has_room())
        console_print("own");
    wait_ms(100);
    wait_ms(100);
    assert_int_equal(fake_comparator(), arch_counter() + arch_counter_hz() / 10);
    assert_null(strstr(shown(), "waits"));
    wait_ms(100);
    assert_non_null(strstr(shown(), "own\n[c3] waits"));
}

static void own_lines_wait_for_the_uart(void **state)
{
    unsigned lines = 0;

    (void)state;
    uart_room = 0;
    patience = 100000;
    while (patience != 0) {
        console_print("line %06u", lines++);
        assert_true(lines < 2 * RING);
    }
    drain();
    assert_int_equal(screen_length, lines * strlen("[ontime] line 000000\r\n"));
}

static void the_end_waits_for_everything(void **state)
{
    (void)state;
    uart_room = 0;
    patience = 5000;
    put(2, "unfinished");
    put(1, "finished\n");
    console_finish();
    assert_string_equal(screen, "[beta] finished\r\n[c3] unfinished\r\n");
}

/* ---- input */

static void input_goes_where_it_is_sent(void **state)
{
    (void)state;
    type("a\r" CTRL_BRACKET "2b" CTRL_BRACKET "c3\rc" CTRL_BRACKET "alpha\nd");
    assert_string_equal(delivered[0], "a\rd");
    assert_string_equal(delivered[1], "b");
    assert_string_equal(delivered[2], "c");
    assert_string_equal(shown(), "[ontime] input: beta\n[ontime] input: c3\n[ontime] input: alpha\n");
    put(1, "not at once");
    assert_null(strstr(shown(), "once"));
}

static void input_of_nobody_stays(void **state)
{
    static const char *const bad[] = {
        CTRL_BRACKET "4",       CTRL_BRACKET "9",
        CTRL_BRACKET "gamma\r", CTRL_BRACKET "\r",
        CTRL_BRACKET "alph\r",  CTRL_BRACKET "alpha2\r",
        CTRL_BRACKET "0\r",     CTRL_BRACKET "name-of-thirty-two-characters-ab\r"};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        clear();
        type(bad[i]);
        assert_non_null(strstr(shown(), "[ontime] input: no such VM"));
        clear();
        type("x");
        assert_string_equal(delivered[0], "x");
    }
}

static void the_escape_itself(void **state)
{
    (void)state;
    type("a" CTRL_BRACKET CTRL_BRACKET "b");
    assert_string_equal(delivered[0], "a" CTRL_BRACKET "b");
    assert_string_equal(shown(), "");
}

static void input_comes_in_bursts_too(void **state)
{
    char text[100];

    (void)state;
    memset(text, 'z', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    typing = text;
    console_interrupt();
    assert_int_equal(delivered_length[0], BURST);
    type(typing);
    assert_string_equal(delivered[0], text);
}

/* What is pasted waits in the terminal until the source has room. */
static void a_full_source_stops_the_input(void **state)
{
    (void)state;
    type("ab");
    sources[0].full = true;
    typing = "cd";
    console_interrupt();
    assert_false(input_wanted);
    assert_string_equal(typing, "cd");
    for (unsigned i = 0; i < 499; i++)
        wait_ms(2);
    console_interrupt(); /* for output */
    assert_string_equal(typing, "cd");
    assert_false(input_wanted);
    sources[0].full = false;
    wait_ms(2);
    assert_true(input_wanted);
    console_interrupt();
    assert_string_equal(delivered[0], "abcd");
    assert_int_equal(fake_comparator(), UINT64_MAX);
    sources[0].full = true;
    typing = "e";
    console_interrupt();
    put(1, "an unfinished line");
    sources[0].full = false;
    wait_ms(1);
    assert_false(input_wanted);
    wait_ms(1);
    assert_true(input_wanted);
    type(typing);
    wait_ms(98);
    assert_string_equal(shown(), "[beta] an unfinished line");
}

/* Ctrl-] has to be read even when the source that has the input never reads. */
static void a_source_that_does_not_read_loses_input(void **state)
{
    (void)state;
    sources[0].full = true;
    typing = "lost" CTRL_BRACKET "2kept";
    console_interrupt();
    put(1, "a line\n");
    wait_ms(998);
    assert_false(input_wanted);
    wait_ms(2);
    assert_true(input_wanted);
    type(typing);
    assert_string_equal(delivered[0], "lost"); /* its owner loses it */
    assert_string_equal(delivered[1], "kept");
    type(CTRL_BRACKET "1");
    typing = "x";
    console_interrupt();
    assert_false(input_wanted); /* a second again */
    wait_ms(1000);
    type("xy");
    sources[0].full = false; /* it reads again */
    type("z");
    sources[0].full = true;
    typing = "w";
    console_interrupt();
    assert_false(input_wanted);
    assert_string_equal(delivered[0], "lostxyz");
    sources[0].full = false;
    wait_ms(2);
    type(typing);
}

/* The confirmations of what is typed never wait for the UART. */
static void many_choices_are_not_waited_for(void **state)
{
    (void)state;
    uart_room = 0;
    for (unsigned i = 0; i < RING; i++)
        type(CTRL_BRACKET "1");
    assert_int_equal(screen_length, 0);
    assert_true(console_is_calm());
    drain();
}

/* ---- everything at once */

struct writer {
    char text[LINE_MAX + 16];
    size_t at;
    unsigned lines, seen;
};

static struct writer writers[SOURCES];

static void write_some(struct writer *writer, unsigned source, struct random *random)
{
    for (uint64_t n = random_below(random, 40); n != 0; n--) {
        if (writer->text[writer->at] == '\0') {
            size_t size = (size_t)random_below(random, LINE_MAX);
            int head = snprintf(writer->text, sizeof(writer->text), "%u:", writer->lines++);

            memset(writer->text + head, 'a' + (int)source, size);
            writer->text[(size_t)head + size] = '\n';
            writer->text[(size_t)head + size + 1] = '\0';
            writer->at = 0;
        }
        if (!console_put(&sources[source], writer->text[writer->at]))
            return;
        writer->at++;
    }
}

/* A line of the screen: "[name] number:letters". The one who has the input may be interrupted. */
static void check_line(const char *line, size_t length)
{
    for (unsigned i = 1; i < SOURCES; i++) {
        char head[32];
        int size = snprintf(head, sizeof(head), "[%s] %u:", names[i], writers[i].seen);

        if (length < (size_t)size || memcmp(line, head, (size_t)size) != 0)
            continue;
        for (size_t k = (size_t)size; k < length; k++)
            assert_int_equal(line[k], 'a' + (int)i);
        writers[i].seen++;
        return;
    }
    assert_true(strncmp(line, "[alpha] ", 8) == 0 || strncmp(line, "[ontime] own ", 13) == 0);
    for (size_t k = 8; line[1] == 'a' && k < length; k++)
        assert_true(line[k] == 'a' || line[k] == ':' || (line[k] >= '0' && line[k] <= '9'));
}

/* Alpha's pieces, one behind the other, are its lines. */
static void check_pieces(const char *text)
{
    unsigned number = 0;
    unsigned long found = 0;
    char head[16] = "0:";
    size_t at = 0;

    for (const char *line = strstr(text, "[alpha] "); line != NULL; line = strstr(line, "[alpha] ")) {
        for (line += 8; *line != '\n' && *line != '\0'; line++) {
            if (head[at] == '\0' && *line == 'a')
                continue;
            if (head[at] == '\0') {
                found++;
                snprintf(head, sizeof(head), "%u:", ++number);
                at = 0;
            }
            assert_int_equal(*line, head[at]);
            at++;
        }
    }
    assert_true(found + 2 >= writers[0].lines);
}

static void lines_are_never_mixed(void **state)
{
    struct random random = {1};
    const char *text;

    (void)state;
    memset(writers, 0, sizeof(writers));
    while (writers[1].lines < FLOOD_LINES) {
        unsigned source = (unsigned)random_below(&random, SOURCES);

        write_some(&writers[source], source, &random);
        if (random_below(&random, 50) == 0)
            (void)console_offer("own 123", 7);
        uart_room = (uint32_t)random_below(&random, 60);
        patience = 100;
        console_interrupt();
    }
    uart_room = UNLIMITED;
    for (unsigned i = 0; i < SOURCES; i++)
        while (writers[i].text[writers[i].at] != '\0')
            if (console_put(&sources[i], writers[i].text[writers[i].at]))
                writers[i].at++;
    text = shown();
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        check_line(line, strcspn(line, "\n"));
    for (unsigned i = 1; i < SOURCES; i++)
        assert_int_equal(writers[i].seen, writers[i].lines);
    check_pieces(text);
}

/* A machine whose UART Ontime does not know: a guest's lines are kept, and nothing is sent or read. */
static void another_core_tells_core_0_of_an_unfinished_line(void **state)
{
    (void)state;
    told = 0;
    fake_set_cpu(1);
    put(1, "half");
    assert_int_equal(told, 1);
    put(1, " and");
    put(2, "more");
    assert_int_equal(told, 1);
    fake_set_cpu(0);
    wait_ms(200);
    assert_int_equal(screen_length, 0);
    console_watch_silence();
    wait_ms(200);
    wait_ms(1); /* one line at a time */
    assert_string_equal(shown(), "[beta] half and\n[c3] more");
    fake_set_cpu(1);
    put(1, "again"); /* the next is told again */
    assert_int_equal(told, 2);
    fake_set_cpu(0);
    console_watch_silence();
}

static void without_a_uart_nothing_is_sent(void **state)
{
    (void)state;
    size_t before = screen_length;

    console_init(NULL, &deadlines, tell_core_0);
    assert_true(console_put(&sources[0], 'x'));
    fake_set_counter(arch_counter() + arch_counter_hz());
    deadline_queue_run(&deadlines, arch_counter());
    assert_true(console_put(&sources[0], '\n'));
    console_finish();
    assert_int_equal(screen_length, before);
    /* Nobody waits, whatever is written: the last of it is kept. */
    for (unsigned i = 0; i < RING; i++)
        assert_true(console_put(&sources[0], i % 40 == 0 ? '\n' : 'y'));
    assert_true(console_offer("last", 4) && console_is_calm());
    assert_int_equal(screen_length, before);
    console_init(&uart, &deadlines, tell_core_0);
    assert_in_range(screen_length - before, RING - RESERVE - CONSOLE_LINE, RING - RESERVE);
    assert_memory_equal(screen + screen_length - 15, "[ontime] last\r\n", 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_until_there_is_a_uart),
        cmocka_unit_test_setup(whole_lines_have_a_prefix, begin),
        cmocka_unit_test_setup(a_broken_line_ends_with_two_returns, begin),
        cmocka_unit_test_setup(unfinished_lines_wait, begin),
        cmocka_unit_test_setup(a_prompt_is_shown_after_silence, begin),
        cmocka_unit_test_setup(silence_counts_from_the_last_character, begin),
        cmocka_unit_test_setup(who_has_the_input_is_shown_at_once, begin),
        cmocka_unit_test_setup(another_line_begins_anew, begin),
        cmocka_unit_test_setup(long_lines_are_one_line, begin),
        cmocka_unit_test_setup(a_guest_cannot_act_on_the_terminal, begin),
        cmocka_unit_test_setup(a_raw_source_acts_while_it_has_the_input, begin),
        cmocka_unit_test_setup(a_long_line_is_written_in_one, begin),
        cmocka_unit_test_setup(ontimes_own_line_may_come_between, begin),
        cmocka_unit_test_setup(longer_lines_are_cut_between_words, begin),
        cmocka_unit_test_setup(a_full_uart_is_not_waited_for, begin),
        cmocka_unit_test_setup(output_goes_in_bursts, begin),
        cmocka_unit_test_setup(guests_are_refused_when_full_and_nothing_is_lost, begin),
        cmocka_unit_test_setup(offered_lines_are_refused_when_full, begin),
        cmocka_unit_test_setup(silence_takes_one_line_at_a_time, begin),
        cmocka_unit_test_setup(own_lines_wait_for_the_uart, begin),
        cmocka_unit_test_setup(the_end_waits_for_everything, begin),
        cmocka_unit_test_setup(input_goes_where_it_is_sent, begin),
        cmocka_unit_test_setup(input_of_nobody_stays, begin),
        cmocka_unit_test_setup(the_escape_itself, begin),
        cmocka_unit_test_setup(input_comes_in_bursts_too, begin),
        cmocka_unit_test_setup(a_full_source_stops_the_input, begin),
        cmocka_unit_test_setup(a_source_that_does_not_read_loses_input, begin),
        cmocka_unit_test_setup(many_choices_are_not_waited_for, begin),
        cmocka_unit_test_setup(another_core_tells_core_0_of_an_unfinished_line, begin),
        cmocka_unit_test_setup(without_a_uart_nothing_is_sent, begin),
        cmocka_unit_test_setup(lines_are_never_mixed, begin),
        cmocka_unit_test_setup(raw_sources_act_when_the_console_is_taken_apart, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
