/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor/lib as unit.mk compiles it for the host: under names that stand beside libc's.
 */
#ifndef LIB_RENAMED_H
#define LIB_RENAMED_H

#include <stdarg.h>
#include <stddef.h>

void *lib_memcpy(void *to, const void *from, size_t size);
void *lib_memmove(void *to, const void *from, size_t size);
void *lib_memset(void *block, int value, size_t size);
int lib_memcmp(const void *a, const void *b, size_t size);
void *lib_memchr(const void *block, int value, size_t size);
size_t lib_strlen(const char *string);
size_t lib_strnlen(const char *string, size_t limit);
int lib_strcmp(const char *a, const char *b);
int lib_strncmp(const char *a, const char *b, size_t limit);
char *lib_strchr(const char *string, int character);
char *lib_strrchr(const char *string, int character);
int lib_snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int lib_vsnprintf(char *buffer, size_t size, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

#endif
