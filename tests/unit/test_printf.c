/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor/lib/printf.c against libc: the same text and the same length for each conversion, value, width
 * and buffer size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "lib_renamed.h"

#define ROOM 128

/* Both print `...`; both texts and both lengths must be the same, also when cut. */
#define SAME(...)                                                                                            \
    do {                                                                                                     \
        char expected[ROOM];                                                                                 \
        char text[ROOM];                                                                                     \
        for (size_t size = 0; size < sizeof(text); size += size < 12 ? 1 : 29) {                             \
            memset(expected, 'x', sizeof(expected));                                                         \
            memset(text, 'x', sizeof(text));                                                                 \
            int length = snprintf(expected, size, __VA_ARGS__);                                              \
            assert_int_equal(lib_snprintf(text, size, __VA_ARGS__), length);                                 \
            assert_memory_equal(text, expected, sizeof(text));                                               \
        }                                                                                                    \
    } while (0)

static void text_and_characters(void **state)
{
    (void)state;
    SAME("plain");
    SAME("100%%");
    SAME("%c%c", 'o', 'k');
    SAME("[%3c|%-3c]", 'a', 'b');
    SAME("%s", "");
    SAME("[%s|%8s|%-8s|%2s]", "guest", "guest", "guest", "guest");
    SAME("[%.3s|%8.3s|%-8.2s|%.0s|%.9s]", "guest", "guest", "guest", "guest", "guest");
    SAME("[%.*s|%*d|%-*d]", 3, "guest", 5, 42, 4, 7);
}

static void numbers(void **state)
{
    static const int ints[] = {0, 1, -1, 7, -42, 1234567890, INT_MAX, INT_MIN};
    static const long longs[] = {0, -1, 99, 123456789012345678, LONG_MAX, LONG_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        SAME("[%d|%i|%u|%x|%X]", ints[i], ints[i], (unsigned)ints[i], (unsigned)ints[i], (unsigned)ints[i]);
        SAME("[%6d|%-6d|%06d]", ints[i], ints[i], ints[i]);
        SAME("[%12u|%-12u|%012u]", (unsigned)ints[i], (unsigned)ints[i], (unsigned)ints[i]);
        SAME("[%2x|%08x|%-10x|%010X]", (unsigned)ints[i], (unsigned)ints[i], (unsigned)ints[i],
             (unsigned)ints[i]);
    }
    for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
        SAME("[%ld|%lu|%lx]", longs[i], (unsigned long)longs[i], (unsigned long)longs[i]);
        SAME("[%lld|%llu|%llx]", (long long)longs[i], (unsigned long long)longs[i],
             (unsigned long long)longs[i]);
        SAME("[%zu|%22ld|%020ld|%016lx]", (size_t)longs[i], longs[i], longs[i], (unsigned long)longs[i]);
    }
}

static void pointers(void **state)
{
    (void)state;
    SAME("[%p|%20p|%-20p]", (void *)0x40200000, (void *)0x1234, (void *)0x1234);
}

static void arguments_stay_in_step(void **state)
{
    (void)state;
    SAME("%s %d %lu %c %x %s %zu %% %llx %d", "a", -1, 1UL << 40, 'z', 0xfeedU, "b", (size_t)9, 1ULL << 63,
         5);
}

static void many_arguments_go_over_the_stack(void **state)
{
    (void)state;
    SAME("%d %d %d %d %d %d %d %d %d %ld %s", 1, 2, 3, 4, 5, 6, 7, 8, 9, -10L, "end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_characters),
        cmocka_unit_test(numbers),
        cmocka_unit_test(pointers),
        cmocka_unit_test(arguments_stay_in_step),
        cmocka_unit_test(many_arguments_go_over_the_stack),
    };

    return cmocka_run_group_tests_name("lib/printf", tests, NULL, NULL);
}
