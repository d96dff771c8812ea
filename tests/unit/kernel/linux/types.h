/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Linux module's queue and work use of the kernel, for the unit tests on this machine: here and
 * beside.
 */
#ifndef KERNEL_LINUX_TYPES_H
#define KERNEL_LINUX_TYPES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef int64_t ktime_t;

#define ARRAY_SIZE(array)                   (sizeof(array) / sizeof((array)[0]))
#define READ_ONCE(place)                    (place)
#define WRITE_ONCE(place, value)            ((place) = (value))
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
