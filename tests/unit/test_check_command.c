/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ontime check`: what it prints of a system on one CPU and of one on several, to the letter, and how it
 * refuses. At 0.001 ns an instruction what Ontime itself takes is 1 us in each term, whatever
 * base/longest_path.h counts.
 *
 * Runs in the repository's root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "captured.h"
#include "commands.h"

#define NAME_SIZE 32

static char *const out = captured_out, *const errors = captured_errors;

static int run(size_t count, const char *const *words)
{
    return captured_run(check_command, count, words);
}

/* Compiles a file of the corpus to a new one, whose name is left in `name`. */
static void compile(const char *source, char *name)
{
    char command[256];
    int file;

    snprintf(name, NAME_SIZE, "/tmp/ontime-check-XXXXXX");
    file = mkstemp(name);
    assert_true(file >= 0);
    (void)close(file);
    snprintf(command, sizeof(command), "dtc -q -I dts -O dtb -o %s tests/unit/corpus/%s.dts", name, source);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a fixed command on files of this repository
}

static void replace(char *text, const char *name)
{
    for (char *at = text; (at = strstr(at, name)) != NULL;) {
        memcpy(at, "FILE", 4); // NOLINT(bugprone-not-null-terminated-result): in the middle of a text
        memmove(at + 4, at + strlen(name), strlen(at + strlen(name)) + 1);
    }
}

/* Runs `ontime check` on a file of the corpus, which is called FILE in `out` and `errors`. */
static int check(const char *source)
{
    char name[NAME_SIZE];
    const char *const words[] = {"check", "--ns-per-instruction", "0.001", name};
    int status;

    compile(source, name);
    status = run(4, words);
    (void)unlink(name);
    replace(out, name);
    replace(errors, name);
    return status;
}

#define INTRO                                                                                                \
    "Lateness of precise timers, at 0.001 ns an instruction of Ontime's. Up to the guest's entry with its\n" \
    "interrupt pending, and for a VM within its share: what the guest takes, and how long it masks\n"        \
    "interrupts, comes on top.\n"

/* One CPU, though not CPU 0: no line names it, but the column `on CPUs`. */
static const char one_cpu[] =
    "FILE: scheduler cbs, allowance C 5000 us, trace 256 KiB for each CPU\n"
    "VM                   MiB  vCPUs  on CPUs  weight   share  timers\n"
    "a                     64      1  5             1   12.5%  tick: every 1000 us, ends the system, "
    "observer, control, raw console\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "    bootargs  quiet\n"
    "enough                64      2  5             3   75.0%  precise: horizon 100000 us, job 400 us each "
    "10000 us\n"
    "    RAM       0x080000000\n"
    "    Image     0x080200000  0.0 MiB (64 bytes)\n"
    "    initrd    0x082200000  0.0 MiB (13 bytes)\n"
    "    tree      0x082400000\n"
    "short                 64      1  5             1   12.5%  snoop: horizon 100000 us, job 2000 us each "
    "10000 us\n"
    "    binary    0x040080000  0.0 MiB (4 bytes)\n"
    "    tree      0x042000000\n"
    "RAM needed: 192 MiB for the VMs, 0.0 MiB for this file, and a few for Ontime\n" INTRO
    "bound vm=a none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "bound vm=enough us=2649 path=1 deadlines=1 switch=1 warps=2 warped=2644 "
    "messages=1 locks=0 console=1\n"
    "    enough: a precise timer is at most 2649 us late: 1 us Ontime's longest path + 1 us deadlines before "
    "+ 1 us switch + 2644 us urgent work of 2 others "
    "+ 1 us 1 messages of other CPUs + 0 us waiting for VMs' locks + 1 us for the console's\n"
    "job vm=enough response-us=3049 job-us=400 period-us=10000 demand=4.0% share=37.5% holds\n"
    "bound vm=short us=14226 path=1 deadlines=1 switch=1 warps=2 warped=14221 "
    "messages=1 locks=0 console=1\n"
    "    short: a precise timer is at most 14226 us late: 1 us Ontime's longest path + 1 us deadlines before "
    "+ 1 us switch + 14221 us urgent work of 2 others "
    "+ 1 us 1 messages of other CPUs + 0 us waiting for VMs' locks + 1 us for the console's\n"
    "job vm=short response-us=16226 job-us=2000 period-us=10000 demand=20.0% share=12.5% too-much\n"
    "    short: its jobs ask for more than its share: a larger weight, a longer period-us or a smaller "
    "job-us is needed\n";

static const char several_cpus[] =
    "FILE: scheduler cbs, allowance C 5000 us, trace 256 KiB for each CPU\n"
    "VM                   MiB  vCPUs  on CPUs  weight   share  timers\n"
    "a                     64      1  0             1   10.0%  wake\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "round                 64      8  2,0,63        2   86.7%  precise: horizon 100000 us, job 4000 us each "
    "15000 us\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "one                   64      4  1             1  100.0%  wake\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "none                  64      3  0             1   30.0%  wake\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "RAM needed: 256 MiB for the VMs, 0.0 MiB for this file, and a few for Ontime\n" INTRO
    "Of other CPUs a CPU's bounds count messages to its vCPUs, and waits for locks that those hold.\n"
    "CPU 0                weight   share\n"
    "    a.0                   1   10.0%\n"
    "    round.1               2   20.0%\n"
    "    round.4               2   20.0%\n"
    "    round.7               2   20.0%\n"
    "    none.0                1   10.0%\n"
    "    none.1                1   10.0%\n"
    "    none.2                1   10.0%\n"
    "bound vm=a cpu=0 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "bound vm=round cpu=0 us=8227 path=1 deadlines=1 switch=1 warps=2 warped=8221 "
    "messages=1 locks=1 console=1\n"
    "    round.1, round.4, round.7: a precise timer is at most 8227 us late: 1 us Ontime's longest path + 1 "
    "us deadlines before + 1 us switch + 8221 us urgent work of 2 others "
    "+ 1 us 5 messages of other CPUs + 1 us waiting for VMs' locks + 1 us for the console's\n"
    "job vm=round cpu=0 response-us=12227 job-us=4000 period-us=15000 demand=26.7% share=20.0% too-much\n"
    "    round.1, round.4, round.7: its jobs ask for more than its share: a larger weight, a longer "
    "period-us or a smaller job-us is needed\n"
    "bound vm=none cpu=0 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "CPU 1                weight   share\n"
    "    one.0                 1   25.0%\n"
    "    one.1                 1   25.0%\n"
    "    one.2                 1   25.0%\n"
    "    one.3                 1   25.0%\n"
    "bound vm=one cpu=1 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "CPU 2                weight   share\n"
    "    round.0               2   33.3%\n"
    "    round.3               2   33.3%\n"
    "    round.6               2   33.3%\n"
    "bound vm=round cpu=2 us=8227 path=1 deadlines=1 switch=1 warps=2 warped=8221 "
    "messages=1 locks=1 console=1\n"
    "    round.0, round.3, round.6: a precise timer is at most 8227 us late: 1 us Ontime's longest path + 1 "
    "us deadlines before + 1 us switch + 8221 us urgent work of 2 others "
    "+ 1 us 5 messages of other CPUs + 1 us waiting for VMs' locks + 1 us for the console's\n"
    "job vm=round cpu=2 response-us=12227 job-us=4000 period-us=15000 demand=26.7% share=33.3% holds\n"
    "CPU 63               weight   share\n"
    "    round.2               2   50.0%\n"
    "    round.5               2   50.0%\n"
    "bound vm=round cpu=63 us=4117 path=1 deadlines=1 switch=1 warps=1 warped=4111 "
    "messages=1 locks=1 console=1\n"
    "    round.2, round.5: a precise timer is at most 4117 us late: 1 us Ontime's longest path + 1 us "
    "deadlines before + 1 us switch + 4111 us urgent work of 1 others "
    "+ 1 us 3 messages of other CPUs + 1 us waiting for VMs' locks + 1 us for the console's\n"
    "job vm=round cpu=63 response-us=8117 job-us=4000 period-us=15000 demand=26.7% share=50.0% holds\n";

static const char floating[] =
    "FILE: scheduler cbs, allowance C 5000 us, trace 256 KiB for each CPU\n"
    "VM                   MiB  vCPUs  on CPUs  weight   share  timers\n"
    "a                     64      1  0,2           1   12.5%  wake, floating\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "b                     64      3  0,2           2   75.0%  precise: horizon 100000 us, job 1000 us, "
    "floating\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "c                     64      1  2             1   25.0%  wake\n"
    "    Image     0x040200000  0.0 MiB (64 bytes)\n"
    "    tree      0x042200000\n"
    "RAM needed: 192 MiB for the VMs, 0.0 MiB for this file, and a few for Ontime\n" INTRO
    "Of other CPUs a CPU's bounds count messages to its vCPUs, and waits for locks that those hold.\n"
    "Those that float count on each CPU that they may be on: shares and bounds there are the worst.\n"
    "CPU 0                weight   share\n"
    "    a.0                   1   14.3%  floats\n"
    "    b.0                   2   28.6%  floats\n"
    "    b.1                   2   28.6%  floats\n"
    "    b.2                   2   28.6%  floats\n"
    "bound vm=a cpu=0 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "bound vm=b cpu=0 us=4455 path=1 deadlines=1 switch=1 warps=2 warped=2221 messages=1 locks=1 console=1 "
    "moved=2228\n"
    "    b.0, b.1, b.2: a precise timer is at most 4455 us late: 1 us Ontime's longest path + 1 us deadlines "
    "before + 1 us switch + 2221 us urgent work of 2 others + 1 us 9 messages of other CPUs + 1 us waiting "
    "for VMs' locks + 1 us for the console's + 2228 us on another CPU before\n"
    "CPU 2                weight   share\n"
    "    a.0                   1   12.5%  floats\n"
    "    b.0                   2   25.0%  floats\n"
    "    b.1                   2   25.0%  floats\n"
    "    b.2                   2   25.0%  floats\n"
    "    c.0                   1   12.5%\n"
    "bound vm=a cpu=2 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n"
    "bound vm=b cpu=2 us=4455 path=1 deadlines=1 switch=1 warps=2 warped=2221 messages=1 locks=1 console=1 "
    "moved=2228\n"
    "    b.0, b.1, b.2: a precise timer is at most 4455 us late: 1 us Ontime's longest path + 1 us deadlines "
    "before + 1 us switch + 2221 us urgent work of 2 others + 1 us 9 messages of other CPUs + 1 us waiting "
    "for VMs' locks + 1 us for the console's + 2228 us on another CPU before\n"
    "bound vm=c cpu=2 none: it waits for its turn: timers = \"precise\" or \"snoop\" gives one\n";

static const char links[] =
    "link first: 256 KiB\n"
    "    a                writes  registers 0x009100000, memory 0x009400000, INTID 48\n"
    "    b                reads   registers 0x009100000, memory 0x009400000, INTID 48, warps\n"
    "link second: 4 KiB, uncached\n"
    "    b                writes  registers 0x009101000, memory 0x009440000, INTID 49, warps\n"
    "    a                writes  registers 0x009101000, memory 0x009440000, INTID 49, warps\n"
    "link third: 12028 KiB\n"
    "    c                writes  registers 0x009100000, memory 0x009400000, INTID 48\n"
    "    a                writes  registers 0x009102000, memory 0x009441000, INTID 50\n"
    "RAM needed: 192 MiB for the VMs, 12288 KiB for their links, 0.0 MiB for this file, and a few for "
    "Ontime\n";

static const char virtios[] =
    "virtio disk: block\n"
    "    a                drives  registers 0x009200000, INTID 64, warps\n"
    "    b                serves  registers 0x009300000, INTID 80, sees the RAM of a at 0x1000000000\n"
    "virtio lan: net\n"
    "    c                drives  registers 0x009200000, INTID 64, warps\n"
    "    b                serves  registers 0x009301000, INTID 81, warps, sees the RAM of c at 0x1400000000\n"
    "virtio sock: vsock\n"
    "    a                drives  registers 0x009201000, INTID 65\n"
    "    b                serves  registers 0x009302000, INTID 82, sees the RAM of a at 0x1000000000\n"
    "virtio back: net\n"
    "    b                drives  registers 0x009200000, INTID 64\n"
    "    c                serves  registers 0x009300000, INTID 80, sees the RAM of b at 0x1000000000\n"
    "RAM needed: 16512 MiB for the VMs, ";

static void test_one_cpu(void **state)
{
    (void)state;
    assert_int_equal(check("good/one-cpu"), 0);
    assert_string_equal(out, one_cpu);
}

static void test_several_cpus(void **state)
{
    (void)state;
    assert_int_equal(check("good/cpus"), 0);
    assert_string_equal(out, several_cpus);
    assert_string_equal(errors, "");
}

static void test_floating(void **state)
{
    (void)state;
    assert_int_equal(check("good/floating"), 0);
    assert_string_equal(out, floating);
}

static void test_virtios(void **state)
{
    (void)state;
    assert_int_equal(check("good/virtio"), 0);
    assert_non_null(strstr(out, virtios));
}

static void test_links(void **state)
{
    (void)state;
    assert_int_equal(check("good/links"), 0);
    assert_non_null(strstr(out, links));
}

static void test_devices(void **state)
{
    (void)state;
    assert_int_equal(check("good/devices"), 0);
    assert_non_null(strstr(out, "    RAM       0x050000000  direct, trusted with DMA\n"
                                "    Image     0x050200000  0.0 MiB (64 bytes)\n"
                                "    tree      0x052200000\n"
                                "    device    /virtio_mmio@a003c00\n"
                                "    device    /virtio_mmio@a003e00\n"
                                "keys "));
    assert_non_null(strstr(out, "    RAM       0x054000000  direct\n"));
    assert_non_null(strstr(out, "    bootargs  quiet\n    device    /pl061@9030000\nfar "));
    assert_non_null(strstr(out, "    RAM       0xfffffc000000  direct\n"));
}

static void test_board(void **state)
{
    char name[NAME_SIZE], board[NAME_SIZE], damaged[NAME_SIZE];
    const char *const words[] = {"check", "--ns-per-instruction", "1", "--board", board, name};
    const char *const wrong[] = {"check", "--board", name, name};
    const char *const missing[] = {"check", "--board", "tests/unit/corpus/nothing", name};
    const char *const none[] = {"check", "--board", damaged, name};

    (void)state;
    compile("good/devices", name);
    compile("board", board);
    assert_int_equal(run(6, words), 1);
    replace(errors, name);
    assert_string_equal(errors,
                        "FILE: node /vm-disk: property devices: /virtio_mmio@a003c00: shares a page of "
                        "4 KiB with /virtio_mmio@a003a00, which is not given\n");
    (void)unlink(name);
    compile("good/minimal", name);
    assert_int_equal(run(6, words), 0);
    assert_int_equal(run(4, wrong), 1);
    replace(errors, name);
    assert_string_equal(
        errors, "FILE: the board's tree lacks the interrupt of EL2's timer in the arm,armv8-timer node\n");
    snprintf(damaged, sizeof(damaged), "tests/unit/corpus/board.dts");
    assert_int_equal(run(4, none), 1);
    replace(errors, name);
    assert_string_equal(errors, "FILE: the board's file is no device tree\n");
    assert_int_equal(run(4, missing), 1);
    assert_string_equal(errors, "tests/unit/corpus/nothing: No such file or directory\n");
    (void)unlink(name);
    (void)unlink(board);
}

static void test_no_bound(void **state)
{
    (void)state;
    assert_int_equal(check("good/minimal"), 0);
    assert_string_equal(errors, "FILE: warning: no VM has a bound on the lateness of its timers\n");
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(check("bad/cpus-twice"), 1);
    assert_string_equal(out, "");
    assert_string_equal(errors, "FILE: node /vm-a: property cpus: 3 is named twice\n");
}

static void test_no_file(void **state)
{
    const char *const words[] = {"check", "tests/unit/corpus/nothing"};

    (void)state;
    assert_int_equal(run(2, words), 1);
    assert_string_equal(errors, "tests/unit/corpus/nothing: No such file or directory\n");
}

static void test_usage(void **state)
{
    static const char usage[] =
        "usage: ontime check [--ns-per-instruction N] [--board BOARD.dtb] SYSTEM.dtb...\n";
    static const char *const numbers[] = {"0", "-1", "8x", "", "inf", "nan", "1000001"};
    const char *const unknown[] = {"check", "-x"};

    (void)state;
    assert_int_equal(run(1, unknown), 2);
    assert_string_equal(errors, usage);
    assert_int_equal(run(2, unknown), 2);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *const words[] = {"check", "--ns-per-instruction", numbers[i],
                                     "tests/unit/corpus/nothing"};

        assert_int_equal(run(4, words), 2);
        assert_string_equal(errors, usage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_cpu), cmocka_unit_test(test_several_cpus), cmocka_unit_test(test_floating),
        cmocka_unit_test(test_virtios), cmocka_unit_test(test_links),        cmocka_unit_test(test_no_bound),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_file),      cmocka_unit_test(test_usage),
        cmocka_unit_test(test_devices), cmocka_unit_test(test_board),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
