/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC beside a model that has no list registers: the architecture's state machine, an interrupt
 * at a time. Random guests, devices and switches between vCPUs; at each acknowledgement both agree on whether
 * there is an interrupt, and what comes is one of the model's most urgent ones. So nothing is lost, nothing
 * comes twice, and all comes by priority. The registers are compared too, and that a vCPU for which something
 * becomes pending is woken. In half of the runs one of the vCPUs is on a core of its own; what cores send
 * each other they take at once. A VM has one bank of SPIs, or 31, and is given interrupts of all of them.
 *
 * One thing only the hardware decides: a timer interrupt that is in a list register when the guest puts its
 * timer off comes all the same, unless the hypervisor was entered in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "random.h"
#include "vgic_world.h"

#define RUNS       240
#define STEPS      3000
#define WIDE_RUNS  48 /* with 31 banks, of which a step of the model takes longer */
#define WIDE_STEPS 1500
#define VCPUS      3
#define INTIDS     1020
#define NESTING    33

#define OWN_CORE 1 /* the vCPU that has a core of its own when there are two */

struct interrupt {
    bool enabled, latched, line, edge, active, group1;
    uint8_t priority;
    uint8_t senders; /* GICv2's SGIs: pending of these */
    unsigned holder; /* active SPIs */
};

struct model_cpu {
    struct interrupt own[32];
    uint32_t taken[NESTING]; /* acknowledged, in this order, not ended */
    unsigned depth;
    uint32_t split[INTIDS]; /* ended, not deactivated: what was acknowledged */
    unsigned split_count;
    uint8_t mask;
    unsigned groups;
    bool stale_timer;
    bool pending_before;
};

static struct {
    bool split;
    bool two_cores;
    unsigned intids; /* that the VM has */
    bool enabled[2];
    struct interrupt spis[INTIDS - 32];
    unsigned route[INTIDS - 32];
    struct model_cpu cpus[VCPUS];
} model;

static struct random random_numbers;
static unsigned served, nested, beyond;

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&random_numbers, bound);
}

static unsigned cpu_now(void)
{
    return world_loaded()->index;
}

static struct interrupt *model_of(unsigned cpu, unsigned intid)
{
    return intid < 32 ? &model.cpus[cpu].own[intid] : &model.spis[intid - 32];
}

static bool is_pending(const struct interrupt *interrupt)
{
    return interrupt->latched || interrupt->senders != 0 || (interrupt->line && !interrupt->edge);
}

static bool deliverable(unsigned cpu, unsigned intid)
{
    const struct interrupt *interrupt = model_of(cpu, intid);

    return is_pending(interrupt) && interrupt->enabled && !interrupt->active &&
           model.enabled[interrupt->group1] && (intid < 32 || model.route[intid - 32] == cpu);
}

/* The running priority: 256 when nothing was taken. */
static unsigned running(unsigned cpu)
{
    const struct model_cpu *own = &model.cpus[cpu];

    return own->depth != 0 ? model_of(cpu, own->taken[own->depth - 1] & 0x3FF)->priority : 256;
}

/* The priority of the most urgent that can be taken now; 256 when there is none. */
static unsigned best_priority(unsigned cpu)
{
    const struct model_cpu *own = &model.cpus[cpu];
    unsigned best = 256;

    for (unsigned intid = 0; intid < model.intids; intid++) {
        const struct interrupt *interrupt = model_of(cpu, intid);

        if (deliverable(cpu, intid) && (own->groups >> interrupt->group1 & 1) != 0 &&
            interrupt->priority < own->mask && interrupt->priority < best)
            best = interrupt->priority;
    }
    return best < running(cpu) ? best : 256;
}

static void model_take(unsigned cpu, uint32_t acknowledged)
{
    struct model_cpu *own = &model.cpus[cpu];
    unsigned intid = acknowledged & 0x3FF;
    struct interrupt *interrupt = model_of(cpu, intid);

    if (gic->version == 2 && intid < 16) {
        assert_true((interrupt->senders >> (acknowledged >> 10) & 1) != 0);
        interrupt->senders &= (uint8_t) ~(1u << (acknowledged >> 10));
    }
    interrupt->latched = false;
    interrupt->active = true;
    interrupt->holder = cpu;
    assert_true(own->depth < NESTING);
    own->taken[own->depth++] = acknowledged;
    served++;
    nested += own->depth > 1;
    beyond += fake_gic_state(intid) == 0;
}

