/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/parts.h"
#include <stdbool.h>
#include <string.h>

#define ENOUGH_FOR_P999 1000

static const struct series *find_part(const struct run *run, const char *name)
{
    for (size_t s = 0; run && s < run->log.series_count; s++)
        if (!strcmp(run->log.series[s].part.name, name))
            return &run->log.series[s];
    return NULL;
}

/* How many wake-ups came after the next one's time. */
static size_t count_missed(const struct series *series)
{
    size_t missed = 0;

    for (size_t i = 0; series->part.period_ns && i < series->count; i++)
        missed += sleep_error_ns(series, &series->sleeps[i]) >= (int64_t)series->part.period_ns;
    return missed;
}

bool part_demands_too_much(const struct run *run, const struct series *series)
{
    return series->part.demand > DEMAND_LIMIT / (double)run->log.vm_count;
}

bool run_demands_too_much(const struct run *run)
{
    for (size_t s = 0; s < run->log.series_count; s++)
        if (part_demands_too_much(run, &run->log.series[s]))
            return true;
    return false;
}

unsigned part_targets(const struct run *run, const struct series *series, const struct run *bare,
                      struct part_target found[MAX_PART_TARGETS])
{
    const struct series *other = find_part(bare, series->part.name);
    struct summary a, b;
    unsigned count = 0;

    if (!other || part_demands_too_much(run, series))
        return 0;
    a = summarise_series(series);
    b = summarise_series(other);
    if (series->part.response) {
        found[count++] = (struct part_target){"p50", a.p50_us / b.p50_us, RESPONSE_RATIO};
        found[count++] = (struct part_target){"p99", a.p99_us / b.p99_us, RESPONSE_RATIO};
    } else {
        found[count++] = (struct part_target){"mean", a.mean_us / b.mean_us, MEAN_RATIO};
        found[count++] = (struct part_target){"p99", a.p99_us / b.p99_us, PERCENTILE_RATIO};
        if (a.n >= ENOUGH_FOR_P999 && b.n >= ENOUGH_FOR_P999)
            found[count++] = (struct part_target){"p99.9", a.p999_us / b.p999_us, PERCENTILE_RATIO};
    }
    found[count++] = (struct part_target){"max", a.max_us / b.max_us, MAX_RATIO};
    return count;
}

static void print_verdict(FILE *file, const struct run *run, const struct series *series,
                          const struct run *bare)
{
    struct part_target found[MAX_PART_TARGETS];
    unsigned count = part_targets(run, series, bare, found);
    const char *separator = "not met: ";

    if (!count) {
        fprintf(file, "none: demands %.0f%% of the core", 100 * series->part.demand);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        if (found[i].value > found[i].limit) {
            fprintf(file, "%s%s %.3f > %.2f", separator, found[i].what, found[i].value, found[i].limit);
            separator = ", ";
        }
    if (separator[0] == 'n')
        fputs("met", file);
}

void parts_print_heading(FILE *file)
{
    fprintf(file,
            "\nParts of loads: lateness or, where a part is called a response, from the wake-up's time to "
            "the end of the "
            "work; us\n%-27s %-19s %6s %9s %9s %9s %9s %9s %6s  %7s %7s %7s %7s %7s  %s\n",
            "run", "part", "n", "mean", "p50", "p99", "p99.9", "max", "missed", "x mean", "x p50", "x p99",
            "x p99.9", "x max", "targets");
}

void parts_print(FILE *file, const struct run *run, const struct run *bare)
{
    for (size_t s = 0; s < run->log.series_count; s++) {
        const struct series *series = &run->log.series[s], *other = find_part(bare, series->part.name);
        struct summary a = summarise_series(series), b;

        fprintf(file, "%-27s %-19s %6zu %9.1f %9.1f %9.1f %9.1f %9.1f", run->name, series->part.name, a.n,
                a.mean_us, a.p50_us, a.p99_us, a.p999_us, a.max_us);
        if (series->part.period_ns)
            fprintf(file, " %6zu", count_missed(series));
        else
            fprintf(file, " %6s", "-");
        if (other) {
            b = summarise_series(other);
            fprintf(file, "  %7.2f %7.2f %7.2f %7.2f %7.2f  ", a.mean_us / b.mean_us, a.p50_us / b.p50_us,
                    a.p99_us / b.p99_us, a.p999_us / b.p999_us, a.max_us / b.max_us);
            print_verdict(file, run, series, bare);
        }
        fputs(series->part.response ? " (response)\n" : "\n", file);
    }
}

static json_t *targets_json(const struct run *run, const struct series *series, const struct run *bare)
{
    struct part_target found[MAX_PART_TARGETS];
    unsigned count = part_targets(run, series, bare, found);
    json_t *array = json_array();

    for (unsigned i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{ss sf sf sb}", "ratio", found[i].what, "value",
                                               found[i].value, "at_most", found[i].limit, "met",
                                               (int)(found[i].value <= found[i].limit)));
    return array;
}

json_t *parts_json(const struct run *run, const struct run *bare)
{
    json_t *object = json_object();

    for (size_t s = 0; s < run->log.series_count; s++) {
        const struct series *series = &run->log.series[s];
        struct summary a = summarise_series(series);

        json_object_set_new(object, series->part.name,
                            json_pack("{ss sI sf sf sf sf sf sf sf sI so}", "kind",
                                      series->part.response ? "response" : "lateness", "n", (json_int_t)a.n,
                                      "demand", series->part.demand, "mean_us", a.mean_us, "min_us", a.min_us,
                                      "p50_us", a.p50_us, "p99_us", a.p99_us, "p999_us", a.p999_us, "max_us",
                                      a.max_us, "missed", (json_int_t)count_missed(series), "targets",
                                      targets_json(run, series, bare)));
    }
    return object;
}
