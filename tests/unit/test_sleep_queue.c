/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Linux module's queue of watched sleeps, on a piece of Linux (tests/unit/kernel). Timers and tasks are
 * only names to it, so here they are numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel/kernel.h"
#include "sleep_queue.h"

#define ROOM      1024      /* of each CPU's queue */
#define BUCKETS   1024      /* the stub's hash_ptr() takes timers that are so far apart to one bucket */
#define LAST      INT64_MAX /* the kernel's times are signed */
#define SEEN      77        /* what the CPU noted of its first sleep */
#define MANY_USES 5000

static const struct hrtimer *timer(uintptr_t number)
{
    return (const struct hrtimer *)number;
}

static const struct task_struct *task(uintptr_t number)
{
    return (const struct task_struct *)number;
}

static bool add(uintptr_t timer_number, uintptr_t task_number, unsigned int cpu, u64 deadline)
{
    return sleeps_add(timer(timer_number), task(task_number), cpu, deadline, true);
}

static bool add_unsure(uintptr_t timer_number, uintptr_t task_number, unsigned int cpu, u64 deadline)
{
    return sleeps_add(timer(timer_number), task(task_number), cpu, deadline, false);
}

/* What the CPU reads of its queue's front. */
static void expect_front(unsigned int cpu, u64 first, u64 second, uintptr_t task_number)
{
    assert_int_equal(sleeps_heads[cpu].first, first);
    assert_int_equal(sleeps_heads[cpu].second, second);
    assert_ptr_equal(sleeps_heads[cpu].task, task(task_number));
}

static void expect_empty(unsigned int cpu)
{
    expect_front(cpu, ONTIME_NO_DEADLINE, ONTIME_NO_DEADLINE, 0);
}

/* Each queue is empty, and has all its room. */
static int teardown(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++) {
        while (sleeps_take(cpu, NULL, LAST) != 0) {
        }
        expect_empty(cpu);
        for (uintptr_t i = 1; i <= ROOM; i++)
            assert_true(add(i, 1, cpu, ROOM + 1 - i));
        assert_false(add(ROOM + 1, 1, cpu, 1));
        for (uintptr_t i = ROOM; i > 0; i--)
            assert_int_equal(sleeps_forget(timer(i), 0), SLEEPS_CANCELLED);
        expect_empty(cpu);
        sleeps_heads[cpu].seen = 0;
        sleeps_heads[cpu].left = false;
    }
    return 0;
}

static void front_is_in_order(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    expect_front(0, 500, ONTIME_NO_DEADLINE, 11);
    assert_true(add(2, 12, 0, 700));
    expect_front(0, 500, 700, 11);
    assert_true(add(3, 13, 0, 600));
    expect_front(0, 500, 600, 11);
    assert_true(add(4, 14, 0, 400));
    expect_front(0, 400, 500, 14);
    assert_true(add(5, 15, 0, 400)); /* no earlier: behind it */
    expect_front(0, 400, 400, 14);
    expect_empty(1);
    assert_int_equal(sleeps_forget(timer(4), 0), SLEEPS_CANCELLED);
    expect_front(0, 400, 500, 15);
}

/* What was noted of the first sleep holds as long as that one is the first. */
static void note_of_first(unsigned int cpu)
{
    sleeps_heads[cpu].seen = SEEN;
    sleeps_heads[cpu].left = true;
}

static void expect_note(unsigned int cpu, bool there)
{
    assert_int_equal(sleeps_heads[cpu].seen, there ? SEEN : 0);
    assert_int_equal(sleeps_heads[cpu].left, there);
}

static void new_first_is_not_seen_yet(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    note_of_first(0);
    assert_true(add(2, 12, 0, 700));
    expect_note(0, true);
    assert_true(add(3, 13, 0, 300));
    expect_note(0, false);
    note_of_first(0);
    assert_int_equal(sleeps_take(0, NULL, 300), 1);
    expect_note(0, false);
}

static void cancelled_or_reached_or_unknown(void **state)
{
    (void)state;
    assert_int_equal(sleeps_forget(timer(1), 0), SLEEPS_UNKNOWN);
    assert_true(add(1, 11, 0, 500));
    assert_true(add(2, 12, 0, 600));
    assert_int_equal(sleeps_forget(timer(1 + BUCKETS), 0), SLEEPS_UNKNOWN);
    assert_int_equal(sleeps_forget(timer(1), 499), SLEEPS_CANCELLED);
    expect_front(0, 600, ONTIME_NO_DEADLINE, 12);
    assert_int_equal(sleeps_forget(timer(1), 499), SLEEPS_UNKNOWN);
    assert_int_equal(sleeps_forget(timer(2), 600), SLEEPS_REACHED); /* it stays, without its timer */
    expect_front(0, 600, ONTIME_NO_DEADLINE, 12);
    assert_int_equal(sleeps_forget(timer(2), 600), SLEEPS_UNKNOWN);
    assert_int_equal(sleeps_take(0, task(12), 600), 1);
    expect_empty(0);
}

