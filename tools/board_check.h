/* SPDX-License-Identifier: Apache-2.0 */
/* A system file against the device tree of the machine that it is for. */
#ifndef TOOLS_BOARD_CHECK_H
#define TOOLS_BOARD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include "vm/config.h"

/* Are the VMs' `devices` there, and can they be given? `error` is filled in when not. */
bool board_check(const void *tree, size_t size, const struct system_config *config, char *error,
                 size_t error_size);

#endif
