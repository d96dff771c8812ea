/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses of the kernel's functions that are not exported. */
#ifndef ONTIME_SYMBOL_H
#define ONTIME_SYMBOL_H

#include <linux/kprobes.h>

/*
 * The address of a kernel function, or NULL. It is taken from a kprobe, which the kernel resolves when it is
 * registered. A kprobe that is registered as disabled does not change the function.
 */
static inline void *symbol_named(const char *symbol)
{
    struct kprobe probe = {.symbol_name = symbol, .flags = KPROBE_FLAG_DISABLED};
    void *address;

    if (register_kprobe(&probe))
        return NULL;
    address = probe.addr;
    unregister_kprobe(&probe);
    return address;
}

#endif
