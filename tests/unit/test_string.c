/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor/lib/string.c against libc: every alignment of both ends and every length up to a few words, with
 * the bytes around the block watched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "lib_renamed.h"

#define ROOM       96
#define ALIGNMENTS 17
#define LENGTHS    40

static void fill(unsigned char *room, unsigned seed)
{
    for (unsigned i = 0; i < ROOM; i++)
        room[i] = (unsigned char)(i * 7 + seed);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void memcpy_copies_exactly(void **state)
{
    _Alignas(16) unsigned char from[ROOM];
    _Alignas(16) unsigned char to[ROOM];
    _Alignas(16) unsigned char expected[ROOM];

    (void)state;
    fill(from, 3);
    for (size_t a = 0; a < ALIGNMENTS; a++) {
        for (size_t b = 0; b < ALIGNMENTS; b++) {
            for (size_t size = 0; size < LENGTHS; size++) {
                fill(to, 100);
                fill(expected, 100);
                memcpy(expected + a, from + b, size);
                assert_ptr_equal(lib_memcpy(to + a, from + b, size), to + a);
                assert_memory_equal(to, expected, ROOM);
            }
        }
    }
}

static void memmove_copies_overlapping(void **state)
{
    _Alignas(16) unsigned char block[ROOM];
    _Alignas(16) unsigned char expected[ROOM];

    (void)state;
    for (size_t a = 0; a < ALIGNMENTS; a++) {
        for (size_t b = 0; b < ALIGNMENTS; b++) {
            for (size_t size = 0; size < LENGTHS; size++) {
                fill(block, 9);
                fill(expected, 9);
                memmove(expected + a, expected + b, size);
                assert_ptr_equal(lib_memmove(block + a, block + b, size), block + a);
                assert_memory_equal(block, expected, ROOM);
            }
        }
    }
}

static void memset_sets_exactly(void **state)
{
    _Alignas(16) unsigned char block[ROOM];
    _Alignas(16) unsigned char expected[ROOM];

    (void)state;
    for (size_t a = 0; a < ALIGNMENTS; a++) {
        for (size_t size = 0; size < LENGTHS; size++) {
            fill(block, 1);
            fill(expected, 1);
            memset(expected + a, 0xC5, size);
            assert_ptr_equal(lib_memset(block + a, 0x1C5, size), block + a);
            assert_memory_equal(block, expected, ROOM);
        }
    }
}

static void memory_is_compared_and_searched(void **state)
{
    static const unsigned char a[] = {1, 2, 3, 200, 5};
    static const unsigned char b[] = {1, 2, 3, 4, 5};

    (void)state;
    assert_int_equal(lib_memcmp(a, b, 3), 0);
    assert_true(lib_memcmp(a, b, 4) > 0);
    assert_true(lib_memcmp(b, a, 5) < 0);
    assert_int_equal(lib_memcmp(a, b, 0), 0);
    assert_ptr_equal(lib_memchr(a, 200, sizeof(a)), a + 3);
    assert_ptr_equal(lib_memchr(a, 256 + 200, sizeof(a)), a + 3);
    assert_null(lib_memchr(a, 200, 3));
    assert_null(lib_memchr(a, 77, sizeof(a)));
}

static void strings_agree_with_libc(void **state)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "ab\xff", "abcabc", "\x80"};
    size_t count = sizeof(words) / sizeof(words[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lib_strlen(words[i]), strlen(words[i]));
        for (size_t limit = 0; limit < 8; limit++)
            assert_int_equal(lib_strnlen(words[i], limit), strnlen(words[i], limit));
        for (int c = 0; c < 256; c++) {
            assert_ptr_equal(lib_strchr(words[i], c), strchr(words[i], c));
            assert_ptr_equal(lib_strrchr(words[i], c), strrchr(words[i], c));
        }
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(sign(lib_strcmp(words[i], words[k])), sign(strcmp(words[i], words[k])));
            for (size_t limit = 0; limit < 8; limit++)
                assert_int_equal(sign(lib_strncmp(words[i], words[k], limit)),
                                 sign(strncmp(words[i], words[k], limit)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_exactly),   cmocka_unit_test(memmove_copies_overlapping),
        cmocka_unit_test(memset_sets_exactly),     cmocka_unit_test(memory_is_compared_and_searched),
        cmocka_unit_test(strings_agree_with_libc),
    };

    return cmocka_run_group_tests_name("lib/string", tests, NULL, NULL);
}
