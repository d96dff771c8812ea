/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers and the dispatcher, by examples: what a guest says when it must run, when the comparator
 * fires for it, who runs then and for how long, and who pays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core_world.h"
#include "devices/deadline_calls.h"
#include "sched/bvt.h"

#define US    WORLD_US
#define MS    (1000 * US)
#define LEAD  (3 * US) /* what a switch is said to cost */
#define NONE  ONTIME_NO_DEADLINE
#define NEEDS (ONTIME_PAGE_NEEDS / 8)
#define SAYS  (ONTIME_PAGE_WARPED / 8)

static struct vcpu *hog;
static volatile uint64_t *page;

static struct vcpu *running(void)
{
    return world_cpu.current;
}

static uint64_t now(void)
{
    return fake_counter();
}

/* A hog runs. */
static int setup(void **state)
{
    (void)state;
    world_reset(NULL);
    world_cpu.lead.switch_cost = LEAD;
    hog = world_add(TIMERS_WAKE, 1);
    world_bring_in(hog);
    world_run(20 * MS);
    return 0;
}

static struct vcpu *add_precise(void)
{
    return world_add(TIMERS_PRECISE, 1);
}

/* A vCPU with a page that has the CPU. */
static struct vcpu *add_running(void)
{
    struct vcpu *vcpu = add_precise();

    world_bring_in(vcpu);
    page = world_share_page(vcpu);
    return vcpu;
}

static void sleep_until(struct vcpu *vcpu, volatile uint64_t *its_page, uint64_t deadline)
{
    its_page[0] = deadline;
    world_timer(vcpu, deadline);
    world_block(vcpu);
}

/* It sleeps; `in` from now its deadline comes. */
static struct vcpu *add_sleeper(uint64_t in)
{
    struct vcpu *vcpu = add_running();

    sleep_until(vcpu, page, now() + in);
    assert_ptr_equal(running(), hog);
    return vcpu;
}

static bool watched_at(const struct vcpu *vcpu, uint64_t when)
{
    return deadline_when(&vcpu->precise_timer) == when && fake_comparator() <= when;
}

static void page_is_read_on_leaving(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();
    uint64_t deadline = now() + 2 * MS;
    unsigned writes = fake_comparator_writes();

    page[0] = deadline;
    world_dispatch();
    assert_int_equal(fake_comparator_writes(), writes);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    world_block(vcpu);
    assert_true(watched_at(vcpu, deadline - LEAD));
    assert_int_equal(fake_comparator(), deadline - LEAD);
    world_run_until(deadline - LEAD - 1);
    assert_ptr_equal(running(), hog);
    world_run_until(deadline - LEAD);
    assert_ptr_equal(running(), vcpu);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_FIRED), 1);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 1);
}

static void leaving_with_a_tick_before_is_a_backlog(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();
    uint64_t lead = lead_for(&world_cpu.lead, true);

    world_guest(hog)->masks = false;
    page[0] = now() + 30 * MS;
    world_guest(vcpu)->cval = now() + 20 * MS;
    while (running() == vcpu)
        world_run(MS);
    assert_true(lead > LEAD);
    assert_true(watched_at(vcpu, page[0] - lead));
    assert_true(vcpu->precise.backlog);
}

static void pages_are_checked(void **state)
{
    static const uint64_t bad[] = {GUEST_RAM_BASE + 1,
                                   GUEST_RAM_BASE + 8,
                                   GUEST_RAM_BASE + ONTIME_PAGE_SIZE - 1,
                                   GUEST_RAM_BASE - ONTIME_PAGE_SIZE,
                                   GUEST_RAM_BASE + WORLD_RAM_END * ONTIME_PAGE_SIZE,
                                   0,
                                   UINT64_MAX - 4095,
                                   UINT64_MAX - 1,
                                   GUEST_RAM_BASE + (UINT64_C(1) << 63)};

    (void)state;
    struct vcpu *vcpu = add_running();

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(deadline_call_page(vcpu, bad[i]), ONTIME_INVALID);
        assert_ptr_equal(vcpu->precise.page, page);
    }
    for (unsigned i = 0; i < WORLD_RAM_END; i++) {
        assert_int_equal(deadline_call_page(vcpu, GUEST_RAM_BASE + i * ONTIME_PAGE_SIZE), ONTIME_OK);
        assert_ptr_equal(vcpu->precise.page, world_page(vcpu, i));
    }
}

