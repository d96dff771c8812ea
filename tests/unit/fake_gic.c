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

static struct {
    unsigned version, count;
    struct list_register lrs[GIC_MAX_LRS];
    bool loaded, refill, outside, split;
    unsigned ended_outside, groups;
    uint8_t mask;
    uint32_t active_priorities;
    bool timer_active;
} state;

const struct gic_driver *gic;

static unsigned lr_count(void)
{
    return state.count;
}

static void check_new(unsigned n, const struct list_register *lr)
{
    assert_in_range(lr->state, 1, 3);
    assert_true(lr->intid < 1020 && (lr->priority & 7) == 0);
    assert_false(lr->hardware && (lr->state == (LR_PENDING | LR_ACTIVE) || lr->eoi_wanted));
    if (state.version != 2 || lr->intid >= 16)
        assert_int_equal(lr->source, 0);
    for (unsigned i = 0; i < state.count; i++)
        assert_true(i == n || state.lrs[i].state == 0 || state.lrs[i].intid != lr->intid);
}

static uint64_t lr_word(const struct list_register *lr)
{
    return lr->intid | (uint64_t)lr->priority << 16 | (uint64_t)lr->state << 24 | (uint64_t)lr->source << 32 |
           (uint64_t)lr->hardware << 40 | (uint64_t)lr->group1 << 41 | (uint64_t)lr->eoi_wanted << 42;
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
    };

    assert_true(n < state.count);
    check_new(n, &lr);
    state.lrs[n] = lr;
}

static struct lr_content lr_take(unsigned n)
{
    struct lr_content content;

    assert_true(n < state.count);
    content = (struct lr_content){.state = state.lrs[n].state, .source = state.lrs[n].source};
    state.lrs[n] = (struct list_register){0};
    return content;
}

static void virtual_ask(bool refill, bool outside)
{
    state.refill = refill;
    state.outside = outside;
    state.ended_outside = 0;
}

static unsigned take_eoi_count(void)
{
    unsigned count = state.ended_outside;

    state.ended_outside = 0;
    return count;
}

static uint8_t virtual_priority_mask(unsigned *groups)
{
    *groups = state.groups;
    return state.mask;
}

/* What is saved with the interface leaves nothing behind that the next vCPU would see. */
static void interface_save(struct arch_vcpu *vcpu)
{
    assert_false(state.refill || state.outside);
    for (unsigned i = 0; i < state.count; i++)
        assert_int_equal(state.lrs[i].state, 0);
    state.loaded = false;
    vcpu->gic_vmcr = state.groups | (state.split ? SPLIT : 0) | (uint64_t)state.mask << MASK_SHIFT;
    vcpu->gic_ap0[0] = state.active_priorities;
    state.mask = 0x55; /* what is left behind is nobody's */
    state.groups = 0;
    state.active_priorities = 0x5A5A5A5A;
}

static void interface_load(const struct arch_vcpu *vcpu)
{
    state.loaded = true;
    state.groups = vcpu->gic_vmcr & 3;
    state.split = (vcpu->gic_vmcr & SPLIT) != 0;
    state.mask = (uint8_t)(vcpu->gic_vmcr >> MASK_SHIFT);
    state.active_priorities = (uint32_t)vcpu->gic_ap0[0];
}

static void interface_reset(struct arch_vcpu *vcpu)
{
    vcpu->gic_vmcr = vcpu->gic_ap0[0] = 0;
}

static void set_private_active(uint32_t intid, bool active)
{
    assert_int_equal(intid, TIMER);
    assert_int_not_equal(state.timer_active, active);
    state.timer_active = active;
}

static const struct gic_driver fake = {
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

void fake_gic_reset(unsigned version, unsigned list_registers)
{
    static struct gic_driver driver;

    memset(&state, 0, sizeof(state));
    state.version = version;
    state.count = list_registers;
    driver = fake;
    driver.version = version;
    gic = &driver;
}

bool fake_gic_timer_active(void)
{
    return state.timer_active;
}

void fake_gic_timer_acknowledge(void)
{
    assert_false(state.timer_active);
    state.timer_active = true;
}

bool fake_gic_maintenance(void)
{
    bool pending = false, end_wanted = false;

    for (unsigned i = 0; i < state.count; i++) {
        pending = pending || state.lrs[i].state == LR_PENDING;
        end_wanted = end_wanted || (state.lrs[i].state == 0 && state.lrs[i].eoi_wanted);
    }
    return state.loaded &&
           ((state.refill && !pending) || (state.outside && state.ended_outside != 0) || end_wanted);
}

bool fake_gic_enabled(void)
{
    return state.loaded;
}

unsigned fake_gic_used(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < state.count; i++)
        used += state.lrs[i].state != 0;
    return used;
}

unsigned fake_gic_state(unsigned intid)
{
    for (unsigned i = 0; i < state.count; i++)
        if (state.lrs[i].intid == intid && state.lrs[i].state != 0)
            return state.lrs[i].state;
    return 0;
}

void fake_guest_mask(uint8_t priority)
{
    state.mask = priority;
}

void fake_guest_groups(unsigned groups)
{
    state.groups = groups;
}

void fake_guest_split_ends(bool split)
{
    state.split = split;
}

static unsigned running_priority(void)
{
    return state.active_priorities != 0 ? (unsigned)__builtin_ctz(state.active_priorities) << PRIORITY_BIT
                                        : 256;
}

static bool can_signal(const struct list_register *lr)
{
    return lr->state == LR_PENDING && (state.groups >> lr->group1 & 1) != 0 && lr->priority < state.mask &&
           lr->priority < running_priority();
}

uint32_t fake_guest_acknowledge(void)
{
    struct list_register *best = NULL;

    assert_true(state.loaded);
    for (unsigned i = 0; i < state.count; i++)
        if (can_signal(&state.lrs[i]) && (best == NULL || state.lrs[i].priority < best->priority))
            best = &state.lrs[i];
    if (best == NULL)
        return GIC_SPURIOUS;
    if (best->hardware)
        assert_true(state.timer_active);
    best->state = LR_ACTIVE;
    state.active_priorities |= UINT32_C(1) << (best->priority >> PRIORITY_BIT);
    return best->intid | (uint32_t)best->source << 10;
}

static void deactivate(uint32_t acknowledged)
{
    for (unsigned i = 0; i < state.count; i++) {
        struct list_register *lr = &state.lrs[i];

        if ((lr->state & LR_ACTIVE) == 0 || (lr->intid | (uint32_t)lr->source << 10) != acknowledged)
            continue;
        lr->state &= (uint8_t)~LR_ACTIVE;
        if (lr->hardware) {
            assert_true(state.timer_active);
            state.timer_active = false;
        }
        return;
    }
    assert_true(state.ended_outside + 1 < EOI_COUNTS);
    state.ended_outside++;
}

void fake_guest_end(uint32_t acknowledged)
{
    state.active_priorities &= state.active_priorities - 1;
    if (!state.split)
        deactivate(acknowledged);
}

bool fake_guest_deactivate(uint32_t acknowledged)
{
    assert_true(state.split);
    if (state.version == 2 || state.outside)
        return false;
    deactivate(acknowledged);
    return true;
}
