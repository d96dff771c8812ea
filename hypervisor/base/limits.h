/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times that the bound of `ontime check` follows from, beside the lengths of Ontime's paths
 * (base/longest_path.h). Used by the hypervisor, which keeps to them, and by tools/bound.c.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/*
 * The end of a slice is put off while the guest has its interrupts masked, so many times at most and by so
 * much each time (vm/dispatch.c).
 */
#define GRACE_STEPS   10
#define GRACE_STEP_US 10

/* After so long without another character a guest's unfinished line is written (console/console.c). */
#define SILENCE_MS 100

#endif
