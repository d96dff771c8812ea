/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNEL_LINUX_CACHE_H
#define KERNEL_LINUX_CACHE_H

#endif
