/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake-ups in a trace: finds one, and divides the time by which it was late into stretches, each of which
 * belongs to one term.
 *
 * A wake-up is a timer that a guest was entered for, or a program's sleep when the sleeps are given, too. It
 * is late from the instant at which it was due until the guest has its interrupt, or until the program's call
 * returns. All times are ticks of the counter.
 */
#ifndef TOOLS_WAKEUP_H
#define TOOLS_WAKEUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sleeps.h"
#include "trace_decode.h"

#define WAKEUP_NEVER    UINT64_MAX /* in place of a time: it is not in the trace */
#define WAKEUP_MAX_CPUS 64

/*
 * To what the time belongs. X(name, name in text, the term of the bound in docs/bound.md or NULL):
 *
 *   TOLD       the guest's timer was set for a later time: its slack, and its way from the call to the timer
 *   TICK       the timer is looked at only at the hypervisor's periodic tick
 *   PATH       from the timer's time until EL2 handles the comparator's interrupt
 *   DEADLINES  as PATH, after EL2 has handled another vCPU's deadline first
 *   MOVED      on the way from one CPU to another
 *   URGENT     urgent work of another vCPU goes first
 *   DENIED     its deadline did not put it first, as it is ahead of its share
 *   CUT        its warp was ended by its limit, and others run
 *   TURN       others have their turn, as nothing makes the vCPU urgent
 *   SWITCH     it has been chosen; until the guest is entered
 *   GUEST      the guest has the core
 *   WAITS      the guest waits for another interrupt by WFI
 */
#define WAKEUP_TERM_LIST(X)                                                                                  \
    X(TOLD, "told", NULL)                                                                                    \
    X(TICK, "tick", NULL)                                                                                    \
    X(PATH, "path", "path")                                                                                  \
    X(DEADLINES, "deadlines", "deadlines")                                                                   \
    X(MOVED, "moved", "moved")                                                                               \
    X(URGENT, "urgent", "warped")                                                                            \
    X(DENIED, "denied", NULL)                                                                                \
    X(CUT, "cut", NULL)                                                                                      \
    X(TURN, "turn", NULL)                                                                                    \
    X(SWITCH, "switch", "switch")                                                                            \
    X(GUEST, "guest", NULL)                                                                                  \
    X(WAITS, "waits", NULL)

#define WAKEUP_ENUMERATOR(name, text, bound) WAKEUP_##name,
enum wakeup_term { WAKEUP_TERM_LIST(WAKEUP_ENUMERATOR) WAKEUP_TERMS };
#undef WAKEUP_ENUMERATOR

struct trace_view {
    const struct trace_dump *trace; /* the records of all CPUs, in order of time */
    const unsigned *cpus;           /* the CPU of each */
};

struct stretch {
    uint64_t from, to;
    enum wakeup_term term;
    unsigned cpu;
    uint16_t who; /* has the core, or ONTIME_TRACE_IDLE */
    bool urgent;  /* as part of a warp */
};

struct wakeup {
    uint16_t vcpu;
    unsigned cpu; /* the vCPU's when it was due */
    const struct sleep_entry *sleep;
    uint64_t due, end;   /* it is late from the one to the other */
    uint64_t timer;      /* the time for which the guest's timer was set */
    uint64_t fired;      /* EL2 handles the deadline's interrupt, or the interrupt that warps */
    uint64_t entered;    /* the guest is entered for it */
    uint64_t pending;    /* its timer interrupt becomes pending in the guest */
    uint64_t warp_begin; /* of the warp that it is for */
    uint64_t warp_end;
    uint32_t warp_reason; /* enum ontime_warp_end */
    bool denied, in_place, by_interrupt;
    unsigned exits;              /* of the vCPU, while it was late */
    struct stretch *stretches;   /* from `due` to `end`, and on to the warp's end; in order of time */
    size_t count, late_count;    /* the latter: those up to `end` */
    uint64_t sums[WAKEUP_TERMS]; /* of the stretches up to `end` */
};

enum wakeup_choice { WAKEUP_WORST, WAKEUP_LAST, WAKEUP_AT };

/*
 * Finds a wake-up of that VM, or of any when it is NULL: the latest, the last, or the first that ends at
 * `at` or after. Of programs' sleeps, if there are any of these VMs; else of timers. Returns 1, and fills
 * *wakeup, to be freed; 0: there is none in the trace; -1: out of memory.
 */
int wakeup_find(const struct trace_view *view, const struct sleeps *sleeps, const char *vm,
                enum wakeup_choice choice, uint64_t at, struct wakeup *wakeup);

void wakeup_free(struct wakeup *wakeup);

/* The term to which most of the time belongs. */
enum wakeup_term wakeup_verdict(const struct wakeup *wakeup);

/* Who had the core for most of the stretches of that term while it was late; ONTIME_TRACE_IDLE: nobody. */
uint16_t wakeup_who(const struct wakeup *wakeup, enum wakeup_term term);

/* "urgent", and "warped" or NULL. */
const char *wakeup_term_name(enum wakeup_term term);
const char *wakeup_term_of_bound(enum wakeup_term term);

/* The number of the VM's first vCPU, or ONTIME_TRACE_IDLE. */
uint16_t wakeup_first_vcpu_of(const struct trace_dump *trace, const char *vm);

/* Is it a vCPU of that VM? */
bool wakeup_is_of(const struct trace_dump *trace, uint16_t vcpu, const char *vm);

#endif
