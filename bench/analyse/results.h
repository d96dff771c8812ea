/* SPDX-License-Identifier: Apache-2.0 */
/* A run of an experiment, and what came out of it. */
#ifndef ANALYSE_RESULTS_H
#define ANALYSE_RESULTS_H

#include <jansson.h>
#include "analyse/experiment.h"
#include "analyse/log.h"
#include "analyse/summary.h"
#include "analyse/trace.h"

struct run {
    const char *name;  /* OUT/log/NAME.txt */
    const char *guest; /* the measured VM */
    bool bare;
    /* What may differ from the bare run: the CPU, as KVM needs VHE; page-table isolation, as Xen gives its
     * guests no seed for KASLR; the number of CPUs, as one rings the other there. */
    bool other_cpu, other_kpti, other_cpus;
    bool lends;    /* who lends a warp is charged for what another runs: the trace has the sum only */
    bool in_parts; /* its series are parts of a load (analyse/parts.h): there is no trace */
    bool untraced; /* its trace is not looked at */
    const struct placed *placed; /* MAX_VMS of them; NULL: all VMs are on one core */
    bool peer; /* of `make peers`: there is no trace, and the guests may have different clocks */

    struct log log;
    struct trace trace;
    struct summary summary;
    struct account accounts[MAX_VMS]; /* between the marks, all series together */
    double share[MAX_VMS];            /* of the cores that the VM is on, between the marks */
    double products_per_s[MAX_VMS];
    double trace_deviation; /* greatest, of the run time by marks from that by the trace; a ratio */
    unsigned late_frames, met_pending_tick;
    unsigned traced; /* series for which the trace reaches back to the first mark */
    bool has_marks;
    bool has_page;   /* OUT/NAME.html, of `ontime report` */
    double bound_us; /* that `ontime check` promises on EL2's lateness; 0: none */
};

/* Reads the run's logs in OUT and fills in the rest; name, guest and bare are given. */
void run_compute(const char *out, struct run *run);

/* How many cores the VM is on, and what is due to it of them when each VM has the same weight, 0 to 1. */
unsigned run_cores(const struct run *run, size_t vm);
double run_share_due(const struct run *run, size_t vm);

/* Have the two VMs a core in common? A VM has with itself. */
bool run_shares_core(const struct run *run, size_t vm, size_t other);

/* How many cores the VMs of the run are on. */
unsigned run_cores_of_all(const struct run *run);

/* The part of the time between the marks for which VMs were charged, of the cores that a hog is on. */
double run_charged(const struct run *run);

/* Are the VMs on several cores? Then there is no trace, and the sleeps of the measured one's CPUs are made at
 * once. */
bool run_is_parallel(const struct run *run);

/* The command that started the run, as bench/run wrote it down: valid until the next call. */
const char *run_command(const char *out, const struct run *run);

/* A number, or null for NAN. */
json_t *real_or_null(double value);

/* The run's object in OUT/results.json, and OUT/csv/NAME.csv with the raw points. */
json_t *run_json(const char *out, const struct run *run);
void run_write_points(const char *out, const struct run *run);

/* OUT/figures/cdf-NAME.dat, lines `error_us share`: that share of all sleeps was at least so late. */
void run_write_distribution(const char *out, const struct run *run);

#endif
