/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupts of devices that a guest owns, from the device to the guest and back: each once as a GICv2
 * and once as a GICv3. vCPU 0 is on core 0, vCPU 1 on core 1. What cores send each other they take at once,
 * but where a test says otherwise. Owners stay for ever, so each test gives the VM interrupts that no other
 * had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "devices/physical_irqs.h"
#include "random.h"
#include "vgic_world.h"

#define LEVEL 45 /* the guest's numbers */
#define EDGE  70

static unsigned level_line, edge_line = 31; /* the machine's */

static void begin_with(unsigned version, unsigned list_registers)
{
    world_spi_banks(2);
    world_reset(version, list_registers, 2);
    level_line = edge_line + 1;
    edge_line = level_line + 1;
    assert_true(physical_irq_give(world_vm(), level_line, LEVEL, false));
    assert_true(physical_irq_give(world_vm(), edge_line, EDGE, true));
    world_open();
    world_write(GUEST_GICD_BASE + GIC_ICFGR + EDGE / 16 * 4, 2u << (2 * (EDGE % 16)));
    world_place(1, 1);
    world_core(1);
    world_switch(world_vcpu(1));
    world_core(0);
    world_settle();
    (void)world_woken(0);
    (void)world_woken(1);
}

static void begin(unsigned version)
{
    begin_with(version, 4);
}

#define BOTH(name) WORLD_BOTH(begin, name)

static void edge(void)
{
    world_device(edge_line, true);
    world_device(edge_line, false);
}

static void take(unsigned intid)
{
    assert_int_equal(world_take(), intid);
}

static void take_none(void)
{
    world_settle();
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

static void split_ends(void)
{
    for (unsigned i = 0; i < 2; i++) {
        world_core(1 - i);
        fake_guest_split_ends(true);
    }
}

BOTH(a_level_comes_again_while_it_is_high)
{
    world_device(level_line, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fake_spi_active(level_line));
        take(LEVEL);
        take_none();
        world_end(LEVEL);
    }
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
    take_none();
}

BOTH(edges_that_come_while_one_is_active_come_once_more)
{
    edge();
    take(EDGE);
    edge();
    edge();
    take_none();
    world_end(EDGE);
    take(EDGE);
    world_end(EDGE);
    take_none();
    assert_false(fake_spi_active(edge_line));
}

/* The guest's end is the hardware's business alone. */
BOTH(the_guest_s_end_deactivates_the_physical_one)
{
    edge();
    assert_int_equal(fake_guest_acknowledge(), EDGE);
    assert_true(fake_spi_active(edge_line));
    fake_guest_end(EDGE);
    assert_false(fake_spi_active(edge_line));
    assert_false(fake_gic_maintenance());
    edge();
    take(EDGE);
    assert_true(fake_spi_active(edge_line));
    world_end(EDGE);
    assert_false(fake_spi_active(edge_line));
}

/* It has ended it on core 0, which nobody has seen there, when the next comes on core 1. */
BOTH(one_comes_on_another_core_before_the_end_is_seen)
{
    world_device(level_line, true);
    take(LEVEL);
    gic->spi_set_target(level_line, 1);
    fake_guest_end(LEVEL);
    world_core(1);
    world_enter();
    assert_true(fake_spi_active(level_line));
    world_core(0);
    world_settle();
    take(LEVEL);
    assert_true(fake_spi_active(level_line));
    world_device(level_line, false);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
    take_none();
}

/* Its end is to be seen, as the next one is for the other vCPU. */
BOTH(one_is_routed_away_while_it_is_active)
{
    world_device(level_line, true);
    take(LEVEL);
    world_route(LEVEL, 1);
    world_end(LEVEL);
    take_none();
    world_core(1);
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
    world_core(0);
}

