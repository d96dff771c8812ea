/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTF by babeltrace2's library: a graph of a source of our own and the library's sink.ctf.fs. Each CPU is a
 * stream with one packet, and its clock is the counter itself, so times are exact.
 *
 * The messages that the source gives are laid out beforehand, as steps, in order of time. Records that were
 * lost stand before the first packet; the sink wants a message of them between two packets, so there is an
 * empty one before it.
 */
#include <babeltrace2/babeltrace.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "convert.h"

#define TYPES 64 /* more than there are; type 0 is any that is not known */

enum step_kind { STREAM_BEGINS, PACKET_BEGINS, RECORD, PACKET_ENDS, LOST, STREAM_ENDS };

struct step {
    enum step_kind kind;
    unsigned stream; /* the index of the dump */
    size_t record;
};

struct source {
    const struct trace_log *log;
    struct step *steps;
    size_t count, next;
    bool failed;
    bt_trace *trace;
    bt_stream_class *stream_class;
    bt_event_class *event_classes[TYPES];
    bt_stream *streams[CONVERT_MAX_CPUS];
    bt_packet *packets[CONVERT_MAX_CPUS];
};

/* --- The steps. --- */

static void add_step(struct source *source, enum step_kind kind, unsigned stream, size_t record)
{
    source->steps[source->count++] = (struct step){.kind = kind, .stream = stream, .record = record};
}

static void begin_packet(struct source *source, unsigned stream)
{
    if (source->log->dumps[stream].lost != 0) {
        add_step(source, PACKET_BEGINS, stream, 0);
        add_step(source, PACKET_ENDS, stream, 0);
        add_step(source, LOST, stream, 0);
    }
    add_step(source, PACKET_BEGINS, stream, 0);
}

/* The dump whose next record is the first, or their number. */
static unsigned earliest(const struct trace_log *log, const size_t *places)
{
    unsigned found = (unsigned)log->count;

    for (unsigned i = 0; i < log->count; i++)
        if (places[i] < log->dumps[i].count &&
            (found == log->count ||
             log->dumps[i].records[places[i]].counter < log->dumps[found].records[places[found]].counter))
            found = i;
    return found;
}

static bool lay_out(struct source *source)
{
    const struct trace_log *log = source->log;
    size_t places[CONVERT_MAX_CPUS] = {0}, room = 0;
    unsigned stream;

    for (unsigned i = 0; i < log->count; i++)
        room += log->dumps[i].count + 7;
    source->steps = calloc(room + 1, sizeof(*source->steps));
    if (source->steps == NULL)
        return false;
    for (unsigned i = 0; i < log->count; i++)
        add_step(source, STREAM_BEGINS, i, 0);
    while ((stream = earliest(log, places)) != log->count) {
        size_t record = places[stream]++;

        if (record == 0)
            begin_packet(source, stream);
        add_step(source, RECORD, stream, record);
        if (places[stream] == log->dumps[stream].count)
            add_step(source, PACKET_ENDS, stream, record);
    }
    for (unsigned i = 0; i < log->count; i++)
        add_step(source, STREAM_ENDS, i, 0);
    return true;
}

/* --- What the events are. --- */

static bool add_label(bt_field_class *field, const char *label, uint64_t value)
{
    bt_integer_range_set_unsigned *range = bt_integer_range_set_unsigned_create();
    bool good = range != NULL && bt_integer_range_set_unsigned_add_range(range, value, value) == 0 &&
                bt_field_class_enumeration_unsigned_add_mapping(field, label, range) == 0;

    if (range != NULL)
        bt_integer_range_set_unsigned_put_ref(range);
    return good;
}

/* The number of a vCPU, with the names. */
static bt_field_class *vcpu_field(bt_trace_class *trace_class, const struct trace_dump *names)
{
    bt_field_class *field = bt_field_class_enumeration_unsigned_create(trace_class);
    bool good = field != NULL;

    for (uint16_t vcpu = 0; vcpu < names->name_count && good; vcpu++)
        good = names->names[vcpu] == NULL || add_label(field, names->names[vcpu], vcpu);
    good = good && add_label(field, "idle", ONTIME_TRACE_IDLE);
    if (good)
        bt_field_class_integer_set_field_value_range(field, 32);
    return good ? field : NULL;
}

