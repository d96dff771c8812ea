// SPDX-License-Identifier: Apache-2.0
/*
 * build/host/ontime: one host tool, a command for each task.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "base/assert.h"

static const char usage[] =
    "usage: ontime new [OPTION...] GUEST...  writes the source of a system file, with comments, and checks "
    "it\n"
    "       ontime check SYSTEM.dtb...      reads system files as Ontime does at boot, and says how late a\n"
    "                                       precise timer can be; with --board BOARD.dtb, whether\n"
    "                                       that machine's devices can be given\n"
    "       ontime run [OPTION...] SYSTEM.dtb  starts QEMU with Ontime and these guests\n"
    "       ontime trace [OPTION...] LOG    a trace in a console log as CSV, or summed up\n"
    "       ontime trace convert [OPTION...] LOG  for trace-cmd and KernelShark, babeltrace2, or Perfetto\n"
    "       ontime trace explain [OPTION...] LOG  why a wake-up was late, in words and as a picture\n"
    "       ontime report [OPTION...] LOG   a page about a run: sleeps, cores, shares, the latest wake-up\n"
    "       ontime --help | --version           each command has a --help of its own\n";

void assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "ontime: %s:%d: %s\n", file, line, what);
    abort();
}

static int trace(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "convert") == 0)
        return convert_command(argc - 1, argv + 1);
    if (strcmp(command, "explain") == 0)
        return explain_command(argc - 1, argv + 1);
    return trace_command(argc, argv);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "new") == 0)
        return new_command(argc - 1, argv + 1);
    if (strcmp(command, "run") == 0)
        return run_command(argc - 1, argv + 1);
    if (strcmp(command, "check") == 0)
        return check_command(argc - 1, argv + 1);
    if (strcmp(command, "trace") == 0)
        return trace(argc - 1, argv + 1);
    if (strcmp(command, "report") == 0)
        return report_command(argc - 1, argv + 1);
    if (strcmp(command, "--version") == 0) {
        puts("ontime " ONTIME_VERSION);
        return 0;
    }
    bool help = strcmp(command, "--help") == 0;
    fputs(usage, help ? stdout : stderr);
    return help ? 0 : 2;
}
