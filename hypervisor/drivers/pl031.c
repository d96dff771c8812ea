/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for the Arm PL031. Nothing of it is written: it is the firmware's to set. */
#include "drivers/pl031.h"
#include "device_access.h"

#define DR       0x00
#define CR       0x0C
#define CR_START 1u

bool pl031_read(uint64_t base, uint32_t *seconds)
{
    *seconds = device_read32(base + DR);
    return (device_read32(base + CR) & CR_START) != 0;
}
