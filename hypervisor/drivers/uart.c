/* SPDX-License-Identifier: Apache-2.0 */
/* The UART drivers there are. */
#include "drivers/uart.h"
#include <stddef.h>

const struct uart_driver *const uart_drivers[] = {&pl011_driver, NULL};
