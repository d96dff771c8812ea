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
#include "devices/deadline_calls.h"
#include "random.h"
#include "sched/bvt.h"

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
    world_guest(second)->masks_at_call = true;
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
        world_guest(first)->in_user = true;
        world_run(LOOK);
        assert_ptr_equal(running(), first);
        first->gave_way_at = ran(first);
    }
    for (uint64_t spun = 0; spun < 2 * LOOK && running() == first; spun += US)
        world_run(US);
    assert_ptr_equal(running(), second);
    world_run(HANDOVER);
    assert_ptr_equal(running(), first);
}

/* A lock may spin in more code than a few instructions: in the guest's kernel, or anywhere for a while. */
static void a_warp_in_the_kernel_is_looked_at_twice(void **state)
{
    uint64_t begin;

    (void)state;
    (void)wake_for_deadline();
    begin = ran(first);
    while (running() == first && ran(first) - begin < TURN) {
        world_guest(first)->pc += 256;
        world_run(US);
    }
    assert_ptr_equal(running(), second);
    assert_in_range(ran(first) - begin, LOOK + 1, 2 * LOOK);
}

static void a_long_warp_gives_way_for_a_tenth_of_its_time(void **state)
{
    uint64_t begin, other;

    (void)state;
    (void)wake_for_deadline();
    world_guest(first)->in_user = true;
    begin = ran(first);
    other = ran(second);
    while (ran(first) - begin < 4 * TURN) {
        world_guest(first)->pc += 256;
        world_run(US);
    }
    assert_in_range(ran(second) - other, 3 * HANDOVER, 4 * HANDOVER + US);
}

/* One vCPU's work goes on on another: that one is urgent in its own place, whatever becomes of the first. */
static void work_is_handed_on(void **state)
{
    (void)state;
    (void)wake_for_deadline();
    assert_int_equal(deadline_call_hand_on(first, 1), ONTIME_OK);
    assert_true(first->unit.warped && second->unit.warped);
    world_dispatch();
    assert_ptr_equal(running(), first);
    assert_true(vcpu_unwarp(first, fake_counter(), false));
    world_dispatch();
    assert_ptr_equal(running(), second);
    assert_true(vcpu_unwarp(second, fake_counter(), false));
    assert_false(first->unit.warped || second->unit.warped);
}

/* To one that is blocked it comes with its wake-up, once. */
static void work_waits_for_the_wake_up(void **state)
{
    volatile uint64_t *page;

    (void)state;
    give_way(first, second);
    world_block(second);
    for (unsigned i = 0; i < 100 && running() != first; i++)
        world_run(TURN);
    assert_int_equal(deadline_call_hand_on(first, 1), ONTIME_OK);
    assert_int_equal(deadline_call_hand_on(first, 1), ONTIME_OK);
    assert_true(second->has_work && !second->unit.warped);
    world_run(LOOK);
    assert_ptr_equal(running(), first);
    vcpu_wake(second);
    world_dispatch();
    assert_ptr_equal(running(), second);
    assert_true(second->unit.warped && !second->has_work);
    page = world_share_page(second);
    world_block(second);
    vcpu_wake(second);
    world_dispatch();
    assert_false(second->unit.warped);
    for (unsigned i = 0; i < 1000 && running() != second; i++)
        world_run(LOOK);
    page[ONTIME_PAGE_HANDED / sizeof(uint64_t)] = 1; /* more is on its way */
    world_block(second);
    vcpu_wake(second);
    world_dispatch();
    assert_true(second->unit.warped);
}

/* Linux hands work on with interrupts masked and locks held: it is not switched out there. */
static void who_hands_on_with_interrupts_masked_stays(void **state)
{
    (void)state;
    world_guest(first)->masks_at_call = true;
    assert_int_equal(deadline_call_hand_on(first, 1), ONTIME_OK);
    world_dispatch();
    assert_ptr_equal(running(), first);
    assert_true(second->unit.warped);
    world_run(LOOK);
    assert_ptr_equal(running(), second);
}

static void work_by_message_is_paid_by_who_gets_it(void **state)
{
    uint64_t before;

    (void)state;
    world_guest(second)->in_user = true;
    fake_set_reading_cost(7);
    (void)wake_for_deadline();
    vcpu_take_work_by_message(second);
    assert_true(second->unit.warped && running() == first);
    assert_in_range(second->debt, 7, 14);
    before = second->debt;
    vcpu_take_work_by_message(second); /* it has work already */
    assert_int_equal(second->debt, before);
    fake_set_reading_cost(0);
    world_power_off(second);
    vcpu_take_work_by_message(second);
    assert_false(second->unit.warped || second->has_work);
}

