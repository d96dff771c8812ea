/* SPDX-License-Identifier: Apache-2.0 */
/* A PCI host bridge with memory-mapped configuration space (ECAM): how its devices are kept from memory. */
#ifndef DRIVERS_PCI_ECAM_H
#define DRIVERS_PCI_ECAM_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_ECAM_COMPATIBLE "pci-host-ecam-generic"
#define PCI_ECAM_BUS        0x100000 /* of one bus, bytes */

/*
 * A step of switching Bus Master Enable off in all functions on the root bus, whose configuration space
 * begins at `base` and is mapped for EL2. What is behind a bridge on that bus reaches memory through the
 * bridge only. Step n looks at device n. True after the last: what devices have written before is in memory.
 */
bool pci_ecam_stop_masters(uint64_t base, unsigned step);

#endif
