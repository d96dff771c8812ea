// SPDX-License-Identifier: Apache-2.0
/* The columns of `ontime top` in a guest, from two readings of the vCPUs' statistics. */
#define _GNU_SOURCE /* open_memstream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../guest/command/readings.h"

#define HZ UINT64_C(1000000) /* a tick is a microsecond */

/* Two VMs: "one" has two vCPUs on CPUs 0 and 1, "two" has one on CPU 1. */
static struct ontime_vcpu_info world[3];

const char *state_name(uint32_t state)
{
    return state == ONTIME_VM_RUNNING ? "running" : "other";
}

void vm_list(struct vm_list *list)
{
    *list = (struct vm_list){.count = 2,
                             .vms = {{.name = "one", .vcpus = 2, .state = ONTIME_VM_RUNNING},
                                     {.name = "two", .vcpus = 1, .state = ONTIME_VM_PAUSED}}};
}

void vcpu_info(unsigned vm, unsigned vcpu, struct ontime_vcpu_info *info)
{
    *info = world[vm == 0 ? vcpu : 2];
}

static int setup(void **state)
{
    (void)state;
    memset(world, 0, sizeof(world));
    for (unsigned i = 0; i < 3; i++)
        world[i] = (struct ontime_vcpu_info){.hz = HZ, .off = 500, .state = ONTIME_VCPU_READY, .cpu = i != 0};
    return 0;
}

/* A second passes: the vCPU runs so much of it, waits for a CPU so much, and is blocked for the rest. */
static void pass_second(struct ontime_vcpu_info *vcpu, uint64_t run, uint64_t ready)
{
    vcpu->run += run;
    vcpu->ready += ready;
    vcpu->blocked += HZ - run - ready;
    vcpu->counter += HZ;
    vcpu->stats[ONTIME_STAT_STOLEN_TICKS] += ready;
    vcpu->stats[ONTIME_STAT_SWITCHES] += 40;
    vcpu->stats[ONTIME_STAT_ARMED] += 30;
    vcpu->stats[ONTIME_STAT_FIRED] += 20;
    for (unsigned reason = 0; reason < ONTIME_EXIT_REASONS; reason++)
        vcpu->exits[reason] += 100 * (reason + 1);
}

static void expect(const struct usage *usage, enum column column, double wanted)
{
    assert_true(fabs(usage_value(usage, column) - wanted) < 1e-6);
}

static void shares_and_rates_are_of_the_time_between(void **state)
{
    struct ontime_vcpu_info before;
    struct usage usage = {0};

    (void)state;
    pass_second(&world[0], 900000, 100000);
    before = world[0];
    pass_second(&world[0], 250000, 125000);
    pass_second(&world[0], 250000, 125000);
    usage_add(&usage, &world[0], &before);
    expect(&usage, COLUMN_RUN, 25);
    expect(&usage, COLUMN_READY, 12.5);
    expect(&usage, COLUMN_BLOCKED, 62.5);
    expect(&usage, COLUMN_STOLEN, 12.5);
    expect(&usage, COLUMN_SWITCHES, 40);
    expect(&usage, COLUMN_ARMED, 30);
    expect(&usage, COLUMN_FIRED, 20);
    for (unsigned reason = 0; reason < ONTIME_EXIT_REASONS; reason++)
        expect(&usage, COLUMN_INTERRUPT + reason, 100 * (reason + 1));
}

/* Parts of a vCPU's time are estimated: what was found may be a little less than at the look before. */
static void a_time_that_goes_back_has_not_grown(void **state)
{
    struct ontime_vcpu_info before;
    struct usage usage = {0};

    (void)state;
    pass_second(&world[0], 500000, 100000);
    before = world[0];
    pass_second(&world[0], 1000100, 0);
    world[0].stats[ONTIME_STAT_STOLEN_TICKS] = before.stats[ONTIME_STAT_STOLEN_TICKS] - 1;
    usage_add(&usage, &world[0], &before);
    expect(&usage, COLUMN_RUN, 100.01);
    expect(&usage, COLUMN_BLOCKED, 0);
    expect(&usage, COLUMN_STOLEN, 0);
}

