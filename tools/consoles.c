// SPDX-License-Identifier: Apache-2.0
/*
 * Ontime's console is one UART for all VMs: "[NAME] text" a line, and Ctrl-] NAME Enter gives the input to a
 * VM (docs/getting-started.md). Here a line goes to the terminal of its VM, without the name, and what is
 * typed at a VM's terminal goes to the UART, behind Ctrl-] NAME Enter when another VM had the input before.
 */
#include "consoles.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A       '\001' /* to QEMU's own monitor; twice: to the guest */
#define CTRL_BRACKET '\035' /* to Ontime; twice: to the guest */
#define NOBODY       SYSTEM_MAX_VMS
#define PREFIX_MAX   (SYSTEM_NAME_LENGTH + 3) /* "[NAME] " */

static const struct system_config *system_file;
static int terminals[SYSTEM_MAX_VMS]; /* the masters */
static int to_uart, from_uart;
static unsigned input; /* the VM that has it */
static pid_t child;

/* The line that is coming in: its prefix as far as it is known, then who gets the rest. */
static struct {
    char prefix[PREFIX_MAX + 1];
    unsigned length;
    bool is_known;
    unsigned vm; /* NOBODY: standard output */
} line;

static void end_child(int signal_number)
{
    (void)signal_number;
    if (child > 0)
        (void)kill(child, SIGTERM);
}

static void put(int to, const void *data, size_t size)
{
    /* A terminal that nobody reads is full at some time; its guest's output is lost then. */
    ssize_t written = write(to, data, size);
    (void)written;
}

/* Which VM is "[NAME] " of? NOBODY: none. */
static unsigned vm_of_prefix(void)
{
    for (unsigned i = 0; i < system_file->vm_count; i++) {
        const char *name = system_file->vms[i].name;
        size_t length = strlen(name);

        if (line.length == length + 3 && strncmp(line.prefix + 1, name, length) == 0)
            return i;
    }
    return NOBODY;
}

static void put_byte(char byte)
{
    if (line.vm != NOBODY)
        put(terminals[line.vm], &byte, 1);
    else
        (void)putchar(byte);
}

static void know_line(unsigned vm)
{
    line.is_known = true;
    line.vm = vm;
    if (vm == NOBODY)
        (void)fwrite(line.prefix, 1, line.length, stdout);
}

/* A byte from the UART. */
static void take(char byte)
{
    if (line.is_known) {
        put_byte(byte);
    } else {
        line.prefix[line.length++] = byte;
        if (byte == ' ' && line.length >= 3 && line.prefix[0] == '[' && line.prefix[line.length - 2] == ']')
            know_line(vm_of_prefix());
        else if (line.prefix[0] != '[' || byte == '\n' || line.length == PREFIX_MAX)
            know_line(NOBODY);
    }
    if (byte == '\n')
        memset(&line, 0, sizeof(line));
}

static void give_input_to(unsigned vm)
{
    char keys[SYSTEM_NAME_LENGTH + 4];
    int length = snprintf(keys, sizeof(keys), "%c%s\r", CTRL_BRACKET, system_file->vms[vm].name);

    if (input != vm)
        put(to_uart, keys, (size_t)length);
    input = vm;
}

/* What was typed at a VM's terminal. */
static void type(unsigned vm, const char *data, ssize_t size)
{
    give_input_to(vm);
    for (ssize_t i = 0; i < size; i++) {
        put(to_uart, &data[i], 1);
        if (data[i] == CTRL_A || data[i] == CTRL_BRACKET)
            put(to_uart, &data[i], 1);
    }
}

/* A terminal without line editing and echo: the guest does that. Its other end stays open, so that it can be
 * left and opened again. */
static int open_terminal(unsigned vm)
{
    struct termios mode;
    char name[64];
    int slave;

    if (openpty(&terminals[vm], &slave, name, NULL, NULL) != 0) {
        perror("ontime run: a pseudo-terminal");
        return -1;
    }
    (void)tcgetattr(slave, &mode);
    cfmakeraw(&mode);
    (void)tcsetattr(slave, TCSANOW, &mode);
    (void)fcntl(terminals[vm], F_SETFL, O_NONBLOCK);
    printf("%s: %s\n", system_file->vms[vm].name, name);
    return 0;
}

static int start(char *const *words)
{
    int in[2], out[2];

    if (pipe(in) != 0 || pipe(out) != 0) {
        perror("ontime run: a pipe");
        return -1;
    }
    child = fork();
    if (child == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(in[1]);
        (void)close(out[0]);
        execv(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    to_uart = in[1];
    from_uart = out[0];
    return child > 0 ? 0 : -1;
}

/* One wait, and what there is. False: the UART has ended. */
static bool serve(struct pollfd *ends, unsigned count)
{
    char data[4096];
    ssize_t size;

    if (poll(ends, count + 1, -1) < 0)
        return errno == EINTR;
    for (unsigned i = 0; i < count; i++) {
        size = (ends[i].revents & POLLIN) != 0 ? read(terminals[i], data, sizeof(data)) : 0;
        if (size > 0)
            type(i, data, size);
    }
    if (ends[count].revents == 0)
        return true;
    size = read(from_uart, data, sizeof(data));
    for (ssize_t i = 0; i < size; i++)
        take(data[i]);
    (void)fflush(stdout);
    return size > 0 || (size < 0 && errno == EINTR);
}

int consoles_run(char *const *words, const struct system_config *config)
{
    struct pollfd ends[SYSTEM_MAX_VMS + 1];
    int status = 1;

    system_file = config;
    input = 0; /* as at Ontime's start */
    memset(&line, 0, sizeof(line));
    for (unsigned i = 0; i < config->vm_count; i++)
        if (open_terminal(i) != 0)
            return 1;
    (void)fflush(stdout);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, end_child);
    (void)signal(SIGTERM, end_child);
    if (start(words) != 0)
        return 1;
    for (unsigned i = 0; i < config->vm_count; i++)
        ends[i] = (struct pollfd){.fd = terminals[i], .events = POLLIN};
    ends[config->vm_count] = (struct pollfd){.fd = from_uart, .events = POLLIN};
    while (serve(ends, config->vm_count))
        ;
    if (waitpid(child, &status, 0) != child)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
