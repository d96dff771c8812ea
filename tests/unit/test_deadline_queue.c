/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline queue on the fake comparator: what fires, when, in what order, and that the comparator always
 * holds the earliest deadline and is written only when that changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "base/arch.h"
#include "time/deadline_queue.h"
#include "random.h"

#define TIMERS 40
#define STEPS  100000

struct timer {
    struct deadline deadline;
    uint64_t fired_at; /* DEADLINE_NONE: not fired since it was armed */
    uint64_t period;   /* of a timer that arms itself again, else 0 */
    struct timer *other;
};

static struct deadline_queue queue;
static struct heap_node *slots[2 * TIMERS];
static struct timer timers[TIMERS];
static unsigned order[TIMERS * 2];
static unsigned fired;
static uint64_t slice_fired_at;

static void note(struct deadline *deadline, uint64_t now)
{
    struct timer *timer = HEAP_ENTRY(deadline, struct timer, deadline);

    assert_false(deadline_is_armed(deadline));
    timer->fired_at = now;
    order[fired++ % (TIMERS * 2)] = (unsigned)(timer - timers);
}

static void again(struct deadline *deadline, uint64_t now)
{
    struct timer *timer = HEAP_ENTRY(deadline, struct timer, deadline);

    note(deadline, now);
    deadline_set(&queue, deadline, now + timer->period);
}

static void long_past(struct deadline *deadline, uint64_t now)
{
    note(deadline, now);
    deadline_set(&queue, deadline, 1);
    assert_int_equal(deadline_when(deadline), 1);
}

static void cancel_other(struct deadline *deadline, uint64_t now)
{
    struct timer *timer = HEAP_ENTRY(deadline, struct timer, deadline);

    note(deadline, now);
    assert_true(deadline_cancel(&queue, &timer->other->deadline));
}

static void slice_ended(struct deadline *slice, uint64_t now)
{
    assert_ptr_equal(slice, &queue.slice);
    slice_fired_at = now;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fired = 0;
    slice_fired_at = DEADLINE_NONE;
    deadline_queue_init(&queue, slots, TIMERS, TIMERS, slice_ended);
    for (unsigned i = 0; i < TIMERS; i++) {
        timers[i] = (struct timer){.fired_at = DEADLINE_NONE};
        deadline_init(&timers[i].deadline, DEADLINE_OTHER, note);
    }
    return 0;
}

static void set(unsigned timer, uint64_t when)
{
    deadline_set(&queue, &timers[timer].deadline, when);
}

/* The interrupts of this instant. */
static void run_at(uint64_t now)
{
    fake_set_counter(now);
    do
        deadline_queue_run(&queue, now);
    while (fake_interrupt_pending());
}

static void comparator_follows_the_head(void **state)
{
    (void)state;
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    unsigned writes = fake_comparator_writes();

    set(0, 500);
    assert_int_equal(fake_comparator(), 500);
    set(1, 600);
    set(2, 500);
    assert_int_equal(fake_comparator_writes(), writes + 1);
    set(3, 400);
    assert_int_equal(fake_comparator(), 400);
    assert_true(deadline_cancel(&queue, &timers[3].deadline));
    assert_false(deadline_cancel(&queue, &timers[3].deadline));
    assert_int_equal(fake_comparator(), 500);
    set(0, 700);
    assert_int_equal(fake_comparator(), 500);
    set(2, 800);
    assert_int_equal(fake_comparator(), 600);
    assert_int_equal(fake_comparator_writes(), writes + 4);
}

static void fires_what_is_due_in_order(void **state)
{
    static const unsigned expected[] = {3, 1, 4, 0};

    (void)state;
    set(0, 300);
    set(1, 200);
    set(2, 301);
    set(3, 100);
    set(4, 200);
    run_at(99);
    assert_int_equal(fired, 0);
    run_at(300);
    assert_int_equal(fired, 4);
    assert_memory_equal(order, expected, sizeof(expected));
    assert_true(deadline_is_armed(&timers[2].deadline));
    assert_int_equal(fake_comparator(), 301);
    assert_false(fake_interrupt_pending());
    run_at(301);
    assert_int_equal(fired, 5);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
}

