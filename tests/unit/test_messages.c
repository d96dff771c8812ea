/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between cores: a vCPU is on its core's list once at most, its bits are done in their order, one
 * vCPU for each kick, and what is sent at whatever moment is done after that, also when the vCPU goes to
 * another core meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "console/console.h"
#include "interleave.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/messages.h"
#include "vm/power.h"

#define CORES    INTERLEAVE_CORES
#define VCPUS    6 /* vCPU i is on core i % CORES */
#define REQUESTS 9 /* kinds of them, of a vCPU */
#define SEEDS    1000
#define SENDS    20 /* of each core, in one run */
#define LOG      64

static struct cpu cores[CORES];
static struct vcpu vcpus[VCPUS];
static struct vm vm;

/* What was done, one letter for each; what was done to a vCPU has its number first. */
static char done[LOG];
static unsigned kicks[CORES];
static bool kicked[CORES]; /* and has not looked at its list since */

/* How often something was asked for, and how often by when it was last done. */
static unsigned asked[VCPUS][REQUESTS], seen[VCPUS][REQUESTS], times[VCPUS][REQUESTS];
static unsigned core_asked[CORES][2], core_seen[CORES][2];
static unsigned senders; /* cores that have yet to send something */
static unsigned departures, takers;
static void (*while_looking)(struct vcpu *vcpu);

struct cpu *arch_cpu(void)
{
    return &cores[interleave_core()];
}

void arch_cpu_kick(unsigned index)
{
    interleave_point();
    kicks[index]++;
    kicked[index] = true;
}

static void note(char what)
{
    size_t length = strlen(done);

    if (senders == 0 && length + 1 < sizeof(done))
        done[length] = what;
}

static void serve(struct vcpu *vcpu, unsigned request, char letter)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    note((char)('0' + vcpu->index));
    note(letter);
    interleave_note("vCPU %u: %c", vcpu->index, letter);
    interleave_point();
    seen[vcpu->index][request] = asked[vcpu->index][request];
    times[vcpu->index][request]++;
}

void vcpu_arrive(struct vcpu *vcpu)
{
    assert_null(vcpu->cpu);
    note((char)('0' + vcpu->index));
    note('r');
    interleave_note("vCPU %u arrives", vcpu->index);
    interleave_point();
    vcpu->cpu = arch_cpu();
}

void cpu_look_at_waiting(struct cpu *cpu, uint64_t when)
{
    (void)cpu, (void)when;
}

uint64_t cpu_turn(struct cpu *cpu)
{
    (void)cpu;
    return 0;
}

void vcpu_power_on_here(struct vcpu *vcpu)
{
    serve(vcpu, 0, 'n');
}

void vcpu_power_off_for_stop(struct vcpu *vcpu)
{
    serve(vcpu, 1, 'f');
}

void vcpu_load_here(struct vcpu *vcpu)
{
    serve(vcpu, 2, 'l');
}

void vcpu_control_here(struct vcpu *vcpu)
{
    serve(vcpu, 8, 'c');
}

void vcpu_take_params(struct vcpu *vcpu)
{
    serve(vcpu, 7, 'p');
}

static void alarm_hook(struct vm *of)
{
    assert_ptr_equal(of, &vm);
    note('a');
    for (unsigned i = 0; i < VCPUS; i++) /* the call does not say which vCPU got it */
        if (vcpus[i].cpu == arch_cpu())
            seen[i][3] = asked[i][3];
}

static void look(struct vcpu *vcpu)
{
    serve(vcpu, 5, 'k');
    if (while_looking != NULL)
        while_looking(vcpu);
}

void vcpu_take_work_by_message(struct vcpu *vcpu)
{
    serve(vcpu, 4, 'd');
}

void vcpu_wake_by_message(struct vcpu *vcpu)
{
    serve(vcpu, 6, 'w');
}

uint64_t cpu_charge(struct cpu *cpu, uint64_t now)
{
    assert_ptr_equal(cpu, arch_cpu());
    assert_int_equal(now, fake_counter());
    note('C');
    core_seen[cpu->index][0] = core_asked[cpu->index][0];
    return now;
}

