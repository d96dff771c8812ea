/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC of a VM on two cores: vCPU 0 on core 0, vCPUs 1 and 2 on core 1, where vCPU 1 is loaded.
 * Each once as a GICv2 and once as a GICv3. What a core sends is taken when the test kicks the other one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vgic_world.h"

#define SGI   3
#define LEVEL SPI
#define EDGE  41

static void begin(unsigned version)
{
    world_reset(version, 4, 3);
    world_open();
    world_write(GUEST_GICD_BASE + GIC_ICFGR + 8, 2u << (2 * (EDGE - 32)));
    world_switch(world_vcpu(0));
    world_place(1, 1);
    world_place(2, 1);
    world_core(1);
    world_switch(world_vcpu(1));
    world_core(0);
    world_route(LEVEL, 1);
    world_route(EDGE, 1);
    world_kick(1);
    for (unsigned i = 0; i < 3; i++)
        (void)world_woken(i);
}

#define BOTH(name) WORLD_BOTH(begin, name)

static uint32_t take_on(unsigned core)
{
    uint32_t intid;

    world_core(core);
    intid = world_take();
    world_core(1 - core);
    return intid;
}

static void end_on(unsigned core, uint32_t intid)
{
    world_core(core);
    world_end(intid);
    world_core(1 - core);
}

static void edge(void)
{
    world_line(EDGE, true);
    world_line(EDGE, false);
}

/* From core 0, a read that lets core 1 look. */
static void expect_state(unsigned intid, bool pending, bool active)
{
    assert_int_equal(world_test(GIC_ISPENDR, intid), pending);
    assert_int_equal(world_test(GIC_ISACTIVER, intid), active);
}

BOTH(an_sgi_goes_to_another_core)
{
    world_send(1, SGI);
    assert_int_equal(fake_gic_used(), 0);
    world_kick(1);
    assert_int_equal(fake_gic_used(), 0);
    assert_int_equal(take_on(1) & 0x3FF, SGI);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    assert_int_equal(take_on(0), GIC_SPURIOUS);
}

/* The sender writes nothing of the other core: that is for the message. */
BOTH(a_vcpu_of_another_core_is_woken_there)
{
    world_send(2, SGI);
    assert_false(world_woken(2));
    world_kick(1);
    assert_true(world_woken(2));
    world_core(1);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(2));
    assert_int_equal(world_take() & 0x3FF, SGI);
}

/* A guest takes no time of those who run on the other core, however often it sends an interrupt there. */
BOTH(a_vcpu_that_waits_for_its_turn_gets_no_message)
{
    world_vcpu(2)->vgic.waits = false;
    world_send(2, SGI);
    world_kick(1);
    assert_false(world_woken(2));
    world_core(1);
    world_switch(world_vcpu(2));
    assert_int_equal(world_take() & 0x3FF, SGI);
    world_vcpu(2)->vgic.waits = false;
    assert_false(vgic_wakes(world_vcpu(2))); /* it is about to block */
    world_switch(world_vcpu(1));
    world_core(0);
    world_send(2, SGI);
    assert_false(world_vcpu(2)->vgic.waits); /* so the next is no message any more */
    world_kick(1);
    assert_true(world_woken(2));
}

BOTH(each_core_has_its_own_list_registers)
{
    world_send(1, SGI);
    world_send(0, SGI + 1);
    world_kick(1);
    assert_int_equal(fake_gic_used(), 1);
    assert_int_equal(take_on(1) & 0x3FF, SGI);
    assert_int_equal(take_on(0) & 0x3FF, SGI + 1);
}

static void expect_again(unsigned base, unsigned intid)
{
    uint32_t value;
    unsigned before = world_sends();

    assert_false(world_try_read(world_register(base, intid), &value));
    assert_int_equal(world_sends(), before + 1);
    assert_false(world_try_read(world_register(base, intid), &value));
    assert_int_equal(world_sends(), before + 1); /* it has asked already */
}

static bool read_once(unsigned base, unsigned intid)
{
    uint32_t value;

    assert_true(world_try_read(world_register(base, intid), &value));
    return (value >> (intid & 31) & 1) != 0;
}

BOTH(a_read_waits_until_the_other_core_has_looked)
{
    edge();
    world_kick(1);
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    assert_true(read_once(GIC_ISPENDR, EDGE));
    assert_int_equal(take_on(1), EDGE);
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    assert_false(read_once(GIC_ISPENDR, EDGE));
    expect_again(GIC_ISACTIVER, EDGE);
    world_kick(1);
    assert_true(read_once(GIC_ISACTIVER, EDGE));
    end_on(1, EDGE);
    expect_again(GIC_ISACTIVER, EDGE);
    world_kick(1);
    assert_false(read_once(GIC_ISACTIVER, EDGE));
    assert_false(read_once(GIC_ISACTIVER, EDGE)); /* there is nothing to wait for any more */
}

