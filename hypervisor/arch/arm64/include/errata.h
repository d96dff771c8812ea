/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong in CPUs, by MIDR_EL1, where Ontime does something about it on those alone. docs/porting.md
 * has all that concerns EL2, and what is done on every CPU.
 */
#ifndef ARM64_ERRATA_H
#define ARM64_ERRATA_H

#include <stdbool.h>
#include <stdint.h>

/* MIDR_EL1 (Arm ARM D17): the implementer, the part, and the revision: rXpY is variant X, revision Y. */
#define MIDR_CPU        UINT64_C(0xFF00FFF0)
#define MIDR_CORTEX_A76 UINT64_C(0x4100D0B0)

/* Of this CPU, at most revision r`variant`p`revision`. */
static inline bool midr_up_to(uint64_t midr, uint64_t cpu, unsigned variant, unsigned revision)
{
    return (midr & MIDR_CPU) == cpu && ((midr >> 16 & 0xF0) | (midr & 0xF)) <= (variant << 4 | revision);
}

/*
 * Erratum 1463225 of the Cortex-A76, up to r3p1: with debug exceptions from EL1 (MDSCR_EL1.KDE), a software
 * step of an SVC may keep the CPU from taking interrupts.
 */
static inline bool step_may_mask_interrupts(uint64_t midr)
{
    return midr_up_to(midr, MIDR_CORTEX_A76, 3, 1);
}

#endif
