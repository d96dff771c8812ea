// SPDX-License-Identifier: Apache-2.0
/*
 * Drives a second UART, a PL011 that the guest is given, by its interrupt: what comes on it is sent back,
 * with small letters as capitals. A `.` ends it.
 */
#include "bare.h"

#define FR_TXFF    0x20u
#define FR_RXFE    0x10u
#define UART_LCRH  0x02C
#define UART_CR    0x030
#define LCRH_8_BIT 0x60u
#define LCRH_FIFO  0x10u
#define CR_ON      0x301u /* to send and to receive */

static uintptr_t base;
static uint32_t intid;
static volatile unsigned came, sent;
static volatile bool ended;

static void send_back(uint8_t c)
{
    while ((mmio_read(base + UART_FR) & FR_TXFF) != 0) {
    }
    mmio_write(base + UART_DR, c >= 'a' && c <= 'z' ? c - 32u : c);
    ended = ended || c == '.';
    sent++;
}

static void take(void)
{
    uint32_t taken = gic_acknowledge();

    if (taken == intid) {
        came++;
        mmio_write(base + UART_ICR, UART_INT_RX); /* first: what comes from now on asks again */
        while ((mmio_read(base + UART_FR) & FR_RXFE) == 0)
            send_back((uint8_t)mmio_read(base + UART_DR));
    }
    if (taken != GIC_SPURIOUS)
        gic_end(taken);
}

static bool find(void)
{
    uint32_t size;
    const void *reg = tree_property("pl011@9040000", NULL, "reg", &size);
    const uint8_t *cells = tree_property("pl011@9040000", NULL, "interrupts", &size);

    if (reg == NULL || cells == NULL || size != 12)
        return false;
    base = tree_u64(reg);
    intid = GUEST_INTID_SPIS + cells[7];
    return true;
}

void guest_main(void)
{
    if (!find()) {
        result(false, "serial", ": there is no second UART in the tree\n");
        return;
    }
    mmio_write(base + UART_CR, 0);
    mmio_write(base + UART_LCRH, LCRH_8_BIT | LCRH_FIFO);
    mmio_write(base + UART_CR, CR_ON);
    mmio_write(base + UART_ICR, 0x7FF);
    mmio_write(base + UART_IMSC, UART_INT_RX);
    on_irq = take;
    gic_enable(intid);
    print("ready\n");
    while (!ended) {
        wfi();
        irq_enable();
        irq_disable();
    }
    result(came != 0, "serial", ": no interrupt\n");
    print("sent %u\n", sent);
}
