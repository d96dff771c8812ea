// SPDX-License-Identifier: Apache-2.0
/*
 * The console of another VM. What it has written lately comes first, then what it writes from now on; what is
 * typed goes to its UART. All of it passes as it is: the VM may move the cursor and set colours.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "control.h"

enum { ESCAPE = 0x1d, POLL_MS = 20, PATIENCE_MS = 1000 };

static struct termios before;
static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

static void restore(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

/* Each key comes as it is typed, and is not shown here: the VM does that. */
static void make_raw(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before))
        return; /* no terminal */
    raw = before;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST;
    atexit(restore);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* Writes what the VM has written since *position; false when that is nothing. */
static bool show(unsigned vm, uint64_t *position)
{
    uint8_t page[CONTROL_PAGE];
    size_t length = console_read(vm, position, page);

    *position += length;
    if (fwrite(page, 1, length, stdout) != length || fflush(stdout))
        fail(EXIT_FAILED, "standard output: %s", strerror(errno));
    return length != 0;
}

/* What has been typed, and the VM has not taken yet. */
struct input {
    uint8_t bytes[4096];
    size_t length;
    bool terminal;
    bool closed; /* nothing comes any more */
};

/* A terminal is read while there is no room, too: what finds none is lost, but Ctrl-] is seen. */
static bool wants_more(const struct input *input)
{
    return !input->closed && (input->terminal || input->length < sizeof(input->bytes));
}

static void take_input(struct input *input)
{
    size_t room = sizeof(input->bytes) - input->length;
    uint8_t some[256];
    ssize_t length = read(STDIN_FILENO, some, !input->terminal && room < sizeof(some) ? room : sizeof(some));
    const uint8_t *escape;
    size_t count;

    if (length < 0 && errno == EINTR)
        return;
    count = length > 0 ? (size_t)length : 0;
    escape = memchr(some, ESCAPE, count);
    input->closed = count == 0 || escape;
    if (escape)
        count = (size_t)(escape - some);
    if (count > room)
        count = room;
    memcpy(input->bytes + input->length, some, count);
    input->length += count;
}

static void give_input(unsigned vm, struct input *input)
{
    size_t taken = console_write(vm, input->bytes, input->length);

    input->length -= taken;
    memmove(input->bytes, input->bytes + taken, input->length);
}

/* Waits for input, `ms` at most. */
static void wait_for_input(struct input *input, int ms)
{
    struct pollfd standard = {.fd = STDIN_FILENO, .events = POLLIN};

    if (!wants_more(input))
        sleep_ms((unsigned)ms);
    else if (poll(&standard, 1, ms) > 0)
        take_input(input);
}

/* Goes on until the input is closed, and the VM has taken it, or has had the time to. */
static void connect_to(unsigned vm)
{
    struct input input = {.terminal = isatty(STDIN_FILENO)};
    uint64_t position = 0;

    for (int patience = PATIENCE_MS / POLL_MS; !over && patience > 0; patience -= input.closed) {
        bool more = show(vm, &position);

        if (input.length)
            give_input(vm, &input);
        if (input.closed && input.length == 0)
            return;
        wait_for_input(&input, more ? 0 : POLL_MS);
    }
}

void console_command(int count, char **words)
{
    static const struct option options[] = {{"history", no_argument, NULL, 'h'}, {0}};
    struct sigaction action = {.sa_handler = end};
    struct ontime_vm_info info;
    bool history = false;
    uint64_t position = 0;
    int option;
    unsigned vm;

    while ((option = getopt_long(count, words, "", options, NULL)) >= 0) {
        if (option != 'h')
            fail_usage();
        history = true;
    }
    if (optind + 1 != count)
        fail_usage();
    vm = vm_find(words[optind], &info);
    if (history) {
        while (show(vm, &position))
            ;
        return;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "the console of VM %s; Ctrl-] leaves it\n", info.name);
    make_raw();
    connect_to(vm);
}