static bt_field_class *reason_field(bt_trace_class *trace_class)
{
    bt_field_class *field = bt_field_class_enumeration_unsigned_create(trace_class);
    bool good = field != NULL;

    for (uint32_t reason = 0; good && trace_warp_end_name(reason) != NULL; reason++)
        good = add_label(field, trace_warp_end_name(reason), reason);
    if (good)
        bt_field_class_integer_set_field_value_range(field, 32);
    return good ? field : NULL;
}

static bt_field_class *number_field(bt_trace_class *trace_class)
{
    bt_field_class *field = bt_field_class_integer_unsigned_create(trace_class);

    if (field != NULL)
        bt_field_class_integer_set_field_value_range(field, 32);
    return field;
}

/* Takes the field over. */
static bool append(bt_field_class *fields, const char *name, bt_field_class *field)
{
    bool good = field != NULL && bt_field_class_structure_append_member(fields, name, field) == 0;

    bt_field_class_put_ref(field);
    return good;
}

/* vcpu, and what the argument says; of a type that is not known also the type. */
static bool make_event_class(struct source *source, bt_trace_class *trace_class, uint16_t type)
{
    const struct trace_dump *names = &source->log->dumps[0];
    bt_event_class *event = bt_event_class_create(source->stream_class);
    bt_field_class *fields = bt_field_class_structure_create(trace_class);
    const char *name = trace_type_name(type);
    bool good = event != NULL && fields != NULL &&
                bt_event_class_set_name(event, name != NULL ? name : "other") == 0 &&
                append(fields, "vcpu", vcpu_field(trace_class, names));

    if (type == ONTIME_TRACE_SWITCH)
        good = good && append(fields, "from", vcpu_field(trace_class, names));
    else if (type == ONTIME_TRACE_WARP_END)
        good = good && append(fields, "reason", reason_field(trace_class));
    else
        good = good && append(fields, "arg", number_field(trace_class));
    if (type == 0)
        good = good && append(fields, "type", number_field(trace_class));
    good = good && bt_event_class_set_payload_field_class(event, fields) == 0;
    bt_field_class_put_ref(fields);
    source->event_classes[type] = event;
    return good;
}

static bool make_clock(struct source *source, bt_self_component *self)
{
    bt_clock_class *clock = bt_clock_class_create(self);
    bool good = clock != NULL && bt_clock_class_set_name(clock, "counter") == 0;

    if (good) {
        bt_clock_class_set_frequency(clock, source->log->dumps[0].hz);
        bt_clock_class_set_origin_is_unix_epoch(clock, BT_FALSE);
        good = bt_stream_class_set_default_clock_class(source->stream_class, clock) == 0;
    }
    bt_clock_class_put_ref(clock);
    return good;
}

static bool make_streams(struct source *source)
{
    for (unsigned i = 0; i < source->log->count; i++) {
        char name[32];

        source->streams[i] =
            bt_stream_create_with_id(source->stream_class, source->trace, source->log->dumps[i].cpu);
        (void)snprintf(name, sizeof(name), "cpu%u", source->log->dumps[i].cpu);
        if (source->streams[i] == NULL || bt_stream_set_name(source->streams[i], name) != 0)
            return false;
    }
    return true;
}

/* The stream of an event is its CPU's: its number is also in each packet. */
static bool make_packet_context(struct source *source, bt_trace_class *trace_class)
{
    bt_field_class *fields = bt_field_class_structure_create(trace_class);
    bool good = fields != NULL && append(fields, "cpu_id", number_field(trace_class)) &&
                bt_stream_class_set_packet_context_field_class(source->stream_class, fields) == 0;

    bt_field_class_put_ref(fields);
    return good;
}

static bool make_trace(struct source *source, bt_self_component *self)
{
    bt_trace_class *trace_class = bt_trace_class_create(self);
    bool good = trace_class != NULL;

    if (good) {
        source->stream_class = bt_stream_class_create(trace_class);
        source->trace = bt_trace_create(trace_class);
        good = source->stream_class != NULL && source->trace != NULL && make_clock(source, self);
    }
    if (good) {
        bt_stream_class_set_assigns_automatic_stream_id(source->stream_class, BT_FALSE);
        bt_stream_class_set_supports_packets(source->stream_class, BT_TRUE, BT_TRUE, BT_TRUE);
        bt_stream_class_set_supports_discarded_events(source->stream_class, BT_TRUE, BT_TRUE);
        good = make_packet_context(source, trace_class);
    }
    for (uint16_t type = 0; type < TYPES && good; type++)
        if (type == 0 || trace_type_name(type) != NULL)
            good = make_event_class(source, trace_class, type);
    good = good && make_streams(source);
    bt_trace_class_put_ref(trace_class);
    return good;
}

