/* SPDX-License-Identifier: Apache-2.0 */
/* Locks for a single thread, which checks that they are used in pairs. */
#ifndef KERNEL_LINUX_SPINLOCK_H
#define KERNEL_LINUX_SPINLOCK_H

#include <linux/types.h>

typedef struct {
    bool ready, held;
} raw_spinlock_t;

void raw_spin_lock_init(raw_spinlock_t *lock);
void raw_spin_lock(raw_spinlock_t *lock);
void raw_spin_unlock(raw_spinlock_t *lock);

#endif
