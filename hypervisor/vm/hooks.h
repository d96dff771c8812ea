/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs and the dispatcher ask of a guest's devices: the one table stands in devices/devices.c. The layers
 * below know nothing else of a virtual GIC, a UART or a stolen-time record.
 */
#ifndef VM_HOOKS_H
#define VM_HOOKS_H

#include <stdbool.h>

struct vcpu;
struct vm;

struct guest_hooks {
    /* Would an interrupt wake this (loaded) vCPU from WFI? */
    bool (*wakes)(struct vcpu *vcpu);

    /* The virtual timer of this loaded vCPU has expired; its interrupt need not be waited for. */
    void (*timer_expired)(struct vcpu *vcpu);

    /* The vCPU, switched in, had to wait for the CPU: its stolen time has grown. */
    void (*stolen)(struct vcpu *vcpu);

    /* The devices of a vCPU that is switched on, and of a VM that starts again, are as after a reset. */
    void (*reset_vcpu)(struct vcpu *vcpu);
    void (*reset_vm)(struct vm *vm);
};

#endif
