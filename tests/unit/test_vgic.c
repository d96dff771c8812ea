/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC by example: each once as a GICv2 and once as a GICv3, with four list registers unless said.
 * test_vgic_random.c has the properties.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vgic_world.h"

#define SGIS 16u

static void begin(unsigned version)
{
    world_reset(version, 4, 2);
    world_open();
}

#define BOTH(name) WORLD_BOTH(begin, name)

BOTH(nothing_is_pending_after_reset)
{
    world_reset(gic->version, 4, 2);
    world_switch(world_vcpu(0));
    world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
    fake_guest_groups(3);
    fake_guest_mask(0xFF);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    for (unsigned intid = 0; intid < 64; intid += 32) {
        assert_int_equal(world_read(world_register(GIC_ISPENDR, intid)), 0);
        assert_int_equal(world_read(world_register(GIC_ISACTIVER, intid)), 0);
        assert_int_equal(world_read(world_register(GIC_IGROUPR, intid)), 0);
    }
    assert_int_equal(world_read(world_register(GIC_ISENABLER, 0)), gic->version == 2 ? 0xFFFF : 0);
    assert_int_equal(world_read(world_register(GIC_ISENABLER, 32)), 0);
}

static void check_level(unsigned intid)
{
    world_line(intid, true);
    assert_int_equal(world_serve(), intid);
    assert_int_equal(world_take(), intid); /* the line is still high */
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_line(intid, false);
    world_end(intid);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_line(intid, true);
    world_line(intid, false);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(level_stays_pending_while_the_line_is_high)
{
    check_level(SPI);
    check_level(PPI);
}

BOTH(level_that_rises_while_active_comes_after)
{
    world_line(SPI, true);
    assert_int_equal(world_take(), SPI);
    world_line(SPI, false);
    world_line(SPI, true);
    assert_true(world_test(GIC_ISPENDR, SPI) && world_test(GIC_ISACTIVER, SPI));
    world_end(SPI);
    assert_int_equal(world_serve(), SPI);
}

BOTH(edge_is_latched_once)
{
    world_write(GUEST_GICD_BASE + GIC_ICFGR + 8, 2u << (2 * (SPI - 32)));
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ICFGR + 8), 2u << (2 * (SPI - 32)));
    for (unsigned i = 0; i < 3; i++) {
        world_line(SPI, true);
        world_line(SPI, false);
    }
    assert_int_equal(world_take(), SPI);
    world_line(SPI, true);
    world_line(SPI, false);
    assert_true(world_test(GIC_ISPENDR, SPI));
    world_end(SPI);
    assert_int_equal(world_serve(), SPI);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_line(SPI, true); /* and stays high */
    assert_int_equal(world_serve(), SPI);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(set_pending_is_served_once)
{
    static const unsigned intids[] = {PPI, SPI, 40};

    for (unsigned i = 0; i < 3; i++) {
        world_set(GIC_ISPENDR, intids[i]);
        assert_true(world_test(GIC_ISPENDR, intids[i]) && world_test(GIC_ICPENDR, intids[i]));
        assert_int_equal(world_serve(), intids[i]);
        assert_int_equal(world_take(), GIC_SPURIOUS);
        world_set(GIC_ISPENDR, intids[i]);
        world_set(GIC_ICPENDR, intids[i]);
        assert_false(world_test(GIC_ISPENDR, intids[i]));
        assert_int_equal(world_take(), GIC_SPURIOUS);
    }
}

BOTH(clear_pending_leaves_a_high_line)
{
    world_line(SPI, true);
    world_set(GIC_ISPENDR, SPI);
    world_set(GIC_ICPENDR, SPI);
    assert_true(world_test(GIC_ISPENDR, SPI));
    assert_int_equal(world_take(), SPI);
    world_line(SPI, false);
    world_end(SPI);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(sgi_sent_twice_is_one)
{
    world_send(0, 1);
    world_send(0, 1);
    assert_true(world_test(GIC_ISPENDR, 1));
    assert_int_equal(world_take(), 1);
    assert_false(world_test(GIC_ISPENDR, 1));
    world_send(0, 1);
    assert_true(world_test(GIC_ISPENDR, 1) && world_test(GIC_ISACTIVER, 1));
    world_end(1);
    assert_int_equal(world_serve(), 1);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(more_than_list_registers_come_by_priority)
{
    for (unsigned sgi = 0; sgi < SGIS; sgi++) {
        world_priority(sgi, (uint8_t)(0xF0 - 8 * sgi));
        world_send(0, sgi);
    }
    world_priority(SPI, 0x08);
    world_line(SPI, true);
    assert_int_equal(fake_gic_used(), 4);
    assert_int_equal(world_take(), SPI);
    world_line(SPI, false);
    world_end(SPI);
    for (unsigned sgi = SGIS; sgi-- != 0;)
        assert_int_equal(world_serve(), sgi);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

/* Eight levels of preemption, each active beneath the next. */
BOTH(nested_deeper_than_list_registers)
{
    for (unsigned sgi = 0; sgi < 8; sgi++) {
        world_priority(sgi, (uint8_t)(0x80 - 8 * sgi));
        world_send(0, sgi);
        assert_int_equal(world_take(), sgi);
    }
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), 0xFF);
    world_send(0, 3);
    for (unsigned sgi = 8; sgi-- > 4;) {
        world_end(sgi);
        assert_int_equal(world_take(), GIC_SPURIOUS);
    }
    world_end(3);
    assert_int_equal(world_serve(), 3);
    for (unsigned sgi = 3; sgi-- != 0;)
        world_end(sgi);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), 0);
    assert_int_equal(world_read(world_register(GIC_ISPENDR, 0)), 0);
}