/* By an interrupt from outside: a blocked vCPU is urgent when it wakes, one that is out at once. */
static void an_urgent_interrupt_gives_work(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000 && running() != second; i++)
        world_run(LOOK);
    world_block(second);
    vcpu_give_work(second);
    assert_true(second->has_work && !second->unit.warped);
    fake_set_counter(fake_counter() + LOOK);
    vcpu_wake(second);
    world_dispatch();
    assert_true(running() == second && second->unit.warped);
    assert_int_equal(second->stats[ONTIME_STAT_INTERRUPTS], 1);
    assert_int_equal(precise_stat(&second->precise, ONTIME_STAT_LATE_MAX), LOOK);
    vcpu_give_work(second); /* part of the work that it is at */
    world_dispatch();
    assert_int_equal(second->stats[ONTIME_STAT_INTERRUPTS], 1);
    assert_true(vcpu_unwarp(second, fake_counter(), false));
    for (unsigned i = 0; i < 1000 && running() != first; i++)
        world_run(LOOK);
    world_guest(first)->masks_at_call = true; /* who has the core has no lock that the other waits for */
    vcpu_give_work(second);
    assert_true(running() == second && second->unit.warped);
}

/* Hands work on to the second vCPU as if the first were on another core: is there a message? */
static bool tells_from_another_core(void)
{
    static struct cpu other_core = {.index = 1};

    first->cpu = &other_core;
    atomic_store(&second->requests, VCPU_LOOK); /* so it is on the list already, and no core is kicked */
    vcpu_hand_work_on(first, second);
    first->cpu = &world_cpu;
    return (atomic_exchange(&second->requests, 0) & VCPU_WORK) != 0;
}

/* A storm of them would take the time of who runs on the other core: in between the vCPU has to have run. */
static void work_from_another_core_is_one_message(void **state)
{
    (void)state;
    assert_true(tells_from_another_core());
    assert_false(tells_from_another_core());
    vcpu_take_work_by_message(second);
    world_dispatch();
    assert_true(running() == second && second->unit.warped);
    assert_false(tells_from_another_core());
    assert_true(vcpu_unwarp(second, fake_counter(), false));
    assert_true(tells_from_another_core());
    vcpu_take_work_by_message(second);
    world_block(second);
    assert_true(tells_from_another_core());
    assert_false(tells_from_another_core());
    vcpu_wake(second);
    for (unsigned i = 0; i < 10000 && atomic_load(&second->work_told); i++)
        world_run(LOOK); /* until a slice of it ends */
    assert_true(tells_from_another_core());
    world_power_off(second);
    assert_true(tells_from_another_core());
    vcpu_take_work_by_message(second);
    assert_false(tells_from_another_core());
}

/* It is late by what has passed since the interrupt, not since the message. */
static void an_urgent_interrupt_by_message_is_late_from_its_instant(void **state)
{
    static struct cpu other_core = {.index = 1};

    (void)state;
    for (unsigned i = 0; i < 1000 && running() != first; i++)
        world_run(LOOK);
    second->cpu = &other_core;                  /* as if the ring were made on another core than this */
    atomic_store(&second->requests, VCPU_LOOK); /* so it is on the list already, and no core is kicked */
    vcpu_give_work(second);
    fake_set_counter(fake_counter() + LOOK);
    vcpu_give_work(second);
    second->cpu = &world_cpu;
    assert_true((atomic_exchange(&second->requests, 0) & VCPU_WORK) != 0);
    fake_set_counter(fake_counter() + LOOK);
    vcpu_take_work_by_message(second);
    world_dispatch();
    assert_true(running() == second && second->unit.warped);
    assert_int_equal(second->stats[ONTIME_STAT_INTERRUPTS], 1);
    assert_int_equal(precise_stat(&second->precise, ONTIME_STAT_LATE_MAX), 2 * LOOK);
}

