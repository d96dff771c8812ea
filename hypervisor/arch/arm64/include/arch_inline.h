/* SPDX-License-Identifier: Apache-2.0 */
/* Those functions of base/arch.h that are an instruction or two, and are called on the shortest paths. */
#ifndef ARM64_ARCH_INLINE_H
#define ARM64_ARCH_INLINE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct vcpu;

static inline uint64_t arch_counter(void)
{
    uint64_t value;

    /* The ISB: not read ahead of what came before. */
    __asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(value) : : "memory");
    return value;
}

static inline struct cpu *arch_cpu(void)
{
    struct cpu *cpu;

    __asm__ volatile("mrs %0, tpidr_el2" : "=r"(cpu));
    return cpu;
}

static inline void arch_relax(void)
{
    __asm__ volatile("yield");
}

static inline bool arch_vcpu_timer_asserted(const struct vcpu *vcpu)
{
    uint64_t state;

    (void)vcpu;
    __asm__ volatile("mrs %0, cntv_ctl_el0" : "=r"(state) : : "memory");
    return state == 5; /* ENABLE, ISTATUS, not IMASK */
}

#endif
