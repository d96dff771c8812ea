/* SPDX-License-Identifier: Apache-2.0 */
/* The arm64 Image header (Linux, Documentation/arm64/booting.rst), which is not trusted. Offsets in bytes. */
#ifndef VM_IMAGE_H
#define VM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_HEADER_SIZE  64
#define IMAGE_TEXT_OFFSET  8
#define IMAGE_SIZE_OFFSET  16
#define IMAGE_MAGIC_OFFSET 56

#define IMAGE_ALIGN UINT64_C(0x200000) /* text_offset counts from a multiple of this */

static inline uint64_t image_word(const uint8_t *header, unsigned offset)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)header[offset + i] << (8 * i);
    return value;
}

/* `size` is that of the whole file. */
static inline bool image_is_arm64(const uint8_t *header, uint64_t size)
{
    return size >= IMAGE_HEADER_SIZE && memcmp(header + IMAGE_MAGIC_OFFSET, "ARM\x64", 4) == 0;
}

#endif