void console_watch_silence(void)
{
    note('S');
    core_seen[interleave_core()][1] = core_asked[interleave_core()][1];
}

static const struct guest_hooks hooks = {.look = look, .alarm = alarm_hook};

static void reset(void)
{
    fake_reset();
    fake_set_counter(1000);
    memset(cores, 0, sizeof(cores));
    memset(vcpus, 0, sizeof(vcpus));
    memset(done, 0, sizeof(done));
    memset(kicks, 0, sizeof(kicks));
    memset(kicked, 0, sizeof(kicked));
    memset(asked, 0, sizeof(asked));
    memset(seen, 0, sizeof(seen));
    memset(times, 0, sizeof(times));
    memset(core_asked, 0, sizeof(core_asked));
    memset(core_seen, 0, sizeof(core_seen));
    senders = takers = 0;
    while_looking = NULL;
    for (unsigned i = 0; i < CORES; i++)
        cores[i].index = i;
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i].index = (uint16_t)i;
        vcpus[i].cpu = &cores[i % CORES];
        vcpus[i].mail_to = vcpus[i].cpu;
        vcpus[i].vm = &vm;
        vcpus[i].on = true;
        vcpus[i].hooks = &hooks;
    }
    interleave_choose(0);
}

static int setup(void **state)
{
    (void)state;
    reset();
    return 0;
}

/* A core that was kicked does what it was kicked for. */
static void take(unsigned core)
{
    interleave_choose(core);
    kicked[core] = false;
    cpu_take_messages(&cores[core]);
}

static void expect_done(const char *what)
{
    assert_string_equal(done, what);
    memset(done, 0, sizeof(done));
}

/* How often the vCPU is on cores' lists, which end. */
static unsigned times_on_list(const struct vcpu *vcpu)
{
    const struct vcpu *heads[2];
    unsigned times_there = 0, length = 0;

    for (unsigned core = 0; core < CORES; core++) {
        interleave_hold(true);
        heads[0] = atomic_load(&cores[core].messages);
        heads[1] = cores[core].inbox;
        interleave_hold(false);
        for (unsigned i = 0; i < 2; i++)
            for (const struct vcpu *other = heads[i]; other != NULL; other = other->next_message) {
                assert_true(length++ < VCPUS);
                times_there += other == vcpu;
            }
    }
    return times_there;
}

static void a_vcpu_is_on_the_list_once(void **state)
{
    (void)state;
    vcpu_send(&vcpus[1], VCPU_WAKE);
    vcpu_send(&vcpus[1], VCPU_WAKE);
    vcpu_send(&vcpus[1], VCPU_LOOK);
    interleave_choose(2);
    vcpu_send(&vcpus[1], VCPU_LOOK);
    assert_int_equal(times_on_list(&vcpus[1]), 1);
    assert_int_equal(kicks[1], 1);
    assert_int_equal(kicks[0] + kicks[2] + kicks[3], 0);
    expect_done("");
    take(1);
    expect_done("1k1w");
    assert_int_equal(times_on_list(&vcpus[1]), 0);
    assert_int_equal(kicks[1], 1);
    take(1); /* a kick too many */
    expect_done("");
}

static void requests_are_done_in_their_order(void **state)
{
    (void)state;
    static const uint32_t all[REQUESTS] = {VCPU_WAKE,   VCPU_LOOK, VCPU_WORK,      VCPU_ALARM,   VCPU_CONTROL,
                                           VCPU_PARAMS, VCPU_LOAD, VCPU_POWER_OFF, VCPU_POWER_ON};
    static const char *const alone[REQUESTS] = {"1w", "1k", "1d", "a", "1c", "1p", "1l", "1f", "1n"};
    for (unsigned i = 0; i < REQUESTS; i++) {
        vcpu_send(&vcpus[1], all[i]);
        take(1);
        expect_done(alone[i]);
    }
    for (unsigned i = 0; i < REQUESTS; i++)
        vcpu_send(&vcpus[1], all[i]);
    take(1);
    expect_done("1n1f1l1p1ca1d1k1w");
}

