/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's load or store at an emulated device. */
#ifndef DEVICES_MMIO_H
#define DEVICES_MMIO_H

#include <stdbool.h>
#include <stdint.h>

struct device;

/* For a store `value` is what is stored, for a load it is filled in. */
struct mmio_access {
    struct device *device; /* whose registers they are */
    uint64_t offset;       /* from the device's first byte */
    unsigned size;         /* bytes: 1, 2, 4 or 8; naturally aligned */
    bool write;
    uint64_t value;
    bool again; /* filled in: another core has been asked first; the guest is to execute the instruction again
                 */
};

#endif
