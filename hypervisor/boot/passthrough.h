/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the machine that VMs are given: finds what `devices` in the system file names, and refuses what
 * can't be given. It reads the machine's tree only; the same code runs at boot and in `ontime check --board`.
 */
#ifndef BOOT_PASSTHROUGH_H
#define BOOT_PASSTHROUGH_H

#include <stddef.h>
#include "boot/given_device.h"
#include "drivers/machine_tree.h"
#include "vm/config.h"

struct passthrough_facts {
    const void *tree;               /* the machine's */
    int gic;                        /* the node of its interrupt controller */
    unsigned gic_version;           /* that guests see: 2 or 3 */
    struct reg_range console, rtc;  /* Ontime's; size 0: it has none */
    const struct reg_range *timers; /* Ontime's, so many */
    unsigned timer_count;
};

/* How many devices the system's VMs name. */
unsigned passthrough_count(const struct system_config *config);

/*
 * Fills in so many at `given`, which is zeroed, in the order of the file. Returns 0, or -1 with a line in
 * `error` as system_file_read() writes it.
 */
int passthrough_find(const struct passthrough_facts *facts, const struct system_config *config,
                     struct given_device *given, char *error, size_t error_size);

#endif
