/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perfetto's format: protobuf messages, of which tools/perfetto.proto has the few that are used. A VM is a
 * process there, and a vCPU a thread. Switches are scheduling events, so that the UI shows each CPU; a warp
 * is a slice of its vCPU, and every other record an instant, with its counter and its argument.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "convert.h"
#include "perfetto.pb-c.h"

#define SEQUENCE     1 /* all packets are of one writer */
#define PRIORITY     120
#define PROCESS_UUID UINT64_C(0x100000)
#define THREAD_UUID  UINT64_C(0x200000)
#define CPU_UUID     UINT64_C(0x300000)
#define SLICE_BEGIN  1
#define SLICE_END    2
#define INSTANT      3

struct output {
    FILE *file;
    uint8_t *buffer;
    size_t room;
    bool failed;
};

/* A packet is a field of the trace, number 1: its key, its length, itself. */
static void put_packet(struct output *output, const TracePacket *packet)
{
    size_t size = trace_packet__get_packed_size(packet), length = size;
    uint8_t head[11] = {1 << 3 | 2};
    size_t used = 1;

    if (size > output->room) {
        uint8_t *larger = realloc(output->buffer, size);

        if (larger == NULL) {
            output->failed = true;
            return;
        }
        output->buffer = larger;
        output->room = size;
    }
    for (; length >= 0x80; length >>= 7)
        head[used++] = (uint8_t)(length | 0x80);
    head[used++] = (uint8_t)length;
    (void)trace_packet__pack(packet, output->buffer);
    output->failed = output->failed || fwrite(head, 1, used, output->file) != used ||
                     fwrite(output->buffer, 1, size, output->file) != size;
}

static char *name_of(const struct trace_dump *dump, uint16_t vcpu, char buffer[CONVERT_NAME_SIZE])
{
    const char *name = vcpu == ONTIME_TRACE_IDLE ? "swapper" : trace_dump_vcpu_name(dump, vcpu);

    if (name != NULL)
        (void)snprintf(buffer, CONVERT_NAME_SIZE, "%s", name);
    else
        (void)snprintf(buffer, CONVERT_NAME_SIZE, "vcpu%u", vcpu);
    return buffer;
}

/* --- Tracks. --- */

static void put_track(struct output *output, TrackDescriptor *track)
{
    TracePacket packet = TRACE_PACKET__INIT;

    packet.has_trusted_packet_sequence_id = true;
    packet.trusted_packet_sequence_id = SEQUENCE;
    packet.track_descriptor = track;
    put_packet(output, &packet);
}

/* How much of "player.0" is the VM's name. */
static size_t vm_length(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? (size_t)(dot - name) : strlen(name);
}

/* The first vCPU of the VM that the vCPU is of, by their names. */
static uint16_t first_of_vm(const struct trace_dump *dump, uint16_t vcpu)
{
    size_t length = vm_length(dump->names[vcpu]);

    for (uint16_t i = 0; i < vcpu; i++)
        if (dump->names[i] != NULL && vm_length(dump->names[i]) == length &&
            strncmp(dump->names[i], dump->names[vcpu], length) == 0)
            return i;
    return vcpu;
}

static void put_process(struct output *output, const struct trace_dump *dump, uint16_t vcpu)
{
    TrackDescriptor track = TRACK_DESCRIPTOR__INIT;
    ProcessDescriptor process = PROCESS_DESCRIPTOR__INIT;
    char name[CONVERT_NAME_SIZE];

    name_of(dump, vcpu, name)[vm_length(name)] = '\0';
    process.has_pid = true;
    process.pid = (int32_t)convert_pid(vcpu);
    process.process_name = name;
    track.has_uuid = true;
    track.uuid = PROCESS_UUID + vcpu;
    track.process = &process;
    put_track(output, &track);
}

static void put_thread(struct output *output, const struct trace_dump *dump, uint16_t vcpu)
{
    TrackDescriptor track = TRACK_DESCRIPTOR__INIT;
    ThreadDescriptor thread = THREAD_DESCRIPTOR__INIT;
    char name[CONVERT_NAME_SIZE];

    thread.has_pid = thread.has_tid = true;
    thread.pid = (int32_t)convert_pid(first_of_vm(dump, vcpu));
    thread.tid = (int32_t)convert_pid(vcpu);
    thread.thread_name = name_of(dump, vcpu, name);
    track.has_uuid = true;
    track.uuid = THREAD_UUID + vcpu;
    track.thread = &thread;
    put_track(output, &track);
}

