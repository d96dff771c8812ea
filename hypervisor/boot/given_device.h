/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the machine that a VM is given: what the VM gets, and the node that its tree has for it.
 * boot/passthrough.c fills it in.
 */
#ifndef BOOT_GIVEN_DEVICE_H
#define BOOT_GIVEN_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include "devices/dma.h"
#include "vm/device.h"

#define GIVEN_REGISTERS  4 /* ranges in a device's `reg` */
#define GIVEN_WINDOWS    6 /* of a PCI host bridge */
#define GIVEN_RANGES     (GIVEN_REGISTERS + GIVEN_WINDOWS)
#define GIVEN_STREAMS    16 /* ranges of StreamIDs */
#define GIVEN_INTERRUPTS 16 /* of a device */
#define GIVEN_CLOCKS     8
#define GIVEN_DEPTH      8 /* of nodes below a device's */

/* Room in a guest's tree for all nodes that the VM is given, of the GUEST_TREE_SIZE bytes. */
#define GIVEN_TREE_SIZE 0x8000

struct given_interrupt {
    uint16_t intid;         /* the machine's */
    uint16_t virtual_intid; /* the guest's */
    bool edge;
};

/* The clocks of a device are fixed ones in the guest's tree. */
struct given_clock {
    uint32_t hz;
    uint32_t phandle; /* in the guest's tree */
    bool is_first;    /* the VM's first of this frequency: the device describes it */
};

/* How a device is kept from memory when its VM stops, beside what an SMMU does. */
enum given_silence { SILENCE_UNKNOWN, SILENCE_VIRTIO_MMIO, SILENCE_PCI_ECAM };

struct given_device {
    /* The first one describes the device. They come first: a device's describe() is given the address. */
    struct device registers[GIVEN_RANGES];
    const void *tree; /* the machine's */
    int node;
    const char *path; /* as the system file has it */
    unsigned vm;      /* its number in the system file */
    int gic;          /* the node of the machine's */
    bool is_bridge;   /* a PCI host bridge, with all that is on its buses */
    unsigned register_count, interrupt_count, clock_count, stream_count;
    unsigned own_registers, own_interrupts; /* those of `reg` and `interrupts`; a bridge has others behind */
    struct given_interrupt interrupts[GIVEN_INTERRUPTS];
    struct given_clock clocks[GIVEN_CLOCKS];
    struct dma_streams streams[GIVEN_STREAMS]; /* none: no SMMU is between it and memory */
    bool dma_coherent;
    enum given_silence silence;
};

/* What becomes of a node's property. */
enum given_property {
    PROPERTY_KEPT,
    PROPERTY_LEFT_OUT,   /* or written anew */
    PROPERTY_CLOCKS,     /* are fixed ones */
    PROPERTY_INTERRUPTS, /* go to the guest's GIC */
    PROPERTY_STREAMS,    /* say by which StreamIDs an SMMU knows it: left out */
    PROPERTY_BRIDGE,     /* of a PCI host bridge: written anew, or left out */
    PROPERTY_REFERENCE,  /* one phandle: kept when it names a node that is given along */
    PROPERTY_REFUSED,    /* refers to what the guest does not have */
};

enum given_property given_property(const char *name);

/* Is the node a PCI host bridge, which is given with all that is behind it? */
bool given_is_bridge(const void *tree, int node);

/* The node that a phandle names if it is `node` or below it; else negative. */
int given_node_by_phandle(const void *tree, int node, uint32_t phandle);

/* A given device's describe(). */
void given_device_describe(const struct device *device, struct tree_writer *writer);

#endif
