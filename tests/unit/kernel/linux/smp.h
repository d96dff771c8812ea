/* SPDX-License-Identifier: Apache-2.0 */
/* One thread plays all CPUs: the test says which one it is. */
#ifndef KERNEL_LINUX_SMP_H
#define KERNEL_LINUX_SMP_H

#include <linux/types.h>

extern unsigned int kernel_cpu;

#define smp_processor_id()              (kernel_cpu)
#define smp_load_acquire(place)         READ_ONCE(*(place))
#define smp_store_release(place, value) WRITE_ONCE(*(place), value)

#endif