static void page_can_be_withdrawn(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();

    page[0] = now() + MS;
    assert_int_equal(deadline_call_page(vcpu, ONTIME_NO_PAGE), ONTIME_OK);
    world_block(vcpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    world_run(2 * MS);
    assert_false(vcpu->unit.runnable);
}

static void page_is_forgotten_when_off(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(MS);

    world_power_off(vcpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    world_power_on(vcpu);
    assert_null(vcpu->precise.page);
    assert_int_equal(precise_first(&vcpu->precise), NONE);
    assert_int_equal(precise_needs(&vcpu->precise), 0);
    world_run(2 * MS);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_FIRED), 0);
}

static void other_modes_have_no_calls(void **state)
{
    static const enum timer_mode modes[] = {TIMERS_TICK, TIMERS_WAKE, TIMERS_SNOOP};
    uint64_t deadline, warped;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct vcpu *vcpu = world_add(modes[i], 1);

        world_bring_in(vcpu);
        assert_int_equal(deadline_call_page(vcpu, GUEST_RAM_BASE), ONTIME_NOT_SUPPORTED);
        assert_int_equal(deadline_call_page(vcpu, ONTIME_NO_PAGE), ONTIME_NOT_SUPPORTED);
        assert_int_equal(deadline_call_arm(vcpu, now() + 1, 0), ONTIME_NOT_SUPPORTED);
        assert_int_equal(deadline_call_cancel(vcpu, 0), ONTIME_NOT_SUPPORTED);
        assert_int_equal(deadline_call_done(vcpu, NONE), ONTIME_NOT_SUPPORTED);
        assert_int_equal(deadline_call_query(vcpu, 0, &deadline, &warped), ONTIME_NOT_SUPPORTED);
        assert_null(vcpu->precise.page);
    }
}

static void calls_count_too(void **state)
{
    uint64_t deadline, warped;

    (void)state;
    struct vcpu *vcpu = add_running();
    uint64_t at = now() + 2 * MS;

    page[0] = at + MS;
    assert_int_equal(deadline_call_arm(vcpu, at, 63), ONTIME_OK);
    assert_int_equal(deadline_call_arm(vcpu, at, 64), ONTIME_INVALID);
    assert_int_equal(deadline_call_arm(vcpu, NONE, 0), ONTIME_INVALID);
    assert_int_equal(deadline_call_cancel(vcpu, 64), ONTIME_INVALID);
    assert_int_equal(deadline_call_cancel(vcpu, 0), 0);
    assert_int_equal(deadline_call_query(vcpu, 63, &deadline, &warped), ONTIME_OK);
    assert_int_equal(deadline, at);
    assert_int_equal(warped, 0);
    assert_int_equal(precise_first(&vcpu->precise), at);
    assert_int_equal(deadline_call_arm(vcpu, at + 2 * MS, 63), ONTIME_OK);
    assert_int_equal(precise_first(&vcpu->precise), at + MS);
    assert_int_equal(deadline_call_cancel(vcpu, 63), 1);
    assert_int_equal(deadline_call_query(vcpu, 63, &deadline, &warped), ONTIME_OK);
    assert_int_equal(deadline, NONE);
}

/* However early it claims its deadline to be, it is after all that EL2 knew of when it last looked. */
static void past_counts_as_seen(void **state)
{
    (void)state;
    struct vcpu *honest = add_sleeper(60 * MS);
    uint64_t deadline = page[0];
    struct vcpu *liar = add_precise();

    world_bring_in(liar);
    volatile uint64_t *lies = world_share_page(liar);

    world_run_until(deadline + US);
    assert_ptr_equal(running(), honest);
    assert_int_equal(bvt_unit(&honest->unit)->deadline, deadline);
    assert_int_equal(deadline_call_arm(honest, now() + 9 * MS, 0), ONTIME_OK);
    page[0] = NONE;
    world_block(honest);
    if (running() != liar)
        world_bring_in(liar);
    uint64_t looked = liar->precise.looked_at;

    lies[0] = 1;
    world_run(US);
    world_block(liar);
    assert_true(liar->unit.warped);
    assert_true(bvt_unit(&liar->unit)->deadline >= looked);
    assert_in_range(precise_stat(&liar->precise, ONTIME_STAT_LATE_MAX), 0, now() - looked);
}

/* Two that are warped at the same time: the earlier deadline runs, whoever came first. */
static void earlier_deadline_runs_first(void **state)
{
    (void)state;
    struct vcpu *late = add_running();
    volatile uint64_t *late_page = page;
    uint64_t deadline = now() + 40 * MS;

    sleep_until(late, late_page, deadline);
    struct vcpu *early = add_running();

    /* Its comparator's instant is after the other's: it is the one with no backlog. */
    world_guest(late)->cval = deadline - MS;
    world_run_until(deadline - 10 * MS);
    late_page[0] = deadline;
    if (running() != early)
        world_bring_in(early);
    sleep_until(early, page, deadline - 2 * US);
    assert_true(deadline_when(&early->precise_timer) == deadline - 2 * US - LEAD);
    world_run_until(deadline + 100 * US);
    assert_ptr_equal(running(), early);
    assert_true(early->unit.warped && late->unit.warped);
    assert_int_equal(world_guest(early)->entered, deadline - 2 * US);
    page[0] = NONE;
    assert_int_equal(deadline_call_done(early, NONE), 1);
    world_dispatch();
    assert_ptr_equal(running(), late);
}

