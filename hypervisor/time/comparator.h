/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core's comparator, which is EL2's physical timer. The architecture implements it; only the deadline queue
 * uses it.
 */
#ifndef TIME_COMPARATOR_H
#define TIME_COMPARATOR_H

#include <stdint.h>

/* What `make proof` takes the comparator to hold; all ones when it is off. */
/*@ ghost uint64_t comparator; */

/*
 * The calling CPU's comparator (CNTHP_CVAL_EL2). Once set, its interrupt is pending from `deadline` on, which
 * is in absolute ticks and may be past. When it is off, its interrupt is not pending.
 */
/*@
  requires deadline != UINT64_MAX;
  terminates \true;
  exits \false;
  assigns comparator;
  ensures comparator == deadline;
*/
void arch_comparator_set(uint64_t deadline);
/*@
  terminates \true;
  exits \false;
  assigns comparator;
  ensures comparator == UINT64_MAX;
*/
void arch_comparator_off(void);

#endif
