/* SPDX-License-Identifier: Apache-2.0 */
/* The words of ontime-service's command line: KIND:NAME=TARGET, and a target's options. */
#ifndef SERVICE_WORDS_H
#define SERVICE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORD_MOST = 256 };

struct word {
    char kind[16];
    char name[32];
    char target[WORD_MOST]; /* with the options */
};

bool word_read(struct word *word, const char *text);

/*
 * A target is VALUE[,OPTION[=VALUE]]... Takes the first part from `rest`, up to a comma, into `part`
 * (WORD_MOST bytes); false when nothing is left.
 */
bool word_next(const char **rest, char *part);
/* What follows NAME= in such a part, or NULL. */
const char *word_value(const char *part, const char *name);

/* xx:xx:xx:xx:xx:xx, not of a group and not zero. */
bool word_read_mac(const char *text, uint8_t *mac);
/* One of our own: locally administered, from the name, the same each time. */
void word_make_mac(const char *name, uint8_t *mac);

#endif
