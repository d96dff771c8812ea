/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `ontime` of a Linux guest. main.c has the table of its commands; each gets the words after its
 * own name, and returns when it has done what was asked for. Else it calls fail() or fail_usage(), which do
 * not return.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

/*
 * Exit statuses. 126 and 127 are those of shells, for a command that cannot be run and for one that is not
 * found. Its own, for what the module or Ontime refuses, is one that few commands use.
 */
enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REFUSED = 125,
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
};

/* Prints "ontime: ..." on standard error, and exits. */
__attribute__((format(printf, 2, 3), noreturn)) void fail(int status, const char *format, ...);
/* Prints the usage of the command that is running, and exits. */
__attribute__((noreturn)) void fail_usage(void);

void sleep_ms(unsigned ms);

/* launch.c: what needs /dev/ontime or /proc/ontime, but no control. */
int open_or_explain(const char *path);
void ask_module(unsigned long request, unsigned long argument);
void run_command(int count, char **words);
void mark_command(int count, char **words);
void status_command(int count, char **words);

/* vms.c */
void list_command(int count, char **words);
void info_command(int count, char **words);
void pause_command(int count, char **words);
void resume_command(int count, char **words);
void stop_command(int count, char **words);
void start_command(int count, char **words);
void restart_command(int count, char **words);
void set_command(int count, char **words);

/* One each, in the file of its name. */
void top_command(int count, char **words);
void console_command(int count, char **words);
void trace_command(int count, char **words);

#endif
