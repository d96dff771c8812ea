/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's output as text that a terminal only prints, see safe_text.c. */
#ifndef CONSOLE_SAFE_TEXT_H
#define CONSOLE_SAFE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The most characters that one call writes: three bytes of an unfinished character, and one more. */
#define SAFE_TEXT_MAX 16

/* Zero at first. */
struct safe_text {
    uint8_t held[3]; /* the first bytes of a character in UTF-8 */
    uint8_t held_count;
    bool returned; /* a CR has come: the next byte says whether it belongs to an end of line */
};

/* Takes a byte that is no LF. Writes how it is shown to `to`, and returns how many characters that is. */
unsigned safe_text_take(struct safe_text *text, uint8_t byte, char *to);

/* Takes an LF: writes what is left of the line before it. */
unsigned safe_text_end(struct safe_text *text, char *to);

#endif
