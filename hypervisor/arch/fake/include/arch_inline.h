/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that arch/arm64 has inline (base/arch.h). On the host they are functions like the others. */
#ifndef FAKE_ARCH_INLINE_H
#define FAKE_ARCH_INLINE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct vcpu;

uint64_t arch_counter(void);
struct cpu *arch_cpu(void);

#ifdef FAKE_THREADS /* each core is a thread of the host, which may have fewer processors */
#include <sched.h>
#endif

#define ARCH_READ_RELAXED(object)         __atomic_load_n(&(object), __ATOMIC_RELAXED)
#define ARCH_WRITE_RELAXED(object, value) __atomic_store_n(&(object), value, __ATOMIC_RELAXED)

static inline void arch_relax(void)
{
#ifdef FAKE_THREADS
    (void)sched_yield();
#endif
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu);

#endif
