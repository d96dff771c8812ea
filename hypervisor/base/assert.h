/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions are for Ontime's own bugs only, never for what a guest or a system file says.
 *
 * ASSERT() is in every build. DEBUG_ASSERT() states an invariant whose check takes time, and DEBUG_ONLY() is
 * a statement that such a check needs. Both are on in tests and in `make DEBUG=1`, and compile to nothing
 * otherwise.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#ifndef ONTIME_DEBUG
#define ONTIME_DEBUG 0
#endif

/*
 * Prints the place and switches the machine off; on the host it aborts. Where `make proof` proves a
 * contract, it proves that this is not called.
 */
/*@
  requires assertion: \false;
  terminates \true;
  exits \false;
  assigns \nothing;
  ensures \false;
*/
_Noreturn void assert_failed(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

/* The condition is compiled in every build, so that it is kept up with the code. */
#define DEBUG_ASSERT(condition)                                                                              \
    ((!ONTIME_DEBUG || (condition)) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

#define DEBUG_ONLY(statement)                                                                                \
    do {                                                                                                     \
        if (ONTIME_DEBUG) {                                                                                  \
            statement;                                                                                       \
        }                                                                                                    \
    } while (0)

#endif