/* Of four that are active the most urgent has the only list register; the others end without one. */
static void one_that_has_no_list_register_is_ended(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        begin_with(version, 1);
        world_priority(LEVEL, 0x90);
        world_priority(EDGE, 0x80);
        world_priority(33, 0x40);
        world_device(level_line, true);
        take(LEVEL);
        edge();
        take(EDGE);
        world_line(33, true);
        take(33);
        world_line(33, false);
        world_end(33);
        world_end(EDGE);
        assert_false(fake_spi_active(edge_line));
        assert_true(fake_spi_active(level_line));
        world_device(level_line, false);
        world_end(LEVEL);
        assert_false(fake_spi_active(level_line));
        take_none();
    }
}

BOTH(one_is_deactivated_by_register)
{
    world_device(level_line, true);
    edge();
    take(LEVEL);
    world_device(level_line, false);
    assert_true(fake_spi_active(level_line));
    world_set(GIC_ICACTIVER, LEVEL);
    assert_false(fake_spi_active(level_line));
    world_end(LEVEL);
    take(EDGE);
}

BOTH(one_is_deactivated_by_another_core)
{
    world_device(level_line, true);
    take(LEVEL);
    world_device(level_line, false);
    world_core(1);
    world_set(GIC_ICACTIVER, LEVEL);
    world_settle();
    assert_false(fake_spi_active(level_line));
    world_core(0);
}

BOTH(one_is_deactivated_by_name)
{
    split_ends();
    edge();
    take(EDGE);
    world_end(EDGE);
    assert_true(fake_spi_active(edge_line));
    world_deactivate(EDGE);
    assert_false(fake_spi_active(edge_line));
    edge();
    take(EDGE);
    world_end(EDGE);
    world_core(1);
    vgic_deactivate(world_vcpu(1), EDGE);
    world_settle();
    assert_false(fake_spi_active(edge_line));
    world_core(0);
    take_none();
}

/* A level that is high comes again, whoever clears it. */
BOTH(pending_is_cleared)
{
    edge();
    assert_true(world_test(GIC_ISPENDR, EDGE));
    world_set(GIC_ICPENDR, EDGE);
    assert_false(fake_spi_active(edge_line));
    take_none();
    world_device(level_line, true);
    world_set(GIC_ICPENDR, LEVEL);
    world_settle();
    assert_true(fake_spi_active(level_line));
    world_core(1);
    world_set(GIC_ICPENDR, LEVEL);
    world_settle();
    world_core(0);
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
}

BOTH(the_physical_one_is_enabled_as_the_guest_s)
{
    assert_true(fake_spi_enabled(level_line) && fake_spi_enabled(edge_line));
    world_set(GIC_ICENABLER, LEVEL);
    assert_false(fake_spi_enabled(level_line));
    assert_true(fake_spi_enabled(edge_line));
    world_device(level_line, true);
    assert_false(fake_spi_active(level_line));
    world_set(GIC_ISENABLER, LEVEL);
    world_set(GIC_ISENABLER, LEVEL);
    assert_true(fake_spi_enabled(level_line));
    take(LEVEL);
}

BOTH(one_is_disabled_while_it_is_pending)
{
    edge();
    world_set(GIC_ICENABLER, EDGE);
    take_none();
    edge();
    take_none();
    assert_true(fake_spi_active(edge_line));
    world_set(GIC_ISENABLER, EDGE);
    take(EDGE);
    world_end(EDGE);
    take(EDGE); /* the GIC has kept the second */
    world_end(EDGE);
    take_none();
}

BOTH(a_reset_leaves_it_disabled_and_inactive)
{
    world_device(level_line, true);
    take(LEVEL);
    edge();
    for (unsigned i = 0; i < 2; i++) {
        world_core(1 - i);
        world_switch(NULL);
    }
    assert_true(fake_spi_active(level_line) && fake_spi_active(edge_line));
    vgic_init(&world_vm()->vgic, 2);
    for (unsigned i = 0; i < 2; i++)
        vgic_vcpu_init(&world_vcpu(i)->vgic);
    assert_false(fake_spi_active(level_line) || fake_spi_active(edge_line));
    assert_false(fake_spi_enabled(level_line) || fake_spi_enabled(edge_line));
    world_switch(world_vcpu(0));
    fake_guest_groups(3);
    fake_guest_mask(0xFF);
    world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
    take_none();
    world_route(LEVEL, 0);
    world_set(GIC_ISENABLER, LEVEL);
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    take_none();
}

