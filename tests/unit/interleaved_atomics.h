/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before all else (gcc's -include): each atomic access that the sources make is a point, see
 * interleave.h.
 */
#ifndef TESTS_INTERLEAVED_ATOMICS_H
#define TESTS_INTERLEAVED_ATOMICS_H

#include <stdatomic.h>

/* Weak: `make mutate` compiles a source once for all tests, and not all have interleave.c. */
__attribute__((weak)) void interleave_point(void);

#define INTERLEAVED_POINT() (interleave_point != (void *)0 ? interleave_point() : (void)0)

#undef atomic_load_explicit
#undef atomic_load
#undef atomic_store_explicit
#undef atomic_store
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or_explicit
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_exchange

/* The value of an atomic object has the object's type without _Atomic, which a comma takes off. */
#define INTERLEAVED_VALUE(object) __typeof__((void)0, *(object))

#define atomic_load_explicit(object, order)                                                                  \
    __extension__({                                                                                          \
        INTERLEAVED_VALUE(object) interleaved_value;                                                         \
        INTERLEAVED_POINT();                                                                                 \
        __atomic_load(object, &interleaved_value, order);                                                    \
        interleaved_value;                                                                                   \
    })
#define atomic_load(object) atomic_load_explicit(object, memory_order_seq_cst)

#define atomic_store_explicit(object, value, order)                                                          \
    __extension__({                                                                                          \
        INTERLEAVED_VALUE(object) interleaved_value = (value);                                               \
        INTERLEAVED_POINT();                                                                                 \
        __atomic_store(object, &interleaved_value, order);                                                   \
    })
#define atomic_store(object, value) atomic_store_explicit(object, value, memory_order_seq_cst)

#define atomic_exchange_explicit(object, value, order)                                                       \
    __extension__({                                                                                          \
        INTERLEAVED_VALUE(object) interleaved_value = (value);                                               \
        INTERLEAVED_VALUE(object) interleaved_before;                                                        \
        INTERLEAVED_POINT();                                                                                 \
        __atomic_exchange(object, &interleaved_value, &interleaved_before, order);                           \
        interleaved_before;                                                                                  \
    })

#define atomic_exchange(object, value) atomic_exchange_explicit(object, value, memory_order_seq_cst)

#define atomic_compare_exchange_weak_explicit(object, expected, value, order, failure)                       \
    __extension__({                                                                                          \
        INTERLEAVED_VALUE(object) interleaved_value = (value);                                               \
        INTERLEAVED_POINT();                                                                                 \
        __atomic_compare_exchange(object, expected, &interleaved_value, 1, order, failure);                  \
    })

#define atomic_fetch_add_explicit(object, value, order)                                                      \
    (INTERLEAVED_POINT(), __atomic_fetch_add(object, value, order))
#define atomic_fetch_add(object, value) atomic_fetch_add_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_sub(object, value)                                                                      \
    (INTERLEAVED_POINT(), __atomic_fetch_sub(object, value, memory_order_seq_cst))
#define atomic_fetch_or_explicit(object, value, order)                                                       \
    (INTERLEAVED_POINT(), __atomic_fetch_or(object, value, order))
#define atomic_fetch_or(object, value) atomic_fetch_or_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_and(object, value)                                                                      \
    (INTERLEAVED_POINT(), __atomic_fetch_and(object, value, memory_order_seq_cst))

#endif
