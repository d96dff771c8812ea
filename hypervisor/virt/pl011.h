/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's UART: an Arm PL011 (Arm DDI 0183), revision 1.3 as on QEMU's virt machine. */
#ifndef VIRT_PL011_H
#define VIRT_PL011_H

#include <stdbool.h>
#include <stdint.h>
#include "core/lock.h"

/* The device has 32; more, so that pasted text is not lost while the guest is out. */
#define PL011_FIFO 1024

struct pl011 {
    struct spinlock lock;
    uint8_t fifo[PL011_FIFO]; /* received, not yet read */
    unsigned fifo_first, fifo_count;
    uint32_t ibrd, fbrd, lcr_h, control, ifls, mask, raw, dmacr;
    bool line; /* what the vGIC was told last */
};

/* As after a reset. */
void pl011_init(struct pl011 *uart);

#endif