static void without_an_earlier_reading_it_is_since_the_start(void **state)
{
    struct usage usage = {0};

    (void)state;
    world[0].off = 0;
    pass_second(&world[0], 500000, 0);
    pass_second(&world[0], 0, 0);
    usage_add(&usage, &world[0], NULL);
    expect(&usage, COLUMN_RUN, 25);
    expect(&usage, COLUMN_SWITCHES, 40);
}

static void two_vcpus_can_use_two_cpus(void **state)
{
    struct ontime_vcpu_info before[2] = {world[0], world[1]};
    struct usage usage = {0};

    (void)state;
    pass_second(&world[0], 1000000, 0);
    pass_second(&world[1], 500000, 500000);
    usage_add(&usage, &world[0], &before[0]);
    usage_add(&usage, &world[1], &before[1]);
    expect(&usage, COLUMN_RUN, 150);
    expect(&usage, COLUMN_READY, 50);
    expect(&usage, COLUMN_SWITCHES, 80);
}

static void nothing_that_passed_is_no_value(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, &world[0], &world[0]);
    assert_true(isnan(usage_value(&usage, COLUMN_RUN)));
    assert_true(isnan(usage_value(&usage, COLUMN_FIRED)));
    assert_true(isnan(usage_value(&usage, COLUMN_P99)));
    assert_true(isnan(usage_value(&(struct usage){0}, COLUMN_MAX)));
}

static void lateness_is_its_buckets_upper_end(void **state)
{
    struct usage usage = {.hz = HZ, .late_max = 1000};

    (void)state;
    usage.late[0] = 49;
    usage.late[1] = 1;
    assert_true(usage_late(&usage, 50) == 0);
    assert_true(usage_late(&usage, 98) == 0);
    assert_true(usage_late(&usage, 99) == 2);
    usage.late[0] = 50;
    usage.late[4] = 49; /* 8 to 15 */
    usage.late[10] = 1; /* 512 to 1023 */
    usage.late[1] = 0;
    assert_true(usage_late(&usage, 50) == 0);
    assert_true(usage_late(&usage, 51) == 16);
    assert_true(usage_late(&usage, 99) == 16);
    assert_true(usage_late(&usage, 100) == 1000); /* no more than was seen */
    expect(&usage, COLUMN_P99, 16);
    usage.hz = 16 * HZ;
    expect(&usage, COLUMN_P99, 1);
    expect(&usage, COLUMN_MAX, 62.5);
}

static void the_last_bucket_has_no_end_but_the_maximum(void **state)
{
    struct usage usage = {.hz = HZ, .late_max = UINT64_C(1) << 40};

    (void)state;
    usage.late[ONTIME_LATE_BUCKETS - 1] = 1;
    assert_true(usage_late(&usage, 50) == (double)(UINT64_C(1) << 40));
    usage.late[ONTIME_LATE_BUCKETS - 2] = 1;
    assert_true(usage_late(&usage, 50) == (double)(1 << (ONTIME_LATE_BUCKETS - 2)));
}

static void cells_fit(void **state)
{
    static const struct {
        double value;
        const char *cell;
    } cells[] = {{NAN, "-"},        {0, "0.0"},        {0.05, "0.1"},
                 {999.94, "999.9"}, {999.96, "1000"},  {9999999.4, "9999999"},
                 {2e7, "2.00e+07"}, {1e19, "1.00e+19"}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        char cell[CELL_WIDTH + 1];

        usage_cell(cells[i].value, cell);
        assert_string_equal(cell, cells[i].cell);
    }
}

static struct readings first, second;
static struct row rows[READINGS_VCPUS];

static void take_two(void)
{
    readings_take(&first);
    pass_second(&world[0], 200000, 0);
    pass_second(&world[1], 300000, 0);
    pass_second(&world[2], 400000, 100000);
    readings_take(&second);
}

static void rows_are_of_vms_or_of_vcpus(void **state)
{
    (void)state;
    take_two();
    assert_int_equal(rows_make(&second, &first, false, rows), 2);
    assert_string_equal(rows[0].name, "one");
    assert_string_equal(rows[0].state, "running");
    assert_string_equal(rows[0].cpus, "0,1");
    expect(&rows[0].usage, COLUMN_RUN, 50);
    assert_string_equal(rows[1].name, "two");
    assert_string_equal(rows[1].state, "other");
    assert_string_equal(rows[1].cpus, "1");
    expect(&rows[1].usage, COLUMN_RUN, 40);
    assert_int_equal(rows_make(&second, &first, true, rows), 3);
    assert_string_equal(rows[1].name, "one.1");
    assert_string_equal(rows[1].state, "ready");
    assert_string_equal(rows[1].cpus, "1");
    assert_int_equal(rows[1].vm, 0);
    expect(&rows[1].usage, COLUMN_RUN, 30);
    assert_string_equal(rows[2].name, "two.0");
}

