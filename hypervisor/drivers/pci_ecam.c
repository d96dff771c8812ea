/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pci_ecam.h. The layout is that of PCI Express 5.0, 7.2.2 and 7.5.1. Functions 1 to 7 are looked at only
 * where function 0 says that there are several: others need not answer.
 */
#include "drivers/pci_ecam.h"
#include "device_access.h"

#define DEVICES   32
#define FUNCTIONS 8

#define DEVICE_SHIFT   15
#define FUNCTION_SHIFT 12

#define ID             0x00
#define COMMAND        0x04
#define COMMAND_MASTER 0x4u
#define COMMAND_MASK   0xFFFFu /* the other half is Status, whose ones clear it */
#define HEADER         0x0C
#define HEADER_SEVERAL 0x800000u

#define NO_VENDOR 0xFFFFu

/* False: there is none. */
static bool stop_master(uint64_t function)
{
    uint32_t command;

    if ((device_read32(function + ID) & NO_VENDOR) == NO_VENDOR)
        return false;
    command = device_read32(function + COMMAND) & COMMAND_MASK;
    device_write32(function + COMMAND, command & ~COMMAND_MASTER);
    (void)device_read32(function + COMMAND); /* comes after what it has written to memory */
    return true;
}

bool pci_ecam_stop_masters(uint64_t base, unsigned step)
{
    uint64_t device = base + ((uint64_t)step << DEVICE_SHIFT);

    if (stop_master(device) && (device_read32(device + HEADER) & HEADER_SEVERAL) != 0)
        for (uint64_t n = 1; n < FUNCTIONS; n++)
            (void)stop_master(device + (n << FUNCTION_SHIFT));
    return step + 1 >= DEVICES;
}
