/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs that float: when one goes to another core, see floating.c. */
#ifndef VM_FLOATING_H
#define VM_FLOATING_H

#include "vm/config.h"

/* After cpu_init() of all CPUs. Boot only. */
void floating_init(const struct system_config *config);

#endif
