/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making VMs: their RAM in pieces and their vCPUs, and what happens when there is not enough; where the host
 * has a guest's RAM; complaints about a guest; what a VM has counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "random.h"
#include "vm_world.h"

#define MIB    WORLD_MIB
#define BASE   GUEST_RAM_BASE
#define VCPUS  3
#define TENTH  6250000 /* of a second, ticks */
#define STEPS  20000
#define ASKING UINT64_C(100000) /* ticks between two complaints, on average */

static struct vm_config config;

static int setup(void **state)
{
    (void)state;
    world_reset();
    config = (struct vm_config){
        .name = "alpha",
        .memory_base = GUEST_RAM_BASE,
        .memory_mib = 12,
        .vcpus = VCPUS,
        .weight = 7,
        .timers = TIMERS_PRECISE,
        .warp_us = 3, /* 187.5 ticks */
        .warp_limit_us = 4,
        .unwarp_us = 5,
        .horizon_us = 6,
        .job_us = 7,
    };
    return 0;
}

static struct vm *create(const unsigned *mib)
{
    world_pieces(mib);
    return vm_create(&config, &world_hooks);
}

static struct vm *create_whole(void)
{
    static unsigned pieces[2];

    pieces[0] = config.memory_mib;
    return create(pieces);
}

static void a_vm_is_as_its_configuration(void **state)
{
    (void)state;
    struct vm *vm = create_whole();

    assert_non_null(vm);
    assert_ptr_equal(vm->config, &config);
    assert_int_equal(vm->vcpu_count, VCPUS);
    assert_true(vm->off);
    assert_int_equal(vm->index, 0);
    assert_int_equal(vm_count, 1);
    assert_ptr_equal(vms[0], vm);
    assert_int_equal(noted.vcpus, VCPUS);
    for (unsigned i = 0; i < VCPUS; i++) {
        const struct vcpu *vcpu = &vm->vcpus[i];
        const struct sched_params *params = &vcpu->unit.params;

        assert_ptr_equal(vcpu->vm, vm);
        assert_ptr_equal(vcpu->hooks, &world_hooks);
        assert_ptr_equal(vcpu->cpu, &world_cpu);
        assert_int_equal(vcpu->index, i);
        assert_int_equal(vcpu->id, vm->vcpus[0].id + i);
        assert_int_equal(vcpu->timers, TIMERS_PRECISE);
        assert_int_equal(vcpu->precise.mode, TIMERS_PRECISE);
        assert_false(vcpu->on || vcpu->unit.runnable);
        assert_int_equal(params->weight, 7);
        assert_int_equal(params->warp, 188);
        assert_int_equal(params->warp_limit, 250);
        assert_int_equal(params->unwarp, 313);
        assert_int_equal(params->horizon, 375);
        assert_int_equal(params->job, 438);
    }
}

static void vms_are_numbered(void **state)
{
    (void)state;
    const struct vm *first = create_whole();

    config.vcpus = 1;
    const struct vm *second = create_whole();
    const struct vm *third = create_whole();

    assert_int_equal(vm_count, 3);
    assert_ptr_equal(vms[1], second);
    assert_ptr_equal(vms[2], third);
    assert_int_equal(second->index, 1);
    assert_int_equal(third->index, 2);
    assert_int_equal(second->vcpus[0].id, first->vcpus[0].id + VCPUS);
    assert_int_equal(third->vcpus[0].id, second->vcpus[0].id + 1);
}

static void direct_ram_is_where_the_machine_has_it(void **state)
{
    static const unsigned none[] = {0};

    (void)state;
    config.direct_map = true;
    config.memory_base = 0x50000000;
    config.memory_mib = 6;
    const struct vm *vm = create(none);
    assert_non_null(vm);
    assert_int_equal(noted.pieces, 0); /* it was taken before */
    assert_int_equal(noted.maps, 1);
    assert_int_equal(vm->ram_count, 1);
    assert_memory_equal(&vm->ram[0], &noted.map[0], sizeof(noted.map[0]));
    assert_int_equal(vm->ram[0].guest, 0x50000000);
    assert_int_equal(vm->ram[0].host, 0x50000000);
    assert_int_equal(vm->ram[0].size, 6 * MIB);
}

