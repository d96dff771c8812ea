// SPDX-License-Identifier: Apache-2.0
/*
 * Ontime's console is one UART for all VMs: "[NAME] text" a line, and Ctrl-] NAME Enter gives the input to a
 * VM (docs/getting-started.md). Here a line goes to the terminal of its VM, without the name, and what is
 * typed at a VM's terminal goes to the UART, behind Ctrl-] NAME Enter when another VM had the input before.
 *
 * A line ends with CR LF. Where another's line interrupts it, it is broken by CR CR LF instead, and what it
 * did to the terminal is ended before that (hypervisor/console/console.c). A VM's own terminal gets neither:
 * what the VM writes arrives there as it was written.
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
#define END_OF_RAW   "\x18\x1b[0m"
#define NOBODY       SYSTEM_MAX_VMS
#define PREFIX_MAX   (SYSTEM_NAME_LENGTH + 3) /* "[NAME] " */
#define TEXT_MAX     64                       /* of a line, to see what it says */
#define STATUS_MAX   255

static const struct system_config *system_file;
static enum consoles_kind kind;
static int terminals[SYSTEM_MAX_VMS];  /* the masters, or the panes' terminals */
static char panes[SYSTEM_MAX_VMS][24]; /* tmux's names for them */
static unsigned pane_count;
static int to_uart, from_uart;
static FILE *log_file;
static unsigned input; /* the VM that has it */
static pid_t child;
static long said_status;            /* the largest that a VM has named */
static bool has_begun, has_stopped; /* Ontime; by itself */

/* The line that is coming in: its prefix as far as it is known, then who gets the rest. */
static struct {
    char prefix[PREFIX_MAX + 1];
    unsigned length;
    bool is_known;
    unsigned vm; /* NOBODY: standard output */
    char text[TEXT_MAX + 1];
    unsigned text_length;
    unsigned held;    /* so much of END_OF_RAW has come, and is not written yet */
    unsigned returns; /* behind that, so many CRs */
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
    if (line.text_length < TEXT_MAX && byte != '\r' && byte != '\n')
        line.text[line.text_length++] = byte;
    if (kind == CONSOLES_SHARED)
        return;
    if (line.vm != NOBODY)
        put(terminals[line.vm], &byte, 1);
    else
        (void)putchar(byte);
}

static void put_held(void)
{
    for (unsigned i = 0; i < line.held; i++)
        put_byte(END_OF_RAW[i]);
    for (; line.returns != 0; line.returns--)
        put_byte('\r');
    line.held = 0;
}

static void know_line(unsigned vm)
{
    line.is_known = true;
    line.vm = vm;
    for (unsigned i = 0; vm == NOBODY && i < line.length; i++)
        put_byte(line.prefix[i]);
}

/* Ontime runs: it is told that the console is taken apart here. Firmware would not know what to do with that.
 */
static void greet(void)
{
    static const char keys[] = {CTRL_BRACKET, '*', '\r'};

    if (!has_begun && kind != CONSOLES_SHARED)
        put(to_uart, keys, sizeof(keys));
    has_begun = true;
}

/* A line is whole: does it say how the run goes, or how it ends? */
static void read_text(void)
{
    static const char status[] = "ontime-exit-status=", stopped[] = "[ontime] stopped: ",
                      vm[] = "[ontime] VM ";
    char *end = line.text;
    long number;

    line.text[line.text_length] = '\0';
    if (line.vm == NOBODY) {
        has_stopped |= strncmp(line.text, stopped, sizeof(stopped) - 1) == 0;
        if (strncmp(line.text, vm, sizeof(vm) - 1) == 0)
            greet();
    } else if (strncmp(line.text, status, sizeof(status) - 1) == 0) {
        number = strtol(line.text + sizeof(status) - 1, &end, 10);
        if (end != line.text + sizeof(status) - 1 && *end == '\0' && number > said_status &&
            number <= STATUS_MAX)
            said_status = number;
    }
}

/* The line is over, or broken: that its VM's terminal does not get. */
static void end_line(void)
{
    if (line.vm == NOBODY || line.returns < 2) {
        put_held();
        put_byte('\n');
    }
    read_text();
    memset(&line, 0, sizeof(line));
}

/* A byte of a line, behind its prefix. */
static void take_known(char byte)
{
    bool held_whole = line.held == sizeof(END_OF_RAW) - 1;

    if (byte == '\n') {
        end_line();
    } else if (byte == '\r') {
        if (line.held != 0 && !held_whole)
            put_held();
        line.returns++;
    } else {
        if (held_whole || line.returns != 0 || byte != END_OF_RAW[line.held])
            put_held();
        if (line.vm != NOBODY && byte == END_OF_RAW[line.held])
            line.held++;
        else
            put_byte(byte);
    }
}

