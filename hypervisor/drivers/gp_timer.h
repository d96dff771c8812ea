/* SPDX-License-Identifier: Apache-2.0 */
/*
 * General-purpose timers of the machine: what a driver offers, and which drivers there are. Such a timer is a
 * counter with a clock of its own and a comparator that interrupts. The deadline queue can use them in place
 * of EL2's physical timer (time/gp_timers.h).
 *
 * `base` is where a device's registers are, which are mapped. A device may have several timers, `index`
 * chooses one; each has an interrupt of its own. A driver keeps nothing and has no lock: a timer is used by
 * one core only.
 */
#ifndef DRIVERS_GP_TIMER_H
#define DRIVERS_GP_TIMER_H

#include <stdint.h>

struct gp_timer_driver {
    const char *const *compatible; /* the nodes that the driver is for, ended by NULL */
    unsigned count;                /* timers of a device: entry n of `interrupts` is timer n's */

    /* How many bits the counter has, from 8 to 32. After init(). */
    unsigned (*width)(uint64_t base, unsigned index);

    /*
     * Starts the counter, with a clock that goes on while the CPUs wait, and puts the timer off. Called once,
     * before all other functions.
     */
    void (*init)(uint64_t base, unsigned index);

    /* The counter. It counts up, and is used at boot only, to learn its frequency; width() bits of it count.
     */
    uint32_t (*read)(uint64_t base, unsigned index);

    /*
     * The interrupt comes after `ticks` of the timer's clock, or up to one less, as the first may have begun
     * already: then it stays until off(). From 1 to 2^(width - 1).
     */
    void (*set)(uint64_t base, unsigned index, uint32_t ticks);

    /* No interrupt comes any more, and one that has come is taken back. */
    void (*off)(uint64_t base, unsigned index);
};

extern const struct gp_timer_driver cadence_ttc_driver;
extern const struct gp_timer_driver imx_gpt_driver;

/* All drivers, ended by NULL. */
extern const struct gp_timer_driver *const gp_timer_drivers[];

#endif
