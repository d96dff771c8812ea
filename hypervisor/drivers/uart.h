/* SPDX-License-Identifier: Apache-2.0 */
/* The UART drivers there are; what a driver offers is in core/console.h. */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include "core/console.h"

extern const struct uart_driver pl011_driver;

#endif
