/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an untrusted device tree, property by property.
 *
 * The tree's structure has passed fdt_check_full(); what its nodes and properties say has not been looked at.
 * The readers return 0, or -1 with one line in the reader's `error`: "node PATH: property NAME: reason". A
 * property that is not there is no mistake to them: they leave the value, which the caller has set to the
 * default, as it is.
 */
#ifndef BOOT_TREE_READER_H
#define BOOT_TREE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_NO_NODE   (-1)
#define TREE_CELL      4u /* bytes */
#define TREE_WORD_SIZE 40 /* bytes: room for a word of the tree in a message */

struct tree_reader {
    const void *fdt;
    char *error;
    size_t error_size;
};

struct tree_range {
    uint32_t min;
    uint32_t max;
};

/*
 * Describes a mistake in `property` (or NULL) of `node` (or TREE_NO_NODE); returns -1 for the caller to pass
 * on.
 */
int tree_fail(const struct tree_reader *reader, int node, const char *property, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Copies what is printable of a word of the tree, cut to `size` bytes with the final zero, and returns `to`.
 * Other characters become `?`.
 */
const char *tree_printable(char *to, size_t size, const char *from);

/* The big-endian 32-bit number at `data`, of any alignment. */
uint32_t tree_cell(const void *data);

/* The property's bytes and length; NULL, and length 0, when the node does not have it. */
const void *tree_get(const struct tree_reader *reader, int node, const char *property, size_t *length);
bool tree_has(const struct tree_reader *reader, int node, const char *property);

/* A single cell, within a range, both ends included. */
int tree_read_number(const struct tree_reader *reader, int node, const char *property,
                     struct tree_range range, uint32_t *value);

/* An address of one or two cells. */
int tree_read_address(const struct tree_reader *reader, int node, const char *property, uint64_t *value);

/* A single string; *value points into the tree. */
int tree_read_string(const struct tree_reader *reader, int node, const char *property, const char **value);

/* A property without a value: *value says whether it is there. */
int tree_read_flag(const struct tree_reader *reader, int node, const char *property, bool *value);

int tree_check_compatible(const struct tree_reader *reader, int node, const char *compatible);

/* Refuses properties that are not in `known`, which ends with NULL. */
int tree_check_properties(const struct tree_reader *reader, int node, const char *const *known);
int tree_check_no_subnodes(const struct tree_reader *reader, int node);

/* Refuses a second node of the same name and parent. dtc refuses that already, other writers may not. */
int tree_check_unique(const struct tree_reader *reader, int node);

#endif
