/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Ontime reads of the machine's device tree. Each tree is BASE with changes, compiled by dtc as the test
 * runs; QEMU's own trees are read, too. The allocator is a stand-in that notes in order what RAM it is told
 * of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "boot/board.h"
#include "random.h"
#include "tree_of.h"

#define TREE_SIZE   0x200000
#define SOURCE_SIZE 16384
#define PATH_SIZE   512
#define FILE_NAME   "/tmp/test_board.XXXXXX"
#define CALLS       64
#define ROUNDS      30
#define SERIAL      0x9000000
#define NO_PATH     "/chosen/stdout-path"
#define NO_SERIAL   "the node that /chosen/stdout-path names"
#define NO_TIMER    "the interrupt of EL2's timer in the arm,armv8-timer node"

static const char base[] =
    "/ {"
    "    #address-cells = <2>; #size-cells = <2>;"
    "    aliases { serial0 = \"/serial@9000000\"; serial1 = \"/serial@9040000\"; };"
    "    chosen: chosen {"
    "        stdout-path = \"/serial@9000000\";"
    "        linux,initrd-start = <0x48000000>; linux,initrd-end = <0x48123456>;"
    "        rng-seed = [00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
    "                    10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f];"
    "    };"
    "    memory: memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x10000000>; };"
    "    cpus: cpus {"
    "        #address-cells = <1>; #size-cells = <0>;"
    "        cpu0: cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-a72\", \"arm,armv8\"; reg = <0>; "
    "};"
    "        cpu1: cpu@1 { device_type = \"cpu\"; compatible = \"arm,cortex-a53\"; reg = <1>; };"
    "    };"
    "    psci: psci { compatible = \"arm,psci-1.0\", \"arm,psci-0.2\"; method = \"smc\"; };"
    "    timer: timer {"
    "        compatible = \"arm,armv8-timer\", \"arm,armv7-timer\";"
    "        interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;"
    "    };"
    "    serial: serial@9000000 {"
    "        compatible = \"arm,pl011\", \"arm,primecell\";"
    "        reg = <0 0x9000000 0 0x1000>, <0 0x9010000 0 0x2000>;"
    "        interrupts = <0 1 4>, <0 2 4>;"
    "    };"
    "    rtc: rtc@9010000 { compatible = \"arm,pl031\", \"arm,primecell\"; reg = <0 0x9010000 0 0x1000>; };"
    "    serial@9040000 { reg = <1 0x9040000 2 0x3000>; };"
    "};";

static const void *tree;
static char file_name[sizeof(FILE_NAME)];
static struct board board;

struct call {
    bool reserve;
    uint64_t start, size;
};

static struct call calls[CALLS];
static unsigned call_count;

static void note(bool reserve, uint64_t start, uint64_t size)
{
    assert_true(call_count < CALLS);
    calls[call_count++] = (struct call){reserve, start, size};
}

void memory_add(uint64_t start, uint64_t size)
{
    note(false, start, size);
}

void memory_reserve(uint64_t start, uint64_t size)
{
    note(true, start, size);
}

static const char *read_tree(void)
{
    memset(&board, 0xA5, sizeof(board));
    call_count = 0;
    return board_read(tree, &board);
}

/* BASE after some /memreserve/ and before changes. */
static const char *read_source(const char *reserved, const char *changes)
{
    char source[SOURCE_SIZE];

    assert_in_range(snprintf(source, sizeof(source), "%s %s %s", reserved, base, changes), 1,
                    sizeof(source) - 1);
    tree = tree_of(source);
    return read_tree();
}

static void expect_complete(const char *changes)
{
    const char *missing = read_source("", changes);

    if (missing != NULL)
        fail_msg("%s: missing is %s", changes, missing);
}

static void expect_missing(const char *changes, const char *what)
{
    const char *missing = read_source("", changes);

    assert_non_null(missing);
    assert_string_equal(missing, what);
}

/* The board has no console, and all else. */
static void expect_no_uart(const char *changes, const char *missing)
{
    expect_complete(changes);
    assert_string_equal(board.uart_missing, missing);
    assert_int_equal(board.uart.size, 0);
    assert_null(board.uart_compatible);
    assert_int_equal(board.uart_irq, 0);
}

