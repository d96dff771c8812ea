/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ontime: what a program in a guest may ask of the module. The usual caller is launcher.c.
 *
 * RUN watches the sleeps of the calling thread, and of all that it forks from now on, until each exits.
 * EOPNOTSUPP: the module does not watch in this VM, as it said in the kernel's log; ENOSPC: too many tasks
 * are watched already.
 *
 * EXACT is RUN with sleeps that end to the microsecond (docs/linux-guest.md). ENOSYS: this kernel has no way
 * to do that.
 *
 * MARK puts a mark into Ontime's trace. The argument itself is the mark's number, 32 bits. EPERM: this VM is
 * not an observer; EINVAL: the number has more than 32 bits.
 *
 * TRACE writes the whole trace to the host console. EPERM: this VM is not an observer.
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
