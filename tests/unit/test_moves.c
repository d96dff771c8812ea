/* SPDX-License-Identifier: Apache-2.0 */
/* Units that go from one queue to another: struct sched_moves of each policy that has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch/fake/fake.h"
#include "sched/cbs.h"

#define C     5000 /* ticks */
#define MS    1000
#define UNITS 4
#define TURNS 8 /* allowances that a unit may be behind or ahead where it comes to */

/* How far behind others a unit of weight 1 wakes at most. */
#define CREDIT (C + C / 4)

static struct core {
    struct sched_queue queue;
    struct heap_node *slots[SCHED_SLOTS(UNITS)];
    uint64_t now;
} here, there;

static struct sched_unit units[UNITS];
static const struct sched_policy *policy;

static void make(const char *name)
{
    policy = sched_policy_find(name);
    assert_non_null(policy->moves);
    memset(&here, 0, sizeof(here));
    memset(&there, 0, sizeof(there));
    memset(units, 0, sizeof(units));
    sched_queue_init(&here.queue, policy, C, MS, here.slots, UNITS);
    sched_queue_init(&there.queue, policy, C, MS, there.slots, UNITS);
}

static void add(struct core *core, unsigned unit, uint32_t weight)
{
    units[unit].params = (struct sched_params){.weight = weight, .horizon = 100 * MS};
    policy->add(&core->queue, &units[unit]);
    policy->wake(&core->queue, &units[unit], core->now);
}

/* The unit that the policy chooses. */
static int chosen(struct core *core)
{
    uint64_t until;
    struct sched_unit *unit = policy->pick(&core->queue, core->now, &until);

    return unit != NULL ? (int)(unit - units) : -1;
}

static void run(struct core *core, uint64_t ticks)
{
    core->now += ticks;
    if (core->queue.current != NULL)
        (void)policy->charge(&core->queue, core->queue.current, ticks, core->now);
}

static void move(unsigned unit, uint64_t ahead)
{
    policy->moves->remove(&here.queue, &units[unit]);
    assert_false(units[unit].runnable);
    policy->moves->join(&there.queue, &units[unit], ahead);
    assert_true(units[unit].runnable);
}

static uint64_t time_of(const struct core *core, unsigned unit)
{
    return policy->moves->time(&core->queue, &units[unit]);
}

/* Unit 0 has run for `ticks` here, and unit 1 waits; unit 2 has run for as long there. */
static void begin(const char *name, uint64_t ticks)
{
    make(name);
    add(&here, 0, 1);
    add(&here, 1, 1);
    add(&there, 2, 1);
    assert_int_equal(chosen(&here), 0);
    assert_int_equal(chosen(&there), 2);
    run(&here, ticks);
    run(&there, ticks);
}

static void one_that_is_behind_stays_behind(void **state)
{
    static const char *const names[] = {"cbs", "bvt"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(names[i], C);
        move(1, 0);
        assert_int_equal(time_of(&there, 1), 0);
        assert_int_equal(chosen(&there), 1);
        run(&there, 2 * C - 1); /* until it is ahead by C */
        assert_int_equal(chosen(&there), 1);
        run(&there, 1);
        assert_int_equal(chosen(&there), 2);
        assert_int_equal(chosen(&here), 0);
    }
}

/* What the other queue is ahead by without a claim of the unit's is no reason to run first. */
static void a_queue_may_be_ahead(void **state)
{
    (void)state;
    begin("cbs", C);
    move(1, (uint64_t)policy->moves->worth(1, C));
    assert_int_equal(chosen(&there), 2);
    run(&there, C);
    assert_int_equal(chosen(&there), 1);
}

static void a_difference_is_bounded(void **state)
{
    (void)state;
    begin("bvt", 100 * C);
    move(1, 0);
    assert_int_equal(time_of(&there, 2) - time_of(&there, 1), policy->moves->worth(1, TURNS * C));

    begin("bvt", 100 * C);
    move(1, (uint64_t)policy->moves->worth(1, 1000 * C)); /* ahead */
    assert_int_equal(time_of(&there, 1) - time_of(&there, 2), policy->moves->worth(1, TURNS * C));
}

