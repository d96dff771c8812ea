/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of EL2's stack frames, see stack_protector.c. */
#ifndef BASE_STACK_PROTECTOR_H
#define BASE_STACK_PROTECTOR_H

#include <stdint.h>

/*
 * Sets the guard. No function with a guard may return that has been called before; boot_main(), which never
 * returns, calls it.
 */
void stack_guard_set(uint64_t random);

#endif
