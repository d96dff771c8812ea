/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.dat of version 6, as trace-cmd.dat.v6(5) describes it: a head with the formats of the events as text,
 * then for each CPU pages of ftrace's ring buffer. libtracecmd, which Debian has, reads such files only.
 *
 * A vCPU is a process there. A switch is a sched:sched_switch, and a vcpu-woken a sched:sched_waking, as
 * KernelShark draws those; and each record is an event of the system `ontime` besides, with all it has. The
 * process of an event is who has the core. All numbers are little-endian.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "convert.h"

#define PAGE_SIZE        4096u
#define PAGE_HEAD        16u /* the time of its first event, and how much of it is used */
#define MISSED_EVENTS    (UINT64_C(1) << 31)
#define MISSED_STORED    (UINT64_C(1) << 30) /* how many stands behind the page's last event */
#define DELTA_BITS       27
#define TYPE_TIME_EXTEND 30u

/* Numbers of the events. Of one of Ontime's it is EVENT_RECORD and the type. */
#define EVENT_SWITCH 1u
#define EVENT_WAKING 2u
#define EVENT_OTHER  3u /* a record of a type that is not known */
#define EVENT_RECORD 100u

#define COMM_SIZE   16u
#define SWITCH_SIZE 64u
#define WAKING_SIZE 36u
#define RECORD_SIZE 24u

#define OPTION_CPU_STATISTICS 2u
#define OPTION_TRACE_CLOCK    4u

/* --- Bytes. --- */

struct bytes {
    uint8_t *data;
    size_t size, room;
    bool failed; /* out of memory */
};