static void expect_calls(const struct call *expected, unsigned count)
{
    assert_int_equal(call_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(calls[i].reserve, expected[i].reserve);
        assert_int_equal(calls[i].start, expected[i].start);
        assert_int_equal(calls[i].size, expected[i].size);
    }
}

static void a_board_is_read(void **state)
{
    static const struct call ram = {false, 0x40000000, 0x10000000};

    (void)state;
    expect_complete("");
    assert_null(board.uart_missing);
    assert_int_equal(board.uart.start, SERIAL);
    assert_int_equal(board.uart.size, 0x1000);
    assert_string_equal(board.uart_compatible, "arm,pl011");
    assert_int_equal(board.uart_irq, 33);
    assert_int_equal(board.comparator_irq, 26);
    assert_true(board.psci);
    assert_int_equal(board.rtc.start, 0x9010000);
    assert_int_equal(board.rtc.size, 0x1000);
    assert_false(board.psci_by_hvc);
    assert_string_equal(board.cpu_compatible, "arm,cortex-a72");
    assert_int_equal(board.initrd, 0x48000000);
    assert_int_equal(board.initrd_size, 0x123456);
    assert_non_null(board.seed);
    for (unsigned i = 0; i < BOARD_SEED_SIZE; i++)
        assert_int_equal(((const uint8_t *)board.seed)[i], i);
    expect_calls(&ram, 1);
}

static void a_board_may_have_no_console(void **state)
{
    (void)state;
    expect_no_uart("&chosen { /delete-property/ stdout-path; };", NO_PATH);
    expect_no_uart("/delete-node/ &chosen;", NO_PATH);
    expect_no_uart("/ { /delete-node/ aliases; chosen { stdout-path = \"serial0\"; }; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"/serial@9020000\"; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"serial2\"; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"\"; };", NO_SERIAL);
    expect_no_uart("&serial { /delete-property/ reg; };", NO_SERIAL);
    expect_no_uart("&chosen { /delete-property/ stdout-path; };", NO_PATH);
    assert_int_equal(call_count, 1);
    assert_int_equal(board.initrd_size, 0x123456);
    assert_non_null(board.seed);
    expect_missing("/delete-node/ &timer; &chosen { /delete-property/ stdout-path; };", NO_TIMER);
    assert_string_equal(board.uart_missing, NO_PATH);
}

/* A copy of the tree, to be damaged. */
static void *copy_of_tree(void)
{
    static char room[TREE_SIZE + 8] __attribute__((aligned(8)));

    assert_true(fdt_totalsize(tree) <= TREE_SIZE);
    memset(room, 0, sizeof(room));
    memcpy(room, tree, fdt_totalsize(tree));
    tree = room;
    return room;
}

static void expect_unsound(void)
{
    const char *missing = read_tree();

    assert_non_null(missing);
    assert_non_null(strstr(missing, "a sound structure"));
    assert_int_equal(call_count, 0);
    assert_int_equal(board.uart.size, 0);
}

static void a_damaged_tree_is_not_read(void **state)
{
    void *copy;

    (void)state;
    expect_complete("");
    copy = copy_of_tree();
    assert_null(read_tree());
    fdt_set_totalsize(copy, TREE_SIZE); /* as large as it may be */
    assert_null(read_tree());
    fdt_set_totalsize(copy, TREE_SIZE + 8);
    expect_unsound();
    fdt_set_totalsize(copy, TREE_SIZE);
    fdt_set_version(copy, 16);
    expect_unsound();
    fdt_set_version(copy, 17);
    fdt_set_magic(copy, 0);
    expect_unsound();
    fdt_set_magic(copy, FDT_MAGIC);
    memset((char *)copy + fdt_off_dt_struct(copy), 1, 1);
    expect_unsound();
}

static void a_string_ends_in_its_property(void **state)
{
    (void)state;
    expect_no_uart("&chosen { stdout-path = [2f 73 65 72 69 61 6c]; };", NO_PATH);
    expect_no_uart("&chosen { stdout-path; };", NO_PATH);
    expect_complete("&serial { compatible = [61 62]; };");
    assert_null(board.uart_compatible);
    expect_complete("&cpu0 { compatible = [61 62]; };");
    assert_null(board.cpu_compatible);
    expect_complete("&psci { method = [68 76 63]; };");
    assert_false(board.psci_by_hvc);
    expect_complete("&rtc { status = [6f 6b 61 79]; };"); /* is no "disabled" */
    assert_int_equal(board.rtc.size, 0x1000);
}

