/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Linux module's tasks that have joined the work of a deadline, on a piece of Linux (tests/unit/kernel),
 * by themselves and under random use beside a model. Tasks are only names to it, so here they are numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/smp.h>

#include "random.h"
#include "work.h"

#define RUNS  300
#define STEPS 1000
#define TASKS 12
#define MINE  1

static const struct task_struct *task(uintptr_t number)
{
    return (const struct task_struct *)number;
}

static int setup(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++)
        works[cpu] = (struct work){0};
    kernel_cpu = MINE;
    work_init();
    return 0;
}

static struct work *mine(void)
{
    return &works[MINE];
}

static void none_has_joined(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++) {
        assert_false(work_is_on(&works[cpu]));
        assert_int_equal(work_of(&works[cpu], task(11)), ONTIME_NO_DEADLINE);
    }
}

/* The work is on, for the earliest deadline, until all have left. */
static void work_goes_on(void **state)
{
    (void)state;
    assert_true(work_join(MINE, task(11), 500));
    assert_true(work_join(MINE, task(12), 400));
    assert_true(work_join(MINE, task(13), 600));
    assert_int_equal(mine()->first, 400);
    assert_int_equal(work_of(mine(), task(11)), 500);
    assert_int_equal(work_of(mine(), task(14)), ONTIME_NO_DEADLINE);
    assert_false(work_is_on(&works[0]));
    work_look(mine(), task(12), NULL, false, 0);
    assert_int_equal(mine()->first, 500);
    work_look(mine(), task(14), NULL, false, 0);
    work_look(mine(), NULL, NULL, false, 0);
    assert_int_equal(mine()->first, 500);
    work_look(mine(), task(13), NULL, false, 0);
    work_look(mine(), task(11), NULL, false, 0);
    assert_false(work_is_on(mine()));
}

static void so_many_can_join(void **state)
{
    (void)state;
    for (uintptr_t i = 0; i < WORK_TASKS; i++)
        assert_true(work_join(MINE, task(11 + i), 500));
    assert_false(work_join(MINE, task(10), 400));
    assert_int_equal(mine()->first, 500);
    work_look(mine(), task(13), NULL, false, 0);
    assert_true(work_join(MINE, task(10), 400));
    assert_false(work_join(MINE, task(9), 400));
    for (uintptr_t i = 0; i < WORK_TASKS; i++)
        work_look(mine(), task(11 + i), NULL, false, 0);
    assert_int_equal(mine()->first, 400);
}

static void old_work_is_given_up(void **state)
{
    (void)state;
    assert_true(work_join(MINE, task(11), 500));
    assert_true(work_join(MINE, task(12), 600));
    work_look(mine(), NULL, NULL, false, 499);
    assert_int_equal(mine()->first, 500);
    work_look(mine(), NULL, NULL, false, 500);
    assert_int_equal(work_of(mine(), task(11)), ONTIME_NO_DEADLINE);
    assert_int_equal(mine()->first, 600);
    work_look(mine(), NULL, NULL, false, 1000);
    assert_false(work_is_on(mine()));
}

/* Another CPU frees the place, and this one sees that when it looks next. */
static void task_moves_away(void **state)
{
    (void)state;
    assert_true(work_join(MINE, task(11), 500));
    assert_true(work_join(MINE, task(12), 600));
    kernel_cpu = 0;
    assert_int_equal(work_leave(mine(), task(11)), 500);
    assert_int_equal(work_leave(mine(), task(13)), ONTIME_NO_DEADLINE);
    kernel_cpu = MINE;
    assert_int_equal(work_of(mine(), task(11)), ONTIME_NO_DEADLINE);
    assert_int_equal(work_of(mine(), task(12)), 600);
    work_look(mine(), NULL, NULL, false, 0);
    assert_int_equal(mine()->first, 600);
}

