/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the recorder (recorder.c) has recorded of the module's calls, and what the programs that check it
 * share. `counter` values are ticks of CNTVCT_EL0.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stdint.h>

enum { MILLISECOND = 1000000, RECORDS = 16384 };

struct record {
    unsigned cpu;
    uint64_t counter, value;
    char what[8];
};

extern struct record records[RECORDS];
extern int record_count;
extern const char *told; /* how the recorder names a deadline told: "store" or "arm" */

/* Takes the only argument, page or calls. The process begins with this, and exits with what records_end
 * gives. */
void records_begin(int count, char **words);
int records_end(void);

__attribute__((noreturn)) void die(const char *what);

/* Prints one line for a case; fault: NULL when it is good. */
void verdict(const char *name, const char *fault);

/* A word for the recorder; whichever it is, the recorder forgets its records. */
void tell_recorder(const char *word);
void forget_calls(void);
void read_calls(void);
bool by_page(void);

/* The index of the next record of this kind, or -1. */
int find(const char *what, int from);

/* The next record that ends a warp: DONE is called, or the CPU goes idle. */
int find_over(int from);
bool over_before(uint64_t from, uint64_t end);

/* Is this deadline `ns` after `start`, or up to 3 ms later? A fork, for one, takes some time. */
bool is_about(uint64_t deadline, uint64_t start, uint64_t ns);

/* Reads the calls: is one of such a deadline among them? */
bool told_about(uint64_t start, uint64_t ns);

/* A counter of the module's. */
unsigned long long status_of(const char *name);

uint64_t counter(void);
uint64_t to_ticks(uint64_t ns);
void be_busy_for(uint64_t ns);

/*
 * Waits by the kernel's timer wheel, which the module does not watch, so that the caller is at work for no
 * deadline afterwards.
 */
void rest(uint64_t ns);

/* The caller's sleeps are watched from now on. */
void be_chosen(void);
void pin(int cpu);

/* A real-time task has no timer slack, and runs as soon as it is woken. */
void be_real_time(bool yes);

#endif