static void an_alias_leads_to_a_path(void **state)
{
    (void)state;
    expect_no_uart("&chosen { stdout-path = \"a\"; }; / { aliases { a = \"b\"; b = \"a\"; }; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"a\"; }; / { aliases { a = \"serial0\"; }; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"a\"; }; / { aliases { a = [2f]; }; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"a\"; }; / { aliases { a; }; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \"\"; };", NO_SERIAL);
    expect_no_uart("&chosen { stdout-path = \":115200\"; };", NO_SERIAL);
}

static void the_path_may_be_an_alias_and_have_options(void **state)
{
    static const char *const paths[] = {"/serial@9000000", "/serial@9000000:115200n8", "serial0",
                                        "serial0:9600", "/serial@9000000:"};

    (void)state;
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char changes[PATH_SIZE];

        snprintf(changes, sizeof(changes), "&chosen { stdout-path = \"%s\"; };", paths[i]);
        expect_complete(changes);
        assert_int_equal(board.uart.start, SERIAL);
        assert_int_equal(board.uart_irq, 33);
    }
}

static void a_uart_may_lack_an_interrupt_and_a_name(void **state)
{
    (void)state;
    expect_complete("&chosen { stdout-path = \"serial1:115200\"; };");
    assert_int_equal(board.uart.start, 0x109040000);
    assert_int_equal(board.uart.size, 0x200003000);
    assert_int_equal(board.uart_irq, 0);
    assert_null(board.uart_compatible);
    assert_int_equal(board.initrd_size, 0x123456);
}

static void a_uart_may_have_several_names(void **state)
{
    static const char names[] = "rockchip,rk3399-uart\0snps,dw-apb-uart";

    (void)state;
    expect_complete("&serial { compatible = \"rockchip,rk3399-uart\", \"snps,dw-apb-uart\"; };");
    assert_int_equal(board.uart_compatible_size, sizeof(names));
    assert_memory_equal(board.uart_compatible, names, sizeof(names));
    expect_complete("&serial { /delete-property/ compatible; };");
    assert_null(board.uart_compatible);
    assert_int_equal(board.uart_compatible_size, 0);
}

static void a_uart_says_how_its_registers_lie(void **state)
{
    (void)state;
    expect_complete("");
    assert_int_equal(board.uart_shift, 0);
    assert_int_equal(board.uart_width, 0);
    expect_complete("&serial { reg-shift = <2>; reg-io-width = <4>; };");
    assert_int_equal(board.uart_shift, 2);
    assert_int_equal(board.uart_width, 4);
}

static void the_initrd_is_one_cell_or_two(void **state)
{
    (void)state;
    expect_complete("&chosen { linux,initrd-start = <1 0x80000000>; linux,initrd-end = <2 0x10>; };");
    assert_int_equal(board.initrd, 0x180000000);
    assert_int_equal(board.initrd_size, 0x80000010);
    expect_complete("&chosen { linux,initrd-start = <0 0xC0000000>; linux,initrd-end = <0xF0000000>; };");
    assert_int_equal(board.initrd, 0xC0000000);
    assert_int_equal(board.initrd_size, 0x30000000);
    expect_complete("&chosen { /delete-property/ linux,initrd-start; /delete-property/ linux,initrd-end; };");
    assert_int_equal(board.initrd, 0);
    assert_int_equal(board.initrd_size, 0);
}

static void a_seed_has_32_bytes(void **state)
{
    (void)state;
    expect_complete("");
    assert_int_equal(board.kaslr_seed, 0);
    expect_complete("&chosen { kaslr-seed = <0x12345678 0x9abcdef0>; };");
    assert_int_equal(board.kaslr_seed, 0x123456789abcdef0);
    expect_complete("&chosen { /delete-property/ rng-seed; };");
    assert_null(board.seed);
    expect_complete("&chosen { rng-seed = <1 2 3 4 5 6 7>, [00 00 00]; };");
    assert_null(board.seed);
    expect_complete("&chosen { rng-seed = <1 2 3 4 5 6 7 8 9>; };");
    assert_non_null(board.seed);
    assert_int_equal(((const uint8_t *)board.seed)[3], 1);
}

