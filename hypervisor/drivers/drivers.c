/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "drivers/gic.h"
#include "drivers/uart.h"
extern const struct uart_driver pl011_driver;
const struct uart_driver *const uart_drivers[] = {&pl011_driver, NULL};
const struct gic_driver *const gic_drivers[] = {&gicv3_driver, &gicv2_driver, NULL};
const struct gic_driver *gic;
