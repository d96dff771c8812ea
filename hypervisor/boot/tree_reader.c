// SPDX-License-Identifier: Apache-2.0
/* Reading an untrusted device tree: see boot/tree_reader.h. */
#include "boot/tree_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <libfdt.h>

#define PATH_SIZE   64
#define REASON_SIZE 160

/* A word of the file may hold anything: only printable characters reach the console, and not too many. */
const char *tree_printable(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; i < size - 1 && from[i] != '\0'; i++)
        to[i] = (char)(from[i] > ' ' && from[i] <= '~' ? from[i] : '?');
    to[i] = '\0';
    return to;
}

int tree_fail(const struct tree_reader *reader, int node, const char *property, const char *format, ...)
{
    char raw[PATH_SIZE];
    char path[PATH_SIZE];
    char word[TREE_WORD_SIZE];
    char reason[REASON_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);

    if (node == TREE_NO_NODE) {
        snprintf(reader->error, reader->error_size, "%s", reason);
        return -1;
    }
    if (fdt_get_path(reader->fdt, node, raw, sizeof(raw)) == 0)
        tree_printable(path, sizeof(path), raw);
    else
        snprintf(path, sizeof(path), "(its name is too long)");
    if (property == NULL)
        snprintf(reader->error, reader->error_size, "node %s: %s", path, reason);
    else
        snprintf(reader->error, reader->error_size, "node %s: property %s: %s", path,
                 tree_printable(word, sizeof(word), property), reason);
    return -1;
}

uint32_t tree_cell(const void *data)
{
    fdt32_t cell;
    memcpy(&cell, data, sizeof(cell));
    return fdt32_to_cpu(cell);
}

const void *tree_get(const struct tree_reader *reader, int node, const char *property, size_t *length)
{
    int signed_length = 0;
    const void *data = fdt_getprop(reader->fdt, node, property, &signed_length);
    *length = data != NULL ? (size_t)signed_length : 0;
    return data;
}

bool tree_has(const struct tree_reader *reader, int node, const char *property)
{
    size_t length;
    return tree_get(reader, node, property, &length) != NULL;
}

int tree_read_number(const struct tree_reader *reader, int node, const char *property,
                     struct tree_range range, uint32_t *value)
{
    size_t length;
    const void *data = tree_get(reader, node, property, &length);
    if (data == NULL)
        return 0;
    if (length != TREE_CELL)
        return tree_fail(reader, node, property, "must be one cell, <...>, and not %zu bytes", length);

    uint32_t number = tree_cell(data);
    if (number < range.min || number > range.max)
        return tree_fail(reader, node, property, "%u is not in %u..%u", number, range.min, range.max);
    *value = number;
    return 0;
}

int tree_read_address(const struct tree_reader *reader, int node, const char *property, uint64_t *value)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, property, &length);
    if (data == NULL)
        return 0;
    if (length != TREE_CELL && length != 2 * TREE_CELL)
        return tree_fail(reader, node, property, "must be one or two cells and not %zu bytes", length);

    *value = tree_cell(data);
    if (length == 2 * TREE_CELL)
        *value = *value << 32 | tree_cell(data + TREE_CELL);
    return 0;
}

int tree_read_string(const struct tree_reader *reader, int node, const char *property, const char **value)
{
    size_t length;
    const char *data = tree_get(reader, node, property, &length);
    if (data == NULL)
        return 0;
    if (length == 0 || memchr(data, '\0', length) != data + length - 1)
        return tree_fail(reader, node, property, "must be one string");
    *value = data;
    return 0;
}

int tree_read_flag(const struct tree_reader *reader, int node, const char *property, bool *value)
{
    size_t length;
    *value = tree_get(reader, node, property, &length) != NULL;
    if (length != 0)
        return tree_fail(reader, node, property, "is true by being there and takes no value");
    return 0;
}

int tree_check_compatible(const struct tree_reader *reader, int node, const char *compatible)
{
    if (!tree_has(reader, node, "compatible"))
        return tree_fail(reader, node, "compatible", "missing, must be \"%s\"", compatible);
    if (fdt_node_check_compatible(reader->fdt, node, compatible) != 0)
        return tree_fail(reader, node, "compatible", "must be \"%s\"", compatible);
    return 0;
}

int tree_check_properties(const struct tree_reader *reader, int node, const char *const *known)
{
    int property;
    fdt_for_each_property_offset(property, reader->fdt, node)
    {
        const char *name = NULL;
        if (fdt_getprop_by_offset(reader->fdt, property, &name, NULL) == NULL)
            return tree_fail(reader, node, NULL, "has a damaged property");
        unsigned i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            return tree_fail(reader, node, name, "unknown property");
    }
    return 0;
}

int tree_check_no_subnodes(const struct tree_reader *reader, int node)
{
    int subnode = fdt_first_subnode(reader->fdt, node);
    return subnode < 0 ? 0 : tree_fail(reader, subnode, NULL, "unknown node");
}

int tree_check_unique(const struct tree_reader *reader, int node)
{
    const char *name = fdt_get_name(reader->fdt, node, NULL);
    int parent = fdt_parent_offset(reader->fdt, node);
    int other;
    fdt_for_each_subnode(other, reader->fdt, parent)
    {
        if (other != node && strcmp(fdt_get_name(reader->fdt, other, NULL), name) == 0)
            return tree_fail(reader, node, NULL, "two nodes of this name");
    }
    return 0;
}
