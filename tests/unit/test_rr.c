/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round robin's rules one by one, on a simulated core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "simulation.h"

#define C     1000
#define START 12345

static struct simulation sim;

static int setup(void **state)
{
    (void)state;
    sim_init(&sim, "rr", C, START);
    return 0;
}

static unsigned add_hog(uint32_t weight)
{
    unsigned unit = sim_add(&sim, (struct sched_params){.weight = weight});

    sim_wake(&sim, unit);
    return unit;
}

static void each_has_its_turn(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);
    unsigned c = add_hog(1);

    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(sim_running(&sim), a);
        assert_int_equal(sim.until, sim.now + C);
        sim_advance(&sim, C - 1);
        assert_int_equal(sim_running(&sim), a);
        sim_advance(&sim, 1);
        assert_int_equal(sim_running(&sim), b);
        sim_advance(&sim, C);
        assert_int_equal(sim_running(&sim), c);
        sim_advance(&sim, C);
    }
}

static void a_turn_is_weighted(void **state)
{
    (void)state;
    unsigned one = add_hog(1);
    unsigned three = add_hog(3);

    sim_advance(&sim, 400 * C);
    assert_true(sim.ran[one] == 100 * C);
    assert_true(sim.ran[three] == 300 * C);
}

static void no_allowance_still_makes_progress(void **state)
{
    (void)state;
    sim_init(&sim, "rr", 0, START);
    unsigned a = add_hog(1);
    (void)add_hog(1);

    sim_advance(&sim, 1000);
    assert_true(sim.ran[a] == 500);
    assert_int_equal(sim.timed_picks, 1000);
}

static void a_wake_up_waits_for_all_others(void **state)
{
    (void)state;
    unsigned sleeper = sim_add(&sim, (struct sched_params){.weight = 1});
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    sim_advance(&sim, C / 2);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), a);
    sim_advance(&sim, C / 2);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, C - 1);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, 1);
    assert_int_equal(sim_running(&sim), sleeper);
}

static void blocking_gives_the_turn_up(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    sim_advance(&sim, C / 2);
    sim_block(&sim, a);
    assert_int_equal(sim_running(&sim), b);
    sim_wake(&sim, a);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, C);
    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(sim.until, sim.now + C);
    sim_block(&sim, b);
    assert_int_equal(sim.until, SCHED_NEVER);
    sim_block(&sim, a);
    assert_int_equal(sim_running(&sim), -1);
}

/* Blocked and woken before anybody looked: no new turn, or it could go on for ever. */
static void blocking_for_no_time_gains_nothing(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    sim_advance(&sim, C / 2);
    sim.queue.policy->block(&sim.queue, &sim.units[a], sim.now);
    sim_wake(&sim, a);
    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(sim.until, sim.now + C / 2);
    sim_advance(&sim, C / 2);
    assert_int_equal(sim_running(&sim), b);
}

static void alone_one_turn_follows_another(void **state)
{
    (void)state;
    unsigned a = add_hog(1);

    assert_int_equal(sim.until, SCHED_NEVER);
    sim_advance(&sim, 1000000 * (uint64_t)C + 300);
    unsigned b = add_hog(1);

    assert_int_equal(sim_running(&sim), a);
    assert_int_equal(sim.until, sim.now + C - 300);
    sim_advance(&sim, C - 300);
    assert_int_equal(sim_running(&sim), b);
}

/* As a guest's grace makes it. */
static void a_late_charge_ends_the_turn(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = add_hog(1);

    sim.now += C + 77;
    sim.queue.policy->charge(&sim.queue, &sim.units[a], C + 77, sim.now);
    sim_advance(&sim, 0);
    sim_wake(&sim, b);
    assert_int_equal(sim_running(&sim), b);
    assert_int_equal(sim.until, sim.now + C);
}

static void there_are_no_warps(void **state)
{
    (void)state;
    unsigned a = add_hog(1);
    unsigned b = sim_add(&sim, (struct sched_params){.weight = 1, .warp = 5 * C, .warp_limit = 3 * C});

    assert_false(sim_wake_warped(&sim, b));
    assert_int_equal(sim_running(&sim), a);
    assert_false(sim.units[b].warped);
    assert_false(sim_unwarp(&sim, b));
}

/* However the others behave, nobody waits longer than for a turn of each of them. */
static void nobody_waits_longer_than_a_round(void **state)
{
    struct random random = {31};

    (void)state;
    for (unsigned system = 0; system < 50; system++) {
        uint64_t round = 0;
        uint64_t waited = 0;

        sim_init(&sim, "rr", C, random_below(&random, UINT64_C(1) << 32) << 30);
        for (unsigned i = 0; i < SIM_UNITS; i++) {
            uint32_t weight = (uint32_t)random_between(&random, 1, 9);

            round += i != 0 ? weight * C : 0;
            (void)sim_add(&sim, (struct sched_params){.weight = weight});
        }
        sim_wake(&sim, 0);
        for (unsigned step = 0; step < 2000; step++) {
            unsigned unit = (unsigned)random_between(&random, 1, SIM_UNITS - 1);
            uint64_t ticks = random_below(&random, C / 2);

            if (random_below(&random, 3) == 0)
                sim_block(&sim, unit);
            else
                sim_wake(&sim, unit);
            double before = sim.ran[0];

            sim_advance(&sim, ticks);
            waited = sim.ran[0] > before ? 0 : waited + ticks;
            assert_true(waited <= round);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_has_its_turn, setup),
        cmocka_unit_test_setup(a_turn_is_weighted, setup),
        cmocka_unit_test_setup(no_allowance_still_makes_progress, setup),
        cmocka_unit_test_setup(a_wake_up_waits_for_all_others, setup),
        cmocka_unit_test_setup(blocking_gives_the_turn_up, setup),
        cmocka_unit_test_setup(blocking_for_no_time_gains_nothing, setup),
        cmocka_unit_test_setup(alone_one_turn_follows_another, setup),
        cmocka_unit_test_setup(a_late_charge_ends_the_turn, setup),
        cmocka_unit_test_setup(there_are_no_warps, setup),
        cmocka_unit_test(nobody_waits_longer_than_a_round),
    };

    return cmocka_run_group_tests_name("sched/rr", tests, NULL, NULL);
}
