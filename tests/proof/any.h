/* SPDX-License-Identifier: Apache-2.0 */
/* Values of which Frama-C knows no more than their range, and what it has to prove. */
#ifndef PROOF_ANY_H
#define PROOF_ANY_H

#include <stdbool.h>
#include <stdint.h>

/*@ assigns \result \from \nothing; */
uint64_t any_u64(void);

/*@ assigns \result \from \nothing; */
unsigned any_u32(void);

/*@
  requires bound != 0;
  assigns \result \from bound;
  ensures 0 <= \result < bound;
*/
unsigned any_below(unsigned bound);

/*@ assigns \result \from \nothing; ensures \result == 0 || \result == 1; */
bool any_bool(void);

/*@ requires must_hold: condition; assigns \nothing; */
void must(bool condition);

#endif