static void the_time_of_day_may_be_told(void **state)
{
    (void)state;
    expect_complete("");
    assert_int_equal(board.time, 0);
    expect_complete("&chosen { ontime,time = <1 2>; };");
    assert_int_equal(board.time, 0x100000002);
}

static void a_clock_may_be_absent_or_not_for_us(void **state)
{
    (void)state;
    expect_complete("/delete-node/ &rtc;");
    assert_int_equal(board.rtc.size, 0);
    expect_complete("&rtc { status = \"disabled\"; };");
    assert_int_equal(board.rtc.size, 0);
    expect_complete("&rtc { /delete-property/ reg; };");
    assert_int_equal(board.rtc.size, 0);
    expect_complete("&rtc { status = \"disabled\"; };"
                    "/ { rtc@1 { compatible = \"arm,pl031\"; reg = <0 0xA0000000 0 0x2000>; }; };");
    assert_int_equal(board.rtc.start, 0xA0000000);
    assert_int_equal(board.rtc.size, 0x2000);
}

static void the_firmware_is_called_as_it_wants(void **state)
{
    (void)state;
    expect_complete("&psci { method = \"hvc\"; };");
    assert_true(board.psci_by_hvc);
    expect_complete("&psci { method = \"hvc\"; compatible = \"arm,psci-0.2\"; };");
    assert_true(board.psci_by_hvc);
    expect_complete("&psci { method = \"hvc\"; compatible = \"arm,psci\"; };"); /* 0.1: other numbers */
    assert_false(board.psci);
    assert_false(board.psci_by_hvc);
    expect_complete(
        "&psci { method = \"hvc\"; compatible = \"arm,psci-1.0\"; };"); /* as i.MX 8M trees have it */
    assert_true(board.psci);
    assert_true(board.psci_by_hvc);
    expect_complete("&psci { /delete-property/ method; };");
    assert_false(board.psci_by_hvc);
    expect_complete("/delete-node/ &psci;");
    assert_false(board.psci_by_hvc);
}

static void the_comparator_has_the_fourth_interrupt(void **state)
{
    (void)state;
    expect_complete("&timer { interrupts = <1 1 4>, <1 2 4>, <1 3 4>, <1 4 4>, <1 5 4>; };");
    assert_int_equal(board.comparator_irq, 20);
    expect_complete("&timer { interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <0 10 4>; };");
    assert_int_equal(board.comparator_irq, 42);
    expect_missing("&timer { interrupts = <1 13 4>, <1 14 4>, <1 11 4>; };", NO_TIMER);
    expect_missing("&timer { /delete-property/ interrupts; };", NO_TIMER);
    expect_missing("&timer { compatible = \"arm,armv7-timer\"; };", NO_TIMER);
    expect_missing("/delete-node/ &timer;", NO_TIMER);
    assert_int_equal(board.uart.start, SERIAL); /* there is a console to say so */
    assert_string_equal(board.cpu_compatible, "arm,cortex-a72");
}

static void the_first_cpu_stands_for_all(void **state)
{
    (void)state;
    expect_complete("&cpu0 { compatible = \"arm,cortex-a57\"; };");
    assert_string_equal(board.cpu_compatible, "arm,cortex-a57");
    expect_complete("&cpu0 { device_type = \"cache\"; };");
    assert_string_equal(board.cpu_compatible, "arm,cortex-a53");
    expect_complete("&cpu0 { /delete-property/ device_type; };"); /* as cpu-map */
    assert_string_equal(board.cpu_compatible, "arm,cortex-a53");
    expect_complete("&cpu0 { /delete-property/ compatible; };");
    assert_null(board.cpu_compatible);
    expect_complete("/delete-node/ &cpu0; /delete-node/ &cpu1;");
    assert_null(board.cpu_compatible);
    expect_complete("/delete-node/ &cpus;");
    assert_null(board.cpu_compatible);
}