static void equal_deadlines_do_not_change_places(void **state)
{
    (void)state;
    struct vcpu *first = add_running();
    volatile uint64_t *first_page = page;
    struct vcpu *second = add_precise();
    uint64_t deadline = now() + 60 * MS;

    sleep_until(first, first_page, deadline);
    world_bring_in(second);
    sleep_until(second, world_share_page(second), deadline);
    world_run_until(deadline + 10 * US);
    struct vcpu *chosen = running();
    uint64_t switches = first->stats[ONTIME_STAT_SWITCHES] + second->stats[ONTIME_STAT_SWITCHES];

    assert_true(chosen == first || chosen == second);
    assert_true(first->unit.warped && second->unit.warped);
    world_run(MS);
    assert_ptr_equal(running(), chosen);
    assert_int_equal(first->stats[ONTIME_STAT_SWITCHES] + second->stats[ONTIME_STAT_SWITCHES], switches);
}

static void limit_ends_the_warp(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(40 * MS);

    world_run_until(page[0] - LEAD);
    uint64_t begun = now() - LEAD;

    assert_int_equal(page[SAYS], 1);
    world_run_until(begun + WORLD_L - 1);
    assert_true(vcpu->unit.warped);
    world_run_until(begun + WORLD_L);
    assert_false(vcpu->unit.warped);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS_CUT], 1);
    assert_int_equal(page[SAYS], 0);
}

static uint64_t length_of_warp(uint64_t needs)
{
    struct vcpu *vcpu = add_running();

    page[NEEDS] = needs;
    sleep_until(vcpu, page, now() + 40 * MS);
    uint64_t begun = page[0] - lead_for(&world_cpu.lead, false);

    world_run_until(begun);
    assert_true(vcpu->unit.warped);

    while (vcpu->unit.warped)
        world_run(US);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS_CUT], 1);
    world_power_off(vcpu);
    return now() - begun;
}

static void needs_can_only_shorten(void **state)
{
    (void)state;
    assert_in_range(length_of_warp(100 * US), 100 * US, 101 * US);
    assert_in_range(length_of_warp(0), WORLD_L, WORLD_L + US);
    assert_in_range(length_of_warp(WORLD_L + 1), WORLD_L, WORLD_L + US);
    assert_in_range(length_of_warp(UINT64_MAX), WORLD_L, WORLD_L + US);
}

/* But one that waits with a past deadline in its page has work to come, and is urgent when it wakes. */
static void page_deadline_is_served_once(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);
    uint64_t deadline = page[0];

    world_run_until(deadline + 10 * US);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 1);
    world_block(vcpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    assert_int_equal(page[SAYS], 0);
    for (unsigned i = 0; i < 10; i++) {
        world_bring_in(vcpu);
        assert_int_equal(page[SAYS], i < 5);
        if (i == 4)
            page[0] = NONE; /* done, and not told by a call */
        world_run(MS);
        if (running() == vcpu)
            world_block(vcpu);
    }
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 6);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_FIRED), 1);
    if (running() != vcpu)
        world_bring_in(vcpu);
    sleep_until(vcpu, page, now() + 20 * MS);
    world_run_until(page[0]);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 7);
}

static void done_ends_the_warp(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    assert_int_equal(page[SAYS], 1);
    page[0] = now() + 20 * MS;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    assert_int_equal(page[SAYS], 0);
    world_dispatch();
    assert_ptr_equal(running(), hog);
    assert_true(watched_at(vcpu, page[0] - lead_for(&world_cpu.lead, true)));
    world_bring_in(vcpu);
    assert_int_equal(deadline_call_done(vcpu, NONE), 0);
}

/* Another vCPU of its VM may wait for a lock that it holds while it masks interrupts. */
static void done_with_interrupts_masked_keeps_the_cpu_for_a_moment(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    page[0] = now() + 20 * MS;
    world_guest(vcpu)->masks_at_call = true;
    assert_true(vcpu_unwarp(vcpu, now(), false));
    world_dispatch();
    assert_ptr_equal(running(), vcpu);
    world_guest(vcpu)->masks = true;
    world_run(2 * GRACE_STEP_US * US);
    assert_ptr_equal(running(), vcpu);
    assert_false(vcpu->unit.warped);
    world_guest(vcpu)->masks = false;
    world_run(GRACE_STEP_US * US);
    assert_ptr_equal(running(), hog);
}

