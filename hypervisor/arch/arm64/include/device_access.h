/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes of a device's registers, which arch_map_device() has mapped: each is one access of that
 * size, in program order with the others. Tests on the host have their own, see arch/fake/include.
 */
#ifndef ARM64_DEVICE_ACCESS_H
#define ARM64_DEVICE_ACCESS_H

#include <stdint.h>

static inline uint32_t device_read32(uint64_t address)
{
    return *(const volatile uint32_t *)(uintptr_t)address;
}

static inline void device_write32(uint64_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}

static inline uint8_t device_read8(uint64_t address)
{
    return *(const volatile uint8_t *)(uintptr_t)address;
}

static inline void device_write8(uint64_t address, uint8_t value)
{
    *(volatile uint8_t *)(uintptr_t)address = value;
}

static inline void device_write64(uint64_t address, uint64_t value)
{
    *(volatile uint64_t *)(uintptr_t)address = value;
}

#endif
