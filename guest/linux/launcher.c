// SPDX-License-Identifier: Apache-2.0
/*
 * ontime: runs a command in a Linux guest with its sleeps watched, and asks Ontime for marks, the trace and
 * counters. The kernel module does the work: this program uses /dev/ontime and /proc/ontime.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ontime/abi.h>

#include "ontime_ioctl.h"

/*
 * The exit statuses of a command that cannot be run, and of one that is not found, are those of shells. The
 * launcher's own is one that few commands use.
 */
enum { EXIT_USAGE = 2, EXIT_REFUSED = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static const char usage[] =
    "usage: ontime run [--exact] [--] COMMAND [ARGUMENT...]\n"
    "                            run it with its sleeps watched; --exact: woken early and held until their "
    "time\n"
    "       ontime mark NUMBER   put a mark into Ontime's trace\n"
    "       ontime trace         write the trace to the host console\n"
    "       ontime status        show the counters\n"
    "       ontime --help | --version\n";

__attribute__((format(printf, 2, 3), noreturn)) static void fail(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("ontime: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

__attribute__((noreturn)) static void fail_usage(void)
{
    fputs(usage, stderr);
    exit(EXIT_USAGE);
}

static int open_or_explain(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        fail(EXIT_REFUSED, "the kernel module is not loaded: run 'modprobe ontime' or 'insmod ontime.ko'");
    if (fd < 0 && errno == EACCES)
        fail(EXIT_REFUSED, "%s: not allowed; run as root, or change the file's mode", path);
    if (fd < 0)
        fail(EXIT_REFUSED, "%s: %s", path, strerror(errno));
    return fd;
}

static const char *why_refused(unsigned long request)
{
    if (errno == EOPNOTSUPP && (request == ONTIME_IOC_RUN || request == ONTIME_IOC_EXACT))
        return "sleeps are not watched here: this VM's timers are not \"precise\", or this kernel runs "
               "without"
               " high-resolution timers";
    if (errno == ENOSYS)
        return "--exact: this kernel has no task_work_add, by which a task is held";
    if (errno == EPERM)
        return "this VM is not an observer (see 'observer' in the system file)";
    if (errno == ENOSPC)
        return "too many tasks are watched already";
    return strerror(errno);
}

static void ask(unsigned long request, unsigned long argument)
{
    int fd = open_or_explain(ONTIME_DEVICE);

    if (ioctl(fd, request, argument))
        fail(EXIT_REFUSED, "%s", why_refused(request));
    close(fd);
}

/*
 * glibc's restartable sequences make each return from a sleep a microsecond longer, after the hold. The
 * user's own setting is put behind this one, because the last one counts.
 */
static void leave_out_rseq(void)
{
    const char *old = getenv("GLIBC_TUNABLES");
    char text[4096];

    snprintf(text, sizeof(text), "glibc.pthread.rseq=0%s%s", old ? ":" : "", old ? old : "");
    setenv("GLIBC_TUNABLES", text, 1);
}

__attribute__((noreturn)) static void run(char **command)
{
    unsigned long request = ONTIME_IOC_RUN;

    if (command[0] && !strcmp(command[0], "--exact")) {
        request = ONTIME_IOC_EXACT;
        leave_out_rseq();
        command++;
    }
    if (command[0] && !strcmp(command[0], "--"))
        command++;
    if (!command[0])
        fail_usage();
    ask(request, 0);
    execvp(command[0], command);
    fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, "%s: %s", command[0], strerror(errno));
}

static void mark(const char *text)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 0);
    if (errno || end == text || *end || text[0] == '-' || number > UINT_MAX)
        fail(EXIT_USAGE, "mark: '%s' is not a number from 0 to %u", text, UINT_MAX);
    ask(ONTIME_IOC_MARK, number);
}

static void status(void)
{
    int fd = open_or_explain(ONTIME_STATUS);
    char text[4096];
    ssize_t length;

    while ((length = read(fd, text, sizeof(text))) > 0)
        fwrite(text, 1, (size_t)length, stdout);
    if (length < 0)
        fail(EXIT_REFUSED, "%s: %s", ONTIME_STATUS, strerror(errno));
    close(fd);
}

static int flush(void)
{
    if (fflush(stdout) || ferror(stdout))
        fail(1, "standard output: %s", strerror(errno));
    return 0;
}

int main(int count, char **words)
{
    const char *verb = count > 1 ? words[1] : "";

    if (!strcmp(verb, "run") && count > 2)
        run(words + 2);
    else if (!strcmp(verb, "mark") && count == 3)
        mark(words[2]);
    else if (!strcmp(verb, "trace") && count == 2)
        ask(ONTIME_IOC_TRACE, 0);
    else if (!strcmp(verb, "status") && count == 2)
        status();
    else if (!strcmp(verb, "--help") || !strcmp(verb, "-h"))
        fputs(usage, stdout);
    else if (!strcmp(verb, "--version"))
        printf("ontime, for revision %d of the guest interface\n", ONTIME_REVISION_MAJOR);
    else
        fail_usage();
    return flush();
}