/* What was saved at an exit before the call, in a handler say, does not count. */
static void done_with_interrupts_masked_before_gives_way_at_once(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    page[0] = now() + 20 * MS;
    world_guest(vcpu)->masks = true;
    assert_true(vcpu_unwarp(vcpu, now(), false));
    world_dispatch();
    assert_ptr_equal(running(), hog);
}

static void done_with_interrupts_masked_gives_way_in_the_end(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    page[0] = now() + 20 * MS;
    world_guest(vcpu)->masks = world_guest(vcpu)->masks_at_call = true;
    assert_true(vcpu_unwarp(vcpu, now(), false));
    world_run((GRACE_STEPS + 1) * GRACE_STEP_US * US);
    assert_ptr_equal(running(), hog);
}

static void done_with_a_next_that_is_reached_goes_on(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);
    uint64_t next = page[0] + 5 * US;

    world_run_until(next - 1);
    page[0] = next;
    assert_int_equal(deadline_call_done(vcpu, next), 1);
    world_dispatch();
    world_run_until(next + 20 * MS);
    if (running() != vcpu)
        world_bring_in(vcpu);
    sleep_until(vcpu, page, now() + 20 * MS);
    world_run_until(page[0] + 10 * US);
    page[0] += 5 * US;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 0);
    assert_int_equal(page[SAYS], 1);
    world_dispatch();
    assert_ptr_equal(running(), vcpu);
}

/* An interrupt that warps comes just before DONE: that ends the warp only when the guest has taken it. */
static void done_before_an_urgent_interrupt_is_taken_goes_on(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    page[0] = now() + 20 * MS;
    vcpu_give_work(vcpu);
    world_guest(vcpu)->spi = true;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 0);
    assert_int_equal(page[SAYS], 1);
    world_guest(vcpu)->spi = false;
    world_guest(vcpu)->expired = true; /* its tick, after which it does not say DONE again */
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    world_guest(vcpu)->spi = true; /* one that does not warp */
    assert_int_equal(deadline_call_done(vcpu, page[0]), 0);
    assert_false(vcpu->unit.warped);
}

/* So is work that is on its way from another vCPU. */
static void done_before_handed_work_is_taken_goes_on(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] + 10 * US);
    page[0] = now() + 20 * MS;
    page[ONTIME_PAGE_HANDED / sizeof(uint64_t)] = 1;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 0);
    assert_int_equal(page[SAYS], 1);
    page[ONTIME_PAGE_HANDED / sizeof(uint64_t)] = 0;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
}

static struct vcpu *rung;

/* Another core has work for `rung`: an urgent interrupt, or some that is handed on. */
static void tell_from_another_core(bool interrupts)
{
    static struct cpu other_core = {.index = 1};

    hog->cpu = rung->cpu = &other_core;
    if (interrupts)
        vcpu_give_work(rung);
    rung->cpu = &world_cpu;
    if (!interrupts)
        vcpu_hand_work_on(hog, rung);
    hog->cpu = &world_cpu;
}

static void ring_from_another_core(void)
{
    tell_from_another_core(true);
}

static bool takes_a_message(void)
{
    if ((atomic_exchange(&rung->requests, VCPU_LOOK) & VCPU_WORK) ==
        0) /* it stays listed: no core is kicked */
        return false;
    vcpu_take_work_by_message(rung);
    return true;
}

/*
 * The same when another core has it: that one sends no message while the vCPU is warped. What comes before
 * the guest's DONE has looked for interrupts keeps the warp, what comes after it begins another.
 */
static void an_urgent_interrupt_of_another_core_is_not_lost_at_done(void **state)
{
    (void)state;
    struct world_guest *guest;

    rung = add_sleeper(20 * MS);
    guest = world_guest(rung);
    assert_false(takes_a_message());
    for (unsigned times = 0; times < 4; times++) {
        tell_from_another_core(times % 2 == 0);
        assert_true(takes_a_message());
        vcpu_wake(rung);
        world_dispatch();
        assert_true(running() == rung && rung->unit.warped);
        ring_from_another_core();
        assert_false(takes_a_message());
        guest->spi = true;
        assert_int_equal(deadline_call_done(rung, page[0]), 0);
        guest->spi = false;
        world_at_look(ring_from_another_core);
        assert_int_equal(deadline_call_done(rung, page[0]), 1);
        world_at_look(NULL);
        assert_false(rung->unit.warped);
        assert_true(takes_a_message());
        assert_true(running() == rung && rung->unit.warped);
        assert_int_equal(deadline_call_done(rung, page[0]), 1);
    }
}

