/* SPDX-License-Identifier: Apache-2.0 */
/* The end of everything, for what cannot go on. Implemented by boot/boot.c, which has the console. */
#ifndef BASE_STOP_H
#define BASE_STOP_H

/* Prints `[ontime]` and the text, and switches the machine off. */
_Noreturn void stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