static void put_cpu(struct output *output, unsigned cpu)
{
    TrackDescriptor track = TRACK_DESCRIPTOR__INIT;
    char name[32];

    (void)snprintf(name, sizeof(name), "Ontime, CPU %u", cpu);
    track.has_uuid = true;
    track.uuid = CPU_UUID + cpu;
    track.name = name;
    put_track(output, &track);
}

static void put_tracks(struct output *output, const struct trace_log *log)
{
    const struct trace_dump *names = &log->dumps[0];

    for (uint16_t vcpu = 0; vcpu < names->name_count; vcpu++) {
        if (names->names[vcpu] == NULL)
            continue;
        if (first_of_vm(names, vcpu) == vcpu)
            put_process(output, names, vcpu);
        put_thread(output, names, vcpu);
    }
    for (size_t i = 0; i < log->count; i++)
        put_cpu(output, log->dumps[i].cpu);
}

/* --- Events. --- */

static void put_scheduling(struct output *output, const struct trace_dump *dump, FtraceEvent *event,
                           bool lost_before)
{
    TracePacket packet = TRACE_PACKET__INIT;
    FtraceEventBundle bundle = FTRACE_EVENT_BUNDLE__INIT;

    bundle.has_cpu = true;
    bundle.cpu = dump->cpu;
    bundle.n_event = 1;
    bundle.event = &event;
    bundle.has_lost_events = bundle.lost_events = lost_before;
    packet.has_trusted_packet_sequence_id = true;
    packet.trusted_packet_sequence_id = SEQUENCE;
    packet.ftrace_events = &bundle;
    put_packet(output, &packet);
}

static void put_switch(struct output *output, const struct trace_dump *dump,
                       const struct ontime_trace_record *record, bool blocked, bool lost_before)
{
    uint16_t previous = (uint16_t)record->arg;
    FtraceEvent event = FTRACE_EVENT__INIT;
    SchedSwitch body = SCHED_SWITCH__INIT;
    char from[CONVERT_NAME_SIZE], to[CONVERT_NAME_SIZE];

    body.prev_comm = name_of(dump, previous, from);
    body.next_comm = name_of(dump, record->vcpu, to);
    body.has_prev_pid = body.has_prev_prio = body.has_prev_state = true;
    body.prev_pid = (int32_t)convert_pid(previous);
    body.prev_prio = PRIORITY;
    body.prev_state = blocked ? 1 : 0;
    body.has_next_pid = body.has_next_prio = true;
    body.next_pid = (int32_t)convert_pid(record->vcpu);
    body.next_prio = PRIORITY;
    event.has_timestamp = event.has_pid = true;
    event.timestamp = trace_dump_ns(dump, record->counter);
    event.pid = convert_pid(previous);
    event.sched_switch = &body;
    put_scheduling(output, dump, &event, lost_before);
}

static void put_waking(struct output *output, const struct trace_dump *dump,
                       const struct ontime_trace_record *record, uint16_t running)
{
    FtraceEvent event = FTRACE_EVENT__INIT;
    SchedWaking body = SCHED_WAKING__INIT;
    char name[CONVERT_NAME_SIZE];

    body.comm = name_of(dump, record->vcpu, name);
    body.has_pid = body.has_prio = body.has_success = body.has_target_cpu = true;
    body.pid = (int32_t)convert_pid(record->vcpu);
    body.prio = PRIORITY;
    body.success = 1;
    body.target_cpu = (int32_t)dump->cpu;
    event.has_timestamp = event.has_pid = true;
    event.timestamp = trace_dump_ns(dump, record->counter);
    event.pid = convert_pid(running);
    event.sched_waking = &body;
    put_scheduling(output, dump, &event, false);
}

static DebugAnnotation number(char *name, uint64_t value)
{
    DebugAnnotation annotation = DEBUG_ANNOTATION__INIT;

    annotation.name = name;
    annotation.has_uint_value = true;
    annotation.uint_value = value;
    return annotation;
}