/* Who waits for another VM's work lends it the warp, and pays for what that runs. */
static void a_warp_is_lent_to_another_vm(void **state)
{
    uint64_t of_hog, of_first;
    int64_t virtual_time;

    (void)state;
    vcpu_lend_warp(first, hog); /* it has none to lend */
    assert_false(hog->unit.warped);
    (void)wake_for_deadline();
    of_hog = ran(hog);
    virtual_time = bvt_unit(&hog->unit)->avt;
    vcpu_lend_warp(first, hog);
    assert_true(running() == first && hog->unit.warped); /* the first is not done, and is due earlier */
    world_block(first);
    assert_ptr_equal(running(), hog);
    of_first = ran(first);
    world_run(LOOK);
    assert_int_equal(ran(hog), of_hog + LOOK);
    assert_true(vcpu_unwarp(hog, fake_counter(), true));
    assert_int_equal(ran(hog), of_hog);
    assert_int_equal(bvt_unit(&hog->unit)->avt, virtual_time);
    assert_int_equal(first->debt, LOOK);
    vcpu_wake(first);
    for (unsigned i = 0; i < 1000 && running() != first; i++)
        world_run(LOOK);
    world_run(LOOK);
    assert_in_range(ran(first), of_first + LOOK, of_first + 3 * LOOK);
    assert_int_equal(first->debt, 0);
}

/* A vCPU that has the CPU in its turn is not warped when its deadline comes: it is by the time that it lends.
 */
static void a_deadline_in_its_turn_lends_a_warp(void **state)
{
    volatile uint64_t *page;

    (void)state;
    for (unsigned i = 0; i < 1000 && running() != first; i++)
        world_run(LOOK);
    page = world_share_page(first);
    page[0] = fake_counter() + 10 * MS;
    vcpu_lend_warp(first, hog); /* it is to come */
    assert_false(first->unit.warped || hog->unit.warped);
    page[0] = fake_counter();
    vcpu_lend_warp(first, hog);
    assert_true(running() == first && first->unit.warped && hog->unit.warped);
    world_block(first);
    world_run(LOOK);
    world_block(hog);
    assert_int_equal(first->debt, LOOK);
}

/* A blocked one has it when it wakes. */
static void a_warp_is_lent_to_a_vcpu_that_wakes(void **state)
{
    uint64_t of_hog;

    (void)state;
    for (unsigned i = 0; i < 1000 && running() != second; i++)
        world_run(LOOK);
    world_block(second); /* so that none of its turns comes between */
    for (unsigned i = 0; i < 1000 && running() != hog; i++)
        world_run(LOOK);
    world_block(hog);
    (void)wake_for_deadline();
    of_hog = ran(hog);
    vcpu_lend_warp(first, hog);
    vcpu_wake(hog);
    world_dispatch();
    assert_true(running() == first && hog->unit.warped);
    world_block(first);
    world_run(LOOK);
    world_block(hog);
    assert_int_equal(ran(hog), of_hog);
    assert_int_equal(first->debt, LOOK);
}

/* A warp that the policy refuses is no loan: what the vCPU runs later is its own. */
static void a_refused_warp_is_not_lent(void **state)
{
    (void)state;
    hog->unit.params.horizon = hog->unit.params.warp_limit = 0;
    (void)wake_for_deadline();
    vcpu_lend_warp(first, hog);
    assert_false(hog->unit.warped);
    assert_null(hog->lender);
}

static void hand_on_checks_what_the_guest_says(void **state)
{
    (void)state;
    assert_int_equal(deadline_call_hand_on(first, 0), ONTIME_INVALID);
    assert_int_equal(deadline_call_hand_on(first, 2), ONTIME_INVALID);
    assert_int_equal(deadline_call_hand_on(first, UINT64_MAX), ONTIME_INVALID);
    assert_int_equal(deadline_call_hand_on(hog, 0), ONTIME_NOT_SUPPORTED);
    assert_false(first->unit.warped || second->unit.warped);
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
        EACH(a_warp_in_the_kernel_is_looked_at_twice),
        EACH(a_long_warp_gives_way_for_a_tenth_of_its_time),
        EACH(work_is_handed_on),
        EACH(work_waits_for_the_wake_up),
        EACH(who_hands_on_with_interrupts_masked_stays),
        EACH(work_by_message_is_paid_by_who_gets_it),
        EACH(an_urgent_interrupt_gives_work),
        EACH(work_from_another_core_is_one_message),
        EACH(an_urgent_interrupt_by_message_is_late_from_its_instant),
        EACH(a_warp_is_lent_to_another_vm),
        EACH(a_deadline_in_its_turn_lends_a_warp),
        EACH(a_warp_is_lent_to_a_vcpu_that_wakes),
        EACH(a_refused_warp_is_not_lent),
        EACH(hand_on_checks_what_the_guest_says),
        EACH(random_turns),
    };
#undef EACH

    return cmocka_run_group_tests_name("vm/dispatch, turns of siblings", tests, NULL, NULL);
}
