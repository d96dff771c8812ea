/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory of a Cortex-A53 with one core adds to the time of its instructions.
 *
 * Structure: Arm Cortex-A53 MPCore Processor Technical Reference Manual, DDI 0500. Instruction cache: 2 ways,
 * lines of 64 bytes, set by virtual and line by physical address, pseudo-random replacement (2.1.2,
 * "Instruction Fetch Unit"). Data cache: 4 ways, 64 bytes, by physical address (6.7.1), pseudo-random
 * replacement (2.1.6, "Data Cache Unit"). L2 cache: 16 ways, 64 bytes, by physical address; data come into it
 * when L1 evicts them, instructions when they are fetched (2.1.7, 7.6). TLBs: 10 entries for instructions and
 * 10 for data, fully associative; behind both one of 512 entries, 4 ways (5.1). Sizes are the implementer's
 * choice: 32 KiB, 32 KiB and 512 KiB, as in the BCM2837 of the Raspberry Pi 3. Which generator chooses the
 * line to replace is not published; cache.c has one of its own.
 *
 * Penalties, in cycles: Hennessy and Patterson, Computer Architecture: A Quantitative Approach, 6th
 * edition, 2.6, the table of the Cortex-A53's memory hierarchy. It has the L2 cache as LRU, about which the
 * manual says nothing. The TLBs are taken to be LRU; of theirs neither says anything.
 *
 * What is left out. A pipeline: an instruction takes a cycle, and who misses waits, stores too, which on the
 * CPU go on from a buffer until that is full. Prefetching. Branches that were guessed wrong. Each page is one
 * of 4 KiB. A walk of the page tables costs the same with one stage of translation and with two, and brings
 * nothing into the caches. Instructions that maintain caches and TLBs do nothing. The tag of a page has both
 * its virtual and its physical address, so that two guests which have the same virtual address do not find
 * each other's.
 *
 * Addresses are in bytes.
 */
#ifndef A53_CORE_H
#define A53_CORE_H

#include <stdint.h>
#include "cache.h"

#define LINE_SHIFT 6
#define PAGE_SHIFT 12

#define PENALTY_MICRO_TLB 2   /* not in the micro TLB, but in the main one */
#define PENALTY_TLB       20  /* not in that either: besides */
#define PENALTY_L1        13  /* not in L1, but in L2 */
#define PENALTY_L2        124 /* not in that either: besides */

struct core {
    struct cache instructions, data, l2;
    struct cache instruction_tlb, data_tlb, tlb;
};

/* What was executed, and what was missed in each of them. */
struct counts {
    uint64_t executed; /* instructions */
    uint64_t instructions, data, l2, micro_tlb, tlb;
    uint64_t cycles; /* the penalties */
};

void core_init(struct core *core);
void core_free(struct core *core);

/* A line is fetched, or read or written. Each miss is counted. Returns the cycles that it takes besides. */
unsigned core_fetch(struct core *core, struct counts *counts, uint64_t virtual, uint64_t physical);
unsigned core_access(struct core *core, struct counts *counts, uint64_t virtual, uint64_t physical);

/*
 * Measures sizes and penalties by accesses, as a program does that runs on a CPU which it does not know, and
 * compares them with the above. Returns what is wrong; NULL when nothing is.
 */
const char *core_probe(void);

#endif