/* An urgent interrupt comes for the vCPU, which runs for it. */
static void interrupt_urgently(struct vcpu *vcpu)
{
    vcpu_give_work(vcpu);
    vcpu_wake(vcpu);
    world_dispatch();
    assert_ptr_equal(running(), vcpu);
}

/* For its work the vCPU's own timer is kept back, until DONE or for 100 us. */
static void an_urgent_interrupt_defers_the_timer(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);
    struct world_guest *guest = world_guest(vcpu);

    interrupt_urgently(vcpu);
    assert_false(guest->deferred); /* it does not expire so soon */
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    world_bring_in(hog);
    guest->cval = now() + 30 * US;
    interrupt_urgently(vcpu);
    assert_true(guest->deferred);
    assert_true(deadline_when(&vcpu->timer_back) == now() + 100 * US);
    world_run(50 * US);
    assert_true(guest->deferred);
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    assert_false(guest->deferred || deadline_is_armed(&vcpu->timer_back));
    world_bring_in(hog);
    interrupt_urgently(vcpu);
    world_run(100 * US - 1);
    assert_true(guest->deferred);
    world_run(1);
    assert_false(guest->deferred || deadline_is_armed(&vcpu->timer_back));
    world_bring_in(hog);
    interrupt_urgently(vcpu);
    assert_true(guest->deferred);
    vcpu_end_deferral(vcpu); /* as WFI does */
    assert_false(guest->deferred || deadline_is_armed(&vcpu->timer_back));
}

/* Not beyond the next deadline, and not at all for a guest without a page, or when its timer is being served,
 * or is old. */
static void deferral_keeps_no_deadline_waiting(void **state)
{
    (void)state;
    struct vcpu *other = add_precise();
    struct vcpu *vcpu = add_sleeper(20 * MS);
    struct world_guest *guest = world_guest(vcpu);

    world_guest(other)->cval = now();
    interrupt_urgently(other);
    assert_false(world_guest(other)->deferred);
    world_power_off(other);
    page[0] = now() + 40 * US;
    guest->cval = now() + 10 * US;
    interrupt_urgently(vcpu);
    assert_true(deadline_when(&vcpu->timer_back) == page[0]);
    world_power_off(vcpu);
    assert_false(guest->deferred || deadline_is_armed(&vcpu->timer_back));

    vcpu = add_sleeper(20 * MS);
    guest = world_guest(vcpu);
    guest->serves = true;
    guest->cval = now();
    interrupt_urgently(vcpu);
    assert_false(deadline_is_armed(&vcpu->timer_back));
    guest->serves = guest->expired = false;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    world_bring_in(hog);
    guest->cval = now() - 20 * MS - 10 * US;
    interrupt_urgently(vcpu);
    assert_false(guest->deferred);
    guest->expired = false; /* served */
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    world_bring_in(hog);
    guest->cval = now() - 19 * MS;
    interrupt_urgently(vcpu);
    assert_true(guest->deferred);
}

/* It has spent its W: when its deadline comes the other goes on, and pays nothing for the interrupt. */
static void denied_deadline_is_billed_to_its_owner(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add_with(TIMERS_PRECISE, 1,
                                       (struct sched_params){.weight = 1, .warp = 0, .warp_limit = WORLD_L});

    world_bring_in(vcpu);
    page = world_share_page(vcpu);
    sleep_until(vcpu, page, now() + 2 * MS);
    uint64_t deadline = page[0];

    world_run_until(deadline - LEAD - 1);
    cpu_charge(&world_cpu, now());
    uint64_t before = hog->stats[ONTIME_STAT_RUN_TICKS];
    uint64_t owned = vcpu->stats[ONTIME_STAT_RUN_TICKS];

    fake_set_reading_cost(40);
    world_run_until(deadline - LEAD);
    fake_set_reading_cost(0);
    uint64_t spent = now() - (deadline - LEAD);

    assert_true(spent > 0);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS_DENIED], 1);
    assert_ptr_equal(running(), hog);
    assert_int_equal(vcpu->debt, spent);
    cpu_charge(&world_cpu, now());
    assert_int_equal(hog->stats[ONTIME_STAT_RUN_TICKS], before + 1);
    uint64_t then = now();

    world_bring_in(vcpu);
    uint64_t in = now();

    world_run(10);
    cpu_charge(&world_cpu, now());
    assert_int_equal(vcpu->debt, 0);
    assert_true(hog->stats[ONTIME_STAT_RUN_TICKS] - before - 1 <= in - then);
    assert_int_equal(hog->stats[ONTIME_STAT_RUN_TICKS] + vcpu->stats[ONTIME_STAT_RUN_TICKS] - before - owned,
                     1 + spent + now() - then);
}

