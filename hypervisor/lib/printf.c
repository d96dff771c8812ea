/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snprintf() and vsnprintf() without a C library.
 *
 * Conversions: %c %s %d %i %u %x %X %p %%, with lengths l, ll and z, flags `0` and `-`, a width and, for %s,
 * a precision; each of these two is a number or `*`. As in the standard, the result is the length that the
 * whole text has, what does not fit is cut off, and the buffer always ends with a zero byte unless its size
 * is 0. An unknown conversion is printed as it stands in the format.
 */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 20 /* of UINT64_MAX in decimal */

struct sink {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text, with what did not fit */
};

struct arguments {
    va_list list;
};

struct conversion {
    bool left;
    bool zeros;
    bool wide; /* l, ll or z: 64 bits, both in AAPCS64 and on an LP64 host */
    size_t width;
    size_t precision; /* SIZE_MAX: none */
    char kind;
};

static void put(struct sink *sink, char character)
{
    if (sink->length + 1 < sink->size)
        sink->buffer[sink->length] = character;
    sink->length++;
}

static void put_text(struct sink *sink, const char *text, size_t length)
{
    size_t room = sink->length + 1 < sink->size ? sink->size - 1 - sink->length : 0;

    if (room != 0)
        memcpy(sink->buffer + sink->length, text, length < room ? length : room);
    sink->length += length;
}

static void put_repeated(struct sink *sink, char character, size_t count)
{
    for (; count > 0; count--)
        put(sink, character);
}

/* Prints `text` in the width asked for. Zeros that fill the width stand behind `sign` ("-", "0x" or ""). */
static void put_field(struct sink *sink, const struct conversion *conversion, const char *sign,
                      const char *text, size_t length)
{
    size_t used = strlen(sign) + length;
    size_t fill = conversion->width > used ? conversion->width - used : 0;

    if (!conversion->left && !conversion->zeros)
        put_repeated(sink, ' ', fill);
    while (*sign != '\0')
        put(sink, *sign++);
    if (conversion->zeros)
        put_repeated(sink, '0', fill);
    put_text(sink, text, length);
    if (conversion->left)
        put_repeated(sink, ' ', fill);
}

static void put_number(struct sink *sink, const struct conversion *conversion, const char *sign,
                       uint64_t value, unsigned base)
{
    const char *digits = conversion->kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[DIGITS_MAX];
    size_t first = sizeof(text);

    do {
        text[--first] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_field(sink, conversion, sign, text + first, sizeof(text) - first);
}

static void put_signed(struct sink *sink, const struct conversion *conversion, int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

    put_number(sink, conversion, value < 0 ? "-" : "", magnitude, 10);
}

static void put_string(struct sink *sink, struct conversion *conversion, const char *string)
{
    if (string == NULL)
        string = "(null)";
    conversion->zeros = false;
    put_field(sink, conversion, "", string, strnlen(string, conversion->precision));
}

static const char *read_count(const char *format, struct arguments *arguments, size_t *count)
{
    *count = 0;
    if (*format == '*') {
        int given = va_arg(arguments->list, int);
        *count = given > 0 ? (size_t)given : 0;
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        *count = *count * 10 + (size_t)(*format - '0');
    return format;
}

/* Reads what follows a '%' up to the conversion's letter. Returns the place behind the letter. */
static const char *read_conversion(const char *format, struct arguments *arguments,
                                   struct conversion *conversion)
{
    *conversion = (struct conversion){.precision = SIZE_MAX};
    for (; *format == '0' || *format == '-'; format++) {
        if (*format == '0')
            conversion->zeros = true;
        else
            conversion->left = true;
    }
    format = read_count(format, arguments, &conversion->width);
    if (*format == '.')
        format = read_count(format + 1, arguments, &conversion->precision);
    for (; *format == 'l' || *format == 'z'; format++)
        conversion->wide = true;
    conversion->kind = *format;
    return *format == '\0' ? format : format + 1;
}

static void put_character(struct sink *sink, struct conversion *conversion, char character)
{
    conversion->zeros = false;
    put_field(sink, conversion, "", &character, 1);
}

/* Prints one argument; false when the conversion is unknown. */
static bool put_argument(struct sink *sink, struct conversion *conversion, struct arguments *arguments)
{
    switch (conversion->kind) {
    case '%':
        put(sink, '%');
        return true;
    case 'c':
        put_character(sink, conversion, (char)va_arg(arguments->list, int));
        return true;
    case 's':
        put_string(sink, conversion, va_arg(arguments->list, const char *));
        return true;
    case 'd':
    case 'i':
        put_signed(sink, conversion,
                   conversion->wide ? va_arg(arguments->list, int64_t) : va_arg(arguments->list, int));
        return true;
    case 'u':
    case 'x':
    case 'X':
        put_number(sink, conversion, "",
                   conversion->wide ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned),
                   conversion->kind == 'u' ? 10 : 16);
        return true;
    case 'p':
        put_number(sink, conversion, "0x", (uintptr_t)va_arg(arguments->list, void *), 16);
        return true;
    default:
        return false;
    }
}

int vsnprintf(char *restrict buffer, size_t size, const char *restrict format, va_list list)
{
    struct sink sink = {.buffer = buffer, .size = size};
    struct arguments arguments;

    va_copy(arguments.list, list);
    while (*format != '\0') {
        const char *start = format++;
        struct conversion conversion;

        if (*start != '%') {
            while (*format != '\0' && *format != '%')
                format++;
            put_text(&sink, start, (size_t)(format - start));
            continue;
        }
        format = read_conversion(format, &arguments, &conversion);
        if (!put_argument(&sink, &conversion, &arguments)) {
            while (start < format)
                put(&sink, *start++);
        }
    }
    va_end(arguments.list);
    if (size > 0)
        buffer[sink.length < size ? sink.length : size - 1] = '\0';
    return (int)sink.length;
}

int snprintf(char *restrict buffer, size_t size, const char *restrict format, ...)
{
    va_list list;

    va_start(list, format);
    int length = vsnprintf(buffer, size, format, list);
    va_end(list);
    return length;
}
