/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot asks of the architecture, in this order (boot.c). All of it is called once, by the CPU that
 * boots. */
#ifndef BOOT_ARCH_BOOT_H
#define BOOT_ARCH_BOOT_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/cpu.h"

/* This CPU's own structure, from now on: arch_cpu(). */
void arch_cpu_set(struct cpu *cpu);

/* How the firmware's PSCI is called: by HVC, or else by SMC. */
void arch_firmware_init(bool by_hvc);

/* NULL, or why Ontime cannot run on this CPU. */
const char *arch_cpu_problem(void);

/* Ontime's image in memory: nobody else may use it. */
uint64_t arch_image_start(void);
uint64_t arch_image_end(void);

/* Maps RAM for EL2 at the same virtual address, the image left out. False when EL2's tables have no room. */
bool arch_map_ram(uint64_t start, uint64_t end);

/* INTIDs that Ontime takes; uart 0: the console has none. */
struct interrupt_numbers {
    uint32_t comparator, maintenance, uart;
};

/* Enables them on this CPU. The GIC driver has found its registers. NULL, or why this CPU can't have
 * interrupts. */
const char *arch_interrupts_init(const struct interrupt_numbers *machine);

/* Sets what is the same for all guests of this CPU: traps, timers, stage 2. */
void arch_cpu_init(void);

#endif