static void step_acknowledge(void)
{
    unsigned cpu = cpu_now();
    unsigned best = best_priority(cpu);
    bool stale = model.cpus[cpu].stale_timer;
    uint32_t acknowledged = world_acknowledge();
    unsigned intid = acknowledged & 0x3FF;

    if (stale && intid == VGIC_TIMER && !deliverable(cpu, VGIC_TIMER)) {
        model_take(cpu, acknowledged);
        return;
    }
    if (best == 256) {
        assert_int_equal(acknowledged, GIC_SPURIOUS);
        return;
    }
    assert_in_range(intid, 0, model.intids - 1);
    assert_true(deliverable(cpu, intid));
    assert_int_equal(model_of(cpu, intid)->priority, best);
    model_take(cpu, acknowledged);
}

static void step_end(void)
{
    struct model_cpu *own = &model.cpus[cpu_now()];
    uint32_t acknowledged;

    if (own->depth == 0)
        return;
    acknowledged = own->taken[--own->depth];
    if (model.split)
        own->split[own->split_count++] = acknowledged;
    else
        model_of(cpu_now(), acknowledged & 0x3FF)->active = false;
    world_end(acknowledged);
}

static void step_deactivate(void)
{
    struct model_cpu *own = &model.cpus[cpu_now()];
    unsigned which;
    uint32_t acknowledged;

    if (own->split_count == 0)
        return;
    which = below(own->split_count);
    acknowledged = own->split[which];
    own->split[which] = own->split[--own->split_count];
    model_of(cpu_now(), acknowledged & 0x3FF)->active = false;
    world_deactivate(acknowledged);
}

static void step_send(void)
{
    unsigned target = below(VCPUS), sgi = below(16);
    struct interrupt *interrupt = model_of(target, sgi);

    if (gic->version == 2)
        interrupt->senders |= (uint8_t)(1u << cpu_now());
    else
        interrupt->latched = true;
    world_send(target, sgi);
}

/* An SPI: of the eight first of a bank. */
static unsigned any_spi(void)
{
    return 32 + 32 * below((model.intids - 1) / 32) + below(8);
}

static void step_line(void)
{
    unsigned intid = below(3) == 0 ? PPI : any_spi();
    struct interrupt *interrupt = model_of(cpu_now(), intid);
    bool level = below(2) != 0;

    if (level && !interrupt->line && interrupt->edge)
        interrupt->latched = true;
    interrupt->line = level;
    world_line(intid, level);
}

static void step_wait(void)
{
    world_wait();
    model.cpus[cpu_now()].stale_timer = false;
}

static void step_timer(void)
{
    unsigned cpu = cpu_now();
    struct interrupt *timer = model_of(cpu, VGIC_TIMER);
    bool level = below(3) != 0;

    if (timer->line && !level && fake_gic_state(VGIC_TIMER) == LR_PENDING)
        model.cpus[cpu].stale_timer = true;
    timer->line = level;
    world_timer(cpu, level);
    if (below(2) != 0)
        world_enter();
    else
        step_wait();
}

/* Interrupts whose state the guest's software may meddle with: nobody has them active. */
static unsigned any_intid(void)
{
    if (below(3) == 0)
        return VGIC_TIMER;
    return below(2) == 0 ? below(32) : any_spi();
}

static void step_enable(void)
{
    unsigned intid = any_intid();
    bool enable = below(4) != 0;

    if (gic->version == 3 || intid >= 16)
        model_of(cpu_now(), intid)->enabled = enable;
    world_set(enable ? GIC_ISENABLER : GIC_ICENABLER, intid);
}

static void step_pend(void)
{
    unsigned intid = any_intid();
    bool set = below(3) != 0;

    if (gic->version == 3 || intid >= 16)
        model_of(cpu_now(), intid)->latched = set;
    world_set(set ? GIC_ISPENDR : GIC_ICPENDR, intid);
}

