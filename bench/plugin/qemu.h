/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins for QEMU 10 take from QEMU beyond its plugin interface, which has nothing that sets the clock
 * or ends a turn under -icount. Debian's binary exports all its functions and variables; they are found by
 * their names.
 *
 * The clock is *bias + (*count << *shift), ns, all of them in timers_state. Where they are there is found by
 * trying which word changes what icount_get() returns. A QEMU that lacks one of them, or whose clock is not
 * so made, is refused.
 */
#ifndef PLUGIN_QEMU_H
#define PLUGIN_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qemu-plugin.h"

struct qemu_cpu; /* its CPUState */

struct qemu_clock {
    int64_t *bias;  /* ns */
    int64_t *count; /* instructions that were executed, up to when a core last entered QEMU */
    int16_t *shift; /* an instruction takes 2^shift ns */
};

struct qemu_function {
    const char *name;
    void *place; /* of the pointer to it, which is copied: ISO C does not convert a pointer to an object to
                    one */
};

/* What the plugin's messages begin with: each plugin defines it. */
extern const char plugin_name[] __attribute__((visibility("hidden")));

/* Prints a line; returns 1, which is what qemu_plugin_install() returns when it refuses. */
int plugin_complain(const char *format, ...) __attribute__((format(printf, 1, 2), visibility("hidden")));

/* Variables and functions of QEMU. Each complains of what is not there; NULL, or false, then. */
void *qemu_find(const char *name) __attribute__((visibility("hidden")));
bool qemu_find_functions(const struct qemu_function *wanted, size_t count)
    __attribute__((visibility("hidden")));

/* To be called before there are cores, as nothing else may use the clock yet. */
bool qemu_find_clock(struct qemu_clock *clock) __attribute__((visibility("hidden")));

#endif
