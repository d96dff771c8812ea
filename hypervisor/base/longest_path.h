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
#define PATH_LOAD      2400 /* one piece of loading a VM (2,123: seeds) */
#define PATH_EXIT      2700 /* an exit or a switch that writes no line (2,572: a fault) */
#define PATH_LINE      2400 /* a line of a guest, or of Ontime about one; a piece of output (2,164) */
#define PATH_MARK      2400 /* one piece of ONTIME_CALL_MARK (2,167) */
#define PATH_MARK_VM   40   /* the first piece, each vCPU: its CPU time is noted */
#define PATH_TRACE     2800 /* one piece of ONTIME_CALL_TRACE (2,732) */
#define PATH_DUE       3000 /* a deadline, timer or tick that was reached, and the switch to its vCPU (2,668) */
#define PATH_DUE_OTHER 1700 /* such a deadline whose vCPU is not switched to (1,645) */
#define PATH_SWITCH    3100 /* from the comparator's interrupt to the entry, these included (3,034) */

#endif
