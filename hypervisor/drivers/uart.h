/* SPDX-License-Identifier: Apache-2.0 */
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
extern const struct uart_driver *const uart_drivers[];
#endif
