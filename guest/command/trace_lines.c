// SPDX-License-Identifier: Apache-2.0
#include "trace_lines.h"

#include <inttypes.h>

#define LEADER "[ontime] trace "

/* Records are little-endian in a file, and this program is for little-endian machines. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they are");

static void put_base64(FILE *file, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;

        if (left > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        fputc(digits[group >> 18], file);
        fputc(digits[group >> 12 & 63], file);
        fputc(left > 1 ? digits[group >> 6 & 63] : '=', file);
        fputc(left > 2 ? digits[group & 63] : '=', file);
    }
}

void trace_begin(FILE *file, unsigned cpu, uint64_t hz, uint64_t records, uint64_t lost)
{
    fprintf(file, LEADER "begin version=%d cpu=%u hz=%" PRIu64 " records=%" PRIu64 " lost=%" PRIu64 "\n",
            ONTIME_TRACE_VERSION, cpu, hz, records, lost);
}

void trace_vcpu(FILE *file, unsigned id, const char *vm, unsigned index)
{
    fprintf(file, LEADER "vcpu %u %s.%u\n", id, vm, index);
}

void trace_data(FILE *file, const struct ontime_trace_record *records, size_t count)
{
    for (size_t i = 0; i < count; i += TRACE_LINE_RECORDS) {
        size_t some = count - i < TRACE_LINE_RECORDS ? count - i : TRACE_LINE_RECORDS;

        fputs(LEADER "data ", file);
        put_base64(file, (const uint8_t *)&records[i], some * sizeof(*records));
        fputc('\n', file);
    }
}

void trace_end(FILE *file)
{
    fputs(LEADER "end\n", file);
}
