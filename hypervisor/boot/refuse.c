/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end for an image that was not entered at EL2, with the MMU off. All memory is device memory then:
 * nothing here may use atomic or unaligned accesses, so that there is no console and no lock.
 */
#include <stdio.h>
#include "base/arch.h"
#include "boot/arch_boot.h"
#include "boot/board.h"
#include "drivers/uart.h"

#define LINE     128
#define PATIENCE 1000000 /* looks at a UART that is full */

_Noreturn void boot_refuse(const void *tree, unsigned level);

static void say(const struct uart_driver *uart, const char *text)
{
    unsigned patience = PATIENCE;

    while (*text != '\0' && patience-- != 0)
        if (uart->put(*text))
            text++;
}

_Noreturn void boot_refuse(const void *tree, unsigned level)
{
    static struct board board;
    const char *missing = board_read(tree, &board);
    const struct uart_driver *uart = uart_driver_find(board.uart_compatible, board.uart_compatible_size);
    const struct uart_registers registers = {board.uart.start, board.uart_shift, board.uart_width};
    char line[LINE];

    (void)missing; /* the UART may be known all the same */
    if (uart != NULL) {
        uart->init(&registers);
        snprintf(line, sizeof(line),
                 "[ontime] entered at EL%u: Ontime needs EL2 (docs/getting-started.md)\r\n", level);
        say(uart, line);
    }
    arch_firmware_init(board.psci && level == 1, board.psci_by_hvc);
    arch_system_off();
}
