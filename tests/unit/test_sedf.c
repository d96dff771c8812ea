/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEDF's rules one by one, on a simulated core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "simulation.h"
#include "sched/sedf.h"

#define MS     SIM_MS
#define PERIOD (10 * MS)
#define START  12345

static struct simulation sim;

static int setup(void **state)
{
    (void)state;
    sim_init(&sim, "sedf", 0, START);
    return 0;
}

static unsigned add(uint32_t weight)
{
    return sim_add(&sim, (struct sched_params){.weight = weight});
}

static void idle_and_alone(void **state)
{
    (void)state;
    unsigned unit = add(1);

    assert_int_equal(sim_running(&sim), -1);
    sim_wake(&sim, unit);
    assert_int_equal(sim_running(&sim), unit);
    assert_int_equal(sim.until, SCHED_NEVER);
    sim_advance(&sim, 1000 * PERIOD);
    assert_int_equal(sim.timed_picks, 0);
    sim_wake(&sim, unit);
    sim_block(&sim, unit);
    sim_block(&sim, unit);
    assert_int_equal(sim_running(&sim), -1);
}

/* The one that ends a period begins the next: it has the earliest deadline then. */
static void each_has_its_slice_in_each_period(void **state)
{
    (void)state;
    unsigned one = add(1);
    unsigned three = add(3);

    sim_wake(&sim, one);
    sim_wake(&sim, three);
    for (unsigned period = 1; period <= 100; period++) {
        sim_advance(&sim, PERIOD);
        assert_true(sim.ran[one] == period * PERIOD / 4.0);
        assert_true(sim.ran[three] == period * PERIOD * 0.75);
    }
    assert_in_range(sim.switches, 100, 102);
}

static void slices_count_the_blocked(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = add(1);

    (void)add(2);
    sim_wake(&sim, a);
    sim_wake(&sim, b);
    assert_int_equal(sedf_unit(&sim.units[a])->slice, PERIOD / 4);
    assert_int_equal(sim.until, sim.now + PERIOD / 4);
}

/* Half of the CPU is nobody's: it goes to the others by weight. */
static void extra_time_is_shared(void **state)
{
    (void)state;
    unsigned one = add(1);
    unsigned four = add(4);
    unsigned asleep = add(5);

    sim_wake(&sim, one);
    sim_wake(&sim, four);
    sim_advance(&sim, 1000 * PERIOD);
    assert_true(sim.ran[one] > 199 * PERIOD && sim.ran[one] < 201 * PERIOD);
    assert_true(sim.ran[four] > 799 * PERIOD && sim.ran[four] < 801 * PERIOD);
    assert_true(sim.ran[asleep] == 0);
}

static void a_slice_interrupts_extra_time(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = add(1);

    sim_wake(&sim, a);
    sim_advance(&sim, PERIOD / 2 + MS);
    sim_wake(&sim, b);
    assert_int_equal(sim_running(&sim), b);
    assert_int_equal(sim.until, sim.now + PERIOD / 2);
    sim_advance(&sim, PERIOD / 2);
    assert_int_equal(sim_running(&sim), a);
    assert_false(sedf_queue(&sim.queue)->on_extra); /* its period began meanwhile */
}

/* Each until a quantum ahead of the other, but for the first. */
static void extra_time_is_given_in_quanta(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = add(1);

    (void)add(3);
    sim_wake(&sim, a);
    sim_wake(&sim, b);
    sim_advance(&sim, 4 * MS);
    int first = sim_running(&sim);

    assert_true(sedf_queue(&sim.queue)->on_extra);
    assert_int_equal(sim.until, sim.now + MS / 2 + 1);
    sim_advance(&sim, MS / 2 + 1);
    assert_int_equal(sim_running(&sim), (int)(a + b) - first);
    assert_int_equal(sim.until, sim.now + MS + 2);
    sim_advance(&sim, MS + 2);
    assert_int_equal(sim_running(&sim), first);
}

