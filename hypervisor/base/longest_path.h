/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many instructions Ontime executes at most, for each thing it does, before it looks at its interrupts
 * again: the largest count that bench/longest-path has found, plus a margin. `bench/longest-path -c` counts
 * again and fails when a count is greater than what stands here. The hypervisor uses none of these;
 * tools/bound.c computes the bound from them.
 *
 * A count begins at an exit, or at a look at the interrupts, and ends at the next look or at the entry of a
 * guest. Two things are not counted: waiting for the UART, which Ontime's own lines (marks, trace dumps,
 * messages) do while the console's ring is full, and input that somebody types.
 */
#ifndef BASE_LONGEST_PATH_H
#define BASE_LONGEST_PATH_H

/* In parentheses: the largest count found. */
#define PATH_LOAD     26000 /* one piece of loading a VM, VM_LOAD_STEP (21,652) */
#define PATH_EXIT     6000  /* an exit or a switch that writes no line (3,571) */
#define PATH_LINE     26000 /* a line of a guest, or of Ontime about one, sent to the UART (17,368) */
#define PATH_MARK_VM  40000 /* ONTIME_CALL_MARK, its lines sent, each VM (18,500, numbers being short) */
#define PATH_TRACE    80000 /* ONTIME_CALL_TRACE, its line sent to the UART (69,907) */
#define PATH_DUE      14000 /* ONTIME_DEADLINES deadlines of one vCPU, all reached at once (11,814) */
#define PATH_DUE_EACH 2000  /* a vCPU made runnable by one deadline or timer (673) */
#define PATH_SWITCH   6000  /* from the comparator's interrupt to the other guest's entry (4,369) */

#endif