static void one_interrupt_for_each_leaving(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add_with(TIMERS_PRECISE, 1,
                                       (struct sched_params){.weight = 1, .warp = US, .warp_limit = WORLD_L});

    world_bring_in(vcpu);
    page = world_share_page(vcpu);
    uint64_t first = now() + 13 * MS;

    page[0] = first;
    for (uint64_t id = 0; id < ONTIME_DEADLINES; id++)
        assert_int_equal(deadline_call_arm(vcpu, first + id * 10 * US, id), ONTIME_OK);
    /* It has run ahead of the hog by C, and its W is a microsecond. */
    while (running() == vcpu)
        world_run(100 * US);
    uint64_t fetched = world_guest(vcpu)->fetched;

    assert_true(now() < first - MS);
    world_run_until(first + MS);
    assert_ptr_equal(running(), hog);
    assert_int_equal(world_guest(vcpu)->fetched - fetched, 1);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS_DENIED], 1);
}

static void snooped_timer_warps(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add(TIMERS_SNOOP, 1);

    world_bring_in(vcpu);
    uint64_t timer = now() + 20 * MS;

    world_timer(vcpu, timer);
    world_block(vcpu);
    assert_true(watched_at(vcpu, timer - LEAD));
    world_run_until(timer);
    assert_ptr_equal(running(), vcpu);
    assert_true(vcpu->unit.warped);
    assert_int_equal(world_guest(vcpu)->entered, timer);
    world_timer(vcpu, NONE);
    world_block(vcpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
}

static void physical_fires(struct deadline *deadline, uint64_t when)
{
    (void)when;
    vcpu_wake(HEAP_ENTRY(deadline, struct vcpu, physical_timer));
}

static void snoop_takes_the_earlier_timer(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add(TIMERS_SNOOP, 1);

    for (unsigned i = 0; i < 2; i++) {
        world_bring_in(vcpu);
        deadline_init(&vcpu->physical_timer, DEADLINE_OTHER, physical_fires);
        uint64_t base = now() + 20 * MS;

        deadline_set(&world_cpu.deadlines, &vcpu->physical_timer, base + (i == 0 ? 0 : MS));
        world_timer(vcpu, base + (i == 0 ? MS : 0));
        world_block(vcpu);
        assert_true(watched_at(vcpu, base - lead_for(&world_cpu.lead, false)));
        world_run_until(base);
        assert_true(vcpu->unit.warped);
        deadline_cancel(&world_cpu.deadlines, &vcpu->physical_timer);
        world_timer(vcpu, NONE);
        world_block(vcpu);
    }
}

static void wake_mode_is_not_snooped(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add(TIMERS_WAKE, 1);

    world_bring_in(vcpu);
    uint64_t timer = now() + 20 * MS;

    world_timer(vcpu, timer);
    world_block(vcpu);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    assert_int_equal(deadline_when(&vcpu->wake_timer), timer);
    world_run_until(timer);
    assert_true(vcpu->unit.runnable);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 0);
}

/* What was snooped while it idled is over when something else has woken it. */
static void snooped_timer_is_forgotten_with_idleness(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add(TIMERS_SNOOP, 1);

    world_bring_in(vcpu);
    world_timer(vcpu, now() + 40 * MS);
    world_block(vcpu);
    world_run(US);
    world_bring_in(vcpu);
    world_timer(vcpu, now() + 200 * MS);
    world_run(100 * MS);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_FIRED), 0);
    assert_int_equal(vcpu->stats[ONTIME_STAT_WARPS], 0);
}

static void held_until_the_deadline(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] - LEAD);
    assert_int_equal(now(), page[0]);
    assert_int_equal(world_guest(vcpu)->entered, page[0]);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_LATE_MAX), 0);
    assert_int_equal(vcpu->precise.backlog_until, NONE);
}

static void interrupted(struct deadline *deadline, uint64_t when)
{
    (void)deadline;
    (void)when;
}

/* An interrupt that is not the guest's does not let it in before its deadline. */
static void held_through_other_interrupts(void **state)
{
    static struct deadline other;

    (void)state;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    deadline_init(&other, DEADLINE_OTHER, interrupted);
    deadline_set(&world_cpu.deadlines, &other, page[0] - LEAD / 2);
    world_run_until(page[0] - LEAD);
    assert_int_equal(world_guest(vcpu)->entered, page[0]);
}

/* Its own timer, set by a rounded clock, is a little before what it says: it is not held any longer. */
static void own_timer_ends_the_hold(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();

    page[0] = now() + 20 * MS;
    world_timer(vcpu, page[0]);
    world_block(vcpu);
    world_guest(vcpu)->cval = page[0] - 4;
    world_run_until(page[0] - LEAD);
    assert_int_equal(world_guest(vcpu)->entered, page[0] - 4);
}

