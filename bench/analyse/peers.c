/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/peers.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyse/checks.h"
#include "analyse/page.h"
#include "analyse/parts.h"
#include "analyse/util.h"

#define COMMITTED "docs/comparison.json"

const struct scenario_facts peer_scenarios[SCENARIOS] = {PEERS_SCENARIO_LIST(SCENARIO_FACTS)};
const struct way_facts peers[PEERS] = {PEERS_WAY_LIST(WAY_FACTS)};
static const struct experiment experiment = {peer_scenarios, SCENARIOS, peers, PEERS};

struct comparison comparisons[SCENARIOS][PEERS];
static struct run runs[SCENARIOS][PEERS];

const struct run *peers_bare_run(unsigned scenario)
{
    const struct run *run = &runs[peer_scenarios[scenario].bare][BARE];

    if (!run->name)
        die("%s: its run on bare metal was not made, which all others are compared with",
            peer_scenarios[scenario].name);
    return run;
}

static long long read_size(const char *out, const char *name)
{
    char path[PATH_MAX];
    long long size = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/log/%s.image", out, name);
    file = fopen(path, "r");
    if (file && fscanf(file, "%lld", &size) != 1)
        size = 0;
    if (file)
        fclose(file);
    return size;
}

static void count_window_products(struct run *run)
{
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        double rate = log_products_per_s(&run->log.vms[vm], IN_WINDOW, run->log.series[0].hz);

        run->products_per_s[vm] = isnan(rate) ? 0 : rate;
    }
}

static void add_run(const char *out, const char *name)
{
    struct run *run;
    unsigned s, p;

    experiment_find(&experiment, name, &s, &p);
    run = &runs[s][p];
    *run = (struct run){.name = name,
                        .guest = peer_scenarios[s].guest,
                        .bare = p == BARE,
                        .peer = true,
                        .placed = peer_scenarios[s].placed};
    run->other_cpu = !strcmp(peers[p].under, "kvm");
    run->other_kpti = run->other_cpu || !strcmp(peers[p].under, "xen");
    run_compute(out, run);
    count_window_products(run);
    comparisons[s][p] = (struct comparison){.run = run, .image_bytes = read_size(out, name)};
}

/* S2's run on bare metal, or M1's for all scenarios on several cores. */
static const struct run *run_with_hog(unsigned scenario)
{
    const struct run *run = &runs[scenario_is_parallel(&peer_scenarios[scenario]) ? M1 : S2][BARE];

    if (!run->name)
        die("%s: the run on bare metal that says what hogs make was not made", peer_scenarios[scenario].name);
    return run;
}

/* Products a second of the hog alone on a core of bare metal: before the sleeper begins. */
static double products_alone(unsigned scenario)
{
    const struct run *run = run_with_hog(scenario);
    double rate = log_products_per_s(&run->log.vms[0], BEFORE_WINDOW, run->log.series[0].hz);

    if (isnan(rate))
        die("%s: the hog made no two reports before the sleeper began", run->name);
    return rate / run_cores(run, 0);
}

/*
 * CPU seconds that a sleep and the work between two sleeps take: what the hog beside it loses on bare metal,
 * in the run that has the same work.
 */
static double sleep_cost_s(unsigned scenario)
{
    const struct run *run = peer_scenarios[scenario].in_parts ? &runs[peer_scenarios[scenario].work][BARE]
                                                              : run_with_hog(scenario);
    double alone = products_alone(scenario) * run_cores(run, 0);

    if (!run->name)
        die("%s: the run on bare metal that has its work was not made", peer_scenarios[scenario].name);
    return (1 - run->products_per_s[0] / alone) * run_cores(run, 0) * run->summary.seconds /
           (double)run->summary.n;
}

/* The part of the core that the sleeper or the player needed: its CPU time on bare metal over this time. */
static double sleeper_work(unsigned scenario, const struct run *run)
{
    const struct summary *bare = &peers_bare_run(scenario)->summary;

    if (scenario == PLAYER)
        return bare->awake * bare->seconds / run->summary.seconds;
    return sleep_cost_s(scenario) * (double)run->summary.n / run->summary.seconds;
}

