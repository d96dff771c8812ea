/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine's device tree says of a node (Devicetree Specification 0.4): `reg` with every number of
 * cells, through the buses above; `interrupts` of a GIC; numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "drivers/machine_tree.h"
#include "random.h"
#include "tree_of.h"

#define ROUNDS      200
#define DEPTH       4
#define WINDOWS     3
#define SOURCE_SIZE 8192

static const void *tree;

static int node(const char *path)
{
    int offset = fdt_path_offset(tree, path);

    assert_true(offset >= 0);
    return offset;
}

static void assert_reg(const char *path, unsigned index, uint64_t start, uint64_t size)
{
    struct reg_range range = {0, 0};

    assert_true(machine_tree_reg(tree, node(path), index, &range));
    assert_int_equal(range.start, start);
    assert_int_equal(range.size, size);
}

static void assert_no_reg(const char *path, unsigned index)
{
    struct reg_range range;

    assert_false(machine_tree_reg(tree, node(path), index, &range));
}

static void reg_has_as_many_cells_as_the_parent_says(void **state)
{
    (void)state;
    tree =
        tree_of("/ { #address-cells = <2>; #size-cells = <2>;"
                "  two { reg = <1 0x80000000 2 0x3000>; };"
                "  a { #address-cells = <1>; #size-cells = <1>; ranges; one { reg = <0x9000000 0x1000>; }; };"
                "  b { #address-cells = <2>; #size-cells = <1>; ranges; mixed { reg = <3 4 5>; }; };"
                "  c { #address-cells = <1>; #size-cells = <0>; none { reg = <7>; }; };"
                "  d { default { reg = <1 2 3>; }; };"
                "};");
    assert_reg("/two", 0, UINT64_C(0x180000000), UINT64_C(0x200003000));
    assert_reg("/a/one", 0, 0x9000000, 0x1000);
    assert_reg("/b/mixed", 0, UINT64_C(0x300000004), 5);
    assert_reg("/c/none", 0, 7, 0);
    assert_reg("/d/default", 0, UINT64_C(0x100000002), 3);
}

/* Of a PCI address the first cell is no number. */
static void of_three_address_cells_the_last_two_count(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <3>; #size-cells = <1>; n { reg = <0x2000000 1 2 3>; }; };");
    assert_reg("/n", 0, UINT64_C(0x100000002), 3);
}

static void reg_has_entries(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <1>;"
                   "  n { reg = <0x100 0x10 0x200 0x20 0x300 0x30>; };"
                   "  cut { reg = <0x100 0x10 0x200>; };"
                   "  empty { reg; };"
                   "  none {};"
                   "};");
    assert_reg("/n", 0, 0x100, 0x10);
    assert_reg("/n", 1, 0x200, 0x20);
    assert_reg("/n", 2, 0x300, 0x30);
    assert_no_reg("/n", 3);
    assert_reg("/cut", 0, 0x100, 0x10);
    assert_no_reg("/cut", 1);
    assert_no_reg("/empty", 0);
    assert_no_reg("/none", 0);
}

static void empty_and_absent_ranges_change_nothing(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <1>;"
                   "  with { #address-cells = <1>; #size-cells = <1>; ranges; n { reg = <0x5000 1>; }; };"
                   "  without { #address-cells = <1>; #size-cells = <1>; n { reg = <0x6000 2>; }; };"
                   "};");
    assert_reg("/with/n", 0, 0x5000, 1);
    assert_reg("/without/n", 0, 0x6000, 2);
}

