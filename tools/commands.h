/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the host tool. Each gets its own name as argv[0] and returns the exit code: 0, 1 for bad
 * input, 2 for wrong usage.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

int check_command(int argc, char **argv);
int trace_command(int argc, char **argv);

#endif