/* Two have contended for it meanwhile. */
static void sleeping_earns_no_extra_time(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = add(1);
    unsigned sleeper = add(1);

    (void)add(17);
    sim_wake(&sim, a);
    sim_wake(&sim, b);
    sim_advance(&sim, 100 * PERIOD);
    sim_wake(&sim, sleeper);
    double before = sim.ran[sleeper];

    sim_advance(&sim, 12 * PERIOD);
    assert_true(sim.ran[sleeper] - before >= 3.5 * PERIOD);
    assert_true(sim.ran[sleeper] - before <= 4.5 * PERIOD);
}

static void short_blocks_count_as_used(void **state)
{
    (void)state;
    unsigned hog = add(1);
    unsigned sleeper = add(1);

    sim_wake(&sim, sleeper);
    sim_wake(&sim, hog);
    sim_advance(&sim, MS);
    sim_block(&sim, sleeper);
    sim_advance(&sim, 2 * MS);
    sim_wake(&sim, sleeper);
    assert_int_equal(sedf_unit(&sim.units[sleeper])->used, 3 * MS);
    sim_advance(&sim, 3 * MS);
    assert_int_equal(sim_running(&sim), sleeper); /* equal deadlines: the hog had its slice first */
    sim_block(&sim, sleeper);
    sim_advance(&sim, 3 * MS);
    sim_wake(&sim, sleeper);
    assert_int_equal(sedf_unit(&sim.units[sleeper])->used, PERIOD / 2);
    assert_int_equal(sim_running(&sim), hog); /* in extra time */
    sim_advance(&sim, MS);
    assert_int_equal(sim.now, START + PERIOD);
    assert_int_equal(sedf_unit(&sim.units[sleeper])->used, 0);
}

/* The hog runs in extra time by then, though nobody looked when its periods began. */
static void a_long_block_begins_a_period(void **state)
{
    (void)state;
    unsigned hog = add(1);
    unsigned sleeper = add(1);

    sim_wake(&sim, hog);
    sim_wake(&sim, sleeper);
    sim_block(&sim, sleeper);
    sim_advance(&sim, 100 * PERIOD + 7 * MS);
    assert_int_equal(sim.timed_picks, 0);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), sleeper);
    assert_int_equal(sedf_unit(&sim.units[hog])->deadline, START + 101 * PERIOD);
    assert_int_equal(sedf_unit(&sim.units[sleeper])->deadline, sim.now + PERIOD);
    assert_int_equal(sim.until, sim.now + PERIOD / 2);
}

/* The same hog on its slice keeps the CPU as long as that lasts. */
static void periods_go_on_while_alone(void **state)
{
    (void)state;
    unsigned hog = add(1);
    unsigned sleeper = add(1);

    sim_wake(&sim, hog);
    sim_advance(&sim, 100 * PERIOD + 2 * MS);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), hog);
    assert_int_equal(sim.until, sim.now + PERIOD / 2 - 2 * MS);
    sim_advance(&sim, PERIOD / 2 - 2 * MS);
    assert_int_equal(sim_running(&sim), sleeper);
}

/* With a slice of its own left, the one that runs is not interrupted: its deadline is earlier. */
static void a_wake_up_can_wait_for_a_slice(void **state)
{
    (void)state;
    unsigned hog = add(1);
    unsigned sleeper = add(1);

    sim_wake(&sim, hog);
    sim_advance(&sim, MS);
    sim_wake(&sim, sleeper);
    assert_int_equal(sim_running(&sim), hog);
    sim_advance(&sim, PERIOD / 2 - MS);
    assert_int_equal(sim_running(&sim), sleeper);
}

static void run_late(unsigned unit, uint64_t ticks)
{
    sim.now += ticks;
    sim.queue.policy->charge(&sim.queue, &sim.units[unit], ticks, sim.now);
    sim_wake(&sim, unit);
}

static void what_ran_late_is_paid_back(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = add(1);

    sim_wake(&sim, a);
    sim_wake(&sim, b);
    run_late(a, PERIOD / 2 + MS);
    assert_int_equal(sim_running(&sim), b);
    sim_advance(&sim, PERIOD / 2 - MS);
    assert_int_equal(sedf_unit(&sim.units[a])->used, MS);
    sim_block(&sim, b);
    run_late(a, PERIOD); /* alone, that is extra time */
    assert_true(sedf_unit(&sim.units[a])->used <= PERIOD / 2);
}

