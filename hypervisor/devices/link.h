/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links between VMs: memory that two VMs have, and a doorbell for each, see include/ontime/link.h. Each of
 * the two ends is a device of its VM.
 */
#ifndef DEVICES_LINK_H
#define DEVICES_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "vm/device.h"
#include "vm/vm.h"

struct link_side {
    struct device device;
    const struct link_config *link;
    const struct link_end *end;
    struct link_side *peer;
    struct link_side *next; /* of the same VM, in the order of their registers */
    struct vm *vm;
    uint8_t *memory;
    _Atomic uint32_t state; /* of this end's VM, as the other end reads it in ONTIME_LINK_PEER */
};

/* Makes the links of a system, and takes their memory. Boot only, before the first VM's devices. */
void links_create(const struct system_config *config);

/*
 * Gives a new VM its ends of links: in its address space, and in its list of devices. False when there is no
 * memory for the tables. Boot only.
 */
bool links_attach(struct vm *vm);

/*
 * The VM is about to start, `up`, or has stopped: tells that to one of its links' other ends that has not
 * been told yet, by its register and its doorbell. False: there is none. Each call takes the lock of one
 * other VM's virtual GIC; none is held.
 */
bool link_tell_a_peer(struct vm *vm, bool up);

#endif
