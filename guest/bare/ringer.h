/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory of the link holds between who rings (ringer.c; on bare metal a thread of the reader's) and
 * who reads (bench/guest/rings.c). A series begins when `seed` changes, and with a ring of the reader's. Each
 * ring comes 0 to 20 ms after the last one has been read.
 */
#ifndef RINGER_H
#define RINGER_H

#include <stdint.h>

#define RINGER_LONGEST_NS 20000000u
#define RINGER_LOOK_US    50 /* how often who rings looks whether the last one has been read */

struct ringer_memory {
    uint32_t seed;  /* written by the reader; 0: none */
    uint32_t rings; /* of the series, by the reader */
    uint32_t read;  /* how many of them the reader has read */
    uint32_t rung;  /* how many there have been */
    uint64_t stamp; /* the counter at the last one */
};

/* As in bench/guest/linux_sleeper.c. */
static inline uint32_t ringer_random_ns(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % RINGER_LONGEST_NS;
}

#endif
