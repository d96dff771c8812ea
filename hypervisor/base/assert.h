/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ASSERT() is for Ontime's own bugs only, never for what a guest or a system file says.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Prints the place and stops the machine (on the host: aborts). */
_Noreturn void assert_failed(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

#endif
