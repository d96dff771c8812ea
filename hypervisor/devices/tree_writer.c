// SPDX-License-Identifier: Apache-2.0
#include "devices/tree_writer.h"
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

void tree_begin(struct tree_writer *writer, const char *name)
{
    if (writer->error == 0)
        writer->error = fdt_begin_node(writer->fdt, name);
}

void tree_begin_at(struct tree_writer *writer, const char *name, uint64_t address)
{
    char text[64];
    snprintf(text, sizeof(text), "%s@%lx", name, (unsigned long)address);
    tree_begin(writer, text);
}

void tree_begin_numbered(struct tree_writer *writer, const char *name, unsigned number)
{
    char text[32];
    snprintf(text, sizeof(text), "%s%u", name, number);
    tree_begin(writer, text);
}

void tree_end(struct tree_writer *writer)
{
    if (writer->error == 0)
        writer->error = fdt_end_node(writer->fdt);
}

void tree_put(struct tree_writer *writer, const char *name, const void *data, size_t size)
{
    if (writer->error == 0)
        writer->error = fdt_property(writer->fdt, name, data, (int)size);
}

void tree_put_flag(struct tree_writer *writer, const char *name)
{
    tree_put(writer, name, NULL, 0);
}

void tree_put_cell(struct tree_writer *writer, const char *name, uint32_t value)
{
    if (writer->error == 0)
        writer->error = fdt_property_u32(writer->fdt, name, value);
}

void tree_put_address(struct tree_writer *writer, const char *name, uint64_t value)
{
    if (writer->error == 0)
        writer->error = fdt_property_u64(writer->fdt, name, value);
}

void tree_put_string(struct tree_writer *writer, const char *name, const char *value)
{
    tree_put(writer, name, value, strlen(value) + 1);
}

void tree_put_cells(struct tree_writer *writer, const char *name, const uint32_t *cells, size_t count)
{
    fdt32_t values[TREE_CELLS_MAX];
    for (size_t i = 0; i < count; i++)
        values[i] = cpu_to_fdt32(cells[i]);
    tree_put(writer, name, values, count * sizeof(values[0]));
}

void *tree_put_room(struct tree_writer *writer, const char *name, size_t size)
{
    void *room = NULL;

    if (writer->error == 0)
        writer->error = fdt_property_placeholder(writer->fdt, name, (int)size, &room);
    return writer->error == 0 ? room : NULL;
}

void tree_put_reg(struct tree_writer *writer, uint64_t address, uint64_t size)
{
    TREE_PUT_CELLS(writer, "reg", (uint32_t)(address >> 32), (uint32_t)address, (uint32_t)(size >> 32),
                   (uint32_t)size);
}
