/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic accesses as plain ones, for Frama-C, whose own stdatomic.h has no atomic pointers. A proof is about
 * one core: what another core does at the same time is not in it.
 */
#ifndef PROOF_ATOMICS_H
#define PROOF_ATOMICS_H

#define __FC_STDATOMIC /* Frama-C's own: not read */

#define _Atomic

#define atomic_load(object)                         (*(object))
#define atomic_load_explicit(object, order)         (*(object))
#define atomic_store(object, value)                 ((void)(*(object) = (value)))
#define atomic_store_explicit(object, value, order) ((void)(*(object) = (value)))

#endif