/* A level-sensitive one that is active beyond the list registers comes again at its end. */
BOTH(level_ended_without_list_register_comes_again)
{
    world_line(SPI, true);
    assert_int_equal(world_take(), SPI);
    for (unsigned sgi = 0; sgi < 6; sgi++)
        world_send(0, sgi);
    assert_int_equal(fake_gic_state(SPI), 0);
    world_end(SPI);
    for (unsigned sgi = 0; sgi < 6; sgi++)
        assert_int_equal(world_serve(), sgi);
    assert_int_equal(world_serve(), SPI);
}

/* The count of ends concerns what had no list register, however urgent those are that have one. */
BOTH(end_without_list_register_spares_the_others)
{
    uint32_t acknowledged;

    world_priority(0, 0xC0);
    world_priority(8, 0x10);
    world_send(0, 0);
    assert_int_equal(world_take(), 0);
    for (unsigned sgi = 1; sgi < 5; sgi++)
        world_send(0, sgi);
    world_priority(0, 0xC0);
    assert_int_equal(fake_gic_state(0), 0);
    world_send(0, 8);
    /* All within one stay in the guest: the maintenance interrupt may come that late. */
    fake_guest_end(0);
    acknowledged = fake_guest_acknowledge();
    assert_int_equal(acknowledged, 8);
    world_enter();
    assert_true(world_test(GIC_ISACTIVER, 8));
    assert_false(world_test(GIC_ISACTIVER, 0));
    world_end(acknowledged);
    assert_int_equal(world_serve(), 1);
}

BOTH(split_ends_in_any_order)
{
    fake_guest_split_ends(true);
    for (unsigned sgi = 0; sgi < SGIS; sgi++)
        world_send(0, sgi);
    for (unsigned sgi = 0; sgi < SGIS; sgi++)
        assert_int_equal(world_serve(), sgi);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), 0xFFFF);
    for (unsigned sgi = 0; sgi < SGIS; sgi++)
        world_send(0, sgi);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_int_equal(world_read(world_register(GIC_ISPENDR, 0)), 0xFFFF);
    for (unsigned i = 0; i < SGIS; i++) {
        unsigned sgi = i * 7 % SGIS;

        world_deactivate(sgi);
        assert_int_equal(world_serve(), sgi);
        world_deactivate(sgi);
    }
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), 0);
    assert_int_equal(world_read(world_register(GIC_ISPENDR, 0)), 0);
}

BOTH(deactivating_what_does_not_exist_does_nothing)
{
    fake_guest_split_ends(true);
    world_write(world_register(GIC_ISACTIVER, 0), UINT32_MAX);
    world_write(world_register(GIC_ISACTIVER, 32), UINT32_MAX);
    vgic_deactivate(world_loaded(), 64);
    vgic_deactivate(world_loaded(), 1023);
    vgic_deactivate(world_loaded(), UINT32_MAX);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), UINT32_MAX);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 32)), UINT32_MAX);
    vgic_deactivate(world_loaded(), 2);
    vgic_deactivate(world_loaded(), 2);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), ~4u);
}

/* Made active by software: for the vCPU it goes to; for the one that does it, when it goes to none. */
BOTH(set_active_belongs_to_the_target)
{
    fake_guest_split_ends(true);
    world_route(SPI, 7);
    world_set(GIC_ISACTIVER, SPI);
    world_deactivate(SPI);
    assert_false(world_test(GIC_ISACTIVER, SPI));
    world_route(SPI, 1);
    world_set(GIC_ISACTIVER, SPI);
    world_switch(world_vcpu(1));
    fake_guest_split_ends(true);
    world_deactivate(SPI);
    assert_false(world_test(GIC_ISACTIVER, SPI));
}

BOTH(disabled_waits)
{
    world_line(SPI, true);
    world_set(GIC_ICENABLER, SPI);
    assert_false(world_test(GIC_ISENABLER, SPI) || world_test(GIC_ICENABLER, SPI));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_true(world_test(GIC_ISPENDR, SPI));
    world_set(GIC_ISENABLER, SPI);
    assert_true(world_test(GIC_ISENABLER, SPI) && world_test(GIC_ICENABLER, SPI));
    assert_int_equal(world_take(), SPI);
    world_set(GIC_ICENABLER, SPI); /* while active: the end still counts */
    world_line(SPI, false);
    world_end(SPI);
    assert_false(world_test(GIC_ISACTIVER, SPI));
}

BOTH(distributor_off_waits)
{
    world_send(0, 1);
    world_set(GIC_IGROUPR, 2);
    world_send(0, 2);
    world_write(GUEST_GICD_BASE + GICD_CTLR, 0);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_write(GUEST_GICD_BASE + GICD_CTLR, 2);
    assert_int_equal(world_serve(), 2);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_write(GUEST_GICD_BASE + GICD_CTLR, 1);
    assert_int_equal(world_serve(), 1);
}

