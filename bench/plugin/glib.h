/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types and functions of GLib's that QEMU's qemu-plugin.h names, and those that plugins need to use what
 * it returns, so that they are compiled without GLib. QEMU itself has GLib's library.
 */
#ifndef GLIB_H
#define GLIB_H

typedef struct garray {
    char *data;
    unsigned len; /* elements */
} GArray;

typedef struct gbytearray {
    unsigned char *data;
    unsigned len;
} GByteArray;

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length);

#endif
