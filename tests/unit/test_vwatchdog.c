/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's watchdog: its registers, its two periods, pauses, its line; a guest on another core; then
 * random accesses against a model. The deadline queue is the real one, the virtual GIC and the VM's power
 * stand-ins that note what they are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "console/console.h"
#include "devices/vgic.h"
#include "devices/vwatchdog.h"
#include "random.h"
#include "vm/cpu.h"
#include "vm/messages.h"
#include "vm/power.h"

#define WRR     0x000
#define WCS     0x000
#define WOR     0x008
#define WCV     0x010
#define IIDR    0xFCC
#define HZ      1000 /* so that a tick is a millisecond */
#define BEGIN   UINT64_C(5000000000)
#define MS      1000
#define AGAIN   10 /* the timer sets itself so much later at the soonest */
#define SLOTS   4
#define STEPS   100000
#define EN      1
#define WS0     2
#define WS1     4
#define NOTHING 99 /* no access was made */

static struct cpu cores[2];
static unsigned here;
static struct heap_node *queue_slots[SLOTS];
static struct vm_config config;
static struct vcpu vcpu;
static struct vm vm;
static struct vwatchdog memory;
static struct vwatchdog *dog;

static struct {
    bool line;
    unsigned bites, lines, messages;
    bool console_full;
} seen;

struct cpu *arch_cpu(void)
{
    return &cores[here];
}

void vgic_set_line(struct vcpu *told, unsigned intid, bool level)
{
    assert_int_equal(intid, 42);
    assert_ptr_equal(told, &vcpu);
    assert_true(spin_is_held(&dog->lock));
    assert_int_not_equal(level, seen.line); /* told of changes only */
    seen.line = level;
}

void vm_bite(struct vm *bitten)
{
    assert_ptr_equal(bitten, &vm);
    assert_int_equal(here, 0);
    seen.bites++;
}

bool console_offer(const char *line, size_t length)
{
    assert_string_equal(line, "alpha: its watchdog has expired");
    assert_int_equal(length, strlen(line));
    if (seen.console_full)
        return false;
    seen.lines++;
    return true;
}

void vcpu_send(struct vcpu *to, uint32_t request)
{
    assert_ptr_equal(to, &vcpu);
    assert_int_equal(request, VCPU_ALARM);
    assert_int_equal(here, 1);
    seen.messages++;
}

void *memory_allocate(size_t size)
{
    assert_int_equal(size, sizeof(memory));
    return memset(&memory, 0, size);
}

static void slice_ended(struct deadline *deadline, uint64_t now)
{
    (void)deadline, (void)now;
    fail();
}

/* As vm/power.c and devices/devices.c do it. */
static void start(bool by_watchdog)
{
    vm.by_watchdog = by_watchdog;
    dog->control.reset(&dog->control);
    seen.line = false; /* the vGIC is reset, too */
    vwatchdog_pause(&vm, false);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_set_hz(HZ);
    fake_set_counter(BEGIN);
    memset(&seen, 0, sizeof(seen));
    memset(cores, 0, sizeof(cores));
    here = 0;
    deadline_queue_init(&cores[0].deadlines, queue_slots, 0, SLOTS, slice_ended);
    config = (struct vm_config){.name = "alpha", .watchdog_ms = 4 * MS};
    vm = (struct vm){.vcpus = &vcpu, .vcpu_count = 1, .config = &config};
    vcpu = (struct vcpu){.vm = &vm, .cpu = &cores[0]};
    vm.watchdog = dog = vwatchdog_create(&vm);
    assert_non_null(dog);
    start(false);
    return 0;
}

static unsigned try(struct device *device, uint64_t offset, unsigned size, bool write, uint64_t *value)
{
    struct mmio_access access = {
        .device = device, .offset = offset, .size = size, .write = write, .value = *value};
    bool there = device->access(&vcpu, &access);

    assert_false(spin_is_held(&dog->lock));
    *value = access.value;
    return !there ? NOTHING : access.again;
}

