/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed virtual time for the policies that build on it: bvt.c's own, and cbs.c. What it keeps of a unit
 * and of a queue is for these two alone, and for their tests to look at.
 */
#ifndef SCHED_BVT_H
#define SCHED_BVT_H

#include "sched/policies.h"

/* A unit that joins another queue is behind or ahead there by at most so many of its allowances. */
#define BVT_JOIN_TURNS 8

struct bvt_unit {
    int64_t avt;             /* actual virtual time A, in 1/1024 tick of CPU time over weight */
    int64_t warp;            /* W in virtual time */
    int64_t allowance;       /* C in virtual time, at least 1 */
    uint32_t remainder;      /* CPU time not yet in avt, in 1/1024 tick, less than weight */
    bool spent;              /* warped, but not ahead of the front: competes by rule 3 */
    uint64_t deadline;       /* when this warp's work is due; the urgent unit with the earliest runs */
    uint64_t warp_budget;    /* CPU time that this warp may use, ticks */
    uint64_t warp_used;      /* CPU time used in this warp, ticks */
    uint64_t warp_ended;     /* when the last warp ended */
    bool was_warped;         /* there was a last warp */
    struct heap_node by_avt; /* in the queue's `warped`, while it waits warped */
    struct sched_unit *next; /* the next of the queue's `units` */
} __attribute__((may_alias));

struct bvt_queue {
    struct sched_unit *newcomer; /* joined last since pick(): in no heap yet, as it may run at once */
    struct heap urgent;          /* warped units that wait and are not spent, by deadline */
    struct heap spent;           /* warped units that wait and are spent, by E */
    struct heap warped;          /* the units of both, by A */
    int64_t svt;                 /* scheduler virtual time: the greatest that the runnable's least A was */
    int64_t credit;              /* how far behind the SVT a unit may wake, virtual time */
    struct sched_unit *units;    /* all units, runnable or not */
    uint64_t origin;             /* what was subtracted from all A so far, modulo 2^64 */
} __attribute__((may_alias));

/* bvt_unit(unit) and bvt_queue(queue). */
SCHED_STATE_OF(bvt)

/* Hooks of struct sched_policy. */
void bvt_init(struct sched_queue *queue, struct heap_node **slots, unsigned capacity);
void bvt_add(struct sched_queue *queue, struct sched_unit *unit);
void bvt_wake(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);
bool bvt_block(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);
bool bvt_charge(struct sched_queue *queue, struct sched_unit *unit, uint64_t ran, uint64_t now);
struct sched_unit *bvt_pick(struct sched_queue *queue, uint64_t now, uint64_t *until);
bool bvt_unwarp(struct sched_queue *queue, struct sched_unit *unit, uint64_t now);

/*
 * Begins a warp of a runnable unit that is not warped. Of several warped units the one with the earliest
 * `deadline` runs. The warp ends after `budget` ticks of CPU time.
 */
void bvt_begin_warp(struct sched_queue *queue, struct sched_unit *unit, uint64_t deadline, uint64_t budget);
void bvt_swap(struct sched_queue *queue, struct sched_unit *a, struct sched_unit *b);
void bvt_refund(struct sched_queue *queue, struct sched_unit *unit, uint64_t ticks);
void bvt_set(struct sched_queue *queue, struct sched_unit *unit, const struct sched_params *params);

/* Of struct sched_moves. */
void bvt_remove(struct sched_queue *queue, struct sched_unit *unit);
void bvt_join(struct sched_queue *queue, struct sched_unit *unit, uint64_t ahead);
void bvt_forgo(struct sched_queue *queue, struct sched_unit *unit);
uint64_t bvt_turn(const struct sched_queue *queue);
uint64_t bvt_time(const struct sched_queue *queue, const struct sched_unit *unit);
int64_t bvt_worth(uint32_t weight, uint64_t ticks);

#endif