static void past_deadline_interrupts_at_once(void **state)
{
    (void)state;
    fake_set_counter(1000);
    set(0, 10);
    assert_true(fake_interrupt_pending());
    assert_int_equal(deadline_when(&timers[0].deadline), 10);
    run_at(1000);
    assert_int_equal(fired, 1);
    assert_int_equal(deadline_when(&timers[0].deadline), DEADLINE_NONE);
}

static void none_cancels(void **state)
{
    (void)state;
    set(0, 100);
    set(0, DEADLINE_NONE);
    assert_false(deadline_is_armed(&timers[0].deadline));
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
    set(1, DEADLINE_NONE);
    run_at(DEADLINE_NONE - 2);
    assert_int_equal(fired, 0);
    set(2, DEADLINE_NONE - 1);
    assert_int_equal(fake_comparator(), DEADLINE_NONE - 1);
}

static void periodic_timer_does_not_starve_others(void **state)
{
    static const unsigned expected[] = {0, 1, 2};

    (void)state;
    deadline_init(&timers[0].deadline, DEADLINE_OTHER, long_past);
    deadline_init(&timers[1].deadline, DEADLINE_OTHER, again);
    timers[1].period = 0;
    set(0, 10);
    set(1, 20);
    set(2, 30);
    run_at(50);
    assert_int_equal(fired, 3);
    assert_memory_equal(order, expected, sizeof(expected));
    assert_true(deadline_is_armed(&timers[0].deadline));
    assert_true(deadline_is_armed(&timers[1].deadline));
    fake_set_counter(51);
    assert_true(fake_interrupt_pending());
    run_at(51);
    assert_int_equal(fired, 5);
}

static void rearmed_in_fire_keeps_its_period(void **state)
{
    (void)state;
    deadline_init(&timers[0].deadline, DEADLINE_OTHER, again);
    timers[0].period = 1000;
    set(0, 1000);
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(fake_comparator(), i * 1000);
        run_at(i * 1000);
        assert_int_equal(fired, i);
    }
}

static void cancelled_by_another_does_not_fire(void **state)
{
    (void)state;
    deadline_init(&timers[0].deadline, DEADLINE_OTHER, cancel_other);
    timers[0].other = &timers[1];
    set(0, 10);
    set(1, 10);
    set(2, 10);
    run_at(20);
    assert_int_equal(timers[1].fired_at, DEADLINE_NONE);
    assert_int_equal(timers[2].fired_at, 20);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
}

static void one_fires_at_a_time(void **state)
{
    (void)state;
    fake_set_counter(20);
    for (unsigned i = 0; i < 5; i++) {
        deadline_init(&timers[i].deadline, DEADLINE_OTHER, again);
        timers[i].period = 100 - i;
        set(i, 10 + i);
    }
    deadline_set_slice(&queue, 5);
    for (unsigned i = 0; i < 5; i++) {
        unsigned writes = fake_comparator_writes();

        assert_int_equal(fired, i);
        assert_true(fake_interrupt_pending());
        deadline_queue_run(&queue, 20);
        assert_int_equal(order[i], i);
        assert_true(fake_comparator_writes() <= writes + 1);
        assert_int_equal(slice_fired_at, DEADLINE_NONE);
    }
    assert_true(fake_interrupt_pending());
    deadline_queue_run(&queue, 20); /* the slice comes last: who runs next may follow from the others */
    assert_int_equal(slice_fired_at, 20);
    assert_int_equal(fake_comparator(), 20 + 96);
    deadline_queue_run(&queue, 20); /* nothing is due */
    assert_int_equal(fired, 5);
}

