/* SPDX-License-Identifier: Apache-2.0 */
/* How the targets are defined is said in docs/measuring.md. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include "analyse/bench.h"
#include "analyse/parts.h"
#include "analyse/util.h"

#define SHARE_POINTS   1.0
#define PRODUCTS_RATIO 0.99
#define EXACT_MEAN_US  2.0
#define EXACT_P99_US   10.0

struct target targets[MAX_TARGETS];
size_t target_count;

bool target_met(const struct target *target)
{
    return target->at_most ? target->value <= target->limit : target->value >= target->limit;
}

__attribute__((format(printf, 4, 5))) static void add(double value, bool at_most, double limit,
                                                      const char *format, ...)
{
    struct target *target = &targets[target_count++];
    va_list arguments;

    if (target_count > MAX_TARGETS)
        die("more than %d targets", MAX_TARGETS);
    *target = (struct target){.value = value, .limit = limit, .at_most = at_most};
    va_start(arguments, format);
    vsnprintf(target->what, sizeof(target->what), format, arguments);
    va_end(arguments);
}

static void find_errors(const struct run *page, const struct run *bare)
{
    const struct summary *a = &page->summary, *b = &bare->summary;

    add(a->mean_us / b->mean_us, true, MEAN_RATIO, "%s: mean / %s", page->name, bare->name);
    add(a->p99_us / b->p99_us, true, PERCENTILE_RATIO, "%s: p99 / %s", page->name, bare->name);
    add(a->p999_us / b->p999_us, true, PERCENTILE_RATIO, "%s: p99.9 / %s", page->name, bare->name);
    add(a->max_us / b->max_us, true, MAX_RATIO, "%s: max / %s", page->name, bare->name);
}

static void find_parts(const struct run *page, const struct run *bare)
{
    for (size_t s = 0; s < page->log.series_count; s++) {
        const struct series *series = &page->log.series[s];
        struct part_target found[MAX_PART_TARGETS];
        unsigned count = part_targets(page, series, bare, found);

        for (unsigned i = 0; i < count; i++) {
            add(found[i].value, true, found[i].limit, "%s %s: %s / %s", page->name, series->part.name,
                found[i].what, bare->name);
            targets[target_count - 1].in_parts = true;
        }
    }
}

/* Of each VM in which a hog always wants the core. */
static void find_shares(const struct run *page)
{
    for (size_t vm = 0; vm < page->log.vm_count; vm++) {
        if (!page->log.vms[vm].progress_count)
            continue;
        add(100 * fabs(page->share[vm] - run_share_due(page, vm)), true, SHARE_POINTS,
            "%s: %s's share from its weight, points", page->name, page->log.vms[vm].name);
    }
}

static void find_exact(const struct run *exact)
{
    struct summary empty = summarise_empties(&exact->log);

    if (!empty.n)
        return;
    add(exact->summary.mean_us - empty.mean_us, true, EXACT_MEAN_US, "%s: mean over an empty call's, us",
        exact->name);
    add(exact->summary.p99_us, true, EXACT_P99_US, "%s: p99, us", exact->name);
}

/* Of each run whose system file promises a bound, for a VM within its share. */
static void find_bounds(const struct run runs[MODES])
{
    for (unsigned m = 0; m < MODES; m++)
        if (runs[m].name && runs[m].bound_us > 0 && !run_demands_too_much(&runs[m]))
            add(el2_late_max_us(&runs[m]), true, runs[m].bound_us, "%s: largest EL2 lateness, us",
                runs[m].name);
}

/* Of a run that has another on the core beside what it measures: the same without that. */
static void find_mean(const struct run *page, const struct run *quiet)
{
    if (page->name && quiet->name)
        add(page->summary.mean_us / quiet->summary.mean_us, true, MEAN_RATIO, "%s: mean / %s", page->name,
            quiet->name);
}

void targets_find(void)
{
    for (unsigned s = 0; s < SCENARIOS; s++) {
        find_bounds(bench_runs[s]);
        const struct run *page = &bench_runs[s][PRECISE_PAGE];

        find_mean(page, &bench_runs[s][QUIET]);
        if (bench_scenarios[s].apart)
            continue;
        if (page->name && bench_bare(s) && page->in_parts)
            find_parts(page, bench_bare(s));
        else if (page->name && bench_bare(s))
            find_errors(page, bench_bare(s));
        if (page->name && bench_scenarios[s].hogs) /* the sleeper alone does not want its share */
            find_shares(page);
        if (page->name && bench_bare_work(s) && !isnan(bench_cost(s, PRECISE_PAGE).products_lost))
            add(1 - bench_cost(s, PRECISE_PAGE).products_lost, false, PRODUCTS_RATIO, "%s: all products / %s",
                page->name, bench_bare_work(s)->name);
        if (bench_runs[s][EXACT].name)
            find_exact(&bench_runs[s][EXACT]);
    }
}