BOTH(a_read_goes_on_when_the_other_is_switched_out)
{
    edge();
    world_kick(1);
    expect_again(GIC_ISPENDR, EDGE);
    world_core(1);
    world_switch(NULL);
    world_core(0);
    assert_true(read_once(GIC_ISPENDR, EDGE));
    assert_true(read_once(GIC_ISPENDR, EDGE));
}

/* A loop executes the same load, and waits each time. */
BOTH(a_read_that_is_repeated_asks_again)
{
    edge();
    world_kick(1);
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    assert_true(read_once(GIC_ISPENDR, EDGE));
    assert_int_equal(take_on(1), EDGE);
    world_vcpu(0)->arch.regs.pc -= 4;
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    assert_false(read_once(GIC_ISPENDR, EDGE));
}

/* The guest took an interrupt instead, and reads something else later. */
BOTH(a_read_that_was_given_up_is_forgotten)
{
    edge();
    world_kick(1);
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    world_vcpu(0)->arch.regs.pc += 64;
    assert_int_equal(take_on(1), EDGE);
    expect_again(GIC_ISPENDR, EDGE);
    world_kick(1);
    assert_false(read_once(GIC_ISPENDR, EDGE));
}

BOTH(reads_of_own_interrupts_wait_for_nobody)
{
    edge();
    world_send(0, SGI);
    world_kick(1);
    assert_true(read_once(GIC_ISPENDR, SGI));
}

BOTH(pending_is_cleared_on_another_core)
{
    edge();
    world_kick(1);
    world_set(GIC_ICPENDR, EDGE);
    world_kick(1);
    expect_state(EDGE, false, false);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
}

BOTH(what_comes_after_pending_was_cleared_stays)
{
    edge();
    world_kick(1);
    world_set(GIC_ICPENDR, EDGE);
    edge();
    world_kick(1);
    expect_state(EDGE, true, false);
    assert_int_equal(take_on(1), EDGE);
    end_on(1, EDGE);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
}

BOTH(one_is_made_active_on_another_core)
{
    edge();
    world_kick(1);
    world_set(GIC_ISACTIVER, EDGE);
    world_kick(1);
    expect_state(EDGE, true, true);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    world_set(GIC_ICACTIVER, EDGE);
    world_kick(1);
    expect_state(EDGE, true, false);
    assert_int_equal(take_on(1), EDGE);
}

/* The list register is empty: the guest has ended it, and nobody has looked yet. */
BOTH(one_that_was_ended_is_made_active)
{
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
    end_on(1, EDGE);
    world_set(GIC_ISACTIVER, EDGE);
    edge();
    world_kick(1);
    expect_state(EDGE, true, true);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    world_set(GIC_ICACTIVER, EDGE);
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
}

BOTH(one_is_made_inactive_on_another_core)
{
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
    world_set(GIC_ICACTIVER, EDGE);
    world_kick(1);
    expect_state(EDGE, false, false);
}

/* EOI mode 1: the end on one core, the deactivation on the other. */
BOTH(one_is_deactivated_from_another_core)
{
    world_core(1);
    fake_guest_split_ends(true);
    world_core(0);
    fake_guest_split_ends(true);
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
    end_on(1, EDGE);
    expect_state(EDGE, false, true);
    vgic_deactivate(world_vcpu(0), EDGE);
    world_enter();
    world_kick(1);
    expect_state(EDGE, false, false);
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
}

/* `intid` is pending on core 1 when it is routed to vCPU 0: it comes there, once. */
static void move_to_0(unsigned intid)
{
    world_route(intid, 0);
    world_kick(1);
    world_kick(0); /* what the pull there has sent */
    assert_true(world_woken(0));
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    world_core(0);
    assert_int_equal(world_take(), intid);
    expect_state(intid, intid == LEVEL, true);
    world_line(intid, false);
    world_end(intid);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_kick(1);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    world_core(0);
}

BOTH(an_edge_is_routed_away_while_it_is_pending)
{
    edge();
    world_kick(1);
    move_to_0(EDGE);
}

BOTH(a_level_is_routed_away_while_it_is_pending)
{
    world_line(LEVEL, true);
    world_kick(1);
    move_to_0(LEVEL);
}

/* Cleared, routed away and pending again, before the other core has looked. */
BOTH(one_that_was_cleared_and_came_again_is_routed_away)
{
    edge();
    world_kick(1);
    world_set(GIC_ICPENDR, EDGE);
    world_set(GIC_ISPENDR, EDGE);
    move_to_0(EDGE);
}

BOTH(one_is_routed_away_while_it_is_active)
{
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), EDGE);
    world_core(0);
    world_route(EDGE, 0);
    edge();
    world_kick(1);
    expect_state(EDGE, true, true);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    end_on(1, EDGE);
    world_kick(1);
    world_kick(0);
    world_core(0);
    assert_int_equal(world_take(), EDGE);
}

