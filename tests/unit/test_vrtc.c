/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clock: its time, which the guest may set, its registers, its alarm; then random accesses
 * against a model that counts in whole seconds. The deadline queue is the real one, the virtual GIC a
 * stand-in that notes what it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "devices/vgic.h"
#include "devices/vrtc.h"
#include "one_core.h"
#include "random.h"
#include "vm/cpu.h"

#define DR     0x00
#define MR     0x04
#define LR     0x08
#define CR     0x0C
#define IMSC   0x10
#define RIS    0x14
#define MIS    0x18
#define ICR    0x1C
#define ID     0xFE0
#define END    0x1000
#define HZ     1000
#define BOOT   5000       /* the counter when the machine's clock was read */
#define TIME   1767225600 /* what it showed */
#define SLOTS  4
#define STEPS  200000
#define UNREAD 0x5A5A5A5A5A5A5A5A

static struct heap_node *queue_slots[SLOTS];
static struct vcpu vcpu, other_vcpu;
static struct vm vm, other_vm;
static struct vrtc memory[2];
static unsigned allocated;

static struct {
    bool line;
    unsigned changes;
} seen;

void vgic_set_line(struct vcpu *told, unsigned intid, bool level)
{
    assert_int_equal(intid, 34);
    assert_ptr_equal(told, &vcpu);
    assert_true(spin_is_held(&vm.rtc->lock));
    assert_int_not_equal(level, seen.line); /* told of changes only */
    seen.line = level;
    seen.changes++;
}

void *memory_allocate(size_t size)
{
    assert_int_equal(size, sizeof(memory[0]));
    assert_true(allocated < 2);
    return memset(&memory[allocated++], 0, size);
}

static void slice_ended(struct deadline *deadline, uint64_t now)
{
    (void)deadline, (void)now;
    fail();
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_hz(HZ);
    fake_set_counter(BOOT);
    memset(&seen, 0, sizeof(seen));
    memset(&one_core, 0, sizeof(one_core));
    allocated = 0;
    deadline_queue_init(&one_core.deadlines, queue_slots, 0, SLOTS, slice_ended);
    vm = (struct vm){.vcpus = &vcpu, .vcpu_count = 1};
    vcpu = (struct vcpu){.vm = &vm, .cpu = &one_core};
    other_vm = (struct vm){.vcpus = &other_vcpu, .vcpu_count = 1};
    other_vcpu = (struct vcpu){.vm = &other_vm, .cpu = &one_core};
    vrtc_init(TIME, BOOT);
    vm.rtc = vrtc_create(&vm);
    other_vm.rtc = vrtc_create(&other_vm);
    assert_non_null(vm.rtc);
    return 0;
}

static uint64_t read_of(struct vcpu *reader, uint64_t offset, unsigned size)
{
    struct mmio_access access = {.offset = offset, .size = size, .value = UNREAD};

    assert_true(vm.rtc->device.access(reader, &access));
    assert_false(spin_is_held(&reader->vm->rtc->lock));
    assert_int_equal(access.value >> 32, 0);
    return access.value;
}

static uint32_t get(uint64_t offset)
{
    return (uint32_t)read_of(&vcpu, offset, 4);
}

static void set(uint64_t offset, uint32_t value)
{
    struct mmio_access access = {
        .offset = offset, .size = 4, .write = true, .value = UINT64_C(0xFFFFFFFF00000000) | value};

    assert_true(vm.rtc->device.access(&vcpu, &access));
    assert_false(spin_is_held(&vm.rtc->lock));
}

/* Time passes; the comparator's interrupts are taken. */
static void pass(uint64_t ticks)
{
    uint64_t end = fake_counter() + ticks;

    while (fake_comparator() <= end) {
        if (fake_comparator() > fake_counter())
            fake_set_counter(fake_comparator());
        deadline_queue_run(&one_core.deadlines, fake_counter());
    }
    fake_set_counter(end);
}

static void without_a_machines_clock_there_is_none(void **state)
{
    (void)state;
    assert_false(vrtc_exists());
    assert_null(vrtc_create(&vm));
}

