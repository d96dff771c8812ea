/* SPDX-License-Identifier: Apache-2.0 */
/* The block function of ChaCha20, RFC 8439, 2.3. */
#ifndef BASE_CHACHA20_H
#define BASE_CHACHA20_H

#include <stdint.h>

#define CHACHA20_KEY   32 /* bytes */
#define CHACHA20_NONCE 12
#define CHACHA20_BLOCK 64

void chacha20_block(const uint8_t key[CHACHA20_KEY], uint32_t counter, const uint8_t nonce[CHACHA20_NONCE],
                    uint8_t block[CHACHA20_BLOCK]);

#endif