static void put(struct bytes *bytes, const void *data, size_t size)
{
    while (!bytes->failed && bytes->size + size > bytes->room) {
        size_t room = bytes->room != 0 ? 2 * bytes->room : 4096;
        uint8_t *larger = realloc(bytes->data, room);

        bytes->failed = larger == NULL;
        if (larger != NULL) {
            bytes->data = larger;
            bytes->room = room;
        }
    }
    if (bytes->failed || size == 0)
        return;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void store(uint8_t *place, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        place[i] = (uint8_t)(value >> (8 * i));
}

static void put_number(struct bytes *bytes, uint64_t value, unsigned size)
{
    uint8_t number[8];

    store(number, value, size);
    put(bytes, number, size);
}

static void put_text(struct bytes *bytes, const char *text)
{
    put(bytes, text, strlen(text));
}

/* With its terminating zero. */
static void put_string(struct bytes *bytes, const char *text)
{
    put(bytes, text, strlen(text) + 1);
}

/* Text behind its size, which takes so many bytes. */
static void put_sized(struct bytes *bytes, const struct bytes *text, unsigned size)
{
    put_number(bytes, text->size, size);
    put(bytes, text->data, text->size);
    bytes->failed = bytes->failed || text->failed;
}

static void put_sized_text(struct bytes *bytes, const char *text, unsigned size)
{
    put_number(bytes, strlen(text), size);
    put_text(bytes, text);
}

/* --- The formats of the events. --- */

static void put_field(struct bytes *text, const char *type, const char *name, unsigned offset, unsigned size,
                      bool is_signed)
{
    char line[128];

    (void)snprintf(line, sizeof(line), "\tfield:%s %s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", type, name,
                   offset, size, is_signed);
    put_text(text, line);
}

static void begin_format(struct bytes *text, const char *name, unsigned number)
{
    char line[128];

    (void)snprintf(line, sizeof(line), "name: %s\nID: %u\nformat:\n", name, number);
    put_text(text, line);
    put_field(text, "unsigned short", "common_type", 0, 2, false);
    put_field(text, "unsigned char", "common_flags", 2, 1, false);
    put_field(text, "unsigned char", "common_preempt_count", 3, 1, false);
    put_field(text, "int", "common_pid", 4, 4, true);
    put_text(text, "\n");
}

static void end_format(struct bytes *bytes, struct bytes *text, const char *print)
{
    put_text(text, "\nprint fmt: ");
    put_text(text, print);
    put_text(text, "\n");
    put_sized(bytes, text, 8);
    free(text->data);
}

static void put_switch_format(struct bytes *bytes)
{
    struct bytes text = {0};

    begin_format(&text, "sched_switch", EVENT_SWITCH);
    put_field(&text, "char", "prev_comm[16]", 8, COMM_SIZE, false);
    put_field(&text, "pid_t", "prev_pid", 24, 4, true);
    put_field(&text, "int", "prev_prio", 28, 4, true);
    put_field(&text, "long", "prev_state", 32, 8, true);
    put_field(&text, "char", "next_comm[16]", 40, COMM_SIZE, false);
    put_field(&text, "pid_t", "next_pid", 56, 4, true);
    put_field(&text, "int", "next_prio", 60, 4, true);
    end_format(
        bytes, &text,
        "\"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s ==> next_comm=%s next_pid=%d next_prio=%d\", "
        "REC->prev_comm, REC->prev_pid, REC->prev_prio, REC->prev_state ? \"S\" : \"R\", "
        "REC->next_comm, REC->next_pid, REC->next_prio");
}

static void put_waking_format(struct bytes *bytes)
{
    struct bytes text = {0};

    begin_format(&text, "sched_waking", EVENT_WAKING);
    put_field(&text, "char", "comm[16]", 8, COMM_SIZE, false);
    put_field(&text, "pid_t", "pid", 24, 4, true);
    put_field(&text, "int", "prio", 28, 4, true);
    put_field(&text, "int", "target_cpu", 32, 4, true);
    end_format(bytes, &text,
               "\"comm=%s pid=%d prio=%d target_cpu=%03d\", REC->comm, REC->pid, REC->prio, REC->target_cpu");
}

/* A C string's inside, for the names of vCPUs. */
static void put_quoted(struct bytes *text, const char *name)
{
    put_text(text, "\"");
    for (; *name != '\0'; name++) {
        bool is_plain = *name != '"' && *name != '\\' && (unsigned char)*name >= ' ';

        put(text, is_plain ? name : "?", 1);
    }
    put_text(text, "\"");
}

/* "__print_symbolic(REC->FIELD, {0, "player.0"}, ...)": the number as a vCPU's name. */
static void put_symbolic_vcpu(struct bytes *text, const char *field, const struct trace_dump *names)
{
    char number[32];

    put_text(text, "__print_symbolic(REC->");
    put_text(text, field);
    for (uint16_t vcpu = 0; vcpu < names->name_count; vcpu++) {
        if (names->names[vcpu] == NULL)
            continue;
        (void)snprintf(number, sizeof(number), ", { %u, ", vcpu);
        put_text(text, number);
        put_quoted(text, names->names[vcpu]);
        put_text(text, " }");
    }
    (void)snprintf(number, sizeof(number), ", { %u, \"idle\" })", (unsigned)ONTIME_TRACE_IDLE);
    put_text(text, number);
}

static void put_symbolic_reason(struct bytes *text)
{
    char item[64];

    put_text(text, "__print_symbolic(REC->arg");
    for (uint32_t reason = 0; trace_warp_end_name(reason) != NULL; reason++) {
        (void)snprintf(item, sizeof(item), ", { %" PRIu32 ", \"%s\" }", reason, trace_warp_end_name(reason));
        put_text(text, item);
    }
    put_text(text, ")");
}

/* One of Ontime's own events; `type` 0 is any that is not known. */
static void put_record_format(struct bytes *bytes, uint16_t type, const struct trace_dump *names)
{
    struct bytes text = {0}, print = {0};
    char name[CONVERT_NAME_SIZE];
    bool is_switch = type == ONTIME_TRACE_SWITCH, is_end = type == ONTIME_TRACE_WARP_END;

    begin_format(&text, convert_type_name(type, name), type != 0 ? EVENT_RECORD + type : EVENT_OTHER);
    put_field(&text, "u64", "counter", 8, 8, false);
    put_field(&text, "u32", "arg", 16, 4, false);
    put_field(&text, "u16", "vcpu", 20, 2, false);
    put_field(&text, "u16", "type", 22, 2, false);
    put_text(&print, is_switch   ? "\"vcpu=%s from=%s counter=%llu\", "
                     : is_end    ? "\"vcpu=%s reason=%s counter=%llu\", "
                     : type != 0 ? "\"vcpu=%s arg=%u counter=%llu\", "
                                 : "\"vcpu=%s arg=%u counter=%llu type=%u\", ");
    put_symbolic_vcpu(&print, "vcpu", names);
    put_text(&print, ", ");
    if (is_switch)
        put_symbolic_vcpu(&print, "arg", names);
    else if (is_end)
        put_symbolic_reason(&print);
    else
        put_text(&print, "REC->arg");
    put_text(&print, type != 0 ? ", REC->counter" : ", REC->counter, REC->type");
    put_number(&print, 0, 1);
    if (!print.failed)
        end_format(bytes, &text, (const char *)print.data);
    bytes->failed = bytes->failed || print.failed;
    free(print.data);
}

static unsigned count_types(void)
{
    unsigned count = 0;

    for (uint16_t type = 1; type < EVENT_RECORD; type++)
        count += trace_type_name(type) != NULL;
    return count;
}

static void put_formats(struct bytes *bytes, const struct trace_dump *names)
{
    put_number(bytes, 0, 4); /* of ftrace's own events */
    put_number(bytes, 2, 4); /* systems */
    put_string(bytes, "sched");
    put_number(bytes, 2, 4);
    put_switch_format(bytes);
    put_waking_format(bytes);
    put_string(bytes, "ontime");
    put_number(bytes, count_types() + 1, 4);
    put_record_format(bytes, 0, names);
    for (uint16_t type = 1; type < EVENT_RECORD; type++)
        if (trace_type_name(type) != NULL)
            put_record_format(bytes, type, names);
}

/* --- The head. --- */

static void put_page_formats(struct bytes *bytes)
{
    struct bytes text = {0};

    put_field(&text, "u64", "timestamp", 0, 8, false);
    put_field(&text, "local_t", "commit", 8, 8, true);
    put_field(&text, "int", "overwrite", 8, 1, true);
    put_field(&text, "char", "data", PAGE_HEAD, PAGE_SIZE - PAGE_HEAD, false);
    put_string(bytes, "header_page");
    put_sized(bytes, &text, 8);
    free(text.data);
    put_string(bytes, "header_event");
    put_sized_text(bytes,
                   "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n"
                   "\tarray       :   32 bits\n\n\tpadding     : type == 29\n\ttime_extend : type == 30\n"
                   "\ttime_stamp  : type == 31\n\tdata max type_len  == 28\n",
                   8);
}

static void put_processes(struct bytes *bytes, const struct trace_dump *names)
{
    struct bytes text = {0};
    char number[32];

    for (uint16_t vcpu = 0; vcpu < names->name_count; vcpu++) {
        if (names->names[vcpu] == NULL)
            continue;
        (void)snprintf(number, sizeof(number), "%u ", convert_pid(vcpu));
        put_text(&text, number);
        put_text(&text, names->names[vcpu]);
        put_text(&text, "\n");
    }
    put_sized(bytes, &text, 8);
    free(text.data);
}

static void put_statistics(struct bytes *bytes, const struct trace_dump *dump)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "CPU: %u\nentries: %zu\noverrun: %" PRIu64 "\ncommit overrun: 0\n",
                   dump->cpu, dump->count, dump->lost);
    put_number(bytes, OPTION_CPU_STATISTICS, 2);
    put_number(bytes, strlen(text) + 1, 4);
    put_string(bytes, text);
}