static void it_shows_the_machines_time(void **state)
{
    (void)state;
    assert_true(vrtc_exists());
    assert_int_equal(get(DR), TIME);
    pass(HZ - 1);
    assert_int_equal(get(DR), TIME);
    pass(1);
    assert_int_equal(get(DR), TIME + 1);
    pass(UINT64_C(86400) * 365 * HZ);
    assert_int_equal(get(DR), TIME + 1 + 86400 * 365);
    pass(UINT64_C(0xFFFFFFFF) * HZ); /* comes round */
    assert_int_equal(get(DR), TIME + 86400 * 365);
}

static void what_a_guest_sets_is_its_own(void **state)
{
    (void)state;
    pass(2500);
    set(LR, 7);
    assert_int_equal(get(DR), 7);
    assert_int_equal(get(LR), 7);
    pass(499);
    assert_int_equal(get(DR), 7);
    pass(1); /* seconds begin when they did */
    assert_int_equal(get(DR), 8);
    assert_int_equal(read_of(&other_vcpu, DR, 4), TIME + 3);
    set(LR, 0xFFFFFFFF);
    pass(HZ);
    assert_int_equal(get(DR), 0);
}

static void registers_are_a_pl031s(void **state)
{
    static const uint8_t identification[] = {0x31, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};
    struct mmio_access wide = {.offset = DR, .size = 8};

    (void)state;
    for (unsigned i = 0; i < sizeof(identification); i++)
        assert_int_equal(get(ID + 4 * i), identification[i]);
    for (uint64_t offset = ICR; offset < END; offset += 4) {
        set(offset, UINT32_MAX);
        if (offset < ID)
            assert_int_equal(get(offset), 0);
    }
    set(DR, 5);
    assert_int_equal(get(DR), TIME);
    assert_int_equal(get(CR), 1);
    set(CR, 0);
    assert_int_equal(get(CR), 1);
    set(RIS, 1);
    set(MIS, 1);
    assert_int_equal(get(RIS) | get(MIS), 0);
    set(IMSC, 0xFFFFFFFE);
    assert_int_equal(get(IMSC), 0);
    set(IMSC, 0xFFFFFFFF);
    assert_int_equal(get(IMSC), 1);
    set(MR, 0x12345678);
    assert_int_equal(get(MR), 0x12345678);
    assert_int_equal(read_of(&vcpu, MR + 1, 1), 0x12345678); /* a part of the register: the bus takes it */
    assert_false(vm.rtc->device.access(&vcpu, &wide));
    assert_false(spin_is_held(&vm.rtc->lock));
}

static void the_alarm_comes_when_its_second_begins(void **state)
{
    (void)state;
    pass(300);
    set(IMSC, 1);
    set(MR, TIME + 3);
    pass(2699);
    assert_false(seen.line);
    assert_int_equal(get(RIS), 0);
    pass(1);
    assert_true(seen.line);
    assert_int_equal(get(RIS), 1);
    assert_int_equal(get(MIS), 1);
    assert_int_equal(get(DR), TIME + 3);
    set(ICR, 0xFFFFFFFE);
    assert_true(seen.line);
    set(ICR, 1);
    assert_false(seen.line);
    assert_int_equal(get(RIS), 0);
    pass(10 * HZ);
    assert_int_equal(seen.changes, 2);
    assert_false(deadline_is_armed(&vm.rtc->alarm.deadline));
}

static void a_masked_alarm_is_seen_when_it_is_unmasked(void **state)
{
    (void)state;
    set(MR, TIME + 1);
    pass(HZ);
    assert_int_equal(get(RIS), 1);
    assert_int_equal(get(MIS), 0);
    assert_int_equal(seen.changes, 0);
    set(IMSC, 1);
    assert_true(seen.line);
    set(IMSC, 0);
    assert_false(seen.line);
    assert_int_equal(get(RIS), 1);
}

static void an_alarm_may_be_for_now_or_moved(void **state)
{
    (void)state;
    set(IMSC, 1);
    set(MR, TIME);
    assert_true(seen.line);
    set(ICR, 1);
    set(MR, TIME + 5);
    set(MR, TIME + 2); /* the first is forgotten */
    pass(2 * HZ);
    assert_true(seen.line);
    set(ICR, 1);
    pass(10 * HZ);
    assert_false(seen.line);
    set(MR, TIME + 11); /* past: in 136 years */
    pass(1000 * HZ);
    assert_false(seen.line);
}

static void setting_the_clock_moves_the_alarm(void **state)
{
    (void)state;
    set(IMSC, 1);
    set(MR, TIME + 100);
    set(LR, TIME + 99);
    pass(HZ);
    assert_true(seen.line);
    set(ICR, 1);
    set(LR, TIME + 100); /* to that very second */
    assert_true(seen.line);
}

