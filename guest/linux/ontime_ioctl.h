/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ontime: what a program in a guest may ask of the module. The usual caller is
 * guest/command.
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
 *
 * CONTROL makes one of the calls for VMs with `control`, ONTIME_CALL_VM_INFO to ONTIME_CALL_TRACE_READ
 * (ontime/abi.h). In `arguments` are what x1 to x4 shall be, and `results` gets x1 and x2. Where the call
 * takes a page, its argument is left out: `buffer` points to ONTIME_PAGE_SIZE bytes in user space that the
 * module copies from or to. To restart a VM with an image, `buffer` points to the image, and arguments[3] are
 * its bytes; the request returns when Ontime has taken the image. ENOTTY: no such call; EPERM: this VM has no
 * `control`; EINVAL: a bad argument; EBUSY: the VM's state does not allow it; EOPNOTSUPP: an older Ontime;
 * ENOMEM: no room for the image; EFBIG: an image larger than any VM can take.
 */
#ifndef ONTIME_IOCTL_H
#define ONTIME_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define ONTIME_DEVICE "/dev/ontime"
#define ONTIME_STATUS "/proc/ontime"

#define ONTIME_IOC_RUN   _IO(0xB7, 0)
#define ONTIME_IOC_MARK  _IO(0xB7, 1)
#define ONTIME_IOC_TRACE _IO(0xB7, 2)
#define ONTIME_IOC_EXACT _IO(0xB7, 3)

struct ontime_control {
    __u64 call;
    __u64 arguments[4];
    __u64 buffer;
    __u64 results[2];
};

#define ONTIME_IOC_CONTROL _IOWR(0xB7, 4, struct ontime_control)

#endif
