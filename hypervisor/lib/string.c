/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of <string.h> that the hypervisor and libfdt call.
 *
 * Every access is naturally aligned, so that the code also runs where the MMU is off or alignment is checked.
 * Blocks are copied in units of 8, 4 or 1 bytes, the largest in which both can be aligned at the same time: a
 * blob inside a device tree is aligned to 4 bytes only, a guest's RAM to 8.
 *
 * To be compiled with -ffreestanding and, for gcc, -fno-tree-loop-distribute-patterns: otherwise the compiler
 * may replace a loop below by a call of the very function that the loop implements.
 */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word64;
typedef uint32_t __attribute__((may_alias)) word32;

/* The largest unit, in bytes, in which blocks at these two addresses can be copied once their heads are. */
static size_t common_unit(uintptr_t a, uintptr_t b)
{
    uintptr_t differ = a ^ b;

    if (differ % sizeof(word64) == 0)
        return sizeof(word64);
    return differ % sizeof(word32) == 0 ? sizeof(word32) : 1;
}

/*
 * Copies as much as units of this type take, four at a time, as most of the time is the loop's own. `to`,
 * `from` and `size` follow.
 */
/* NOLINTBEGIN(bugprone-macro-parentheses): `type` is a type. */
#define COPY_UNITS(type)                                                                                     \
    do {                                                                                                     \
        type *target = (type *)(void *)to;                                                                   \
        const type *source = (const type *)(const void *)from;                                               \
        for (; size >= 4 * sizeof(type); size -= 4 * sizeof(type), target += 4, source += 4) {               \
            target[0] = source[0];                                                                           \
            target[1] = source[1];                                                                           \
            target[2] = source[2];                                                                           \
            target[3] = source[3];                                                                           \
        }                                                                                                    \
        for (; size >= sizeof(type); size -= sizeof(type))                                                   \
            *target++ = *source++;                                                                           \
        to = (unsigned char *)target;                                                                        \
        from = (const unsigned char *)source;                                                                \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

static void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
    size_t unit = common_unit((uintptr_t)to, (uintptr_t)from);

    for (; size > 0 && (uintptr_t)to % unit != 0; size--)
        *to++ = *from++;
    if (unit == sizeof(word64))
        COPY_UNITS(word64);
    else if (unit == sizeof(word32))
        COPY_UNITS(word32);
    COPY_UNITS(unsigned char);
}

/* As copy_up(), from the end, in units of 8 bytes or 1; `to` and `from` point behind the blocks. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    size_t unit = common_unit((uintptr_t)to, (uintptr_t)from);

    for (; size > 0 && (uintptr_t)to % unit != 0; size--)
        *--to = *--from;
    if (unit == sizeof(word64)) {
        for (; size >= unit; size -= unit) {
            to -= unit;
            from -= unit;
            *(word64 *)(void *)to = *(const word64 *)(const void *)from;
        }
    }
    for (; size > 0; size--)
        *--to = *--from;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_up(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to - (uintptr_t)from >= size)
        copy_up(to, from, size);
    else
        copy_down((unsigned char *)to + size, (const unsigned char *)from + size, size);
    return to;
}

void *memset(void *block, int value, size_t size)
{
    unsigned char *to = block;
    unsigned char byte = (unsigned char)value;
    uint64_t word = byte * UINT64_C(0x0101010101010101);

    for (; size > 0 && (uintptr_t)to % sizeof(word64) != 0; size--)
        *to++ = byte;
    for (; size >= 8 * sizeof(word64); size -= 8 * sizeof(word64), to += 8 * sizeof(word64)) {
        word64 *words = (word64 *)(void *)to;

        /* Most of the time would be the loop's own. */
        words[0] = words[1] = words[2] = words[3] = word;
        words[4] = words[5] = words[6] = words[7] = word;
    }
    for (; size >= sizeof(word64); size -= sizeof(word64), to += sizeof(word64))
        *(word64 *)(void *)to = word;
    for (; size > 0; size--)
        *to++ = byte;
    return block;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a;
    const unsigned char *right = b;

    for (; size > 0; size--, left++, right++) {
        if (*left != *right)
            return *left - *right;
    }
    return 0;
}

void *memchr(const void *block, int value, size_t size)
{
    const unsigned char *at = block;

    for (; size > 0; size--, at++) {
        if (*at == (unsigned char)value)
            return (void *)(uintptr_t)at;
    }
    return NULL;
}

size_t strlen(const char *string)
{
    size_t length = 0;

    while (string[length] != '\0')
        length++;
    return length;
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    while (length < limit && string[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (; limit > 0; limit--, a++, b++) {
        if (*a != *b || *a == '\0')
            return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

char *strchr(const char *string, int character)
{
    for (; *string != (char)character; string++) {
        if (*string == '\0')
            return NULL;
    }
    return (char *)(uintptr_t)string;
}

char *strrchr(const char *string, int character)
{
    const char *found = NULL;

    for (;; string++) {
        if (*string == (char)character)
            found = string;
        if (*string == '\0')
            return (char *)(uintptr_t)found;
    }
}
