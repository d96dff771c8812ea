/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core's general-purpose timers, which take the place of EL2's physical timer for its deadline queue.
 *
 * The first is the hypervisor's. Each urgent deadline that is armed has one of the others for itself, as long
 * as there is one; those that find none share the first with all else that the core has to look at.
 *
 * A timer is never early: what it is set to is rounded up to ticks of its own clock, and one is added as a
 * tick of that may have begun already. So it is up to two such ticks late. A deadline that is further away
 * than half the range of the counter is set in steps.
 *
 * Locking: none. All functions are called on the core that has the timers, with interrupts masked; at boot
 * the core that boots calls them for all.
 */
#ifndef TIME_GP_TIMERS_H
#define TIME_GP_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/heap.h"
#include "drivers/gp_timer.h"

#define GP_TIMERS_MAX     8       /* of a core */
#define GP_TIMER_LEAST_HZ 2000000 /* slower ones are not used, */
#define GP_TIMER_LATE_NS  1000    /* so two ticks are no longer than that */

struct gp_timer {
    const struct gp_timer_driver *driver;
    uint64_t base;
    unsigned index;
    uint32_t intid;
    uint32_t hz;
    uint32_t most;           /* ticks of its clock that it is set to at most, */
    uint64_t most_counter;   /* and these in ticks of the counter */
    uint64_t set_for;        /* an instant in ticks of the counter; GP_TIMER_OFF */
    struct heap_node *owner; /* the deadline that has it; NULL: none. The hypervisor's has none */
};

#define GP_TIMER_OFF UINT64_MAX

struct gp_timers {
    /*
     * gp_timers_program(): brings all timers up to date. `urgent` has the urgent deadlines, with their
     * instants as keys, `other` is the first instant of all else, or GP_TIMER_OFF.
     */
    void (*program)(struct gp_timers *timers, const struct heap *urgent, uint64_t other);
    unsigned count; /* at least 1 */
    struct gp_timer timers[GP_TIMERS_MAX];
};

/*
 * Starts a timer and learns its frequency, which takes a millisecond. `driver`, `base`, `index` and `intid`
 * are filled in. False when its counter stands still, or has less than GP_TIMER_LEAST_HZ or more than 1 GHz.
 */
bool gp_timer_start(struct gp_timer *timer);

/*
 * So many ticks of a timer's clock, at `hz`, last at least `ticks` of the counter and less than one of its
 * own more. `ticks` times `hz` is less than 2^63.
 */
static inline uint64_t gp_timer_convert(uint64_t ticks, uint32_t hz, uint64_t counter_hz)
{
    return (ticks * hz + counter_hz - 1) / counter_hz;
}

/* See `program`. What `make proof` proves of a deadline queue is of one that has no such timers. */
/*@
  requires \false;
  terminates \true;
  exits \false;
  assigns \nothing;
*/
void gp_timers_program(struct gp_timers *timers, const struct heap *urgent, uint64_t other);

/* If the interrupt is that of one of the timers, puts that off. */
bool gp_timers_take(struct gp_timers *timers, uint32_t intid);

#endif