BOTH(set_active_is_silent)
{
    world_set(GIC_ISACTIVER, SPI);
    world_set(GIC_ISACTIVER, 4);
    assert_true(world_test(GIC_ISACTIVER, SPI) && world_test(GIC_ICACTIVER, SPI));
    world_line(SPI, true);
    world_send(0, 4);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_set(GIC_ICACTIVER, SPI);
    assert_int_equal(world_take(), SPI);
    world_line(SPI, false);
    world_end(SPI);
    world_set(GIC_ICACTIVER, 4);
    assert_int_equal(world_serve(), 4);
}

BOTH(priorities_have_five_bits)
{
    world_priority(SPI, 0xFF);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR + 32), 0xA0A0F8A0);
    world_write(GUEST_GICD_BASE + GIC_IPRIORITYR + 32, 0x01234567);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR + 32), 0x00204060);
}

BOTH(what_is_not_there_reads_zero)
{
    static const uint32_t offsets[] = {0x00C, 0x040, 0x088, 0x108,  0x3F0,  0x440, 0x7F8,
                                       0xC14, 0xD00, 0xFFC, 0x1000, 0x5FFC, 0xFFFC};

    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        world_write(GUEST_GICD_BASE + offsets[i], UINT32_MAX);
        assert_int_equal(world_read(GUEST_GICD_BASE + offsets[i]), 0);
    }
}

BOTH(outside_the_map_is_refused)
{
    bool v2 = gic->version == 2;
    const struct {
        uint64_t address;
        bool known;
    } cases[] = {{GUEST_GICD_BASE - 4, false},
                 {GUEST_GICD_BASE + GUEST_GICD_SIZE - 4, true},
                 {GUEST_GICC_BASE, false}, /* on GICv2 mapped, never trapped */
                 {GUEST_GICC_DIR, v2},
                 {GUEST_GICC_DIR + GUEST_GICC_SIZE, false},
                 {GUEST_GICR_BASE - 4, false},
                 {GUEST_GICR_BASE, !v2},
                 {GUEST_GICR_BASE + 2 * GUEST_GICR_SIZE - 4, !v2},
                 {GUEST_GICR_BASE + 2 * GUEST_GICR_SIZE, false},
                 {GUEST_GICD_BASE + 2, false}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mmio_access access = {.size = 4};

        assert_int_equal(world_access(cases[i].address, &access), cases[i].known);
    }
}

BOTH(ppis_keep_their_configuration)
{
    uint64_t config = world_register(GIC_ICFGR, 0);

    assert_int_equal(world_read(config), 0xAAAAAAAA);
    assert_int_equal(world_read(config + 4), 0);
    world_write(config, 0);
    world_write(config + 4, UINT32_MAX);
    assert_int_equal(world_read(config), 0xAAAAAAAA);
    assert_int_equal(world_read(config + 4), 0);
}

/* ---- the virtual timer */

