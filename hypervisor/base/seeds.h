/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes: for the guests' seeds, and for EL2 itself. Everybody who needs some has a stream of his own,
 * whose bytes say nothing of another's. See seeds.c.
 */
#ifndef BASE_SEEDS_H
#define BASE_SEEDS_H

#include <stddef.h>
#include <stdint.h>
#include "base/chacha20.h"

#define SEED_BLOCK CHACHA20_BLOCK /* bytes */

struct seed_stream {
    uint8_t key[CHACHA20_KEY];
};

/* Adds what may be hard to guess. Boot only, before the first stream. */
void seeds_mix(const void *data, size_t size);

/* The stream of that purpose, of 12 characters at most, and name, of 32 at most. */
void seed_stream_init(struct seed_stream *stream, const char *purpose, const char *name);

/* Block `number` of a stream. */
void seed_stream_block(const struct seed_stream *stream, uint32_t number, uint8_t block[SEED_BLOCK]);

#endif
