/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_mmio.h. Status is 0 again when the reset is complete (virtio 1.2, 2.4.1 and 4.2.2). */
#include "drivers/virtio_mmio.h"
#include "device_access.h"

#define STATUS 0x070

bool virtio_mmio_reset(uint64_t base, unsigned step)
{
    if (step == 0)
        device_write32(base + STATUS, 0);
    return device_read32(base + STATUS) == 0;
}