static void expect_cpus(const struct board_cpu *expected, unsigned count)
{
    assert_int_equal(board.cpu_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(board.cpus[i].affinity, expected[i].affinity);
        assert_int_equal(board.cpus[i].method, expected[i].method);
        assert_int_equal(board.cpus[i].release, expected[i].release);
    }
}

#define PSCI "enable-method = \"psci\";"

static void cpus_are_in_the_order_of_the_tree(void **state)
{
    static const struct board_cpu expected[] = {
        {0x101, 0, CPU_METHOD_PSCI}, {0, 0, CPU_METHOD_UNKNOWN}, {0xC20304, 0, CPU_METHOD_PSCI}};
    static const struct board_cpu wide[] = {{0x0500020304, 0, CPU_METHOD_PSCI}, {3, 0, CPU_METHOD_PSCI}};

    (void)state;
    expect_complete("&cpu0 { reg = <0x101>; " PSCI " }; &cpu1 { reg = <0>; };"
                    "&cpus { cpu-map { }; l2-cache { device_type = \"cache\"; reg = <7>; };"
                    "        cpu@5 { device_type = \"cpu\"; reg = <0xC20304>; " PSCI " }; };");
    expect_cpus(expected, 3);
    assert_false(board.cpus_left_out);
    expect_complete("&cpus { #address-cells = <2>; };"
                    "&cpu0 { reg = <5 0x020304>; " PSCI " }; &cpu1 { reg = <0 3>; " PSCI " };");
    expect_cpus(wide, 2);
    expect_complete("/delete-node/ &cpus;");
    assert_int_equal(board.cpu_count, 0);
}

/* A CPU without an affinity that MPIDR_EL1 can have, or with that of another, is none. */
static void a_cpu_has_an_affinity_of_its_own(void **state)
{
    static const struct board_cpu second = {1, 0, CPU_METHOD_PSCI};

    (void)state;
    static const char *const changes[] = {
        "&cpu0 { /delete-property/ reg; };",
        "&cpu0 { reg; };",
        "&cpu0 { reg = [00 00 00]; };",
        "&cpu0 { reg = <0x1000000>; };",
        "&cpu0 { reg = <0x80000000>; };",
        "&cpu1 { reg = <1>; }; &cpu0 { device_type = \"CPU\"; };",
        "&cpu0 { status = \"fail\"; };",
        "&cpu0 { status = \"reserved\"; };",
        "&cpus { cpu@9 { device_type = \"cpu\"; reg = <1>; }; }; /delete-node/ &cpu0;",
    };
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char text[PATH_SIZE];

        snprintf(text, sizeof(text), "&cpu1 { " PSCI " }; %s", changes[i]);
        expect_complete(text);
        expect_cpus(&second, 1);
    }
    expect_complete("&cpus { #address-cells = <3>; }; &cpu0 { reg = <0 0 0>; };");
    assert_int_equal(board.cpu_count, 0);
    expect_complete("&cpus { #address-cells = <2>; }; &cpu0 { reg = <0x100 0>; }; &cpu1 { reg = <1 0>; };");
    assert_int_equal(board.cpu_count, 1);
    assert_int_equal(board.cpus[0].affinity, UINT64_C(1) << 32);
}

/* By the Devicetree Specification a CPU that is disabled waits to be started. */
static void a_disabled_cpu_can_be_started(void **state)
{
    (void)state;
    expect_complete("&cpu1 { status = \"disabled\"; " PSCI " };");
    assert_int_equal(board.cpu_count, 2);
    assert_int_equal(board.cpus[1].method, CPU_METHOD_PSCI);
    expect_complete("&cpu1 { status = \"okay\"; " PSCI " };");
    assert_int_equal(board.cpu_count, 2);
}

static void psci_starts_cpus_where_the_firmware_has_it(void **state)
{
    (void)state;
    expect_complete("&cpu1 { " PSCI " }; &psci { compatible = \"arm,psci\"; };");
    assert_int_equal(board.cpus[1].method, CPU_METHOD_UNKNOWN);
    expect_complete("&cpu1 { enable-method = \"brcm,bcm2836-smp\"; };");
    assert_int_equal(board.cpus[1].method, CPU_METHOD_UNKNOWN);
    expect_complete("&cpu1 { enable-method = [70 73 63 69]; };"); /* no end of the string */
    assert_int_equal(board.cpus[1].method, CPU_METHOD_UNKNOWN);
}

