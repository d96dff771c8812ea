/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNEL_LINUX_HASH_H
#define KERNEL_LINUX_HASH_H

#include <linux/types.h>

/* So simple that a test can choose the bucket. */
static inline unsigned int hash_ptr(const void *pointer, unsigned int bits)
{
    return (unsigned int)((uintptr_t)pointer & ((UINT64_C(1) << bits) - 1));
}

#endif
