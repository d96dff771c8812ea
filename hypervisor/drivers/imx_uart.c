/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the UART of NXP's i.MX from the i.MX21 on (i.MX 8M Plus Applications Processor Reference
 * Manual, IMX8MPRM, chapter "Universal Asynchronous Receiver/Transmitter (UART)"). Speed, format and flow
 * control stay as the firmware has set them.
 */
#include "drivers/uart.h"
#include <stddef.h>
#include "device_access.h"

#define URXD 0x00
#define UTXD 0x40
#define UCR1 0x80
#define UCR2 0x84
#define UCR3 0x88
#define UCR4 0x8C
#define UFCR 0x90
#define UTS  0xB4

#define UCR1_UARTEN    0x0001u
#define UCR1_RRDYEN    0x0200u /* interrupt: the receive FIFO is filled up to its level */
#define UCR1_TRDYEN    0x2000u /* interrupt: the transmit FIFO is drained down to its level */
#define UCR2_NO_RESET  0x0001u
#define UCR2_ON        0x0006u /* receiver and transmitter enabled */
#define UCR2_INTS      0x8018u /* ESCI, RTSEN, ATEN */
#define UCR3_INTS      0x3879u /* DTREN, PARERREN, FRAERREN, RXDSEN, AIRINTEN, AWAKEN, DTRDEN, ACIEN */
#define UCR4_INTS      0x01CFu /* ENIRI, WKEN, IDDMAEN, TCEN, BKEN, OREN, DREN */
#define UFCR_LEVELS    0xFC3Fu
#define UFCR_TXTL_HALF 0x4000u /* 16 of 32 characters */
#define UFCR_RXTL_ONE  0x0001u
#define UTS_RXEMPTY    0x0020u
#define UTS_TXFULL     0x0010u

static uint64_t base;
static uint32_t ucr1;

static void clear_and_set(uint32_t offset, uint32_t clear, uint32_t set)
{
    device_write32(base + offset, (device_read32(base + offset) & ~clear) | set);
}

/* UCR1 has the enable bits of DMA as well: all off. */
static void imx_uart_start(const struct uart_registers *registers)
{
    base = registers->base;
    device_write32(base + UCR1, UCR1_UARTEN);
    clear_and_set(UCR2, UCR2_INTS, UCR2_ON | UCR2_NO_RESET);
    clear_and_set(UCR3, UCR3_INTS, 0);
    clear_and_set(UCR4, UCR4_INTS, 0);
    clear_and_set(UFCR, UFCR_LEVELS, UFCR_TXTL_HALF | UFCR_RXTL_ONE);
    ucr1 = UCR1_UARTEN | UCR1_RRDYEN;
    device_write32(base + UCR1, ucr1);
}

static bool imx_uart_put(char c)
{
    if ((device_read32(base + UTS) & UTS_TXFULL) != 0)
        return false;
    device_write32(base + UTXD, (uint8_t)c);
    return true;
}

static bool imx_uart_get(char *c)
{
    if ((device_read32(base + UTS) & UTS_RXEMPTY) != 0)
        return false;
    *c = (char)device_read32(base + URXD);
    return true;
}

static void want(uint32_t interrupt, bool wanted)
{
    uint32_t changed = wanted ? ucr1 | interrupt : ucr1 & ~interrupt;

    if (changed == ucr1)
        return;
    ucr1 = changed;
    device_write32(base + UCR1, ucr1);
}

static void imx_uart_want_space(bool wanted)
{
    want(UCR1_TRDYEN, wanted);
}

static void imx_uart_want_input(bool wanted)
{
    want(UCR1_RRDYEN, wanted);
}

static const char *const compatible[] = {"fsl,imx6q-uart", "fsl,imx53-uart", "fsl,imx21-uart", NULL};

const struct uart_driver imx_uart_driver = {
    .compatible = compatible,
    .init = imx_uart_start,
    .put = imx_uart_put,
    .get = imx_uart_get,
    .want_space = imx_uart_want_space,
    .want_input = imx_uart_want_input,
};
