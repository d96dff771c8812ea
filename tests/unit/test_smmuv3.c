/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMMUv3's driver against the registers of Arm IHI 0070: what it makes of what the firmware left, stream
 * table entries field for field, and both queues, over their ends and full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "device_access.h"
#include "drivers/smmuv3.h"
#include "fake_registers.h"

#define BASE  UINT64_C(0x09050000)
#define PAGE1 (BASE + 0x10000)

#define IDR0        (BASE + 0x00)
#define IDR1        (BASE + 0x04)
#define IDR5        (BASE + 0x14)
#define CR0         (BASE + 0x20)
#define CR0ACK      (BASE + 0x24)
#define CR1         (BASE + 0x28)
#define CR2         (BASE + 0x2C)
#define GBPA        (BASE + 0x44)
#define IRQ_CTRL    (BASE + 0x50)
#define IRQ_CTRLACK (BASE + 0x54)
#define GERROR      (BASE + 0x60)
#define GERRORN     (BASE + 0x64)
#define STRTAB_BASE (BASE + 0x80)
#define STRTAB_CFG  (BASE + 0x88)
#define CMDQ_BASE   (BASE + 0x90)
#define CMDQ_PROD   (BASE + 0x98)
#define CMDQ_CONS   (BASE + 0x9C)
#define EVENTQ_BASE (BASE + 0xA0)
#define EVENTQ_PROD (PAGE1 + 0xA8)
#define EVENTQ_CONS (PAGE1 + 0xAC)

/* As of QEMU 10: stage 2, AArch64, coherent, 2-level tables, little-endian; 16 bits of StreamID; 44 of OAS.
 */
#define FEATURES0   ((1u << 0) | (2u << 2) | (1u << 4) | (2u << 21) | (1u << 26) | (1u << 27))
#define FEATURES1   (16u | 19u << 16 | 19u << 21)
#define FEATURES5   (4u | 1u << 4)
#define EVENTS      128u
#define COMMANDS    64u
#define ALLOCATIONS 32

static struct smmu smmu;
static void *allocations[ALLOCATIONS];
static unsigned allocation_count, allocations_until_full;
static bool gbpa_sticks, cr0_sticks, irq_sticks, commands_are_done;

void *memory_try_allocate(uint64_t size, uint64_t alignment)
{
    void *memory;

    assert_true(alignment >= 64 && (alignment & (alignment - 1)) == 0 && size % alignment == 0);
    if (allocation_count >= allocations_until_full)
        return NULL;
    assert_true(allocation_count < ALLOCATIONS);
    memory = aligned_alloc(alignment, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    allocations[allocation_count++] = memory;
    return memory;
}

static void written(uint64_t address, uint32_t value)
{
    if (address == CR0 && !cr0_sticks)
        fake_device_set(CR0ACK, value);
    if (address == IRQ_CTRL && !irq_sticks)
        fake_device_set(IRQ_CTRLACK, value);
    if (address == GBPA && !gbpa_sticks)
        fake_device_set(GBPA, value & ~(1u << 31));
    if (address == CMDQ_PROD && commands_are_done)
        fake_device_set(CMDQ_CONS, value);
}

/* An SMMU as the firmware may leave it: on, with interrupts, and bypassed when it is off. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_reading_cost(1000);
    fake_registers_reset();
    fake_device(BASE, SMMU_REGISTERS_SIZE);
    fake_device_hooks((struct fake_device_hooks){.written = written});
    fake_device_set(IDR0, FEATURES0);
    fake_device_set(IDR1, FEATURES1);
    fake_device_set(IDR5, FEATURES5);
    fake_device_set(CR0, 0xD);
    fake_device_set(CR0ACK, 0xD);
    fake_device_set(IRQ_CTRL, 5);
    fake_device_set(IRQ_CTRLACK, 5);
    fake_device_set(GERROR, 4);
    gbpa_sticks = cr0_sticks = irq_sticks = false;
    commands_are_done = true;
    allocations_until_full = ALLOCATIONS;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (allocation_count != 0)
        free(allocations[--allocation_count]);
    return 0;
}

static bool init(void)
{
    return smmu_init(&smmu, BASE, SMMU_REGISTERS_SIZE);
}

static void start(uint32_t last)
{
    assert_true(init());
    assert_null(smmu.problem);
    assert_null(smmu_make_tables(&smmu, last, 40));
    fake_log_clear();
    assert_null(smmu_start(&smmu, true));
}

static void nothing_slips_through_as_it_is_held_off(void **state)
{
    (void)state;
    assert_true(init());
    assert_null(smmu.problem);
    assert_true(fake_log_last(DEVICE_WRITE32(GBPA, 1u << 31 | 1u << 20)) <
                fake_log_first(DEVICE_WRITE32(CR0, 0)));
    assert_int_equal(fake_device_get(GBPA), 1u << 20);
    assert_int_equal(fake_device_get(CR0ACK), 0);
    assert_int_equal(fake_device_get(IRQ_CTRLACK), 0);
    assert_false(smmu.is_on);
}

static void one_that_does_not_answer_is_named(void **state)
{
    bool *const sticks[] = {&gbpa_sticks, &cr0_sticks, &irq_sticks};

    for (unsigned i = 0; i < 3; i++) {
        setup(state);
        *sticks[i] = true;
        assert_false(init());
        assert_string_equal(smmu.problem, "it does not answer");
    }
    gbpa_sticks = true;
    fake_device_set(IDR0, FEATURES0 & ~1u); /* QEMU 7.2's has neither */
    assert_false(init());
    assert_string_equal(smmu.problem, "it has no stage 2");
    setup(state);
    fake_device_set(GBPA, 1u << 31); /* an update that does not end */
    assert_false(init());
    fake_log_has_no_writes();
    setup(state);
    fake_device_unmappable(BASE);
    assert_false(init());
    assert_string_equal(smmu.problem, "its registers can't be mapped");
    assert_false(smmu_init(&smmu, BASE, 0x10000));
    assert_string_equal(smmu.problem, "its registers can't be mapped");
}

