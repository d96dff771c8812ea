// SPDX-License-Identifier: Apache-2.0
#include "files.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *read_file(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    char *data = NULL;
    size_t room = 0;
    size_t got = 1;
    *size = 0;
    while (file != NULL && got != 0) {
        if (*size == room) {
            room = room == 0 ? 65536 : 2 * room;
            char *larger = realloc(data, room);
            if (larger == NULL)
                break;
            data = larger;
        }
        got = fread(data + *size, 1, room - *size, file);
        *size += got;
    }
    bool good = file != NULL && got == 0 && ferror(file) == 0;
    if (!good) {
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        free(data);
    }
    if (file != NULL)
        fclose(file);
    return good ? data : NULL;
}