static void set_slice_in_fire(struct deadline *deadline, uint64_t now)
{
    note(deadline, now);
    deadline_set_slice(&queue, now + 7);
}

static void slice_stands_beside_the_others(void **state)
{
    (void)state;
    deadline_set_slice(&queue, 100);
    assert_int_equal(fake_comparator(), 100);
    set(0, 80);
    assert_int_equal(fake_comparator(), 80);
    set(1, 120);
    run_at(80);
    assert_int_equal(slice_fired_at, DEADLINE_NONE);
    assert_int_equal(fake_comparator(), 100);
    run_at(99);
    assert_int_equal(slice_fired_at, DEADLINE_NONE);
    run_at(100);
    assert_int_equal(slice_fired_at, 100);
    assert_int_equal(fake_comparator(), 120);
    deadline_set_slice(&queue, 110);
    deadline_set_slice(&queue, DEADLINE_NONE);
    assert_int_equal(fake_comparator(), 120);
    run_at(130);
    assert_int_equal(slice_fired_at, 100);
    assert_int_equal(fired, 2);
    assert_int_equal(fake_comparator(), DEADLINE_NONE);
}

/* As a switch does: the slice that would have ended in the same run does not. */
static void slice_moved_by_another_does_not_fire(void **state)
{
    (void)state;
    deadline_init(&timers[0].deadline, DEADLINE_OTHER, set_slice_in_fire);
    set(0, 50);
    deadline_set_slice(&queue, 50);
    unsigned writes = fake_comparator_writes();

    run_at(50);
    assert_int_equal(fired, 1);
    assert_int_equal(slice_fired_at, DEADLINE_NONE);
    assert_int_equal(fake_comparator(), 57);
    assert_int_equal(fake_comparator_writes(), writes + 1);
    run_at(57);
    assert_int_equal(slice_fired_at, 57);
}

/* What is urgent and due comes before what has been due for longer, each at an interrupt of its own. */
static void urgent_ones_come_first(void **state)
{
    static const unsigned expected[] = {3, 1, 0, 2};

    (void)state;
    deadline_init(&timers[1].deadline, DEADLINE_URGENT, note);
    deadline_init(&timers[3].deadline, DEADLINE_URGENT, note);
    set(0, 100);
    set(1, 300);
    set(2, 200);
    set(3, 250);
    deadline_set_slice(&queue, 50);
    assert_int_equal(fake_comparator(), 50);
    fake_set_counter(300);
    for (unsigned i = 0; i < 4; i++) {
        deadline_queue_run(&queue, 300);
        assert_int_equal(fired, i + 1);
        assert_int_equal(order[i], expected[i]);
        assert_true(fake_interrupt_pending());
    }
    assert_int_equal(slice_fired_at, DEADLINE_NONE);
    run_at(300);
    assert_int_equal(slice_fired_at, 300);
}

/* One that is not urgent is not lost, nor is its instant, while an urgent one is armed. */
static void both_kinds_set_the_comparator(void **state)
{
    (void)state;
    deadline_init(&timers[1].deadline, DEADLINE_URGENT, note);
    set(0, 100);
    set(1, 200);
    assert_int_equal(fake_comparator(), 100);
    run_at(100);
    assert_int_equal(fake_comparator(), 200);
    set(0, 300);
    assert_int_equal(fake_comparator(), 200);
    assert_true(deadline_cancel(&queue, &timers[1].deadline));
    assert_int_equal(fake_comparator(), 300);
}

static uint64_t least_armed(void)
{
    uint64_t least = DEADLINE_NONE;

    for (unsigned i = 0; i < TIMERS; i++) {
        if (deadline_when(&timers[i].deadline) < least)
            least = deadline_when(&timers[i].deadline);
    }
    return least;
}