/* --- The messages. --- */

static bt_message *packet_message(struct source *source, bt_self_message_iterator *self,
                                  const struct step *step)
{
    const struct trace_dump *dump = &source->log->dumps[step->stream];
    uint64_t time = dump->records[step->record].counter;
    bt_packet *packet = source->packets[step->stream];
    bt_message *message;

    if (step->kind == PACKET_ENDS) {
        message = bt_message_packet_end_create_with_default_clock_snapshot(self, packet, time);
        bt_packet_put_ref(packet);
        source->packets[step->stream] = NULL;
        return message;
    }
    packet = bt_packet_create(source->streams[step->stream]);
    source->packets[step->stream] = packet;
    if (packet == NULL)
        return NULL;
    bt_field_integer_unsigned_set_value(
        bt_field_structure_borrow_member_field_by_index(bt_packet_borrow_context_field(packet), 0),
        dump->cpu);
    return bt_message_packet_beginning_create_with_default_clock_snapshot(self, packet, time);
}

static bt_message *lost_message(const struct source *source, bt_self_message_iterator *self,
                                const struct step *step)
{
    const struct trace_dump *dump = &source->log->dumps[step->stream];
    bt_message *message = bt_message_discarded_events_create_with_default_clock_snapshots(
        self, source->streams[step->stream], dump->records[0].counter,
        dump->records[dump->count - 1].counter);

    if (message != NULL)
        bt_message_discarded_events_set_count(message, dump->lost);
    return message;
}

static void set_number(bt_field *fields, uint64_t index, uint64_t value)
{
    bt_field_integer_unsigned_set_value(bt_field_structure_borrow_member_field_by_index(fields, index),
                                        value);
}

static bt_message *record_message(const struct source *source, bt_self_message_iterator *self,
                                  const struct step *step)
{
    const struct ontime_trace_record *record = &source->log->dumps[step->stream].records[step->record];
    uint16_t type = record->type < TYPES && trace_type_name(record->type) != NULL ? record->type : 0;
    bt_message *message = bt_message_event_create_with_packet_and_default_clock_snapshot(
        self, source->event_classes[type], source->packets[step->stream], record->counter);
    bt_field *fields;

    if (message == NULL)
        return NULL;
    fields = bt_event_borrow_payload_field(bt_message_event_borrow_event(message));
    set_number(fields, 0, record->vcpu);
    set_number(fields, 1, record->arg);
    if (type == 0)
        set_number(fields, 2, record->type);
    return message;
}

static bt_message *message_of(struct source *source, bt_self_message_iterator *self, const struct step *step)
{
    switch (step->kind) {
    case STREAM_BEGINS:
        return bt_message_stream_beginning_create(self, source->streams[step->stream]);
    case STREAM_ENDS:
        return bt_message_stream_end_create(self, source->streams[step->stream]);
    case RECORD:
        return record_message(source, self, step);
    case LOST:
        return lost_message(source, self, step);
    case PACKET_BEGINS:
    case PACKET_ENDS:
    default:
        return packet_message(source, self, step);
    }
}

static bt_message_iterator_class_next_method_status
next(bt_self_message_iterator *self, bt_message_array_const messages, uint64_t capacity, uint64_t *count)
{
    struct source *source = bt_self_component_get_data(bt_self_message_iterator_borrow_component(self));

    *count = 0;
    while (*count < capacity && source->next < source->count) {
        bt_message *message = message_of(source, self, &source->steps[source->next]);

        if (message == NULL) {
            source->failed = true;
            while (*count > 0)
                bt_message_put_ref(messages[--*count]);
            return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_MEMORY_ERROR;
        }
        source->next++;
        messages[(*count)++] = message;
    }
    return *count != 0 ? BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK
                       : BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_END;
}

/* --- The graph. --- */