static uint64_t get(uint64_t offset, unsigned size)
{
    uint64_t value = 0x5A5A5A5A5A5A5A5A;

    assert_int_equal(try(&dog->control, offset, size, false, &value), false);
    assert_true(size == 8 || value >> 32 == 0);
    return value;
}

static void set(uint64_t offset, unsigned size, uint64_t value)
{
    if (size == 4)
        value |= UINT64_C(0xFFFFFFFF00000000); /* not of the access */
    assert_int_equal(try(&dog->control, offset, size, true, &value), false);
}

static void pet(void)
{
    uint64_t value = 0;

    assert_int_equal(try(&dog->refresh, WRR, 4, true, &value), false);
}

/* Time passes; the comparator's interrupts are taken. */
static void pass(uint64_t ticks)
{
    uint64_t end = fake_counter() + ticks;

    while (fake_comparator() <= end) {
        if (fake_comparator() > fake_counter())
            fake_set_counter(fake_comparator());
        deadline_queue_run(&cores[0].deadlines, fake_counter());
    }
    fake_set_counter(end);
}

static void without_the_property_there_is_none(void **state)
{
    (void)state;
    config.watchdog_ms = 0;
    assert_null(vwatchdog_create(&vm));
    vm.watchdog = NULL;
    vwatchdog_pause(&vm, true);
    vwatchdog_pause(&vm, false);
    vwatchdog_watch(&vm);
    vwatchdog_leave(&vm);
}

static void a_guest_that_is_not_heard_from_is_restarted(void **state)
{
    (void)state;
    assert_int_equal(get(WCS, 4), EN);
    assert_int_equal(get(WOR, 8), 2 * MS);
    assert_int_equal(get(WCV, 8), BEGIN + 2 * MS);
    pass(2 * MS);
    assert_int_equal(get(WCS, 4), EN);
    pass(1); /* the counter is beyond WCV */
    assert_int_equal(get(WCS, 4), EN | WS0);
    assert_true(seen.line);
    assert_int_equal(get(WCV, 8), BEGIN + 4 * MS + 1);
    pass(2 * MS);
    assert_int_equal(seen.bites, 0);
    pass(1);
    assert_int_equal(seen.bites, 1);
    assert_int_equal(get(WCS, 4), EN | WS0 | WS1);
    pass(100 * MS);
    assert_int_equal(seen.bites, 1);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    assert_int_equal(seen.lines, 0);
}

static void after_its_restart_the_guest_sees_why(void **state)
{
    (void)state;
    start(true);
    assert_int_equal(get(WCS, 4), EN | WS1);
    pass(4 * MS + 2);
    assert_int_equal(seen.bites, 1); /* it runs all the same */
    start(true);
    pet();
    assert_int_equal(get(WCS, 4), EN);
    start(false);
    assert_int_equal(get(WCS, 4), EN);
}

static void each_write_but_of_wcv_refreshes(void **state)
{
    const struct {
        uint64_t offset, value, period;
    } writes[] = {{WCS, EN, 2 * MS}, {WOR, 2 * MS, 2 * MS}, {WOR + 4, 0, 2 * MS}, {WOR, 3 * MS, 3 * MS}};

    (void)state;
    for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        pass(2 * MS + 1 + (i == 0 ? 0 : AGAIN));
        assert_true(seen.line);
        set(writes[i].offset, 4, writes[i].value);
        assert_false(seen.line);
        assert_int_equal(get(WCS, 4), EN);
        assert_int_equal(get(WCV, 8), fake_counter() + writes[i].period);
    }
    pass(3 * MS + 1 + AGAIN);
    assert_true(seen.line);
    pet();
    assert_false(seen.line);
    for (unsigned i = 0; i < 1000; i++) { /* on and on */
        pass(2 * MS);
        pet();
    }
    assert_int_equal(seen.bites, 0);
    assert_false(seen.line);
    pass(6 * MS + 2 + 2 * AGAIN);
    assert_int_equal(seen.bites, 1);
}

