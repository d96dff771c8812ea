/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every layer may ask of the architecture. arch/arm64 implements it for the machine, arch/fake for tests
 * on the host. What only one layer asks stands in that layer: time/comparator.h, vm/arch_vm.h,
 * boot/arch_boot.h.
 */
#ifndef BASE_ARCH_H
#define BASE_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * In arch_inline.h, as each is an instruction or two on the machine:
 *   uint64_t arch_counter(void)           the physical counter (CNTPCT_EL0), in ticks
 *   struct cpu *arch_cpu(void)            the calling CPU's own structure
 *   bool arch_vcpu_timer_asserted(vcpu)   is the virtual timer of the loaded vCPU enabled, not masked,
 * expired?
 */
#include "arch_inline.h"

/* The index of the calling physical CPU, 0 for the one that booted. */
unsigned arch_cpu_index(void);

/* The physical counter's frequency in Hz. */
uint64_t arch_counter_hz(void);

/* Maps the registers of a device for EL2. False when there is no room in EL2's tables. Boot only. */
bool arch_map_device(uint64_t start, uint64_t size);

/* Sleeps until an interrupt is pending. */
void arch_wait_for_interrupt(void);

/* Switches the machine off by the firmware; does not return. */
_Noreturn void arch_system_off(void);

#endif
