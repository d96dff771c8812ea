/* SPDX-License-Identifier: Apache-2.0 */
/* A core's comparator, EL2's physical timer: implemented by the architecture, used by the deadline queue
 * alone. */
#ifndef TIME_COMPARATOR_H
#define TIME_COMPARATOR_H

#include <stdint.h>

/*
 * This CPU's comparator (CNTHP_CVAL_EL2): from `deadline` on (absolute ticks) its interrupt is pending, also
 * when the deadline is past. off() keeps it silent.
 */
void arch_comparator_set(uint64_t deadline);
void arch_comparator_off(void);

#endif