static void ram_is_taken_in_pieces(void **state)
{
    static const unsigned pieces[] = {4, 2, 6, 2, 0};

    (void)state;
    const struct vm *vm = create(pieces);

    assert_non_null(vm);
    assert_int_equal(vm->ram_count, 3);
    assert_int_equal(noted.pieces, 3);
    assert_int_equal(noted.asked[0], 12 * MIB);
    assert_int_equal(noted.asked[1], 8 * MIB);
    assert_int_equal(noted.asked[2], 6 * MIB);
    assert_int_equal(vm->ram[0].guest, BASE);
    assert_int_equal(vm->ram[1].guest, BASE + 4 * MIB);
    assert_int_equal(vm->ram[2].guest, BASE + 6 * MIB);
    assert_int_equal(noted.maps, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vm->ram[i].size, pieces[i] * MIB);
        assert_memory_equal(&vm->ram[i], &noted.map[i], sizeof(noted.map[i]));
        assert_true(i == 0 || vm->ram[i].host < vm->ram[i - 1].host);
    }
}

static void ram_begins_where_the_file_says(void **state)
{
    static const unsigned pieces[] = {4, 8, 0};

    (void)state;
    config.memory_base = UINT64_C(0x1280000000);
    const struct vm *vm = create(pieces);

    assert_non_null(vm);
    assert_int_equal(vm->ram[0].guest, config.memory_base);
    assert_int_equal(vm->ram[1].guest, config.memory_base + 4 * MIB);
    assert_int_equal(noted.map[1].guest, config.memory_base + 4 * MIB);
}

static void ram_has_sixteen_pieces_at_most(void **state)
{
    static const unsigned pieces[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0};

    (void)state;
    uint64_t size;

    config.memory_mib = 32; /* more than WORLD_RAM; nobody touches it */
    const struct vm *vm = create(pieces);

    assert_non_null(vm);
    assert_int_equal(vm->ram_count, 16);
    assert_null(vm_ram_at(vm, BASE + 32 * MIB, &size));
    for (uint64_t low = 0; low < 2 * VM_RAM_PIECES; low++) /* as small as what stands behind the pieces */
        assert_null(vm_ram_at(vm, low, &size));
    config.memory_mib = 34;
    assert_null(create(pieces));
    assert_int_equal(noted.maps, 32);
    assert_int_equal(vm_count, 1);
}

static void without_memory_there_is_no_vm(void **state)
{
    static const unsigned none[] = {0}, too_few[] = {4, 6, 0}, enough[] = {4, 8};

    (void)state;
    assert_null(create(none));
    assert_null(create(too_few));
    world_no_stage_2 = true;
    assert_null(create(enough));
    world_no_stage_2 = false;
    noted.maps = 0;
    world_unmapped = 1;
    assert_null(create(enough));
    world_unmapped = 0;
    noted.maps = 0;
    assert_null(create(enough));
    assert_int_equal(vm_count, 0);
    assert_int_equal(noted.vcpus, 0);
    world_unmapped = UINT_MAX;
    assert_non_null(create(enough));
}

static void expect_ram(const struct vm *vm, uint64_t offset, unsigned piece, uint64_t from)
{
    uint64_t size = 0;
    const uint8_t *host = vm_ram_at(vm, BASE + offset, &size);

    assert_int_equal((uintptr_t)host, vm->ram[piece].host + from);
    assert_int_equal(size, vm->ram[piece].size - from);
}

