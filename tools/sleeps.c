/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* getline */
#include "sleeps.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sleep_due(const struct sleep_entry *sleep)
{
    return sleep->start + sleep->requested;
}

uint64_t sleep_late(const struct sleep_entry *sleep)
{
    return sleep->end > sleep_due(sleep) ? sleep->end - sleep_due(sleep) : 0;
}

static uint64_t to_ticks(uint64_t ns, uint64_t hz)
{
    return ns / 1000000000 * hz + ns % 1000000000 * hz / 1000000000;
}

static bool add(struct sleeps *sleeps, const struct sleep_entry *entry)
{
    if ((sleeps->count & (sleeps->count - 1)) == 0) { /* a power of two: all room is used */
        size_t room = sleeps->count == 0 ? 1 : 2 * sleeps->count;
        struct sleep_entry *list = realloc(sleeps->list, room * sizeof(*list));

        if (list == NULL) {
            (void)fprintf(stderr, "ontime: out of memory\n");
            return false;
        }
        sleeps->list = list;
    }
    sleeps->list[sleeps->count++] = *entry;
    return true;
}

/* A line "[VM] sleep REQUESTED_NS START END;": is it one? */
static bool read_line(const char *line, uint64_t hz, struct sleep_entry *entry)
{
    uint64_t requested_ns;
    char last;

    *entry = (struct sleep_entry){.start = 0};
    if (sscanf(line, "[%31[^]]] sleep %" SCNu64 " %" SCNu64 " %" SCNu64 "%c", entry->vm, &requested_ns,
               &entry->start, &entry->end, &last) != 5 ||
        last != ';' || entry->end < entry->start)
        return false;
    entry->requested = to_ticks(requested_ns, hz);
    return true;
}

bool sleeps_read_log(const char *path, uint64_t hz, struct sleeps *sleeps)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool good = true;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while (good && getline(&line, &room, file) >= 0) {
        struct sleep_entry entry;

        if (read_line(line, hz, &entry))
            good = add(sleeps, &entry);
    }
    free(line);
    (void)fclose(file);
    return good;
}

/* The column of that name in a heading, or -1. */
static int column(const char *heading, const char *name)
{
    size_t length = strlen(name);
    int number = 0;

    for (;;) {
        if (strncmp(heading, name, length) == 0 && strchr(",\r\n", heading[length]) != NULL)
            return number;
        heading = strchr(heading, ',');
        if (heading == NULL)
            return -1;
        heading++;
        number++;
    }
}

static uint64_t field(const char *line, int number)
{
    for (; number > 0 && line != NULL; number--) {
        line = strchr(line, ',');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL ? strtoull(line, NULL, 10) : 0;
}

bool sleeps_read_csv(const char *path, const char *vm, uint64_t hz, struct sleeps *sleeps)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool good = file != NULL && getline(&line, &room, file) >= 0;
    int start = -1, requested = -1, actual = -1;

    if (file == NULL)
        perror(path);
    if (good) {
        start = column(line, "start_ticks");
        requested = column(line, "requested_ns");
        actual = column(line, "actual_ns");
    }
    if (file != NULL && (start < 0 || requested < 0 || actual < 0)) {
        (void)fprintf(stderr, "ontime: %s: no columns start_ticks, requested_ns and actual_ns\n", path);
        good = false;
    }
    while (good && getline(&line, &room, file) >= 0) {
        struct sleep_entry entry = {.start = field(line, start)};

        (void)snprintf(entry.vm, sizeof(entry.vm), "%s", vm);
        entry.requested = to_ticks(field(line, requested), hz);
        entry.end = entry.start + to_ticks(field(line, actual), hz);
        good = add(sleeps, &entry);
    }
    free(line);
    if (file != NULL)
        (void)fclose(file);
    return good;
}

void sleeps_free(struct sleeps *sleeps)
{
    free(sleeps->list);
    *sleeps = (struct sleeps){0};
}
