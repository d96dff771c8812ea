/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's console UART: what a driver offers, and which drivers there are. A driver has no lock; the
 * console never has two calls that write registers at the same time.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stdint.h>

/* Where a UART's registers are. They are mapped. */
struct uart_registers {
    uint64_t base;
    unsigned shift, width; /* for 16550s: register n lies n << shift bytes behind base, of 1 byte or of 4 */
};

struct uart_driver {
    const char *const *compatible; /* the nodes that the driver is for, ended by NULL */

    /*
     * Clears what is pending and enables the interrupt for input. Called once, before all other functions.
     */
    void (*init)(const struct uart_registers *registers);

    /* Sends a character. False when the UART is full; put() never waits. */
    bool (*put)(char c);

    /* Takes a character of input. False when there is none. */
    bool (*get)(char *c);

    /* Enables or disables the interrupt that comes when put() succeeds again. It is disabled at first. */
    void (*want_space)(bool wanted);

    /* Enables or disables the interrupt for input, which is enabled at first. */
    void (*want_input)(bool wanted);
};

extern const struct uart_driver bcm_aux_uart_driver;
extern const struct uart_driver cadence_driver;
extern const struct uart_driver dw_uart_driver;
extern const struct uart_driver imx_uart_driver;
extern const struct uart_driver ns16550_driver;
extern const struct uart_driver pl011_driver;

/* All drivers, ended by NULL. */
extern const struct uart_driver *const uart_drivers[];

/* The driver for a node with this `compatible`, a list of strings that has `size` bytes; NULL: there is none.
 */
const struct uart_driver *uart_driver_find(const char *compatible, unsigned size);

#endif