static void ram_is_found_in_its_piece(void **state)
{
    static const unsigned pieces[] = {4, 2, 6};
    static const uint64_t outside[] = {
        0, BASE - 1, BASE + 12 * MIB, BASE + 13 * MIB, UINT64_MAX, BASE + (UINT64_C(1) << 40)};

    (void)state;
    const struct vm *vm = create(pieces);

    expect_ram(vm, 0, 0, 0);
    expect_ram(vm, 1, 0, 1);
    expect_ram(vm, 4 * MIB - 1, 0, 4 * MIB - 1);
    expect_ram(vm, 4 * MIB, 1, 0);
    expect_ram(vm, 6 * MIB - 1, 1, 2 * MIB - 1);
    expect_ram(vm, 6 * MIB, 2, 0);
    expect_ram(vm, 12 * MIB - 1, 2, 6 * MIB - 1);
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        uint64_t size = 77;

        assert_null(vm_ram_at(vm, outside[i], &size));
        assert_int_equal(size, 77);
    }
}

/* A fault of the VM's first vCPU, and what follows before the guest goes on. */
static void complain(struct vm *vm, const char *text)
{
    struct vcpu *vcpu = &vm->vcpus[0];

    vcpu->cpu->reschedule = false;
    vm_complain(vcpu, "%s", text);
    assert_int_equal(vcpu->work != NULL, vcpu->cpu->reschedule);
    if (vcpu->work != NULL)
        vcpu->work(vcpu);
}

static void a_complaint_names_the_vm(void **state)
{
    char text[200];

    (void)state;
    struct vm *vm = create_whole();

    vm_complain(&vm->vcpus[0], "read at %lx: %s", 0x123UL, "nothing is there");
    assert_int_equal(world_line_count, 0);
    vm->vcpus[0].work(&vm->vcpus[0]);
    assert_null(vm->vcpus[0].work);
    assert_int_equal(world_line_count, 1);
    world_expect_line("alpha: read at 123: nothing is there");

    fake_set_counter(fake_counter() + TENTH);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    complain(vm, text);
    assert_int_equal(strlen(world_lines[1]), strlen("alpha: ") + 159);
    vm->complaints = UINT32_MAX;
    fake_set_counter(fake_counter() + TENTH);
    complain(vm, text);
    assert_string_equal(world_lines[2] + strlen("alpha: ") + 159, " (and 4294967295 more before)");
}

static void ten_complaints_a_second(void **state)
{
    (void)state;
    struct vm *vm = create_whole();

    config.name[0] = 'A';
    complain(vm, "one");
    complain(vm, "two");
    fake_set_counter(fake_counter() + TENTH - 1);
    complain(vm, "three");
    assert_int_equal(world_line_count, 1);
    fake_set_counter(fake_counter() + 1);
    complain(vm, "four");
    assert_int_equal(world_line_count, 2);
    assert_string_equal(world_lines[1], "Alpha: four (and 2 more before)");
    fake_set_counter(fake_counter() + TENTH);
    complain(vm, "five");
    assert_int_equal(world_line_count, 3);
    world_expect_line("Alpha: five");
}

static void complaints_of_another_vm_do_not_count(void **state)
{
    (void)state;
    struct vm *first = create_whole();
    struct vm *second = create_whole();

    complain(first, "one");
    complain(first, "two");
    complain(second, "three");
    assert_int_equal(world_line_count, 2);
    world_expect_line("alpha: three");
}

static void a_complaint_waits_for_room(void **state)
{
    (void)state;
    struct vm *vm = create_whole();
    struct vcpu *vcpu = &vm->vcpus[0];

    world_console_full = true;
    complain(vm, "one");
    vcpu->work(vcpu);
    assert_non_null(vcpu->work);
    fake_set_counter(fake_counter() + TENTH);
    vm_complain(&vm->vcpus[1], "two"); /* which then has the same line to write */
    vm->vcpus[1].work(&vm->vcpus[1]);
    assert_non_null(vm->vcpus[1].work);
    assert_int_equal(world_line_count, 0);
    vcpu->work = NULL; /* switched off */
    world_console_full = false;
    vm->vcpus[1].work(&vm->vcpus[1]);
    assert_int_equal(world_line_count, 1);
    world_expect_line("alpha: one");
    complain(vm, "three");
    assert_int_equal(world_line_count, 2);
    world_expect_line("alpha: three (and 1 more before)");
}

