/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runs of the scenarios cost. Ontime's own CPU time is measured from outside, in matrix products:
 * those that the hogs make on bare metal in the same time, less those that they made here. A hog can always
 * run, so what is missing went to Ontime, or to the ticks of the further guests. The time in EL2 that Ontime
 * itself counts is shown beside it.
 */
#include "analyse/bench.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyse/checks.h"
#include "analyse/parts.h"
#include "analyse/util.h"

#define TICK_HZ       250    /* the guests' CONFIG_HZ */
#define TICK_WORK_NS  100000 /* a tick that comes so shortly before is still being served */
#define NS_PER_SECOND 1000000000

const struct scenario_facts bench_scenarios[SCENARIOS] = {BENCH_SCENARIO_LIST(SCENARIO_FACTS)};
const struct way_facts bench_modes[MODES] = {BENCH_WAY_LIST(WAY_FACTS)};
static const struct experiment experiment = {bench_scenarios, SCENARIOS, bench_modes, MODES};

struct run bench_runs[SCENARIOS][MODES];

static const struct run *made(const struct run *run)
{
    return run->name ? run : NULL;
}

const struct run *bench_bare(enum scenario scenario)
{
    return made(&bench_runs[bench_scenarios[scenario].bare][BARE]);
}

const struct run *bench_bare_work(enum scenario scenario)
{
    return made(&bench_runs[bench_scenarios[scenario].work][BARE]);
}

/*
 * What `ontime check` promises of the measured VM, us: `bound vm=NAME us=N ...` in OUT/log/RUN.check, or 0.
 * Of a VM on several CPUs, each of which has such a line, it is the greatest; there is none when one has
 * none.
 */
static double read_bound(const char *out, const struct run *run)
{
    char path[PATH_MAX], line[512], key[64];
    double bound = 0;
    bool none = false;
    FILE *file;

    snprintf(path, sizeof(path), "%s/log/%s.check", out, run->name);
    snprintf(key, sizeof(key), "bound vm=%s ", run->guest);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        const char *us = strstr(line, " us=");

        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        none = none || !us;
        if (us)
            bound = fmax(bound, strtod(us + strlen(" us="), NULL));
    }
    if (file)
        fclose(file);
    return none ? 0 : bound;
}

double el2_late_max_us(const struct run *run)
{
    return (double)run->accounts[0].late_max * 1e6 / (double)run->log.series[0].hz;
}

static void add_run(const char *out, const char *name)
{
    struct run *run;
    unsigned s, m;

    experiment_find(&experiment, name, &s, &m);
    run = &bench_runs[s][m];
    *run = (struct run){.name = name,
                        .guest = bench_scenarios[s].guest,
                        .bare = m == BARE,
                        .other_cpus = bench_scenarios[s].other_cpus,
                        .other_cpu = !strcmp(bench_modes[m].under, "kvm"),
                        .other_kpti = !strcmp(bench_modes[m].under, "kvm"),
                        .peer = !strcmp(bench_modes[m].under, "kvm"),
                        .untraced = !bench_modes[m].traced || bench_scenarios[s].defaults,
                        .lends = bench_scenarios[s].apart,
                        .placed = bench_scenarios[s].placed};
    run_compute(out, run);
    if (!run->bare)
        run->bound_us = read_bound(out, run);
}

static double sum(const double values[MAX_VMS])
{
    double total = 0;

    for (unsigned vm = 0; vm < MAX_VMS; vm++)
        total += values[vm];
    return total;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/*
 * The phase of the guest's tick in its period: the phase at which most of its timers expire, as the timers of
 * sleeps expire at any. The sleeper's guest has a tick whenever something runs in it.
 */
static uint64_t tick_phase(const struct trace *trace, uint64_t period)
{
    uint64_t *phases = NULL;
    uint64_t best_phase;
    size_t n = 0, best = 0, length = 0;

    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_event *event = &trace->events[i];

        if (event->type != ONTIME_TRACE_GUEST_TIMER || event->vm != 0 || event->arg >= ONTIME_TRACE_ARG_MAX)
            continue;
        phases = grow(phases, n, sizeof(*phases));
        phases[n++] = (event->time - event->arg) % period;
    }
    if (!phases)
        return 0;
    qsort(phases, n, sizeof(*phases), compare);
    for (size_t i = 1, same = 0; i < n; i++) {
        same = phases[i] == phases[i - 1] ? same + 1 : 0;
        if (same > length) {
            length = same;
            best = i;
        }
    }
    best_phase = phases[best];
    free(phases);
    return best_phase;
}

/* Whether a tick came between TICK_WORK_NS before the sleep's expiry and the sleep's end. */
static bool met_tick(const struct series *series, const struct sleep *sleep, uint64_t phase, uint64_t period)
{
    int64_t until_work = (int64_t)(sleep->requested_ns + series->slack_ns) - TICK_WORK_NS;
    uint64_t from = sleep->start + (uint64_t)(until_work * (int64_t)series->hz / NS_PER_SECOND);

    return (sleep->end - phase) / period != (from - phase) / period;
}

static void look_at_latest(const struct run *run, struct cost *cost)
{
    const struct log *log = &run->log;
    uint64_t period = log->series[0].hz / TICK_HZ;
    uint64_t phase = tick_phase(&run->trace, period);
    int64_t bar = (int64_t)llround(run->summary.p999_us * 1e3);

    for (size_t s = 0; s < log->series_count; s++)
        for (size_t i = 0; i < log->series[s].count; i++) {
            const struct sleep *sleep = &log->series[s].sleeps[i];

            if (sleep_error_ns(&log->series[s], sleep) < bar)
                continue;
            cost->latest++;
            cost->latest_at_tick += met_tick(&log->series[s], sleep, phase, period);
        }
}

