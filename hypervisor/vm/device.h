/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device as its guest sees it: where its registers are, who carries out an access to them, how the guest's
 * device tree describes it, and how it is reset. A VM has a list of them, made at boot (devices/devices.c);
 * devices/address_map.c finds in it who an access is for.
 */
#ifndef VM_DEVICE_H
#define VM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct mmio_access;
struct tree_writer;
struct vcpu;

/* The most devices of a VM. */
#define VM_DEVICES 64

struct device {
    uint64_t base, size; /* guest physical; the devices of a VM have no byte in common */

    /*
     * Carries out a guest's access, of which device and offset are filled in. False when the registers do not
     * have it: its size is another, for instance. The guest then gets a fault.
     */
    bool (*access)(struct vcpu *vcpu, struct mmio_access *access);

    /* Writes its nodes, which are children of the root. NULL: the tree says nothing of it. Boot only. */
    void (*describe)(const struct device *device, struct tree_writer *writer);

    /* Writes its nodes below /reserved-memory. NULL: it has none. Boot only. */
    void (*describe_memory)(const struct device *device, struct tree_writer *writer);

    /*
     * Sets it as after a reset. NULL: it has no state, or is reset with the vGIC. The vGIC is reset
     * afterwards and is not told of interrupts that end.
     */
    void (*reset)(struct device *device);

    /*
     * The VM has stopped: a step of keeping the device from memory and from interrupts, if it is one of the
     * machine. Step 0 is the first. True when that is done. NULL: there is nothing to do.
     */
    bool (*silence)(const struct device *device, unsigned step);
};

#endif