/* A byte from the UART. In front of a prefix END_OF_RAW is of the line before. */
static void take(char byte)
{
    if (line.is_known) {
        take_known(byte);
    } else if (line.length == 0 && byte == END_OF_RAW[line.held]) {
        line.held = line.held + 1 < sizeof(END_OF_RAW) - 1 ? line.held + 1 : 0;
    } else if (byte == '\n') {
        know_line(NOBODY);
        end_line();
    } else {
        line.held = 0;
        line.prefix[line.length++] = byte;
        if (byte == ' ' && line.length >= 3 && line.prefix[0] == '[' && line.prefix[line.length - 2] == ']')
            know_line(vm_of_prefix());
        else if (line.prefix[0] != '[' || line.length == PREFIX_MAX)
            know_line(NOBODY);
    }
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

/* tmux's answer to a command, without its line's end; false: it failed, and has said why. */
static bool tmux(const char *command, char *answer, size_t size)
{
    FILE *from = popen(command, "r"); // NOLINT(cert-env33-c): of words of ours and names of VMs
    char rest[64];

    if (from == NULL)
        return false;
    if (fgets(answer, (int)size, from) == NULL)
        answer[0] = '\0';
    while (fgets(rest, sizeof(rest), from) != NULL)
        ;
    answer[strcspn(answer, "\n")] = '\0';
    return pclose(from) == 0;
}

/* The pane's process only keeps it open: what is typed there, and shown, passes through here. */
static int open_pane(unsigned vm)
{
    static const char words[] =
        "tmux split-window -d -t \"$TMUX_PANE\" -P -F '#{pane_tty} #{pane_id}' 'exec sleep infinity' && "
        "{ tmux select-layout -t \"$TMUX_PANE\" tiled; "
        "tmux set-option -w -t \"$TMUX_PANE\" pane-border-status top; } >/dev/null";
    char answer[128], command[128], *name;
    struct termios mode;

    if (!tmux(words, answer, sizeof(answer)) || (name = strchr(answer, ' ')) == NULL) {
        fputs("ontime run: --tmux: tmux opens no pane\n", stderr);
        return -1;
    }
    *name++ = '\0';
    snprintf(panes[vm], sizeof(panes[vm]), "%s", name);
    pane_count = vm + 1;
    snprintf(command, sizeof(command), "tmux select-pane -t '%s' -T %s", panes[vm],
             system_file->vms[vm].name);
    terminals[vm] = open(answer, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (terminals[vm] < 0 || tcgetattr(terminals[vm], &mode) != 0) {
        perror(answer);
        return -1;
    }
    cfmakeraw(&mode);
    (void)tcsetattr(terminals[vm], TCSANOW, &mode);
    return tmux(command, answer, sizeof(answer)) ? 0 : -1;
}

static void close_panes(void)
{
    char command[128], answer[8];

    for (unsigned i = 0; i < pane_count; i++) {
        snprintf(command, sizeof(command), "tmux kill-pane -t '%s'", panes[i]);
        (void)tmux(command, answer, sizeof(answer));
    }
    pane_count = 0;
}

static int open_consoles(void)
{
    if (kind == CONSOLES_PANES && (getenv("TMUX") == NULL || getenv("TMUX_PANE") == NULL)) {
        fputs("ontime run: --tmux: this is no pane of tmux: start tmux first\n", stderr);
        return -1;
    }
    for (unsigned i = 0; kind != CONSOLES_SHARED && i < system_file->vm_count; i++)
        if ((kind == CONSOLES_PTYS ? open_terminal(i) : open_pane(i)) != 0)
            return -1;
    return 0;
}

/* QEMU keeps this terminal as its input where that is shared: it knows best what to set there. */
static int start(char *const *words)
{
    int in[2], out[2];

    if (pipe(in) != 0 || pipe(out) != 0) {
        perror("ontime run: a pipe");
        return -1;
    }
    child = fork();
    if (child == 0) {
        if (kind != CONSOLES_SHARED)
            (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(in[0]);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)close(out[1]);
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
    if (size > 0 && kind == CONSOLES_SHARED)
        (void)fwrite(data, 1, (size_t)size, stdout);
    if (size > 0 && log_file != NULL) {
        (void)fwrite(data, 1, (size_t)size, log_file);
        (void)fflush(log_file);
    }
    (void)fflush(stdout);
    return size > 0 || (size < 0 && errno == EINTR);
}

static int status_of(int status)
{
    if (!WIFEXITED(status))
        return 128 + WTERMSIG(status);
    if (WEXITSTATUS(status) != 0)
        return WEXITSTATUS(status);
    return has_stopped ? 1 : (int)said_status;
}

static int run(char *const *words)
{
    unsigned count = kind == CONSOLES_SHARED ? 0 : system_file->vm_count;
    struct pollfd ends[SYSTEM_MAX_VMS + 1];
    int status = 1;

    (void)fflush(stdout);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, end_child);
    (void)signal(SIGTERM, end_child);
    (void)signal(SIGHUP, end_child); /* the terminal is gone, or tmux */
    if (start(words) != 0)
        return 1;
    for (unsigned i = 0; i < count; i++)
        ends[i] = (struct pollfd){.fd = terminals[i], .events = POLLIN};
    ends[count] = (struct pollfd){.fd = from_uart, .events = POLLIN};
    while (serve(ends, count))
        ;
    while (waitpid(child, &status, 0) != child)
        if (errno != EINTR)
            return 1;
    return status_of(status);
}

int consoles_run(char *const *words, const struct system_config *config, enum consoles_kind wanted,
                 const char *log)
{
    int status = 1;

    system_file = config;
    kind = wanted;
    input = 0; /* as at Ontime's start */
    said_status = 0;
    has_begun = has_stopped = false;
    memset(&line, 0, sizeof(line));
    log_file = log != NULL ? fopen(log, "w") : NULL;
    if (log != NULL && log_file == NULL)
        perror(log);
    else if (open_consoles() == 0)
        status = run(words);
    close_panes();
    if (log_file != NULL && fclose(log_file) != 0) {
        perror(log);
        status = 1;
    }
    return status;
}