static bt_component_class_initialize_method_status
initialize(bt_self_component_source *self, bt_self_component_source_configuration *configuration,
           const bt_value *parameters, void *data)
{
    bt_self_component *component = bt_self_component_source_as_self_component(self);

    (void)configuration;
    (void)parameters;
    bt_self_component_set_data(component, data);
    if (!make_trace(data, component) ||
        bt_self_component_source_add_output_port(self, "out", NULL, NULL) != 0)
        return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_MEMORY_ERROR;
    return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

static const bt_component_source *add_source(bt_graph *graph, struct source *source)
{
    bt_message_iterator_class *iterator = bt_message_iterator_class_create(next);
    bt_component_class_source *class =
        iterator != NULL ? bt_component_class_source_create("ontime", iterator) : NULL;
    const bt_component_source *component = NULL;

    if (class != NULL && bt_component_class_source_set_initialize_method(class, initialize) == 0 &&
        bt_graph_add_source_component_with_initialize_method_data(graph, class, "ontime", NULL, source,
                                                                  BT_LOGGING_LEVEL_WARNING, &component) != 0)
        component = NULL;
    bt_component_class_source_put_ref(class);
    bt_message_iterator_class_put_ref(iterator);
    return component;
}

static const bt_component_sink *add_sink(bt_graph *graph, const char *folder)
{
    const bt_plugin *plugin = NULL;
    const bt_component_sink *component = NULL;
    bt_value *parameters = bt_value_map_create();
    const bt_component_class_sink *class;

    if (parameters != NULL &&
        bt_plugin_find("ctf", BT_TRUE, BT_FALSE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin) == 0) {
        class = bt_plugin_borrow_sink_component_class_by_name_const(plugin, "fs");
        if (class == NULL || bt_value_map_insert_string_entry(parameters, "path", folder) != 0 ||
            bt_value_map_insert_bool_entry(parameters, "assume-single-trace", BT_TRUE) != 0 ||
            bt_value_map_insert_bool_entry(parameters, "quiet", BT_TRUE) != 0 ||
            bt_graph_add_sink_component(graph, class, "ctf", parameters, BT_LOGGING_LEVEL_WARNING,
                                        &component) != 0)
            component = NULL;
    }
    bt_plugin_put_ref(plugin);
    bt_value_put_ref(parameters);
    return component;
}

static bool run(struct source *source, const char *folder)
{
    bt_graph *graph = bt_graph_create(0);
    const bt_component_source *from = graph != NULL ? add_source(graph, source) : NULL;
    const bt_component_sink *to = from != NULL ? add_sink(graph, folder) : NULL;
    bool good =
        to != NULL &&
        bt_graph_connect_ports(graph, bt_component_source_borrow_output_port_by_index_const(from, 0),
                               bt_component_sink_borrow_input_port_by_index_const(to, 0), NULL) == 0 &&
        bt_graph_run(graph) == BT_GRAPH_RUN_STATUS_OK;
    const bt_error *error = bt_current_thread_take_error();

    good = good && !source->failed && source->next == source->count;
    for (uint64_t i = 0; error != NULL && i < bt_error_get_cause_count(error); i++)
        (void)fprintf(stderr, "ontime trace convert: babeltrace2: %s\n",
                      bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, i)));
    if (error != NULL)
        bt_error_release(error);
    for (unsigned i = 0; i < CONVERT_MAX_CPUS; i++) {
        bt_packet_put_ref(source->packets[i]);
        bt_stream_put_ref(source->streams[i]);
    }
    for (unsigned i = 0; i < TYPES; i++)
        bt_event_class_put_ref(source->event_classes[i]);
    bt_stream_class_put_ref(source->stream_class);
    bt_trace_put_ref(source->trace);
    bt_graph_put_ref(graph);
    return good;
}

bool convert_to_ctf(const struct trace_log *log, const char *folder)
{
    struct source source = {.log = log};
    bool good;

    if (access(folder, F_OK) == 0) {
        (void)fprintf(stderr, "ontime trace convert: %s exists\n", folder);
        return false;
    }
    good = lay_out(&source) && run(&source, folder);
    free(source.steps);
    if (!good)
        (void)fprintf(stderr, "ontime trace convert: %s is not whole\n", folder);
    return good;
}
