/* SPDX-License-Identifier: Apache-2.0 */
/* A command of the host tool, run as its main() does, and what it printed. */
#ifndef CAPTURED_H
#define CAPTURED_H

#include <stddef.h>

#define CAPTURED_SIZE 16384

extern char captured_out[CAPTURED_SIZE], captured_errors[CAPTURED_SIZE];

/* The command's exit code. Its output and its messages are left in the two texts. */
int captured_run(int (*command)(int argc, char **argv), size_t count, const char *const *words);

#endif