static void ranges_move_what_lies_in_them(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <1>;"
                   "  bus { #address-cells = <1>; #size-cells = <1>;"
                   "    ranges = <0x1000 0x80001000 0x1000  0x4000 0x90000000 0x2000>;"
                   "    first { reg = <0x1000 8>; };"
                   "    last { reg = <0x1FFF 1>; };"
                   "    behind { reg = <0x2000 8>; };"
                   "    before { reg = <0xFFF 1>; };"
                   "    second { reg = <0x4010 8 0x1800 8>; };"
                   "  }; };");
    assert_reg("/bus/first", 0, 0x80001000, 8);
    assert_reg("/bus/last", 0, 0x80001FFF, 1);
    assert_reg("/bus/behind", 0, 0x2000, 8);
    assert_reg("/bus/before", 0, 0xFFF, 1);
    assert_reg("/bus/second", 0, 0x90000010, 8);
    assert_reg("/bus/second", 1, 0x80001800, 8);
}

/* What one range has moved is not looked up in the bus's others. */
static void one_bus_moves_once(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <1>;"
                   "  bus { #address-cells = <1>; #size-cells = <1>;"
                   "    ranges = <0 0x1000 0x1000  0x1000 0x2000 0x1000>; n { reg = <0x10 8>; }; };"
                   "};");
    assert_reg("/bus/n", 0, 0x1010, 8);
}

static void a_bus_and_its_parent_count_cells_each(void **state)
{
    (void)state;
    tree = tree_of("/ { #address-cells = <2>; #size-cells = <2>;"
                   "  bus { #address-cells = <1>; #size-cells = <1>;"
                   "    ranges = <0x0 0x12 0x40000000 0x1000>; n { reg = <0x20 0x30>; }; };"
                   "};");
    assert_reg("/bus/n", 0, UINT64_C(0x1240000020), 0x30);
}

static void buses_nest(void **state)
{
    (void)state;
    tree =
        tree_of("/ { #address-cells = <1>; #size-cells = <1>;"
                "  outer { #address-cells = <1>; #size-cells = <1>; ranges = <0x100000 0x80000000 0x100000>;"
                "    plain { #address-cells = <1>; #size-cells = <1>; ranges;"
                "      inner { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x140000 0x1000>;"
                "        n { reg = <0x10 8>; }; }; }; };"
                "};");
    assert_reg("/outer/plain/inner/n", 0, 0x80040010, 8);
}

struct window {
    uint64_t child, parent, size;
};

/* Adds cells to a source: a number in one or two of them. */
static void put_cells(char *source, unsigned cells, uint64_t value)
{
    size_t length = strlen(source);

    if (cells == 2)
        (void)snprintf(source + length, SOURCE_SIZE - length, " 0x%" PRIx64 " 0x%" PRIx64, value >> 32,
                       value & UINT32_MAX);
    else
        (void)snprintf(source + length, SOURCE_SIZE - length, " 0x%" PRIx64, value);
}

static void put(char *source, const char *text)
{
    size_t length = strlen(source);

    (void)snprintf(source + length, SOURCE_SIZE - length, "%s", text);
}

static void put_sizes(char *source, unsigned address_cells, unsigned size_cells)
{
    put(source, "#address-cells = <");
    put_cells(source, 1, address_cells);
    put(source, ">; #size-cells = <");
    put_cells(source, 1, size_cells);
    put(source, ">;");
}

/* A bus whose windows lie one behind the other on its side, and in no order on its parent's. */
static void random_windows(struct random *random, struct window *windows)
{
    uint64_t at = random_below(random, 0x10000) * 0x1000;

    for (unsigned i = 0; i < WINDOWS; i++) {
        windows[i].child = at;
        windows[i].size = random_between(random, 1, 0x100) * 0x1000;
        windows[i].parent = random_below(random, 0x40000) * 0x1000;
        at += windows[i].size + random_below(random, 4) * 0x1000;
    }
}

static uint64_t moved(const struct window *windows, uint64_t address)
{
    for (unsigned i = 0; i < WINDOWS; i++)
        if (address >= windows[i].child && address < windows[i].child + windows[i].size)
            return windows[i].parent + (address - windows[i].child);
    return address;
}

static unsigned one_or_two(struct random *random)
{
    return (unsigned)random_between(random, 1, 2);
}