/* Of what the VMs have together that are on the same cores. Two VMs of a scenario have all cores in common,
 * or none. */
static void divide_by_sum(const struct run *run, double share[MAX_VMS], const double values[MAX_VMS])
{
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        double sum = 0;

        for (size_t other = 0; other < run->log.vm_count; other++)
            if (run_shares_core(run, vm, other))
                sum += values[other];
        share[vm] = values[vm] / sum;
    }
}

/* Whether each guest had what it wants or, if that is less, an equal part of the core. */
static bool is_fair(unsigned scenario, const struct comparison *comparison)
{
    const struct run *run = comparison->run;

    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        bool has_hog = run->log.vms[vm].progress_count != 0;
        double wants = has_hog ? 1 : sleeper_work(scenario, peers_bare_run(scenario));

        if (comparison->share[vm] < fmin(wants, run_share_due(run, vm)) - FAIR_WITHIN)
            return false;
    }
    return true;
}

static double first_up_s(const struct run *run)
{
    uint64_t first = 0;

    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        uint64_t up = run->log.vms[vm].up;

        if (up && (!first || up < first))
            first = up;
    }
    return first ? (double)first / (double)run->log.series[0].hz : NAN;
}

static void count_exits(struct comparison *comparison)
{
    const struct run *run = comparison->run;
    uint64_t switches = 0;

    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        comparison->exits_per_sleep[vm] = (double)run->accounts[vm].exits / (double)run->summary.n;
        switches += run->accounts[vm].switches;
    }
    comparison->switches_per_s = (double)switches / run->summary.seconds;
}

static void compare(unsigned scenario, struct comparison *comparison)
{
    const struct run *run = comparison->run;

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        comparison->work[vm] = run->products_per_s[vm] / products_alone(scenario);
    comparison->work[0] += sleeper_work(scenario, run);
    divide_by_sum(run, comparison->work_share, comparison->work);
    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        comparison->useful += comparison->work[vm] / run_cores_of_all(run);
    if (run->bare && !run->log.vms[0].progress_count)
        comparison->useful = NAN; /* nothing there wanted the whole core */
    comparison->accounted = run->has_marks;
    divide_by_sum(run, comparison->share, run->has_marks ? run->share : comparison->work);
    comparison->switches_per_s = NAN;
    if (run->has_marks)
        count_exits(comparison);
    comparison->fair = is_fair(scenario, comparison);
    comparison->boot_s = first_up_s(run);
}

static json_t *by_vm(const struct run *run, const double values[MAX_VMS])
{
    json_t *object = json_object();

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        json_object_set_new(object, run->log.vms[vm].name, json_real(values[vm]));
    return object;
}

static json_t *comparison_json(const char *out, unsigned scenario, const struct comparison *comparison)
{
    const struct run *run = comparison->run;
    json_t *object = run_json(out, run);

    if (run->in_parts)
        json_object_set_new(object, "parts", parts_json(run, run->bare ? NULL : peers_bare_run(scenario)));
    json_object_set_new(object, "shares", by_vm(run, comparison->share));
    json_object_set_new(object, "shares_by", json_string(comparison->accounted ? "accounting" : "work"));
    json_object_set_new(object, "shares_by_work", by_vm(run, comparison->work_share));
    json_object_set_new(object, "fair", json_boolean(comparison->fair));
    json_object_set_new(object, "useful_work", real_or_null(comparison->useful));
    json_object_set_new(object, "exits_per_sleep",
                        comparison->accounted ? by_vm(run, comparison->exits_per_sleep) : json_null());
    json_object_set_new(object, "switches_per_s", real_or_null(comparison->switches_per_s));
    json_object_set_new(object, "boot_s", real_or_null(comparison->boot_s));
    json_object_set_new(object, "image_bytes", json_integer(comparison->image_bytes));
    return object;
}

