/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setting up a trace ring, and its dump. In a dump, cursor 0 is the begin line; then follow one line for each
 * vCPU, the data lines and the end line. Each line is computed from its cursor alone: no position is kept
 * between two calls, and any cursor is safe, also while the ring is written to.
 */
#include "base/trace.h"
#include <stdio.h>

/*
 * 192 bytes: 256 characters of base64, without padding. A line is one piece of work at EL2, during which a
 * deadline may have to wait, so it is not longer.
 */
#define LINE_RECORDS 12
#define NAME_SIZE    64

_Static_assert(sizeof(struct ontime_trace_record) == 16, "the record's layout is fixed");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are dumped as they lie in memory");
_Static_assert(offsetof(struct ontime_trace_record, arg) == 8 &&
                   offsetof(struct ontime_trace_record, vcpu) == 12 &&
                   offsetof(struct ontime_trace_record, type) == 14,
               "records are written as two words");
_Static_assert(LINE_RECORDS * sizeof(struct ontime_trace_record) % 3 == 0, "full lines need no padding");

void trace_open(struct trace_ring *ring)
{
    atomic_store(&ring->open, ring->mask != 0 ? ring->slots : NULL);
}

void trace_freeze(struct trace_ring *ring)
{
    atomic_store(&ring->open, NULL);
}

void trace_init(struct trace_ring *ring, void *memory, size_t size)
{
    size_t slots = 1;

    while (slots * 2 * sizeof(struct ontime_trace_record) <= size)
        slots *= 2;
    *ring = (struct trace_ring){.slots = memory, .mask = slots - 1};
    trace_open(ring);
}

/* The oldest record of a dump, of `written`. */
static uint64_t oldest(const struct trace_ring *ring, uint64_t written)
{
    return written > ring->mask ? written - ring->mask : 0;
}

uint64_t trace_kept_from(const struct trace_ring *ring, unsigned more)
{
    uint64_t kept = ring->mask - TRACE_MARGIN - more;
    uint64_t written;

    atomic_thread_fence(memory_order_acquire); /* after what was copied */
    written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    return written > kept ? written - kept : 0;
}

void trace_copy(const struct trace_ring *ring, uint64_t first, unsigned count, struct ontime_trace_record *to)
{
    for (unsigned i = 0; i < count; i++)
        to[i] = ring->slots[(first + i) & ring->mask];
}

static size_t write_begin(const struct trace_header *header, uint64_t records, uint64_t lost, char *line)
{
    return (size_t)snprintf(line, TRACE_LINE_SIZE,
                            "trace begin version=%d cpu=%u hz=%llu records=%llu lost=%llu",
                            ONTIME_TRACE_VERSION, header->cpu, (unsigned long long)header->hz,
                            (unsigned long long)records, (unsigned long long)lost);
}

static size_t write_vcpu(const struct trace_header *header, unsigned id, char *line)
{
    char name[NAME_SIZE];

    header->name_vcpu(id, name, sizeof(name));
    return (size_t)snprintf(line, TRACE_LINE_SIZE, "trace vcpu %u %s", id, name);
}

/* Turns one to three bytes into four characters of base64. */
static void encode_group(const uint8_t *bytes, size_t count, char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = (uint32_t)bytes[0] << 16;

    if (count > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (count > 2)
        group |= bytes[2];
    text[0] = alphabet[group >> 18];
    text[1] = alphabet[group >> 12 & 63];
    text[2] = count > 1 ? alphabet[group >> 6 & 63] : '=';
    text[3] = count > 2 ? alphabet[group & 63] : '=';
}

static size_t encode(const uint8_t *bytes, size_t count, char *text)
{
    size_t length = 0;

    for (; count > 3; bytes += 3, count -= 3, length += 4)
        encode_group(bytes, 3, text + length);
    encode_group(bytes, count, text + length);
    length += 4;
    text[length] = '\0';
    return length;
}

/* Up to LINE_RECORDS records from number `first` to before `end`, counted over all that were ever written. */
static size_t write_data(const struct trace_ring *ring, uint64_t first, uint64_t end, char *line)
{
    struct ontime_trace_record records[LINE_RECORDS] = {{0}};
    size_t count = 0;

    for (uint64_t i = first; i < end && count < LINE_RECORDS; i++)
        records[count++] = ring->slots[i & ring->mask];
    size_t prefix = (size_t)snprintf(line, TRACE_LINE_SIZE, "trace data ");

    return prefix + encode((const uint8_t *)records, count * sizeof(records[0]), line + prefix);
}

size_t trace_dump_line(const struct trace_ring *ring, const struct trace_header *header, uint64_t cursor,
                       char line[TRACE_LINE_SIZE], uint64_t *next)
{
    uint64_t end = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint64_t first = oldest(ring, end);
    uint64_t data_lines = (end - first + LINE_RECORDS - 1) / LINE_RECORDS;
    uint64_t last = 1 + header->vcpus + data_lines;

    *next = 0;
    if (atomic_load(&ring->open) != NULL || cursor > last)
        return 0;
    if (cursor == last)
        return (size_t)snprintf(line, TRACE_LINE_SIZE, "trace end");
    *next = cursor + 1;
    if (cursor == 0)
        return write_begin(header, end - first, first, line);
    cursor--;
    if (cursor < header->vcpus)
        return write_vcpu(header, (unsigned)cursor, line);
    return write_data(ring, first + (cursor - header->vcpus) * LINE_RECORDS, end, line);
}