/* It is held off all the same. */
static void what_it_lacks_is_named(void **state)
{
    const struct {
        uint64_t address;
        uint32_t value;
        const char *problem;
    } lacks[] = {
        {IDR0, FEATURES0 & ~(1u << 0), "it has no stage 2"},
        {IDR0, FEATURES0 & ~(3u << 2), "it has no stage 2"},
        {IDR0, FEATURES0 & ~(1u << 4), "its reads of tables don't look into the CPUs' caches"},
        {IDR0, FEATURES0 | 3u << 21, "it wants big-endian tables"},
        {IDR0, FEATURES0 | 2u << 24, "it stalls each fault"},
        {IDR1, FEATURES1 | 1u << 29, "its tables or queues are at places of its own"},
        {IDR1, FEATURES1 | 1u << 30, "its tables or queues are at places of its own"},
        {IDR1, (FEATURES1 & ~(31u << 21)) | 2u << 21, "its command queue is too short"},
        {IDR1, (FEATURES1 & ~63u) | 33, "its StreamIDs have more than 32 bits"},
        {IDR5, FEATURES5 & ~(1u << 4),
         "it has no tables with 4 KiB pages, or less than 40 bits of physical address"},
        {IDR5, 1u | 1u << 4, "it has no tables with 4 KiB pages, or less than 40 bits of physical address"},
    };

    for (unsigned i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
        setup(state);
        fake_device_set(lacks[i].address, lacks[i].value);
        assert_true(init());
        assert_non_null(smmu.problem);
        assert_string_equal(smmu.problem, lacks[i].problem);
        assert_int_equal(fake_device_get(GBPA), 1u << 20);
    }
}

static void expect_entry(const uint64_t *entry, uint64_t root, uint16_t vmid)
{
    assert_int_equal(entry[0], 0xD);              /* V, Config stage 2 */
    assert_int_equal(field(entry[1], 45, 44), 1); /* SHCFG */
    assert_int_equal(field(entry[1], 29, 28), 0); /* EATS */
    assert_int_equal(field(entry[2], 15, 0), vmid);
    assert_int_equal(field(entry[2], 37, 32), 24); /* S2T0SZ */
    assert_int_equal(field(entry[2], 39, 38), 1);  /* S2SL0 */
    assert_int_equal(field(entry[2], 41, 40), 1);  /* S2IR0 */
    assert_int_equal(field(entry[2], 43, 42), 1);  /* S2OR0 */
    assert_int_equal(field(entry[2], 45, 44), 3);  /* S2SH0 */
    assert_int_equal(field(entry[2], 47, 46), 0);  /* S2TG */
    assert_int_equal(field(entry[2], 50, 48), 4);  /* S2PS: all that it reaches, 44 bits */
    assert_int_equal(field(entry[2], 57, 51), 5);  /* S2AA64, S2AFFD; no S2ENDI, S2PTW, S2HD, S2HA, S2S */
    assert_int_equal(field(entry[2], 63, 58), 1);  /* S2R */
    assert_int_equal(entry[3], root);
}

