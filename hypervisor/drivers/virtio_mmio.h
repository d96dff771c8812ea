/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device of the machine on virtio-mmio (virtio 1.2, 4.2): nothing but its reset. */
#ifndef DRIVERS_VIRTIO_MMIO_H
#define DRIVERS_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_MMIO_COMPATIBLE "virtio,mmio"
#define VIRTIO_MMIO_SIZE       0x100 /* of the registers that all such devices have, bytes */

/*
 * A step of resetting the device whose registers at `base` are mapped for EL2: step 0 asks for it, and all
 * look whether it is done. True when it is: the device does not touch memory any more. A legacy device and a
 * slot without a device do the same.
 */
bool virtio_mmio_reset(uint64_t base, unsigned step);

#endif
