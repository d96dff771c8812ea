/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal for each VM: what a VM prints comes to its own, without its name; what is typed there goes to
 * the UART, behind Ctrl-] and the name of the VM. A shell script stands for QEMU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "consoles.h"

static struct system_config config = {.vm_count = 2, .vms = {{.name = "left"}, {.name = "right"}}};

/* In a process of its own, with what it prints on a pipe, which is returned. */
static FILE *start(const char *script, pid_t *child)
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
        _exit(consoles_run(copies, &config));
    }
    (void)close(out[1]);
    for (int i = 0; i < 3; i++)
        free(copies[i]);
    return fdopen(out[0], "r");
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
    FILE *from = start("printf '[ontime] Ontime\\n[left] one\\n[right] two\\n[left] three\\n'\n"
                       "printf 'no name\\n[nobody] x\\n[a-name-that-is-longer-than-one-may-be] y\\n'\n"
                       "read line; exit 3",
                       &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    reads(left, "one\nthree\n");
    reads(right, "two\n");
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

/* SIGTERM ends the command, too. */
static void test_signal(void **state)
{
    pid_t child;
    FILE *from = start("echo ready; exec sleep 1000", &child);
    int left = terminal(from, "left"), right = terminal(from, "right");
    char line[128];

    (void)state;
    assert_string_equal(fgets(line, sizeof(line), from), "ready\n");
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(status_of(child), 128 + SIGTERM);
    (void)close(left);
    (void)close(right);
    assert_int_equal(fclose(from), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
