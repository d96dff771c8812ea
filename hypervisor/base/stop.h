/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end, when Ontime cannot go on. Any layer may call it; boot/boot.c implements it, as it knows the
 * console.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

/* Prints `[ontime]` and the text, at most 511 characters, and switches the machine off. */
_Noreturn void stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