/* What had to fire at `now` did, and nothing else. */
static void check_run(const uint64_t *armed, uint64_t now)
{
    for (unsigned i = 0; i < TIMERS; i++) {
        bool due = armed[i] != DEADLINE_NONE && armed[i] <= now;

        assert_int_equal(timers[i].fired_at == now, due);
        assert_int_equal(deadline_is_armed(&timers[i].deadline), armed[i] != DEADLINE_NONE && !due);
        timers[i].fired_at = DEADLINE_NONE;
    }
}

static void random_walk(void **state)
{
    struct random random = {7};
    uint64_t armed[TIMERS];
    uint64_t now = 0;

    (void)state;
    for (unsigned i = 0; i < TIMERS; i++) {
        deadline_init(&timers[i].deadline, i % 2 == 0 ? DEADLINE_URGENT : DEADLINE_OTHER, note);
        armed[i] = DEADLINE_NONE;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random_below(&random, TIMERS);
        unsigned writes = fake_comparator_writes();
        uint64_t head = fake_comparator();
        bool ran = false;

        switch (random_below(&random, 4)) {
        case 0:
            assert_int_equal(deadline_cancel(&queue, &timers[i].deadline), armed[i] != DEADLINE_NONE);
            armed[i] = DEADLINE_NONE;
            break;
        case 1:
            now += random_below(&random, 60);
            run_at(now);
            ran = true;
            check_run(armed, now);
            for (unsigned k = 0; k < TIMERS; k++)
                armed[k] = deadline_when(&timers[k].deadline);
            break;
        default:
            armed[i] = now + random_below(&random, 1000);
            armed[i] = armed[i] > 100 ? armed[i] - 100 : 0;
            set(i, armed[i]);
        }
        assert_int_equal(fake_comparator(), least_armed());
        if (!ran)
            assert_int_equal(fake_comparator_writes() - writes, fake_comparator() != head);
    }
}

static void run_nested(void *unused)
{
    (void)unused;
    deadline_queue_run(&queue, 100);
}

static void fire_nested(struct deadline *deadline, uint64_t now)
{
    note(deadline, now);
    deadline_queue_run(&queue, now);
}

static void misuse_is_caught(void **state)
{
    (void)state;
    deadline_init(&timers[0].deadline, DEADLINE_OTHER, fire_nested);
    set(0, 1);
    assert_true(fake_assert_fails(run_nested, NULL));
}

static void queues_of_two_cpus_are_apart(void **state)
{
    static struct deadline_queue second;
    static struct heap_node *second_slots[1];

    (void)state;
    set(0, 100);
    fake_set_cpu(1);
    deadline_queue_init(&second, second_slots, 0, 1, slice_ended);
    deadline_set(&second, &timers[1].deadline, 50);
    assert_int_equal(fake_comparator(), 50);
    fake_set_cpu(0);
    assert_int_equal(fake_comparator(), 100);
    assert_int_equal(arch_cpu_index(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comparator_follows_the_head, setup),
        cmocka_unit_test_setup(fires_what_is_due_in_order, setup),
        cmocka_unit_test_setup(past_deadline_interrupts_at_once, setup),
        cmocka_unit_test_setup(none_cancels, setup),
        cmocka_unit_test_setup(periodic_timer_does_not_starve_others, setup),
        cmocka_unit_test_setup(rearmed_in_fire_keeps_its_period, setup),
        cmocka_unit_test_setup(cancelled_by_another_does_not_fire, setup),
        cmocka_unit_test_setup(one_fires_at_a_time, setup),
        cmocka_unit_test_setup(slice_stands_beside_the_others, setup),
        cmocka_unit_test_setup(slice_moved_by_another_does_not_fire, setup),
        cmocka_unit_test_setup(urgent_ones_come_first, setup),
        cmocka_unit_test_setup(both_kinds_set_the_comparator, setup),
        cmocka_unit_test_setup(random_walk, setup),
        cmocka_unit_test_setup(misuse_is_caught, setup),
        cmocka_unit_test_setup(queues_of_two_cpus_are_apart, setup),
    };

    return cmocka_run_group_tests_name("time/deadline_queue", tests, NULL, NULL);
}