static void a_table_of_one_level(void **state)
{
    const struct smmu_tables tables = {.root = 0x123456000, .vmid = 7};
    const uint64_t none[8] = {0};

    (void)state;
    assert_true(init());
    assert_null(smmu_make_tables(&smmu, 0xFFF, 40));
    assert_true(smmu_set_stream(&smmu, 8, &tables));
    assert_true(smmu_set_stream(&smmu, 0xFFF, &tables));
    expect_entry(smmu.streams + 8 * 8, 0x123456000, 7);
    expect_entry(smmu.streams + (uint64_t)0xFFF * 8, 0x123456000, 7);
    assert_memory_equal(smmu.streams + 7 * 8, none, sizeof(none));
    assert_memory_equal(smmu.streams + 9 * 8, none, sizeof(none));
    assert_null(smmu_start(&smmu, false));
    assert_int_equal(fake_device_get(STRTAB_CFG), 12);
}

/* Guests' addresses of more than 40 bits: the walk begins at level 0. An SMMU of 52 bits gives 48. */
static void tables_for_more_address_bits(void **state)
{
    const struct smmu_tables tables = {.root = 0x123456000, .vmid = 7};

    (void)state;
    assert_true(init());
    assert_string_equal(smmu_make_tables(&smmu, 0xFF, 48), "it has less bits of address than guests");
    assert_null(smmu_make_tables(&smmu, 0xFF, 44));
    assert_true(smmu_set_stream(&smmu, 8, &tables));
    assert_int_equal(field(smmu.streams[8 * 8 + 2], 37, 32), 20); /* S2T0SZ */
    assert_int_equal(field(smmu.streams[8 * 8 + 2], 39, 38), 2);  /* S2SL0 */
    assert_int_equal(field(smmu.streams[8 * 8 + 2], 50, 48), 4);  /* S2PS */

    fake_device_set(IDR5, (FEATURES5 & ~7u) | 6);
    assert_true(init());
    assert_null(smmu_make_tables(&smmu, 0xFF, 48));
    assert_true(smmu_set_stream(&smmu, 8, &tables));
    assert_int_equal(field(smmu.streams[8 * 8 + 2], 37, 32), 16);
    assert_int_equal(field(smmu.streams[8 * 8 + 2], 50, 48), 5);
}

static void a_table_of_two_levels(void **state)
{
    const struct smmu_tables tables = {.root = 0x123456000, .vmid = 7};
    unsigned before;

    (void)state;
    assert_true(init());
    assert_null(smmu_make_tables(&smmu, 0xFFFF, 40));
    before = allocation_count;
    assert_true(smmu_set_stream(&smmu, 0x1234, &tables));
    assert_true(smmu_set_stream(&smmu, 0x12FF, &tables));
    assert_true(smmu_set_stream(&smmu, 0xFF00, &tables));
    assert_int_equal(allocation_count, before + 2);
    assert_int_equal(smmu.streams[0x12], (uint64_t)(uintptr_t)allocations[before] | 9);
    assert_int_equal(smmu.streams[0xFF], (uint64_t)(uintptr_t)allocations[before + 1] | 9);
    assert_int_equal(smmu.streams[0x13], 0);
    expect_entry((uint64_t *)allocations[before] + 0x34 * 8, 0x123456000, 7);
    expect_entry((uint64_t *)allocations[before] + 0xFF * 8, 0x123456000, 7);
    allocations_until_full = allocation_count;
    assert_false(smmu_set_stream(&smmu, 0, &tables));
    assert_null(smmu_start(&smmu, false));
    assert_int_equal(fake_device_get(STRTAB_CFG), 16 | 8 << 6 | 1 << 16);
}

static const char *tables_for(uint32_t last, unsigned id_bits, bool two_levels)
{
    fake_device_set(IDR0, two_levels ? FEATURES0 : FEATURES0 & ~(3u << 27));
    fake_device_set(IDR1, (FEATURES1 & ~63u) | id_bits);
    assert_true(init());
    return smmu_make_tables(&smmu, last, 40);
}

