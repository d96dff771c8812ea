/* SPDX-License-Identifier: Apache-2.0 */
/* One terminal for each VM's console, in place of one for all. */
#ifndef TOOLS_CONSOLES_H
#define TOOLS_CONSOLES_H

#include "vm/config.h"

/*
 * Runs the command, whose standard input and output are Ontime's UART, until it ends, or SIGINT or SIGTERM
 * ends it. Each VM gets a pseudo-terminal, whose name is printed. What has no VM's name in front goes to
 * standard output. Returns the command's exit status.
 */
int consoles_run(char *const *words, const struct system_config *config);

#endif