static void one_vcpu_is_served_for_each_kick(void **state)
{
    (void)state;
    vcpu_send(&vcpus[0], VCPU_WAKE);
    vcpu_send(&vcpus[4], VCPU_WAKE);
    assert_int_equal(kicks[0], 2);
    take(0);
    expect_done("4w");
    assert_int_equal(kicks[0], 3); /* by itself: there is more */
    vcpu_send(&vcpus[0], VCPU_LOOK);
    assert_int_equal(kicks[0], 3); /* it is on the list yet */
    take(0);
    expect_done("0k0w");
    assert_int_equal(kicks[0], 3);
    take(0);
    expect_done("");
}

/* Two kicks of a core that has taken neither are one. */
static void kicks_that_are_one_lose_nothing(void **state)
{
    (void)state;
    vcpu_send(&vcpus[0], VCPU_WAKE);
    vcpu_send(&vcpus[4], VCPU_WAKE);
    take(0);
    assert_true(kicked[0]); /* by itself, for vCPU 0 */
    vcpu_send(&vcpus[4], VCPU_LOOK);
    take(0);
    assert_true(kicked[0]);
    take(0);
    assert_false(kicked[0]);
    expect_done("4w0w4k");
}

static void look_again(struct vcpu *vcpu)
{
    while_looking = NULL;
    vcpu_send(vcpu, VCPU_LOOK);
    assert_int_equal(times_on_list(vcpu), 1);
}

static void what_is_sent_while_it_is_served_is_served_next(void **state)
{
    (void)state;
    while_looking = look_again;
    vcpu_send(&vcpus[1], VCPU_LOOK);
    take(1);
    expect_done("1k");
    assert_true(kicked[1]);
    take(1);
    expect_done("1k");
    assert_false(kicked[1]);
}

static void a_core_gets_messages_of_its_own(void **state)
{
    (void)state;
    cpu_send(&cores[2], CPU_CHARGE);
    cpu_send(&cores[2], CPU_CHARGE);
    cpu_send(&cores[2], CPU_CONSOLE);
    assert_int_equal(kicks[2], 1);
    take(2);
    expect_done("CS");
    cpu_send(&cores[2], CPU_CONSOLE);
    vcpu_send(&vcpus[2], VCPU_WAKE);
    assert_int_equal(kicks[2], 3);
    take(2);
    expect_done("S2w");
    cpu_send(&cores[2], CPU_CHARGE);
    take(2);
    expect_done("C");
}

static void send_look(void *vcpu)
{
    asked[((struct vcpu *)vcpu)->index][5]++;
    vcpu_send(vcpu, VCPU_LOOK);
}

/* Whatever is on the core's list is served, and nothing waits without a kick. */
static void take_all(unsigned core)
{
    for (unsigned i = 0; kicked[core]; i++) {
        assert_true(i < LOG);
        take(core);
    }
    for (unsigned i = 0; i < VCPUS; i++)
        if (vcpus[i].cpu == &cores[core]) {
            assert_int_equal(times_on_list(&vcpus[i]), 0);
            assert_int_equal(atomic_load(&vcpus[i].requests), 0);
            for (unsigned request = 0; request < REQUESTS; request++)
                assert_int_equal(seen[i][request], asked[i][request]);
        }
}

/* A message for the vCPU that is served, or for another of its core, before each access of the taker. */
static void what_is_sent_while_the_core_takes_is_not_lost(void **state)
{
    (void)state;
    for (unsigned target = 1; target <= 5; target += 4) {
        unsigned when = 0;
        bool called = true;

        for (; called; when++) {
            reset();
            vcpu_send(&vcpus[1], VCPU_WAKE);
            asked[1][6]++;
            interleave_at(when, send_look, &vcpus[target]);
            take(1);
            called = interleave_called();
            take_all(1);
            assert_int_equal(times[target][5], called);
        }
        assert_true(when > 3);
    }
}

