/* SPDX-License-Identifier: GPL-2.0 */
/* What user space sees: /dev/ontime and /proc/ontime; see device.c. */
#ifndef ONTIME_DEVICE_H
#define ONTIME_DEVICE_H

#include <linux/types.h>

int device_start(bool watching);
void device_stop(void);

#endif