BOTH(one_that_is_not_taken_yet_survives_a_switch)
{
    world_device(level_line, true);
    edge();
    take(LEVEL);
    world_switch(NULL);
    assert_true(fake_spi_active(level_line) && fake_spi_active(edge_line));
    world_switch(world_vcpu(0));
    world_device(level_line, false);
    world_end(LEVEL);
    take(EDGE);
    world_end(EDGE);
    assert_false(fake_spi_active(level_line) || fake_spi_active(edge_line));
}

BOTH(it_goes_to_the_core_of_its_vcpu)
{
    assert_int_equal(fake_spi_target(level_line), 0);
    world_route(LEVEL, 1);
    assert_int_equal(fake_spi_target(level_line), 1);
    world_device(level_line, true);
    take_none();
    world_core(1);
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    world_core(0);
}

/* The vCPU has floated: once more the interrupt comes where it was. */
BOTH(it_follows_a_vcpu_that_moves)
{
    world_switch(NULL);
    world_core(1);
    world_switch(NULL);
    world_place(0, 1);
    world_switch(world_vcpu(0));
    assert_int_equal(fake_spi_target(level_line), 0);
    world_device(level_line, true);
    assert_int_equal(fake_spi_target(level_line), 1);
    take(LEVEL);
    world_device(level_line, false);
    world_end(LEVEL);
    take_none();
    world_core(0);
}

/* Who clears it on core 1 has the next come there: it takes no time of core 0. */
BOTH(who_deactivates_it_gets_the_next)
{
    world_device(level_line, true);
    assert_int_equal(fake_spi_target(level_line), 0);
    world_switch(NULL);
    world_core(1);
    world_set(GIC_ICPENDR, LEVEL);
    assert_true(fake_spi_active(level_line)); /* here, within the write */
    world_core(0);
    world_switch(world_vcpu(0));
    take(LEVEL);
}

BOTH(it_wakes_its_vcpu)
{
    world_switch(NULL);
    edge();
    assert_true(world_woken(0));
    assert_false(world_woken(1));
}

/* The hardware's need not have fired: nothing of it is deactivated. */
BOTH(one_that_software_sets_is_not_linked)
{
    world_set(GIC_ISPENDR, LEVEL);
    take(LEVEL);
    assert_false(fake_spi_active(level_line));
    world_end(LEVEL);
    world_set(GIC_ISACTIVER, LEVEL);
    world_device(level_line, true);
    take_none();
    world_device(level_line, false);
    world_set(GIC_ICACTIVER, LEVEL);
    take(LEVEL);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
    take_none();
}

/* No list register may be linked that is both. */
BOTH(software_sets_one_that_is_active)
{
    world_device(level_line, true);
    take(LEVEL);
    world_set(GIC_ISPENDR, LEVEL);
    take_none();
    world_end(LEVEL);
    take(LEVEL);
    assert_true(fake_spi_active(level_line));
    world_device(level_line, false);
    world_end(LEVEL);
    assert_false(fake_spi_active(level_line));
    take_none();
}

/* Nor does the guest's end of it go unseen. */
BOTH(software_sets_an_edge_that_is_active)
{
    edge();
    take(EDGE);
    world_set(GIC_ISPENDR, EDGE);
    world_end(EDGE);
    take(EDGE);
    world_end(EDGE);
    assert_false(fake_spi_active(edge_line));
    edge();
    take(EDGE);
}

