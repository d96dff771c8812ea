/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One secret key, and for each stream a key that is computed from it, with ChaCha20 as a keyed function:
 *
 *   mixing     secret = F(secret XOR data, "mix"), for each 32 bytes of data
 *   a stream   key = F(secret XOR name, purpose)
 *   its block  ChaCha20 of that key, the block's number and no nonce
 *
 * where F(key, nonce) is the first half of ChaCha20's block 0. Who knows all blocks of a stream knows neither
 * its key nor the secret, and nothing of other streams.
 *
 * How hard the bytes are to guess is how hard what was mixed is.
 */
#include "base/seeds.h"
#include <string.h>

static uint8_t secret[CHACHA20_KEY];

/* F of the secret XOR up to 32 bytes. */
static void derive(const uint8_t *data, size_t size, const char *purpose, uint8_t key[CHACHA20_KEY])
{
    size_t length = strlen(purpose);
    uint8_t nonce[CHACHA20_NONCE] = {0};
    uint8_t block[CHACHA20_BLOCK];
    uint8_t input[CHACHA20_KEY];

    memcpy(input, secret, sizeof(input));
    for (size_t i = 0; i < size; i++)
        input[i] ^= data[i];
    memcpy(nonce, purpose, length < sizeof(nonce) ? length : sizeof(nonce));
    chacha20_block(input, 0, nonce, block);
    memcpy(key, block, CHACHA20_KEY);
}

void seeds_mix(const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size != 0) {
        size_t piece = size < CHACHA20_KEY ? size : CHACHA20_KEY;

        derive(bytes, piece, "mix", secret);
        bytes += piece;
        size -= piece;
    }
}

void seed_stream_init(struct seed_stream *stream, const char *purpose, const char *name)
{
    size_t length = strlen(name);

    derive((const uint8_t *)name, length < CHACHA20_KEY ? length : CHACHA20_KEY, purpose, stream->key);
}

void seed_stream_block(const struct seed_stream *stream, uint32_t number, uint8_t block[SEED_BLOCK])
{
    static const uint8_t nonce[CHACHA20_NONCE];

    chacha20_block(stream->key, number, nonce, block);
}