BOTH(timer_is_held_while_pending_and_active)
{
    world_timer(0, true);
    world_enter();
    assert_true(world_woken(0));
    assert_true(fake_gic_timer_active());
    assert_int_equal(fake_gic_state(VGIC_TIMER), LR_PENDING);
    assert_true(world_test(GIC_ISPENDR, VGIC_TIMER));
    assert_int_equal(world_take(), VGIC_TIMER);
    assert_true(fake_gic_timer_active());
    world_timer(0, false);
    world_end(VGIC_TIMER);
    assert_false(fake_gic_timer_active());
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

/* The guest ends one tick and has the next without a reason to leave in between. */
BOTH(timer_fires_again_after_a_quiet_end)
{
    for (unsigned i = 0; i < 5; i++) {
        world_timer(0, true);
        world_enter();
        assert_int_equal(fake_guest_acknowledge(), VGIC_TIMER);
        world_timer(0, false);
        fake_guest_end(VGIC_TIMER);
        assert_false(fake_gic_timer_active());
    }
}

/* Before it expires or after: it is pending, but does not come until it is released. */
BOTH(deferred_timer_comes_when_it_is_released)
{
    for (unsigned i = 0; i < 2; i++) {
        world_timer(0, i != 0);
        world_enter();
        assert_true(vgic_defer_timer(world_loaded()));
        world_timer(0, true);
        world_enter();
        assert_true(fake_gic_timer_active());
        assert_true(world_test(GIC_ISPENDR, VGIC_TIMER));
        assert_int_equal(world_take(), GIC_SPURIOUS);
        assert_false(vgic_wakes(world_loaded()) || vgic_has_deliverable(world_loaded()));
        world_send(0, 1);
        assert_int_equal(world_serve(), 1);
        world_switch(world_vcpu(1));
        world_switch(world_vcpu(0));
        assert_int_equal(world_take(), GIC_SPURIOUS);
        vgic_release_timer(world_loaded());
        world_enter();
        assert_int_equal(world_take(), VGIC_TIMER);
        assert_false(vgic_defer_timer(world_loaded())); /* the guest is serving it */
        world_enter();
        world_timer(0, false);
        world_end(VGIC_TIMER);
        assert_false(fake_gic_timer_active());
    }
}

BOTH(timer_that_stays_expired_comes_again)
{
    world_timer(0, true);
    world_enter();
    assert_int_equal(world_serve(), VGIC_TIMER);
    assert_int_equal(world_serve(), VGIC_TIMER);
    world_timer(0, false);
    assert_false(world_test(GIC_ISPENDR, VGIC_TIMER));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_false(fake_gic_timer_active());
}

BOTH(timer_is_carried_over_a_switch_pending)
{
    world_timer(0, true);
    world_enter();
    world_switch(world_vcpu(1)); /* the switch asserts that nothing stays active */
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_timer(1, true);
    world_enter();
    assert_int_equal(world_take(), VGIC_TIMER);
    world_switch(world_vcpu(0));
    assert_true(fake_gic_timer_active());
    assert_int_equal(world_take(), VGIC_TIMER);
    world_timer(0, false);
    world_end(VGIC_TIMER);
    assert_false(fake_gic_timer_active());
    world_switch(world_vcpu(1));
    assert_int_equal(fake_gic_state(VGIC_TIMER), LR_ACTIVE);
    assert_true(fake_gic_timer_active());
    world_timer(1, false);
    world_end(VGIC_TIMER);
    assert_false(fake_gic_timer_active());
}

BOTH(timer_that_falls_while_out_does_not_come)
{
    world_timer(0, true);
    world_enter();
    world_switch(NULL);
    world_timer(0, false);
    world_switch(world_vcpu(0));
    assert_false(fake_gic_timer_active());
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(timer_that_expires_while_out_comes)
{
    world_switch(NULL);
    world_timer(0, true);
    world_switch(world_vcpu(0));
    assert_true(fake_gic_timer_active());
    assert_int_equal(world_take(), VGIC_TIMER);
}

/* A guest that waits when its timer expires: the dispatcher sees it first. */
BOTH(timer_that_expires_at_a_wait_comes_once)
{
    for (unsigned i = 0; i < 3; i++) {
        world_timer(0, true);
        world_wait();
        assert_true(fake_gic_timer_active());
        assert_int_equal(world_take(), VGIC_TIMER);
        world_timer(0, false);
        world_end(VGIC_TIMER);
        assert_int_equal(world_take(), GIC_SPURIOUS);
        assert_false(fake_gic_timer_active());
    }
}

BOTH(timer_disabled_is_silent)
{
    world_set(GIC_ICENABLER, VGIC_TIMER);
    world_timer(0, true);
    world_enter();
    assert_true(fake_gic_timer_active());
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_true(world_test(GIC_ISPENDR, VGIC_TIMER));
    world_timer(0, false);
    world_set(GIC_ISENABLER, VGIC_TIMER);
    assert_false(fake_gic_timer_active());
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_timer(0, true);
    world_enter();
    assert_int_equal(world_serve(), VGIC_TIMER);
}

/* Set pending by the guest's software: the physical one has not fired. */
BOTH(timer_set_pending_by_software)
{
    world_set(GIC_ISPENDR, VGIC_TIMER);
    assert_false(fake_gic_timer_active());
    assert_int_equal(world_take(), VGIC_TIMER);
    world_timer(0, true);
    world_enter();
    world_timer(0, false);
    world_set(GIC_ISPENDR, VGIC_TIMER);
    world_end(VGIC_TIMER);
    assert_int_equal(world_serve(), VGIC_TIMER);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_false(fake_gic_timer_active());
}

BOTH(timer_among_more_than_list_registers)
{
    world_priority(VGIC_TIMER, 0xC0);
    for (unsigned sgi = 0; sgi < 6; sgi++)
        world_send(0, sgi);
    world_timer(0, true);
    world_enter();
    assert_true(fake_gic_timer_active());
    for (unsigned sgi = 0; sgi < 6; sgi++)
        assert_int_equal(world_serve(), sgi);
    assert_int_equal(world_take(), VGIC_TIMER);
    for (unsigned sgi = 0; sgi < 6; sgi++)
        world_send(0, sgi);
    assert_true(fake_gic_timer_active());
    world_priority(0, 0xA0);
    assert_int_equal(world_take() & 0xF, 0);
    world_end(0);
    world_timer(0, false);
    world_end(VGIC_TIMER);
    assert_false(world_test(GIC_ISACTIVER, VGIC_TIMER));
    assert_false(fake_gic_timer_active());
}

/* ---- several vCPUs */

BOTH(sgi_to_the_other)
{
    world_send(1, 5);
    assert_true(world_woken(1));
    assert_false(world_woken(0));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(1));
    assert_int_equal(world_serve(), 5);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

BOTH(spi_goes_where_it_is_routed)
{
    world_route(SPI, 1);
    world_line(SPI, true);
    assert_true(world_woken(1));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(1));
    assert_int_equal(fake_gic_state(SPI), LR_PENDING);
    world_route(SPI, 0);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(0));
    assert_int_equal(world_serve(), SPI);
}

/* The one that took it ends it; only then it comes to the other. */
static void check_rerouted_while_active(bool edge)
{
    world_route(SPI, 0);
    world_line(SPI, true);
    assert_int_equal(world_take(), SPI);
    world_route(SPI, 1);
    if (edge) {
        world_line(SPI, false);
        world_line(SPI, true);
    }
    world_switch(world_vcpu(1));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(0));
    world_woken(1);
    world_end(SPI);
    assert_true(world_woken(1));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(1));
    assert_int_equal(world_take(), SPI);
    world_line(SPI, false);
    world_end(SPI);
    world_switch(world_vcpu(0));
}

BOTH(spi_rerouted_while_active)
{
    check_rerouted_while_active(false);
    world_write(GUEST_GICD_BASE + GIC_ICFGR + 8, 2u << (2 * (SPI - 32)));
    check_rerouted_while_active(true);
}

