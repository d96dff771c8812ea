/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PRINT_H
#define PRINT_H

#include <stdarg.h>

/* Prints two strings and a formatted text. No other CPU's output comes in between. */
void print_parts(const char *first, const char *second, const char *format, va_list *arguments)
    __attribute__((format(printf, 3, 0)));

#endif