static void a_spin_table_has_its_address(void **state)
{
    static const struct call expected[] = {{false, 0x40000000, 0x10000000}, {true, 0x10000000D8, 8}};
    static const char *const bad[] = {"", "cpu-release-addr;", "cpu-release-addr = <0 0xD8 0>;",
                                      "cpu-release-addr = [00 00];", "cpu-release-addr = <0 0xD4>;"};

    (void)state;
    expect_complete("&cpu1 { enable-method = \"spin-table\"; cpu-release-addr = <0x10 0xD8>; };");
    assert_int_equal(board.cpus[1].method, CPU_METHOD_SPIN_TABLE);
    assert_int_equal(board.cpus[1].release, 0x10000000D8);
    expect_calls(expected, 2); /* the address is not given away */
    expect_complete("&cpu1 { enable-method = \"spin-table\"; cpu-release-addr = <0xE0>; };");
    assert_int_equal(board.cpus[1].method, CPU_METHOD_SPIN_TABLE);
    assert_int_equal(board.cpus[1].release, 0xE0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[PATH_SIZE];

        snprintf(text, sizeof(text), "&cpu1 { enable-method = \"spin-table\"; %s };", bad[i]);
        expect_complete(text);
        assert_int_equal(board.cpus[1].method, CPU_METHOD_UNKNOWN);
    }
}

/* So many CPUs, with the affinities of clusters of four. */
static void read_many(unsigned count)
{
    char changes[SOURCE_SIZE / 2], *text = changes;

    text += sprintf(text, "/delete-node/ &cpu0; /delete-node/ &cpu1; &cpus {");
    for (unsigned i = 0; i < count; i++)
        text +=
            sprintf(text, "cpu@%x { device_type = \"cpu\"; reg = <0x%x>; " PSCI " };", i, i / 4 << 8 | i % 4);
    sprintf(text, "};");
    expect_complete(changes);
}

static void more_cpus_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    read_many(MAX_CPUS);
    assert_int_equal(board.cpu_count, MAX_CPUS);
    assert_false(board.cpus_left_out);
    assert_int_equal(board.cpus[MAX_CPUS - 1].affinity, (MAX_CPUS - 1) / 4 << 8 | (MAX_CPUS - 1) % 4);
    read_many(MAX_CPUS + 1);
    assert_int_equal(board.cpu_count, MAX_CPUS);
    assert_true(board.cpus_left_out);
}

static void ram_is_what_is_usable_memory(void **state)
{
    static const struct call expected[] = {{false, 0x40000000, 0x10000000},
                                           {false, 0x60000000, 0x1000},
                                           {false, 0x100000000, 0x2000},
                                           {false, 0x200000000, 0x3000},
                                           {false, 0x300000000, 0x4000}};

    (void)state;
    expect_complete(
        "&memory { status = \"okay\"; reg = <0 0x40000000 0 0x10000000>, <0 0x60000000 0 0x1000>; };"
        "/ {"
        "    memory@70000000 { device_type = \"memory\"; status = \"disabled\";"
        "                      secure-status = \"okay\"; reg = <0 0x70000000 0 0x1000>; };"
        "    memory@100000000 { device_type = \"memory\"; status = \"ok\"; reg = <1 0 0 0x2000>; };"
        "    memory@180000000 { device_type = \"memory\"; status = \"reserved\"; reg = <1 0x80000000 0 1>; };"
        "    memory@190000000 { reg = <1 0x90000000 0 0x1000>; };"
        "    memory@1a0000000 { device_type = \"cpu\"; reg = <1 0xa0000000 0 0x1000>; };"
        "    bank { device_type = \"memory\"; reg = <2 0 0 0x3000>; };"
        "    memory@280000000 { device_type = \"memory\"; };"
        "    memory@300000000 { device_type = \"memory\"; reg = <3 0 0 0x4000>; };"
        "};");
    expect_calls(expected, 5);
}