/* Nobody waits there for it to fall back: so virtual times of the two queues are the same afterwards. */
static void an_idle_queue_takes_the_time(void **state)
{
    (void)state;
    make("cbs");
    add(&here, 0, 1);
    assert_int_equal(chosen(&here), 0);
    run(&here, 100 * C);
    add(&here, 1, 1);
    add(&there, 2, 1);
    (void)policy->block(&there.queue, &units[2], 0);
    move(1, 0);
    assert_int_equal(time_of(&there, 1), policy->moves->worth(1, 100 * C - CREDIT)); /* it had slept here */
    assert_int_equal(chosen(&there), 1);
    policy->wake(&there.queue, &units[2], 0); /* one that slept there has its credit */
    assert_int_equal(time_of(&there, 1) - time_of(&there, 2), policy->moves->worth(1, CREDIT));
}

/* One that is blocked goes as if it had woken here: under bvt with nothing, under cbs with its credit. */
static void sleep_earns_what_it_does_here(void **state)
{
    (void)state;
    for (unsigned cbs = 0; cbs < 2; cbs++) {
        begin(cbs ? "cbs" : "bvt", C);
        (void)policy->block(&here.queue, &units[1], here.now);
        run(&here, 2 * C);
        run(&there, 2 * C);
        move(1, 0);
        assert_int_equal(time_of(&there, 2) - time_of(&there, 1), cbs ? policy->moves->worth(1, CREDIT) : 0);
    }
}

/* Nor is it lost or doubled by going to and fro. */
static void credit_goes_along(void **state)
{
    (void)state;
    begin("cbs", 3 * C);
    (void)policy->block(&here.queue, &units[1], here.now);
    policy->wake(&here.queue, &units[1], here.now);
    assert_int_equal(time_of(&here, 0) - time_of(&here, 1), policy->moves->worth(1, CREDIT));
    for (unsigned i = 0; i < 5; i++) {
        move(1, 0);
        assert_int_equal(time_of(&there, 2) - time_of(&there, 1), policy->moves->worth(1, CREDIT));
        policy->moves->remove(&there.queue, &units[1]);
        policy->moves->join(&here.queue, &units[1], 0);
        assert_int_equal(time_of(&here, 0) - time_of(&here, 1), policy->moves->worth(1, CREDIT));
    }
}

/* One that comes and is far behind takes nobody along. */
static void who_sleeps_gains_nothing_by_one_that_comes(void **state)
{
    (void)state;
    for (unsigned cbs = 0; cbs < 2; cbs++) {
        begin(cbs ? "cbs" : "bvt", 0);
        add(&there, 3, 1);
        (void)policy->block(&there.queue, &units[3], 0);
        run(&here, 7 * C);
        run(&there, 7 * C);
        move(1, 0);
        assert_int_equal(time_of(&there, 1), 0);
        policy->wake(&there.queue, &units[3], there.now);
        assert_int_equal(time_of(&there, 2) - time_of(&there, 3), cbs ? policy->moves->worth(1, CREDIT) : 0);
    }
}

/* The credit is that of who is there: 5/4 C at the least weight, 8 C at the greatest. */
static void credit_is_of_who_is_there(void **state)
{
    int64_t light, both;

    (void)state;
    make("cbs");
    add(&here, 0, 1);
    add(&here, 1, 10);
    add(&there, 2, 10);
    light = policy->moves->worth(1, CREDIT);
    both = policy->moves->worth(10, TURNS * C);
    assert_int_equal(bvt_queue(&here.queue)->credit, both);
    assert_int_equal(bvt_queue(&there.queue)->credit, light / 10);
    assert_int_equal(chosen(&here), 0);
    move(1, 0);
    assert_int_equal(bvt_queue(&here.queue)->credit, light);
    assert_int_equal(bvt_queue(&there.queue)->credit, light / 10);
    (void)policy->block(&here.queue, &units[0], 0);
    assert_int_equal(chosen(&here), -1);
    move(0, 0);
    assert_int_equal(bvt_queue(&there.queue)->credit, both);
    policy->moves->remove(&there.queue, &units[0]);
    assert_int_equal(bvt_queue(&there.queue)->credit, light / 10);
}

