/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANALYSE_UTIL_H
#define ANALYSE_UTIL_H

#include <stddef.h>
#include <stdio.h>

/* Prints `analyse: ...` and ends the program with status 1. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Makes room for one more element in an array of `count` elements; returns the array, which may have moved.
 */
void *grow(void *array, size_t count, size_t size);

/* Opens a file for writing; its path is put together as by printf(). */
FILE *create(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
