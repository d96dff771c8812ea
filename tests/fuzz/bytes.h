/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input of libFuzzer as a row of numbers: each takes the next bytes, the lowest first, and behind the end
 * all are 0. So an input that is cut or grows at its end means the same up to there.
 */
#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t take(struct bytes *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size && bytes->left != 0; i++, bytes->left--)
        value |= (uint64_t)*bytes->at++ << (8 * i);
    return value;
}

/* 0..bound-1, for a bound of up to 256. */
static inline unsigned take_below(struct bytes *bytes, unsigned bound)
{
    return (unsigned)take(bytes, 1) % bound;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
