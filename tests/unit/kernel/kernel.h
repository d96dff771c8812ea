/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of Linux under a unit test's control, for one thread: locks that are checked, memory that is
 * counted. What breaks their rules aborts.
 */
#ifndef KERNEL_H
#define KERNEL_H

/* So many allocations succeed from now on. Blocks: allocated now. */
extern unsigned int kernel_allocations_left, kernel_blocks;

/* Called once before a lock is taken while none is held, as another CPU could come in between there. */
extern void (*kernel_between)(void);

#endif