BOTH(spi_rerouted_while_active_without_list_register)
{
    world_line(SPI, true);
    assert_int_equal(world_take(), SPI);
    for (unsigned sgi = 0; sgi < 6; sgi++)
        world_send(0, sgi);
    world_route(SPI, 1);
    assert_int_equal(fake_gic_state(SPI), 0);
    world_woken(1);
    world_end(SPI);
    assert_true(world_woken(1));
    world_switch(world_vcpu(1));
    assert_int_equal(world_serve(), SPI);
}

BOTH(a_private_line_wakes_its_vcpu)
{
    vgic_set_line(world_vcpu(1), PPI, true);
    assert_true(world_woken(1));
    vgic_set_line(world_vcpu(1), PPI, false);
    assert_false(world_woken(1));
    vgic_set_line(world_vcpu(1), PPI, true);
    assert_true(world_woken(1));
    assert_false(world_woken(0));
    world_switch(world_vcpu(1));
    assert_int_equal(world_serve(), PPI);
}

BOTH(spi_of_nobody_waits)
{
    if (gic->version == 2)
        world_write(GUEST_GICD_BASE + GICD_ITARGETSR + 32, 0);
    else
        world_write(GUEST_GICD_BASE + GICD_IROUTER + 8 * SPI, 7);
    world_line(SPI, true);
    assert_false(world_woken(0) || world_woken(1));
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_true(world_test(GIC_ISPENDR, SPI));
    world_route(SPI, 0);
    assert_int_equal(world_serve(), SPI);
}

BOTH(enabling_wakes_the_target)
{
    world_set(GIC_ICENABLER, SPI);
    world_route(SPI, 1);
    world_line(SPI, true);
    assert_false(world_woken(1));
    world_set(GIC_ISENABLER, SPI);
    assert_true(world_woken(1));
}

BOTH(a_vcpu_reset_forgets_its_own)
{
    world_send(1, 3);
    world_switch(world_vcpu(1));
    assert_int_equal(world_take(), 3);
    world_send(1, 4);
    world_switch(world_vcpu(0));
    vgic_vcpu_init(&world_vcpu(1)->vgic);
    world_switch(world_vcpu(1));
    assert_int_equal(world_read(world_register(GIC_ISPENDR, 0)), 0);
    assert_int_equal(world_read(world_register(GIC_ISACTIVER, 0)), 0);
    assert_int_equal(fake_gic_used(), 0);
}

BOTH(only_what_can_be_taken_ends_a_wait)
{
    assert_false(vgic_wakes(world_loaded()));
    assert_false(vgic_has_deliverable(world_loaded()));
    world_send(0, 1);
    assert_true(vgic_wakes(world_loaded()));
    fake_guest_mask(0xA0);
    assert_false(vgic_wakes(world_loaded()));
    assert_true(vgic_has_deliverable(world_loaded()));
    fake_guest_mask(0xA8);
    assert_true(vgic_wakes(world_loaded()));
    fake_guest_groups(2);
    assert_false(vgic_wakes(world_loaded()));
    fake_guest_groups(3);
    world_enter();
    assert_int_equal(world_take(), 1);
    assert_false(vgic_wakes(world_loaded()));
    world_send(0, 1);
    assert_false(vgic_wakes(world_loaded())); /* pending, but active too */
    assert_false(vgic_has_deliverable(world_loaded()));
    assert_false(vgic_has_spi_to_take(world_loaded()));
    world_line(SPI, true);
    assert_true(vgic_wakes(world_loaded()));
    assert_true(vgic_has_spi_to_take(world_loaded()));
    assert_true(vgic_has_deliverable(world_loaded()));
    world_route(SPI, 1);
    assert_false(vgic_wakes(world_loaded()));
    assert_false(vgic_has_deliverable(world_loaded()));
    world_route(SPI, 0);
    world_set(GIC_ICENABLER, SPI);
    assert_false(vgic_wakes(world_loaded()));
    assert_false(vgic_has_spi_to_take(world_loaded()));
    world_timer(0, true);
    world_enter();
    assert_true(vgic_wakes(world_loaded()));
    assert_false(vgic_has_spi_to_take(world_loaded()));
}

/* ---- GICv2 alone */

static void two(void **state)
{
    (void)state;
    world_reset(2, 4, 3);
    world_open();
}

static void two_identifies_itself(void **state)
{
    two(state);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_TYPER), 1 | 2 << 5);
    assert_int_equal(world_read(GUEST_GICD_BASE + 0x8), 0x43B);
    assert_int_equal(world_read(GUEST_GICD_BASE + 0xFE8), 0x2B);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_CTLR), 3);
    assert_int_equal(vgic_version(), 2);
}

static void two_delivers_each_sender(void **state)
{
    two(state);
    for (unsigned sender = 0; sender < 3; sender++) {
        world_switch(world_vcpu(sender));
        world_send(0, 6);
        world_send(0, 6);
    }
    world_switch(world_vcpu(0));
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_SPENDSGIR + 4), 7 << 16);
    for (uint32_t sender = 0; sender < 3; sender++) {
        uint32_t acknowledged = world_acknowledge();

        assert_int_equal(acknowledged, 6 | sender << 10);
        assert_true(world_test(GIC_ISACTIVER, 6));
        if (sender == 1)
            world_send(0, 6); /* while the second's is active */
        world_switch(world_vcpu(1));
        world_switch(world_vcpu(0));
        world_end(acknowledged);
        assert_false(world_test(GIC_ISACTIVER, 6));
        if (sender == 1) {
            assert_int_equal(world_acknowledge(), 6);
            world_end(6);
        }
    }
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

