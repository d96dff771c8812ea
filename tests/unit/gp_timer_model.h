/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of a general-purpose timer, a counter that advances with each access and matches a register, and
 * the tests that each of their drivers passes. The test of a driver has the registers.
 */
#ifndef GP_TIMER_MODEL_H
#define GP_TIMER_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/gp_timer.h"

/* The device that a test program is about. */
extern struct gp_timer_model {
    const struct gp_timer_driver *driver;
    uint64_t base, size;
    unsigned index;
    uint64_t match; /* the register, all of it */
    uint32_t mask;  /* the counter's bits */
    bool (*interrupts)(void);
    uint32_t (*read)(uint64_t address, uint32_t value);
    void (*write)(uint64_t address, uint32_t value);
} gp_timer_model;

extern uint32_t gp_counter, gp_step; /* and by how much each access advances it */
extern bool gp_matched;              /* since it was last cleared */

void gp_timer_advance(uint32_t ticks);

/* For a test's setup: the registers are there, and the counter stands at 0. */
int gp_timer_start_test(void **state);

void gp_timer_interrupts_after_its_ticks(void **state);
void gp_timer_farthest_is_half_a_round(void **state);
void gp_timer_is_not_missed_when_it_passes_meanwhile(void **state);
void gp_timer_off_is_silent(void **state);

#define GP_TIMER_TESTS                                                                                       \
    cmocka_unit_test_setup(gp_timer_interrupts_after_its_ticks, gp_timer_start_test),                        \
        cmocka_unit_test_setup(gp_timer_farthest_is_half_a_round, gp_timer_start_test),                      \
        cmocka_unit_test_setup(gp_timer_is_not_missed_when_it_passes_meanwhile, gp_timer_start_test),        \
        cmocka_unit_test_setup(gp_timer_off_is_silent, gp_timer_start_test)

#endif
