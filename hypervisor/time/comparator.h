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
 * The calling CPU's comparator (CNTHP_CVAL_EL2). Its interrupt is pending from `deadline` on, which is in
 * absolute ticks and may be past. All ones are never reached: the comparator is off.
 */
/*@
  terminates \true;
  exits \false;
  assigns comparator;
  ensures comparator == deadline;
*/
void arch_comparator_set(uint64_t deadline);

#endif
