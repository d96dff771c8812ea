/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps as the programs themselves saw them: those that a guest printed on its console (the log of
 * bench/guest/sleeplog.c), or those of a CSV file of `make bench` or `make demo`. Times are ticks of the
 * counter, which guests and Ontime have in common.
 */
#ifndef TOOLS_SLEEPS_H
#define TOOLS_SLEEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLEEP_VM_SIZE 32

struct sleep_entry {
    char vm[SLEEP_VM_SIZE];
    uint64_t start, requested, end; /* `requested` is a duration */
};

struct sleeps {
    struct sleep_entry *list;
    size_t count;
};

/*
 * Adds those of a console log, the lines "[VM] sleep REQUESTED_NS START END;". False, with a message on
 * stderr: the file cannot be read, or memory is out. A log without any is none of that.
 */
bool sleeps_read_log(const char *path, uint64_t hz, struct sleeps *sleeps);

/* Adds those of a CSV file, which has columns start_ticks, requested_ns and actual_ns, as that VM's. */
bool sleeps_read_csv(const char *path, const char *vm, uint64_t hz, struct sleeps *sleeps);

void sleeps_free(struct sleeps *sleeps);

/* When the sleep was to end, and by how much later it did; 0 if it ended early. */
uint64_t sleep_due(const struct sleep_entry *sleep);
uint64_t sleep_late(const struct sleep_entry *sleep);

#endif
