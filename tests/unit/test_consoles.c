/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal for each VM: what a VM prints comes to its own, without its name; what is typed there goes to
 * the UART, behind Ctrl-] and the name of the VM. A shell script stands for QEMU, and another one for tmux.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "consoles.h"

static struct system_config config = {.vm_count = 2, .vms = {{.name = "left"}, {.name = "right"}}};

/* In a process of its own, with what it prints on a pipe, which is returned. */
static FILE *start_as(const char *script, enum consoles_kind kind, const char *log, pid_t *child)
{
    const char *const words[] = {"/bin/sh", "-c", script, NULL};
    char *copies[4] = {NULL};
    int out[2];

    for (int i = 0; words[i] != NULL; i++)
        assert_non_null(copies[i] = strdup(words[i]));
    assert_int_equal(pipe(out), 0);
    (void)fflush(stdout);
    *child = fork();
    if (*child == 0) {
        (void)alarm(60); /* a test that fails leaves it behind */
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        _exit(consoles_run(copies, &config, kind, log));
    }
    (void)close(out[1]);
    for (int i = 0; i < 3; i++)
        free(copies[i]);
    return fdopen(out[0], "r");
}

static FILE *start(const char *script, pid_t *child)
{
    return start_as(script, CONSOLES_PTYS, NULL, child);
}

/* "NAME: /dev/pts/N", and the terminal opened. */
static int terminal(FILE *from, const char *name)
{
    char line[128], expected[64];
    int file;

    assert_non_null(fgets(line, sizeof(line), from));
    snprintf(expected, sizeof(expected), "%s: /dev/", name);
    assert_memory_equal(line, expected, strlen(expected));
    line[strcspn(line, "\n")] = '\0';
    file = open(line + strlen(name) + 2, O_RDWR | O_NOCTTY);
    assert_true(file >= 0);
    return file;
}

static void reads(int file, const char *expected)
{
    char text[256];
    size_t length = 0;

    while (length < strlen(expected)) {
        ssize_t got = read(file, text + length, strlen(expected) - length);

        assert_true(got > 0);
        length += (size_t)got;
    }
    assert_memory_equal(text, expected, length);
}

