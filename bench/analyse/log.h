/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a run's console log.
 *
 * Under Ontime a guest's line is `[name] text` and Ontime's own `[ontime] text`; on bare metal there is no
 * prefix, and all lines are the one guest's. Times are ticks of the counter at `hz`; a guest's CNTVCT and
 * Ontime's CNTPCT are the same clock.
 */
#ifndef ANALYSE_LOG_H
#define ANALYSE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_LENGTH    32
#define MAX_VMS        5
#define MAX_SERIES     64
#define MAX_CONDITIONS 16
#define MAX_STATUS     64
#define MAX_MARKS      (2 * MAX_SERIES)

struct sleep {
    uint64_t requested_ns, start, end;
};

/* What one part of a load was; see bench/guest/load.h. */
struct part_facts {
    char name[NAME_LENGTH]; /* empty: the sleeps are of another program */
    bool response;          /* the errors are response times, else lateness */
    double demand;          /* the part of the core that its work takes where all is on time */
    uint64_t period_ns;     /* between two wake-ups; 0: none */
    uint64_t begin, end;    /* ticks */
};

/* The sleeps of one process: one run of the player, of the sleeper with one seed, or one part of a load. */
struct series {
    unsigned seed; /* 0: none */
    struct part_facts part;
    uint64_t hz, slack_ns;
    int policy, priority;
    size_t count;
    struct sleep *sleeps;
    size_t empty_count;
    struct sleep *empties; /* system calls that do nothing, timed in the same way; requested_ns is 0 */
    size_t shown_count;
    uint64_t *shown; /* when each frame was shown */
    bool complete;
};

/* Where a line of the log stands to the measured guest's lines `window begins;` and `window ends;`. */
enum place { BEFORE_WINDOW, IN_WINDOW, AFTER_WINDOW };

/* Matrix products made by then. */
struct progress {
    uint64_t count, time;
    enum place place;
};

struct vm_log {
    char name[NAME_LENGTH];
    size_t progress_count;
    struct progress *progress;
    uint64_t up; /* when the guest printed its first line, ticks since power-on; 0: never */
};

/* Ontime's accounting for one VM at one mark; see the hypervisor's `mark` line. `el2`, time in EL2, may be
 * missing. */
struct account {
    uint64_t run, el2, stolen, exits, switches, armed, fired, late_max, warps, denied, cut;
};

struct mark {
    unsigned number;
    uint64_t time;
    struct account vms[MAX_VMS]; /* in the order of log.vms */
};

struct condition {
    char key[NAME_LENGTH];
    char *value;
};

struct placed;

struct log {
    size_t vm_count;
    struct vm_log vms[MAX_VMS];
    size_t series_count;
    struct series series[MAX_SERIES];
    size_t mark_count;
    struct mark marks[MAX_MARKS];
    size_t condition_count;
    struct condition conditions[MAX_CONDITIONS];
    size_t status_count;
    struct condition status[MAX_STATUS]; /* /proc/ontime at the end */
    int player_exit;                     /* -1: no player */
    unsigned frames, dropped;            /* the player's own counters */
};

/*
 * Reads the log of a run whose measured guest is `guest` (on bare metal, the only one). `placed` has the
 * names of all VMs, in the order in which Xen numbers them; it may be NULL for a run that is not under Xen.
 * Ends the program with a line that says what is wrong when the log is not whole.
 */
void log_read(const char *path, const char *guest, bool bare, const struct placed *placed, struct log *log);

/* The value of a line of /proc/ontime, or 0. */
uint64_t log_status(const struct log *log, const char *key);

/* The mark of that number, or NULL. */
const struct mark *log_mark(const struct log *log, unsigned number);

/*
 * Products a second, between the first and the last of the hog's reports in that part of the log; NAN when it
 * made fewer than two. Only the hog's own clock is used: it need not be the sleeper's.
 */
double log_products_per_s(const struct vm_log *vm, enum place place, uint64_t hz);

/*
 * How many products the VM had made at a time, interpolated. Ends the program when the time is outside its
 * reports.
 */
double log_products_at(const struct vm_log *vm, uint64_t time);

#endif
