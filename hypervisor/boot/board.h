/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as its device tree describes it: just what Ontime needs. The tree is the firmware's: it
 * may be damaged, but does no harm on purpose.
 */
#ifndef BOOT_BOARD_H
#define BOOT_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/limits.h"
#include "drivers/machine_tree.h"

#define BOARD_SEED_SIZE 32

/* In /chosen: the time of day at the boot, in seconds since 1970, for a machine whose clock is the
 * firmware's. */
#define BOARD_TIME "ontime,time"

/* How a CPU is started. */
enum cpu_method {
    CPU_METHOD_UNKNOWN, /* the tree does not say it, or says one that Ontime does not know */
    CPU_METHOD_PSCI,
    CPU_METHOD_SPIN_TABLE,
};

struct board_cpu {
    uint64_t affinity; /* as in MPIDR_EL1: Aff3 in bits 39:32, Aff2 to Aff0 in 23:0 */
    uint64_t release;  /* spin-table: the physical address to which the entry is written */
    enum cpu_method method;
};

struct board {
    uint64_t initrd, initrd_size; /* the system file: physical address and bytes; 0: there is none */
    const char
        *uart_missing; /* what the tree lacks to tell of a console; NULL: nothing. Else there is none */
    struct reg_range uart;
    const char *uart_compatible; /* a list of strings */
    unsigned uart_compatible_size;
    unsigned uart_shift, uart_width;   /* as in struct uart_registers */
    uint32_t comparator_irq, uart_irq; /* INTIDs; uart_irq 0: it has none */
    bool psci;                         /* the firmware has PSCI 0.2 or later */
    struct reg_range rtc;              /* a PL031; size 0: there is none */
    bool psci_by_hvc;
    const char *cpu_compatible;
    struct board_cpu cpus[MAX_CPUS]; /* in the order of the tree, no affinity twice */
    unsigned cpu_count;
    bool cpus_left_out;  /* there are more than MAX_CPUS */
    const void *seed;    /* BOARD_SEED_SIZE random bytes from the firmware, or NULL */
    uint64_t kaslr_seed; /* the firmware's, or 0 */
    uint64_t time;       /* BOARD_TIME, or 0 */
};

/*
 * Reads the tree. RAM, and what of it is reserved, goes to base/memory.h. Returns NULL, or what the tree
 * lacks. Of a tree that is not sound nothing is read.
 */
const char *board_read(const void *tree, struct board *board);

#endif
