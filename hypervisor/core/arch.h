/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core asks of an architecture: implemented by arch/arm64 for the machine and by arch/fake for host
 * tests.
 */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

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

/*
 * This CPU's comparator (CNTHP_CVAL_EL2): from `deadline` on (absolute ticks) its interrupt is pending, also
 * when the deadline is past. off() keeps it silent.
 */
void arch_comparator_set(uint64_t deadline);
void arch_comparator_off(void);

/*
 * Maps a device's registers for Ontime, at their physical address; what is mapped already stays as it is.
 * False when the page tables' pool is used up. Boot only.
 */
bool arch_map_device(uint64_t start, uint64_t size);

struct cpu;
struct vcpu;
struct vm;

/*
 * Handles every physical interrupt that is pending. EL2 runs with interrupts masked; this is where they are
 * seen.
 */
void arch_interrupts_handle(void);

/* Sleeps until an interrupt is pending. */
void arch_wait_for_interrupt(void);

/* Spins until `when`, or until an interrupt is pending: then false. */
bool arch_wait_until(uint64_t when);

/* Takes the interrupt that is pending; quickly when it is the virtual timer's of the vCPU, which is loaded.
 */
void arch_interrupt_take(struct vcpu *vcpu);

/* Makes another CPU look at its `reschedule`. */
void arch_cpu_kick(unsigned index);

/* Switches the machine off by the firmware; does not return. */
_Noreturn void arch_system_off(void);

/* Stage 2 of a new VM. False when the pages for its tables can't be had. Boot only. */
bool arch_vm_init(struct vm *vm);

/* Maps `size` bytes (a multiple of 2 MiB, as are both addresses) of RAM into a VM. Boot only. */
bool arch_vm_map_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size);

/* Maps one 4 KiB page for the guest to read. Boot only. */
bool arch_vm_map_readonly_page(struct vm *vm, uint64_t guest_address, uint64_t host_address);

/* Maps one 4 KiB page of a device that the guest uses directly. Boot only. */
bool arch_vm_map_device_page(struct vm *vm, uint64_t guest_address, uint64_t host_address);

/* Forgets what the CPU may have cached of a VM's instructions: after new images were copied in. */
void arch_vm_images_changed(struct vm *vm);

/* Zeroes memory and makes it visible to a guest whose caches are off. `size` is a multiple of 4 KiB. */
void arch_memory_zero(void *memory, uint64_t size);

/* Makes what was written visible to a guest whose caches are off. */
void arch_memory_clean(const void *memory, uint64_t size);

/* What a new vCPU needs once. Boot only. */
void arch_vcpu_init(struct vcpu *vcpu);

/*
 * The registers a vCPU begins with: EL1h, MMU and caches off, DAIF set, pc = entry, x0 = argument, the rest
 * 0.
 */
void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument);

/* The world switch: a vCPU's registers into the CPU, and out of it. */
void arch_vcpu_load(struct vcpu *vcpu);
void arch_vcpu_save(struct vcpu *vcpu);

/* Enters the loaded vCPU until its next exit and handles that exit. */
void arch_vcpu_run(struct vcpu *vcpu);

/*
 * The earliest instant at which a timer of the vCPU, which is loaded, will interrupt it; DEADLINE_NONE if
 * none.
 */
uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu);

/* Will the vCPU, loaded or not, find its virtual timer expired before `when`? */
bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when);

/* Had the loaded vCPU its interrupts masked (PSTATE.I) at its last exit? */
bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu);

/* The hypervisor's tick, for a vCPU in timer mode `tick`: looks at its timer. */
void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now);

#endif