static void stream_ids_that_are_too_large_are_refused(void **state)
{
    (void)state;
    assert_string_equal(tables_for(0x10000, 16, true), "a StreamID has more bits than it has");
    assert_string_equal(tables_for(0x10000, 32, false), "a StreamID is too large for a table");
    assert_string_equal(tables_for(0x1000000, 32, true), "a StreamID is too large for a table");
    assert_null(tables_for(0xFFFF, 16, false));
    assert_false(smmu.is_two_level);
    assert_null(tables_for(0xFFFFFF, 24, true));
    assert_true(smmu.is_two_level);
    assert_null(tables_for(0, 16, true));
    allocations_until_full = allocation_count + 2;
    assert_string_equal(tables_for(0, 16, true), "there is no RAM for its tables");
}

static void it_starts(void **state)
{
    static const uint64_t commands[] = {0x04, 31, 0x30, 0, 0x46, 0};

    (void)state;
    start(0xFF);
    assert_int_equal(fake_device_get(CR1), 0xD75);
    assert_int_equal(fake_device_get(CR2), 1u << 1 | 1u << 2);
    assert_int_equal(
        fake_log_count(DEVICE_WRITE64(STRTAB_BASE, (uint64_t)(uintptr_t)smmu.streams | 1ull << 62)), 1);
    assert_int_equal(
        fake_log_count(DEVICE_WRITE64(CMDQ_BASE, (uint64_t)(uintptr_t)smmu.commands | 6 | 1ull << 62)), 1);
    assert_int_equal(
        fake_log_count(DEVICE_WRITE64(EVENTQ_BASE, (uint64_t)(uintptr_t)smmu.events | 7 | 1ull << 62)), 1);
    assert_memory_equal(smmu.commands, commands, sizeof(commands));
    assert_int_equal(fake_device_get(GERRORN), 4); /* what was there is nothing new */
    assert_int_equal(fake_device_get(IRQ_CTRL), 5);
    assert_int_equal(fake_device_get(CR0), 0xD);
    /* The queue before its commands, and they before the first translation. */
    assert_true(fake_log_first(DEVICE_WRITE32(CR0, 8)) < fake_log_first(DEVICE_WRITE32(CMDQ_PROD, 3)));
    assert_true(fake_log_first(DEVICE_WRITE32(CMDQ_PROD, 3)) < fake_log_first(DEVICE_WRITE32(CR0, 0xD)));
    assert_true(smmu.is_on);
}

static void optional_features_are_put_off(void **state)
{
    static const uint64_t commands[] = {0x04, 31, 0x30, 0, 0x20, 0, 0x46, 0};

    (void)state;
    fake_device_set(IDR0, FEATURES0 | 1u << 9 | 1u << 10 | 1u << 13); /* HYP, ATS, MSI */
    start(0xFF);
    assert_memory_equal(smmu.commands, commands, sizeof(commands));
    assert_int_equal(fake_device_get(CR0), 0x1D);
    assert_int_equal(fake_log_count(DEVICE_WRITE64(BASE + 0x68, 0)), 1);
    assert_int_equal(fake_log_count(DEVICE_WRITE64(BASE + 0xB0, 0)), 1);
}

static void one_that_does_not_start_is_named(void **state)
{
    bool *const sticks[] = {&cr0_sticks, &irq_sticks};

    for (unsigned i = 0; i < 3; i++) {
        setup(state);
        assert_true(init());
        assert_null(smmu_make_tables(&smmu, 0, 40));
        if (i < 2)
            *sticks[i] = true;
        else
            commands_are_done = false;
        assert_string_equal(smmu_start(&smmu, true), "it does not answer");
        assert_false(smmu.is_on);
    }
}

static void a_vm_s_tables_are_forgotten(void **state)
{
    uint64_t ticket;

    (void)state;
    start(0xFF);
    for (unsigned i = 0; i < 3 * COMMANDS; i++) {
        unsigned at = (3 + 2 * i) % COMMANDS;

        fake_log_clear();
        assert_true(smmu_forget(&smmu, (uint16_t)i, &ticket));
        assert_int_equal(smmu.commands[2 * at], 0x28 | (uint64_t)i << 32);
        assert_int_equal(smmu.commands[2 * ((at + 1) % COMMANDS)], 0x46);
        assert_true(fake_log_first(BARRIER("dsb sy")) <
                    fake_log_first(DEVICE_WRITE32(CMDQ_PROD, (5 + 2 * i) % (2 * COMMANDS))));
        assert_true(smmu_is_done(&smmu, ticket));
    }
}