/* Opens a bus with these windows below one whose addresses have `*cells`; has its own on return. */
static void put_bus(char *source, struct random *random, const struct window *windows, unsigned *cells)
{
    unsigned parent_cells = *cells;
    unsigned size_cells = one_or_two(random);

    *cells = one_or_two(random);
    put(source, " b {");
    put_sizes(source, *cells, size_cells);
    put(source, " ranges = <");
    for (unsigned i = 0; i < WINDOWS; i++) {
        put_cells(source, *cells, windows[i].child);
        put_cells(source, parent_cells, windows[i].parent);
        put_cells(source, size_cells, windows[i].size);
    }
    put(source, ">;");
}

static void one_random_tree(struct random *random)
{
    static const char *const paths[DEPTH + 1] = {"/n", "/b/n", "/b/b/n", "/b/b/b/n", "/b/b/b/b/n"};
    static char source[SOURCE_SIZE];
    struct window windows[DEPTH][WINDOWS];
    unsigned cells = one_or_two(random);
    unsigned depth = (unsigned)random_between(random, 1, DEPTH);
    uint64_t address;

    source[0] = '\0';
    put(source, "/ {");
    put_sizes(source, cells, one_or_two(random));
    for (unsigned i = 0; i < depth; i++) {
        random_windows(random, windows[i]);
        put_bus(source, random, windows[i], &cells);
    }
    address = windows[depth - 1][0].child + random_below(random, 0x200) * 0x1000;
    put(source, " n { reg = <");
    put_cells(source, cells, address);
    put(source, " 0x1000 0x1000>; }; ");
    for (unsigned i = 0; i <= depth; i++)
        put(source, " };");

    tree = tree_of(source);
    for (unsigned i = depth; i > 0; i--)
        address = moved(windows[i - 1], address);
    struct reg_range range;
    assert_true(machine_tree_reg(tree, node(paths[depth]), 0, &range));
    assert_int_equal(range.start, address);
}

/* Buses in buses; what they do to an address is computed beside. */
static void random_buses(void **state)
{
    (void)state;
    struct random random = {1};

    for (unsigned round = 0; round < ROUNDS; round++)
        one_random_tree(&random);
}

static void interrupts_are_spis_and_ppis(void **state)
{
    (void)state;
    tree = tree_of("/ { interrupt-parent = <1>; gic { phandle = <1>; #interrupt-cells = <3>; };"
                   "  timer { interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>; };"
                   "  uart { interrupts = <0 1 4>; };"
                   "  cut { interrupts = <0 5 4 0 6>; };"
                   "  extended { interrupts = <2 0 4>, <3 0 4>; };"
                   "  none {};"
                   "};");
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 0), 29);
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 3), 26);
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 4), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/uart"), 0), 33);
    assert_int_equal(machine_tree_interrupt(tree, node("/cut"), 0), 37);
    assert_int_equal(machine_tree_interrupt(tree, node("/cut"), 1), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/extended"), 0), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/extended"), 1), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/none"), 0), 0);
}

/* PPIs that belong to some of the CPUs only have a fourth cell. */
static void the_interrupt_parent_says_how_many_cells(void **state)
{
    (void)state;
    tree = tree_of(
        "/ { interrupt-parent = <1>; gic { phandle = <1>; #interrupt-cells = <4>; interrupts = <1 9 4 0>; };"
        "  timer { interrupts = <1 13 8 0>, <1 14 8 0>, <1 11 8 0>, <1 10 8 0>; };"
        "  bus { interrupt-parent = <2>; combiner { phandle = <2>; #interrupt-cells = <2>; };"
        "    behind { interrupts = <0 5>, <1 6>; };"
        "    own { interrupt-parent = <1>; interrupts = <0 7 4 0>; }; };"
        "};");
    assert_int_equal(machine_tree_interrupt(tree, node("/gic"), 0), 25);
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 1), 30);
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 3), 26);
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 4), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/bus/behind"), 0), 0);
    assert_int_equal(machine_tree_interrupt(tree, node("/bus/own"), 0), 39);
}

