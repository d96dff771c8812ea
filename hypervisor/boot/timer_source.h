/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system file's `timer-source = "gpt"`: the machine's general-purpose timers (drivers/gp_timer.h), found
 * by their nodes and dealt out to the cores. Boot only, on the core that boots.
 */
#ifndef BOOT_TIMER_SOURCE_H
#define BOOT_TIMER_SOURCE_H

#include "drivers/machine_tree.h"
#include "vm/config.h"

#define TIMER_SOURCE_MAX 24 /* timers that are used; the rest is left alone */

/*
 * Looks for them in the machine's tree; `gic_node` is its interrupt controller. Touches none. Returns where
 * the registers of *count timers are, some more than once: Ontime's, so no VM may have them.
 */
const struct reg_range *timer_source_find(const void *tree, int gic_node, unsigned *count);

/*
 * Starts them, when cpu_init() has been called for all cores, and these have started. The cores that run
 * vCPUs, and CPU 0, get one after the other in turn, up to GP_TIMERS_MAX; from now on their deadline queues
 * use these. Returns NULL, or why the timers will not do.
 */
const char *timer_source_start(const struct system_config *config);

#endif
