/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line: numbers, and NAME=VALUE with the names that the system file has for them. */
#ifndef COMMAND_SETTINGS_H
#define COMMAND_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal, or hexadecimal with 0x; nothing else before or behind it. */
bool read_number(const char *text, uint64_t max, uint64_t *number);

/* A time in seconds, such as 2 or 0.5: more than 0, at most a day. */
bool read_seconds(const char *text, double *seconds);

/*
 * "weight=2": *what is ONTIME_SET_WEIGHT, *value 2. Returns NULL, or what is wrong with the word. Ontime
 * checks the value's range.
 */
const char *read_setting(const char *word, unsigned *what, uint64_t *value);

#endif