/* Another CPU hands work on, which this one is told of once. */
static void task_joins_from_another_cpu(void **state)
{
    (void)state;
    assert_true(work_join(MINE, task(11), 500));
    assert_false(work_take_handed_on(mine()));
    kernel_cpu = 0;
    assert_true(work_join(MINE, task(12), 400));
    kernel_cpu = MINE;
    assert_int_equal(work_of(mine(), task(12)), 400);
    assert_int_equal(mine()->first, 400);
    assert_true(work_take_handed_on(mine()));
    assert_false(work_take_handed_on(mine()));
    kernel_cpu = 0;
    for (uintptr_t i = 2; i < WORK_TASKS; i++)
        assert_true(work_join(MINE, task(11 + i), 500));
    assert_true(work_take_handed_on(mine()));
    assert_false(work_join(MINE, task(10), 300));
    assert_false(work_take_handed_on(mine()));
    assert_int_equal(mine()->first, 400);
}

/* A CPU that goes idle has no work but what is on its way to it, which it keeps until it has switched to it.
 */
static void idle_cpu_keeps_what_is_coming(void **state)
{
    (void)state;
    assert_true(work_join(MINE, task(11), 500));
    kernel_cpu = 0;
    assert_true(work_join(MINE, task(12), 400));
    assert_true(work_join(MINE, task(13), 450));
    kernel_cpu = MINE;
    for (unsigned times = 0; times < 3; times++) {
        work_look(mine(), NULL, task(14), false, 0);
        work_look(mine(), task(14), NULL, true, 0);
        assert_int_equal(mine()->first, 400);
        assert_int_equal(work_of(mine(), task(11)), ONTIME_NO_DEADLINE);
    }
    work_look(mine(), NULL, task(12), false, 0);
    assert_int_equal(mine()->first, 400);
    work_look(mine(), NULL, NULL, true, 0);
    assert_int_equal(mine()->first, 450);
    work_look(mine(), NULL, NULL, true, 450);
    assert_false(work_is_on(mine()));
}

static u64 model[TASKS + 1]; /* the deadline of each task; 0: it has not joined */

static u64 first_of_model(void)
{
    u64 first = ONTIME_NO_DEADLINE;

    for (int i = 1; i <= TASKS; i++)
        first = model[i] != 0 && model[i] < first ? model[i] : first;
    return first;
}

static int joined(void)
{
    int sum = 0;

    for (int i = 1; i <= TASKS; i++)
        sum += model[i] != 0;
    return sum;
}

static void step(struct random *random)
{
    uintptr_t number = random_between(random, 1, TASKS);
    u64 time = random_between(random, 1, 1000), until = random_below(random, 4) == 0 ? time : 0;
    bool room = joined() < WORK_TASKS;

    switch (random_below(random, 4)) {
    case 0:
    case 1:
        if (model[number] != 0)
            return;
        assert_int_equal(work_join(MINE, task(number), time), room);
        model[number] = room ? time : 0;
        break;
    case 2:
        assert_int_equal(work_leave(mine(), task(number)),
                         model[number] != 0 ? model[number] : ONTIME_NO_DEADLINE);
        work_look(mine(), NULL, NULL, false, 0);
        model[number] = 0;
        break;
    default:
        work_look(mine(), task(number), NULL, false, until);
        model[number] = 0;
        for (int i = 1; i <= TASKS; i++)
            model[i] = model[i] <= until ? 0 : model[i];
        break;
    }
}

static void as_the_model(void **state)
{
    for (uint64_t run = 0; run < RUNS; run++) {
        struct random random = {run};

        (void)setup(state);
        for (int i = 1; i <= TASKS; i++)
            model[i] = 0;
        for (int i = 0; i < STEPS; i++) {
            step(&random);
            assert_int_equal(mine()->first, first_of_model());
            for (uintptr_t j = 1; j <= TASKS; j++)
                assert_int_equal(work_of(mine(), task(j)), model[j] != 0 ? model[j] : ONTIME_NO_DEADLINE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(none_has_joined, setup),
        cmocka_unit_test_setup(work_goes_on, setup),
        cmocka_unit_test_setup(so_many_can_join, setup),
        cmocka_unit_test_setup(old_work_is_given_up, setup),
        cmocka_unit_test_setup(task_moves_away, setup),
        cmocka_unit_test_setup(task_joins_from_another_cpu, setup),
        cmocka_unit_test_setup(idle_cpu_keeps_what_is_coming, setup),
        cmocka_unit_test_setup(as_the_model, setup),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
