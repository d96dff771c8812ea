/* SPDX-License-Identifier: Apache-2.0 */
/* The list of UART drivers. */
#include "drivers/uart.h"
#include <stddef.h>

const struct uart_driver *const uart_drivers[] = {&pl011_driver, NULL};
