// SPDX-License-Identifier: Apache-2.0
/*
 * ontime: the command of a Linux guest. It runs commands with their sleeps watched, and in a VM that the
 * system file marks `control` it lists the VMs, watches and steers them. The kernel module does the work:
 * this program uses /dev/ontime and /proc/ontime.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ontime/abi.h>

#include "command.h"

struct command {
    const char *name, *synopsis, *about, *help;
    void (*run)(int count, char **words);
};

static const struct command commands[] = {
    {"run", "[--exact] [--] COMMAND [ARGUMENT...]", "run a command with its sleeps watched",
     "  --exact  its sleeps end to the microsecond: woken early, and held until their time\n", run_command},
    {"status", "[--json]", "show this VM's counters", "", status_command},
    {"mark", "NUMBER", "put a mark into the trace (observers)", "", mark_command},
    {"trace", "[clock | record -o FILE ...]", "write the trace to the host console, or record it in a file",
     "  record -o FILE   (control) records all CPUs' traces until Ctrl-C, in the form that the host's\n"
     "                   'ontime trace' reads\n"
     "  --seconds N      ends after that time\n"
     "  --history        begins with what Ontime has recorded already\n"
     "  clock            prints how many ns after the times of this guest's CLOCK_MONOTONIC_RAW (ftrace's\n"
     "                   'mono_raw') those of Ontime's trace are\n",
     trace_command},
    {"list", "[--json]", "list the VMs", "", list_command},
    {"info", "[--json] VM", "what a VM is, and what its vCPUs have used since the machine was started", "",
     info_command},
    {"top", "[OPTION...]", "what the VMs use, live",
     "  -b, --batch     prints lines; the first table is since the machine was started\n"
     "  -n, --rounds N  ends after N tables\n"
     "  -d, --delay N   seconds from one to the next (1)\n"
     "  -v, --vcpus     a row for each vCPU\n"
     "  -a, --all       counts since the machine was started\n"
     "  --json          as -b, an object a line\n",
     top_command},
    {"pause", "VM", "keep a VM from running until it is resumed", "", pause_command},
    {"resume", "VM", "let a paused VM go on", "", resume_command},
    {"stop", "VM", "switch a VM off, as it is", "", stop_command},
    {"start", "VM", "start a VM that is off", "", start_command},
    {"restart", "[--image FILE] VM", "start a VM anew",
     "  --image FILE  in place of the system file's kernel, for this start\n", restart_command},
    {"set", "VM NAME=VALUE...", "change a VM's weight and other parameters",
     "  NAME  weight, horizon-us, warp-us, warp-limit-us, unwarp-us: as in the system file\n", set_command},
    {"console", "[--history] VM", "another VM's console; Ctrl-] leaves it",
     "  --history  only prints what it has written lately\n", console_command},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *current;

void fail(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("ontime: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

static void print_usage(FILE *file)
{
    if (current) {
        fprintf(file, "usage: ontime %s %s\n%s", current->name, current->synopsis, current->help);
        return;
    }
    fputs("usage: ontime COMMAND ...\n", file);
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (commands[i].run == list_command)
            fputs("in a VM that the system file marks `control`:\n", file);
        fprintf(file, "  %-8s %-36s %s\n", commands[i].name, commands[i].synopsis, commands[i].about);
    }
    fputs("  --help, --version                             each command has a --help of its own\n", file);
}

void fail_usage(void)
{
    print_usage(stderr);
    exit(EXIT_USAGE);
}

void sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

static void find_command(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            current = &commands[i];
}

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int flush(void)
{
    if (fflush(stdout) || ferror(stdout))
        fail(EXIT_FAILED, "standard output: %s", strerror(errno));
    return 0;
}

int main(int count, char **words)
{
    const char *word = count > 1 ? words[1] : "";

    find_command(word);
    if (current ? count > 2 && is_help(words[2]) : is_help(word))
        print_usage(stdout);
    else if (current)
        current->run(count - 1, words + 1);
    else if (strcmp(word, "--version") == 0)
        printf("ontime, for revision %d of the guest interface\n", ONTIME_REVISION_MAJOR);
    else
        fail_usage();
    return flush();
}