static void there_are_no_warps(void **state)
{
    (void)state;
    unsigned a = add(1);
    unsigned b = sim_add(&sim, (struct sched_params){.weight = 1, .warp = 5 * MS, .warp_limit = 3 * MS});

    sim_wake(&sim, a);
    assert_false(sim_wake_warped(&sim, b));
    assert_int_equal(sim_running(&sim), a);
    assert_false(sim.units[b].warped);
    assert_false(sim_unwarp(&sim, b));
}

/* However the others behave, one that always runs gets its slice in any two periods. */
static void a_hog_gets_its_slice(void **state)
{
    struct random random = {51};

    (void)state;
    for (unsigned system = 0; system < 100; system++) {
        unsigned units = (unsigned)random_between(&random, 2, SIM_UNITS);

        sim_init(&sim, "sedf", 0, random_below(&random, UINT64_C(1) << 32) << 30);
        for (unsigned i = 0; i < units; i++)
            (void)add((uint32_t)random_between(&random, 1, 20));
        sim_wake(&sim, 0);
        for (unsigned window = 0; window < 50; window++) {
            double before = sim.ran[0];
            uint64_t end = sim.now + 2 * PERIOD;

            while (sim.now < end) {
                unsigned unit = (unsigned)random_between(&random, 1, units - 1);
                uint64_t step = random_below(&random, 2 * MS);

                if (random_below(&random, 3) == 0)
                    sim_block(&sim, unit);
                else
                    sim_wake(&sim, unit);
                sim_advance(&sim, step < end - sim.now ? step : end - sim.now);
            }
            /* Each slice is rounded up. */
            assert_true(sim.ran[0] - before >= (double)sedf_unit(&sim.units[0])->slice - SIM_UNITS);
        }
    }
}

static void busy_units_keep_their_shares(void **state)
{
    struct random random = {52};

    (void)state;
    for (unsigned system = 0; system < 50; system++) {
        double weights = 0;
        double total = 1000.0 * PERIOD;

        sim_init(&sim, "sedf", 0, random_below(&random, 1000000));
        for (unsigned i = 0; i < SIM_UNITS; i++) {
            (void)add((uint32_t)random_between(&random, 1, 100));
            weights += sim.units[i].params.weight;
        }
        for (unsigned i = 0; i < SIM_UNITS; i++)
            sim_wake(&sim, i);
        sim_advance(&sim, 1000 * PERIOD);
        for (unsigned i = 0; i < SIM_UNITS; i++) {
            double share = total * sim.units[i].params.weight / weights;

            assert_true(sim.ran[i] > share - 0.01 * total && sim.ran[i] < share + 0.01 * total);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(idle_and_alone, setup),
        cmocka_unit_test_setup(each_has_its_slice_in_each_period, setup),
        cmocka_unit_test_setup(slices_count_the_blocked, setup),
        cmocka_unit_test_setup(extra_time_is_shared, setup),
        cmocka_unit_test_setup(a_slice_interrupts_extra_time, setup),
        cmocka_unit_test_setup(extra_time_is_given_in_quanta, setup),
        cmocka_unit_test_setup(sleeping_earns_no_extra_time, setup),
        cmocka_unit_test_setup(short_blocks_count_as_used, setup),
        cmocka_unit_test_setup(a_long_block_begins_a_period, setup),
        cmocka_unit_test_setup(periods_go_on_while_alone, setup),
        cmocka_unit_test_setup(a_wake_up_can_wait_for_a_slice, setup),
        cmocka_unit_test_setup(what_ran_late_is_paid_back, setup),
        cmocka_unit_test_setup(there_are_no_warps, setup),
        cmocka_unit_test(a_hog_gets_its_slice),
        cmocka_unit_test(busy_units_keep_their_shares),
    };

    return cmocka_run_group_tests_name("sched/sedf", tests, NULL, NULL);
}
