/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs on one fake CPU with the real dispatcher, for the tests of what makes, loads, starts and stops them.
 * RAM is given out as the test says; what is asked of architecture, devices and console is noted. A guest
 * that is entered does nothing but let time pass.
 */
#ifndef TESTS_VM_WORLD_H
#define TESTS_VM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/cpu.h"
#include "vm/vm.h"

#define WORLD_MIB    UINT64_C(0x100000)
#define WORLD_RAM    (24 * WORLD_MIB)
#define WORLD_PIECES 40
#define WORLD_LINES  256
#define WORLD_PEERS  2     /* other ends of links of each VM */
#define WORLD_STEPS  3     /* that each VM's devices take at its stop, and at their reset */
#define WORLD_SLICE  20000 /* ticks that a guest runs until its next exit */

struct world_noted {
    /* Creation. */
    unsigned pieces;                    /* pieces of RAM asked for */
    uint64_t asked[WORLD_PIECES];       /* their sizes */
    struct ram_piece map[WORLD_PIECES]; /* what was mapped into a VM */
    unsigned maps;
    unsigned vcpus; /* made */

    /* Loading. */
    uint64_t zeroed, cleaned; /* bytes */
    unsigned images_changed;

    /* Power. */
    unsigned vm_resets, vcpu_resets;
    unsigned stop_steps; /* WORLD_STEPS and 1 for each stop */
    bool stopped_for_good;
    unsigned peers_told[2], times_told[2]; /* of a stop, of a start: peers, and how often all of them */
    struct vcpu *reset;                    /* the last vCPU whose registers were reset */
    uint64_t entry, argument;
    unsigned entries; /* of guests */
    unsigned pauses;  /* how often devices were told, and what they were told last */
    bool paused;
    bool finished;   /* the console has written everything out */
    uint64_t kicked; /* CPUs, a bit for each; in a step of its own a CPU takes its messages */
};

#define world_cpu cpus[0]
extern struct world_noted noted;
extern const struct guest_hooks world_hooks;

/* What was printed. */
extern char world_lines[WORLD_LINES][600];
extern unsigned world_line_count;

/* What fails: making stage 2, and mapping piece number `n`; UINT_MAX: nothing. */
extern bool world_no_stage_2;
extern unsigned world_unmapped;

/* What one piece of loading takes, ticks. */
extern uint64_t world_load_ticks;

/* The console has room for what must not be refused only. */
extern bool world_console_full;

/* The calling core, by its index; 0 unless a test sets another. */
extern unsigned world_here;

/* One idle CPU and no VMs. A test that has more sets `cpu_count` and what it uses of the others. */
void world_reset(void);

/*
 * The sizes of what memory_take_blocks() gives out next, in MiB, ended by 0: then there is no more. Each
 * piece lies below the one before it.
 */
void world_pieces(const unsigned *mib);

/* WORLD_RAM bytes: the RAM that is given out, from the end down. */
uint8_t *world_ram(void);

/* The lock of the VM's power state. */
bool world_lock_is_held(struct vm *vm);

/* One step of the calling core's dispatcher. */
void world_step(void);

/* Does call(argument) switch the machine off? */
bool world_ends(void (*call)(void *argument), void *argument);

/*
 * Statistic `stat` that world_count() gives vCPU `index`, 0 to 2, of a VM: no two are alike, and the largest
 * is in the middle.
 */
uint64_t world_counted(unsigned index, unsigned stat);
void world_count(struct vcpu *vcpu, unsigned index);

/* The last line printed is this one. */
void world_expect_line(const char *line);

#endif
