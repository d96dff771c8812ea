/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON (RFC 8259) in one line. A key is NULL in an array and for the whole. Keys need no escapes. The
 * caller closes what it opens.
 */
#ifndef COMMAND_JSON_H
#define COMMAND_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool comma; /* before the next value */
};

void json_open(struct json *json, const char *key, char bracket); /* { or [ */
void json_close(struct json *json, char bracket);                 /* } or ] */
void json_number(struct json *json, const char *key, uint64_t value);
void json_real(struct json *json, const char *key,
               double value); /* three decimals; null if it is no number */
void json_bool(struct json *json, const char *key, bool value);
void json_text(struct json *json, const char *key, const char *text);

#endif
