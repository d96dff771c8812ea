/* SPDX-License-Identifier: Apache-2.0 */
/* See tree_of.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdio.h>
#include <unistd.h>
#include "tree_of.h"

#define FILE_NAME "/tmp/test_tree.XXXXXX"
#define TREE_SIZE 16384

const void *tree_of(const char *source)
{
    static _Alignas(8) uint8_t tree[TREE_SIZE];
    char name[] = FILE_NAME;
    char command[64];
    int file = mkstemp(name);
    FILE *dtc;
    ssize_t size;

    assert_true(file >= 0);
    (void)snprintf(command, sizeof(command), "dtc -q -I dts -O dtb -o %s -", name);
    dtc = popen(command, "w"); // NOLINT(cert-env33-c): a fixed command
    assert_non_null(dtc);
    (void)fprintf(dtc, "/dts-v1/;\n%s", source);
    assert_int_equal(pclose(dtc), 0);
    size = read(file, tree, sizeof(tree));
    (void)close(file);
    (void)unlink(name);
    assert_true(size > 0);
    assert_int_equal(fdt_check_full(tree, (size_t)size), 0);
    return tree;
}
