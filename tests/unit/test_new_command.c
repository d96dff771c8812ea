/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ontime new`: the source that it writes passes the checks of boot, has each file once, and says what is
 * wrong with a guest that cannot be. Runs in the repository's root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "captured.h"
#include "commands.h"

static char folder[] = "/tmp/ontime-new-test-XXXXXX";

/* "/tmp/ontime-new-test-.../NAME", one text for each `slot`. */
static const char *in_folder(unsigned slot, const char *before, const char *name)
{
    static char texts[4][256];

    snprintf(texts[slot], sizeof(texts[slot]), "%s%s/%s", before, folder, name);
    return texts[slot];
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(in_folder(0, "", name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* An arm64 Image's header (Documentation/arm64/booting.rst), of a kernel of 16 MiB, a raw binary, an initrd.
 */
static int make_files(void **state)
{
    static const uint8_t header[64] = {[3] = 0x14, [19] = 0x01, [56] = 'A', 'R', 'M', 0x64};

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("Image", header, sizeof(header));
    write_file("raw.bin", "\0\0\0\024", 4);
    write_file("initrd", "an initramfs", 12);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {"Image", "raw.bin", "initrd", "mine.dts"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(in_folder(0, "", names[i]));
    return rmdir(folder);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text++;
        n++;
    }
    return n;
}

/* Two guests with one kernel on two CPUs, and one on the first again: to standard output. */
static void test_three_guests(void **state)
{
    const char *const words[] = {"new",
                                 "--cpus",
                                 "2",
                                 in_folder(0, "a=linux:", "Image"),
                                 in_folder(1, "b=linux:", "Image"),
                                 in_folder(2, "control=bare:", "raw.bin")};
    char with_initrd[512];

    (void)state;
    snprintf(with_initrd, sizeof(with_initrd), "%s,%s", words[4], in_folder(3, "", "initrd"));
    const char *const all[] = {words[0], words[1], words[2], words[3], with_initrd, words[5]};
    assert_int_equal(captured_run(new_command, 6, all), 0);
    assert_string_equal(captured_errors, "");
    assert_int_equal(count(captured_out, "/incbin/"), 3);
    assert_int_equal(count(captured_out, "kernel = <&file0>;"), 2);
    assert_int_equal(count(captured_out, "initrd = <&file3>;"), 1);
    assert_int_equal(count(captured_out, "    cpus = <0>;"), 2);
    assert_int_equal(count(captured_out, "    cpus = <1>;"), 1);
    assert_int_equal(count(captured_out, "load-address = <0x40080000>;"), 1);
    assert_int_equal(count(captured_out, "\n    vm-control {"), 1);
}

/* To a file, which is not overwritten. */
static void test_to_a_file(void **state)
{
    const char *const words[] = {"new", "-o", in_folder(1, "", "mine.dts"),
                                 in_folder(2, "a=bare:", "raw.bin,0x40001000")};
    struct stat about;

    (void)state;
    /* in_folder() puts ",0x..." behind the file's name, as is wanted */
    assert_int_equal(captured_run(new_command, 4, words), 0);
    assert_int_equal(stat(words[2], &about), 0);
    assert_non_null(strstr(captured_out, "mine.dts: 1 VM; "));
    assert_int_equal(captured_run(new_command, 4, words), 1);
    assert_non_null(strstr(captured_errors, "File exists"));
    assert_int_equal(stat(words[2], &about), 0);
}

/* The guest of that name, and no other, may steer the others. */
static void test_control(void **state)
{
    const char *const words[] = {"new", "--control", "b", in_folder(1, "a=bare:", "raw.bin"),
                                 in_folder(2, "b=linux:", "Image")};
    const char *const nobody[] = {"new", "--control", "c", words[3]};
    const char *at;

    (void)state;
    assert_int_equal(captured_run(new_command, 5, words), 0);
    assert_int_equal(count(captured_out, "        control;"), 1);
    assert_non_null(at = strstr(captured_out, "        control;"));
    assert_true(strstr(captured_out, "vm-b") < at);
    assert_int_equal(captured_run(new_command, 4, nobody), 1);
    assert_non_null(strstr(captured_errors, "c: --control: there is no such guest"));
}

static void refuses(const char *guest, const char *why)
{
    const char *const words[] = {"new", guest};

    assert_int_equal(captured_run(new_command, 2, words), 1);
    assert_non_null(strstr(captured_errors, why));
    assert_string_equal(captured_out, "");
}

static void test_refused(void **state)
{
    (void)state;
    refuses("nothing", "is not NAME=linux:KERNEL");
    refuses(in_folder(0, "a=windows:", "Image"), "is no kind of guest");
    refuses(in_folder(0, "a=linux:", "nowhere"), "No such file");
    refuses(in_folder(0, "A=linux:", "Image"), "node /vm-A: a name is made of a-z");
    refuses(in_folder(0, "a=linux:", "raw.bin"), "property kernel: ");
    refuses("a=bare:/dev/null", "no ordinary file");
}

static void test_usage(void **state)
{
    const char *const help[] = {"new", "--help"};
    const char *const none[] = {"new", "--cpus", "0", "a=bare:x"};

    (void)state;
    assert_int_equal(captured_run(new_command, 2, help), 0);
    assert_memory_equal(captured_out, "usage: ", 7);
    assert_int_equal(captured_run(new_command, 1, help), 2);
    assert_memory_equal(captured_errors, "usage: ", 7);
    assert_int_equal(captured_run(new_command, 4, none), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_guests), cmocka_unit_test(test_to_a_file), cmocka_unit_test(test_control),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
