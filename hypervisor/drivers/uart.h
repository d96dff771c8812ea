/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's console UART: what a driver offers, and which drivers there are. */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stdint.h>

/* What the console needs of a UART driver. */
struct uart_driver {
    const char *compatible;
    void (*init)(uint64_t base);
    bool (*put)(char c);      /* false: full, try again */
    bool (*get)(char *c);     /* false: nothing there */
    void (*want_space)(bool); /* interrupt when put() would succeed again */
};

extern const struct uart_driver pl011_driver;

/* All of them, ended by NULL. */
extern const struct uart_driver *const uart_drivers[];

#endif
