/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher and precise timers under guests that say anything at any time: garbage in their pages, which
 * changes between any two looks of EL2, and calls with any arguments. Beside them a hog that always runs, and
 * an honest guest that sleeps by its page. After each step: who is warped is told so, nobody sleeps through
 * his own timer, the honest guest's comparator interrupt comes when it is due, no guest causes more than one
 * of them while it is out, and every tick is charged to exactly one vCPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core_world.h"
#include "devices/deadline_calls.h"
#include "random.h"

#define US        WORLD_US
#define MS        (1000 * US)
#define SYSTEMS   40
#define STEPS     20000
#define SEED      31
#define ATTACKERS 3 /* VMs of two vCPUs */
#define NONE      ONTIME_NO_DEADLINE

static struct random random;
static struct random noise; /* what the pages are scribbled with */
static struct vcpu *hog, *honest, *claimer, *snooped, *attacker[ATTACKERS];
static volatile uint64_t *honest_page;
static uint64_t honest_due; /* its comparator's instant, NONE while it runs or was fetched */
static uint64_t honest_fired;
static uint64_t claimer_fetched; /* its comparator interrupts when it last had the CPU, */
static uint64_t claimer_left;    /* and how often it had left it */
static uint64_t fetches, denied, unwarped;

static uint64_t any_word(struct random *from)
{
    uint64_t now = fake_counter();

    switch (random_below(from, 8)) {
    case 0:
        return 0;
    case 1:
        return NONE;
    case 2:
        return NONE - random_below(from, 4);
    case 3:
        return now - random_below(from, 20 * MS);
    case 4:
        return random_below(from, UINT64_C(1) << 32) << 32 | random_below(from, UINT64_C(1) << 32);
    case 5:
        return now + random_below(from, 20 * MS);
    default:
        return now + random_below(from, 300 * US);
    }
}

/* Another CPU's store. */
static void scribble(void)
{
    for (unsigned i = 0; i < ATTACKERS; i++) {
        volatile uint64_t *page;

        if (attacker[i] == NULL || random_below(&noise, 3) != 0)
            continue;
        page = world_page(attacker[i], (unsigned)random_below(&noise, 2));
        page[random_below(&noise, 2)] = any_word(&noise);
    }
}

static void make_system(uint64_t seed)
{
    random = (struct random){seed};
    noise = (struct random){seed + 1000};
    for (unsigned i = 0; i < ATTACKERS; i++)
        attacker[i] = NULL;
    world_policy = random_below(&random, 2) ? "cbs" : "bvt";
    world_reset(scribble);
    fake_set_reading_cost(random_below(&random, 2) ? random_below(&random, 60) : 0);
    hog = world_add(TIMERS_WAKE, 1);
    honest = world_add(TIMERS_PRECISE, 1);
    claimer = world_add(TIMERS_PRECISE, 1);
    snooped = world_add(TIMERS_SNOOP, 1);
    for (unsigned i = 0; i < ATTACKERS; i++) {
        struct sched_params params = {
            .weight = (uint32_t)random_between(&random, 1, 4),
            .warp = random_below(&random, WORLD_W),
            .warp_limit = random_below(&random, WORLD_L),
            .unwarp = random_below(&random, 2) ? random_below(&random, MS) : 0,
            .horizon = random_below(&random, WORLD_H),
            .job = random_below(&random, WORLD_L),
        };

        attacker[i] = world_add_with(TIMERS_PRECISE, 2, params);
    }
    world_bring_in(hog);
    world_bring_in(honest);
    honest_page = world_share_page(honest);
    honest_due = NONE;
    world_bring_in(claimer);
    (void)world_share_page(claimer);
    claimer_fetched = world_guest(claimer)->fetched;
    claimer_left = claimer->stats[ONTIME_STAT_SWITCHES] - 1;
}

static void each_vcpu(void (*visit)(struct vcpu *vcpu))
{
    for (unsigned i = 0; i < vm_count; i++)
        for (unsigned k = 0; k < vms[i]->vcpu_count; k++)
            visit(&vms[i]->vcpus[k]);
}

/* Whose page changes while EL2 looks at it may oversleep, and has only itself to blame. */
static bool is_scribbled(const struct vcpu *vcpu)
{
    return vcpu->vm->index >= attacker[0]->vm->index;
}

