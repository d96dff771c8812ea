/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a device tree front to back, with libfdt's sequential functions. They do not move what is written
 * already, nor use SIMD registers, which EL2 must leave alone.
 *
 * The first error of libfdt is kept in the writer, and nothing is written after it. So it is looked at once,
 * at the end.
 */
#ifndef DEVICES_TREE_WRITER_H
#define DEVICES_TREE_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct tree_writer {
    void *fdt;
    int error; /* libfdt's first, or 0 */
};

/* The phandles of nodes that every guest's tree has. */
#define TREE_PHANDLE_GIC   1
#define TREE_PHANDLE_CLOCK 2  /* a fixed clock of 24 MHz */
#define TREE_PHANDLE_CPU   3  /* of vCPU 0; the others follow */
#define TREE_PHANDLE_LINK  16 /* of the first link's memory; the others follow */

/* From here on: of what is the machine's, see boot/given_device.c. */
#define TREE_PHANDLE_GIVEN_CLOCK 0x1000
#define TREE_PHANDLE_GIVEN       0x10000

/* Interrupt specifiers: kind, number, flags. PPI n is INTID 16 + n, SPI n is INTID 32 + n. */
#define TREE_SPI         0
#define TREE_PPI         1
#define TREE_EDGE_RISING 1
#define TREE_LEVEL_HIGH  4

/* Nodes. The name is `name`, or `name@address`, or `name` and a number behind it. */
void tree_begin(struct tree_writer *writer, const char *name);
void tree_begin_at(struct tree_writer *writer, const char *name, uint64_t address);
void tree_begin_numbered(struct tree_writer *writer, const char *name, unsigned number);
void tree_end(struct tree_writer *writer);

/* Properties: of any bytes, of none, of one cell, of two, of a string with its zero byte, of cells. */
void tree_put(struct tree_writer *writer, const char *name, const void *data, size_t size);
void tree_put_flag(struct tree_writer *writer, const char *name);
void tree_put_cell(struct tree_writer *writer, const char *name, uint32_t value);
void tree_put_address(struct tree_writer *writer, const char *name, uint64_t value);
void tree_put_string(struct tree_writer *writer, const char *name, const char *value);
void tree_put_cells(struct tree_writer *writer, const char *name, const uint32_t *cells, size_t count);

/* A property whose value is written to what this returns, at once; NULL: there is no room. */
void *tree_put_room(struct tree_writer *writer, const char *name, size_t size);

#define TREE_CELLS_MAX 64 /* the most cells of tree_put_cells() */

/* A list of strings: a literal's characters, with its inner zero bytes and the last one. */
#define TREE_PUT_STRINGS(writer, name, literal) tree_put(writer, name, literal, sizeof(literal))

#define TREE_PUT_CELLS(writer, name, ...)                                                                    \
    tree_put_cells(writer, name, (const uint32_t[]){__VA_ARGS__},                                            \
                   sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* `reg` for one range, in a node whose parent has two cells each for address and size. */
void tree_put_reg(struct tree_writer *writer, uint64_t address, uint64_t size);

#endif
