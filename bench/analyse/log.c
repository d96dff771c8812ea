/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/log.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyse/experiment.h"
#include "analyse/util.h"

struct reader {
    const char *path, *guest;
    bool bare;
    const struct placed *placed;
    unsigned seed; /* of the series that follows */
    struct part_facts part;
    enum place place;
    char *unfinished[MAX_VMS];
    struct log *log;
};

static struct series *current_series(struct reader *reader)
{
    struct log *log = reader->log;

    if (!log->series_count || log->series[log->series_count - 1].complete)
        die("%s: a line of a sleep log outside of one", reader->path);
    return &log->series[log->series_count - 1];
}

static size_t vm_index(struct reader *reader, const char *name)
{
    struct log *log = reader->log;

    for (size_t i = 0; i < log->vm_count; i++)
        if (!strcmp(log->vms[i].name, name))
            return i;
    if (log->vm_count == MAX_VMS)
        die("%s: more than %d VMs", reader->path, MAX_VMS);
    snprintf(log->vms[log->vm_count].name, NAME_LENGTH, "%s", name);
    return log->vm_count++;
}

static void begin_series(struct reader *reader, const struct series *header)
{
    struct log *log = reader->log;

    if (log->series_count == MAX_SERIES)
        die("%s: more than %d sleep logs", reader->path, MAX_SERIES);
    log->series[log->series_count] = *header;
    log->series[log->series_count].part = reader->part;
    log->series[log->series_count++].seed = reader->seed;
}

static void end_series(struct reader *reader, size_t sleeps, size_t shown, size_t dropped)
{
    struct series *series = current_series(reader);

    if (sleeps != series->count || shown != series->shown_count || dropped)
        die("%s: the log of sleeps is not whole: %zu of %zu sleeps, %zu of %zu frames, %zu dropped",
            reader->path, series->count, sleeps, series->shown_count, shown, dropped);
    series->complete = true;
}

static void add_sleep(struct reader *reader, const struct sleep *sleep)
{
    struct series *series = current_series(reader);

    series->sleeps = grow(series->sleeps, series->count, sizeof(*sleep));
    series->sleeps[series->count++] = *sleep;
}

static void add_empty(struct reader *reader, const struct sleep *empty)
{
    struct series *series = current_series(reader);

    series->empties = grow(series->empties, series->empty_count, sizeof(*empty));
    series->empties[series->empty_count++] = *empty;
}

static void add_shown(struct reader *reader, uint64_t time)
{
    struct series *series = current_series(reader);

    series->shown = grow(series->shown, series->shown_count, sizeof(time));
    series->shown[series->shown_count++] = time;
}

/* Adds `KEY VALUE`, which follows the line's first word. */
static void add_pair(struct reader *reader, struct condition *list, size_t *count, size_t most,
                     const char *text)
{
    struct condition *condition = &list[*count];
    size_t length = strcspn(text, " ");

    if (*count == most || length >= NAME_LENGTH || text[length] != ' ')
        die("%s: '%s'", reader->path, text);
    snprintf(condition->key, sizeof(condition->key), "%.*s", (int)length, text);
    condition->value = strdup(text + length + 1);
    ++*count;
}

static void add_progress(struct reader *reader, size_t index, const struct progress *progress)
{
    struct vm_log *vm = &reader->log->vms[index];

    vm->progress = grow(vm->progress, vm->progress_count, sizeof(*progress));
    vm->progress[vm->progress_count++] = *progress;
}

static void read_part(struct reader *reader, const char *text)
{
    struct part_facts part = {0};
    char kind[16];

    if (sscanf(text, "%31s kind=%15s demand_ppm=%lf period_ns=%" SCNu64 " begin=%" SCNu64 " end=%" SCNu64,
               part.name, kind, &part.demand, &part.period_ns, &part.begin, &part.end) != 6)
        die("%s: 'part %s'", reader->path, text);
    part.response = !strcmp(kind, "response");
    part.demand /= 1e6;
    reader->part = part;
}

