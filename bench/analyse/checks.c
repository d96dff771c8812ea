/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/checks.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "analyse/results.h"
#include "analyse/util.h"

#define ACCOUNTING_TOLERANCE 0.001
#define ERROR_RATIO          1.25 /* mean error against bare metal's */
#define MAX_RATIO            2.0  /* greatest error against bare metal's */
#define THROUGHPUT_RATIO     0.98

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

__attribute__((format(printf, 2, 3))) static void require(bool holds, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(true, holds, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void expect(bool holds, const char *format, ...)
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

static bool same_seeds(const struct log *a, const struct log *b)
{
    bool same = a->series_count == b->series_count;

    for (size_t i = 0; same && i < a->series_count; i++)
        same = a->series[i].seed == b->series[i].seed;
    return same;
}

/* Like with like: each run against the bare one of its kind. */
static void check_conditions(enum run_id bare_id, enum run_id first, enum run_id last)
{
    const struct log *bare = &runs[bare_id].log;

    for (unsigned id = first; id <= last; id++) {
        const struct log *log = &runs[id].log;
        const struct series *a = &log->series[0], *b = &bare->series[0];

        require(log->condition_count == bare->condition_count, "%s: as many conditions as %s", runs[id].name,
                runs[bare_id].name);
        for (size_t i = 0; i < bare->condition_count; i++) {
            const char *key = bare->conditions[i].key;

            require(!strcmp(condition(log, key), bare->conditions[i].value), "%s: same %s as %s",
                    runs[id].name, key, runs[bare_id].name);
        }
        require(a->hz == b->hz && a->slack_ns == b->slack_ns, "%s: same timer slack as %s", runs[id].name,
                runs[bare_id].name);
        require(a->policy == b->policy && a->priority == b->priority, "%s: same scheduling policy as %s",
                runs[id].name, runs[bare_id].name);
        require(same_seeds(log, bare), "%s: same seeds as %s", runs[id].name, runs[bare_id].name);
    }
}

static void check_runs(void)
{
    for (unsigned id = 0; id < RUNS; id++) {
        const struct run *run = &runs[id];

        require(run->summary.min_us >= 0, "%s: no sleep ended early", run->name);
        if (run->has_marks)
            require(run->trace_deviation <= ACCOUNTING_TOLERANCE,
                    "%s: accounting and trace agree within 0.1%% (differ by %.4f%%)", run->name,
                    100 * run->trace_deviation);
    }
}

static double share_below_20_ms(const struct summary *s)
{
    return s->bands[0] + s->bands[1] + s->bands[2] + s->bands[3];
}

static double least_band_below_20_ms(const struct summary *s)
{
    double least = 1;

    for (unsigned i = 0; i < 4; i++)
        least = s->bands[i] < least ? s->bands[i] : least;
    return least;
}

static void expect_of_requests(const struct run *run)
{
    const struct summary *s = &run->summary;

    expect(s->n >= 1000, "%s: at least 1,000 sleeps (%zu)", run->name, s->n);
    expect(share_below_20_ms(s) >= 0.8, "%s: 80%% of the requests in 0 to 20 ms (%.1f%%)", run->name,
           100 * share_below_20_ms(s));
    expect(least_band_below_20_ms(s) >= 0.1, "%s: at least 10%% in each band of 5 ms (%.1f%%)", run->name,
           100 * least_band_below_20_ms(s));
}

static void expect_of_player(void)
{
    const struct run *bare = &runs[PLAYER_BARE], *before = &runs[PLAYER_TICK], *after = &runs[PLAYER_PRECISE];
    double ratio = after->summary.mean_us / bare->summary.mean_us;
    double kept = after->products_per_s[1] / before->products_per_s[1];

    expect(bare->summary.awake >= 0.3 && bare->summary.awake <= 0.45,
           "player-bare: the player takes 30 to 45%% of the core (%.1f%%)", 100 * bare->summary.awake);
    expect_of_requests(before);
    expect_of_requests(after);
    expect(ratio <= ERROR_RATIO, "player-precise: mean error at most 1.25 times bare metal's (%.3f)", ratio);
    expect(after->summary.within_2ms >= 1, "player-precise: every sleep within 2 ms (max %.0f us)",
           after->summary.max_us);
    expect(kept >= THROUGHPUT_RATIO, "player-precise: matmul keeps 98%% of what it got before (%.1f%%)",
           100 * kept);
}

static void expect_of_mixed(void)
{
    const struct run *bare = &runs[MIXED_BARE], *precise = &runs[MIXED_PRECISE];
    double ratio = precise->summary.mean_us / bare->summary.mean_us;
    double greatest = precise->summary.max_us / bare->summary.max_us;

    expect(ratio <= ERROR_RATIO, "mixed-precise: mean error at most 1.25 times bare metal's (%.3f)", ratio);
    expect(greatest <= MAX_RATIO, "mixed-precise: greatest error at most 2 times bare metal's (%.2f)",
           greatest);
    for (size_t vm = 0; vm < precise->log.vm_count; vm++)
        expect(precise->share[vm] >= 0.49 && precise->share[vm] <= 0.51,
               "mixed-precise: %s has 49 to 51%% of the core (%.2f%%)", precise->log.vms[vm].name,
               100 * precise->share[vm]);
}

bool checks_make(void)
{
    bool valid = true;

    check_conditions(PLAYER_BARE, PLAYER_TICK, PLAYER_PRECISE);
    check_conditions(MIXED_BARE, MIXED_WAKE, MIXED_PRECISE);
    check_runs();
    expect_of_player();
    expect_of_mixed();
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