static void a_refreshed_watchdog_expires_a_little_late_at_most(void **state)
{
    (void)state;
    pass(2 * MS - 3);
    pet();
    pass(3 + 1); /* the timer comes, finds that it is too soon, and is set anew */
    assert_false(seen.line);
    set(WOR, 4, 2);
    pass(2);
    assert_false(seen.line);
    pass(1);
    assert_true(seen.line); /* what the guest brings forward comes when it says */
    pass(AGAIN - 1);
    assert_int_equal(seen.bites, 0);
    pass(1);
    assert_int_equal(seen.bites, 1);
}

static void one_that_is_disabled_does_nothing(void **state)
{
    (void)state;
    pass(2 * MS + 1);
    set(WCS, 4, 0xFFFFFFFE);
    assert_int_equal(get(WCS, 4), 0);
    assert_false(seen.line);
    pass(100 * MS);
    assert_int_equal(seen.bites, 0);
    assert_false(seen.line);
    set(WCS, 4, 0xFFFFFFFF);
    assert_int_equal(get(WCS, 4), EN);
    pass(2 * MS + 1);
    assert_true(seen.line);
}

static void registers_are_a_generic_watchdogs(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_int_equal(get(IIDR, 4), 0x10000);
    assert_int_equal(try(&dog->refresh, IIDR, 4, false, &value), false);
    assert_int_equal(value, 0x10000);
    assert_int_equal(try(&dog->refresh, WRR, 4, false, &value), false);
    assert_int_equal(value, 0);
    set(WOR, 8, UINT64_MAX);
    assert_int_equal(get(WOR, 8), UINT64_C(0xFFFFFFFFFFFF)); /* 48 bits */
    set(WOR, 4, 0x12345678);
    assert_int_equal(get(WOR, 8), UINT64_C(0xFFFF12345678));
    set(WOR + 4, 4, 0xABCD9876);
    assert_int_equal(get(WOR, 8), UINT64_C(0x987612345678));
    assert_int_equal(get(WOR + 4, 4), 0x9876);
    assert_int_equal(get(WOR, 4), 0x12345678);
    set(WCV, 8, UINT64_C(0xFEDCBA9876543210));
    assert_int_equal(get(WCV + 4, 4), 0xFEDCBA98);
    set(WCV + 4, 4, 0x11111111);
    set(WCV, 4, 0x22222222);
    assert_int_equal(get(WCV, 8), UINT64_C(0x1111111122222222));
    assert_int_equal(get(WCS, 4), EN);
    for (uint64_t offset = 0; offset < GUEST_WATCHDOG_SIZE; offset += 4) {
        if (offset == WCS || (offset >= WOR && offset < WCV + 8))
            continue;
        value = UINT32_MAX;
        set(offset, 4, value);
        assert_true(offset == IIDR || get(offset, 4) == 0);
        if (offset != WRR)
            assert_int_equal(try(&dog->refresh, offset, 4, true, &value), false);
    }
    assert_int_equal(get(WCV, 8), UINT64_C(0x1111111122222222)); /* nothing of that was a refresh */
    for (unsigned size = 1; size < 4; size++)
        assert_int_equal(try(&dog->control, WOR, size, true, &value), NOTHING);
    assert_int_equal(try(&dog->control, WCS, 8, true, &value), NOTHING);
    assert_int_equal(try(&dog->control, 0xFC8, 8, false, &value), NOTHING);
    assert_int_equal(try(&dog->refresh, WRR, 8, true, &value), NOTHING);
    assert_int_equal(try(&dog->refresh, WCV, 8, true, &value), NOTHING);
}

static void wcv_may_be_any_instant(void **state)
{
    (void)state;
    set(WCV, 8, UINT64_MAX);
    pass(100 * MS);
    assert_false(seen.line);
    set(WCV, 8, fake_counter() - 1);
    pass(0);
    assert_true(seen.line);
    set(WCV, 8, 0); /* is no refresh */
    pass(AGAIN);
    assert_int_equal(seen.bites, 1);
}