/* One line of the measured guest. */
static void read_guest_line(struct reader *reader, const char *text)
{
    struct log *log = reader->log;
    struct series header = {0};
    struct sleep sleep, empty = {0};
    uint64_t time;
    size_t sleeps, shown, dropped;

    if (sscanf(text, "sleep %" SCNu64 " %" SCNu64 " %" SCNu64, &sleep.requested_ns, &sleep.start,
               &sleep.end) == 3)
        add_sleep(reader, &sleep);
    else if (sscanf(text, "empty %" SCNu64 " %" SCNu64, &empty.start, &empty.end) == 2)
        add_empty(reader, &empty);
    else if (sscanf(text, "shown %" SCNu64, &time) == 1)
        add_shown(reader, time);
    else if (sscanf(text, "sleeplog begin hz=%" SCNu64 " slack_ns=%" SCNu64 " policy=%d priority=%d",
                    &header.hz, &header.slack_ns, &header.policy, &header.priority) == 4)
        begin_series(reader, &header);
    else if (sscanf(text, "sleeplog end sleeps=%zu shown=%zu dropped=%zu", &sleeps, &shown, &dropped) == 3)
        end_series(reader, sleeps, shown, dropped);
    else if (!strncmp(text, "condition ", 10))
        add_pair(reader, log->conditions, &log->condition_count, MAX_CONDITIONS, text + 10);
    else if (!strncmp(text, "status ", 7))
        add_pair(reader, log->status, &log->status_count, MAX_STATUS, text + 7);
    else if (!strncmp(text, "part ", 5))
        read_part(reader, text + 5);
    else if (!strcmp(text, "window begins"))
        reader->place = IN_WINDOW;
    else if (!strcmp(text, "window ends"))
        reader->place = AFTER_WINDOW;
    else if (sscanf(text, "player status V: %*f %u/%*u %*u%% %*u%% %*f%% %u", &log->frames, &log->dropped) !=
                 2 &&
             sscanf(text, "player exit %d", &log->player_exit) != 1)
        sscanf(text, "seed %u", &reader->seed);
}

static void read_whole_line(struct reader *reader, size_t vm, const char *text)
{
    struct progress progress = {.place = reader->place};
    uint64_t time;

    if (sscanf(text, "matmul %" SCNu64 " %" SCNu64, &progress.count, &progress.time) == 2)
        add_progress(reader, vm, &progress);
    else if (sscanf(text, "up %" SCNu64, &time) == 1 && !reader->log->vms[vm].up)
        reader->log->vms[vm].up = time; /* where no host has said it by the machine's clock */
    else if (!strcmp(reader->log->vms[vm].name, reader->guest))
        read_guest_line(reader, text);
}

static bool begins_a_line(const char *text)
{
    static const char *const words[] = {"matmul ", "sleep ",  "shown ", "sleeplog ", "condition ", "player ",
                                        "seed ",   "status ", "empty ", "window ",   "up ",        "part "};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strncmp(text, words[i], strlen(words[i])))
            return true;
    return false;
}

/*
 * A line that matters ends in a semicolon. One that does not may be the first part of such a line, cut where
 * another VM's line came between: the console shows at once what the VM that has the input writes. All other
 * lines are passed over.
 */
static void read_vm_line(struct reader *reader, const char *name, const char *text)
{
    size_t vm = vm_index(reader, name);
    char *begun = reader->unfinished[vm];
    char *joined;

    if (asprintf(&joined, "%s%s", begun && !begins_a_line(text) ? begun : "", text) < 0)
        die("out of memory");
    free(begun);
    reader->unfinished[vm] = NULL;
    if (joined[0] && joined[strlen(joined) - 1] == ';') {
        joined[strlen(joined) - 1] = '\0';
        read_whole_line(reader, vm, joined);
        free(joined);
    } else {
        reader->unfinished[vm] = joined;
    }
}

static uint64_t field(struct reader *reader, const char *text, const char *key)
{
    const char *found = strstr(text, key);

    if (!found)
        die("%s: no '%s' in '%s'", reader->path, key, text);
    return strtoull(found + strlen(key), NULL, 10);
}

static uint64_t optional_field(struct reader *reader, const char *text, const char *key)
{
    return strstr(text, key) ? field(reader, text, key) : 0;
}

/* Ontime's own lines, and those of a KVM host (bench/kvm), which have fewer fields. */
static void read_host_line(struct reader *reader, const char *text)
{
    struct log *log = reader->log;
    char name[NAME_LENGTH];
    unsigned number;
    struct mark *mark = &log->marks[log->mark_count ? log->mark_count - 1 : 0];

    if (sscanf(text, "first vm=%31s", name) == 1)
        log->vms[vm_index(reader, name)].up = field(reader, text, " counter=");
    if (sscanf(text, "mark %u vm=%31s", &number, name) != 2)
        return;
    if (!log->mark_count || mark->number != number) {
        if (log->mark_count == MAX_MARKS)
            die("%s: more than %d marks", reader->path, MAX_MARKS);
        mark = &log->marks[log->mark_count++];
        mark->number = number;
    }
    mark->time = field(reader, text, " counter=");
    mark->vms[vm_index(reader, name)] = (struct account){
        .run = field(reader, text, " run="),
        .el2 = optional_field(reader, text, " el2="),
        .stolen = optional_field(reader, text, " stolen="),
        .exits = field(reader, text, " exits="),
        .switches = field(reader, text, " switches="),
        .armed = optional_field(reader, text, " armed="),
        .fired = optional_field(reader, text, " fired="),
        .late_max = optional_field(reader, text, " late_max="),
        .warps = optional_field(reader, text, " warps="),
        .denied = optional_field(reader, text, " denied="),
        .cut = optional_field(reader, text, " cut="),
    };
}

