/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping VMs and vCPUs, see power.c. */
#ifndef VM_POWER_H
#define VM_POWER_H

#include <stdbool.h>
#include <stdint.h>
#include "ontime/control.h"
#include "vm/vm.h"

/* Starts a VM that is off; its images are loaded first. On the core of its first vCPU, or at boot. */
void vm_start(struct vm *vm);

/*
 * What another VM, which may, asks of this one, on any core: it is passed on to the core of its first vCPU.
 * False: not now, as the VM stops or loads, or somebody has asked for something just before. `image` is for
 * ASKED_RESTART.
 */
bool vm_ask(struct vm *vm, enum asked what, const struct lent_image *image);

/*
 * Its watchdog has expired, on the core of its first vCPU: it restarts, if it runs. Devices may be locked.
 */
void vm_bite(struct vm *vm);

/* On any core. What is asked for counts as begun. */
enum ontime_vm_state vm_state(const struct vm *vm);

/*
 * Switches all vCPUs of a VM off, in pieces, for one of them whose guest asks for it. Then the VM starts
 * again when `restart`, and it has not done so too often, or is off; with the last VM, or one that
 * `ends-system`, the machine is switched off. The VM's lock is not held.
 */
void vm_stop_by(struct vcpu *vcpu, bool restart);

/*
 * Switches a vCPU on at `entry` (guest physical) with x0 = argument, at once, or by a message to its core.
 * The VM's lock is held.
 */
void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument);

/*
 * The running vCPU switches itself off. The last one of a VM switches the VM off for good, as nobody is left
 * to start it. The VM's lock is not held.
 */
void vcpu_switch_off(struct vcpu *vcpu);

/* What messages ask for, on the vCPU's core. The VM's lock is not held. */
void vcpu_power_on_here(struct vcpu *vcpu);
void vcpu_power_off_for_stop(struct vcpu *vcpu);
void vcpu_load_here(struct vcpu *vcpu);
void vcpu_control_here(struct vcpu *vcpu);

/*
 * The vCPU, which has the CPU, waits for an interrupt, unless one `is_pending`. Then it begins at `entry`
 * (guest physical) with x0 = argument and all its registers as after a reset. Its interrupts, its deadlines
 * and the VM's RAM stay.
 */
void vcpu_suspend(struct vcpu *vcpu, uint64_t entry, uint64_t argument, bool is_pending);

#endif
