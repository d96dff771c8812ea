// SPDX-License-Identifier: Apache-2.0
#include "captured.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 8

char captured_out[CAPTURED_SIZE], captured_errors[CAPTURED_SIZE];

static void read_back(int file, char *text)
{
    ssize_t length = pread(file, text, CAPTURED_SIZE - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    (void)close(file);
}

/* A file without a name, in place of the descriptor `of`. */
static int capture(int of)
{
    char name[] = "/tmp/ontime-check-out-XXXXXX";
    int file = mkstemp(name);

    assert_true(file >= 0);
    (void)unlink(name);
    assert_true(dup2(file, of) >= 0);
    return file;
}

int captured_run(int (*command)(int argc, char **argv), size_t count, const char *const *words)
{
    char *argv[WORDS_MAX + 1] = {NULL};
    int saved_out, saved_error, out_file, error_file, status;

    assert_true(count <= WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        assert_non_null(argv[i] = strdup(words[i]));
    (void)fflush(stdout);
    saved_out = dup(STDOUT_FILENO);
    saved_error = dup(STDERR_FILENO);
    out_file = capture(STDOUT_FILENO);
    error_file = capture(STDERR_FILENO);
    status = command((int)count, argv);
    (void)fflush(stdout);
    (void)dup2(saved_out, STDOUT_FILENO);
    (void)dup2(saved_error, STDERR_FILENO);
    (void)close(saved_out);
    (void)close(saved_error);
    read_back(out_file, captured_out);
    read_back(error_file, captured_errors);
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    return status;
}