static void timers_share_a_bucket(void **state)
{
    (void)state;
    for (uintptr_t i = 0; i < 3; i++)
        assert_true(add(1 + i * BUCKETS, 11, 0, 500 + i));
    assert_int_equal(sleeps_forget(timer(1 + BUCKETS), 0), SLEEPS_CANCELLED);
    expect_front(0, 500, 502, 11);
    assert_int_equal(sleeps_forget(timer(1), 0), SLEEPS_CANCELLED);
    expect_front(0, 502, ONTIME_NO_DEADLINE, 11);
}

/* A timer whose sleep is on its way out may be in use for the next sleep. */
static void newest_is_forgotten(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add(1, 11, 0, 900));
    assert_int_equal(sleeps_forget(timer(1), 600), SLEEPS_CANCELLED);
    expect_front(0, 500, ONTIME_NO_DEADLINE, 11);
}

static void take_is_by_task_and_time(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add(2, 12, 0, 600));
    assert_true(add(3, 11, 0, 700));
    assert_true(add(4, 11, 0, 701));
    assert_true(add(5, 12, 1, 600));
    assert_int_equal(sleeps_take(0, task(11), 499), 0);
    assert_int_equal(sleeps_take(0, task(13), LAST), 0);
    assert_int_equal(sleeps_take(0, task(11), 700), 2);
    expect_front(0, 600, 701, 12);
    assert_int_equal(sleeps_forget(timer(3), 0), SLEEPS_UNKNOWN); /* its sleep is taken */
    assert_int_equal(sleeps_take(0, NULL, 701), 2);
    expect_empty(0);
    expect_front(1, 600, ONTIME_NO_DEADLINE, 12);
}

static void take_looks_at_so_many(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i < SLEEPS_TAKE; i++)
        assert_true(add(i, 11, 0, i));
    assert_true(add(SLEEPS_TAKE, 12, 0, SLEEPS_TAKE));
    assert_true(add(SLEEPS_TAKE + 1, 12, 0, SLEEPS_TAKE + 1));
    assert_int_equal(sleeps_take(0, task(12), LAST), 2); /* the last that is looked at, twice */
    assert_true(add(SLEEPS_TAKE, 11, 0, SLEEPS_TAKE));
    assert_true(add(SLEEPS_TAKE + 1, 12, 0, SLEEPS_TAKE + 1));
    assert_int_equal(sleeps_take(0, task(12), LAST), 0);
    assert_int_equal(sleeps_take(0, task(13), LAST), 0);
    assert_true(add(SLEEPS_TAKE + 2, 13, 0, SLEEPS_TAKE + 2));
    assert_int_equal(sleeps_take(0, NULL, LAST), SLEEPS_TAKE);
    assert_int_equal(sleeps_take(0, NULL, LAST), 2);
}

static void room_is_given_back(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i <= MANY_USES; i++) {
        assert_true(add(i, 11, 0, 500));
        assert_int_equal(sleeps_take(0, task(11), 500), 1);
        assert_true(add(i, 11, 0, 500));
        assert_int_equal(sleeps_forget(timer(i), 0), SLEEPS_CANCELLED);
    }
}

static void full_queue_refuses(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i <= ROOM; i++)
        assert_true(add(i, 11, 0, 500));
    assert_false(add(ROOM + 1, 11, 0, 400));
    expect_front(0, 500, 500, 11);
    assert_int_equal(sleeps_forget(timer(ROOM + 1), 0), SLEEPS_UNKNOWN);
    assert_true(add(ROOM + 1, 11, 1, 400));
    assert_int_equal(sleeps_forget(timer(1), 0), SLEEPS_CANCELLED);
    assert_true(add(ROOM + 2, 11, 0, 300));
    expect_front(0, 300, 500, 11);
}

static void sleeps_move_with_their_timers(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add(2, 12, 0, LAST));
    assert_true(add(3, 13, 1, 600));
    assert_int_equal(sleeps_leave_cpu(0, 1), 0);
    expect_empty(0);
    expect_front(1, 500, 600, 11);
    assert_int_equal(sleeps_forget(timer(1), 0), SLEEPS_CANCELLED);
    assert_int_equal(sleeps_forget(timer(2), 0), SLEEPS_CANCELLED);
    assert_int_equal(sleeps_forget(timer(2), 0), SLEEPS_UNKNOWN);
    expect_front(1, 600, ONTIME_NO_DEADLINE, 13);
}

static void sleeps_without_room_are_lost(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i < ROOM; i++)
        assert_true(add(i, 11, 1, 100));
    for (uintptr_t i = 0; i < 3; i++)
        assert_true(add(ROOM + i, 12, 0, 50 + i));
    assert_int_equal(sleeps_leave_cpu(0, 1), 2);
    expect_empty(0);
    expect_front(1, 50, 100, 12);
    assert_int_equal(sleeps_forget(timer(ROOM + 1), 0), SLEEPS_UNKNOWN);
}

static void another_cpu_cancels(void)
{
    assert_int_equal(sleeps_forget(timer(1), 0), SLEEPS_CANCELLED);
}

/* That is, between taking it out of its queue and out of its bucket. */
static void at_the_next_lock(void)
{
    kernel_between = another_cpu_cancels;
}