/* The VM's first vCPU goes to another core, and the alarm with it, which may be due on its way. */
static void the_alarm_goes_along_with_the_vcpu(void **state)
{
    (void)state;
    set(IMSC, 1);
    set(MR, TIME + 2);
    for (unsigned i = 0; i < 2; i++) {
        vrtc_leave_alarm(&vm);
        assert_false(deadline_is_armed(&vm.rtc->alarm.deadline));
        vcpu.cpu = NULL;
        pass(HZ + HZ / 2);
        assert_false(seen.line);
        vcpu.cpu = &one_core;
        vrtc_watch_alarm(&vm);
        pass(0);
        assert_int_equal(seen.line, i == 1);
    }
    set(ICR, 1);
    vrtc_leave_alarm(&vm); /* once it has come it is none any more */
    vrtc_watch_alarm(&vm);
    pass(HZ);
    assert_false(seen.line);
    other_vm.rtc = NULL; /* on a machine without a clock */
    vrtc_leave_alarm(&other_vm);
    vrtc_watch_alarm(&other_vm);
}

static void a_reset_forgets_the_alarm_and_keeps_the_time(void **state)
{
    (void)state;
    set(LR, 1000);
    set(IMSC, 1);
    set(MR, 1000);
    assert_true(seen.line);
    set(MR, 1005);
    vm.rtc->device.reset(&vm.rtc->device);
    seen.line = false; /* the vGIC is reset, too */
    assert_int_equal(get(IMSC) | get(RIS) | get(MR) | get(LR), 0);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    set(IMSC, 1);
    pass(10 * HZ);
    assert_false(seen.line);
    assert_int_equal(get(DR), 1010);
}

/* The clock by whole seconds: each that begins is compared with the alarm's. */
struct model {
    uint32_t now, match, load;
    bool mask, raw;
};

static void model_pass(struct model *model, uint64_t seconds)
{
    for (; seconds > 0; seconds--)
        if (++model->now == model->match)
            model->raw = true;
}

static void as_the_model(void **state)
{
    struct random random = {1};
    struct model model = {.now = TIME, .match = TIME - 1};
    uint64_t ticks = 0; /* since a second began */

    (void)state;
    set(MR, TIME - 1);
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t near = model.now + (uint32_t)random_between(&random, 0, 8) - 2;
        uint64_t passed = random_below(&random, 3 * HZ);

        switch (random_below(&random, 6)) {
        case 0:
            model.match = near;
            model.raw = model.raw || near == model.now;
            set(MR, near);
            break;
        case 1:
            model.load = model.now = near;
            model.raw = model.raw || model.match == near;
            set(LR, near);
            break;
        case 2:
            model.mask = random_below(&random, 2) != 0;
            set(IMSC, model.mask);
            break;
        case 3:
            model.raw = false;
            set(ICR, 1);
            break;
        default:
            pass(passed);
            model_pass(&model, (ticks + passed) / HZ);
            ticks = (ticks + passed) % HZ;
        }
        assert_int_equal(get(DR), model.now);
        assert_int_equal(get(MR), model.match);
        assert_int_equal(get(LR), model.load);
        assert_int_equal(get(RIS), model.raw);
        assert_int_equal(get(MIS), model.raw && model.mask);
        assert_int_equal(seen.line, model.raw && model.mask);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_machines_clock_there_is_none), /* first */
        cmocka_unit_test_setup(it_shows_the_machines_time, setup),
        cmocka_unit_test_setup(what_a_guest_sets_is_its_own, setup),
        cmocka_unit_test_setup(registers_are_a_pl031s, setup),
        cmocka_unit_test_setup(the_alarm_comes_when_its_second_begins, setup),
        cmocka_unit_test_setup(a_masked_alarm_is_seen_when_it_is_unmasked, setup),
        cmocka_unit_test_setup(an_alarm_may_be_for_now_or_moved, setup),
        cmocka_unit_test_setup(setting_the_clock_moves_the_alarm, setup),
        cmocka_unit_test_setup(a_reset_forgets_the_alarm_and_keeps_the_time, setup),
        cmocka_unit_test_setup(the_alarm_goes_along_with_the_vcpu, setup),
        cmocka_unit_test_setup(as_the_model, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
