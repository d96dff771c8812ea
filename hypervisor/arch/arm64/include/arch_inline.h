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

/*
 * A plain access of an object of up to 64 bits is single-copy atomic. gcc spends an instruction more on a
 * relaxed one of <stdatomic.h>, for the address, or on a volatile one, for what it takes to be a byte's upper
 * bits.
 */
#define ARCH_READ_RELAXED(object)         (object)
#define ARCH_WRITE_RELAXED(object, value) ((void)((object) = (value)))

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
