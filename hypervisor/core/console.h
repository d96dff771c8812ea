/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host console: one UART shared by Ontime and all guests, see console.c.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE 256

struct uart_driver;

/* One who writes lines: a guest, or Ontime itself. */
struct console_source {
    const char *name;
    char line[CONSOLE_LINE];
    unsigned length;     /* collected, not yet written */
    bool continued;      /* the line's beginning is on the screen already */
    uint64_t written_at; /* when the last character came */
    struct console_source *next;
    void *guest; /* for input: handed to console_deliver() */
};

/* Before init, output is kept; init begins to write it. */
void console_init(const struct uart_driver *driver);

/* Writes `[ontime] text`. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a line made elsewhere, without length limit. */
void console_write_line(const char *line);

void console_add(struct console_source *source, const char *name, void *guest);

/* A guest's character; false when the console cannot take it now (its buffer is full). */
bool console_put(struct console_source *source, char c);
bool console_has_room(void);

/* The UART's interrupt: input to whom it belongs, output that waited. */
void console_interrupt(void);

/* Writes everything out, waiting for the UART: before the machine is switched off. */
void console_finish(void);

/* The virtual UART's side (virt/pl011.c): a character of input for a guest. */
void console_deliver(void *guest, char c);

#endif
