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

static inline void arch_relax(void)
{
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu);

#endif
