/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ontime: what a program in a guest may ask of the module. The launcher (launcher.c) is the usual
 * caller.
 *
 * RUN   watch the sleeps of the calling thread and of all that it forks from now on, until each exits.
 *       EOPNOTSUPP: this VM's timers are not "precise"; ENOSPC: too many tasks are watched already.
 * EXACT the same, and their sleeps end to the microsecond (docs/linux-guest.md). Also ENOSYS: this kernel
 * offers no way to do that. MARK  the argument itself is the mark's number, 32 bits. EPERM: this VM is no
 * observer. TRACE writes the whole trace to the host console. EPERM: this VM is no observer.
 */
#ifndef ONTIME_IOCTL_H
#define ONTIME_IOCTL_H

#include <linux/ioctl.h>

#define ONTIME_DEVICE "/dev/ontime"
#define ONTIME_STATUS "/proc/ontime"

#define ONTIME_IOC_RUN   _IO(0xB7, 0)
#define ONTIME_IOC_MARK  _IO(0xB7, 1)
#define ONTIME_IOC_TRACE _IO(0xB7, 2)
#define ONTIME_IOC_EXACT _IO(0xB7, 3)

#endif
