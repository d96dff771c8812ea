/* SPDX-License-Identifier: Apache-2.0 */
/* See RFC 8439, 2.1 to 2.3. The arguments need no alignment. */
#include "base/chacha20.h"

#define WORDS         16
#define DOUBLE_ROUNDS 10

static uint32_t load(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void store(uint8_t *bytes, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(word >> 8 * i);
}

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* Inlined, so that the state stays in registers: a block takes a quarter of the instructions. */
#define INLINE static inline __attribute__((always_inline)) void

INLINE quarter_round(uint32_t *state, unsigned a, unsigned b, unsigned c, unsigned d)
{
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 12);
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 7);
}

INLINE double_round(uint32_t *state)
{
    quarter_round(state, 0, 4, 8, 12);
    quarter_round(state, 1, 5, 9, 13);
    quarter_round(state, 2, 6, 10, 14);
    quarter_round(state, 3, 7, 11, 15);
    quarter_round(state, 0, 5, 10, 15);
    quarter_round(state, 1, 6, 11, 12);
    quarter_round(state, 2, 7, 8, 13);
    quarter_round(state, 3, 4, 9, 14);
}

void chacha20_block(const uint8_t key[CHACHA20_KEY], uint32_t counter, const uint8_t nonce[CHACHA20_NONCE],
                    uint8_t block[CHACHA20_BLOCK])
{
    uint32_t input[WORDS] = {0x61707865, 0x3320646E, 0x79622D32, 0x6B206574};
    uint32_t state[WORDS];

    for (unsigned i = 0; i < CHACHA20_KEY / 4; i++)
        input[4 + i] = load(key + 4 * i);
    input[12] = counter;
    for (unsigned i = 0; i < CHACHA20_NONCE / 4; i++)
        input[13 + i] = load(nonce + 4 * i);
    for (unsigned i = 0; i < WORDS; i++)
        state[i] = input[i];
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++)
        double_round(state);
    for (unsigned i = 0; i < WORDS; i++)
        store(block + 4 * i, state[i] + input[i]);
}
