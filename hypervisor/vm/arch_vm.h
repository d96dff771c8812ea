/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs, vCPUs and the dispatcher ask of the architecture: stage 2, the world switch, a vCPU's own timers.
 * Addresses are physical, the guest's or the host's. Sizes are in bytes, instants are ticks of the counter.
 */
#ifndef VM_ARCH_VM_H
#define VM_ARCH_VM_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct vm;

/*
 * Handles every physical interrupt that is pending. EL2 runs with interrupts masked; in the dispatcher's loop
 * this is where it sees them.
 */
void arch_interrupts_handle(void);

/* Spins until `when`, and returns true; or false, as soon as an interrupt is pending. */
bool arch_wait_until(uint64_t when);

/*
 * Takes the interrupt that is pending. The vCPU is loaded; its virtual timer's interrupt goes the short way.
 */
void arch_interrupt_take(struct vcpu *vcpu);

/* Interrupts a CPU, which may be the calling one: it has messages (vm/messages.h). */
void arch_cpu_kick(unsigned index);

/* How many bits guest physical addresses have. */
unsigned arch_guest_address_bits(void);

/* Makes stage 2 of a new VM, empty. False when there is no memory for its tables. Boot only. */
bool arch_vm_init(struct vm *vm);

/*
 * Maps RAM into a VM. `size` and both addresses are multiples of 2 MiB. False when there is no memory for the
 * tables, as in those below. Boot only.
 */
bool arch_vm_map_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size);

/* Maps one 4 KiB page that the guest may only read. Boot only. */
bool arch_vm_map_readonly_page(struct vm *vm, uint64_t guest_address, uint64_t host_address);

/* Maps one 4 KiB page of memory that another guest has, too, without execute. Boot only. */
bool arch_vm_map_shared_page(struct vm *vm, uint64_t guest_address, uint64_t host_address, bool read_only,
                             bool uncached);

/*
 * Maps RAM of another VM, cached and without execute. `size` and both addresses are multiples of 2 MiB. Boot
 * only.
 */
bool arch_vm_map_shared_ram(struct vm *vm, uint64_t guest_address, uint64_t host_address, uint64_t size);

/* Maps one 4 KiB page of a device that the guest uses directly. Boot only. */
bool arch_vm_map_device_page(struct vm *vm, uint64_t guest_address, uint64_t host_address);

/*
 * Maps a device's registers at their physical addresses, whole pages from `start` to `end`. What is mapped
 * already stays. Boot only.
 */
bool arch_vm_map_device(struct vm *vm, uint64_t start, uint64_t end);

/*
 * Makes the tables for a VM's devices behind an SMMU, which map its RAM, closed. False when there is no
 * memory for them. Boot only. arch_vm_dma_root() is what the SMMU is told (drivers/smmuv3.h).
 */
bool arch_vm_dma_init(struct vm *vm);
uint64_t arch_vm_dma_root(const struct vm *vm);

/* Opens or closes them, a piece at a time. True when that is done. */
bool arch_vm_dma_step(struct vm *vm, bool open);

/* Drops what CPUs may have cached of a VM's instructions: after new images were copied in. */
void arch_vm_images_changed(struct vm *vm);

/* Zeroes memory and makes that visible to a guest whose caches are off. `size` is a multiple of 4 KiB. */
void arch_memory_zero(void *memory, uint64_t size);

/* Makes what was written to memory visible to a guest whose caches are off. */
void arch_memory_clean(const void *memory, uint64_t size);

/* Sets up the architecture's part of a new vCPU. Boot only. */
void arch_vcpu_init(struct vcpu *vcpu);

/*
 * Gives a vCPU that is not loaded the registers it begins with: EL1h, MMU and caches off, DAIF set, pc =
 * entry, x0 = argument, the rest 0.
 */
void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument);

/* The world switch: a vCPU's registers go into the calling CPU, and out of it. */
void arch_vcpu_load(struct vcpu *vcpu);
void arch_vcpu_save(struct vcpu *vcpu);

/*
 * Waits until the maintenance of caches and TLBs and the accesses to devices that guests have begun on the
 * calling CPU are complete. A vCPU that goes to another CPU may have its DSB before it, and there that would
 * wait for nothing.
 */
void arch_complete_maintenance(void);

/* Enters the loaded vCPU, and handles its exits until one leaves something for the dispatcher to do. */
void arch_vcpu_run(struct vcpu *vcpu);

/*
 * When the virtual timer of the loaded vCPU will interrupt it, DEADLINE_NONE when it will not. The physical
 * timer is not looked at: it is a deadline of its own.
 */
uint64_t arch_vcpu_next_timer(const struct vcpu *vcpu);

/* Does the virtual timer of the vCPU, which may be loaded or not, expire before `when`? */
bool arch_vcpu_timer_before(const struct vcpu *vcpu, uint64_t when);

/* Where the guest was when the vCPU that has the CPU was last left. */
uint64_t arch_vcpu_pc(const struct vcpu *vcpu);

/* Was it at EL0 then? */
bool arch_vcpu_in_user(const struct vcpu *vcpu);

/*
 * Had the loaded vCPU masked its interrupts (PSTATE.I) at its last exit? For interrupts' handlers: at a
 * guest's call its PSTATE may not be in memory yet, so that this tells of an earlier exit.
 */
bool arch_vcpu_masks_interrupts(const struct vcpu *vcpu);

/* Does the vCPU whose exit is being handled, and which this function is given, mask its interrupts? */
bool arch_exit_masks_interrupts(const struct vcpu *vcpu);

/* Workarounds for weaknesses of CPUs that have function numbers of SMCCC (Arm DEN0028, 7). */
#define ARCH_WORKAROUND_1 UINT32_C(0x80008000) /* branch targets */
#define ARCH_WORKAROUND_2 UINT32_C(0x80007FFF) /* stores that are bypassed */
#define ARCH_WORKAROUND_3 UINT32_C(0x80003FFF) /* the branches' history, and as the first */

/* 0: guests are to call it; 1: they need not; negative: it is not known whether they would have to. */
int32_t arch_workaround(uint32_t workaround);

/* Carries it out, where guests are to call it. */
void arch_workaround_call(uint32_t workaround);

/* The hypervisor's tick has come: looks at the emulated timer of a vCPU in timer mode `tick`. */
void arch_vcpu_tick(struct vcpu *vcpu, uint64_t now);

#endif