bool peers_published(unsigned scenario)
{
    const char *names = getenv("PUBLISH"), *name = peer_scenarios[scenario].name;
    size_t length = strlen(name);

    for (const char *found = names; found && (found = strstr(found, name)); found += length)
        if ((found == names || found[-1] == ' ') && (found[length] == ' ' || !found[length]))
            return true;
    return false;
}

/* Does the committed comparison keep what it has of the scenario, as only others are published? */
static bool is_kept(unsigned scenario)
{
    const char *names = getenv("PUBLISH");

    return names && *names && !peers_published(scenario);
}

static json_t *scenario_json(const char *out, unsigned scenario)
{
    json_t *object = json_object();

    for (unsigned p = 0; p < PEERS; p++)
        if (comparisons[scenario][p].run)
            json_object_set_new(object, peers[p].name,
                                comparison_json(out, scenario, &comparisons[scenario][p]));
    return object;
}

/* The greatest difference of a share by work from the hypervisor's own accounting. */
static double work_deviation(void)
{
    double deviation = 0;

    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned p = 0; p < PEERS; p++)
            for (unsigned vm = 0; vm < MAX_VMS && comparisons[s][p].accounted; vm++)
                deviation =
                    fmax(deviation, fabs(comparisons[s][p].share[vm] - comparisons[s][p].work_share[vm]));
    return deviation;
}

/* Adds `scenarios`, the versions with which each was run, and how well shares by work agree with accounts. */
static void add_scenarios(const char *out, json_t *results)
{
    static const char key[] = "shares_by_work_deviate_at_most";
    json_t *committed = json_load_file(COMMITTED, 0, NULL), *all = json_object(), *versions = json_object();
    double deviation = work_deviation();

    for (unsigned s = 0; s < SCENARIOS; s++) {
        const char *name = peer_scenarios[s].name;
        json_t *then = json_object_get(json_object_get(committed, "versions_of"), name);

        if (!is_kept(s)) {
            json_object_set_new(all, name, scenario_json(out, s));
            json_object_set(versions, name, json_object_get(results, "versions"));
            continue;
        }
        json_object_set(all, name, json_object_get(json_object_get(committed, "scenarios"), name));
        json_object_set(versions, name, then ? then : json_object_get(committed, "versions"));
        deviation = fmax(deviation, json_real_value(json_object_get(committed, key)));
    }
    json_object_set_new(results, "scenarios", all);
    json_object_set_new(results, "versions_of", versions);
    json_object_set_new(results, key, json_real(deviation));
    json_decref(committed);
}

static void check_run(unsigned scenario, const struct run *run)
{
    checks_of_run(run);
    if (run->bare)
        return;
    checks_compare(run, peers_bare_run(scenario));
    for (size_t vm = 1; vm < run->log.vm_count; vm++)
        checks_require(run->products_per_s[vm] > 0, "%s: %s's hog ran while the sleeps were measured",
                       run->name, run->log.vms[vm].name);
}

void peers_analyse(const char *out, size_t count, char **names, json_t *results)
{
    for (size_t i = 0; i < count; i++)
        add_run(out, names[i]);
    /* S3 has only more guests than S2: alone on bare metal the two are the same run. */
    for (unsigned s = 0; s < SCENARIOS; s++)
        comparisons[s][BARE] = comparisons[peer_scenarios[s].bare][BARE];
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned p = 0; p < PEERS; p++) {
            if (!comparisons[s][p].run)
                continue;
            compare(s, &comparisons[s][p]);
            if (runs[s][p].name)
                check_run(s, &runs[s][p]);
        }
    add_scenarios(out, results);
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned p = 0; p < PEERS; p++)
            if (runs[s][p].name)
                run_write_points(out, &runs[s][p]);
    experiment_write_names(&experiment, out);
    peers_write_data(out);
    peers_write_report(out);
    peers_write_markdown(out);
    peers_print(stdout);
    text_checks(stdout);
}
