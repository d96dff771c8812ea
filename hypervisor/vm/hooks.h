/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs and the dispatcher ask of a guest's devices. devices/devices.c has the one table of these hooks.
 * vm/ calls nothing else of a virtual GIC, a UART or a stolen-time record.
 */
#ifndef VM_HOOKS_H
#define VM_HOOKS_H

#include <stdbool.h>

struct vcpu;
struct vm;

struct guest_hooks {
    /* Would an interrupt that is pending wake this vCPU, which is loaded, from WFI? */
    bool (*wakes)(struct vcpu *vcpu);

    /*
     * The virtual timer of this vCPU, which is loaded, has expired: its interrupt is pending from now on,
     * even if the physical one has not been taken yet.
     */
    void (*timer_expired)(struct vcpu *vcpu);

    /*
     * Keeps the interrupt of the virtual timer from this vCPU until release_timer(). False when it is serving
     * that, or has devices for which it needs its tick.
     */
    bool (*defer_timer)(struct vcpu *vcpu);
    void (*release_timer)(struct vcpu *vcpu);

    /* The vCPU gets the CPU after it had to wait: its stolen time has grown. */
    void (*stolen)(struct vcpu *vcpu);

    /* Another core has changed the interrupts of this vCPU: list registers that it has are brought up to
     * date. */
    void (*look)(struct vcpu *vcpu);

    /* Another core has set a deadline of the VM's devices. On the core of the VM's first vCPU. */
    void (*alarm)(struct vm *vm);

    /* The VM's first vCPU leaves its core, the calling one. Where it comes to, alarm() is called. */
    void (*alarm_off)(struct vm *vm);

    /*
     * The VM is paused from now on; or no longer, maybe as its guest begins. It may have been so before. On
     * the core of its first vCPU.
     */
    void (*pause)(struct vm *vm, bool paused);

    /*
     * The VM is about to start, `up`, or has stopped: goes a step on in letting its devices reach its RAM, or
     * in keeping them from it, and then in telling the other ends of its links. False: all is done.
     */
    bool (*tell_a_peer)(struct vm *vm, bool up);

    /*
     * The VM stops, `for_good` or to start again, and all its vCPUs are off: one step of silencing its
     * devices, and of bringing what they have to do with other VMs to an end. True: there is more to do, or
     * to wait for.
     */
    bool (*stop_devices)(struct vm *vm, bool for_good);

    /* Sets the devices of a vCPU that is switched on as after a reset. */
    void (*reset_vcpu)(struct vcpu *vcpu);

    /* The same for a VM that starts, and has been loaded: one step. True: there is another. */
    bool (*reset_vm)(struct vm *vm);
};

#endif
