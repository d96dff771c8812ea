/* SPDX-License-Identifier: Apache-2.0 */
/* Locks: tickets, and the order in which a core takes those that it holds at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "base/lock.h"

#define PLACES 7

static struct spinlock locks[PLACES];

static int setup(void **state)
{
    (void)state;
    for (unsigned place = 0; place < PLACES; place++)
        locks[place] = (struct spinlock)SPINLOCK_INIT((uint8_t)place);
    fake_set_cpu(0);
    return 0;
}

static void take(void *lock)
{
    spin_lock(lock);
}

/* With `held`, may a core take another lock of that place? */
static bool may_take(unsigned held, unsigned place)
{
    struct spinlock other = SPINLOCK_INIT((uint8_t)place);
    bool fails;

    spin_lock(&locks[held]);
    fails = fake_assert_fails(take, &other);
    if (!fails)
        spin_unlock(&other);
    spin_unlock(&locks[held]);
    return !fails;
}

static void a_lock_is_held_until_it_is_given_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3u << 16; i++) { /* tickets wrap round */
        assert_false(spin_is_held(&locks[LOCK_VM]));
        spin_lock(&locks[LOCK_VM]);
        assert_true(spin_is_held(&locks[LOCK_VM]));
        spin_unlock(&locks[LOCK_VM]);
    }
    assert_int_equal(*arch_locks_held(), 0);
}

static void locks_are_taken_in_their_order(void **state)
{
    (void)state;
    for (unsigned held = LOCK_VM; held < LOCK_ALONE; held++)
        for (unsigned place = LOCK_VM; place < LOCK_ALONE; place++)
            assert_int_equal(may_take(held, place), place > held);
    assert_int_equal(*arch_locks_held(), 0);
}

static void a_lock_that_is_alone_has_no_other_beside_it(void **state)
{
    (void)state;
    for (unsigned place = LOCK_VM; place <= LOCK_ALONE; place++) {
        assert_false(may_take(LOCK_ALONE, place));
        assert_false(may_take(place, LOCK_ALONE));
    }
}

static void a_lock_without_a_place_is_not_checked(void **state)
{
    (void)state;
    for (unsigned place = 0; place < PLACES; place++) {
        assert_true(may_take(LOCK_ANYWHERE, place));
        assert_true(may_take(place, LOCK_ANYWHERE));
    }
}

static void another_core_has_its_own_order(void **state)
{
    (void)state;
    spin_lock(&locks[LOCK_CONSOLE]);
    fake_set_cpu(1);
    spin_lock(&locks[LOCK_VM]);
    spin_unlock(&locks[LOCK_VM]);
    fake_set_cpu(0);
    spin_unlock(&locks[LOCK_CONSOLE]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lock_is_held_until_it_is_given_back, setup),
        cmocka_unit_test_setup(locks_are_taken_in_their_order, setup),
        cmocka_unit_test_setup(a_lock_that_is_alone_has_no_other_beside_it, setup),
        cmocka_unit_test_setup(a_lock_without_a_place_is_not_checked, setup),
        cmocka_unit_test_setup(another_core_has_its_own_order, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