/* The other vCPU is told as soon as this one has ended it. */
BOTH(software_sets_one_that_is_active_and_routed_away)
{
    edge();
    take(EDGE);
    world_route(EDGE, 1);
    world_set(GIC_ISPENDR, EDGE);
    world_end(EDGE);
    world_settle();
    world_core(1);
    take(EDGE);
    world_end(EDGE);
    assert_false(fake_spi_active(edge_line));
    world_core(0);
}

static void an_interrupt_has_one_owner(void **state)
{
    unsigned own = edge_line + 3;

    (void)state;
    begin(3);
    assert_false(physical_irq_give(world_vm(), level_line, LEVEL + 1, false));
    assert_false(physical_irq_give(world_vm(), own + 1, LEVEL, false));
    assert_false(physical_irq_give(world_vm(), own + 1, 31, false));
    assert_false(physical_irq_give(world_vm(), own + 1, 96, false)); /* the VM has two banks */
    assert_false(physical_irq_give(world_vm(), 31, LEVEL + 1, false));
    assert_false(physical_irq_give(world_vm(), 1020, LEVEL + 1, false));
    physical_irq_keep(own);
    assert_false(physical_irq_give(world_vm(), own, LEVEL + 1, false));
    assert_true(physical_irq_give(world_vm(), own + 1, LEVEL + 1, false));
    edge_line = own + 1;
}

/* Before the VM is made it gets as many SPIs as that takes. */
static void a_vm_gets_spis_for_its_devices(void **state)
{
    static struct vcpu vcpu;
    static struct vm vm = {.vcpus = &vcpu, .vcpu_count = 1};

    (void)state;
    begin(3);
    assert_true(physical_irq_give(&vm, ++edge_line, 40, false));
    assert_int_equal(vm.vgic.spi_banks, 1);
    assert_true(physical_irq_give(&vm, ++edge_line, 1019, false));
    assert_int_equal(vm.vgic.spi_banks, 31);
    assert_false(physical_irq_give(&vm, ++edge_line, 1020, false));
    vgic_init(&vm.vgic, 1);
    assert_int_equal(vm.vgic.spi_banks, 31);
}

BOTH(one_that_nobody_owns_is_masked_and_named_once)
{
    unsigned before = world_lines();

    edge_line += 2;
    for (unsigned i = 0; i < 2; i++) {
        gic->spi_enable(edge_line);
        world_device(edge_line, true);
        assert_false(fake_spi_enabled(edge_line) || fake_spi_active(edge_line));
        world_device(edge_line, false);
        assert_int_equal(world_lines(), before + 1);
    }
    assert_false(physical_irq_came(edge_line - 1));
    assert_int_equal(world_lines(), before + 2);
}

/* Ontime's own is for the caller. */
static void one_that_is_kept_is_left_alone(void **state)
{
    unsigned before = world_lines();

    (void)state;
    begin(3);
    physical_irq_keep(++edge_line);
    gic->spi_enable(edge_line);
    assert_false(physical_irq_came(edge_line));
    assert_true(fake_spi_enabled(edge_line));
    assert_int_equal(world_lines(), before);
}

BOTH(that_of_a_vm_that_is_off_is_masked)
{
    unsigned before = world_lines();

    world_switch(NULL);
    world_vm()->off = true;
    world_device(level_line, true);
    assert_false(fake_spi_active(level_line) || fake_spi_enabled(level_line));
    assert_int_equal(world_lines(), before);
}

/*
 * Anything the guest may do, at random, and a device that is served as drivers serve one: its line falls when
 * its interrupt was taken. No edge is lost: after the last one the interrupt is taken once more, and a line
 * that is high is seen. The fake GIC looks at each list register that is linked.
 */
static bool seen_level, seen_edge;

static void serve(void)
{
    uint32_t intid = world_take();

    if (intid == LEVEL) {
        seen_level = true;
        world_device(level_line, false);
    } else if (intid == EDGE) {
        seen_edge = true;
    }
    if (intid != GIC_SPURIOUS)
        world_end(intid);
}

