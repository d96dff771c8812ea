/* SPDX-License-Identifier: Apache-2.0 */
/* The list of UART drivers. */
#include "drivers/uart.h"
#include <stddef.h>
#include <string.h>

/* A DesignWare UART may say that it is a 16550A, too: its own driver comes first. */
const struct uart_driver *const uart_drivers[] = {
    &pl011_driver, &cadence_driver, &imx_uart_driver, &bcm_aux_uart_driver, &dw_uart_driver, &ns16550_driver,
    NULL,
};

/* A string that does not end within the list is none. */
static bool contains(const char *list, unsigned size, const char *name)
{
    size_t length = strlen(name) + 1;

    for (const char *end; size != 0 && (end = memchr(list, '\0', size)) != NULL; list = end + 1) {
        size_t taken = (size_t)(end + 1 - list);

        if (taken == length && memcmp(list, name, length) == 0)
            return true;
        size -= (unsigned)taken;
    }
    return false;
}

const struct uart_driver *uart_driver_find(const char *compatible, unsigned size)
{
    for (const struct uart_driver *const *driver = uart_drivers; *driver != NULL; driver++)
        for (const char *const *name = (*driver)->compatible; *name != NULL; name++)
            if (contains(compatible, size, *name))
                return *driver;
    return NULL;
}