static void take_on_1(void *unused)
{
    (void)unused;
    if (!kicked[1])
        return;
    kicked[1] = false;
    cpu_take_messages(&cores[1]);
}

static void on_core_1(void *unused)
{
    unsigned core = interleave_core();

    interleave_choose(1);
    take_on_1(unused);
    interleave_choose(core);
}

/* Another sends, or the core takes, before each access of a sender. */
static void a_sender_may_be_overtaken(void **state)
{
    (void)state;
    for (unsigned other = 0; other < 3; other++) {
        unsigned when = 0;
        bool called = true;

        for (; called; when++) {
            reset();
            vcpu_send(&vcpus[5], VCPU_WAKE);
            asked[5][6]++;
            if (other == 0)
                interleave_at(when, on_core_1, NULL);
            else
                interleave_at(when, send_look, &vcpus[other == 1 ? 1 : 5]);
            asked[1][6]++;
            vcpu_send(&vcpus[1], VCPU_WAKE);
            called = interleave_called();
            assert_true(times_on_list(&vcpus[1]) <= 1 && times_on_list(&vcpus[5]) <= 1);
            take_all(1);
        }
        assert_true(when > 3);
    }
}

/* The calling core, which has the vCPU, sends it to another. */
static void leave(struct vcpu *vcpu, unsigned to)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    vcpu->cpu = NULL;
    interleave_note("sends vCPU %u to core %u", vcpu->index, to);
    vcpu_send_off(vcpu, &cores[to]);
}

static void one_that_leaves_arrives_before_all_else(void **state)
{
    (void)state;
    interleave_choose(1);
    leave(&vcpus[1], 2);
    assert_int_equal(kicks[2], 1);
    vcpu_send(&vcpus[1], VCPU_WAKE | VCPU_POWER_ON);
    assert_int_equal(kicks[1] + kicks[2], 1);
    take(2);
    expect_done("1r1n1w");
    vcpu_send(&vcpus[1], VCPU_WAKE);
    assert_int_equal(kicks[1], 0);
    take(2);
    expect_done("1w");
}

/* What was sent before it left is on the list of the core that it has left. */
static void a_message_follows_one_that_has_left(void **state)
{
    (void)state;
    vcpu_send(&vcpus[1], VCPU_WAKE);
    interleave_choose(1);
    leave(&vcpus[1], 2);
    assert_int_equal(kicks[2], 0);
    take(1);
    expect_done("");
    assert_int_equal(kicks[2], 1);
    take(2);
    expect_done("1r1w");
}

static void leave_for_2(void *vcpu)
{
    unsigned core = interleave_core();

    interleave_choose(1);
    leave(vcpu, 2);
    interleave_choose(core);
}

static void send_look_and_take_on_2(void *vcpu)
{
    unsigned core = interleave_core();

    send_look(vcpu);
    interleave_choose(2);
    if (kicked[2])
        take(2);
    interleave_choose(core);
}

/*
 * It leaves before each access of a sender; or a sender sends before each access of the core that it leaves,
 * and the core that it goes to may take that at once.
 */
static void one_may_leave_while_a_message_is_sent(void **state)
{
    void (*const others[])(void *vcpu) = {leave_for_2, send_look, send_look_and_take_on_2};

    (void)state;
    for (unsigned leaves_first = 0; leaves_first < 3; leaves_first++) {
        unsigned when = 0;
        bool called = true;

        for (; called; when++) {
            reset();
            interleave_at(when, others[leaves_first], &vcpus[1]);
            if (leaves_first)
                leave_for_2(&vcpus[1]);
            else
                send_look(&vcpus[1]);
            called = interleave_called();
            take_all(1);
            take_all(2);
            assert_ptr_equal(vcpus[1].cpu, !leaves_first && !called ? &cores[1] : &cores[2]);
            assert_int_equal(times[1][5], !leaves_first || called);
        }
        assert_true(when > 2);
    }
}

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&interleave_random, bound);
}

