/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_gic.h. Priorities have five bits; one active-priority bit stands for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch_vcpu.h"
#include "fake_gic.h"

#define TIMER        27
#define PRIORITY_BIT 3
#define EOI_COUNTS   32
#define SPLIT        4u /* in the saved interface; below it the groups, above it the mask */
#define MASK_SHIFT   8

static unsigned version, count;

/* A core's part. */
static struct core {
    struct list_register lrs[GIC_MAX_LRS];
    bool loaded, refill, outside, split;
    unsigned ended_outside, groups;
    uint8_t mask;
    uint32_t active_priorities;
    bool timer_active;
} cores[FAKE_GIC_CORES];

/* The shared interrupts. */
#define SPIS_END 1020

static struct {
    bool enabled, edge, active, line, pending;
    unsigned target;
} spis[SPIS_END];

static _Thread_local struct core *own = cores; /* tests/races has a thread for each core */

const struct gic_driver *gic;

static unsigned lr_count(void)
{
    return count;
}

static void check_new(unsigned n, const struct list_register *lr)
{
    assert_in_range(lr->state, 1, 3);
    assert_true(lr->intid < 1020 && (lr->priority & 7) == 0);
    assert_false(lr->hardware && (lr->state == (LR_PENDING | LR_ACTIVE) || lr->eoi_wanted));
    if (lr->hardware)
        assert_true(lr->intid == TIMER ? lr->physical == TIMER : spis[lr->physical].active);
    if (version != 2 || lr->intid >= 16)
        assert_int_equal(lr->source, 0);
    for (unsigned i = 0; i < count; i++)
        assert_true(i == n || own->lrs[i].state == 0 || own->lrs[i].intid != lr->intid);
}

static uint64_t lr_word(const struct list_register *lr)
{
    return lr->intid | (uint64_t)lr->priority << 16 | (uint64_t)lr->state << 24 | (uint64_t)lr->source << 32 |
           (uint64_t)lr->hardware << 40 | (uint64_t)lr->group1 << 41 | (uint64_t)lr->eoi_wanted << 42 |
           (lr->hardware ? (uint64_t)lr->physical << 48 : 0);
}

static void lr_write(unsigned n, uint64_t word)
{
    const struct list_register lr = {
        .intid = (uint16_t)word,
        .priority = (uint8_t)(word >> 16),
        .state = (uint8_t)(word >> 24),
        .source = (uint8_t)(word >> 32),
        .hardware = (word >> 40 & 1) != 0,
        .group1 = (word >> 41 & 1) != 0,
        .eoi_wanted = (word >> 42 & 1) != 0,
        .physical = (uint16_t)(word >> 48),
    };

    assert_true(n < count);
    check_new(n, &lr);
    own->lrs[n] = lr;
}

static struct lr_content lr_take(unsigned n)
{
    struct lr_content content;

    assert_true(n < count);
    content = (struct lr_content){.state = own->lrs[n].state, .source = own->lrs[n].source};
    own->lrs[n] = (struct list_register){0};
    return content;
}

static void virtual_ask(bool refill, bool outside)
{
    own->refill = refill;
    own->outside = outside;
    own->ended_outside = 0;
}

static unsigned take_eoi_count(void)
{
    unsigned ended = own->ended_outside;

    own->ended_outside = 0;
    return ended;
}

static uint8_t virtual_priority_mask(unsigned *groups)
{
    *groups = own->groups;
    return own->mask;
}

/* What is saved with the interface leaves nothing behind that the next vCPU would see. */
static void interface_save(struct arch_vcpu *vcpu)
{
    assert_false(own->refill || own->outside);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(own->lrs[i].state, 0);
    own->loaded = false;
    vcpu->gic_vmcr = own->groups | (own->split ? SPLIT : 0) | (uint64_t)own->mask << MASK_SHIFT;
    vcpu->gic_ap0[0] = own->active_priorities;
    own->mask = 0x55; /* what is left behind is nobody's */
    own->groups = 0;
    own->active_priorities = 0x5A5A5A5A;
}

static void interface_load(const struct arch_vcpu *vcpu)
{
    own->loaded = true;
    own->groups = vcpu->gic_vmcr & 3;
    own->split = (vcpu->gic_vmcr & SPLIT) != 0;
    own->mask = (uint8_t)(vcpu->gic_vmcr >> MASK_SHIFT);
    own->active_priorities = (uint32_t)vcpu->gic_ap0[0];
}

static void interface_reset(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = vcpu->gic_ap0[0] = 0;
}

static void set_private_active(uint32_t intid, bool active)
{
    assert_int_equal(intid, TIMER);
    assert_int_not_equal(own->timer_active, active);
    own->timer_active = active;
}

static void disable(uint32_t intid)
{
    if (intid >= 32 && intid < SPIS_END)
        spis[intid].enabled = false;
}

static unsigned spi_end(void)
{
    return SPIS_END;
}

static void spi_set_up(uint32_t intid, bool edge)
{
    spis[intid].enabled = spis[intid].active = false;
    spis[intid].edge = edge;
}

static void spi_enable(uint32_t intid)
{
    assert_false(spis[intid].enabled);
    spis[intid].enabled = true;
}

static void spi_set_active(uint32_t intid, bool active)
{
    assert_int_not_equal(spis[intid].active, active);
    spis[intid].active = active;
}

static void spi_set_target(uint32_t intid, unsigned cpu_index)
{
    assert_in_range(cpu_index, 0, FAKE_GIC_CORES - 1);
    spis[intid].target = cpu_index;
}