/*
 * A guest's line on Xen's console: `(XEN) [COUNTER] DOM1: text`, COUNTER being the machine's, in hexadecimal.
 * The measured guest is DOM1, the other VMs of the scenario are DOM2 and up.
 */
static bool read_xen_line(struct reader *reader, const char *line)
{
    const char *name;
    unsigned domain;
    uint64_t counter;
    int length = 0;

    if (strncmp(line, "(XEN) ", 6) != 0)
        return false;
    if (sscanf(line, "(XEN) [%" SCNx64 "] DOM%u:%n", &counter, &domain, &length) != 2 || line[length] != ' ')
        return true;
    line += length + 1;
    if (!reader->placed || domain < 1 || domain > MAX_VMS || !reader->placed[domain - 1].vm)
        die("%s: there is no DOM%u in this scenario", reader->path, domain);
    name = reader->placed[domain - 1].vm;
    if (!strncmp(line, "up ", 3))
        reader->log->vms[vm_index(reader, name)].up = counter;
    read_vm_line(reader, name, line);
    return true;
}

static void read_line(struct reader *reader, char *line)
{
    char name[NAME_LENGTH];
    int length = 0;

    line[strcspn(line, "\r\n")] = '\0';
    if (reader->bare)
        read_vm_line(reader, reader->guest, line);
    else if (read_xen_line(reader, line) || sscanf(line, "[%31[^] ]] %n", name, &length) != 1 || !length)
        return;
    else if (!strcmp(name, "ontime") || !strcmp(name, "host"))
        read_host_line(reader, line + length);
    else
        read_vm_line(reader, name, line + length);
}

static void check_whole(const struct reader *reader)
{
    const struct log *log = reader->log;

    if (!log->series_count || !log->series[log->series_count - 1].complete)
        die("%s: the run ended before its log was written; see its last lines", reader->path);
    if (log->player_exit > 0)
        die("%s: the player ended with status %d", reader->path, log->player_exit);
}

void log_read(const char *path, const char *guest, bool bare, const struct placed *placed, struct log *log)
{
    struct reader reader = {.path = path, .guest = guest, .bare = bare, .placed = placed, .log = log};
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (!file)
        die("%s: %s", path, strerror(errno));
    *log = (struct log){.player_exit = -1};
    vm_index(&reader, guest);
    while (getline(&line, &size, file) > 0)
        read_line(&reader, line);
    for (size_t vm = 0; vm < MAX_VMS; vm++)
        free(reader.unfinished[vm]);
    free(line);
    fclose(file);
    check_whole(&reader);
}

uint64_t log_status(const struct log *log, const char *key)
{
    for (size_t i = 0; i < log->status_count; i++)
        if (!strcmp(log->status[i].key, key))
            return strtoull(log->status[i].value, NULL, 10);
    return 0;
}

const struct mark *log_mark(const struct log *log, unsigned number)
{
    for (size_t i = 0; i < log->mark_count; i++)
        if (log->marks[i].number == number)
            return &log->marks[i];
    return NULL;
}

double log_products_per_s(const struct vm_log *vm, enum place place, uint64_t hz)
{
    const struct progress *first = NULL, *last = NULL;

    for (size_t i = 0; i < vm->progress_count; i++) {
        if (vm->progress[i].place != place)
            continue;
        first = first ? first : &vm->progress[i];
        last = &vm->progress[i];
    }
    if (first == last)
        return NAN;
    return (double)(last->count - first->count) * (double)hz / (double)(last->time - first->time);
}

double log_products_at(const struct vm_log *vm, uint64_t time)
{
    for (size_t i = 1; i < vm->progress_count; i++) {
        const struct progress *from = &vm->progress[i - 1], *to = &vm->progress[i];

        if (from->time <= time && time <= to->time)
            return (double)from->count + (double)(to->count - from->count) * (double)(time - from->time) /
                                             (double)(to->time - from->time);
    }
    die("%s: the hog was not running all the time that was measured", vm->name);
}
