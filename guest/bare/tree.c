// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the device tree where it lies: just enough to find one property of one node, and the boot arguments.
 */
#include "bare.h"

#define BEGIN_NODE 1u
#define END_NODE   2u
#define PROPERTY   3u
#define NOP        4u

struct header {
    uint32_t magic, size, structure, strings;
};

static uint32_t big_endian(const void *cell)
{
    const uint8_t *b = cell;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t tree_u64(const void *cells)
{
    return (uint64_t)big_endian(cells) << 32 | big_endian((const uint8_t *)cells + 4);
}

static size_t length(const char *text)
{
    size_t count = 0;

    while (text[count] != '\0')
        count++;
    return count;
}

static bool same(const char *a, const char *b, size_t count)
{
    for (; count > 0; a++, b++, count--) {
        if (*a != *b)
            return false;
    }
    return true;
}

static bool equal(const char *a, const char *b)
{
    return same(a, b, length(b) + 1);
}

static bool has_string(const char *list, uint32_t size, const char *text)
{
    for (const char *s = list; s < list + size; s += length(s) + 1) {
        if (equal(s, text))
            return true;
    }
    return false;
}

static bool node_named(const char *node, const char *name)
{
    size_t count = length(name);

    return same(node, name, count) && (node[count] == '\0' || node[count] == '@');
}

/*
 * Reads the properties of one node; `at` is behind the node's name. Finds whether the node is compatible, and
 * where the wanted property is. Returns the first token behind the properties.
 */
static const char *read_node(const char *at, const char *strings, const char *compatible,
                             const char *property, bool *matches, const char **found, uint32_t *size)
{
    while (big_endian(at) == PROPERTY || big_endian(at) == NOP) {
        if (big_endian(at) == NOP) {
            at += 4;
            continue;
        }
        uint32_t bytes = big_endian(at + 4);
        const char *name = strings + big_endian(at + 8);
        if (equal(name, property)) {
            *found = at + 12;
            *size = bytes;
        }
        if (compatible != NULL && equal(name, "compatible") && has_string(at + 12, bytes, compatible))
            *matches = true;
        at += 12 + ((bytes + 3) & ~3u);
    }
    return at;
}

const void *tree_property(const char *node, const char *compatible, const char *property, uint32_t *size)
{
    const char *tree = (const char *)entry_state.x[0];
    const char *strings = tree + big_endian(tree + offsetof(struct header, strings));
    const char *at = tree + big_endian(tree + offsetof(struct header, structure));

    for (;;) {
        uint32_t token = big_endian(at);
        at += 4;
        if (token == END_NODE || token == NOP)
            continue;
        if (token != BEGIN_NODE)
            return NULL;
        bool matches = node != NULL && node_named(at, node);
        const char *found = NULL;
        at = read_node(at + ((length(at) + 4) & ~3ul), strings, compatible, property, &matches, &found, size);
        if (matches && found != NULL)
            return found;
    }
}

uint64_t ram_size(void)
{
    uint32_t size;
    const char *reg = tree_property("memory", NULL, "reg", &size);

    return tree_u64(reg + 8);
}

/* What stands behind the word `name` in the boot arguments: "" or "=...", or NULL. */
static const char *option_text(const char *name)
{
    uint32_t size;
    const char *at = tree_property("chosen", NULL, "bootargs", &size);
    size_t count = length(name);

    while (at != NULL && *at != '\0') {
        if (same(at, name, count) && (at[count] == '=' || at[count] == ' ' || at[count] == '\0'))
            return at + count;
        while (*at != ' ' && *at != '\0')
            at++;
        while (*at == ' ')
            at++;
    }
    return NULL;
}

bool option(const char *name)
{
    return option_text(name) != NULL;
}

bool option_is(const char *name, const char *value)
{
    const char *text = option_text(name);
    size_t count = length(value);

    return text != NULL && *text == '=' && same(text + 1, value, count) &&
           (text[count + 1] == ' ' || text[count + 1] == '\0');
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
    const char *text = option_text(name);
    uint64_t value = 0;

    if (text == NULL || *text != '=')
        return otherwise;
    for (text++; *text >= '0' && *text <= '9'; text++)
        value = 10 * value + (uint64_t)(*text - '0');
    return value;
}