static void two_sends_by_filter(void **state)
{
    static const struct {
        uint32_t value;
        uint32_t receivers;
    } cases[] = {{0x00050002, 5}, {0x00FF0002, 7}, {0x01050002, 5}, {0x02010002, 2}, {0x03070002, 0}};

    two(state);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_switch(world_vcpu(1));
        world_write(GUEST_GICD_BASE + GICD_SGIR, cases[i].value);
        for (unsigned n = 0; n < 3; n++) {
            bool receives = (cases[i].receivers >> n & 1) != 0;

            world_switch(world_vcpu(n));
            assert_int_equal(world_serve(), receives ? 2 : GIC_SPURIOUS);
        }
    }
}

static void two_sets_and_clears_senders(void **state)
{
    two(state);
    world_write(GUEST_GICD_BASE + GICD_SPENDSGIR + 8, 0xFF00); /* SGI 9, of all three */
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_CPENDSGIR + 8), 0x0700);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ISPENDR), 1 << 9);
    world_write(GUEST_GICD_BASE + GICD_CPENDSGIR + 8, 0x0500);
    assert_int_equal(world_acknowledge(), 9 | 1 << 10);
    world_end(9 | 1 << 10);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_write(GUEST_GICD_BASE + GICD_SPENDSGIR + 8, 0x0100);
    world_write(GUEST_GICD_BASE + GICD_CPENDSGIR + 8, 0x0100);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ISPENDR), 0);
    assert_int_equal(world_take(), GIC_SPURIOUS);
}

static void two_keeps_sgis_enabled(void **state)
{
    two(state);
    world_write(GUEST_GICD_BASE + GIC_ICENABLER, UINT32_MAX);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ISENABLER), 0xFFFF);
    world_write(GUEST_GICD_BASE + GIC_ISPENDR, 1 << 5);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ISPENDR), 0);
    world_send(0, 5);
    world_write(GUEST_GICD_BASE + GIC_ICPENDR, 1 << 5);
    assert_int_equal(world_serve(), 5);
}

static void two_targets(void **state)
{
    two(state);
    world_switch(world_vcpu(2));
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR), 0x04040404);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR + 28), 0x04040404);
    world_write(GUEST_GICD_BASE + GICD_ITARGETSR + 32, 0x00FF0604);
    world_write(GUEST_GICD_BASE + GICD_ITARGETSR, 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR), 0x04040404);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR + 32), 0x00070604);
    world_line(SPI, true);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_switch(world_vcpu(1)); /* the first of 1 and 2 */
    assert_int_equal(world_serve(), SPI);
}

static void two_deactivates_by_one_register(void **state)
{
    struct mmio_access half = {.size = 2, .write = true, .value = 4};

    two(state);
    fake_guest_split_ends(true);
    world_set(GIC_ISACTIVER, 4);
    world_write(GUEST_GICC_DIR + 4, 4);
    assert_true(world_access(GUEST_GICC_DIR, &half));
    assert_int_equal(world_read(GUEST_GICC_DIR), 0);
    assert_true(world_test(GIC_ISACTIVER, 4));
    world_write(GUEST_GICC_DIR, 4 | 2 << 10);
    assert_false(world_test(GIC_ISACTIVER, 4));
}

static void two_with_one_vcpu_has_no_targets(void **state)
{
    (void)state;
    world_reset(2, 4, 1);
    world_open();
    world_write(GUEST_GICD_BASE + GICD_ITARGETSR + 32, 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR + 32), 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR), 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_TYPER), 1);
    world_line(SPI, true);
    assert_int_equal(world_serve(), SPI);
}

/* ---- GICv3 alone */

static void three(void **state)
{
    (void)state;
    world_reset(3, 4, 3);
    world_open();
}

static void three_identifies_itself(void **state)
{
    struct mmio_access type = {.size = 8};

    three(state);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_TYPER), 1 | 9 << 19 | 1 << 25);
    assert_int_equal(world_read(GUEST_GICD_BASE + 0xFFE8), 0x3B);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_CTLR), 0x53);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t base = GUEST_GICR_BASE + i * GUEST_GICR_SIZE;

        assert_true(world_access(base + 8, &type));
        assert_int_equal(type.value, (uint64_t)i << 32 | i << 8 | (i == 2 ? 0x10 : 0));
        assert_int_equal(world_read(base + 0xFFE8), 0x3B);
        assert_int_equal(world_read(base + 0x14), 6);
        world_write(base + 0x14, 0);
        assert_int_equal(world_read(base + 0x14), 0);
    }
    assert_int_equal(vgic_version(), 3);
}

static void three_routes_read_as_written(void **state)
{
    struct mmio_access route = {.size = 8, .write = true, .value = UINT64_C(0xFF81234502)};

    three(state);
    assert_true(world_access(GUEST_GICD_BASE + GICD_IROUTER + 8 * SPI, &route));
    route = (struct mmio_access){.size = 8};
    assert_true(world_access(GUEST_GICD_BASE + GICD_IROUTER + 8 * SPI, &route));
    assert_int_equal(route.value, 0x234502);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_IROUTER + 8 * (SPI + 1)), 0);
    world_write(GUEST_GICD_BASE + GICD_IROUTER + 8 * 64, 1);
    world_write(GUEST_GICD_BASE + GICD_IROUTER + 8 * 1019, 1);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_IROUTER + 8 * 64), 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_IROUTER + 8 * 1019), 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_IROUTER), 0);
}