static void rows_are_sorted_by_a_column(void **state)
{
    (void)state;
    take_two();
    assert_int_equal(rows_make(&second, &first, true, rows), 3);
    rows_sort(rows, 3, COLUMN_RUN, false);
    assert_string_equal(rows[0].name, "two.0");
    assert_string_equal(rows[2].name, "one.0");
    rows_sort(rows, 3, COLUMN_RUN, true);
    assert_string_equal(rows[0].name, "one.0");
    rows_sort(rows, 3, COLUMN_SWITCHES, true); /* all the same */
    assert_string_equal(rows[0].name, "one.0");
    assert_string_equal(rows[2].name, "two.0");
    rows[0].usage.late[3] = 1;
    rows[0].usage.late_max = 6;
    rows_sort(rows, 3, COLUMN_P50, true); /* two have none */
    assert_string_equal(rows[0].name, "one.0");
    rows_sort(rows, 3, ROWS_BY_NUMBER, true);
    assert_string_equal(rows[0].name, "two.0");
    rows_sort(rows, 3, ROWS_BY_NUMBER, false);
    assert_string_equal(rows[1].name, "one.1");
}

static void rows_are_lines_and_json(void **state)
{
    char text[ROW_TEXT], titles[ROW_TEXT], *out = NULL;
    size_t size = 0;
    struct json json = {.out = open_memstream(&out, &size)};

    (void)state;
    take_two();
    assert_int_equal(rows_make(&second, &first, false, rows), 2);
    row_titles(titles);
    row_text(&rows[1], text);
    assert_int_equal(strlen(text), strlen(titles));
    assert_memory_equal(text, "two          other    1           40.0     10.0", 47);
    assert_memory_equal(titles, "VM           STATE    CPUS        RUN%   READY%", 47);
    rows_write(&json, NULL, rows, 2, 1);
    assert_int_equal(fclose(json.out), 0);
    assert_non_null(strstr(out, "[{\"name\":\"two\",\"state\":\"other\",\"run_percent\":40.000,"));
    assert_non_null(strstr(out, "\"late_p99_us\":null,"));
    assert_null(strstr(out, "one"));
    free(out);
}

static void cores_are_used_by_their_vcpus(void **state)
{
    char text[128];

    (void)state;
    take_two();
    cores_text(&second, &first, text, sizeof(text));
    assert_string_equal(text, "cores 0: 20.0% 1: 70.0%");
}

static void cpus_are_listed(void **state)
{
    char text[8];

    (void)state;
    cpus_text(0, text, sizeof(text));
    assert_string_equal(text, "-");
    cpus_text(0x25, text, sizeof(text));
    assert_string_equal(text, "0,2,5");
    cpus_text(UINT64_MAX, text, sizeof(text)); /* those that fit */
    assert_string_equal(text, "0,1,2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shares_and_rates_are_of_the_time_between, setup),
        cmocka_unit_test_setup(a_time_that_goes_back_has_not_grown, setup),
        cmocka_unit_test_setup(without_an_earlier_reading_it_is_since_the_start, setup),
        cmocka_unit_test_setup(two_vcpus_can_use_two_cpus, setup),
        cmocka_unit_test_setup(nothing_that_passed_is_no_value, setup),
        cmocka_unit_test(lateness_is_its_buckets_upper_end),
        cmocka_unit_test(the_last_bucket_has_no_end_but_the_maximum),
        cmocka_unit_test(cells_fit),
        cmocka_unit_test_setup(rows_are_of_vms_or_of_vcpus, setup),
        cmocka_unit_test_setup(rows_are_sorted_by_a_column, setup),
        cmocka_unit_test_setup(rows_are_lines_and_json, setup),
        cmocka_unit_test_setup(cores_are_used_by_their_vcpus, setup),
        cmocka_unit_test(cpus_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
