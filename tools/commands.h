/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the host tool. Each gets its own name as argv[0] and returns the exit code: 0, 1 for bad
 * input, 2 for wrong usage.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

/* Reads system files as Ontime does at boot, and prints what they ask for. */
int check_command(int argc, char **argv);

/* Writes a system file's source for guests that are named, with comments, and checks it. */
int new_command(int argc, char **argv);

/* Starts QEMU with Ontime and a system file. */
int run_command(int argc, char **argv);

/* A trace in a console log as CSV, or summed up. */
int trace_command(int argc, char **argv);

/* A trace as a file that other programs read. */
int convert_command(int argc, char **argv);

/* Why a wake-up was late, in words and as a picture. */
int explain_command(int argc, char **argv);

/* A page about a run, of its console log. */
int report_command(int argc, char **argv);

#endif