/* It is given back once. */
static void cancelled_while_it_is_taken(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add(2, 11, 0, 600));
    kernel_between = at_the_next_lock;
    assert_int_equal(sleeps_take(0, task(11), 500), 1);
    assert_null(kernel_between);
    expect_front(0, 600, ONTIME_NO_DEADLINE, 11);
}

static void cancelled_while_it_is_moved(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add(2, 12, 0, 600));
    kernel_between = at_the_next_lock;
    (void)sleeps_leave_cpu(0, 1);
    assert_null(kernel_between);
    expect_empty(0);
    expect_front(1, 600, ONTIME_NO_DEADLINE, 12);
}

/* Of the tasks that are surely at work, only the oldest deadlines are given up. */
static void sure_ones_are_given_up_later(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 100));
    assert_true(add(2, 12, 0, 200));
    assert_true(add_unsure(3, 13, 0, 300));
    assert_true(add_unsure(4, 14, 0, 301));
    assert_int_equal(sleeps_give_up(0, 300, 99), 1);
    expect_front(0, 100, 200, 11);
    assert_int_equal(sleeps_give_up(0, 300, 100), 1);
    expect_front(0, 200, 301, 12);
    assert_int_equal(sleeps_give_up(0, 300, 300), 1);
    expect_front(0, 301, ONTIME_NO_DEADLINE, 14);
}

static void task_with_the_cpu_is_sure(void **state)
{
    (void)state;
    assert_true(add_unsure(1, 11, 0, 100));
    assert_true(add_unsure(2, 12, 0, 100));
    assert_true(add_unsure(3, 11, 0, 200));
    sleeps_begin(0, task(13), 150);
    sleeps_begin(1, task(12), 150);
    sleeps_begin(0, task(11), 99); /* not reached yet */
    sleeps_begin(0, task(11), 150);
    assert_int_equal(sleeps_give_up(0, 200, 0), 2);
    expect_front(0, 100, ONTIME_NO_DEADLINE, 11);
    assert_int_equal(sleeps_give_up(0, 200, 100), 1);
}

static void reached_is_by_task(void **state)
{
    (void)state;
    assert_true(add(1, 11, 0, 500));
    assert_true(add_unsure(2, 12, 0, 600));
    assert_true(add(3, 12, 0, 700));
    assert_int_equal(sleeps_reached(0, task(11), 499), ONTIME_NO_DEADLINE);
    assert_int_equal(sleeps_reached(0, task(11), 500), 500);
    assert_int_equal(sleeps_reached(0, task(12), 800), 600);
    assert_int_equal(sleeps_reached(0, task(13), 800), ONTIME_NO_DEADLINE);
    assert_int_equal(sleeps_reached(1, task(11), 800), ONTIME_NO_DEADLINE);
    expect_front(0, 500, 600, 11);
}

static int group_setup(void **state)
{
    (void)state;
    if (sleeps_init() != 0 || kernel_blocks != KERNEL_CPUS)
        return 1;
    for (unsigned int cpu = 0; cpu < KERNEL_CPUS; cpu++)
        expect_empty(cpu);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    sleeps_exit();
    return kernel_blocks != 0;
}

/* In a process of its own, as the queues can be made once only. */
static bool fails_cleanly(unsigned int allocations)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        kernel_allocations_left = allocations;
        _exit(sleeps_init() == -ENOMEM && kernel_blocks == 0 ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static void lack_of_memory_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned int allocations = 0; allocations < KERNEL_CPUS; allocations++)
        assert_true(fails_cleanly(allocations));
}

int main(void)
{
    const struct CMUnitTest before[] = {cmocka_unit_test(lack_of_memory_leaves_nothing)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(front_is_in_order, teardown),
        cmocka_unit_test_teardown(new_first_is_not_seen_yet, teardown),
        cmocka_unit_test_teardown(cancelled_or_reached_or_unknown, teardown),
        cmocka_unit_test_teardown(timers_share_a_bucket, teardown),
        cmocka_unit_test_teardown(newest_is_forgotten, teardown),
        cmocka_unit_test_teardown(take_is_by_task_and_time, teardown),
        cmocka_unit_test_teardown(take_looks_at_so_many, teardown),
        cmocka_unit_test_teardown(room_is_given_back, teardown),
        cmocka_unit_test_teardown(full_queue_refuses, teardown),
        cmocka_unit_test_teardown(sleeps_move_with_their_timers, teardown),
        cmocka_unit_test_teardown(sleeps_without_room_are_lost, teardown),
        cmocka_unit_test_teardown(sure_ones_are_given_up_later, teardown),
        cmocka_unit_test_teardown(task_with_the_cpu_is_sure, teardown),
        cmocka_unit_test_teardown(reached_is_by_task, teardown),
        cmocka_unit_test_teardown(cancelled_while_it_is_taken, teardown),
        cmocka_unit_test_teardown(cancelled_while_it_is_moved, teardown),
    };
    int failed = cmocka_run_group_tests_name("sleep queue: memory", before, NULL, NULL);

    return failed + cmocka_run_group_tests_name("sleep queue", tests, group_setup, group_teardown);
}