static void three_has_no_private_interrupts_in_the_distributor(void **state)
{
    three(state);
    world_send(0, 1);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_ISPENDR), 0);
    world_write(GUEST_GICD_BASE + GIC_ICENABLER, UINT32_MAX);
    assert_int_equal(world_read(world_register(GIC_ISENABLER, 0)), UINT32_MAX);
    world_write(GUEST_GICD_BASE + GIC_IPRIORITYR, 0);
    assert_int_equal(world_read(world_register(GIC_IPRIORITYR, 0)), 0xA0A0A0A0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR), 0);
    assert_int_equal(world_read(GUEST_GICD_BASE + GICD_ITARGETSR + 32), 0);
    assert_int_equal(world_serve(), 1);
}

static void three_redistributor_of_another(void **state)
{
    uint64_t other = GUEST_GICR_BASE + 2 * GUEST_GICR_SIZE + GICR_SGI_FRAME;

    three(state);
    world_write(other + GIC_ICENABLER, 1 << 7);
    world_send(2, 7);
    assert_int_equal(world_read(other + GIC_ISPENDR), 1 << 7);
    world_woken(2);
    world_write(other + GIC_ISENABLER, 1 << 7);
    assert_true(world_woken(2));
    assert_int_equal(world_read(world_register(GIC_ISPENDR, 0)), 0);
    world_switch(world_vcpu(2));
    assert_int_equal(world_serve(), 7);
}

static void three_sgis_can_be_disabled(void **state)
{
    three(state);
    world_set(GIC_ICENABLER, 2);
    world_send(0, 2);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    assert_true(world_test(GIC_ISPENDR, 2));
    world_set(GIC_ICPENDR, 2);
    world_set(GIC_ISENABLER, 2);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_set(GIC_ISPENDR, 2);
    assert_int_equal(world_serve(), 2);
}

/* A VM of 31 banks has 988 SPIs; the four INTIDs behind them are not interrupts. */
static void begin_wide(unsigned version, unsigned list_registers)
{
    world_spi_banks(VGIC_MAX_SPI_BANKS);
    world_reset(version, list_registers, 2);
    world_spi_banks(1);
    world_switch(world_vcpu(0));
    fake_guest_groups(3);
    fake_guest_mask(0xFF);
    world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
}

static void a_vm_has_as_many_spis_as_were_asked_for(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        begin_wide(version, 4);
        assert_int_equal(world_read(GUEST_GICD_BASE + GICD_TYPER) & 31, 31);
        for (unsigned base = GIC_IGROUPR; base < GIC_IPRIORITYR; base += 0x80)
            world_write(world_register(base, 992), UINT32_MAX);
        for (unsigned base = GIC_IGROUPR; base < GIC_ISACTIVER; base += 0x100)
            assert_int_equal(world_read(world_register(base, 992)), base == GIC_IGROUPR ? 0x0FFFFFFF : 0);
        world_write(world_register(GIC_ISENABLER, 992), UINT32_MAX);
        assert_int_equal(world_read(world_register(GIC_ISENABLER, 992)), 0x0FFFFFFF);
        world_write(world_register(GIC_ISPENDR, 992), UINT32_MAX);
        assert_int_equal(world_read(world_register(GIC_ISPENDR, 992)), 0x0FFFFFFF);
        world_write(GUEST_GICD_BASE + GIC_IPRIORITYR + 1016, UINT32_MAX);
        world_write(GUEST_GICD_BASE + GIC_IPRIORITYR + 1020, UINT32_MAX);
        assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR + 1016), 0xF8F8F8F8);
        assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR + 1020), 0);
        vgic_deactivate(world_vcpu(0), 1020); /* nothing happens */
    }
}

static void a_vm_of_one_bank_has_no_more(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        world_reset(version, 4, 2);
        world_switch(world_vcpu(0));
        for (unsigned intid = 64; intid < 1020; intid += 32) {
            world_write(world_register(GIC_ISENABLER, intid), UINT32_MAX);
            world_write(world_register(GIC_ISPENDR, intid), UINT32_MAX);
            world_priority(intid, 0xF8);
            world_route(intid, 1);
            assert_int_equal(world_read(world_register(GIC_ISENABLER, intid)), 0);
            assert_int_equal(world_read(world_register(GIC_ISPENDR, intid)), 0);
            assert_int_equal(world_read(GUEST_GICD_BASE + GIC_IPRIORITYR + intid), 0);
        }
        vgic_deactivate(world_vcpu(0), 64);
    }
}

/* The most urgent first, whatever its bank; of equal ones each once. */
static void all_988_spis_come_by_priority(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        unsigned last = 0, count = 0;
        bool came[1020] = {false};

        begin_wide(2 + round % 2, 1u << round / 2);
        for (unsigned intid = 32; intid < 1020; intid++) {
            world_priority(intid, (uint8_t)(intid * 7 % 31 * 8));
            world_route(intid, 0);
        }
        world_write(GUEST_GICD_BASE + GICD_CTLR, 0);
        for (unsigned intid = 32; intid < 1020; intid += 32) {
            world_write(world_register(GIC_ISENABLER, intid), UINT32_MAX);
            world_write(world_register(GIC_ISPENDR, intid), UINT32_MAX);
        }
        world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
        world_settle();
        for (uint32_t intid = world_serve(); intid != GIC_SPURIOUS; intid = world_serve()) {
            assert_in_range(intid, 32, 1019);
            assert_true(!came[intid] && intid * 7 % 31 >= last);
            came[intid] = true;
            last = intid * 7 % 31;
            count++;
        }
        assert_int_equal(count, 988);
    }
}

