/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's cores, and how those come up that do not boot: see cores.c. */
#ifndef BOOT_CORES_H
#define BOOT_CORES_H

#include <stdbool.h>
#include "boot/board.h"
#include "vm/cpu.h"

/* Gives all CPUs of the tree their numbers in `cpus`. The one that calls, which boots, is 0. */
void cores_find(struct board *board);

/* Takes RAM for the stacks of the others. To be called before RAM is mapped. */
void cores_make_stacks(void);

/*
 * Starts the others, one after the other, each of which waits then. One that does not start is named on the
 * console, and its `up` stays false. Each has been through cpu_init().
 */
void cores_start(const struct board *board);

/*
 * Are two CPUs that are up of one kind, as far as a guest can see? NULL, or the name of the first register in
 * which they differ.
 */
const char *cores_differ(unsigned one, unsigned other);

/* What a core does that has been started, up to cores_go(). */
void core_join(struct cpu *cpu);

/* Lets the others go on. */
void cores_go(void);

#endif
