/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns among the vCPUs of a VM that share a core: one that another waits for takes its place in the policy,
 * for a while, and within the VM's share. With both policies that know places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core_world.h"
#include "random.h"

#define US       WORLD_US
#define MS       (1000 * WORLD_US)
#define TURN     (500 * US)
#define HANDOVER (50 * US)
#define LOOK     (50 * US)

static struct vcpu *hog, *first, *second;

static struct vcpu *running(void)
{
    return world_cpu.current;
}

static uint64_t ran(const struct vcpu *vcpu)
{
    return vcpu->stats[ONTIME_STAT_RUN_TICKS] +
           (vcpu == running() ? fake_counter() - world_cpu.charged_until : 0);
}

static bool all_at_home(void)
{
    return first->place_of == first && second->place_of == second;
}

/* Two busy VMs, one with two vCPUs of which the first runs. */
static void make(const char *policy)
{
    world_policy = policy;
    world_reset(NULL);
    hog = world_add(TIMERS_WAKE, 1);
    first = world_add(TIMERS_PRECISE, 2);
    second = first + 1;
    world_bring_in(hog);
    world_bring_in(second);
    world_bring_in(first);
    for (unsigned i = 0; i < 10000 && !(running() == first && all_at_home()); i++)
        world_run(LOOK);
    assert_true(running() == first && all_at_home());
    first->turn_end = fake_counter() + TURN;
}

static int with_cbs(void **state)
{
    (void)state;
    make("cbs");
    return 0;
}

static int with_bvt(void **state)
{
    (void)state;
    make("bvt");
    return 0;
}

static void give_way(struct vcpu *vcpu, struct vcpu *other)
{
    assert_true(vcpu_give_way(vcpu, other));
    world_dispatch();
}

static void siblings_take_turns(void **state)
{
    uint64_t begin = ran(first) + ran(second);
    unsigned changes = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        const struct vcpu *before = running();

        world_run(TURN / 10);
        changes += before != running() && before != hog && running() != hog;
    }
    assert_in_range(changes, 3, 4);
    assert_int_equal(ran(first) + ran(second) - begin,
                     40 * (TURN / 10)); /* in the turn that was the first's */
}

static void one_that_is_waited_for_runs_for_a_short_turn(void **state)
{
    (void)state;
    give_way(first, NULL);
    assert_ptr_equal(running(), second);
    assert_true(second->place_of == first && first->place_of == second);
    world_run(HANDOVER - 1);
    assert_ptr_equal(running(), second);
    world_run(1);
    assert_ptr_equal(running(), first);
    assert_true(all_at_home());
}

/* With its interrupts masked a vCPU keeps the CPU at DONE; but not when it has the place of another. */
static void one_that_is_away_comes_home_at_done(void **state)
{
    (void)state;
    give_way(first, second);
    world_guest(second)->masks = true;
    (void)vcpu_unwarp(second, fake_counter(), false);
    assert_true(all_at_home());
    assert_true(world_cpu.current == NULL || world_cpu.sched.current == &world_cpu.current->unit);
    world_run(TURN);
}

/* A wake that another core asks for is paid by the one that it is for. */
static void one_that_is_woken_by_a_message_pays_for_it(void **state)
{
    uint64_t before;

    (void)state;
    world_block(first);
    world_dispatch();
    world_run(LOOK);
    assert_true(running() != first && running() != NULL);
    fake_set_reading_cost(7);
    before = ran(running());
    vcpu_wake_by_message(first);
    assert_true(first->unit.runnable && world_cpu.reschedule);
    assert_in_range(first->debt, 7, 14);
    assert_in_range(ran(running()) - before, 0, 7);
    before = first->debt;
    vcpu_wake_by_message(first); /* it is awake */
    assert_int_equal(first->debt, before);
    fake_set_reading_cost(0);
}

/* Handing over to and fro leaves nobody away from home. */
static void giving_way_back_is_coming_home(void **state)
{
    (void)state;
    give_way(first, second);
    give_way(second, first);
    assert_ptr_equal(running(), first);
    assert_true(all_at_home());
}

static void one_that_blocks_gives_the_place_back(void **state)
{
    (void)state;
    give_way(first, second);
    world_block(second);
    assert_ptr_equal(running(), first);
    assert_true(all_at_home());
    assert_false(vcpu_give_way(first, NULL)); /* nobody waits */
}