static void backlog_is_entered_early(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();

    world_timer(vcpu, now() + 20 * MS);
    page[0] = now() + 60 * MS;
    while (running() == vcpu)
        world_run(MS);
    uint64_t lead = lead_for(&world_cpu.lead, true);
    uint64_t learned = world_cpu.lead.backlog;

    world_run_until(page[0] - lead - 1);
    assert_ptr_equal(running(), hog);
    world_run_until(page[0] - lead);
    assert_ptr_equal(running(), vcpu);
    assert_in_range(world_guest(vcpu)->entered, page[0] - lead, page[0] - lead + LEAD);
    assert_int_equal(vcpu->precise.backlog_until, page[0]);
    world_guest(vcpu)->in_user = true;
    world_timer(vcpu, page[0]);
    world_run_until(page[0]);
    assert_int_equal(vcpu->precise.backlog_until, NONE);
    assert_true(world_cpu.lead.backlog < learned);
}

/* Work that was there before, or was handed on meanwhile, is done while it works off the backlog. */
static void done_before_a_deadline_that_it_was_brought_in_for_goes_on(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();

    world_timer(vcpu, now() + 20 * MS);
    page[0] = now() + 60 * MS;
    while (running() == vcpu)
        world_run(MS);
    world_run_until(page[0] - LEAD);
    assert_ptr_equal(running(), vcpu);
    assert_int_equal(deadline_call_done(vcpu, page[0]), 0);
    assert_int_equal(page[SAYS], 1);
    world_run_until(page[0] + 10 * US);
    assert_ptr_equal(running(), vcpu);
    page[0] = now() + 20 * MS;
    assert_int_equal(deadline_call_done(vcpu, page[0]), 1);
    world_dispatch();
    assert_ptr_equal(running(), hog);
}

static void switch_cost_is_learned(void **state)
{
    (void)state;
    world_cpu.lead.switch_cost = 0;
    struct vcpu *vcpu = add_sleeper(20 * MS);

    world_run_until(page[0] - 1);
    fake_set_reading_cost(50);
    world_run_until(page[0]);
    fake_set_reading_cost(0);
    assert_true(precise_stat(&vcpu->precise, ONTIME_STAT_LATE_MAX) > 0);
    assert_int_equal(world_cpu.lead.switch_cost, precise_stat(&vcpu->precise, ONTIME_STAT_LATE_MAX) + 16);
    assert_int_equal(vm_stat(vcpu->vm, ONTIME_STAT_LEAD_SWITCH), world_cpu.lead.switch_cost);
    assert_int_equal(vm_stat(vcpu->vm, ONTIME_STAT_LEAD_BACKLOG), LEAD_BACKLOG_FIRST_US * US);
}

static void deadline_in_place_warps(void **state)
{
    (void)state;
    struct vcpu *vcpu = add_running();

    page[0] = now() + 10;
    world_run(20);
    assert_false(vcpu->unit.warped);
    vcpu_catch_up(vcpu);
    assert_true(vcpu->unit.warped);
    assert_int_equal(page[SAYS], 1);
    assert_int_equal(precise_stat(&vcpu->precise, ONTIME_STAT_FIRED), 1);
}

/* Another vCPU of the VM takes the deadline out of the page of one that sleeps: its own timer still wakes it.
 */
static void timer_wakes_when_its_page_was_changed(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add(TIMERS_PRECISE, 2);

    world_bring_in(vcpu);
    page = world_share_page(vcpu);
    sleep_until(vcpu, page, now() + 20 * MS);
    uint64_t timer = page[0];

    page[0] = NONE;
    world_run_until(timer + 1);
    assert_true(vcpu->unit.runnable);
    world_bring_in(vcpu);
    sleep_until(vcpu, page, now() + 20 * MS);
    timer = page[0];
    page[0] = timer + MS;
    world_run_until(timer + 1);
    assert_ptr_equal(running(), vcpu);
}