static void random_step(struct random *random)
{
    static const unsigned bitmaps[] = {GIC_ISENABLER, GIC_ICENABLER, GIC_ISPENDR, GIC_ISACTIVER,
                                       GIC_ICACTIVER};
    unsigned intid = random_below(random, 2) != 0 ? LEVEL : EDGE;

    switch (random_below(random, 8)) {
    case 0:
        world_device(level_line, true);
        seen_level = false;
        break;
    case 1:
        edge();
        seen_edge = false;
        break;
    case 2:
        world_set(bitmaps[random_below(random, 5)], intid);
        break;
    case 3:
        world_route(intid, (unsigned)random_below(random, 2));
        break;
    case 4:
        world_core(1 - world_core_now());
        break;
    case 5:
        world_switch(random_below(random, 3) != 0 ? world_vcpu(world_core_now()) : NULL);
        if (world_loaded() == NULL)
            world_switch(world_vcpu(world_core_now()));
        break;
    default:
        serve();
    }
    world_settle();
}

static void finish(void)
{
    for (unsigned i = 0; i < 2; i++) {
        world_set(GIC_ICACTIVER, i == 0 ? LEVEL : EDGE);
        world_set(GIC_ISENABLER, i == 0 ? LEVEL : EDGE);
        world_settle();
    }
    for (unsigned i = 0; i < 8; i++) {
        world_core(i % 2);
        world_enter();
        serve();
        world_settle();
    }
    assert_true(seen_level && seen_edge);
    assert_false(fake_spi_active(level_line) || fake_spi_active(edge_line));
}

static void nothing_is_lost_whatever_a_guest_does(void **state)
{
    struct random random = {.state = 1};

    (void)state;
    for (unsigned run = 0; run < 64; run++) {
        begin_with(2 + run % 2, 1 + run / 2 % 4);
        seen_level = seen_edge = true;
        for (unsigned i = 0; i < 2000; i++)
            random_step(&random);
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_comes_again_while_it_is_high),
        cmocka_unit_test(edges_that_come_while_one_is_active_come_once_more),
        cmocka_unit_test(the_guest_s_end_deactivates_the_physical_one),
        cmocka_unit_test(one_comes_on_another_core_before_the_end_is_seen),
        cmocka_unit_test(one_is_routed_away_while_it_is_active),
        cmocka_unit_test(one_that_has_no_list_register_is_ended),
        cmocka_unit_test(one_is_deactivated_by_register),
        cmocka_unit_test(one_is_deactivated_by_another_core),
        cmocka_unit_test(one_is_deactivated_by_name),
        cmocka_unit_test(pending_is_cleared),
        cmocka_unit_test(the_physical_one_is_enabled_as_the_guest_s),
        cmocka_unit_test(one_is_disabled_while_it_is_pending),
        cmocka_unit_test(a_reset_leaves_it_disabled_and_inactive),
        cmocka_unit_test(one_that_is_not_taken_yet_survives_a_switch),
        cmocka_unit_test(it_goes_to_the_core_of_its_vcpu),
        cmocka_unit_test(it_follows_a_vcpu_that_moves),
        cmocka_unit_test(who_deactivates_it_gets_the_next),
        cmocka_unit_test(it_wakes_its_vcpu),
        cmocka_unit_test(one_that_software_sets_is_not_linked),
        cmocka_unit_test(software_sets_one_that_is_active),
        cmocka_unit_test(software_sets_an_edge_that_is_active),
        cmocka_unit_test(software_sets_one_that_is_active_and_routed_away),
        cmocka_unit_test(an_interrupt_has_one_owner),
        cmocka_unit_test(a_vm_gets_spis_for_its_devices),
        cmocka_unit_test(one_that_nobody_owns_is_masked_and_named_once),
        cmocka_unit_test(one_that_is_kept_is_left_alone),
        cmocka_unit_test(that_of_a_vm_that_is_off_is_masked),
        cmocka_unit_test(nothing_is_lost_whatever_a_guest_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
