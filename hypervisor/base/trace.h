/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace ring of one core, and its dump as lines of text (include/ontime/trace.h, docs/trace-format.md).
 *
 * Recording takes no lock, as a ring has one writer: its own core, at EL2 with interrupts masked. When the
 * ring is full, the oldest record is overwritten. A ring that is frozen, or has room for fewer than two
 * records, drops what is recorded.
 *
 * A dump is read one line at a time, so that it can be spread over many calls; the ring is frozen meanwhile.
 * It may be frozen, read and opened on another core. The ring's core, whose recording has no barrier, may see
 * late that it is frozen, and write more records until then. So who freezes it sends that core a message and
 * reads nothing before the core has taken it (vm/messages.h): what the core wrote is then seen, and it writes
 * no more.
 *
 * Records can also be copied out while the ring's core goes on recording, on any core: trace_copy(), then
 * trace_kept_from(), which says which of them may have been overwritten meanwhile. On another core a new
 * record may be seen before the number of records is. So the last TRACE_MARGIN records count as lost.
 *
 * The slot where the next record goes is left out, so a ring of n slots yields n - 1 records.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arch.h"
#include "ontime/trace.h"

/* Room for every line that trace_dump_line() writes, with its final zero. */
#define TRACE_LINE_SIZE 300

struct trace_ring {
    _Atomic uint64_t written; /* how many records were ever written; modulo the slots, where the next goes */
    struct ontime_trace_record *_Atomic open; /* `slots`, or NULL while nothing is recorded */
    uint64_t mask;                            /* the number of slots, a power of two, less 1 */
    struct ontime_trace_record *slots;
};

/* Writes the name of vCPU `id`, "NAME.INDEX", in at most `size` bytes, the final zero included. */
typedef void trace_name_vcpu(unsigned id, char *name, size_t size);

/* What a dump says about the machine. */
struct trace_header {
    unsigned cpu;
    uint64_t hz;
    unsigned vcpus; /* ids 0..vcpus-1 */
    trace_name_vcpu *name_vcpu;
};

/*
 * Makes a ring of `size` bytes at `memory`, which is aligned to 8, and begins to record. The number of slots
 * is rounded down to a power of two; with fewer than two nothing is ever recorded.
 */
void trace_init(struct trace_ring *ring, void *memory, size_t size);

/*
 * A record is written as its two words. trace.c asserts that they hold what struct ontime_trace_record says.
 */
typedef uint64_t __attribute__((may_alias)) trace_word;

/*
 * Writes record number `index`, counted over all that were ever written. A larger `arg` becomes
 * ONTIME_TRACE_ARG_MAX.
 */
static inline void trace_put(struct trace_ring *ring, struct ontime_trace_record *slots, uint64_t index,
                             uint64_t now, enum ontime_trace_type type, uint16_t vcpu, uint64_t arg)
{
    trace_word *record = (trace_word *)(void *)&slots[index & ring->mask];

    if (arg > ONTIME_TRACE_ARG_MAX)
        arg = ONTIME_TRACE_ARG_MAX;
    record[0] = now;
    record[1] = (uint64_t)((uint32_t)type << 16 | vcpu) << 32 | arg;
    atomic_store_explicit(&ring->written, index + 1, memory_order_release);
}

/*
 * Records that something happened at `now`, which the caller has just read from the counter. The caller sees
 * to it that the ring's records are in order of time.
 */
static inline void trace_record_at(struct trace_ring *ring, uint64_t now, enum ontime_trace_type type,
                                   uint16_t vcpu, uint64_t arg)
{
    struct ontime_trace_record *slots = atomic_load_explicit(&ring->open, memory_order_relaxed);

    if (slots != NULL)
        trace_put(ring, slots, atomic_load_explicit(&ring->written, memory_order_relaxed), now, type, vcpu,
                  arg);
}

static inline void trace_record(struct trace_ring *ring, enum ontime_trace_type type, uint16_t vcpu,
                                uint64_t arg)
{
    if (atomic_load_explicit(&ring->open, memory_order_relaxed) != NULL)
        trace_record_at(ring, arch_counter(), type, vcpu, arg);
}

/* From now on nothing is recorded, or again. On any core. */
void trace_freeze(struct trace_ring *ring);
void trace_open(struct trace_ring *ring);

#define TRACE_MARGIN 16 /* records */

static inline bool trace_has_ring(const struct trace_ring *ring)
{
    return ring->mask >= 2 * TRACE_MARGIN;
}

/* The number of the next record, of all that were ever written. */
static inline uint64_t trace_next(const struct trace_ring *ring)
{
    return atomic_load_explicit(&ring->written, memory_order_acquire);
}

/*
 * The number of the oldest record that is kept, of a ring that trace_has_ring(); or of one that is kept until
 * `more` others are written, less than half of the slots.
 */
uint64_t trace_kept_from(const struct trace_ring *ring, unsigned more);

/* Copies records from number `first` on, whether they are kept or not. */
void trace_copy(const struct trace_ring *ring, uint64_t first, unsigned count,
                struct ontime_trace_record *to);

/*
 * Writes line `cursor` of the dump of a frozen ring into `line`, without an end of line, and returns its
 * length. *next becomes the cursor of the following line, 0 after the last. Returns 0, with *next = 0, for a
 * cursor that has no line, and while the ring is not frozen.
 */
size_t trace_dump_line(const struct trace_ring *ring, const struct trace_header *header, uint64_t cursor,
                       char line[TRACE_LINE_SIZE], uint64_t *next);

#endif
