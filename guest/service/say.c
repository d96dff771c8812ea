// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"

const char *say_device;

/* One write for a line: several processes share standard error. */
__attribute__((format(printf, 1, 0))) static void put(const char *format, va_list arguments)
{
    char line[512];

    vsnprintf(line, sizeof(line), format, arguments);
    if (say_device)
        fprintf(stderr, "ontime-service: %s: %s\n", say_device, line);
    else
        fprintf(stderr, "ontime-service: %s\n", line);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put(format, arguments);
    va_end(arguments);
}

void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put(format, arguments);
    va_end(arguments);
    exit(1);
}