static void put_event(struct output *output, const struct trace_dump *dump, uint64_t counter, uint16_t vcpu,
                      TrackEvent *event, int32_t type)
{
    TracePacket packet = TRACE_PACKET__INIT;

    event->has_type = event->has_track_uuid = true;
    event->type = type;
    event->track_uuid = vcpu == ONTIME_TRACE_IDLE ? CPU_UUID + dump->cpu : THREAD_UUID + vcpu;
    packet.has_trusted_packet_sequence_id = packet.has_timestamp = true;
    packet.trusted_packet_sequence_id = SEQUENCE;
    packet.timestamp = trace_dump_ns(dump, counter);
    packet.track_event = event;
    put_packet(output, &packet);
}

static void put_record(struct output *output, const struct trace_dump *dump,
                       const struct ontime_trace_record *record)
{
    static char counter_name[] = "counter", arg_name[] = "arg", cpu_name[] = "cpu", type_name[] = "type";
    static char warp[] = "urgent";
    DebugAnnotation list[] = {number(counter_name, record->counter), number(arg_name, record->arg),
                              number(cpu_name, dump->cpu), number(type_name, record->type)};
    DebugAnnotation *pointers[] = {&list[0], &list[1], &list[2], &list[3]};
    TrackEvent event = TRACK_EVENT__INIT;
    char name[CONVERT_NAME_SIZE], from[CONVERT_NAME_SIZE];
    int32_t type = record->type == ONTIME_TRACE_WARP_BEGIN ? SLICE_BEGIN
                   : record->type == ONTIME_TRACE_WARP_END ? SLICE_END
                                                           : INSTANT;

    (void)convert_type_name(record->type, name);
    if (record->type == ONTIME_TRACE_SWITCH || record->type == ONTIME_TRACE_WARP_END) {
        const char *reason = trace_warp_end_name(record->arg);

        list[1].has_uint_value = record->type == ONTIME_TRACE_WARP_END && reason == NULL;
        if (record->type == ONTIME_TRACE_SWITCH)
            (void)name_of(dump, (uint16_t)record->arg, from);
        else
            (void)snprintf(from, sizeof(from), "%s", reason != NULL ? reason : "");
        list[1].string_value = list[1].has_uint_value ? NULL : from;
    }
    event.name = type == INSTANT ? name : warp;
    event.n_debug_annotations = sizeof(list) / sizeof(list[0]);
    event.debug_annotations = pointers;
    put_event(output, dump, record->counter, record->vcpu, &event, type);
}

/* Perfetto's scheduling events can only say that something was lost, not how much. */
static void put_lost(struct output *output, const struct trace_dump *dump)
{
    static char lost_name[] = "lost records", count_name[] = "count";
    DebugAnnotation count = number(count_name, dump->lost);
    DebugAnnotation *pointer = &count;
    TrackEvent event = TRACK_EVENT__INIT;

    event.name = lost_name;
    event.n_debug_annotations = 1;
    event.debug_annotations = &pointer;
    put_event(output, dump, dump->records[0].counter, ONTIME_TRACE_IDLE, &event, INSTANT);
}

static bool put_dump(struct output *output, const struct trace_dump *dump)
{
    struct convert_blocked *blocked = calloc(1, sizeof(*blocked));
    uint16_t running = convert_first(dump);
    bool lost_before = dump->lost != 0;

    if (blocked == NULL)
        return false;
    if (dump->lost != 0 && dump->count != 0)
        put_lost(output, dump);
    for (size_t i = 0; i < dump->count; i++) {
        const struct ontime_trace_record *record = &dump->records[i];

        if (record->type == ONTIME_TRACE_SWITCH) {
            put_switch(output, dump, record, blocked->is[record->arg & ONTIME_TRACE_IDLE], lost_before);
            lost_before = false;
            running = record->vcpu;
        } else if (record->type == ONTIME_TRACE_VCPU_WOKEN) {
            put_waking(output, dump, record, running);
        }
        put_record(output, dump, record);
        convert_follow(blocked, record);
    }
    free(blocked);
    return true;
}

bool convert_to_perfetto(const struct trace_log *log, FILE *file)
{
    struct output output = {.file = file};

    put_tracks(&output, log);
    for (size_t i = 0; i < log->count; i++)
        output.failed = !put_dump(&output, &log->dumps[i]) || output.failed;
    free(output.buffer);
    if (output.failed)
        (void)fprintf(stderr, "ontime trace convert: out of memory, or the disk is full\n");
    return !output.failed;
}
