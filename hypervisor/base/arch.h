/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every layer may ask of the architecture. arch/arm64 implements it for the machine; on the host
 * arch/fake and the unit tests do. What only one layer asks is declared in that layer: time/comparator.h,
 * vm/arch_vm.h, boot/arch_boot.h.
 */
#ifndef BASE_ARCH_H
#define BASE_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * arch_inline.h has these, as each is an instruction or two on the machine:
 *
 *   uint64_t arch_counter(void)           the physical counter (CNTPCT_EL0), in ticks
 *   struct cpu *arch_cpu(void)            the calling CPU's own structure
 *   void arch_relax(void)                 in a loop that waits for another core: lets that one go on (YIELD)
 *   ARCH_READ_RELAXED(object)             a relaxed atomic access of what cores read without a lock
 *   ARCH_WRITE_RELAXED(object, value)
 *   bool arch_vcpu_timer_asserted(vcpu)   is the loaded vCPU's virtual timer enabled, unmasked and expired?
 */
#include "arch_inline.h"

/* The index of the calling physical CPU; 0 is the one that booted. */
unsigned arch_cpu_index(void);

/* The calling CPU's word for what locks it holds (base/lock.h), which debug builds keep. */
uint32_t *arch_locks_held(void);

/* The physical counter's frequency in Hz. */
uint64_t arch_counter_hz(void);

/*
 * Maps `size` bytes of device registers at physical `start` for EL2, at the same virtual address. False when
 * EL2's tables have no room. Boot only.
 */
bool arch_map_device(uint64_t start, uint64_t size);

/* Waits (WFI) until an interrupt is pending. It may return earlier. */
void arch_wait_for_interrupt(void);

/* Switches the machine off by the firmware's PSCI. */
_Noreturn void arch_system_off(void);

#endif
