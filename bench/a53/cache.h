/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-associative cache, as far as its hits and misses go: it knows which lines it has, not what is in
 * them. A TLB is one, too, whose lines are pages.
 *
 * Who calls says which set a line belongs to, and by which tag it is known there: so the sets of a cache may
 * be chosen by virtual addresses and its lines known by physical ones. The set is the index modulo the number
 * of sets. A tag is any number but NO_TAG. Everything is a function of the calls before: two runs that make
 * the same calls get the same answers.
 */
#ifndef A53_CACHE_H
#define A53_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define NO_TAG UINT64_MAX

/* Which line of a full set is replaced. One that is empty is filled first. */
enum replacement {
    REPLACE_OLDEST /* the least recently used */,
    REPLACE_RANDOM /* by a generator of its own */
};

struct cache {
    unsigned sets; /* a power of two */
    unsigned ways;
    enum replacement replacement;
    uint64_t *tags;  /* [sets][ways] */
    uint64_t *times; /* the same: when each was used last */
    uint64_t now;    /* counts uses */
    uint32_t random; /* the generator's state, not 0 */
};

/* Memory for an empty cache, which the host frees when the program ends. */
void cache_init(struct cache *cache, unsigned sets, unsigned ways, enum replacement replacement);
void cache_free(struct cache *cache);

/* Has it the line? If so, that is a use of it. */
bool cache_use(struct cache *cache, uint64_t index, uint64_t tag);

/* Takes in a line that it does not have. Returns the tag of the one that gave way; NO_TAG: none. */
uint64_t cache_fill(struct cache *cache, uint64_t index, uint64_t tag);

#endif
