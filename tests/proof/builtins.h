/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What WP does not know by itself: the value of a negative number as a uint64_t, and __builtin_ctz(), in
 * the words of vm/precise.c. bits.c tries both.
 */
#ifndef PROOF_BUILTINS_H
#define PROOF_BUILTINS_H

/*@
  axiomatic wrap_round {
      axiom wrap_64: \forall integer value; -18446744073709551615 <= value < 0
          ==> (unsigned long)value == value + 18446744073709551616;
  }

  axiomatic lowest_bit { logic integer lowest(integer groups); }
*/

/*@
  requires groups != 0;
  terminates \true;
  assigns \result \from groups;
  ensures \result == lowest(groups) && 0 <= \result < 32;
*/
int proof_ctz(unsigned groups);

#define __builtin_ctz(groups) proof_ctz(groups)

#endif
