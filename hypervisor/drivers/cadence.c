/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the Cadence UART of Xilinx' Zynq UltraScale+ (UG1085, chapter "UART Controllers"; registers:
 * UG1087, module UART). Speed and format stay as the firmware has set them.
 *
 * What happened stays in the interrupt status until it is cleared there, also when it is no longer so. Each
 * of the two that are used is cleared only while the FIFO says the opposite, and the FIFO is looked at once
 * more behind that: what comes meanwhile is seen then, or sets the status again.
 */
#include "drivers/uart.h"
#include <stddef.h>
#include "device_access.h"

#define CR    0x00 /* control */
#define IER   0x08 /* enables interrupts */
#define IDR   0x0C /* disables interrupts */
#define ISR   0x14 /* a 1 that is written clears */
#define RTRIG 0x20 /* of how many characters in the receive FIFO an interrupt comes */
#define SR    0x2C /* what is so now */
#define FIFO  0x30

#define CR_ON     0x14u /* receiver and transmitter enabled */
#define INT_RTRIG 0x01u /* the receive FIFO has come to its level */
#define INT_EMPTY 0x08u /* the transmit FIFO has become empty */
#define INT_ALL   0x1FFFu
#define SR_REMPTY 0x02u
#define SR_TFUL   0x10u

static uint64_t base;
static uint32_t enabled; /* the interrupts that are enabled */

static void want(uint32_t interrupt, bool wanted)
{
    if (wanted == ((enabled & interrupt) != 0))
        return;
    enabled ^= interrupt;
    device_write32(base + (wanted ? IER : IDR), interrupt);
}

/* INT_EMPTY is not cleared: the FIFO may be empty already. */
static void cadence_start(const struct uart_registers *registers)
{
    base = registers->base;
    device_write32(base + IDR, INT_ALL);
    device_write32(base + ISR, INT_ALL & ~INT_EMPTY);
    device_write32(base + RTRIG, 1);
    device_write32(base + CR, CR_ON);
    enabled = 0;
    want(INT_RTRIG, true);
}

/* Is it so, also when what is pending for the opposite has been cleared? */
static bool is_still(uint32_t state, uint32_t interrupt)
{
    if ((device_read32(base + SR) & state) == 0)
        return false;
    device_write32(base + ISR, interrupt);
    return (device_read32(base + SR) & state) != 0;
}

static bool cadence_put(char c)
{
    if (is_still(SR_TFUL, INT_EMPTY))
        return false;
    device_write32(base + FIFO, (uint8_t)c);
    return true;
}

static bool cadence_get(char *c)
{
    if (is_still(SR_REMPTY, INT_RTRIG))
        return false;
    *c = (char)device_read32(base + FIFO);
    return true;
}

static void cadence_want_space(bool wanted)
{
    want(INT_EMPTY, wanted);
}

static void cadence_want_input(bool wanted)
{
    want(INT_RTRIG, wanted);
}

static const char *const compatible[] = {"cdns,uart-r1p12", "cdns,uart-r1p8", "xlnx,xuartps", NULL};

const struct uart_driver cadence_driver = {
    .compatible = compatible,
    .init = cadence_start,
    .put = cadence_put,
    .get = cadence_get,
    .want_space = cadence_want_space,
    .want_input = cadence_want_input,
};