static void another_vm_is_no_sibling(void **state)
{
    (void)state;
    world_block(first);
    while (running() != second)
        world_run(LOOK);
    world_block(second);
    assert_ptr_equal(running(), hog);
    assert_false(vcpu_give_way(hog, NULL));
}

/* The first sleeps until a deadline, and is warped for it while the second computes. */
static volatile uint64_t *wake_for_deadline(void)
{
    volatile uint64_t *page = world_share_page(first);

    page[0] = fake_counter() + 5 * MS;
    world_timer(first, page[0]);
    world_block(first);
    world_run_until(page[0] + 10 * US);
    assert_ptr_equal(running(), first);
    assert_true(first->unit.warped);
    return page;
}

static void a_warp_lends_itself_to_whom_its_vcpu_waits_for(void **state)
{
    (void)state;
    (void)wake_for_deadline();
    give_way(first, second);
    assert_ptr_equal(running(), second);
    assert_true(second->unit.warped && !first->unit.warped);
    world_block(second);
    assert_ptr_equal(running(), first);
    assert_true(first->unit.warped);
    assert_true(vcpu_unwarp(first, fake_counter(), true));
    assert_false(first->unit.warped || second->unit.warped);
}

/* It says done, or has another deadline, while the second has its place: that is its own place's matter. */
static void a_warp_stays_its_vcpus(void **state)
{
    (void)state;
    (void)wake_for_deadline();
    give_way(first, second);
    assert_true(vcpu_unwarp(first, fake_counter(), true));
    assert_false(first->unit.warped || second->unit.warped);
    assert_true(all_at_home());
}

/* A warped vCPU computes undisturbed, but one that spins lets the sibling go on that it may wait for. */
static void only_a_loop_interrupts_a_warp(void **state)
{
    (void)state;
    (void)wake_for_deadline();
    for (unsigned i = 0; i < 20; i++) {
        world_guest(first)->pc += 256;
        world_run(LOOK);
        assert_ptr_equal(running(), first);
    }
    for (uint64_t spun = 0; spun < 2 * LOOK && running() == first; spun += US)
        world_run(US);
    assert_ptr_equal(running(), second);
    world_run(HANDOVER);
    assert_ptr_equal(running(), first);
}

/* Whatever they do, blocked ones are at home, and the VMs have their shares. */
static void random_turns(void **state)
{
    struct random random = {11};
    uint64_t begin = fake_counter(), of_hog = ran(hog);

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        struct vcpu *vcpu = running();

        world_run(random_below(&random, 200 * US));
        if (vcpu != running() || vcpu == hog)
            continue;
        switch (random_below(&random, 4)) {
        case 0:
            (void)vcpu_give_way(vcpu, NULL);
            world_dispatch();
            break;
        case 1:
            if (first->unit.runnable && second->unit.runnable)
                world_block(vcpu);
            break;
        case 2:
            vcpu_wake(vcpu == first ? second : first);
            world_dispatch();
            break;
        default:
            (void)vcpu_unwarp(vcpu, fake_counter(), true);
            world_dispatch();
        }
        assert_true(first->unit.runnable || first->place_of == first);
        assert_true(second->unit.runnable || second->place_of == second);
        assert_true((first->place_of == first) == (second->place_of == second));
    }
    of_hog = ran(hog) - of_hog;
    /* Between one half, with one sibling at a time, and a third, with both. */
    assert_in_range(of_hog * 100 / (fake_counter() - begin), 32, 52);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, with_cbs), cmocka_unit_test_setup(test, with_bvt)
    const struct CMUnitTest tests[] = {
        EACH(siblings_take_turns),
        EACH(one_that_is_waited_for_runs_for_a_short_turn),
        EACH(one_that_is_away_comes_home_at_done),
        EACH(one_that_is_woken_by_a_message_pays_for_it),
        EACH(giving_way_back_is_coming_home),
        EACH(one_that_blocks_gives_the_place_back),
        EACH(another_vm_is_no_sibling),
        EACH(a_warp_lends_itself_to_whom_its_vcpu_waits_for),
        EACH(a_warp_stays_its_vcpus),
        EACH(only_a_loop_interrupts_a_warp),
        EACH(random_turns),
    };
#undef EACH

    return cmocka_run_group_tests_name("vm/dispatch, turns of siblings", tests, NULL, NULL);
}