static unsigned count_cpus(const struct trace_log *log)
{
    return log->dumps[log->count - 1].cpu + 1;
}

/* Up to where the CPUs' places in the file stand. */
static void put_head(struct bytes *bytes, const struct trace_log *log)
{
    static const uint8_t magic[] = {0x17, 0x08, 0x44};
    static const char clock[] = "[local]";

    put(bytes, magic, sizeof(magic));
    put_text(bytes, "tracing");
    put_string(bytes, "6");
    put_number(bytes, 0, 1); /* little-endian */
    put_number(bytes, 8, 1); /* bytes of a long */
    put_number(bytes, PAGE_SIZE, 4);
    put_page_formats(bytes);
    put_formats(bytes, &log->dumps[0]);
    put_number(bytes, 0, 4); /* of the kernel's symbols */
    put_number(bytes, 0, 4); /* of printk's formats */
    put_processes(bytes, &log->dumps[0]);
    put_number(bytes, count_cpus(log), 4);
    put_string(bytes, "options  ");
    put_number(bytes, OPTION_TRACE_CLOCK, 2);
    put_number(bytes, sizeof(clock), 4);
    put_string(bytes, clock);
    for (size_t i = 0; i < log->count; i++)
        put_statistics(bytes, &log->dumps[i]);
    put_number(bytes, 0, 2);
    put_string(bytes, "flyrecord");
}

