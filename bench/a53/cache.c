// SPDX-License-Identifier: Apache-2.0
/* See cache.h. */
#include "cache.h"
#include <stdio.h>
#include <stdlib.h>

#define FIRST_RANDOM 0x2545F491u

void cache_init(struct cache *cache, unsigned sets, unsigned ways, enum replacement replacement)
{
    size_t lines = (size_t)sets * ways;

    *cache = (struct cache){.sets = sets, .ways = ways, .replacement = replacement, .random = FIRST_RANDOM};
    cache->tags = malloc(lines * sizeof(*cache->tags));
    cache->times = calloc(lines, sizeof(*cache->times));
    if (cache->tags == NULL || cache->times == NULL) {
        perror("cache");
        abort();
    }
    for (size_t i = 0; i < lines; i++)
        cache->tags[i] = NO_TAG;
}

void cache_free(struct cache *cache)
{
    free(cache->tags);
    free(cache->times);
}

static size_t first_of_set(const struct cache *cache, uint64_t index)
{
    return (size_t)(index & (cache->sets - 1)) * cache->ways;
}

bool cache_use(struct cache *cache, uint64_t index, uint64_t tag)
{
    size_t first = first_of_set(cache, index);

    for (size_t i = first; i < first + cache->ways; i++)
        if (cache->tags[i] == tag) {
            cache->times[i] = ++cache->now;
            return true;
        }
    return false;
}

/* Marsaglia's xorshift with 32 bits (Journal of Statistical Software 8, 2003). */
static uint32_t next_random(struct cache *cache)
{
    uint32_t x = cache->random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    cache->random = x;
    return x;
}

/* The place that is filled next, in a set that begins at `first`. */
static size_t place_to_fill(struct cache *cache, size_t first)
{
    size_t oldest = first;

    for (size_t i = first; i < first + cache->ways; i++) {
        if (cache->tags[i] == NO_TAG)
            return i;
        if (cache->times[i] < cache->times[oldest])
            oldest = i;
    }
    return cache->replacement == REPLACE_OLDEST ? oldest : first + next_random(cache) % cache->ways;
}

uint64_t cache_fill(struct cache *cache, uint64_t index, uint64_t tag)
{
    size_t place = place_to_fill(cache, first_of_set(cache, index));
    uint64_t gone = cache->tags[place];

    cache->tags[place] = tag;
    cache->times[place] = ++cache->now;
    return gone;
}
