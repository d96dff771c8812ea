/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices of the machine reach by DMA, where SMMUs stand between (drivers/smmuv3.h). A device that a VM
 * is given reaches the VM's RAM, at the guest's addresses, from the VM's start until it stops. Between, and
 * while it is loaded, it reaches nothing. Nor does a device that no VM is given. What a device is kept from
 * is told on the console.
 */
#ifndef DEVICES_DMA_H
#define DEVICES_DMA_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/machine_tree.h"

struct cpu;
struct vm;

/* By which StreamIDs an SMMU knows a device, or what is on a PCI bus. */
struct dma_streams {
    int smmu; /* its node in the machine's tree */
    uint32_t first, count;
    bool is_pci;
    uint32_t requester; /* PCI: the requester ID (bus, device, function) of the first */
};

#define SMMU_COMPATIBLE "arm,smmu-v3"
#define DMA_SMMUS       8

/* The machine has this SMMU: devices behind it are held off. Boot only. */
void dma_add_smmu(int node, const struct reg_range *registers);

/*
 * An interrupt by which an SMMU tells of faults, `edge`: edge-triggered. Without any, Ontime looks 10 times a
 * second. After the one above, boot only.
 */
void dma_add_interrupt(int node, uint32_t intid, bool edge);

/* The VM has the device with these StreamIDs; `path` is its name. NULL, or why that can't be. Boot only. */
const char *dma_give(struct vm *vm, const char *path, const struct dma_streams *streams);

/* All are given: SMMUs that have any are set up. NULL, or why not: of the SMMU at *base. Boot only, core 0.
 */
const char *dma_start(struct cpu *cpu, uint64_t *base);

/*
 * Lets the devices of a VM that starts reach its RAM; `up` false: keeps those of one that stops from it,
 * until what they have begun is over. It takes several calls: true until all is done.
 */
bool dma_step(struct vm *vm, bool up);

/*
 * An interrupt came that nobody else knows. True when it is an SMMU's, and is to stay active: faults are
 * looked at in pieces, and it comes again when there is none any more.
 */
bool dma_interrupt(uint32_t intid);

#endif
