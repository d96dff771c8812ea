/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the 16550A (Texas Instruments PC16550D, SNLS378, chapter "Registers") and two UARTs that are
 * like it. Speed and format stay as the firmware has set them.
 *
 * DesignWare's (Synopsys DW_apb_uart): the FIFO may be missing; an interrupt that no enable bit disables
 * tells that LCR was written while it was busy. The mini UART of Broadcom's BCM2711 (BCM2711 ARM Peripherals,
 * chapter 2, "Auxiliaries"): LSR tells of room for one character, not of an empty FIFO, and IER wants two
 * more bits.
 */
#include "drivers/uart.h"
#include <stddef.h>
#include "device_access.h"

/* Numbers of registers. */
#define DATA 0
#define IER  1
#define IIR  2 /* read */
#define FCR  2 /* written */
#define MCR  4
#define LSR  5
#define USR  31 /* DesignWare only */

#define IER_RX       0x01u
#define IER_TX       0x02u
#define IER_BCM      0x0Cu /* no interrupt comes without these: errata of the BCM2835's manual, page 12 */
#define IIR_FIFOS    0xC0u
#define FCR_FIFOS_ON 0x01u /* an interrupt for each character that is received */
#define MCR_OUT2     0x08u /* connects the interrupt */
#define LSR_DATA     0x01u
#define LSR_SPACE    0x20u
#define FIFO_SIZE    16

static struct uart_registers at;
static uint32_t ier;
static unsigned batch; /* so many characters fit when LSR tells of space */
static unsigned room;  /* so many of these have not been sent yet */

static uint32_t get_register(unsigned number)
{
    uint64_t address = at.base + ((uint64_t)number << at.shift);

    return at.width == 4 ? device_read32(address) : device_read8(address);
}

static void set_register(unsigned number, uint32_t value)
{
    uint64_t address = at.base + ((uint64_t)number << at.shift);

    if (at.width == 4)
        device_write32(address, value);
    else
        device_write8(address, (uint8_t)value);
}

static void enable_input(uint32_t more)
{
    room = 0;
    ier = IER_RX | more;
    set_register(IER, ier);
}

static void ns16550_start(const struct uart_registers *registers)
{
    at = *registers;
    set_register(IER, 0);
    set_register(FCR, FCR_FIFOS_ON);
    batch = (get_register(IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_SIZE : 1;
    set_register(MCR, get_register(MCR) | MCR_OUT2);
    enable_input(0);
}

/* Reading USR ends the interrupt that tells of LCR. */
static void ns16550_start_dw(const struct uart_registers *registers)
{
    ns16550_start(registers);
    (void)get_register(USR);
}

/* Its binding has neither reg-shift nor reg-io-width. */
static void ns16550_start_bcm(const struct uart_registers *registers)
{
    at = (struct uart_registers){registers->base, 2, 4};
    set_register(IER, 0);
    batch = 1;
    enable_input(IER_BCM);
}

static bool ns16550_put(char c)
{
    if (room == 0 && (get_register(LSR) & LSR_SPACE) != 0)
        room = batch;
    if (room == 0)
        return false;
    room--;
    set_register(DATA, (uint8_t)c);
    return true;
}

static bool ns16550_get(char *c)
{
    if ((get_register(LSR) & LSR_DATA) == 0)
        return false;
    *c = (char)get_register(DATA);
    return true;
}

static void want(uint32_t interrupt, bool wanted)
{
    uint32_t changed = wanted ? ier | interrupt : ier & ~interrupt;

    if (changed == ier)
        return;
    ier = changed;
    set_register(IER, ier);
}

static void ns16550_want_space(bool wanted)
{
    want(IER_TX, wanted);
}

static void ns16550_want_input(bool wanted)
{
    want(IER_RX, wanted);
}

static const char *const ns16550_compatible[] = {"ns16550a", "ns16550", NULL};
static const char *const dw_compatible[] = {"snps,dw-apb-uart", NULL};
static const char *const bcm_compatible[] = {"brcm,bcm2835-aux-uart", NULL};

#define FUNCTIONS                                                                                            \
    .put = ns16550_put, .get = ns16550_get, .want_space = ns16550_want_space, .want_input = ns16550_want_input

const struct uart_driver ns16550_driver = {
    .compatible = ns16550_compatible, .init = ns16550_start, FUNCTIONS};

const struct uart_driver dw_uart_driver = {.compatible = dw_compatible, .init = ns16550_start_dw, FUNCTIONS};

const struct uart_driver bcm_aux_uart_driver = {
    .compatible = bcm_compatible, .init = ns16550_start_bcm, FUNCTIONS};