static const struct gic_driver fake = {
    .disable = disable,
    .spi_end = spi_end,
    .spi_set_up = spi_set_up,
    .spi_enable = spi_enable,
    .spi_set_active = spi_set_active,
    .spi_set_target = spi_set_target,
    .set_private_active = set_private_active,
    .lr_count = lr_count,
    .lr_word = lr_word,
    .lr_write = lr_write,
    .lr_take = lr_take,
    .virtual_ask = virtual_ask,
    .take_eoi_count = take_eoi_count,
    .virtual_priority_mask = virtual_priority_mask,
    .interface_save = interface_save,
    .interface_load = interface_load,
    .interface_reset = interface_reset,
};

void fake_gic_reset(unsigned its_version, unsigned list_registers)
{
    static struct gic_driver driver;

    memset(cores, 0, sizeof(cores));
    memset(spis, 0, sizeof(spis));
    own = cores;
    version = its_version;
    count = list_registers;
    driver = fake;
    driver.version = version;
    gic = &driver;
}

void fake_gic_choose(unsigned core)
{
    own = &cores[core];
}

bool fake_gic_timer_active(void)
{
    return own->timer_active;
}

void fake_gic_timer_acknowledge(void)
{
    assert_false(own->timer_active);
    own->timer_active = true;
}

void fake_spi_line(unsigned intid, bool level)
{
    if (level && !spis[intid].line && spis[intid].edge)
        spis[intid].pending = true;
    spis[intid].line = level;
}

unsigned fake_spi(void)
{
    for (unsigned intid = 32; intid < SPIS_END; intid++)
        if (spis[intid].enabled && !spis[intid].active && &cores[spis[intid].target] == own &&
            (spis[intid].pending || (spis[intid].line && !spis[intid].edge)))
            return intid;
    return GIC_SPURIOUS;
}

void fake_spi_acknowledge(unsigned intid)
{
    spis[intid].pending = false;
    spi_set_active(intid, true);
}

void fake_spi_end(unsigned intid)
{
    spi_set_active(intid, false);
}

bool fake_spi_active(unsigned intid)
{
    return spis[intid].active;
}

bool fake_spi_enabled(unsigned intid)
{
    return spis[intid].enabled;
}

unsigned fake_spi_target(unsigned intid)
{
    return spis[intid].target;
}

bool fake_gic_maintenance(void)
{
    bool pending = false, end_wanted = false;

    for (unsigned i = 0; i < count; i++) {
        pending = pending || own->lrs[i].state == LR_PENDING;
        end_wanted = end_wanted || (own->lrs[i].state == 0 && own->lrs[i].eoi_wanted);
    }
    return own->loaded &&
           ((own->refill && !pending) || (own->outside && own->ended_outside != 0) || end_wanted);
}

bool fake_gic_enabled(void)
{
    return own->loaded;
}

unsigned fake_gic_used(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < count; i++)
        used += own->lrs[i].state != 0;
    return used;
}

unsigned fake_gic_state(unsigned intid)
{
    for (unsigned i = 0; i < count; i++)
        if (own->lrs[i].intid == intid && own->lrs[i].state != 0)
            return own->lrs[i].state;
    return 0;
}

void fake_guest_mask(uint8_t priority)
{
    own->mask = priority;
}

void fake_guest_groups(unsigned groups)
{
    own->groups = groups;
}

void fake_guest_split_ends(bool split)
{
    own->split = split;
}

static unsigned running_priority(void)
{
    return own->active_priorities != 0 ? (unsigned)__builtin_ctz(own->active_priorities) << PRIORITY_BIT
                                       : 256;
}

static bool can_signal(const struct list_register *lr)
{
    return lr->state == LR_PENDING && (own->groups >> lr->group1 & 1) != 0 && lr->priority < own->mask &&
           lr->priority < running_priority();
}

uint32_t fake_guest_acknowledge(void)
{
    struct list_register *best = NULL;

    assert_true(own->loaded);
    for (unsigned i = 0; i < count; i++)
        if (can_signal(&own->lrs[i]) && (best == NULL || own->lrs[i].priority < best->priority))
            best = &own->lrs[i];
    if (best == NULL)
        return GIC_SPURIOUS;
    if (best->hardware)
        assert_true(best->intid == TIMER ? own->timer_active : spis[best->physical].active);
    best->state = LR_ACTIVE;
    own->active_priorities |= UINT32_C(1) << (best->priority >> PRIORITY_BIT);
    return best->intid | (uint32_t)best->source << 10;
}

static void deactivate(uint32_t acknowledged)
{
    for (unsigned i = 0; i < count; i++) {
        struct list_register *lr = &own->lrs[i];

        if ((lr->state & LR_ACTIVE) == 0 || (lr->intid | (uint32_t)lr->source << 10) != acknowledged)
            continue;
        lr->state &= (uint8_t)~LR_ACTIVE;
        if (lr->hardware && lr->intid != TIMER)
            spi_set_active(lr->physical, false);
        else if (lr->hardware) {
            assert_true(own->timer_active);
            own->timer_active = false;
        }
        return;
    }
    assert_true(own->ended_outside + 1 < EOI_COUNTS);
    own->ended_outside++;
}

void fake_guest_end(uint32_t acknowledged)
{
    own->active_priorities &= own->active_priorities - 1;
    if (!own->split)
        deactivate(acknowledged);
}

bool fake_guest_deactivate(uint32_t acknowledged)
{
    assert_true(own->split);
    if (version == 2 || own->outside)
        return false;
    deactivate(acknowledged);
    return true;
}
