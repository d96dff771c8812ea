/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host console: one UART shared by Ontime and all guests, see console.c.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "drivers/uart.h"
#include "time/deadline_queue.h"

#define CONSOLE_LINE        256
#define CONSOLE_NAME_LENGTH 31

struct console_source;

/* A character of input for a source. */
typedef void console_deliver(struct console_source *source, char c);

/* A guest, which writes lines and reads input. Zero before console_add(). */
struct console_source {
    const char *name;
    char line[CONSOLE_LINE];
    unsigned length;     /* collected, not yet written */
    bool continued;      /* the line's beginning is on the screen already */
    uint64_t written_at; /* when the last character came */
    struct console_source *next;
    console_deliver *deliver;
};

/* Before init, output is kept; init begins to write it. The silence after a line is a deadline in `queue`. */
void console_init(const struct uart_driver *driver, struct deadline_queue *queue);

/* Writes `[ontime] text`. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a line made elsewhere, without length limit. */
void console_write_line(const char *line);

/* A source more; `name` has CONSOLE_NAME_LENGTH characters at most. The first one gets the input. */
void console_add(struct console_source *source, const char *name, console_deliver *deliver);

/* A guest's character; false when the console cannot take it now (its buffer is full). */
bool console_put(struct console_source *source, char c);
bool console_has_room(void);

/* The UART's interrupt: input to whom it belongs, output that waited. */
void console_interrupt(void);

/* Writes everything out, waiting for the UART: before the machine is switched off. */
void console_finish(void);

#endif