static void check_vcpu(struct vcpu *vcpu)
{
    const struct world_guest *guest = world_guest(vcpu);

    if (vcpu->precise.page != NULL)
        assert_int_equal(vcpu->precise.page[ONTIME_PAGE_WARPED / 8], vcpu->unit.warped);
    assert_true(!vcpu->unit.warped || vcpu->unit.runnable);
    if (!vcpu->unit.runnable && !is_scribbled(vcpu))
        assert_true(guest->expired || guest->cval > fake_counter());
    if (vcpu == world_cpu.current)
        assert_false(deadline_is_armed(&vcpu->precise_timer));
    else if (deadline_is_armed(&vcpu->precise_timer))
        assert_true(fake_comparator() <= vcpu->precise_timer.node.key);
}

static void check_honest(void)
{
    if (honest_due != NONE && fake_counter() >= honest_due) {
        assert_true(precise_stat(&honest->precise, ONTIME_STAT_FIRED) > honest_fired);
        assert_true(honest->unit.runnable);
        honest_due = NONE;
        fetches++;
    }
}

static void check_claimer(void)
{
    uint64_t left = claimer->stats[ONTIME_STAT_SWITCHES] - (claimer == world_cpu.current);

    assert_true(world_guest(claimer)->fetched - claimer_fetched <= left - claimer_left);
    if (claimer == world_cpu.current) {
        claimer_fetched = world_guest(claimer)->fetched;
        claimer_left = left;
    }
}

static void check(void)
{
    each_vcpu(check_vcpu);
    check_honest();
    check_claimer();
}

static void honest_step(void)
{
    uint64_t deadline = fake_counter() + random_between(&random, 1, 20 * MS);

    if (honest->unit.warped) {
        world_run(random_below(&random, 30 * US));
        check();
        if (world_cpu.current != honest)
            return;
    }
    honest_page[0] = deadline;
    unwarped += (uint64_t)deadline_call_done(honest, deadline);
    world_dispatch();
    if (world_cpu.current != honest)
        return;
    world_timer(honest, deadline);
    if (world_cpu.current != honest || world_guest(honest)->expired)
        return;
    world_block(honest);
    if (!deadline_is_armed(&honest->precise_timer))
        return;
    honest_fired = precise_stat(&honest->precise,
                                ONTIME_STAT_FIRED); /* without one it was entered early for, and replaced */
    honest_due = honest->precise_timer.node.key;    /* not before the next interrupt, if it is past */
    assert_true(deadline_when(&honest->precise_timer) <= deadline);
    assert_true(deadline - deadline_when(&honest->precise_timer) <= LEAD_SWITCH_MAX_US * US);
}

static void wait_for_interrupt(struct vcpu *vcpu)
{
    world_timer(vcpu, random_below(&random, 4) ? fake_counter() + random_below(&random, 10 * MS) : NONE);
    if (vcpu == world_cpu.current && !world_guest(vcpu)->expired)
        world_block(vcpu);
}

/* What any guest may do. */
static void any_call(struct vcpu *vcpu)
{
    uint64_t id = random_below(&random, ONTIME_DEADLINES + 1);
    uint64_t deadline, warped;

    switch (random_below(&random, 7)) {
    case 0:
        (void)deadline_call_cancel(vcpu, id);
        break;
    case 1:
        unwarped += (uint64_t)deadline_call_done(vcpu, any_word(&random));
        break;
    case 2:
        (void)deadline_call_query(vcpu, id, &deadline, &warped);
        break;
    default:
        (void)deadline_call_arm(vcpu, any_word(&random), id);
    }
}

static void attack(struct vcpu *vcpu)
{
    switch (random_below(&random, 8)) {
    case 0:
        wait_for_interrupt(vcpu);
        break;
    case 1:
        (void)deadline_call_page(vcpu, random_below(&random, 3)
                                           ? GUEST_RAM_BASE + vcpu->index * ONTIME_PAGE_SIZE
                                           : any_word(&random));
        break;
    case 2:
        world_guest(vcpu)->masks = random_below(&random, 2);
        world_guest(vcpu)->masks_at_call = world_guest(vcpu)->masks;
        world_guest(vcpu)->in_user = !world_guest(vcpu)->masks;
        break;
    case 3:
        world_timer(vcpu, any_word(&random));
        break;
    case 4:
        if (random_below(&random, 8) == 0)
            world_power_off(vcpu);
        break;
    default:
        any_call(vcpu);
    }
    world_dispatch();
}

/* It keeps its page to itself and writes it only when it runs. */
static void claim(void)
{
    claimer->precise.page[0] = any_word(&random);
    claimer->precise.page[1] = any_word(&random);
    if (random_below(&random, 8) == 0)
        wait_for_interrupt(claimer);
    else
        any_call(claimer);
    world_dispatch();
}

