/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's console UART: what a driver offers, and which drivers there are. A driver has no lock; the
 * console never has two calls that write registers at the same time.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stdint.h>

struct uart_driver {
    const char *compatible; /* the node's first one */

    /*
     * Clears what is pending and enables the interrupt for input. The registers at `base` are mapped. Called
     * once, before all other functions.
     */
    void (*init)(uint64_t base);

    /* Sends a character. False when the UART is full; put() never waits. */
    bool (*put)(char c);

    /* Takes a character of input. False when there is none. */
    bool (*get)(char *c);

    /* Enables or disables the interrupt that comes when put() succeeds again. It is disabled at first. */
    void (*want_space)(bool wanted);

    /* Enables or disables the interrupt for input, which is enabled at first. */
    void (*want_input)(bool wanted);
};

extern const struct uart_driver pl011_driver;

/* All drivers, ended by NULL. */
extern const struct uart_driver *const uart_drivers[];

#endif
