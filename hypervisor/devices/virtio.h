/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices that one VM drives and another serves: `virtio-NAME` of the system file. The driver has the
 * registers of virtio-mmio, the service those of include/ontime/service.h, and the driver's RAM.
 */
#ifndef DEVICES_VIRTIO_H
#define DEVICES_VIRTIO_H

#include <stdbool.h>
#include "vm/vm.h"

/* Makes the virtio devices of a system. Boot only, before the first VM's devices. */
void virtio_create(const struct system_config *config);

/* Gives a new VM the registers of those that it drives and serves. False when it has no room. Boot only. */
bool virtio_attach(struct vm *vm);

/*
 * Maps the RAM of the VMs that drive devices into those that serve them. All VMs are made. False when there
 * is no memory for the tables. Boot only.
 */
bool virtio_map(void);

/*
 * The VM is about to start, `up`, or has stopped: tells that to one service that has not been told yet.
 * False: there is none. Each call takes the lock of one other VM's virtual GIC; none is held.
 */
bool virtio_tell_a_service(struct vm *vm, bool up);

/*
 * The VM has stopped, and all its vCPUs are off. One step: what it serves is not served any more, and
 * services leave the rings of what it drives. For that it waits one second at most, and then, to say that one
 * has not, another one at most for room on the console. True: it is not over.
 */
bool virtio_stop(struct vm *vm, bool for_good);

#endif