static void reservations_come_after_all_ram(void **state)
{
    static const struct call expected[] = {{false, 0x40000000, 0x10000000}, {false, 0x80000000, 0x1000},
                                           {true, 0x41000000, 0x1000},      {true, 0x142000000, 0x7000},
                                           {true, 0x43000000, 0x100},       {true, 0x44000000, 0x200},
                                           {true, 0x245000000, 0x300}};

    (void)state;
    assert_null(
        read_source("/memreserve/ 0x41000000 0x1000; /memreserve/ 0x142000000 0x7000;",
                    "/ {"
                    "    reserved-memory {"
                    "        #address-cells = <2>; #size-cells = <2>; ranges;"
                    "        firmware@43000000 { reg = <0 0x43000000 0 0x100>, <0 0x44000000 0 0x200>; };"
                    "        anywhere { size = <0 0x400000>; };"
                    "        secure@245000000 { no-map; reg = <2 0x45000000 0 0x300>; };"
                    "    };"
                    "    memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x1000>; };"
                    "};"));
    expect_calls(expected, 7);
}

static void a_machine_without_ram_reserves_what_it_reserves(void **state)
{
    static const struct call expected = {true, 0x41000000, 0x1000};

    (void)state;
    assert_null(read_source("/memreserve/ 0x41000000 0x1000;", "/delete-node/ &memory;"));
    expect_calls(&expected, 1);
}

static void expect_random_call(struct random *random, struct call *expected, bool reserve)
{
    expected->reserve = reserve;
    expected->start = random_below(random, UINT64_C(1) << 32) << 8;
    expected->size = random_below(random, UINT64_C(1) << 32) << 4;
}

static int print_reg(char *text, size_t room, const struct call *call)
{
    return snprintf(text, room, "<0x%lx 0x%lx 0x%lx 0x%lx>", (unsigned long)(call->start >> 32),
                    (unsigned long)(call->start & UINT32_MAX), (unsigned long)(call->size >> 32),
                    (unsigned long)(call->size & UINT32_MAX));
}

/* Nodes of one or two entries, for the calls from `next` on; returns how many. */
static unsigned print_nodes(struct random *random, char *text, struct call *next, bool reserve)
{
    unsigned count = 0;

    for (unsigned nodes = (unsigned)random_below(random, 6), i = 0; i < nodes; i++) {
        unsigned entries = (unsigned)random_between(random, 1, 2);

        text += sprintf(text, "node%u { %s reg = ", i, reserve ? "" : "device_type = \"memory\";");
        while (entries-- != 0) {
            expect_random_call(random, &next[count], reserve);
            text += print_reg(text, 100, &next[count++]);
            text += sprintf(text, entries != 0 ? ", " : "; };");
        }
    }
    return count;
}

static void any_memory_map_is_passed_on(void **state)
{
    static char reserved[SOURCE_SIZE / 4], memory[SOURCE_SIZE / 4], nodes[SOURCE_SIZE / 4],
        changes[SOURCE_SIZE];
    struct random random = {1};

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct call expected[CALLS];
        char *text = reserved;

        memset(reserved, 0, sizeof(reserved));
        memset(memory, 0, sizeof(memory));
        memset(nodes, 0, sizeof(nodes));
        unsigned count = print_nodes(&random, memory, expected, false);

        for (unsigned i = (unsigned)random_below(&random, 4); i != 0; i--) {
            expect_random_call(&random, &expected[count], true);
            text += sprintf(text, "/memreserve/ 0x%lx 0x%lx;", (unsigned long)expected[count].start,
                            (unsigned long)expected[count].size);
            count++;
        }
        count += print_nodes(&random, nodes, &expected[count], true);
        snprintf(changes, sizeof(changes),
                 "/delete-node/ &memory; / { %s reserved-memory { #address-cells = <2>; #size-cells = <2>; "
                 "%s }; };",
                 memory, nodes);
        assert_null(read_source(reserved, changes));
        expect_calls(expected, count);
    }
}

static void read_file(void)
{
    static _Alignas(8) uint8_t bytes[TREE_SIZE];
    FILE *file = fopen(file_name, "rb");

    assert_non_null(file);
    assert_in_range(fread(bytes, 1, sizeof(bytes), file), 1, sizeof(bytes));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fdt_check_header(bytes), 0);
    tree = bytes;
}

