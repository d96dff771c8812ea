/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's UART: an Arm PL011 (Arm DDI 0183), revision 1.3 as on QEMU's virt machine. */
#ifndef DEVICES_VUART_H
#define DEVICES_VUART_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "console/console.h"
#include "devices/mmio.h"
#include "vm/vm.h"

/* The device has 32; more, so that pasted text is not lost while the guest is out. */
#define VUART_FIFO 1024

struct vuart {
    struct vm *vm;
    struct console_source console; /* the other end of the line */
    struct spinlock lock;          /* what follows */
    uint8_t fifo[VUART_FIFO];      /* received, not yet read */
    unsigned fifo_first, fifo_count;
    uint32_t ibrd, fbrd, lcr_h, control, ifls, mask, raw, dmacr;
    bool line; /* what the vGIC was told last */
};

/* A UART for a new VM, on the console under the VM's name. Boot only. */
struct vuart *vuart_create(struct vm *vm);

/* As after a reset. */
void vuart_reset(struct vuart *uart);

/* A guest's access. False: it is wider than the registers. */
bool vuart_access(struct vcpu *vcpu, struct mmio_access *access);

#endif
