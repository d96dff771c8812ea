/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host console: one UART shared by Ontime and all guests, see console.c.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "console/safe_text.h"
#include "drivers/uart.h"
#include "time/deadline_queue.h"

#define CONSOLE_LINE        256 /* of Ontime's own lines half of the most; what is copied at once of a guest's */
#define CONSOLE_LONG_LINE   16384 /* of a guest: a longer one is cut */
#define CONSOLE_NAME_LENGTH 31
#define CONSOLE_STOP_LINES  64 /* as many as there can be VMs */
#define CONSOLE_STOP_LINE   75 /* with its VM's name */

struct console_source;

/* Gives a character of input to the source. Called by console_interrupt(), without the console's lock. */
typedef void console_deliver(struct console_source *source, char c);

/* A guest, which writes lines and reads input. Zero before console_add(), but for `raw`. */
struct console_source {
    const char *name;
    bool raw; /* while it has the input, its output goes to the terminal as it is */
    _Atomic bool
        full; /* its owner's: the next character of input would be lost. False again when much has room */
    char prefix[CONSOLE_NAME_LENGTH + 4]; /* "[name] " */
    unsigned prefix_length;
    struct safe_text text;
    char line[CONSOLE_LONG_LINE];
    unsigned length;     /* characters collected and not yet written */
    unsigned word;       /* how many of them there are up to the last space; 0: there is none */
    bool acted;          /* they have raw control characters among them */
    unsigned part, done; /* of these: how many are being written, and how many of those are written */
    bool whole;          /* they end the line */
    bool continued;      /* the beginning of the line is written already */
    uint64_t written_at; /* when the last character came, ticks */
    struct console_source *next;
    console_deliver *deliver;
};

/*
 * Gives the console its UART, and writes what was printed before, the last 24 KiB of it. `queue` is that of
 * core 0, which serves the console; the deadline for silence after an unfinished line goes there. `tell` may
 * be called on any other core, and has core 0 call console_watch_silence(). Boot only.
 */
void console_init(const struct uart_driver *driver, struct deadline_queue *queue, void (*tell)(void));

/* On core 0: a source has written an unfinished line. */
void console_watch_silence(void);

/*
 * Writes `[ontime] text`, where the text has 511 characters at most, and no end of line. Waits for the UART
 * while the ring is full: for lines of the boot, and for the last ones. A line about a VM that stops does not
 * have to wait: each VM writes one at most, of CONSOLE_STOP_LINE characters, after console_is_calm().
 */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a text that is ready. */
void console_write_line(const char *line);

/*
 * The same for a line that a guest can cause at will. Never waits: false, and nothing is written, while there
 * is little room.
 */
bool console_offer(const char *line, size_t length);

/*
 * Is there room for console_print() by all VMs? What a guest repeats that calls it, such as a restart, is put
 * off until there is.
 */
bool console_is_calm(void);

/*
 * Adds a source. `name` has CONSOLE_NAME_LENGTH characters at most and stays where it is. The first source
 * gets the input. Boot only.
 */
void console_add(struct console_source *source, const char *name, console_deliver *deliver);

/* Takes a character that a guest writes. False when the console has no room for guests now. */
bool console_put(struct console_source *source, char c);

/* Would console_put() take a character now? */
bool console_has_room(void);

/* Handles the UART's interrupt: delivers input, and sends output that waited. */
void console_interrupt(void);

/* Writes everything out and waits until the UART has taken it: before the machine is switched off. */
void console_finish(void);

#endif