static void from_outside(void)
{
    struct vcpu *vcpu = &attacker[random_below(&random, ATTACKERS)][random_below(&random, 2)];

    if (!vcpu->on)
        world_power_on(vcpu);
    vcpu_wake(random_below(&random, 8) ? vcpu : snooped);
    world_dispatch();
}

static void step(void)
{
    struct vcpu *vcpu = world_cpu.current;

    if (random_below(&random, 8) == 0)
        from_outside();
    else if (vcpu == honest)
        honest_step();
    else if (random_below(&random, 2) == 0 || vcpu == hog)
        world_run(random_below(&random, random_below(&random, 2) ? 3 * MS : 50 * US));
    else if (vcpu == claimer)
        claim();
    else if (vcpu == snooped)
        wait_for_interrupt(snooped);
    else
        attack(vcpu);
    check();
}

static uint64_t charged, denied_here;

static void add_charged(struct vcpu *vcpu)
{
    charged += vcpu->stats[ONTIME_STAT_RUN_TICKS] + vcpu->debt;
    denied_here += vcpu->stats[ONTIME_STAT_WARPS_DENIED];
}

/* In all, with what is billed and not yet paid. */
static uint64_t all_charged(void)
{
    charged = denied_here = 0;
    (void)cpu_charge(&world_cpu, fake_counter());
    each_vcpu(add_charged);
    return charged;
}

static void anything_goes(void **state)
{
    (void)state;
    print_message("seeds %u to %u\n", SEED, SEED + SYSTEMS - 1);
    fetches = denied = unwarped = 0;
    for (unsigned system = 0; system < SYSTEMS; system++) {
        make_system(SEED + system);
        uint64_t before = all_charged();
        uint64_t start = fake_counter();

        for (unsigned i = 0; i < STEPS; i++) {
            step();
            if (i % 64 == 0)
                assert_int_equal(all_charged() - before, fake_counter() - start);
        }
        assert_int_equal(all_charged() - before, fake_counter() - start);
        denied += denied_here;
    }
    print_message("%u comparator interrupts for the honest guest, %u deadlines denied, %u done\n",
                  (unsigned)fetches, (unsigned)denied, (unsigned)unwarped);
    assert_true(fetches > 20 * SYSTEMS && denied > 10 * SYSTEMS && unwarped > 10 * SYSTEMS);
}

/*
 * An honest guest among others as honest, all of which have W left: they are fetched at the learned lead and
 * entered in time, but for those whose turn another's work takes.
 */
static void the_honest_are_on_time(void **state)
{
    uint64_t deadlines[WORLD_VMS] = {0};
    unsigned entries[WORLD_VMS] = {0};
    unsigned entered = 0;

    (void)state;
    print_message("seed %u\n", SEED);
    random = (struct random){SEED};
    world_reset(NULL);
    hog = world_add(TIMERS_WAKE, 1);
    world_bring_in(hog);
    for (unsigned i = 1; i < WORLD_VMS; i++) {
        world_bring_in(world_add(TIMERS_PRECISE, 1));
        (void)world_share_page(vms[i]->vcpus);
    }
    for (unsigned i = 0; i < STEPS * 5; i++) {
        struct vcpu *vcpu = world_cpu.current;

        if (vcpu == hog) {
            world_run(20 * US);
            continue;
        }
        unsigned number = vcpu->vm->index;

        if (world_guest(vcpu)->entries != entries[number]) {
            assert_true(world_guest(vcpu)->entered >= deadlines[number]);
            assert_true(world_guest(vcpu)->entered <= deadlines[number] + WORLD_VMS * 50 * US);
            entered++;
            world_run(random_below(&random, 30 * US));
        }
        if (world_cpu.current != vcpu)
            continue;
        deadlines[number] = fake_counter() + random_between(&random, MS, 20 * MS);
        entries[number] = world_guest(vcpu)->entries;
        vcpu->precise.page[0] = deadlines[number];
        world_timer(vcpu, deadlines[number]);
        (void)deadline_call_done(vcpu, deadlines[number]);
        world_dispatch();
        if (world_cpu.current == vcpu)
            world_block(vcpu);
    }
    assert_true(entered > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything_goes),
        cmocka_unit_test(the_honest_are_on_time),
    };

    return cmocka_run_group_tests_name("vm/precise, vm/dispatch, random guests", tests, NULL, NULL);
}
