/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Linux module's queue of watched sleeps under random use, beside a model: a list of the entries of each
 * CPU, in order. After each step the front of each queue is the model's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "kernel/kernel.h"
#include "random.h"
#include "sleep_queue.h"

#define RUNS    200
#define STEPS   2000
#define TIMERS  60
#define TASKS   14
#define ENTRIES 512
#define FAR     400 /* a deadline is at most so far ahead */

struct entry {
    uintptr_t timer, task;
    u64 deadline;
    bool sure, forgotten;
};

static struct entry model[KERNEL_CPUS][ENTRIES];
static int counts[KERNEL_CPUS];
static struct random randomly;
static u64 now;

static const struct hrtimer *timer(uintptr_t number)
{
    return (const struct hrtimer *)number;
}

static const struct task_struct *task(uintptr_t number)
{
    return (const struct task_struct *)number;
}

static void put(unsigned int cpu, struct entry entry)
{
    int place = counts[cpu]++;

    assert_true(place < ENTRIES);
    for (; place > 0 && model[cpu][place - 1].deadline > entry.deadline; place--)
        model[cpu][place] = model[cpu][place - 1];
    model[cpu][place] = entry;
}

static void drop(unsigned int cpu, int place)
{
    counts[cpu]--;
    memmove(&model[cpu][place], &model[cpu][place + 1],
            (size_t)(counts[cpu] - place) * sizeof(model[cpu][0]));
}

/* The place of the first of a task (0: of any) up to `until`, the sure ones up to `until_sure`; or -1. */
static int place_of(unsigned int cpu, uintptr_t number, u64 until, u64 until_sure)
{
    for (int i = 0; i < counts[cpu] && i < SLEEPS_TAKE && model[cpu][i].deadline <= until; i++)
        if ((number == 0 || model[cpu][i].task == number) &&
            (!model[cpu][i].sure || model[cpu][i].deadline <= until_sure))
            return i;
    return -1;
}

static unsigned int drop_all(unsigned int cpu, uintptr_t number, u64 until, u64 until_sure)
{
    unsigned int taken;
    int place;

    for (taken = 0; taken < SLEEPS_TAKE && (place = place_of(cpu, number, until, until_sure)) >= 0; taken++)
        drop(cpu, place);
    return taken;
}

static void step_forget(uintptr_t number)
{
    enum sleeps_fate expected = SLEEPS_UNKNOWN;

    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++)
        for (int i = 0; i < counts[cpu] && expected == SLEEPS_UNKNOWN; i++) {
            if (model[cpu][i].timer != number || model[cpu][i].forgotten)
                continue;
            expected = model[cpu][i].deadline <= now ? SLEEPS_REACHED : SLEEPS_CANCELLED;
            model[cpu][i].forgotten = true;
            if (expected == SLEEPS_CANCELLED)
                drop(cpu, i);
        }
    assert_int_equal(sleeps_forget(timer(number), now), expected);
}

static void step_add(unsigned int cpu, uintptr_t number)
{
    struct entry entry = {.timer = 1 + random_below(&randomly, TIMERS), .task = number};

    entry.deadline = now + random_below(&randomly, FAR);
    entry.sure = random_below(&randomly, 2) != 0;
    step_forget(entry.timer); /* as watch.c does */
    put(cpu, entry);
    assert_true(sleeps_add(timer(entry.timer), task(number), cpu, entry.deadline, entry.sure));
}

static void step_begin(unsigned int cpu, uintptr_t number)
{
    int place = place_of(cpu, number, now, now);

    if (place >= 0)
        model[cpu][place].sure = true;
    sleeps_begin(cpu, task(number), now);
}

static void step_reached(unsigned int cpu, uintptr_t number)
{
    int place = place_of(cpu, number, now, now);

    assert_int_equal(sleeps_reached(cpu, task(number), now),
                     place < 0 ? ONTIME_NO_DEADLINE : model[cpu][place].deadline);
}

static void step_leave(unsigned int cpu)
{
    unsigned int to = (cpu + 1) % KERNEL_CPUS, lost = 0;

    while (counts[cpu] > 0) {
        struct entry entry = model[cpu][0];

        drop(cpu, 0);
        if (!entry.forgotten)
            put(to, entry);
        lost += entry.forgotten;
    }
    assert_int_equal(sleeps_leave_cpu(cpu, to), lost);
}

static void step(void)
{
    unsigned int cpu = (unsigned int)random_below(&randomly, KERNEL_CPUS);
    uintptr_t one = 1 + random_below(&randomly, TASKS);
    u64 old = now - random_below(&randomly, FAR);

    now += random_below(&randomly, 10);
    switch (random_below(&randomly, 7)) {
    case 0:
    case 1:
        step_add(cpu, one);
        break;
    case 2:
        step_forget(1 + random_below(&randomly, TIMERS));
        break;
    case 3:
        assert_int_equal(sleeps_take(cpu, task(one), now), drop_all(cpu, one, now, now));
        break;
    case 4:
        step_begin(cpu, one);
        break;
    case 5:
        step_reached(cpu, one);
        break;
    default:
        assert_int_equal(sleeps_give_up(cpu, now, old), drop_all(cpu, 0, now, old));
        break;
    }
    if (random_below(&randomly, 200) == 0)
        step_leave(cpu);
}

static void check_fronts(void)
{
    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++) {
        const struct entry *first = counts[cpu] > 0 ? &model[cpu][0] : NULL;

        assert_int_equal(sleeps_heads[cpu].first, first != NULL ? first->deadline : ONTIME_NO_DEADLINE);
        assert_int_equal(sleeps_heads[cpu].second,
                         counts[cpu] > 1 ? model[cpu][1].deadline : ONTIME_NO_DEADLINE);
        assert_ptr_equal(sleeps_heads[cpu].task, task(first != NULL ? first->task : 0));
    }
}

static void as_the_model(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < RUNS; run++) {
        randomly = (struct random){run};
        now = FAR;
        for (int i = 0; i < STEPS; i++) {
            step();
            check_fronts();
        }
        for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++)
            while (counts[cpu] > 0)
                assert_int_equal(sleeps_take(cpu, NULL, INT64_MAX), drop_all(cpu, 0, INT64_MAX, INT64_MAX));
        check_fronts();
    }
}

static int group_setup(void **state)
{
    (void)state;
    return sleeps_init();
}

static int group_teardown(void **state)
{
    (void)state;
    sleeps_exit();
    return kernel_blocks != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_model)};

    return cmocka_run_group_tests_name("sleep queue: at random", tests, group_setup, group_teardown);
}
