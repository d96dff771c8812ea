/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a guest's output reaches the terminal. Every byte and every character is looked at against a second
 * way to decide; random bytes are never anything but printable text in UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "console/safe_text.h"
#include "random.h"

#define ROOM        256
#define RANDOM_TEXT 2000000
#define LAST        0x10FFFF

static struct safe_text text;
static char shown[ROOM];
static unsigned length;

static void take(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[SAFE_TEXT_MAX];
        unsigned more = safe_text_take(&text, (uint8_t)bytes[i], out);

        assert_true(more <= SAFE_TEXT_MAX && length + more < ROOM);
        memcpy(shown + length, out, more);
        length += more;
    }
}

static const char *line(const char *bytes, size_t count)
{
    length = 0;
    take(bytes, count);
    length += safe_text_end(&text, shown + length);
    shown[length] = '\0';
    return shown;
}

#define LINE(literal) line(literal, sizeof(literal) - 1)

static void ascii_is_as_cat_shows_it(void **state)
{
    (void)state;
    assert_string_equal(LINE("a\tb ~\"\\"), "a\tb ~\"\\");
    assert_string_equal(LINE("\0\1\x1b[2K\x1f\x7f"), "^@^A^[[2K^_^?");
    for (int c = 0; c < 0x80; c++) {
        char byte = (char)c;

        (void)line(&byte, 1);
        if (c == '\r')
            assert_string_equal(shown, "");
        else if (c >= ' ' && c < 0x7F)
            assert_true(shown[0] == byte && length == 1);
        else if (c != '\t')
            assert_true(shown[0] == '^' && shown[1] == (char)(c ^ 0x40) && length == 2);
    }
}

static void a_return_at_the_end_of_a_line_is_part_of_it(void **state)
{
    (void)state;
    assert_string_equal(LINE("line\r"), "line");
    assert_string_equal(LINE("line\r\r\r"), "line");
    assert_string_equal(LINE("\r[ontime] x\r"), "^M[ontime] x");
    assert_string_equal(LINE("50%\r51%\r\r52%"), "50%^M51%^M52%");
    assert_string_equal(LINE("\r\x80"), "^M\\x80");
    assert_string_equal(LINE("next"), "next");
}

static void utf8_passes(void **state)
{
    static const char good[] = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0 \xef\xbf\xbd";

    (void)state;
    assert_string_equal(LINE(good), good);
}

static void unfinished_and_wrong_sequences_are_shown_in_hex(void **state)
{
    (void)state;
    assert_string_equal(LINE("\xc3"), "\\xc3");
    assert_string_equal(LINE("\xf0\x9f\x98"), "\\xf0\\x9f\\x98");
    assert_string_equal(LINE("\xf0\x9f\x98\xf0"), "\\xf0\\x9f\\x98\\xf0");
    assert_string_equal(LINE("\xe2\x82z"), "\\xe2\\x82z");
    assert_string_equal(LINE("\xe2\r"), "\\xe2");
    assert_string_equal(LINE("\xe2\rz"), "\\xe2^Mz");
    assert_string_equal(LINE("\xe2\xc3\xbc"), "\\xe2\xc3\xbc");
    assert_string_equal(LINE("\x9b[2K\xff\xc0\x80\xc1\xbf"), "\\x9b[2K\\xff\\xc0\\x80\\xc1\\xbf");
    assert_string_equal(LINE("\xe0\x9f\xbf \xf0\x8f\xbf\xbf"), "\\xe0\\x9f\\xbf \\xf0\\x8f\\xbf\\xbf");
    assert_string_equal(LINE("\xed\xa0\x80 \xf4\x90\x80\x80"), "\\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
    assert_string_equal(LINE("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
}

static void characters_that_act_are_shown_as_numbers(void **state)
{
    (void)state;
    assert_string_equal(LINE("\xc2\x9b\x32K \xc2\x80 \xc2\x9f"), "\\u009b2K \\u0080 \\u009f");
    assert_string_equal(
        LINE("\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f"),
        "\\u2028\\u202e\\u202c\\u2066\\u2069\\u061c\\u200f");
    assert_string_equal(LINE("\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x80\x8d"),
                        "\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x80\x8d");
}

static size_t encode(uint32_t character, char *to)
{
    size_t count = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (size_t i = count - 1; i > 0; i--, character >>= 6)
        to[i] = (char)(0x80 | (character & 0x3F));
    to[0] = (char)((0xF00u >> count & 0xFF) | character);
    return count;
}

static void every_character_passes_or_is_a_number(void **state)
{
    unsigned numbers = 0;

    (void)state;
    for (uint32_t character = 0x80; character <= LAST; character++) {
        char bytes[4];
        size_t count = encode(character, bytes);
        bool surrogate = character >= 0xD800 && character < 0xE000;

        (void)line(bytes, count);
        if (shown[0] == '\\') {
            numbers++;
            assert_int_equal(shown[1], surrogate ? 'x' : 'u');
        } else {
            assert_false(surrogate);
            assert_int_equal(length, count);
            assert_memory_equal(shown, bytes, count);
        }
    }
    assert_int_equal(numbers, 0x800 + 0x20 + 3 + 7 + 4);
}

/* Reads one character that a terminal may be given; returns its length. */
static unsigned check_printable(const unsigned char *at, unsigned left)
{
    static const unsigned char heads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    unsigned count = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t character = count == 1 ? at[0] : at[0] - heads[count];

    assert_true(count <= left);
    for (unsigned i = 1; i < count; i++) {
        assert_int_equal(at[i] & 0xC0, 0x80);
        character = character << 6 | (at[i] & 0x3F);
    }
    assert_true(character == '\t' || (character >= ' ' && character < 0x7F) || character >= 0xA0);
    assert_true(character < 0x2028 || character > 0x202E);
    return count;
}

static void random_bytes_are_printable(void **state)
{
    static const unsigned char often[] = {'\r', 0x1B, 0xC2, 0x9B, 0xE2, 0x80, 0xA8, 0xF0, 0x90, 0xED};
    struct random random = {1};

    (void)state;
    for (unsigned i = 0; i < RANDOM_TEXT; i++) {
        char byte = (char)(random_below(&random, 2) == 0 ? often[random_below(&random, sizeof(often))]
                                                         : random_below(&random, 256));

        length = 0;
        if (random_below(&random, 20) == 0)
            length = safe_text_end(&text, shown);
        else
            take(&byte, 1);
        for (unsigned at = 0; at < length;)
            at += check_printable((const unsigned char *)shown + at, length - at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_is_as_cat_shows_it),
        cmocka_unit_test(a_return_at_the_end_of_a_line_is_part_of_it),
        cmocka_unit_test(utf8_passes),
        cmocka_unit_test(unfinished_and_wrong_sequences_are_shown_in_hex),
        cmocka_unit_test(characters_that_act_are_shown_as_numbers),
        cmocka_unit_test(every_character_passes_or_is_a_number),
        cmocka_unit_test(random_bytes_are_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
