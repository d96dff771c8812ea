/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system file: a device tree that describes the VMs, see docs/system-file.md for the binding.
 *
 * The same code runs at boot and in the host-side check. Everything in the file is checked here, except for
 * what boot/boot.c compares with the machine: RAM, CPUs, and that all VMs of a CPU have one tick.
 */
#ifndef BOOT_SYSTEM_FILE_H
#define BOOT_SYSTEM_FILE_H

#include <stddef.h>
#include "vm/config.h"

/* The names of the timer modes in the file. */
extern const char *const timer_mode_names[TIMERS_PRECISE + 1];

/*
 * Reads `size` bytes at `file`. Returns 0, or -1 with one line in `error` that names the node, the property
 * and the reason. `error_size` 256 is enough for every message.
 */
int system_file_read(const void *file, size_t size, struct system_config *config, char *error,
                     size_t error_size);

#endif