/* Unless the vCPU's interface lets none of them through. */
static void one_of_988_spis_ends_a_wait(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        begin_wide(version, 4);
        for (unsigned intid = 32; intid < 1020; intid++) {
            world_priority(intid, intid == 700 ? 0x40 : 0x80);
            world_route(intid, intid % 2);
        }
        for (unsigned intid = 32; intid < 1020; intid += 32)
            world_write(world_register(GIC_ISENABLER, intid), UINT32_MAX);
        assert_false(vgic_wakes(world_vcpu(0)));
        for (unsigned intid = 32; intid < 1020; intid += 32)
            world_write(world_register(GIC_ISPENDR, intid), UINT32_MAX);
        world_settle();
        fake_guest_mask(0x40);
        assert_false(vgic_wakes(world_vcpu(0)));
        fake_guest_mask(0x48);
        assert_true(vgic_wakes(world_vcpu(0)));
        assert_true(vgic_has_deliverable(world_vcpu(0)));
        fake_guest_groups(0);
        assert_false(vgic_wakes(world_vcpu(0)));
        fake_guest_groups(3);
        world_enter();
        assert_int_equal(world_take(), 700);
        world_end(700);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_is_pending_after_reset),
    cmocka_unit_test(level_stays_pending_while_the_line_is_high),
    cmocka_unit_test(level_that_rises_while_active_comes_after),
    cmocka_unit_test(edge_is_latched_once),
    cmocka_unit_test(set_pending_is_served_once),
    cmocka_unit_test(clear_pending_leaves_a_high_line),
    cmocka_unit_test(sgi_sent_twice_is_one),
    cmocka_unit_test(more_than_list_registers_come_by_priority),
    cmocka_unit_test(nested_deeper_than_list_registers),
    cmocka_unit_test(level_ended_without_list_register_comes_again),
    cmocka_unit_test(end_without_list_register_spares_the_others),
    cmocka_unit_test(split_ends_in_any_order),
    cmocka_unit_test(deactivating_what_does_not_exist_does_nothing),
    cmocka_unit_test(set_active_belongs_to_the_target),
    cmocka_unit_test(disabled_waits),
    cmocka_unit_test(distributor_off_waits),
    cmocka_unit_test(set_active_is_silent),
    cmocka_unit_test(priorities_have_five_bits),
    cmocka_unit_test(what_is_not_there_reads_zero),
    cmocka_unit_test(outside_the_map_is_refused),
    cmocka_unit_test(ppis_keep_their_configuration),
    cmocka_unit_test(timer_is_held_while_pending_and_active),
    cmocka_unit_test(timer_fires_again_after_a_quiet_end),
    cmocka_unit_test(deferred_timer_comes_when_it_is_released),
    cmocka_unit_test(timer_that_stays_expired_comes_again),
    cmocka_unit_test(timer_is_carried_over_a_switch_pending),
    cmocka_unit_test(timer_that_falls_while_out_does_not_come),
    cmocka_unit_test(timer_that_expires_while_out_comes),
    cmocka_unit_test(timer_that_expires_at_a_wait_comes_once),
    cmocka_unit_test(timer_disabled_is_silent),
    cmocka_unit_test(timer_set_pending_by_software),
    cmocka_unit_test(timer_among_more_than_list_registers),
    cmocka_unit_test(sgi_to_the_other),
    cmocka_unit_test(spi_goes_where_it_is_routed),
    cmocka_unit_test(spi_rerouted_while_active),
    cmocka_unit_test(spi_rerouted_while_active_without_list_register),
    cmocka_unit_test(a_private_line_wakes_its_vcpu),
    cmocka_unit_test(spi_of_nobody_waits),
    cmocka_unit_test(enabling_wakes_the_target),
    cmocka_unit_test(a_vcpu_reset_forgets_its_own),
    cmocka_unit_test(only_what_can_be_taken_ends_a_wait),
    cmocka_unit_test(two_identifies_itself),
    cmocka_unit_test(two_delivers_each_sender),
    cmocka_unit_test(two_sends_by_filter),
    cmocka_unit_test(two_sets_and_clears_senders),
    cmocka_unit_test(two_keeps_sgis_enabled),
    cmocka_unit_test(two_targets),
    cmocka_unit_test(two_deactivates_by_one_register),
    cmocka_unit_test(two_with_one_vcpu_has_no_targets),
    cmocka_unit_test(three_identifies_itself),
    cmocka_unit_test(three_routes_read_as_written),
    cmocka_unit_test(three_has_no_private_interrupts_in_the_distributor),
    cmocka_unit_test(three_redistributor_of_another),
    cmocka_unit_test(three_sgis_can_be_disabled),
    cmocka_unit_test(a_vm_has_as_many_spis_as_were_asked_for),
    cmocka_unit_test(a_vm_of_one_bank_has_no_more),
    cmocka_unit_test(all_988_spis_come_by_priority),
    cmocka_unit_test(one_of_988_spis_ends_a_wait),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