static void the_command_queue_may_be_full(void **state)
{
    uint64_t first, last, more = 0;

    (void)state;
    start(0xFF);
    commands_are_done = false;
    assert_true(smmu_forget(&smmu, 1, &first));
    for (unsigned i = 0; i < COMMANDS / 2 - 1; i++)
        assert_true(smmu_forget(&smmu, 1, &last));
    assert_false(smmu_forget(&smmu, 1, &more));
    assert_false(smmu_is_done(&smmu, first));
    fake_device_set(CMDQ_CONS, 4); /* the first, but not its CMD_SYNC */
    assert_false(smmu_is_done(&smmu, first));
    assert_false(smmu_forget(&smmu, 1, &more));
    fake_device_set(CMDQ_CONS, 5);
    assert_true(smmu_is_done(&smmu, first));
    assert_false(smmu_is_done(&smmu, last));
    assert_true(smmu_forget(&smmu, 1, &more));
    fake_device_set(CMDQ_CONS, fake_device_get(CMDQ_PROD));
    assert_true(smmu_is_done(&smmu, more));
}

/* Event `n` since the beginning, and the queue's index behind it. */
static void put_event(unsigned n, uint8_t event, uint32_t stream, uint64_t flags, uint64_t address)
{
    uint64_t *slot = smmu.events + 4 * (n % EVENTS);

    slot[0] = event | (uint64_t)stream << 32;
    slot[1] = flags;
    slot[2] = address;
    fake_device_set(EVENTQ_PROD, (n + 1) % (2 * EVENTS));
}

static void faults_are_read(void **state)
{
    struct smmu_fault fault;

    (void)state;
    start(0xFF);
    assert_false(smmu_take_fault(&smmu, &fault));
    for (unsigned i = 0; i < 3 * EVENTS; i++) {
        put_event(i, 0x10, i, i % 2 != 0 ? UINT64_C(1) << 35 : 0, 0x80000000 + i);
        assert_true(smmu_take_fault(&smmu, &fault));
        assert_int_equal(fault.stream, i);
        assert_int_equal(fault.address, 0x80000000 + i);
        assert_int_equal(fault.is_write, i % 2 == 0);
        assert_true(fault.has_address && fault.event == 0x10);
        assert_false(smmu_take_fault(&smmu, &fault));
    }
    put_event(3 * EVENTS, 0x02, 0xFFFFFFFF, 0, 0);
    assert_true(smmu_take_fault(&smmu, &fault));
    assert_true(fault.event == 2 && !fault.has_address && fault.stream == UINT32_MAX);
    put_event(3 * EVENTS + 1, 0x13, 1, 0, 0);
    put_event(3 * EVENTS + 2, 0x24, 1, 0, 0); /* a page request */
    assert_true(smmu_take_fault(&smmu, &fault) && fault.has_address);
    assert_true(smmu_take_fault(&smmu, &fault) && !fault.has_address);
}

/* Full, and events were lost: that is acknowledged, and the rest is read. */
static void an_overflow_is_acknowledged(void **state)
{
    struct smmu_fault fault;

    (void)state;
    start(0xFF);
    for (unsigned i = 0; i < EVENTS; i++)
        put_event(i, 0x10, i, 0, 0);
    fake_device_set(EVENTQ_PROD, EVENTS | 1u << 31);
    for (unsigned i = 0; i < EVENTS; i++) {
        assert_true(smmu_take_fault(&smmu, &fault));
        assert_int_equal(fault.stream, i);
        assert_int_equal(fake_device_get(EVENTQ_CONS), (i + 1) | 1u << 31);
    }
    assert_false(smmu_take_fault(&smmu, &fault));
}

static void errors_are_told_once(void **state)
{
    (void)state;
    start(0xFF);
    assert_int_equal(smmu_take_errors(&smmu), 0);
    fake_device_set(GERROR, 4 | 1);
    assert_int_equal(smmu_take_errors(&smmu), 1);
    assert_int_equal(smmu_take_errors(&smmu), 0);
    fake_device_set(GERROR, 1);
    assert_int_equal(smmu_take_errors(&smmu), 4);
    assert_int_equal(fake_log_count(DEVICE_WRITE32(GERRORN, 5)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_slips_through_as_it_is_held_off, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_answer_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_lacks_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_of_one_level, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_for_more_address_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_of_two_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(stream_ids_that_are_too_large_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(it_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(optional_features_are_put_off, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_start_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_vm_s_tables_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(the_command_queue_may_be_full, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_overflow_is_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_told_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
