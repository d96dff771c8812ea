/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions are for Ontime's own bugs only, never for what a guest or a system file says.
 *
 * ASSERT() is always there. DEBUG_ASSERT() states an invariant where a check would take time: it is on in
 * tests and in `make DEBUG=1`, and compiles to nothing otherwise, as does DEBUG_ONLY(), which keeps what the
 * invariants need.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#ifndef ONTIME_DEBUG
#define ONTIME_DEBUG 0
#endif

/* Prints the place and stops the machine (on the host: aborts). */
_Noreturn void assert_failed(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

/* The condition is compiled in any case, so that it stays true to the code. */
#define DEBUG_ASSERT(condition)                                                                              \
    ((!ONTIME_DEBUG || (condition)) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

#define DEBUG_ONLY(statement)                                                                                \
    do {                                                                                                     \
        if (ONTIME_DEBUG) {                                                                                  \
            statement;                                                                                       \
        }                                                                                                    \
    } while (0)

#endif
