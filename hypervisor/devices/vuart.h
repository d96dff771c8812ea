/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's UART: an Arm PL011 (Arm DDI 0183) with the identification registers of the one on QEMU's virt
 * machine.
 */
#ifndef DEVICES_VUART_H
#define DEVICES_VUART_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "console/console.h"
#include "devices/mmio.h"
#include "vm/vm.h"

/*
 * Characters. A PL011 of this revision has 16; here are more, so that pasted text is not lost while the guest
 * is out.
 */
#define VUART_FIFO 1024

struct vuart {
    struct device device;
    struct vm *vm;
    struct console_source console; /* the other end of the line */
    struct spinlock lock;          /* for all below */
    uint8_t fifo[VUART_FIFO];      /* received, not yet read */
    unsigned fifo_first, fifo_count;
    uint32_t ibrd, fbrd, lcr_h, control, ifls, mask, raw, dmacr;
    bool line; /* the level of its interrupt that the vGIC was last told */
};

/* A UART for a new VM, on the console under the VM's name. Boot only. */
struct vuart *vuart_create(struct vm *vm);

#endif
