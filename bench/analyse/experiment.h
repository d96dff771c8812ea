/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three experiments, and what bench/runs says of their scenarios and ways: `bench/names header` writes
 * the lists of run_names.h out of it.
 */
#ifndef ANALYSE_EXPERIMENT_H
#define ANALYSE_EXPERIMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "analyse/log.h"
#include "run_names.h"

/* A VM, and the cores that its CPUs are on, a bit for each. */
struct placed {
    const char *vm;
    unsigned cores;
};

struct scenario_facts {
    const char *name, *label, *guest;
    unsigned hogs;                 /* in the measured guest, beside the sleeper */
    unsigned bare;                 /* the scenario whose run on bare metal has the same sleeps */
    unsigned work;                 /* the one whose run on bare metal has the same work for the core */
    bool in_parts;                 /* its runs' series are parts of a load */
    bool other_cpus;               /* on bare metal the measured guest has another number of them */
    bool apart;                    /* it has tables only, and no target but the bound */
    bool defaults;                 /* its runs have Ontime's defaults, and no trace */
    struct placed placed[MAX_VMS]; /* its VMs, the measured one first */
};

struct way_facts {
    const char *name, *title;
    const char *under; /* what is under the guests: "ontime", "xen", "kvm"; "" on bare metal */
    bool detail;       /* not in the README */
    bool named;        /* only for scenarios that name it */
    bool traced;       /* Ontime's trace is looked at, unless the scenario has none */
};

struct experiment {
    const struct scenario_facts *scenarios;
    size_t scenario_count;
    const struct way_facts *ways;
    size_t way_count;
};

/* For the lists of run_names.h: an element of an enumeration, or of an array of facts. */
#define IDENTIFIER(id, ...) id,
#define SCENARIO_FACTS(id, name, label, guest, hogs, bare, work, in_parts, other_cpus, apart, defaults, ...) \
    {name, label, guest, hogs, bare, work, in_parts, other_cpus, apart, defaults, {__VA_ARGS__}},
#define WAY_FACTS(id, name, title, under, detail, named, traced) {name, title, under, detail, named, traced},

/* Are its VMs on several cores? */
bool scenario_is_parallel(const struct scenario_facts *scenario);

/* Those with Ontime's defaults, in parts or on several cores among them, and those apart have tables only. */
bool scenario_is_drawn(const struct scenario_facts *scenario);

/* The scenario and the way of the run that is called SCENARIO-WAY. Ends the program when there is none. */
void experiment_find(const struct experiment *experiment, const char *run, unsigned *scenario, unsigned *way);

/*
 * OUT/figures/names.gp, for gnuplot: the lists `scenarios` and `ways`, and the scenarios' `labels`. Scenarios
 * that are not drawn are left out, and so are the ways that only some scenarios name.
 */
void experiment_write_names(const struct experiment *experiment, const char *out);

/*
 * Each reads the logs of its runs in OUT/log, makes the checks, writes points, data for figures and the
 * report, prints the tables, and adds to `results`.
 */
void demo_analyse(const char *out, json_t *results);
void bench_analyse(const char *out, size_t count, char **names, json_t *results);
void peers_analyse(const char *out, size_t count, char **names, json_t *results);

#endif
