/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many instructions Ontime executes at most, for each thing it does, before it looks at its interrupts
 * again: the largest count that bench/longest-path has found, plus a margin. `bench/longest-path -c` counts
 * again and fails when a count is greater than what stands here. The hypervisor uses none of these;
 * tools/bound.c computes the bound from them.
 *
 * A count begins at an exit, or at a look at the interrupts, and ends at the next look or at the entry of a
 * guest. Three things are not counted: the boot, switching the machine off, and input that somebody types.
 * What a core executes while it waits for a lock is in no count: that depends on the other cores.
 */
#ifndef BASE_LONGEST_PATH_H
#define BASE_LONGEST_PATH_H

/* In parentheses: the largest count found, with 32 or with 988 SPIs in each VM. */
#define PATH_LOAD      2400 /* one piece of loading a VM (2,206: seeds) */
#define PATH_EXIT      3600 /* an exit or a switch that writes no line (3,474: an SGI to seven) */
#define PATH_LINE      2800 /* a line of a guest, or of Ontime about one; a piece of output (2,655) */
#define PATH_MARK      2800 /* one piece of ONTIME_CALL_MARK (2,650) */
#define PATH_MARK_VM   40   /* the first piece, each vCPU: its CPU time is noted */
#define PATH_TRACE     2900 /* one piece of ONTIME_CALL_TRACE (2,819) */
#define PATH_DUE       4200 /* a deadline, timer or tick that was reached, and the switch to its vCPU (3,915) */
#define PATH_DUE_OTHER 2700 /* such a deadline whose vCPU is not switched to (2,463) */
#define PATH_SWITCH    4200 /* from the comparator's interrupt to the entry, these included (3,915) */
#define PATH_MESSAGE   3600 /* what a kick brings, and the switch that may follow (3,433) */

/* Where vCPUs may come that float. */
#define PATH_LOOK      2800 /* a look at those that wait, with the departure of one (these four: by reading) */
#define PATH_LOOK_VCPU 80   /* the same, each vCPU that floats and is here */
#define PATH_LOOK_CPU  150  /* the same, each other CPU that they may go to */
#define PATH_IDLE_CPU  20   /* any stretch: each of these is asked whether it is idle */

/*
 * With general-purpose timers these are brought up to date after each change of the deadlines
 * (time/gp_timers.h). By reading: with GP_TIMERS_MAX timers, of which three are set; and for each vCPU of the
 * core. A stretch has so many changes at most; a deadline that is reached has one, and the switch to its vCPU
 * one more.
 */
#define PATH_TIMERS      600
#define PATH_TIMERS_VCPU 170
#define TIMERS_CHANGES   6

/* How long a lock is held, those that its holder takes meanwhile included. */
#define LOCK_VGIC      2600 /* a VM's virtual GIC (2,456: 988 SPIs are pending, and a vCPU is refreshed) */
#define LOCK_UART      2300 /* a VM's UART (2,110: a character completes a line, and raises the interrupt) */
#define LOCK_CLOCK     700  /* a VM's clock (571) */
#define LOCK_VIRTIO    400  /* a virtio device (299: a reset of all its queues) */
#define LOCK_SMMU      200  /* an SMMU (by reading: two commands are queued; none is in what is counted) */
#define LOCK_COMPLAINT 3000 /* of a VM's faults (2,802) */
#define LOCK_VM        1700 /* a VM's power state (1,592: a vCPU is switched off that has another's place) */
#define LOCK_CONSOLE   1900 /* the console (1,756) */
#define LOCK_RINGS     100  /* the trace rings (42 with two cores, 10 more with each); taken alone */
#define LOCK_OFF       400  /* which VMs are off (34 with three of them) */

/* For how long, at most, another core may hold the locks that the holder of a lock takes meanwhile. */
#define INNER_UART      (LOCK_CONSOLE + LOCK_VGIC)
#define INNER_CLOCK     LOCK_VGIC
#define INNER_COMPLAINT LOCK_CONSOLE
#define INNER_VM        (2 * LOCK_VGIC)

/*
 * The same for the locks that are taken in a count of PATH_...: those of a VM, those of all cores, and those
 * that the holders of these wait for in turn. And those of a count of PATH_SWITCH, which are a VM's.
 */
#define WAIT_VM     (LOCK_VM + 3 * LOCK_VGIC)
#define WAIT_ALL    (2 * LOCK_CONSOLE + LOCK_OFF)
#define WAIT_INNER  (2 * INNER_VM) /* more than INNER_UART + INNER_CLOCK */
#define WAIT_SWITCH (2 * LOCK_VGIC)

#endif