static void no_time_passes_while_the_vm_is_paused(void **state)
{
    (void)state;
    pass(MS);
    vwatchdog_pause(&vm, true);
    pass(50 * MS);
    vwatchdog_pause(&vm, true); /* it may be told again */
    pass(50 * MS);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    assert_int_equal(get(WCS, 4), EN);
    vwatchdog_pause(&vm, false);
    vwatchdog_pause(&vm, false);
    assert_int_equal(get(WCV, 8), BEGIN + 102 * MS);
    pass(MS);
    assert_false(seen.line);
    pass(1);
    assert_true(seen.line);
    vwatchdog_pause(&vm, true);
    pass(50 * MS);
    vwatchdog_pause(&vm, false);
    pass(2 * MS);
    assert_int_equal(seen.bites, 0);
    pass(1);
    assert_int_equal(seen.bites, 1);
}

static void a_pause_does_not_wrap_round(void **state)
{
    (void)state;
    set(WCV, 8, UINT64_MAX - 5);
    vwatchdog_pause(&vm, true);
    pass(10);
    vwatchdog_pause(&vm, false);
    assert_int_equal(get(WCV, 8), UINT64_MAX);
    pass(10);
    assert_false(seen.line);
}

static void a_reset_stops_it_until_the_guest_begins(void **state)
{
    (void)state;
    set(WOR, 8, 5);
    pass(MS);
    assert_int_equal(seen.bites, 1);
    dog->control.reset(&dog->control);
    seen.line = false;
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    pass(100 * MS);
    assert_int_equal(seen.bites, 1);
    vwatchdog_pause(&vm, false);
    assert_int_equal(get(WOR, 8), 2 * MS);
    assert_int_equal(get(WCV, 8), fake_counter() + 2 * MS);
    pass(4 * MS + 2);
    assert_int_equal(seen.bites, 2);
}

static void it_may_only_write_a_line(void **state)
{
    (void)state;
    config.watchdog_reports = true;
    seen.console_full = true;
    pass(4 * MS + 2);
    assert_int_equal(seen.lines, 0);
    assert_int_equal(get(WCS, 4), EN | WS0); /* it has yet to be told */
    seen.console_full = false;
    pass(AGAIN);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(get(WCS, 4), EN | WS0 | WS1);
    pass(100 * MS);
    assert_int_equal(seen.lines, 1);
    set(WOR, 4, 0);
    for (unsigned i = 0; i < 1000; i++) { /* ten a second at most */
        pet();
        pass(3 * AGAIN);
    }
    assert_in_range(seen.lines, 1 + 200, 1 + 300);
    assert_int_equal(seen.bites, 0);
}

static void it_goes_along_with_the_vcpu(void **state)
{
    (void)state;
    vwatchdog_leave(&vm);
    vcpu.cpu = NULL;
    pass(3 * MS);
    assert_false(seen.line);
    vcpu.cpu = &cores[0];
    vwatchdog_watch(&vm);
    pass(0);
    assert_true(seen.line);
}

/* Only what brings the expiry forward is a message, and one each ten milliseconds at most. */
static void a_guest_on_another_core_sends_messages(void **state)
{
    uint64_t value;

    (void)state;
    here = 1;
    for (unsigned i = 0; i < 100; i++)
        pet();
    assert_int_equal(seen.messages, 0);
    set(WOR, 4, MS);
    assert_int_equal(seen.messages, 1);
    set(WOR, 4, MS); /* is no sooner */
    value = MS / 2;
    assert_int_equal(try(&dog->control, WOR, 4, true, &value), true);
    assert_int_equal(get(WOR, 4), MS); /* not yet */
    pass(AGAIN);
    set(WOR, 4, MS / 2);
    assert_int_equal(seen.messages, 2);
    here = 0;
    vwatchdog_watch(&vm);
    pass(MS / 2);
    assert_false(seen.line);
    pass(1);
    assert_true(seen.line);
    here = 1;
    pet(); /* the interrupt ends at once */
    assert_false(seen.line);
    here = 0;
}

