/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the boot asks of the architecture, in the order of boot.c. The CPU that boots calls these; those that
 * are about the calling CPU are called by each. Addresses are physical.
 */
#ifndef BOOT_ARCH_BOOT_H
#define BOOT_ARCH_BOOT_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/cpu.h"

/* The calling CPU's own structure, which arch_cpu() returns from now on. */
void arch_cpu_set(struct cpu *cpu);

/* The affinity of the calling CPU: Aff3 in bits 39:32, Aff2 to Aff0 in 23:0. */
uint64_t arch_affinity(void);

/* The exception level that the code runs at. */
unsigned arch_exception_level(void);

/*
 * From UEFI firmware that has been left: turns its MMU and the caches off, and enters the copy of the image
 * at `image`, a multiple of 2 MiB, by the arm64 boot protocol.
 */
_Noreturn void arch_efi_leave(uint64_t image, uint64_t tree);

/* Has the firmware PSCI 0.2 or later, and how is it called: by HVC, or else by SMC? */
void arch_firmware_init(bool psci, bool by_hvc);

/* Some random bytes of the CPU's own. False when it has none. */
bool arch_random(uint64_t *bits);

/* NULL, or why Ontime cannot run on this CPU. */
const char *arch_cpu_problem(void);

/*
 * A guest's physical addresses go up to `end`. They have 40 bits unless that is beyond, and then as many as
 * the CPU has. False when these are too few. Before the first arch_vm_init(), arch_cpu_init() and start of
 * another core.
 */
bool arch_guests_reach(uint64_t end);

/*
 * The registers of the calling CPU by which a guest there finds out what kind it is: the name of the n-th,
 * and its value as the guest reads it. NULL: there are no more than n, which is IDENTITY_REGISTERS at most.
 */
#define IDENTITY_REGISTERS 40
const char *arch_cpu_identity(unsigned n, uint64_t *value);

/* Where Ontime's image lies, with its data and stack; nobody else may use that. */
uint64_t arch_image_start(void);
uint64_t arch_image_end(void);

/*
 * Maps RAM from `start` up to `end` for EL2 at the same virtual addresses, without the image. False when
 * EL2's tables have no room.
 */
bool arch_map_ram(uint64_t start, uint64_t end);

/* The same for what is only read. It is to be called before arch_map_ram(), which leaves it as it is. */
bool arch_map_readonly(uint64_t start, uint64_t end);

/* Keeps the page unmapped when arch_map_ram() comes. False when EL2's tables have no room. */
bool arch_guard_page(uint64_t address);

/* The size of a core's stack, and of the page below it that is a guard. */
uint64_t arch_stack_size(void);
uint64_t arch_stack_guard_size(void);

/*
 * Starts another core: it comes to core_main() with its stack, as `cpu`. It is started by PSCI, or, if
 * `release` is not 0, by writing where it begins to that address. 0, or the firmware's (negative) answer.
 */
struct core_start {
    uint64_t affinity;
    uint64_t stack_end;
    struct cpu *cpu;
};
int32_t arch_core_start(const struct core_start *core, uint64_t release);

/* Where a core begins that arch_core_start() has started: MMU and caches are on, its own structure is set. */
_Noreturn void core_main(struct cpu *cpu);

/*
 * The INTIDs of the interrupts that Ontime takes, beside the guests' virtual timer and its own kick. `uart`
 * is 0 when the console's has none.
 */
struct interrupt_numbers {
    uint32_t comparator, maintenance, uart;
};

/*
 * Enables them on the calling CPU; the GIC driver has found its registers before. Returns NULL, or why this
 * CPU can't have interrupts.
 */
const char *arch_interrupts_init(const struct interrupt_numbers *machine);

/* The same for another core, which has no UART's. */
const char *arch_interrupts_init_core(void);

/* Sets what is the same for all guests on the calling CPU: traps, timers, stage 2. */
void arch_cpu_init(void);

#endif
