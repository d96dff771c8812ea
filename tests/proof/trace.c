/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace ring with any contents: rings of 1 to 8 slots in memory of any size up to 8 records, whatever was
 * written before, and any cursor of a dump. EVA covers all values of what any_*() returns.
 */
#include "any.h"
#include "base/trace.h"
#include <stdio.h>

#define RECORDS 8

static struct ontime_trace_record memory[RECORDS];
static struct trace_ring ring;

uint64_t arch_counter(void)
{
    return any_u64();
}

static void name_vcpu(unsigned id, char *name, size_t size)
{
    (void)id;
    for (size_t i = 0; i < size - 1; i++)
        name[i] = 'x';
    name[size - 1] = '\0';
}

/*
 * Room for the longest text that the format may become, of which nothing else is known. A %s is a vCPU's
 * name, of at most 63 characters.
 */
int snprintf(char *text, size_t size, const char *format, ...)
{
    unsigned length = 0;

    for (; *format != '\0'; format++) {
        if (*format != '%') {
            length++;
            continue;
        }
        while (*++format == 'l')
            ;
        length += *format == 's' ? 63 : 20; /* the longest number: 2 to the 64th, less 1 */
    }
    must(length < size); /* no line is cut */
    length = any_below(length + 1);
    for (unsigned i = 0; i < length; i++)
        text[i] = (char)any_below(128);
    text[length] = '\0';
    return (int)length;
}

static void record_anything(void)
{
    trace_record(&ring, (enum ontime_trace_type)any_below(16), (uint16_t)any_below(0x10000), any_u64());
}

int main(void)
{
    struct trace_header header = {any_u32(), any_u64(), any_below(0x10000), name_vcpu};
    char line[TRACE_LINE_SIZE];
    uint64_t next;
    size_t size = any_below(sizeof(memory) + 1);

    trace_init(&ring, memory, size);
    atomic_store(&ring.written, any_u64());
    record_anything();
    while (any_bool()) {
        if (any_bool())
            trace_freeze(&ring);
        else
            trace_open(&ring);
        must(trace_dump_line(&ring, &header, any_u64(), line, &next) < TRACE_LINE_SIZE);
        record_anything();
    }
    return 0;
}
