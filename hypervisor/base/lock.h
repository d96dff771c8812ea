/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spinlock. Taken only with interrupts masked, as EL2 always runs. Order where two are held: VM,
 * UART, vGIC, scheduler, console.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include "base/assert.h"

struct spinlock {
    atomic_flag held;
};

/* clang-format off: it would spread this over four lines */
#define SPINLOCK_INIT                                                                                        \
    {                                                                                                        \
        ATOMIC_FLAG_INIT                                                                                     \
    }
/* clang-format on */

static inline void spin_lock(struct spinlock *lock)
{
    while (atomic_flag_test_and_set_explicit(&lock->held, memory_order_acquire)) {
    }
}

/* For assertions, where the caller holds the lock or nobody does. */
static inline bool spin_is_held(struct spinlock *lock)
{
    if (atomic_flag_test_and_set_explicit(&lock->held, memory_order_relaxed))
        return true;
    atomic_flag_clear_explicit(&lock->held, memory_order_relaxed);
    return false;
}

static inline void spin_unlock(struct spinlock *lock)
{
    DEBUG_ASSERT(spin_is_held(lock));
    atomic_flag_clear_explicit(&lock->held, memory_order_release);
}

#endif
