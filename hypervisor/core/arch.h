/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core asks of an architecture: implemented by arch/arm64 for the machine and by arch/fake for host tests.
 */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

#include <stdint.h>

/* The index of the calling physical CPU, 0 for the one that booted. */
unsigned arch_cpu_index(void);

/* The physical counter (CNTPCT_EL0), in ticks, and its frequency in Hz. */
uint64_t arch_counter(void);
uint64_t arch_counter_hz(void);

/*
 * This CPU's comparator (CNTHP_CVAL_EL2): from `deadline` on (absolute ticks) its interrupt is pending, also when the
 * deadline is past. off() keeps it silent.
 */
void arch_comparator_set(uint64_t deadline);
void arch_comparator_off(void);

#endif
