// SPDX-License-Identifier: Apache-2.0
/* The command line of a service guest's program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../guest/service/words.h"

static void a_device_has_a_kind_a_name_and_a_target(void **state)
{
    struct word word;
    char long_text[WORD_MOST + 32] = "block:a=";

    (void)state;
    assert_true(word_read(&word, "block:disk-1=/a/b=c:d.img,read-only"));
    assert_string_equal(word.kind, "block");
    assert_string_equal(word.name, "disk-1");
    assert_string_equal(word.target, "/a/b=c:d.img,read-only");
    assert_false(word_read(&word, ""));
    assert_false(word_read(&word, "block"));
    assert_false(word_read(&word, "block:disk"));
    assert_false(word_read(&word, "block=disk:x"));
    assert_false(word_read(&word, ":disk=x"));
    assert_false(word_read(&word, "block:=x"));
    assert_false(word_read(&word, "block:disk="));
    assert_false(word_read(&word, "block:../disk=x"));
    assert_false(word_read(&word, "sixteen-letters-:disk=x"));
    assert_false(word_read(&word, "net:a-name-of-more-than-31-characters=x"));
    memset(long_text + 8, 'x', WORD_MOST - 1);
    assert_true(word_read(&word, long_text));
    long_text[8 + WORD_MOST - 1] = 'x';
    assert_false(word_read(&word, long_text));
}

static void a_target_has_options(void **state)
{
    const char *rest = "tap0,bridge=br0,,last";
    char part[WORD_MOST];

    (void)state;
    assert_true(word_next(&rest, part));
    assert_string_equal(part, "tap0");
    assert_true(word_next(&rest, part));
    assert_string_equal(word_value(part, "bridge"), "br0");
    assert_null(word_value(part, "bridg"));
    assert_null(word_value(part, "bridges"));
    assert_true(word_next(&rest, part));
    assert_string_equal(part, "");
    assert_true(word_next(&rest, part));
    assert_string_equal(part, "last");
    assert_null(word_value(part, "last"));
    assert_false(word_next(&rest, part));
}

static void addresses_of_cards(void **state)
{
    const uint8_t expected[] = {0x02, 0xAB, 0, 1, 2, 0xFF};
    uint8_t mac[6], other[6];

    (void)state;
    assert_true(word_read_mac("02:ab:00:01:02:FF", mac));
    assert_memory_equal(mac, expected, 6);
    assert_false(word_read_mac("02:ab:00:01:02", mac));
    assert_false(word_read_mac("02:ab:00:01:02:03:04", mac));
    assert_false(word_read_mac("02:ab:00:01:02:003", mac));
    assert_false(word_read_mac("00:00:00:00:00:00", mac));
    assert_false(word_read_mac("03:00:00:00:00:00", mac));
    assert_false(word_read_mac("ten", mac));
    word_make_mac("linux-net", mac);
    word_make_mac("linux-nes", other);
    assert_int_equal(mac[0] & 3, 2);
    assert_memory_not_equal(mac, other, 6);
    word_make_mac("linux-net", other);
    assert_memory_equal(mac, other, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_has_a_kind_a_name_and_a_target),
        cmocka_unit_test(a_target_has_options),
        cmocka_unit_test(addresses_of_cards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
