/* SPDX-License-Identifier: Apache-2.0 */
/* A variable of each CPU is an array. */
#ifndef KERNEL_LINUX_PERCPU_H
#define KERNEL_LINUX_PERCPU_H

#include <linux/types.h>

#define KERNEL_CPUS 3

#define DEFINE_PER_CPU(type, name)          __typeof__(__typeof__(type)[KERNEL_CPUS]) name
#define DEFINE_PER_CPU_ALIGNED(type, name)  __typeof__(__typeof__(type)[KERNEL_CPUS]) name
#define DECLARE_PER_CPU_ALIGNED(type, name) extern __typeof__(__typeof__(type)[KERNEL_CPUS]) name
#define per_cpu_ptr(variable, cpu)          (&(*(variable))[cpu])
#define for_each_possible_cpu(cpu)          for ((cpu) = 0; (cpu) < KERNEL_CPUS; (cpu)++)

#endif
