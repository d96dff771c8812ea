/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for the Arm PL011 (Arm DDI 0183). Speed and format stay as the firmware has set them. */
#include "drivers/uart.h"
#include <stddef.h>
#include "device_access.h"

#define DR   0x00
#define FR   0x18
#define CR   0x30
#define IMSC 0x38
#define ICR  0x44

#define FR_RXFE 0x10u
#define FR_TXFF 0x20u
#define CR_ON   0x301u /* UART, transmitter and receiver enabled */
#define INT_RX  0x10u  /* the receive FIFO is filled up to its level */
#define INT_TX  0x20u  /* the transmit FIFO is drained down to its level */
#define INT_RT  0x40u  /* characters wait in the receive FIFO, and no other has come for a while */

static uint64_t base;
static uint32_t mask; /* the interrupts that are enabled */

static void pl011_start(const struct uart_registers *registers)
{
    base = registers->base;
    device_write32(base + IMSC, 0);
    device_write32(base + ICR, 0x7FF);
    device_write32(base + CR, CR_ON);
    mask = INT_RX | INT_RT;
    device_write32(base + IMSC, mask);
}

static bool pl011_put(char c)
{
    if ((device_read32(base + FR) & FR_TXFF) != 0)
        return false;
    device_write32(base + DR, (uint8_t)c);
    return true;
}

static bool pl011_get(char *c)
{
    if ((device_read32(base + FR) & FR_RXFE) != 0)
        return false;
    *c = (char)device_read32(base + DR);
    return true;
}

static void want(uint32_t interrupts, bool wanted)
{
    uint32_t changed = wanted ? mask | interrupts : mask & ~interrupts;

    if (changed == mask)
        return;
    mask = changed;
    device_write32(base + IMSC, mask);
}

static void pl011_want_space(bool wanted)
{
    want(INT_TX, wanted);
}

static void pl011_want_input(bool wanted)
{
    want(INT_RX | INT_RT, wanted);
}

static const char *const compatible[] = {"arm,pl011", NULL};

const struct uart_driver pl011_driver = {
    .compatible = compatible,
    .init = pl011_start,
    .put = pl011_put,
    .get = pl011_get,
    .want_space = pl011_want_space,
    .want_input = pl011_want_input,
};