BOTH(a_line_falls_on_another_core)
{
    world_line(LEVEL, true);
    world_kick(1);
    world_line(LEVEL, false);
    world_kick(1);
    expect_state(LEVEL, false, false);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
    world_core(0);
    world_line(LEVEL, true);
    world_kick(1);
    assert_int_equal(take_on(1), LEVEL);
    world_core(0);
    world_line(LEVEL, false);
    end_on(1, LEVEL);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
}

BOTH(a_high_line_comes_again_on_another_core)
{
    world_line(LEVEL, true);
    world_kick(1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(take_on(1), LEVEL);
        end_on(1, LEVEL);
    }
}

/* GICv3: the redistributor of a vCPU on another core. */
static void a_redistributor_of_another_core_is_read(void **state)
{
    uint64_t frame = GUEST_GICR_BASE + GUEST_GICR_SIZE + GICR_SGI_FRAME;
    uint32_t value;

    (void)state;
    begin(3);
    world_send(1, SGI);
    world_kick(1);
    assert_true(world_try_read(frame + GIC_ISENABLER, &value));
    assert_false(world_try_read(frame + GIC_ISPENDR, &value));
    world_kick(1);
    assert_true(world_try_read(frame + GIC_ISPENDR, &value));
    assert_int_equal(value, 1u << SGI);
    world_write(frame + GIC_ICPENDR, 1u << SGI);
    world_kick(1);
    assert_int_equal(world_read(frame + GIC_ISPENDR), 0);
    assert_int_equal(take_on(1), GIC_SPURIOUS);
}

/* Of a vCPU that floats nothing is in a list register while it is on its way: all is where it arrives. */
BOTH(one_on_its_way_gets_its_interrupts_where_it_arrives)
{
    struct vcpu *vcpu = world_vcpu(2);
    uint32_t intid;

    world_route(LEVEL, 2);
    world_kick(1);
    vcpu->cpu = NULL;
    vcpu->vgic.waits = false; /* it is runnable */
    world_send(2, SGI);
    world_line(LEVEL, true);
    edge();
    world_kick(1);
    assert_false(world_woken(2));
    world_place(2, 0);
    world_switch(vcpu);
    intid = world_take();
    assert_int_equal(intid & 0x3FF, SGI);
    world_end(intid);
    assert_int_equal(world_take(), LEVEL);
    world_line(LEVEL, false);
    world_end(LEVEL);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_core(1);
    assert_int_equal(world_take(), EDGE);
}

/* It ends what it has taken on the core that it comes from. */
BOTH(what_is_active_goes_along)
{
    world_line(LEVEL, true);
    edge();
    world_kick(1);
    assert_int_equal(take_on(1), LEVEL);
    world_core(1);
    world_switch(NULL);
    world_core(0);
    world_place(1, 0);
    world_switch(world_vcpu(1));
    assert_true(world_test(GIC_ISACTIVER, LEVEL));
    world_line(LEVEL, false);
    world_end(LEVEL);
    assert_false(world_test(GIC_ISACTIVER, LEVEL));
    assert_int_equal(world_take(), EDGE);
    world_end(EDGE);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_core(1);
    world_switch(world_vcpu(2));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_core(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_sgi_goes_to_another_core),
        cmocka_unit_test(a_vcpu_of_another_core_is_woken_there),
        cmocka_unit_test(a_vcpu_that_waits_for_its_turn_gets_no_message),
        cmocka_unit_test(each_core_has_its_own_list_registers),
        cmocka_unit_test(a_read_waits_until_the_other_core_has_looked),
        cmocka_unit_test(a_read_goes_on_when_the_other_is_switched_out),
        cmocka_unit_test(a_read_that_is_repeated_asks_again),
        cmocka_unit_test(a_read_that_was_given_up_is_forgotten),
        cmocka_unit_test(reads_of_own_interrupts_wait_for_nobody),
        cmocka_unit_test(pending_is_cleared_on_another_core),
        cmocka_unit_test(what_comes_after_pending_was_cleared_stays),
        cmocka_unit_test(one_is_made_active_on_another_core),
        cmocka_unit_test(one_that_was_ended_is_made_active),
        cmocka_unit_test(one_is_made_inactive_on_another_core),
        cmocka_unit_test(one_is_deactivated_from_another_core),
        cmocka_unit_test(an_edge_is_routed_away_while_it_is_pending),
        cmocka_unit_test(a_level_is_routed_away_while_it_is_pending),
        cmocka_unit_test(one_that_was_cleared_and_came_again_is_routed_away),
        cmocka_unit_test(one_is_routed_away_while_it_is_active),
        cmocka_unit_test(a_line_falls_on_another_core),
        cmocka_unit_test(a_high_line_comes_again_on_another_core),
        cmocka_unit_test(a_redistributor_of_another_core_is_read),
        cmocka_unit_test(one_on_its_way_gets_its_interrupts_where_it_arrives),
        cmocka_unit_test(what_is_active_goes_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