static void one_that_joins_up_to_the_turn_runs_at_once(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++)
        for (unsigned second = 0; second < 2; second++) {
            uint64_t turn;

            begin("cbs", 3 * C);
            if (second) {
                add(&there, 3, 1);
                (void)chosen(&there);
            }
            turn = policy->moves->turn(&there.queue);
            move(1, turn + late - time_of(&here, 1));
            assert_int_equal(chosen(&there) == 1, !late);
        }
}

static void worth_is_over_the_weight(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        make(i == 0 ? "cbs" : "bvt");
        assert_int_equal(policy->moves->worth(1, C), 10 * policy->moves->worth(10, C));
        add(&here, 0, 10);
        assert_int_equal(chosen(&here), 0);
        run(&here, 10 * C);
        assert_int_equal(time_of(&here, 0), policy->moves->worth(1, C));
    }
}

/* Long after a queue has begun anew with its virtual times, they compare with those of another. */
static void times_compare_for_ever(void **state)
{
    uint64_t before;

    (void)state;
    begin("bvt", 0);
    for (unsigned i = 0; i < 5; i++) {
        before = time_of(&here, 0);
        run(&here, UINT64_C(1) << 50);
        run(&there, UINT64_C(1) << 50);
        assert_int_equal(time_of(&here, 0) - before, UINT64_C(1) << 60);
        if (chosen(&here) != 0) /* the other has slept */
            units[1].runnable = true;
        (void)policy->block(&here.queue, &units[1], 0);
        (void)chosen(&here);
        (void)chosen(&there);
    }
    assert_int_equal(time_of(&here, 0), time_of(&there, 2));
    assert_int_not_equal(bvt_queue(&here.queue)->origin, 0);
    policy->wake(&here.queue, &units[1], 0);
    move(1, 0);
    assert_int_equal(time_of(&there, 1), time_of(&there, 2));
}

static void weights_go_along(void **state)
{
    (void)state;
    begin("cbs", C);
    assert_int_equal(cbs_queue(&here.queue)->weights, 2);
    move(1, 0);
    assert_int_equal(cbs_queue(&here.queue)->weights, 1);
    assert_int_equal(cbs_queue(&there.queue)->weights, 2);
}

/* Nobody gets a new horizon by going to another queue. */
static void what_was_served_goes_along(void **state)
{
    uint64_t served;

    (void)state;
    begin("cbs", C);
    assert_true(policy->warp(&here.queue, &units[1], here.now, 0, here.now));
    assert_int_equal(chosen(&here), 1);
    run(&here, 30 * MS);
    assert_true(policy->unwarp(&here.queue, &units[1], here.now));
    assert_int_equal(chosen(&here), 0);
    served = cbs_unit(&units[1])->served;
    assert_true(served > here.now);
    there.now = here.now;
    move(1, 0);
    assert_int_equal(cbs_unit(&units[1])->served, served);
    assert_true(policy->warp(&there.queue, &units[1], there.now, 0, there.now));
    assert_int_equal(cbs_unit(&units[1])->served, served);
}

static void a_unit_of_rr_joins_the_line(void **state)
{
    (void)state;
    begin("rr", 0);
    assert_null(policy->moves->turn);
    move(1, 0);
    assert_int_equal(chosen(&there), 2);
    run(&there, C);
    assert_int_equal(chosen(&there), 1);
    run(&here, C);
    assert_int_equal(chosen(&here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_behind_stays_behind),
        cmocka_unit_test(a_queue_may_be_ahead),
        cmocka_unit_test(a_difference_is_bounded),
        cmocka_unit_test(an_idle_queue_takes_the_time),
        cmocka_unit_test(sleep_earns_what_it_does_here),
        cmocka_unit_test(credit_goes_along),
        cmocka_unit_test(who_sleeps_gains_nothing_by_one_that_comes),
        cmocka_unit_test(credit_is_of_who_is_there),
        cmocka_unit_test(one_that_joins_up_to_the_turn_runs_at_once),
        cmocka_unit_test(worth_is_over_the_weight),
        cmocka_unit_test(times_compare_for_ever),
        cmocka_unit_test(weights_go_along),
        cmocka_unit_test(what_was_served_goes_along),
        cmocka_unit_test(a_unit_of_rr_joins_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