/* Two vCPUs have one line to write. */
static void a_complaint_is_written_once(void **state)
{
    (void)state;
    struct vm *vm = create_whole();

    vm_complain(&vm->vcpus[0], "one");
    vm_complain(&vm->vcpus[1], "two");
    for (unsigned i = 0; i < 2; i++) {
        vm->vcpus[i].work(&vm->vcpus[i]);
        assert_null(vm->vcpus[i].work);
    }
    assert_int_equal(world_line_count, 1);
}

static void no_complaint_is_forgotten(void **state)
{
    struct random random = {1};
    uint64_t said = 0, left_out = 0, last = 0;
    unsigned count = 0;

    (void)state;
    struct vm *vm = create_whole();

    for (unsigned i = 0; i < STEPS; i++) {
        fake_set_counter(fake_counter() + random_below(&random, 2 * ASKING));
        world_line_count = 0;
        complain(vm, "complaint");
        if (world_line_count == 0)
            continue;
        assert_true(last == 0 || fake_counter() - last >= TENTH);
        last = fake_counter();
        said++;
        assert_int_equal(world_line_count, 1);
        if (sscanf(world_lines[0], "alpha: complaint (and %u more", &count) == 1)
            left_out += count;
    }
    assert_int_equal(said + left_out + vm->complaints, STEPS);
    assert_in_range(said, STEPS * ASKING / TENTH * 9 / 10, STEPS * ASKING / TENTH);
}

static struct vm *create_counted(void)
{
    struct vm *vm = create_whole();

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        world_count(&vm->vcpus[i], i);
    world_cpu.lead.switch_cost = 123;
    world_cpu.lead.backlog = 64 * 456 + 63;
    return vm;
}

static void statistics_are_sums_and_maxima(void **state)
{
    (void)state;
    const struct vm *vm = create_counted();

    for (unsigned stat = 0; stat < ONTIME_STAT_LEAD_SWITCH; stat++) {
        uint64_t expected = world_counted(0, stat) + world_counted(1, stat) + world_counted(2, stat);

        if (stat == ONTIME_STAT_ARMED)
            expected += 3 * 1000000;
        if (stat == ONTIME_STAT_LATE_MAX)
            expected = world_counted(1, stat);
        assert_int_equal(vm_stat(vm, stat), expected);
    }
    assert_int_equal(vm_stat(vm, ONTIME_STAT_LEAD_SWITCH), 123);
    assert_int_equal(vm_stat(vm, ONTIME_STAT_LEAD_BACKLOG), 456);
    for (unsigned first = 0; first < VCPUS; first++) { /* wherever the largest is */
        for (unsigned i = 0; i < VCPUS; i++)
            vm->vcpus[i].precise.late_max = 50 - (i + first) % VCPUS;
        assert_int_equal(vm_stat(vm, ONTIME_STAT_LATE_MAX), 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_vm_is_as_its_configuration, setup),
        cmocka_unit_test_setup(vms_are_numbered, setup),
        cmocka_unit_test_setup(direct_ram_is_where_the_machine_has_it, setup),
        cmocka_unit_test_setup(ram_is_taken_in_pieces, setup),
        cmocka_unit_test_setup(ram_begins_where_the_file_says, setup),
        cmocka_unit_test_setup(ram_has_sixteen_pieces_at_most, setup),
        cmocka_unit_test_setup(without_memory_there_is_no_vm, setup),
        cmocka_unit_test_setup(ram_is_found_in_its_piece, setup),
        cmocka_unit_test_setup(a_complaint_names_the_vm, setup),
        cmocka_unit_test_setup(ten_complaints_a_second, setup),
        cmocka_unit_test_setup(complaints_of_another_vm_do_not_count, setup),
        cmocka_unit_test_setup(a_complaint_waits_for_room, setup),
        cmocka_unit_test_setup(a_complaint_is_written_once, setup),
        cmocka_unit_test_setup(no_complaint_is_forgotten, setup),
        cmocka_unit_test_setup(statistics_are_sums_and_maxima, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
