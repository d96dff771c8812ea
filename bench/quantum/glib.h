/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of GLib's that QEMU's qemu-plugin.h names, so that a plugin that uses none of them is compiled
 * without GLib.
 */
#ifndef GLIB_H
#define GLIB_H

typedef struct garray GArray;
typedef struct gbytearray GByteArray;

#endif
