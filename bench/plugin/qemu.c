// SPDX-License-Identifier: Apache-2.0
/* See qemu.h. */
#define _GNU_SOURCE
#include "qemu.h"
#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ICOUNT_FIXED 1 /* use_icount under a fixed shift */

int plugin_complain(const char *format, ...)
{
    va_list arguments;

    (void)fprintf(stderr, "%s: ", plugin_name);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 1;
}

void *qemu_find(const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    if (symbol == NULL)
        plugin_complain("this QEMU does not export %s; Debian's QEMU 10 is wanted", name);
    return symbol;
}

static size_t size_of(const void *symbol)
{
    void *entry = NULL;
    Dl_info info;

    if (dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == NULL)
        return 0;
    return ((const ElfW(Sym) *)entry)->st_size;
}

bool qemu_find_functions(const struct qemu_function *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *symbol = qemu_find(wanted[i].name);

        if (symbol == NULL)
            return false;
        memcpy(wanted[i].place, &symbol, sizeof(symbol));
    }
    return true;
}

static int64_t (*icount_get)(void);

/*
 * How much later the clock is when the word at `place` is greater by 2. It is an even number, as one of the
 * words is the sequence of a lock, which readers of the clock wait for while it is odd.
 */
static int64_t effect_of_word(int64_t *place)
{
    int64_t before = icount_get();

    *place += 2;
    int64_t after = icount_get();
    *place -= 2;
    return after - before;
}

static int64_t effect_of_half_word(int16_t *place)
{
    int64_t before = icount_get();

    *place = (int16_t)(*place + 2);
    int64_t after = icount_get();
    *place = (int16_t)(*place - 2);
    return after - before;
}

/* The word that adds to the clock as it is, and the one that does so shifted: by 1 bit at least. */
static bool find_words(struct qemu_clock *clock, int64_t *words, size_t size)
{
    for (size_t i = 0; i < size / sizeof(*words); i++) {
        int64_t effect = effect_of_word(&words[i]);

        if (effect == 2 && clock->bias == NULL)
            clock->bias = &words[i];
        else if (effect > 2 && clock->count == NULL)
            clock->count = &words[i];
        else if (effect != 0)
            return false;
    }
    return clock->bias != NULL && clock->count != NULL;
}

/* The half word that has the shift. With a count of 1, 2 more make the clock later by 3 instructions. */
static bool find_shift(struct qemu_clock *clock, int16_t *halves, size_t size)
{
    size_t bias = (size_t)((int16_t *)(void *)clock->bias - halves);
    size_t count = (size_t)((int16_t *)(void *)clock->count - halves);
    int64_t instruction = effect_of_word(clock->count) / 2;

    *clock->count += 1;
    for (size_t i = 0; i < size / sizeof(*halves); i++) {
        bool is_of_words = i - i % 4 == bias || i - i % 4 == count;

        if (!is_of_words && halves[i] > 0 && halves[i] < 16 && instruction == 1 << halves[i] &&
            effect_of_half_word(&halves[i]) == 3 * instruction)
            clock->shift = &halves[i];
    }
    *clock->count -= 1;
    return clock->shift != NULL;
}

bool qemu_find_clock(struct qemu_clock *clock)
{
    const struct qemu_function wanted = {"icount_get", &icount_get};
    const int *use_icount = qemu_find("use_icount");
    void *state = qemu_find("timers_state");

    if (use_icount == NULL || state == NULL || !qemu_find_functions(&wanted, 1))
        return false;
    if (*use_icount != ICOUNT_FIXED)
        return plugin_complain("QEMU has to be started with -icount shift=N, with N not 0"), false;
    size_t size = size_of(state);
    if (!find_words(clock, state, size) || !find_shift(clock, state, size))
        return plugin_complain(
                   "it does not find the clock of this QEMU; Debian's QEMU 10 is wanted, and N not 0"),
               false;
    return true;
}
