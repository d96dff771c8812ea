/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Side by side with other hypervisors (`make peers`): the scenarios of `make bench` and the paper's player,
 * on bare metal, Xen, KVM and Ontime.
 *
 * Work is computed in the same way for all, without any hypervisor's accounting: a guest's work is its matrix
 * products over those that the hog makes alone on a core of bare metal, and the CPU time that the sleeper or
 * the player uses there.
 */
#ifndef ANALYSE_PEERS_H
#define ANALYSE_PEERS_H

#include "analyse/experiment.h"
#include "analyse/results.h"

#define FAIR_WITHIN 0.02 /* of its share of the core */

enum scenario { PEERS_SCENARIO_LIST(IDENTIFIER) SCENARIOS };
enum peer { PEERS_WAY_LIST(IDENTIFIER) PEERS };

extern const struct scenario_facts peer_scenarios[SCENARIOS];
extern const struct way_facts peers[PEERS];

/* What is derived from a run. NAN or 0: not known. */
struct comparison {
    const struct run *run;      /* NULL: not made */
    double work[MAX_VMS];       /* the part of a core that bare metal would need for the guest's work */
    double work_share[MAX_VMS]; /* of the work of all guests on the same cores */
    double share[MAX_VMS];      /* of the CPU time of these; of their work where there is no accounting */
    double useful;              /* all work over the number of cores: 1 is a machine without a hypervisor */
    double exits_per_sleep[MAX_VMS];
    double switches_per_s;
    double boot_s;         /* from power-on to the first line of the first guest */
    long long image_bytes; /* what stands under the guests */
    bool accounted, fair;
};

extern struct comparison comparisons[SCENARIOS][PEERS];

/* The bare run with the same sleeps. */
const struct run *peers_bare_run(unsigned scenario);

/* Is the scenario's part of the committed comparison written anew? It is when the environment's PUBLISH names
 * it. */
bool peers_published(unsigned scenario);

/* OUT/figures for gnuplot, OUT/report.html, OUT/comparison.md, OUT/readme.md; the tables for the terminal. */
void peers_write_data(const char *out);
void peers_write_report(const char *out);
void peers_write_markdown(const char *out);
void peers_print(FILE *file);

#endif
