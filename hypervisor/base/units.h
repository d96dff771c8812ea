/* SPDX-License-Identifier: Apache-2.0 */
/* Time is in ticks of the counter everywhere but in configuration and reports. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>
#include "base/arch.h"

#define US_PER_SECOND UINT64_C(1000000)

/*
 * Microseconds (an hour at most, or the product may overflow) as ticks of the counter, rounded up: at least
 * that long. It divides, so what is used often is computed once.
 */
static inline uint64_t us_to_ticks(uint64_t us)
{
    return (us * arch_counter_hz() + US_PER_SECOND - 1) / US_PER_SECOND;
}

#endif
