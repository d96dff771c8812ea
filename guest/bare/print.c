// SPDX-License-Identifier: Apache-2.0
/*
 * Output and input on the PL011, by polling. The output of one call is never mixed with another CPU's.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include "bare.h"
#include "print.h"

#define FR_RX_EMPTY 0x10u
#define FR_TX_FULL  0x20u

static atomic_flag busy;

static void put(char c)
{
    while ((mmio_read(GUEST_UART_BASE + UART_FR) & FR_TX_FULL) != 0) {
    }
    mmio_write(GUEST_UART_BASE + UART_DR, (uint8_t)c);
}

int uart_read(void)
{
    if ((mmio_read(GUEST_UART_BASE + UART_FR) & FR_RX_EMPTY) != 0)
        return -1;
    return (int)(mmio_read(GUEST_UART_BASE + UART_DR) & 0xFF);
}

static void put_number(uint64_t value, unsigned base, unsigned width, char fill)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (; width > count; width--)
        put(fill);
    while (count > 0)
        put(digits[--count]);
}

static void put_string(const char *text)
{
    while (*text != '\0')
        put(*text++);
}

static void put_signed(int64_t value, unsigned width)
{
    if (value < 0)
        put('-');
    put_number(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width, ' ');
}

/* Prints one conversion. `format` points behind the %; returns what follows the conversion. */
static const char *put_conversion(const char *format, va_list *arguments)
{
    char fill = *format == '0' ? '0' : ' ';
    unsigned width = 0;
    bool is_long = false;

    for (; *format >= '0' && *format <= '9'; format++)
        width = 10 * width + (unsigned)(*format - '0');
    for (; *format == 'l' || *format == 'z'; format++)
        is_long = true;
    switch (*format) {
    case 's':
        put_string(va_arg(*arguments, const char *));
        break;
    case 'c':
        put((char)va_arg(*arguments, int));
        break;
    case 'd':
        put_signed(is_long ? va_arg(*arguments, long) : va_arg(*arguments, int), width);
        break;
    case 'u':
    case 'x':
        put_number(is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   *format == 'x' ? 16 : 10, width, fill);
        break;
    default:
        put(*format);
    }
    return format + 1;
}

void print_parts(const char *first, const char *second, const char *format, va_list *arguments)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
    }
    put_string(first);
    put_string(second);
    while (*format != '\0') {
        if (*format != '%') {
            put(*format++);
            continue;
        }
        format = put_conversion(format + 1, arguments);
    }
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_parts("", "", format, &arguments);
    va_end(arguments);
}
