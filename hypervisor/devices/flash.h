/* SPDX-License-Identifier: Apache-2.0 */
/* An erased flash, see GUEST_FLASH_BASE: it reads as ones, and what is written is lost. */
#ifndef DEVICES_FLASH_H
#define DEVICES_FLASH_H

#include "vm/device.h"

/* The one of all VMs, as it has no state. */
extern struct device flash;

#endif
