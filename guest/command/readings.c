// SPDX-License-Identifier: Apache-2.0
#include "readings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CORES = 64 };

void readings_take(struct readings *readings)
{
    vm_list(&readings->list);
    readings->count = 0;
    for (unsigned vm = 0; vm < readings->list.count; vm++)
        for (unsigned vcpu = 0; vcpu < readings->list.vms[vm].vcpus; vcpu++)
            if (readings->count < READINGS_VCPUS)
                vcpu_info(vm, vcpu, &readings->vcpus[readings->count++]);
}

static const char *vcpu_state(const struct ontime_vcpu_info *vcpu)
{
    static const char *const names[] = {
        [ONTIME_VCPU_OFF] = "off",
        [ONTIME_VCPU_BLOCKED] = "blocked",
        [ONTIME_VCPU_READY] = "ready",
        [ONTIME_VCPU_RUNNING] = "running",
    };

    return vcpu->state < sizeof(names) / sizeof(names[0]) ? names[vcpu->state] : "unknown";
}

void cpus_text(uint64_t cpus, char *text, size_t room)
{
    size_t length = 0;

    snprintf(text, room, "-");
    for (unsigned cpu = 0; cpu < CORES && length + 4 < room; cpu++)
        if (cpus >> cpu & 1)
            length += (size_t)snprintf(text + length, room - length, "%s%u", length ? "," : "", cpu);
}

static uint64_t cpu_bit(const struct ontime_vcpu_info *vcpu)
{
    return vcpu->cpu < CORES ? (uint64_t)1 << vcpu->cpu : 0;
}

unsigned rows_make(const struct readings *now, const struct readings *before, bool each_vcpu,
                   struct row *rows)
{
    unsigned count = 0, at = 0;

    for (unsigned vm = 0; vm < now->list.count; vm++) {
        const struct ontime_vm_info *info = &now->list.vms[vm];
        uint64_t cpus = 0;

        for (unsigned vcpu = 0; vcpu < info->vcpus && at < now->count; vcpu++, at++) {
            struct row *row = &rows[count];

            if (vcpu == 0 || each_vcpu) {
                *row = (struct row){.number = count, .vm = vm, .state = state_name(info->state)};
                snprintf(row->name, sizeof(row->name), "%s", info->name);
                cpus = 0;
            }
            if (each_vcpu) {
                snprintf(row->name, sizeof(row->name), "%s.%u", info->name, vcpu);
                row->state = vcpu_state(&now->vcpus[at]);
            }
            cpus |= cpu_bit(&now->vcpus[at]);
            cpus_text(cpus, row->cpus, sizeof(row->cpus));
            usage_add(&row->usage, &now->vcpus[at], before ? &before->vcpus[at] : NULL);
            if (each_vcpu || vcpu + 1 == info->vcpus)
                count++;
        }
    }
    return count;
}

static int sort_column;
static bool sort_reverse;

static int compare(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    double x = a->number, y = b->number;

    if (sort_column != ROWS_BY_NUMBER) {
        x = -usage_value(&a->usage, (enum column)sort_column);
        y = -usage_value(&b->usage, (enum column)sort_column);
    }
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    if (x == y)
        return a->number < b->number ? -1 : 1;
    return (x < y) == sort_reverse ? 1 : -1;
}

void rows_sort(struct row *rows, unsigned count, int column, bool reverse)
{
    sort_column = column;
    sort_reverse = reverse;
    qsort(rows, count, sizeof(*rows), compare);
}

void row_titles(char text[ROW_TEXT])
{
    int length = snprintf(text, ROW_TEXT, "%-12s %-8s %-7s", "VM", "STATE", "CPUS");

    for (enum column column = 0; column < COLUMNS_OF_USAGE; column++)
        length +=
            snprintf(text + length, (size_t)(ROW_TEXT - length), " %*s", CELL_WIDTH, column_title(column));
}

void row_text(const struct row *row, char text[ROW_TEXT])
{
    int length = snprintf(text, ROW_TEXT, "%-12.12s %-8.8s %-7.7s", row->name, row->state, row->cpus);

    for (enum column column = 0; column < COLUMNS_OF_USAGE; column++) {
        char cell[CELL_WIDTH + 1];

        usage_cell(usage_value(&row->usage, column), cell);
        length += snprintf(text + length, (size_t)(ROW_TEXT - length), " %*s", CELL_WIDTH, cell);
    }
}

void cores_text(const struct readings *now, const struct readings *before, char *text, size_t room)
{
    struct usage cores[CORES] = {0};
    size_t length = (size_t)snprintf(text, room, "cores");

    for (unsigned i = 0; i < now->count; i++)
        if (now->vcpus[i].cpu < CORES)
            usage_add(&cores[now->vcpus[i].cpu], &now->vcpus[i], before ? &before->vcpus[i] : NULL);
    for (unsigned cpu = 0; cpu < CORES && length + 16 < room; cpu++)
        if (cores[cpu].vcpus)
            length += (size_t)snprintf(text + length, room - length, " %u: %.1f%%", cpu,
                                       usage_value(&cores[cpu], COLUMN_RUN));
}

void rows_write(struct json *json, const char *key, const struct row *rows, unsigned count, int vm)
{
    json_open(json, key, '[');
    for (unsigned i = 0; i < count; i++) {
        if (vm >= 0 && rows[i].vm != (unsigned)vm)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "name", rows[i].name);
        json_text(json, "state", rows[i].state);
        for (enum column column = 0; column < COLUMNS_OF_USAGE; column++)
            json_real(json, column_key(column), usage_value(&rows[i].usage, column));
        json_close(json, '}');
    }
    json_close(json, ']');
}
