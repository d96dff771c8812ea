/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that are the same on every machine: a 64-bit linear congruence (Knuth's MMIX constants),
 * upper bits.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

/* 0..bound-1; bound from 1 to 2^32. */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
    random->state = random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random->state >> 32) * bound >> 32;
}

/* low..high, both included. */
static inline uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
    return low + random_below(random, high - low + 1);
}

#endif
