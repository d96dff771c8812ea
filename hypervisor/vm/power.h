/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping VMs and vCPUs, see power.c. */
#ifndef VM_POWER_H
#define VM_POWER_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/vm.h"

/*
 * Starts, or starts again, a VM whose vCPUs are all off; its images are loaded first. The VM's lock is held,
 * but at boot.
 */
void vm_start(struct vm *vm);

/*
 * Switches all vCPUs of a VM off. Then the VM starts again when `restart`, or is off; with the last VM, or
 * one that `ends-system`, the machine is switched off. Called by one of its own vCPUs, without the VM's lock.
 */
void vm_stop(struct vm *vm, bool restart);

/* The same, in pieces, for a vCPU whose guest asks for it. */
void vm_stop_by(struct vcpu *vcpu, bool restart);

/* Switches a vCPU on at `entry` (guest physical) with x0 = argument, or off. The VM's lock is held. */
void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument);
void vcpu_power_off(struct vcpu *vcpu);

/*
 * The vCPU, which has the CPU, waits for an interrupt, unless one `is_pending`. Then it begins at `entry`
 * (guest physical) with x0 = argument and all its registers as after a reset. Its interrupts, its deadlines
 * and the VM's RAM stay.
 */
void vcpu_suspend(struct vcpu *vcpu, uint64_t entry, uint64_t argument, bool is_pending);

#endif
