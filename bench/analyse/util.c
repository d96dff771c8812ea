/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/util.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...)
{
    va_list arguments;

    fputs("analyse: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* The room doubles each time the count reaches a power of two. */
void *grow(void *array, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;

    if (!full)
        return array;
    array = realloc(array, (count ? 2 * count : 1) * size);
    if (!array)
        die("out of memory");
    return array;
}

FILE *create(const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    FILE *file;

    va_start(arguments, format);
    vsnprintf(path, sizeof(path), format, arguments);
    va_end(arguments);
    file = fopen(path, "w");
    if (!file)
        die("%s: %s", path, strerror(errno));
    return file;
}
