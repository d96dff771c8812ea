/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clock of seconds since 1970: an Arm PL031 (Arm DDI 0224). It is read once, at boot. */
#ifndef DRIVERS_PL031_H
#define DRIVERS_PL031_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the clock whose registers at `base` are mapped. False when it does not run. */
bool pl031_read(uint64_t base, uint32_t *seconds);

#endif
