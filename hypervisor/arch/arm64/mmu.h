/* SPDX-License-Identifier: Apache-2.0 */
/* EL2's own address space, see mmu.c. */
#ifndef ARM64_MMU_H
#define ARM64_MMU_H

#include <stdint.h>

/* With the MMU off: maps the image with its permissions, and the device tree for reading. */
void mmu_build(uint64_t tree);

/* With the MMU off: sets MAIR, TCR and TTBR0; start.S then turns the MMU on. */
void mmu_configure(void);

#endif
