/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a device tree that a test has made. */
#ifndef TESTS_TREE_LOOKS_H
#define TESTS_TREE_LOOKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>

/* The property of the node at `path`, which has `size` bytes. */
static inline const void *property(const void *tree, const char *path, const char *name, int size)
{
    int length = -1;
    const void *data = fdt_getprop(tree, fdt_path_offset(tree, path), name, &length);

    if (data == NULL || length != size)
        fail_msg("%s: %s has %d bytes and not %d", path, name, length, size);
    return data;
}

/* The property has these cells and no more. */
static inline void expect_cells(const void *tree, const char *path, const char *name, const uint32_t *cells,
                                int count)
{
    const fdt32_t *data = property(tree, path, name, 4 * count);

    for (int i = 0; i < count; i++)
        assert_int_equal(fdt32_ld(&data[i]), cells[i]);
}

#endif
