// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "words.h"

enum { MAC_SIZE = 6 };

static bool take(char *to, size_t room, const char *from, size_t length)
{
    if (length == 0 || length >= room)
        return false;
    memcpy(to, from, length);
    to[length] = 0;
    return true;
}

bool word_read(struct word *word, const char *text)
{
    const char *colon = strchr(text, ':'), *equals = strchr(text, '=');

    if (!colon || !equals || equals < colon)
        return false;
    return take(word->kind, sizeof(word->kind), text, (size_t)(colon - text)) &&
           take(word->name, sizeof(word->name), colon + 1, (size_t)(equals - colon - 1)) &&
           !strchr(word->name, '/') &&
           take(word->target, sizeof(word->target), equals + 1, strlen(equals + 1));
}

bool word_next(const char **rest, char *part)
{
    size_t length = strcspn(*rest, ",");

    if (**rest == 0)
        return false;
    if (length >= WORD_MOST)
        length = WORD_MOST - 1;
    memcpy(part, *rest, length);
    part[length] = 0;
    *rest += length;
    if (**rest == ',')
        (*rest)++;
    return true;
}

const char *word_value(const char *part, const char *name)
{
    size_t length = strlen(name);

    return strncmp(part, name, length) == 0 && part[length] == '=' ? part + length + 1 : NULL;
}

bool word_read_mac(const char *text, uint8_t *mac)
{
    unsigned byte[MAC_SIZE], sum = 0;
    int end = 0;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4], &byte[5],
               &end) != MAC_SIZE ||
        text[end] != 0)
        return false;
    for (int i = 0; i < MAC_SIZE; i++) {
        mac[i] = (uint8_t)byte[i];
        sum |= byte[i];
    }
    return sum != 0 && (mac[0] & 1) == 0;
}

/* FNV-1a */
void word_make_mac(const char *name, uint8_t *mac)
{
    uint64_t hash = 0xCBF29CE484222325;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001B3;
    mac[0] = 0x02;
    for (int i = 1; i < MAC_SIZE; i++)
        mac[i] = (uint8_t)(hash >> (8 * i));
}
