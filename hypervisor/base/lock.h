/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticket lock: who came first gets it first. EL2 always runs with interrupts masked, so nothing interrupts
 * a holder, and nobody waits for another core while it holds one. Where a core holds several, it takes them
 * in the order of enum lock_place, which debug builds check. What belongs to one core alone, such as its
 * scheduler's queue, has no lock: other cores send a message (vm/messages.h).
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arch.h"
#include "base/assert.h"

/* A core that holds a lock takes only such as come after it. */
enum lock_place {
    LOCK_ANYWHERE, /* not checked: tests have such */
    LOCK_VM,       /* a VM's power state */
    LOCK_DEVICE,   /* one of the VM's devices */
    LOCK_VGIC,
    LOCK_COMPLAINT, /* the VM's */
    LOCK_CONSOLE,
    LOCK_ALONE /* no other is held with it, before or after */
};

/* The upper half of `tickets` is that of who comes next, the lower half that of whose turn it is. */
struct spinlock {
    union {
        _Atomic uint32_t tickets;
        _Atomic uint16_t serving; /* little-endian: the lower half */
    };
    uint8_t place; /* enum lock_place */
};

#define SPINLOCK_INIT(its_place)                                                                             \
    {                                                                                                        \
        .place = (its_place)                                                                                 \
    }

/* For assertions: may the calling core, with all that it holds, take a lock of this place? */
static inline bool lock_may_come_now(unsigned place)
{
    uint32_t held = *arch_locks_held();

    return place == LOCK_ANYWHERE || (place == LOCK_ALONE ? held == 0 : held >> place == 0);
}

static inline void spin_lock(struct spinlock *lock)
{
    uint32_t was;

    DEBUG_ASSERT(lock_may_come_now(lock->place));
    was = atomic_fetch_add_explicit(&lock->tickets, 1u << 16, memory_order_acquire);
    if ((uint16_t)was != was >> 16)
        while (atomic_load_explicit(&lock->serving, memory_order_acquire) != was >> 16)
            arch_relax();
    DEBUG_ONLY(*arch_locks_held() |= lock->place != LOCK_ANYWHERE ? 1u << lock->place : 0);
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
    DEBUG_ONLY(*arch_locks_held() &= ~(1u << lock->place));
    atomic_store_explicit(&lock->serving, (uint16_t)(serving + 1), memory_order_release);
}

#endif
