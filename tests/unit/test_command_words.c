// SPDX-License-Identifier: Apache-2.0
/* The words of the guest's command, and the JSON that it writes. */
#define _GNU_SOURCE /* open_memstream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "ontime/abi.h"
#include "../../guest/command/json.h"
#include "../../guest/command/settings.h"

static void numbers_stand_alone(void **state)
{
    static const char *const bad[] = {"", "x", "-1", "+1", " 1", "1 ", "1x", "0x", "18446744073709551616"};
    uint64_t number;

    (void)state;
    assert_true(read_number("0", 7, &number));
    assert_int_equal(number, 0);
    assert_true(read_number("010", 10, &number)); /* not octal */
    assert_int_equal(number, 10);
    assert_true(read_number("0xfF", 255, &number));
    assert_int_equal(number, 255);
    assert_false(read_number("256", 255, &number));
    assert_true(read_number("18446744073709551615", UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(read_number(bad[i], UINT64_MAX, &number));
}

static void seconds_have_a_range(void **state)
{
    static const char *const bad[] = {"", ".", "0", "0.0", "-1", "1s", "1e3", "86401", "1.2.3", "inf", "nan"};
    double seconds;

    (void)state;
    assert_true(read_seconds("2", &seconds));
    assert_true(seconds == 2);
    assert_true(read_seconds(".25", &seconds));
    assert_true(seconds == 0.25);
    assert_true(read_seconds("86400", &seconds));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(read_seconds(bad[i], &seconds));
}

static void settings_have_the_names_of_the_system_file(void **state)
{
    static const struct {
        const char *word;
        unsigned what;
        uint64_t value;
    } good[] = {
        {"weight=2", ONTIME_SET_WEIGHT, 2},
        {"warp-us=0", ONTIME_SET_WARP_US, 0},
        {"warp-limit-us=300", ONTIME_SET_WARP_LIMIT_US, 300},
        {"unwarp-us=1", ONTIME_SET_UNWARP_US, 1},
        {"horizon-us=4294967295", ONTIME_SET_HORIZON_US, UINT32_MAX},
    };
    static const char *const bad[] = {"weight", "weight=", "weight=x",   "weigh=1", "weights=1",
                                      "=1",     "",        "weight=1=2", "warp=1",  "horizon-us=4294967296"};
    unsigned what;
    uint64_t value;

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_null(read_setting(good[i].word, &what, &value));
        assert_int_equal(what, good[i].what);
        assert_int_equal(value, good[i].value);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(read_setting(bad[i], &what, &value));
}

static void json_has_commas_and_escapes(void **state)
{
    char *text = NULL;
    size_t size = 0;
    struct json json = {.out = open_memstream(&text, &size)};

    (void)state;
    json_open(&json, NULL, '{');
    json_text(&json, "text", "a\"b\\c\n\x1f\xc3\xa9");
    json_open(&json, "none", '[');
    json_close(&json, ']');
    json_open(&json, "list", '[');
    json_number(&json, NULL, UINT64_MAX);
    json_open(&json, NULL, '{');
    json_bool(&json, "yes", true);
    json_bool(&json, "no", 0);
    json_close(&json, '}');
    json_real(&json, NULL, 0.0625);
    json_real(&json, NULL, NAN);
    json_real(&json, NULL, INFINITY);
    json_close(&json, ']');
    json_close(&json, '}');
    assert_int_equal(fclose(json.out), 0);
    assert_string_equal(text, "{\"text\":\"a\\\"b\\\\c\\u000a\\u001f\xc3\xa9\",\"none\":[],"
                              "\"list\":[18446744073709551615,{\"yes\":true,\"no\":false},0.062,null,null]}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_alone),
        cmocka_unit_test(seconds_have_a_range),
        cmocka_unit_test(settings_have_the_names_of_the_system_file),
        cmocka_unit_test(json_has_commas_and_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