static int status_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_output(void **state)
{
    pid_t child;
    FILE *from = start("printf '[ontime] Ontime\\n[left] one\\r\\n[right] two\\r\\n[left] three\\r\\n'\n"
                       "printf 'no name\\n[nobody] x\\n[a-name-that-is-longer-than-one-may-be] y\\n'\n"
                       "read line; exit 3",
                       &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    reads(left, "one\r\nthree\r\n");
    reads(right, "two\r\n");
    assert_string_equal(fgets(line, sizeof(line), from), "[ontime] Ontime\n");
    assert_string_equal(fgets(line, sizeof(line), from), "no name\n");
    assert_string_equal(fgets(line, sizeof(line), from), "[nobody] x\n");
    assert_string_equal(fgets(line, sizeof(line), from), "[a-name-that-is-longer-than-one-may-be] y\n");
    assert_int_equal(write(left, "\n", 1), 1);
    assert_int_equal(status_of(child), 3);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

/* A line that another one breaks, and what is ended before that on a terminal that all share. */
static void test_broken(void **state)
{
    pid_t child;
    FILE *from =
        start("printf '[left] $ l\\r\\r\\n[right] x\\r\\n[left] s\\r\\n'\n"
              "printf '[left] \\033[1\\030\\033[0m\\r\\r\\n[right] \\r\\030y\\r\\n[left] m\\r\\n'\n"
              "printf '\\030\\033[0m[right] \\030\\033[0mz\\r\\n[ontime] a\\r\\r\\n[ontime] b\\n\\n'\n"
              "read line",
              &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    reads(left, "$ ls\r\n\033[1m\r\n");
    reads(right, "x\r\n\r\030y\r\n\030\033[0mz\r\n");
    assert_string_equal(fgets(line, sizeof(line), from), "[ontime] a\r\r\n");
    assert_string_equal(fgets(line, sizeof(line), from), "[ontime] b\n");
    assert_string_equal(fgets(line, sizeof(line), from), "\n");
    assert_int_equal(write(left, "\n", 1), 1);
    assert_int_equal(status_of(child), 0);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

/* On one terminal all comes as it is, and is kept, too. */
static void test_shared(void **state)
{
    static const char expected[] = "[left] a\r\r\n[ontime] b\r\n\030\033[0m[right] c\r\n$ ";
    char log[] = "/tmp/test-consoles-XXXXXX", text[2 * sizeof(expected)];
    int file = mkstemp(log);
    pid_t child;
    FILE *from;

    (void)state;
    assert_true(file >= 0);
    from = start_as("printf '[left] a\\r\\r\\n[ontime] b\\r\\n\\030\\033[0m[right] c\\r\\n$ '",
                    CONSOLES_SHARED, log, &child);
    assert_int_equal(status_of(child), 0);
    assert_int_equal(fread(text, 1, sizeof(text), from), sizeof(expected) - 1);
    assert_memory_equal(text, expected, sizeof(expected) - 1);
    assert_int_equal(read(file, text, sizeof(text)), sizeof(expected) - 1);
    assert_memory_equal(text, expected, sizeof(expected) - 1);
    assert_int_equal(fclose(from), 0);
    (void)close(file);
    (void)unlink(log);
}

static int status_after(const char *script)
{
    pid_t child;
    FILE *from = start_as(script, CONSOLES_SHARED, NULL, &child);
    int status;
    char text[4096];

    assert_true(fread(text, 1, sizeof(text), from) < sizeof(text));
    status = status_of(child);
    assert_int_equal(fclose(from), 0);
    return status;
}

static void test_exit_status(void **state)
{
    (void)state;
    assert_int_equal(status_after("printf '[ontime] left: off\r\n[ontime] all VMs are off\r\n'"), 0);
    assert_int_equal(status_after("printf '[left] ontime-exit-status=0\r\n'"), 0);
    assert_int_equal(status_after("printf '[left] ontime-exit-status=3\r\n[right] ontime-exit-status=2\r\n'"),
                     3);
    assert_int_equal(status_after("printf '[left] ontime-exit-status=255\r\n'; exit 124"), 124);
    assert_int_equal(
        status_after("printf '[ontime] no\r\n[ontime] stopped: the machine is switched off\r\n'"), 1);
    assert_int_equal(status_after("kill -9 $$"), 128 + 9);
    assert_int_equal(status_after("printf '[left] [ontime] stopped: the machine is switched off\r\n'"), 0);
    /* none of these is such a line */
    assert_int_equal(
        status_after("printf '[left] ontime-exit-status=256\r\n[left] ontime-exit-status=-1\r\n'\n"
                     "printf '[left] ontime-exit-status=\r\n[left] ontime-exit-status=1x\r\n'\n"
                     "printf '[left] x ontime-exit-status=1\r\nontime-exit-status=1\r\n'\n"
                     "printf '[ontime] ontime-exit-status=1\r\n[nobody] ontime-exit-status=1\r\n'"),
        0);
}

/* The script shows each byte of a line; Ctrl-A and Ctrl-] are doubled. */
static void test_input(void **state)
{
    pid_t child;
    FILE *from =
        start("read line; echo \"$line\" | od -An -c | tr -s ' '; read line; echo \"$line\" | od -An -c "
              "| tr -s ' '",
              &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    assert_int_equal(write(left, "a\001\035\n", 4), 4);
    assert_string_equal(fgets(line, sizeof(line), from), " a 001 001 035 035 \\n\n");
    assert_int_equal(write(right, "b\n", 2), 2);
    assert_string_equal(fgets(line, sizeof(line), from), " 035 r i g h t \\r b \\n\n");
    assert_int_equal(status_of(child), 0);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

/* Ontime is told that its console is taken apart, once it has said of a VM that it is there. */
static void test_greeting(void **state)
{
    pid_t child;
    FILE *from = start("printf '[ontime] VM left: 2 MiB\\r\\n[ontime] VM right: 2 MiB\\r\\n'\n"
                       "read line; echo \"$line\" | od -An -c | tr -s ' '",
                       &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    assert_non_null(fgets(line, sizeof(line), from));
    assert_non_null(fgets(line, sizeof(line), from));
    assert_int_equal(write(left, "a\n", 2), 2);
    assert_string_equal(fgets(line, sizeof(line), from), " 035 * \\r a \\n\n");
    assert_int_equal(status_of(child), 0);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

/* A signal to this process ends the command: SIGTERM goes there. */
static void ends_by(int number)
{
    pid_t child;
    FILE *from = start("echo ready; exec sleep 1000", &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    assert_string_equal(fgets(line, sizeof(line), from), "ready\n");
    assert_int_equal(kill(child, number), 0);
    assert_int_equal(status_of(child), 128 + SIGTERM);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

static void test_signal(void **state)
{
    (void)state;
    ends_by(SIGTERM);
    ends_by(SIGHUP);
}

/* What it is asked is in `asked`. Its panes are the terminals that a file names, a line each. */
static const char tmux[] =
    "#!/bin/sh\n"
    "cd \"$FOLDER\"\n"
    "echo \"$*\" >>asked\n"
    "[ $1 != split-window ] ||\n"
    "    { count=$(grep -c split-window asked); echo \"$(sed -n ${count}p panes) %$count\"; }\n";

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_non_null(file = fopen(path, "w"));
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void use_tmux(const char *folder, const char *panes)
{
    char path[4096];

    write_file(folder, "tmux", tmux);
    write_file(folder, "panes", panes);
    snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_int_equal(setenv("FOLDER", folder, 1), 0);
    assert_int_equal(setenv("TMUX", "socket", 1), 0);
    assert_int_equal(setenv("TMUX_PANE", "%0", 1), 0);
}

static void was_asked(const char *folder)
{
    static const char *const expected[] = {
        "split-window -d -t %0 -P -F #{pane_tty} #{pane_id} exec sleep infinity\n",
        "select-layout -t %0 tiled\n",
        "set-option -w -t %0 pane-border-status top\n",
        "select-pane -t %1 -T left\n",
        "split-window -d -t %0 -P -F #{pane_tty} #{pane_id} exec sleep infinity\n",
        "select-layout -t %0 tiled\n",
        "set-option -w -t %0 pane-border-status top\n",
        "select-pane -t %2 -T right\n",
        "kill-pane -t %1\n",
        "kill-pane -t %2\n",
    };
    char path[128], line[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/asked", folder);
    assert_non_null(file = fopen(path, "r"));
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_string_equal(fgets(line, sizeof(line), file), expected[i]);
    assert_null(fgets(line, sizeof(line), file));
    assert_int_equal(fclose(file), 0);
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"tmux", "panes", "asked"};
    char path[128];

    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* Panes with the VMs' names, which are gone at the end. */
static void test_panes(void **state)
{
    char folder[] = "/tmp/test-consoles-XXXXXX", names[2][64], panes[130];
    int left, right, ends[2];
    pid_t child;
    FILE *from;

    (void)state;
    assert_int_equal(openpty(&left, &ends[0], names[0], NULL, NULL), 0);
    assert_int_equal(openpty(&right, &ends[1], names[1], NULL, NULL), 0);
    assert_non_null(mkdtemp(folder));
    snprintf(panes, sizeof(panes), "%s\n%s\n", names[0], names[1]);
    use_tmux(folder, panes);
    from =
        start_as("printf '[left] one\r\n[right] two\r\n'; read line; exit 3", CONSOLES_PANES, NULL, &child);
    reads(left, "one\r\n");
    reads(right, "two\r\n");
    assert_int_equal(write(right, "\n", 1), 1);
    assert_int_equal(status_of(child), 3);
    was_asked(folder);
    (void)close(left);
    (void)close(right);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(fclose(from), 0);
    remove_folder(folder);
}

static void test_no_tmux(void **state)
{
    pid_t child;
    FILE *from;

    (void)state;
    assert_int_equal(unsetenv("TMUX"), 0);
    from = start_as("exit 0", CONSOLES_PANES, NULL, &child);
    assert_int_equal(status_of(child), 1);
    assert_int_equal(fclose(from), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),      cmocka_unit_test(test_broken), cmocka_unit_test(test_shared),
        cmocka_unit_test(test_exit_status), cmocka_unit_test(test_input),  cmocka_unit_test(test_greeting),
        cmocka_unit_test(test_signal),      cmocka_unit_test(test_panes),  cmocka_unit_test(test_no_tmux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