/* One of those that this core has goes elsewhere. */
static void send_one_off(unsigned core)
{
    struct vcpu *vcpu = &vcpus[below(VCPUS)];
    unsigned to = below(CORES);

    if (vcpu->cpu != &cores[core] || to == core)
        return;
    departures++;
    leave(vcpu, to);
}

static void send_something(void)
{
    unsigned target = below(VCPUS), kinds = 1 + below(2);
    uint32_t requests = 0;

    for (unsigned i = 0; i < kinds; i++) {
        unsigned request = below(REQUESTS);

        if ((requests & 1u << request) == 0)
            asked[target][request]++;
        requests |= 1u << request;
    }
    interleave_note("sends %#x to vCPU %u", requests, target);
    vcpu_send(&vcpus[target], requests);
    if (below(8) != 0)
        return;
    target = below(CORES);
    kinds = below(2);
    core_asked[target][kinds]++;
    interleave_note("sends %u to core %u", 1u << kinds, target);
    cpu_send(&cores[target], 1u << kinds);
}

static void check_lists(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        assert_true(times_on_list(&vcpus[i]) <= 1);
}

/* A core that takes may forward to one that has nothing to do. */
static bool any_has_to_take(void)
{
    return takers != 0 || kicked[0] || kicked[1] || kicked[2] || kicked[3];
}

/* A core sends now and then, and looks when it was kicked, until nobody has anything left to do. */
static void be_a_core(unsigned core)
{
    unsigned left = SENDS;

    while (senders != 0 || any_has_to_take()) {
        interleave_point();
        check_lists();
        if (kicked[core] && (left == 0 || below(3) == 0)) {
            kicked[core] = false;
            interleave_note("takes");
            takers++;
            cpu_take_messages(&cores[core]);
            takers--;
        } else if (left != 0 && below(4) == 0) {
            send_one_off(core);
        } else if (left != 0 && below(2) == 0) {
            send_something();
            senders -= --left == 0;
        }
    }
}

static void run_seed(uint64_t seed)
{
    (void)seed;
    reset();
    senders = CORES;
    interleave_run(CORES, be_a_core);
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_non_null(vcpus[i].cpu);
        assert_ptr_equal(vcpus[i].cpu, atomic_load(&vcpus[i].mail_to));
        assert_int_equal(times_on_list(&vcpus[i]), 0);
        assert_int_equal(atomic_load(&vcpus[i].requests), 0);
        for (unsigned request = 0; request < REQUESTS; request++) {
            assert_int_equal(seen[i][request], asked[i][request]);
            assert_true(times[i][request] <= asked[i][request]);
        }
    }
    for (unsigned i = 0; i < CORES; i++)
        for (unsigned request = 0; request < 2; request++)
            assert_int_equal(core_seen[i][request], core_asked[i][request]);
}

static void nothing_is_lost_in_any_order(void **state)
{
    (void)state;
    interleave_seeds(SEEDS, run_seed);
    assert_true(departures > SEEDS || getenv("SEED") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_vcpu_is_on_the_list_once, setup),
        cmocka_unit_test_setup(requests_are_done_in_their_order, setup),
        cmocka_unit_test_setup(one_vcpu_is_served_for_each_kick, setup),
        cmocka_unit_test_setup(kicks_that_are_one_lose_nothing, setup),
        cmocka_unit_test_setup(what_is_sent_while_it_is_served_is_served_next, setup),
        cmocka_unit_test_setup(a_core_gets_messages_of_its_own, setup),
        cmocka_unit_test_setup(what_is_sent_while_the_core_takes_is_not_lost, setup),
        cmocka_unit_test_setup(a_sender_may_be_overtaken, setup),
        cmocka_unit_test_setup(one_that_leaves_arrives_before_all_else, setup),
        cmocka_unit_test_setup(a_message_follows_one_that_has_left, setup),
        cmocka_unit_test_setup(one_may_leave_while_a_message_is_sent, setup),
        cmocka_unit_test_setup(nothing_is_lost_in_any_order, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
