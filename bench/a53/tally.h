/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was executed and missed, by exception level: in all, in world switches and in wake-ups of a sleeper.
 * The processes of a host with VHE, whose EL0 is not a guest's, count as EL2.
 *
 * A *world switch* is a stay at EL2 that another VM leaves than has come. *A wake-up* begins with the last
 * instruction at EL0 before it, and ends where the sleeper reads the counter (bench/guest/sleeplog.c): so it
 * has the interrupt, the hypervisor, the guest's kernel, and the return from the system call.
 *
 * The sleeper reads the counter before each sleep and after it, at two places of its program. The first
 * reading that there is begins a sleep.
 */
#ifndef A53_TALLY_H
#define A53_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "core.h"

#define LEVELS     4
#define HYPERVISOR 2    /* the exception level */
#define FOOTPRINT  4096 /* a power of two; so many lines less one are kept */

/* The lines that were used since it was emptied. */
struct footprint {
    uint64_t lines[FOOTPRINT];
    uint64_t since[FOOTPRINT]; /* the place is in use when this is `round` */
    uint64_t round;
    unsigned count;
};

struct window {
    uint64_t count;
    struct counts sums[LEVELS];
    uint64_t greatest; /* the greatest penalty, cycles */
};

struct tally {
    unsigned level; /* the current one */
    struct counts counts[LEVELS];
    struct window switches, wakes;
    uint64_t hypervisor_code, hypervisor_data; /* lines that EL2 used in each wake-up, summed over them */

    uint64_t vm, left_for;            /* VTTBR_EL2: as it is, and as it was when EL2 was left last */
    bool came;                        /* EL2 was entered since the beginning */
    bool slept;                       /* EL0 was left since the beginning */
    struct counts on_coming;          /* EL2's counts when it was entered */
    struct counts on_leaving[LEVELS]; /* all counts when EL0 was left */
    uint64_t begins;                  /* where the readings are that begin a sleep; 0: not known yet */
    uint64_t readings[2];             /* that began a sleep, that ended one */
    struct footprint code, data;      /* of EL2, since EL0 was left */
};

/* Begins: nothing has been counted, at the level where the core is. */
void tally_begin(struct tally *tally);

/* The core is at this level now. */
void tally_level(struct tally *tally, unsigned level);

/* VTTBR_EL2 was written. */
void tally_vm(struct tally *tally, uint64_t vm);

/* EL2 has used a line. */
void tally_line(struct footprint *footprint, uint64_t line);

/* A program at EL0 reads the counter, by the instruction at `pc`. */
void tally_reading(struct tally *tally, uint64_t pc);

/*
 * Writes it as CSV: what, n, el, instructions, l1i, l1d, l2, micro_tlb, tlb, cycles, greatest, code, data.
 * All but n and `greatest` are sums over n. `code` and `data` are lines.
 */
void tally_write(const struct tally *tally, FILE *out);

#endif