static void read_qemu(const char *options)
{
    char command[PATH_SIZE];

    snprintf(command, sizeof(command),
             "timeout 60 qemu-system-aarch64 -M virt,dumpdtb=%s,%s -cpu cortex-a53 -smp 2 -m 1024 -nic none "
             "-display none "
             "-kernel LICENSE -initrd LICENSE 2>/dev/null",
             file_name, options);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a fixed command
    read_file();
    assert_null(read_tree());
}

static void qemus_machines_are_read(void **state)
{
    static const char *const options[] = {"gic-version=3,virtualization=on",
                                          "gic-version=2,virtualization=on",
                                          "gic-version=3,virtualization=on,secure=on", "gic-version=3"};
    static const struct call ram = {false, 0x40000000, 0x40000000};

    (void)state;
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        read_qemu(options[i]);
        assert_int_equal(board.uart.start, SERIAL);
        assert_int_equal(board.uart.size, 0x1000);
        assert_string_equal(board.uart_compatible, "arm,pl011");
        assert_int_equal(board.uart_irq, 33);
        assert_int_equal(board.comparator_irq, 26);
        assert_int_equal(board.rtc.start, 0x9010000);
        assert_int_equal(board.rtc.size, 0x1000);
        assert_string_equal(board.cpu_compatible, "arm,cortex-a53");
        assert_int_equal(board.initrd, 0x48000000);
        assert_true(board.initrd_size > 10000 && board.initrd_size < 20000);
        assert_non_null(board.seed);
        assert_int_not_equal(board.kaslr_seed, 0);
        assert_int_equal(board.psci_by_hvc, strstr(options[i], "virtualization") == NULL);
        assert_int_equal(board.cpu_count, 2);
        assert_int_equal(board.cpus[1].affinity, 1);
        assert_int_equal(board.cpus[1].method, CPU_METHOD_PSCI);
        expect_calls(&ram, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_board_is_read),
        cmocka_unit_test(a_board_may_have_no_console),
        cmocka_unit_test(a_damaged_tree_is_not_read),
        cmocka_unit_test(a_string_ends_in_its_property),
        cmocka_unit_test(an_alias_leads_to_a_path),
        cmocka_unit_test(the_path_may_be_an_alias_and_have_options),
        cmocka_unit_test(a_uart_may_lack_an_interrupt_and_a_name),
        cmocka_unit_test(a_uart_may_have_several_names),
        cmocka_unit_test(a_uart_says_how_its_registers_lie),
        cmocka_unit_test(the_initrd_is_one_cell_or_two),
        cmocka_unit_test(a_seed_has_32_bytes),
        cmocka_unit_test(the_time_of_day_may_be_told),
        cmocka_unit_test(a_clock_may_be_absent_or_not_for_us),
        cmocka_unit_test(the_firmware_is_called_as_it_wants),
        cmocka_unit_test(the_comparator_has_the_fourth_interrupt),
        cmocka_unit_test(the_first_cpu_stands_for_all),
        cmocka_unit_test(cpus_are_in_the_order_of_the_tree),
        cmocka_unit_test(a_cpu_has_an_affinity_of_its_own),
        cmocka_unit_test(a_disabled_cpu_can_be_started),
        cmocka_unit_test(psci_starts_cpus_where_the_firmware_has_it),
        cmocka_unit_test(a_spin_table_has_its_address),
        cmocka_unit_test(more_cpus_than_there_is_room_for_are_left_out),
        cmocka_unit_test(ram_is_what_is_usable_memory),
        cmocka_unit_test(reservations_come_after_all_ram),
        cmocka_unit_test(a_machine_without_ram_reserves_what_it_reserves),
        cmocka_unit_test(any_memory_map_is_passed_on),
        cmocka_unit_test(qemus_machines_are_read),
    };
    memcpy(file_name, FILE_NAME, sizeof(FILE_NAME));
    int descriptor = mkstemp(file_name);

    if (descriptor < 0)
        return 1;
    close(descriptor);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    unlink(file_name);
    return failed;
}
