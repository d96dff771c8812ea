/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's UART: an Arm PL011 (Arm DDI 0183) with the identification registers of the one on QEMU's virt
 * machine.
 */
#ifndef DEVICES_VUART_H
#define DEVICES_VUART_H

#include <stdatomic.h>
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

/*
 * What the guest has sent, for VMs that control it. Positions count the bytes since the boot; byte n is at n
 * modulo VUART_HISTORY. Who reads it takes no lock, and looks afterwards how far the writer has come.
 */
#define VUART_HISTORY 32768
#define VUART_MARGIN  64 /* bytes: on another core a new one may be seen before its position is */

struct vuart_history {
    _Atomic uint64_t written; /* the next position */
    char bytes[VUART_HISTORY];
};

struct vuart {
    struct device device;
    struct vm *vm;
    struct console_source console; /* the other end of the line */
    struct spinlock lock;          /* for all below */
    uint8_t fifo[VUART_FIFO];      /* received, not yet read */
    unsigned fifo_first, fifo_count;
    uint32_t ibrd, fbrd, lcr_h, control, ifls, mask, raw, dmacr;
    bool line;                     /* the level of its interrupt that the vGIC was last told */
    struct vuart_history *history; /* NULL: no VM can read it */
};

/* A UART for a new VM, on the console under the VM's name. Boot only. */
struct vuart *vuart_create(struct vm *vm);

/* From now on what the guest sends is kept. Boot only. */
void vuart_keep_history(struct vuart *uart);

/* The next position; and the first that is kept, or that is kept until `more` bytes are written. */
uint64_t vuart_history_end(const struct vuart *uart);
uint64_t vuart_history_from(const struct vuart *uart, unsigned more);

/* Copies the bytes from a position on, whether they are kept or not. */
void vuart_history_copy(const struct vuart *uart, uint64_t from, unsigned count, char *to);

/* Types bytes, on any core. Returns how many the receive FIFO had room for. */
unsigned vuart_type(struct vuart *uart, const uint8_t *bytes, unsigned count);

#endif
