/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the boot-time allocator. It begins anew in a new process only: each test is a child, and
 * so is each example of a table. The RAM is real memory, as the allocator zeroes it.
 */
#ifndef TESTS_MEMORY_WORLD_H
#define TESTS_MEMORY_WORLD_H

#include <stddef.h>
#include <stdint.h>

struct CMUnitTest;

#define WORLD_RAM (UINT64_C(32) << 20)

/* WORLD_RAM bytes, aligned to a block. */
extern uint8_t *world_ram;

/* The address of its byte `offset`, and back. */
uint64_t world_address(uint64_t offset);
uint64_t world_offset(const void *memory);

/* Runs it in a child. A failed assertion there ends the child, is reported, and fails the caller. */
void world_child(void (*run)(const void *argument), const void *argument);

/* What main() returns: how many of the tests have failed. */
int world_run_alone(const struct CMUnitTest *tests, size_t count);

#endif