static void the_root_may_be_the_interrupt_parent(void **state)
{
    (void)state;
    tree = tree_of("/ { interrupt-parent = <1>; phandle = <1>; #interrupt-cells = <4>;"
                   "  timer { interrupts = <1 13 8 0>, <1 14 8 0>; }; };");
    assert_int_equal(machine_tree_interrupt(tree, node("/timer"), 1), 30);
}

static void without_an_interrupt_parent_there_are_three_cells(void **state)
{
    (void)state;
    tree = tree_of("/ { a { interrupts = <0 2 4>, <1 2 4>; };"
                   "  lost { interrupt-parent = <9>; interrupts = <0 3 4>; }; };");
    assert_int_equal(machine_tree_interrupt(tree, node("/a"), 0), 34);
    assert_int_equal(machine_tree_interrupt(tree, node("/a"), 1), 18);
    assert_int_equal(machine_tree_interrupt(tree, node("/lost"), 0), 35);
}

static void numbers_have_any_count_of_cells(void **state)
{
    (void)state;
    tree = tree_of("/ { one = <0x48000000>; two = <1 2>; empty; };");
    assert_int_equal(machine_tree_number(tree, 0, "one"), 0x48000000);
    assert_int_equal(machine_tree_number(tree, 0, "two"), UINT64_C(0x100000002));
    assert_int_equal(machine_tree_number(tree, 0, "empty"), 0);
    assert_int_equal(machine_tree_number(tree, 0, "absent"), 0);
}

static void bad_cells_are_no_entry(void **state)
{
    struct reg_range range;

    (void)state;
    tree = tree_of("/ { #address-cells = <9>; #size-cells = <1>; n { reg = <1 2 3 4 5 6 7 8 9 10>; }; };");
    assert_false(machine_tree_reg(tree, fdt_path_offset(tree, "/n"), 0, &range));
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <9>; n { reg = <1 2 3 4 5 6 7 8 9 10>; }; };");
    assert_false(machine_tree_reg(tree, fdt_path_offset(tree, "/n"), 0, &range));
    tree = tree_of("/ { #address-cells = <0>; #size-cells = <0>; n { reg = <1>; }; };");
    assert_false(machine_tree_reg(tree, fdt_path_offset(tree, "/n"), 0, &range));
    assert_false(machine_tree_reg(tree, 0, 0, &range)); /* the root has no bus */
    tree = tree_of("/ { #address-cells = <1>; #size-cells = <1>; b { #address-cells = <1>; #size-cells = <9>;"
                   " ranges = <0 1 2>; n { reg = <1>; }; }; };");
    assert_false(machine_tree_reg(tree, fdt_path_offset(tree, "/b/n"), 0, &range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reg_has_as_many_cells_as_the_parent_says),
        cmocka_unit_test(of_three_address_cells_the_last_two_count),
        cmocka_unit_test(reg_has_entries),
        cmocka_unit_test(empty_and_absent_ranges_change_nothing),
        cmocka_unit_test(ranges_move_what_lies_in_them),
        cmocka_unit_test(one_bus_moves_once),
        cmocka_unit_test(a_bus_and_its_parent_count_cells_each),
        cmocka_unit_test(buses_nest),
        cmocka_unit_test(random_buses),
        cmocka_unit_test(interrupts_are_spis_and_ppis),
        cmocka_unit_test(the_interrupt_parent_says_how_many_cells),
        cmocka_unit_test(the_root_may_be_the_interrupt_parent),
        cmocka_unit_test(without_an_interrupt_parent_there_are_three_cells),
        cmocka_unit_test(numbers_have_any_count_of_cells),
        cmocka_unit_test(bad_cells_are_no_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
