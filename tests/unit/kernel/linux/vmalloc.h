/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNEL_LINUX_VMALLOC_H
#define KERNEL_LINUX_VMALLOC_H

#include <linux/types.h>

#define array_size(count, size) ((size_t)(count) * (size))

void *vzalloc(size_t size);
void vfree(const void *block);

#endif
