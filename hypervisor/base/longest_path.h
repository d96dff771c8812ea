/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many instructions Ontime executes at most, for each thing it does, before it looks at its interrupts
 * again: the largest count that bench/longest-path has found, plus a margin. `bench/longest-path -c` counts
 * again and fails when a count is greater than what stands here. The hypervisor uses none of these;
 * tools/bound.c computes the bound from them.
 *
 * A count begins at an exit, or at a look at the interrupts, and ends at the next look or at the entry of a
 * guest. Three things are not counted: the boot, switching the machine off, and input that somebody types.
 */
#ifndef BASE_LONGEST_PATH_H
#define BASE_LONGEST_PATH_H

/* In parentheses: the largest count found. */
#define PATH_LOAD     3000 /* one piece of loading a VM (2,705: seeds) */
#define PATH_EXIT     3000 /* an exit or a switch that writes no line (2,561: a fault) */
#define PATH_LINE     3000 /* a line of a guest, or of Ontime about one; a piece of output (2,158) */
#define PATH_MARK     3000 /* one piece of ONTIME_CALL_MARK (2,514) */
#define PATH_MARK_VM  40   /* the first piece, each vCPU: its CPU time is noted */
#define PATH_TRACE    3000 /* one piece of ONTIME_CALL_TRACE (2,300) */
#define PATH_DUE      3200 /* 64 deadlines each of the vCPU that comes and of the one that leaves (3,001) */
#define PATH_DUE_EACH 750  /* a vCPU made runnable by one deadline or timer (673) */
#define PATH_SWITCH   3800 /* from the comparator's interrupt to the entry, these included (3,529) */

#endif
