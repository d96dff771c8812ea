/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many CPUs there can be, and times that the bound of `ontime check` is computed from, beside the lengths
 * of Ontime's paths (base/longest_path.h). The hypervisor keeps to them, tools/bound.c computes with them.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define MAX_CPUS 64

/*
 * While a guest has its interrupts masked, the end of its slice is put off by GRACE_STEP_US at a time,
 * GRACE_STEPS times at most (vm/dispatch.c).
 */
#define GRACE_STEPS   10
#define GRACE_STEP_US 10

/*
 * vCPUs that float (vm/floating.c). LOOK: while one waits for its core, that core looks so often whether
 * another would run it sooner. SOON: one that loses its core while another is idle waits for so long before
 * it moves, about twice what a move costs. PULL: a core that is idle asks another so often at most for one
 * that waits there, unless one has come.
 */
#define FLOATING_LOOK_US 1000
#define FLOATING_SOON_US 100
#define FLOATING_PULL_US 1000

/* A guest's unfinished line is written when no character has followed for so long (console/console.c). */
#define SILENCE_MS 100

#endif
