/* SPDX-License-Identifier: Apache-2.0 */
/* For a single thread. */
#ifndef KERNEL_LINUX_ATOMIC_H
#define KERNEL_LINUX_ATOMIC_H

#include <linux/types.h>

#define cmpxchg(place, old, new) (*(place) == (old) ? *(place) = (new) : NULL)

#endif
