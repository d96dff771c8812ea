/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 translation; a VM's tables are made by arch_vm_init() and arch_vm_map_...() of vm/arch_vm.h. */
#ifndef ARM64_STAGE2_H
#define ARM64_STAGE2_H

#include <stdint.h>

/* The value of VTCR_EL2 for the calling CPU. */
uint64_t stage2_vtcr(void);

/* How many bits guest physical addresses have, as ID_AA64MMFR0_EL1.PARange says it. */
uint64_t stage2_range(void);

#endif
