/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many instructions Ontime takes at most before it looks at its interrupts again, by what it does: the
 * largest counts that bench/longest-path has found, and a margin. `bench/longest-path -c` counts again and
 * fails when one is greater. Nothing here is compiled into the hypervisor: tools/bound.c makes a bound of it.
 *
 * A stretch is from an exit, or from a look at the interrupts, to the next look or the entry of a guest. Not
 * counted: a UART that makes Ontime's own lines wait (marks, trace dumps and messages, while its ring is
 * full), and input that is typed at it.
 */
#ifndef BASE_LONGEST_PATH_H
#define BASE_LONGEST_PATH_H

/* In brackets what was found. */
#define PATH_LOAD     26000 /* one piece of loading a VM, VM_LOAD_STEP (21,652) */
#define PATH_EXIT     6000  /* an exit or a switch that writes no line (3,571) */
#define PATH_LINE     26000 /* a line of a guest, or Ontime's about one, and its way to the UART (17,368) */
#define PATH_MARK_VM  40000 /* ONTIME_CALL_MARK and its lines' way, each VM (18,500, with small numbers) */
#define PATH_TRACE    80000 /* ONTIME_CALL_TRACE, and its line's way to the UART (69,907) */
#define PATH_DUE      14000 /* ONTIME_DEADLINES deadlines of one vCPU, all reached (11,814) */
#define PATH_DUE_EACH 2000  /* a vCPU made runnable by one deadline or timer (673) */
#define PATH_SWITCH   6000  /* from the comparator's interrupt to the other guest's entry (4,369) */

#endif