static void step_priority(void)
{
    unsigned intid = any_intid();
    struct interrupt *interrupt = model_of(cpu_now(), intid);

    if (interrupt->active)
        return;
    interrupt->priority = (uint8_t)(below(8) * 0x18 + 8);
    world_priority(intid, interrupt->priority);
}

static void step_route(void)
{
    unsigned intid = any_spi(), vcpu = below(VCPUS);

    model.route[intid - 32] = vcpu;
    world_route(intid, vcpu);
}

static void step_mask(void)
{
    struct model_cpu *own = &model.cpus[cpu_now()];

    own->mask = below(3) != 0 ? 0xF8 : (uint8_t)(below(8) * 0x20);
    fake_guest_mask(own->mask);
    own->groups = below(4) != 0 ? 3 : 0; /* see vgic.c for one without the other */
    fake_guest_groups(own->groups);
}

static void step_control(void)
{
    unsigned control = below(4) != 0 ? 3 : below(4);

    model.enabled[0] = (control & 1) != 0;
    model.enabled[1] = (control & 2) != 0;
    world_write(GUEST_GICD_BASE + GICD_CTLR, control);
}

/* A guest that makes all pending, or none. */
static void step_storm(void)
{
    bool set = below(2) != 0;

    if (below(16) != 0)
        return;
    for (unsigned intid = 32; intid < model.intids; intid++) {
        model_of(0, intid)->latched = set;
        if (intid % 32 == 0)
            world_write(world_register(set ? GIC_ISPENDR : GIC_ICPENDR, intid), UINT32_MAX);
    }
}

static void step_switch(void)
{
    unsigned index = model.two_cores && world_core_now() == 1 ? OWN_CORE : below(VCPUS);

    if (model.two_cores && index == OWN_CORE)
        world_core(1);
    world_switch(world_vcpu(index));
    model.cpus[cpu_now()].stale_timer = false;
}

static void step_core(void)
{
    if (model.two_cores)
        world_core(1 - world_core_now());
}

/* One of the vCPUs gets a core for itself. */
static void spread(void)
{
    world_switch(world_vcpu(0));
    world_place(OWN_CORE, 1);
    world_core(1);
    world_switch(world_vcpu(OWN_CORE));
    world_core(0);
    world_settle();
}

/* The vCPU gets the CPU. */
static void bring_in(unsigned cpu)
{
    world_core(model.two_cores && cpu == OWN_CORE);
    world_switch(world_vcpu(cpu));
}

static void check_registers(unsigned cpu)
{
    for (unsigned first = 0; first < model.intids; first += 32) {
        uint32_t pending = 0, active = 0, enabled = 0;

        for (unsigned n = 0; n < 32 && first + n < model.intids; n++) {
            const struct interrupt *interrupt = model_of(cpu, first + n);

            pending |= (uint32_t)is_pending(interrupt) << n;
            active |= (uint32_t)interrupt->active << n;
            enabled |= (uint32_t)interrupt->enabled << n;
        }
        assert_int_equal(world_read(world_register(GIC_ISPENDR, first)), pending);
        assert_int_equal(world_read(world_register(GIC_ISACTIVER, first)), active);
        assert_int_equal(world_read(world_register(GIC_ISENABLER, first)), enabled);
    }
    model.cpus[cpu].stale_timer = false;
}

static bool any_deliverable(unsigned cpu)
{
    for (unsigned intid = 0; intid < model.intids; intid++)
        if (deliverable(cpu, intid))
            return true;
    return false;
}

/* Nobody sleeps over what became pending. A timer's expiry is the dispatcher's to see while its vCPU is out.
 */
static void check_woken(void)
{
    for (unsigned cpu = 0; cpu < VCPUS; cpu++) {
        bool pending = any_deliverable(cpu);

        if (pending && !model.cpus[cpu].pending_before && cpu != cpu_now())
            assert_true(world_woken(cpu));
        model.cpus[cpu].pending_before = pending;
        world_woken(cpu);
    }
}