struct cost bench_cost(enum scenario scenario, enum mode mode)
{
    const struct run *run = &bench_runs[scenario][mode], *bare = bench_bare_work(scenario);
    struct cost cost = {.products_lost = NAN, .el2 = NAN};
    double ran = 0, el2 = 0;

    if (mode == BARE)
        return cost;
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        cost.exits_per_sleep[vm] = (double)run->accounts[vm].exits / (double)run->summary.n;
        ran += (double)run->accounts[vm].run;
        el2 += (double)run->accounts[vm].el2;
    }
    cost.uncharged = 1 - run_charged(run);
    if (el2 > 0)
        cost.el2 = el2 / ran * run_charged(run);
    if (bare && !run->peer && sum(bare->products_per_s) > 0)
        cost.products_lost = 1 - sum(run->products_per_s) / sum(bare->products_per_s);
    if (!run->in_parts && !run->peer && !run_is_parallel(run))
        look_at_latest(run, &cost);
    return cost;
}

double held_us_per_sleep(const struct run *run)
{
    return (double)log_status(&run->log, "exact_held_us") / (double)run->summary.n;
}

static void add_exact(json_t *object, const struct run *run)
{
    struct summary empty = summarise_empties(&run->log);

    if (!empty.n)
        return;
    json_object_set_new(object, "empty",
                        json_pack("{sI sf sf sf sf sf}", "n", (json_int_t)empty.n, "mean_us", empty.mean_us,
                                  "p50_us", empty.p50_us, "p99_us", empty.p99_us, "p999_us", empty.p999_us,
                                  "max_us", empty.max_us));
    json_object_set_new(object, "mean_over_empty_us", json_real(run->summary.mean_us - empty.mean_us));
    json_object_set_new(object, "held_us_per_sleep", json_real(held_us_per_sleep(run)));
}

static json_t *one_json(const char *out, enum scenario scenario, enum mode mode)
{
    const struct run *run = &bench_runs[scenario][mode];
    json_t *object = run_json(out, run);
    json_t *exits = json_object();
    struct cost cost = bench_cost(scenario, mode);

    add_exact(object, run);
    if (run->in_parts)
        json_object_set_new(object, "parts", parts_json(run, mode == BARE ? NULL : bench_bare(scenario)));
    if (mode == BARE)
        return object;
    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        json_object_set_new(exits, run->log.vms[vm].name, json_real(cost.exits_per_sleep[vm]));
    json_object_set_new(object, "exits_per_sleep", exits);
    json_object_set_new(object, "el2_late_max_us", json_real(el2_late_max_us(run)));
    json_object_set_new(object, "el2_late_bound_us",
                        run->bound_us > 0 ? json_real(run->bound_us) : json_null());
    json_object_set_new(object, "leads_us",
                        json_pack("{sI sI}", "switch", (json_int_t)log_status(&run->log, "lead_switch_us"),
                                  "backlog", (json_int_t)log_status(&run->log, "lead_backlog_us")));
    json_object_set_new(object, "ontime_cpu",
                        json_pack("{so so sf}", "products_lost", real_or_null(cost.products_lost), "el2",
                                  real_or_null(cost.el2), "uncharged", cost.uncharged));
    json_object_set_new(object, "latest_0.1_percent",
                        json_pack("{sI sI}", "n", (json_int_t)cost.latest, "at_the_guests_tick",
                                  (json_int_t)cost.latest_at_tick));
    return object;
}

static json_t *scenarios_json(const char *out)
{
    json_t *all = json_object();

    for (unsigned s = 0; s < SCENARIOS; s++) {
        json_t *object = json_object();

        for (unsigned m = 0; m < MODES; m++)
            if (bench_runs[s][m].name)
                json_object_set_new(object, bench_modes[m].name, one_json(out, s, m));
        json_object_set_new(all, bench_scenarios[s].name, object);
    }
    return all;
}

static json_t *targets_json(void)
{
    json_t *array = json_array();

    for (size_t i = 0; i < target_count; i++)
        json_array_append_new(array,
                              json_pack("{ss sf ss sf sb}", "what", targets[i].what, "value",
                                        targets[i].value, "kind", targets[i].at_most ? "at most" : "at least",
                                        "limit", targets[i].limit, "met", (int)target_met(&targets[i])));
    return array;
}

static void check_all(void)
{
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = 0; m < MODES; m++) {
            const struct run *run = &bench_runs[s][m];

            if (run->name)
                checks_of_run(run);
            if (run->name && m != BARE && bench_bare(s))
                checks_compare(run, bench_bare(s));
            if (run->name && m == PRECISE_PAGE && run_is_parallel(run))
                checks_require(log_status(&run->log, "pages") == run_cores(run, 0),
                               "%s: the module tells by page on each CPU", run->name);
        }
}

void bench_analyse(const char *out, size_t count, char **names, json_t *results)
{
    for (size_t i = 0; i < count; i++)
        add_run(out, names[i]);
    check_all();
    targets_find();
    json_object_set_new(results, "scenarios", scenarios_json(out));
    json_object_set_new(results, "targets", targets_json());
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = 0; m < MODES; m++)
            if (bench_runs[s][m].name)
                run_write_points(out, &bench_runs[s][m]);
    experiment_write_names(&experiment, out);
    bench_write_data(out);
    bench_write_report(out);
    bench_print(stdout);
}
