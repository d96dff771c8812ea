/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/checks.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "analyse/util.h"

#define ACCOUNTING_TOLERANCE 0.001

struct check checks[MAX_CHECKS];
size_t check_count;

__attribute__((format(printf, 3, 0))) static void add(bool valid_only, bool holds, const char *format,
                                                      va_list arguments)
{
    struct check *check = &checks[check_count++];

    if (check_count > MAX_CHECKS)
        die("more than %d checks", MAX_CHECKS);
    vsnprintf(check->what, sizeof(check->what), format, arguments);
    check->valid_only = valid_only;
    check->holds = holds;
}

void checks_require(bool holds, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(true, holds, format, arguments);
    va_end(arguments);
}

void checks_expect(bool holds, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(false, holds, format, arguments);
    va_end(arguments);
}

static const char *condition(const struct log *log, const char *key)
{
    for (size_t i = 0; i < log->condition_count; i++)
        if (!strcmp(log->conditions[i].key, key))
            return log->conditions[i].value;
    return "";
}

static bool begin_alike(const struct log *a, const struct log *b)
{
    bool same = a->series_count <= b->series_count;

    for (size_t i = 0; same && i < a->series_count; i++)
        same =
            a->series[i].seed == b->series[i].seed && !strcmp(a->series[i].part.name, b->series[i].part.name);
    return same;
}

/* Of the series that both have. */
static bool slack_is_same(const struct log *a, const struct log *b)
{
    bool same = true;

    for (size_t i = 0; i < a->series_count && i < b->series_count; i++)
        same = same && a->series[i].hz == b->series[i].hz && a->series[i].slack_ns == b->series[i].slack_ns;
    return same;
}

static bool policy_is_same(const struct log *a, const struct log *b)
{
    bool same = true;

    for (size_t i = 0; i < a->series_count && i < b->series_count; i++)
        same = same && a->series[i].policy == b->series[i].policy &&
               a->series[i].priority == b->series[i].priority;
    return same;
}

void checks_compare(const struct run *run, const struct run *bare)
{
    const struct log *log = &run->log, *other = &bare->log;

    checks_require(log->condition_count == other->condition_count, "%s: as many conditions as %s", run->name,
                   bare->name);
    for (size_t i = 0; i < other->condition_count; i++) {
        const char *key = other->conditions[i].key;

        if ((run->other_cpu && !strcmp(key, "cpu")) || (run->other_kpti && !strcmp(key, "kpti")) ||
            (run->other_cpus && !strcmp(key, "cpus")))
            continue;
        checks_require(!strcmp(condition(log, key), other->conditions[i].value), "%s: same %s as %s",
                       run->name, key, bare->name);
    }
    checks_require(slack_is_same(log, other), "%s: same timer slack as %s", run->name, bare->name);
    checks_require(policy_is_same(log, other), "%s: same scheduling policy as %s", run->name, bare->name);
    checks_require(begin_alike(log, other), "%s: same seeds or parts as %s, or the first of them", run->name,
                   bare->name);
}

void checks_of_run(const struct run *run)
{
    checks_require(run->summary.min_us >= 0, "%s: no sleep ended early", run->name);
    if (run->traced != 0) /* of a long run the ring may hold nothing but the printing of its log */
        checks_require(run->trace_deviation <= ACCOUNTING_TOLERANCE,
                       "%s: accounting and trace agree within 0.1%% of the time (differ by %.4f%%)",
                       run->name, 100 * run->trace_deviation);
}

bool checks_valid(void)
{
    bool valid = true;

    for (size_t i = 0; i < check_count; i++)
        valid = valid && (checks[i].holds || !checks[i].valid_only);
    return valid;
}

json_t *checks_json(void)
{
    json_t *array = json_array();

    for (size_t i = 0; i < check_count; i++)
        json_array_append_new(array, json_pack("{ss ss sb}", "what", checks[i].what, "kind",
                                               checks[i].valid_only ? "validity" : "expectation", "holds",
                                               (int)checks[i].holds));
    return array;
}