/* --- The events of a CPU. --- */

struct pages {
    struct bytes bytes;
    uint8_t page[PAGE_SIZE];
    size_t used; /* of the page's data; 0: it has no event yet */
    uint64_t time;
    uint64_t lost; /* before its first event; 0: it is said already */
};

static void end_page(struct pages *pages)
{
    uint64_t commit = pages->used;

    if (pages->used == 0)
        return;
    if (pages->lost != 0) {
        commit |= MISSED_EVENTS | MISSED_STORED;
        store(pages->page + PAGE_HEAD + pages->used, pages->lost, 8);
        pages->lost = 0;
    }
    store(pages->page + 8, commit, 8);
    put(&pages->bytes, pages->page, PAGE_SIZE);
    memset(pages->page, 0, PAGE_SIZE);
    pages->used = 0;
}

static void put_word(struct pages *pages, uint64_t value)
{
    store(pages->page + PAGE_HEAD + pages->used, value, 4);
    pages->used += 4;
}

/* Room for the data of an event at a time, in ns, which is a multiple of 4 bytes. */
static uint8_t *put_event(struct pages *pages, uint64_t time, unsigned size)
{
    uint64_t delta;
    uint8_t *data;

    if (pages->used + 8 + 4 + size + 8 > PAGE_SIZE - PAGE_HEAD) /* the last for `lost` */
        end_page(pages);
    if (pages->used == 0) {
        pages->time = time;
        store(pages->page, time, 8);
    }
    delta = time - pages->time;
    pages->time = time;
    if (delta >> DELTA_BITS != 0) {
        put_word(pages, (delta << 5 | TYPE_TIME_EXTEND) & UINT32_MAX);
        put_word(pages, delta >> DELTA_BITS);
        delta = 0;
    }
    put_word(pages, delta << 5 | size / 4);
    data = pages->page + PAGE_HEAD + pages->used;
    pages->used += size;
    return data;
}

static void store_common(uint8_t *data, unsigned number, uint16_t running)
{
    store(data, number, 2);
    store(data + 4, convert_pid(running), 4);
}

static void store_comm(uint8_t *place, const struct trace_dump *dump, uint16_t vcpu)
{
    const char *name = vcpu == ONTIME_TRACE_IDLE ? "swapper" : trace_dump_vcpu_name(dump, vcpu);

    if (name != NULL)
        (void)snprintf((char *)place, COMM_SIZE, "%s", name);
}

static void put_switch(struct pages *pages, const struct trace_dump *dump,
                       const struct ontime_trace_record *record, bool blocked)
{
    uint8_t *data = put_event(pages, trace_dump_ns(dump, record->counter), SWITCH_SIZE);
    uint16_t previous = (uint16_t)record->arg;

    store_common(data, EVENT_SWITCH, previous);
    store_comm(data + 8, dump, previous);
    store(data + 24, convert_pid(previous), 4);
    store(data + 28, 120, 4);
    store(data + 32, blocked ? 1 : 0, 8);
    store_comm(data + 40, dump, record->vcpu);
    store(data + 56, convert_pid(record->vcpu), 4);
    store(data + 60, 120, 4);
}

