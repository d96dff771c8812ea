// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a command with its sleeps watched, and asks the module for marks, the trace and counters.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "json.h"
#include "ontime_ioctl.h"
#include "settings.h"

int open_or_explain(const char *path)
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

void ask_module(unsigned long request, unsigned long argument)
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

void run_command(int count, char **words)
{
    unsigned long request = ONTIME_IOC_RUN;
    char **command = words + 1;

    (void)count;
    if (command[0] && !strcmp(command[0], "--exact")) {
        request = ONTIME_IOC_EXACT;
        leave_out_rseq();
        command++;
    }
    if (command[0] && !strcmp(command[0], "--"))
        command++;
    if (!command[0])
        fail_usage();
    ask_module(request, 0);
    execvp(command[0], command);
    fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, "%s: %s", command[0], strerror(errno));
}

void mark_command(int count, char **words)
{
    uint64_t number;

    if (count != 2)
        fail_usage();
    if (!read_number(words[1], UINT_MAX, &number))
        fail(EXIT_USAGE, "mark: '%s' is not a number from 0 to %u", words[1], UINT_MAX);
    ask_module(ONTIME_IOC_MARK, number);
}

/* Lines of a name and a number each become the members of an object. */
static void write_counters(FILE *status)
{
    struct json json = {.out = stdout};
    char name[64];
    unsigned long long value;

    json_open(&json, NULL, '{');
    while (fscanf(status, "%63s %llu", name, &value) == 2)
        json_number(&json, name, value);
    json_close(&json, '}');
    putchar('\n');
}

static void copy_counters(FILE *status)
{
    char text[4096];
    size_t length;

    while ((length = fread(text, 1, sizeof(text), status)) > 0)
        fwrite(text, 1, length, stdout);
}

void status_command(int count, char **words)
{
    FILE *status;

    if (count > 2 || (count == 2 && strcmp(words[1], "--json") != 0))
        fail_usage();
    status = fdopen(open_or_explain(ONTIME_STATUS), "r");
    if (!status)
        fail(EXIT_REFUSED, "%s: %s", ONTIME_STATUS, strerror(errno));
    if (count == 2)
        write_counters(status);
    else
        copy_counters(status);
    if (ferror(status))
        fail(EXIT_REFUSED, "%s: %s", ONTIME_STATUS, strerror(errno));
    (void)fclose(status);
}