/* An SPI that is odd is edge-triggered, every third one is in group 1. */
static void set_up_bank(unsigned first)
{
    uint32_t group1 = 0;

    for (unsigned n = 0; n < 32; n++)
        group1 |= (uint32_t)((first + n) % 3 == 0) << n;
    world_write(world_register(GIC_IGROUPR, first), group1);
    if (first == 0)
        return;
    world_write(GUEST_GICD_BASE + GIC_ICFGR + first / 4, 0x88888888);
    world_write(GUEST_GICD_BASE + GIC_ICFGR + first / 4 + 4, 0x88888888);
}

static void begin(unsigned run, unsigned banks)
{
    static const unsigned list_registers[] = {4, 1, 2, 16};

    world_spi_banks(banks);
    world_reset(2 + run % 2, list_registers[run / 4 % 4], VCPUS);
    world_open();
    memset(&model, 0, sizeof(model));
    model.split = run / 2 % 2 != 0;
    model.two_cores = run / 16 % 2 != 0;
    model.enabled[0] = model.enabled[1] = true;
    model.intids = 32 + 32 * banks < INTIDS ? 32 + 32 * banks : INTIDS;
    for (unsigned cpu = 0; cpu < VCPUS; cpu++) {
        world_switch(world_vcpu(cpu));
        fake_guest_split_ends(model.split);
        model.cpus[cpu].mask = 0xFF;
        model.cpus[cpu].groups = 3;
        for (unsigned intid = 0; intid < model.intids; intid++) {
            struct interrupt *interrupt = model_of(cpu, intid);

            interrupt->enabled = true;
            interrupt->priority = 0xA0;
            interrupt->edge = intid < 16 || (intid >= 32 && intid % 2 != 0);
            interrupt->group1 = intid % 3 == 0;
        }
        set_up_bank(0);
    }
    for (unsigned first = 32; first < model.intids; first += 32)
        set_up_bank(first);
    world_settle();
    if (model.two_cores)
        spread();
}

static void step(void)
{
    static void (*const steps[])(void) = {
        step_acknowledge, step_acknowledge, step_acknowledge, step_acknowledge, step_end,    step_end,
        step_end,         step_deactivate,  step_deactivate,  step_send,        step_send,   step_line,
        step_line,        step_timer,       step_timer,       step_enable,      step_pend,   step_priority,
        step_route,       step_mask,        step_control,     step_switch,      step_switch, step_wait,
        step_core,        step_core,        step_storm,
    };

    steps[below(sizeof(steps) / sizeof(steps[0]))]();
    world_settle();
    if (fake_gic_state(VGIC_TIMER) != LR_PENDING)
        model.cpus[cpu_now()].stale_timer = false;
    check_woken();
    if (below(16) == 0)
        check_registers(cpu_now());
}

/* Whatever is still pending or active comes and goes, once. */
static void drain(void)
{
    model.enabled[0] = model.enabled[1] = true;
    world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
    for (unsigned cpu = 0; cpu < VCPUS; cpu++) {
        struct model_cpu *own = &model.cpus[cpu];

        bring_in(cpu);
        world_settle();
        own->stale_timer = false;
        own->mask = 0xFF;
        own->groups = 3;
        fake_guest_mask(0xFF);
        fake_guest_groups(3);
        for (unsigned i = 0; i < 500 + model.intids; i++) {
            step_acknowledge();
            step_end();
            step_deactivate();
            world_settle();
        }
        while (own->depth != 0)
            step_end();
        while (own->split_count != 0)
            step_deactivate();
        world_settle();
        check_registers(cpu);
    }
}

static void run_all(unsigned runs, unsigned steps, unsigned banks)
{
    served = nested = beyond = 0;
    for (unsigned run = 0; run < runs; run++) {
        random_numbers.state = run;
        begin(run, banks);
        for (unsigned i = 0; i < steps; i++)
            step();
        drain();
    }
    /* The runs were worth something. */
    assert_true(served > runs * 200 && nested > runs * 20 && beyond > runs);
}

static void every_interrupt_comes_once_and_by_priority(void **state)
{
    (void)state;
    run_all(RUNS, STEPS, 1);
}

static void so_does_every_one_of_988_spis(void **state)
{
    (void)state;
    run_all(WIDE_RUNS, WIDE_STEPS, VGIC_MAX_SPI_BANKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interrupt_comes_once_and_by_priority),
        cmocka_unit_test(so_does_every_one_of_988_spis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
