/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spinlock. EL2 always runs with interrupts masked, so nothing interrupts a holder. Where several are held,
 * they are taken in this order: the VM's, its UART's or its clock's, its vGIC's, a CPU's scheduler queue's,
 * the console's.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include "base/assert.h"

struct spinlock {
    atomic_flag held;
};

#define SPINLOCK_INIT                                                                                        \
    {                                                                                                        \
        ATOMIC_FLAG_INIT                                                                                     \
    }

static inline void spin_lock(struct spinlock *lock)
{
    while (atomic_flag_test_and_set_explicit(&lock->held, memory_order_acquire)) {
    }
}

/* For assertions: does anybody hold the lock? When nobody does, it is taken for a moment to find that out. */
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
