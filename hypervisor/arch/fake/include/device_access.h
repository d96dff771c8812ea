/* SPDX-License-Identifier: Apache-2.0 */
/* A device's registers, which a driver's test has in tests/unit/fake_registers.c. */
#ifndef FAKE_DEVICE_ACCESS_H
#define FAKE_DEVICE_ACCESS_H

#include <stdint.h>

uint32_t device_read32(uint64_t address);
void device_write32(uint64_t address, uint32_t value);
uint8_t device_read8(uint64_t address);
void device_write8(uint64_t address, uint8_t value);
void device_write64(uint64_t address, uint64_t value);

#endif