static void put_waking(struct pages *pages, const struct trace_dump *dump,
                       const struct ontime_trace_record *record, uint16_t running)
{
    uint8_t *data = put_event(pages, trace_dump_ns(dump, record->counter), WAKING_SIZE);

    store_common(data, EVENT_WAKING, running);
    store_comm(data + 8, dump, record->vcpu);
    store(data + 24, convert_pid(record->vcpu), 4);
    store(data + 28, 120, 4);
    store(data + 32, dump->cpu, 4);
}

static void put_record(struct pages *pages, const struct trace_dump *dump,
                       const struct ontime_trace_record *record, uint16_t running)
{
    bool known = record->type < EVENT_RECORD && trace_type_name(record->type) != NULL;
    uint8_t *data = put_event(pages, trace_dump_ns(dump, record->counter), RECORD_SIZE);

    store_common(data, known ? EVENT_RECORD + record->type : EVENT_OTHER, running);
    store(data + 8, record->counter, 8);
    store(data + 16, record->arg, 4);
    store(data + 20, record->vcpu, 2);
    store(data + 22, record->type, 2);
}

/* The pages of a dump; in order of time, as a CPU's records are. */
static void put_dump(struct pages *pages, const struct trace_dump *dump)
{
    struct convert_blocked *blocked = calloc(1, sizeof(*blocked));
    uint16_t running = convert_first(dump);

    pages->lost = dump->lost;
    pages->bytes.failed = blocked == NULL;
    for (size_t i = 0; i < dump->count && blocked != NULL; i++) {
        const struct ontime_trace_record *record = &dump->records[i];

        if (record->type == ONTIME_TRACE_SWITCH)
            put_switch(pages, dump, record, blocked->is[record->arg & ONTIME_TRACE_IDLE]);
        if (record->type == ONTIME_TRACE_VCPU_WOKEN)
            put_waking(pages, dump, record, running);
        put_record(pages, dump, record, running);
        convert_follow(blocked, record);
        if (record->type == ONTIME_TRACE_SWITCH)
            running = record->vcpu;
    }
    end_page(pages);
    free(blocked);
}

static bool write_bytes(const struct bytes *bytes, FILE *file)
{
    return !bytes->failed && (bytes->size == 0 || fwrite(bytes->data, 1, bytes->size, file) == bytes->size);
}

bool convert_to_ftrace(const struct trace_log *log, FILE *file)
{
    struct bytes bytes = {0};
    struct pages *pages = calloc(log->count, sizeof(*pages));
    unsigned cpus = count_cpus(log);
    uint64_t place;
    bool good = pages != NULL;

    put_head(&bytes, log);
    place = (bytes.size + 16 * (uint64_t)cpus + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    for (unsigned cpu = 0, i = 0; cpu < cpus && good; cpu++) {
        bool has = log->dumps[i].cpu == cpu;

        if (has)
            put_dump(&pages[i], &log->dumps[i]);
        put_number(&bytes, place, 8);
        put_number(&bytes, has ? pages[i].bytes.size : 0, 8);
        place += has ? pages[i].bytes.size : 0;
        good = !has || !pages[i].bytes.failed;
        i += has;
    }
    while (good && bytes.size % PAGE_SIZE != 0 && !bytes.failed)
        put_number(&bytes, 0, 1);
    good = good && write_bytes(&bytes, file);
    for (size_t i = 0; i < log->count && pages != NULL; i++) {
        good = good && write_bytes(&pages[i].bytes, file);
        free(pages[i].bytes.data);
    }
    free(pages);
    free(bytes.data);
    if (!good)
        (void)fprintf(stderr, "ontime trace convert: out of memory, or the disk is full\n");
    return good;
}
