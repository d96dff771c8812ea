/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host tool. */
#ifndef TOOLS_FILES_H
#define TOOLS_FILES_H

#include <stddef.h>

/* The file's bytes, to be freed, or NULL with a message on stderr. */
void *read_file(const char *name, size_t *size);

#endif
