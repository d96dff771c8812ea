/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GIC for tests. It has list registers and a virtual CPU interface as the architecture describes them (IHI
 * 0069 4.7 and 11.2, IHI 0048 chapter 5), the timer's physical interrupt, and the shared ones. Assertions
 * fail when the hypervisor does what is wrong on any GIC: a list register with the HW bit that is pending and
 * active, two list registers with one interrupt, a link to a physical interrupt that is not active.
 *
 * The functions fake_guest_... are what a guest does at its CPU interface.
 */
#ifndef TESTS_FAKE_GIC_H
#define TESTS_FAKE_GIC_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/gic.h"

#define FAKE_GIC_CORES 4

/* Makes a GIC of that version with nothing pending, and lets `gic` point to it. Core 0 is chosen. */
void fake_gic_reset(unsigned version, unsigned list_registers);

/* Whose list registers, CPU interface and timer interrupt all other functions are about. */
void fake_gic_choose(unsigned core);

/* The physical timer interrupt: is it active? The hypervisor acknowledges it, which makes it active. */
bool fake_gic_timer_active(void);
void fake_gic_timer_acknowledge(void);

/*
 * Shared interrupts. A device changes its line. fake_spi() is the one that is to come on the chosen core, if
 * any, else GIC_SPURIOUS; acknowledging makes it active, and fake_spi_end() inactive.
 */
void fake_spi_line(unsigned intid, bool level);
unsigned fake_spi(void);
void fake_spi_acknowledge(unsigned intid);
void fake_spi_end(unsigned intid);
bool fake_spi_active(unsigned intid);
bool fake_spi_enabled(unsigned intid);
unsigned fake_spi_target(unsigned intid);

/* Is the maintenance interrupt asserted? */
bool fake_gic_maintenance(void);

bool fake_gic_enabled(void);
unsigned fake_gic_used(void);
/* The state of the list register that holds an interrupt; 0 when none does. */
unsigned fake_gic_state(unsigned intid);

void fake_guest_mask(uint8_t priority);
void fake_guest_groups(unsigned groups);
void fake_guest_split_ends(bool split);

/* Returns an INTID (on GICv2 with the sender of an SGI from bit 10 on), or GIC_SPURIOUS. */
uint32_t fake_guest_acknowledge(void);
void fake_guest_end(uint32_t acknowledged);
/* Returns false when the access is trapped. */
bool fake_guest_deactivate(uint32_t acknowledged);

#endif
