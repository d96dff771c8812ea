/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 translation; a VM's tables are made by arch_vm_init() and arch_vm_map_...() of core/arch.h. */
#ifndef ARM64_STAGE2_H
#define ARM64_STAGE2_H

#include <stdbool.h>
#include <stdint.h>

/* The value of VTCR_EL2, and whether this CPU can do it. */
uint64_t stage2_vtcr(void);
bool stage2_supported(void);

#endif