/*
 * A model without a timer: it expires at the first instant beyond `compare`, or so much later as the real one
 * may be. It is told when the real one has.
 */
struct model {
    uint64_t offset, compare;
    bool enabled, ws0, ws1;
    unsigned expired;
};

static void access_both(struct model *model, unsigned what, uint64_t value)
{
    switch (what) {
    case 0:
        model->enabled = value % 8 != 0;
        set(WCS, 4, model->enabled);
        break;
    case 1:
        model->offset = value;
        set(WOR, 8, value);
        break;
    case 2:
        model->compare = fake_counter() + value;
        set(WCV, 8, model->compare);
        return;
    case 3:
        pet();
        break;
    default:
        return;
    }
    model->compare = fake_counter() + model->offset;
    model->ws0 = model->ws1 = false;
}

/* One tick passes. Nobody has accessed it after `since`. */
static void let_a_tick_pass(struct model *model, uint64_t since)
{
    unsigned now;

    pass(1);
    now = (unsigned)get(WCS, 4);
    assert_int_equal(now & EN, model->enabled);
    if (now == (model->enabled | model->ws0 * WS0 | model->ws1 * WS1)) {
        assert_true(!model->enabled || model->ws1 || fake_counter() <= model->compare + AGAIN ||
                    fake_counter() <= since + AGAIN);
        return;
    }
    assert_true(model->enabled && fake_counter() > model->compare);
    assert_int_equal(now, EN | WS0 | model->ws0 * WS1); /* one after the other */
    model->ws1 = model->ws0;
    model->ws0 = true;
    model->expired++;
    if (!model->ws1)
        model->compare = fake_counter() + model->offset;
}

static void random_accesses_do_what_the_model_does(void **state)
{
    struct random random = {7};
    struct model model = {.offset = 2 * MS, .compare = BEGIN + 2 * MS, .enabled = true};

    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t value = random_below(&random, 200);
        uint64_t since;

        access_both(&model, (unsigned)random_below(&random, 8), value);
        since = fake_counter();
        for (uint64_t left = random_below(&random, 60); left != 0; left--)
            let_a_tick_pass(&model, since);
        assert_int_equal(get(WOR, 8), model.offset);
        assert_int_equal(get(WCV, 8), model.compare);
        assert_int_equal(seen.line, model.ws0);
    }
    assert_true(model.expired > STEPS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_the_property_there_is_none, setup),
        cmocka_unit_test_setup(a_guest_that_is_not_heard_from_is_restarted, setup),
        cmocka_unit_test_setup(after_its_restart_the_guest_sees_why, setup),
        cmocka_unit_test_setup(each_write_but_of_wcv_refreshes, setup),
        cmocka_unit_test_setup(a_refreshed_watchdog_expires_a_little_late_at_most, setup),
        cmocka_unit_test_setup(one_that_is_disabled_does_nothing, setup),
        cmocka_unit_test_setup(registers_are_a_generic_watchdogs, setup),
        cmocka_unit_test_setup(wcv_may_be_any_instant, setup),
        cmocka_unit_test_setup(no_time_passes_while_the_vm_is_paused, setup),
        cmocka_unit_test_setup(a_pause_does_not_wrap_round, setup),
        cmocka_unit_test_setup(a_reset_stops_it_until_the_guest_begins, setup),
        cmocka_unit_test_setup(it_may_only_write_a_line, setup),
        cmocka_unit_test_setup(it_goes_along_with_the_vcpu, setup),
        cmocka_unit_test_setup(a_guest_on_another_core_sends_messages, setup),
        cmocka_unit_test_setup(random_accesses_do_what_the_model_does, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
