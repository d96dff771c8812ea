/* SPDX-License-Identifier: GPL-2.0 */
/* The calls of VMs with `control`, for user space; see control.c. */
#ifndef ONTIME_CONTROL_REQUEST_H
#define ONTIME_CONTROL_REQUEST_H

#include "ontime_ioctl.h"

int control_start(void);
void control_stop(void);

/* Serves ONTIME_IOC_CONTROL. May sleep. Returns 0 or a negative error number. */
long control_request(struct ontime_control __user *request);

#endif