static void changed_page_interrupts_once(void **state)
{
    (void)state;
    struct vcpu *vcpu = world_add_with(TIMERS_PRECISE, 1,
                                       (struct sched_params){.weight = 1, .warp = US, .warp_limit = WORLD_L});

    world_bring_in(vcpu);
    page = world_share_page(vcpu);
    page[0] = now() + 13 * MS;
    while (running() == vcpu)
        world_run(100 * US);
    uint64_t deadline = page[0];

    assert_true(watched_at(vcpu, deadline - LEAD));
    world_run_until(deadline - LEAD - 1);
    page[0] = deadline + 10 * US;
    cpu_charge(&world_cpu, now());
    uint64_t before = hog->stats[ONTIME_STAT_RUN_TICKS];

    fake_set_reading_cost(40);
    world_run_until(deadline - LEAD);
    fake_set_reading_cost(0);
    assert_ptr_equal(running(), hog);
    assert_false(deadline_is_armed(&vcpu->precise_timer));
    assert_true(vcpu->debt > 0);
    assert_int_equal(vcpu->debt, now() - (deadline - LEAD));
    cpu_charge(&world_cpu, now());
    assert_int_equal(hog->stats[ONTIME_STAT_RUN_TICKS], before + 1);

    world_bring_in(vcpu);
    sleep_until(vcpu, page, now() + 2 * MS);
    assert_true(watched_at(vcpu, page[0] - LEAD));
}

static void ticks_come_at_multiples_of_the_period(void **state)
{
    (void)state;
    struct vcpu *ticked = world_add(TIMERS_TICK, 1);
    uint64_t before = now() / (10 * MS);

    cpu_start_tick(&world_cpu, 10 * MS);
    world_run(35 * MS);
    assert_int_equal(world_guest(ticked)->ticks, now() / (10 * MS) - before);
    assert_int_equal(world_guest(hog)->ticks, 0);
    ticked->on = false;
    world_run(20 * MS);
    assert_in_range(world_guest(ticked)->ticks, 3, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(page_is_read_on_leaving, setup),
        cmocka_unit_test_setup(leaving_with_a_tick_before_is_a_backlog, setup),
        cmocka_unit_test_setup(pages_are_checked, setup),
        cmocka_unit_test_setup(page_can_be_withdrawn, setup),
        cmocka_unit_test_setup(page_is_forgotten_when_off, setup),
        cmocka_unit_test_setup(other_modes_have_no_calls, setup),
        cmocka_unit_test_setup(calls_count_too, setup),
        cmocka_unit_test_setup(past_counts_as_seen, setup),
        cmocka_unit_test_setup(earlier_deadline_runs_first, setup),
        cmocka_unit_test_setup(equal_deadlines_do_not_change_places, setup),
        cmocka_unit_test_setup(limit_ends_the_warp, setup),
        cmocka_unit_test_setup(needs_can_only_shorten, setup),
        cmocka_unit_test_setup(page_deadline_is_served_once, setup),
        cmocka_unit_test_setup(done_ends_the_warp, setup),
        cmocka_unit_test_setup(done_with_interrupts_masked_keeps_the_cpu_for_a_moment, setup),
        cmocka_unit_test_setup(done_with_interrupts_masked_before_gives_way_at_once, setup),
        cmocka_unit_test_setup(done_with_interrupts_masked_gives_way_in_the_end, setup),
        cmocka_unit_test_setup(done_with_a_next_that_is_reached_goes_on, setup),
        cmocka_unit_test_setup(done_before_handed_work_is_taken_goes_on, setup),
        cmocka_unit_test_setup(an_urgent_interrupt_of_another_core_is_not_lost_at_done, setup),
        cmocka_unit_test_setup(done_before_an_urgent_interrupt_is_taken_goes_on, setup),
        cmocka_unit_test_setup(an_urgent_interrupt_defers_the_timer, setup),
        cmocka_unit_test_setup(deferral_keeps_no_deadline_waiting, setup),
        cmocka_unit_test_setup(denied_deadline_is_billed_to_its_owner, setup),
        cmocka_unit_test_setup(one_interrupt_for_each_leaving, setup),
        cmocka_unit_test_setup(snooped_timer_warps, setup),
        cmocka_unit_test_setup(snoop_takes_the_earlier_timer, setup),
        cmocka_unit_test_setup(wake_mode_is_not_snooped, setup),
        cmocka_unit_test_setup(snooped_timer_is_forgotten_with_idleness, setup),
        cmocka_unit_test_setup(held_until_the_deadline, setup),
        cmocka_unit_test_setup(held_through_other_interrupts, setup),
        cmocka_unit_test_setup(own_timer_ends_the_hold, setup),
        cmocka_unit_test_setup(backlog_is_entered_early, setup),
        cmocka_unit_test_setup(done_before_a_deadline_that_it_was_brought_in_for_goes_on, setup),
        cmocka_unit_test_setup(switch_cost_is_learned, setup),
        cmocka_unit_test_setup(ticks_come_at_multiples_of_the_period, setup),
        cmocka_unit_test_setup(deadline_in_place_warps, setup),
        cmocka_unit_test_setup(timer_wakes_when_its_page_was_changed, setup),
        cmocka_unit_test_setup(changed_page_interrupts_once, setup),
    };

    return cmocka_run_group_tests_name("vm/precise, vm/dispatch", tests, NULL, NULL);
}
