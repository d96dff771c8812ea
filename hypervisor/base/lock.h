/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticket lock: who came first gets it first. EL2 always runs with interrupts masked, so nothing interrupts
 * a holder, and nobody waits for another core while it holds one. Where several are held, they are taken in
 * this order: the VM's, its UART's or its clock's, its vGIC's, that of its complaint, the console's. That
 * of the trace rings is taken alone (devices/observer.c). What belongs to one core alone, such as its
 * scheduler's queue, has no lock: other cores send a message (vm/messages.h).
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "arch_inline.h"
#include "base/assert.h"

/* The upper half of `tickets` is that of who comes next, the lower half that of whose turn it is. */
struct spinlock {
    union {
        _Atomic uint32_t tickets;
        _Atomic uint16_t serving; /* little-endian: the lower half */
    };
};

#define SPINLOCK_INIT                                                                                        \
    {                                                                                                        \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

static inline void spin_lock(struct spinlock *lock)
{
    uint32_t was = atomic_fetch_add_explicit(&lock->tickets, 1u << 16, memory_order_acquire);

    if ((uint16_t)was != was >> 16)
        while (atomic_load_explicit(&lock->serving, memory_order_acquire) != was >> 16)
            arch_relax();
}

/* For assertions: does anybody hold the lock? */
static inline bool spin_is_held(struct spinlock *lock)
{
    uint32_t tickets = atomic_load_explicit(&lock->tickets, memory_order_relaxed);

    return (uint16_t)tickets != tickets >> 16;
}

static inline void spin_unlock(struct spinlock *lock)
{
    uint16_t serving = atomic_load_explicit(&lock->serving, memory_order_relaxed);

    DEBUG_ASSERT(spin_is_held(lock));
    atomic_store_explicit(&lock->serving, (uint16_t)(serving + 1), memory_order_release);
}

#endif
