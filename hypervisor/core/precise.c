/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise timers: from the guest's word to the comparator and back.
 *
 * A guest says when it must run in its deadline page, by a store, or by a call (precise_arm), which puts the
 * deadline into the vCPU's heap. While the vCPU has the CPU, nothing more is needed: its own timer interrupts
 * it in time. When it leaves the CPU (precise_leaving), the first of its deadlines, less the time it takes to
 * bring it in (core/lead.h), goes into the CPU's deadline queue, whose head is in the comparator. At that
 * instant the comparator interrupts whoever runs (deadline_reached): the vCPU is made runnable, warped, and
 * the policy is asked at once, all in the interrupt handler (vcpu_deadline). Switched in, it waits at EL2 for
 * what is left until its deadline (precise_entering), or, when a timer tick is pending for it, is entered
 * early to work that off. The warp ends when the guest says done (precise_done), when the vCPU idles, or when
 * its budget is used up (cpu_charge).
 *
 * In timer mode `snoop` the guest says nothing: when its vCPU idles, its own timers' next expiry is the
 * deadline.
 *
 * A deadline that passes while its vCPU has the CPU, or is about to, is noticed at the next look at the
 * scheduler (precise_notice): the vCPU is warped then too, so that the end of its slice does not come between
 * the interrupt and the work it is for.
 *
 * The guest's own timer is not touched: it expires when the guest set it to, never before.
 *
 * A deadline in the past counts as of the time at which EL2 first looked (`looked_at`), and in the order of
 * the warped as what could be kept from then on: nobody gets before others by claiming to be late.
 *
 * A vCPU's heap and page are used on its own CPU only, and need no lock. The guest may write the page at any
 * time: each word is read once, and any value will do.
 */
#include "core/precise.h"
#include "core/arch.h"
#include "core/cpu.h"
#include <stddef.h>

/* A vCPU whose deadline comes this long after it was brought in is not held at EL2 any longer. */
#define HOLD_SLACK_US 2

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the page asks for and has not got yet. */
static uint64_t page_deadline(const struct vcpu *vcpu)
{
    uint64_t when;

    if (vcpu->page == NULL)
        return DEADLINE_NONE;
    when = vcpu->page[ONTIME_PAGE_DEADLINE / sizeof(uint64_t)];
    return when != vcpu->page_served ? when : DEADLINE_NONE;
}

static uint64_t first_of(const struct vcpu *vcpu, uint64_t paged)
{
    return earlier(earlier(heap_first_key(&vcpu->deadlines, DEADLINE_NONE), paged), vcpu->snooped);
}

uint64_t precise_first(const struct vcpu *vcpu)
{
    return first_of(vcpu, page_deadline(vcpu));
}

/* take_reached(), when there is one: not inline, as mostly there is none. */
static __attribute__((noinline)) void take(struct vcpu *vcpu, uint64_t now, uint64_t soon, uint64_t paged)
{
    while (heap_first_key(&vcpu->deadlines, DEADLINE_NONE) <= now) {
        heap_remove(&vcpu->deadlines, heap_first(&vcpu->deadlines));
        vcpu->stats[ONTIME_STAT_FIRED]++;
    }
    if (paged <= soon) {
        vcpu->page_served = paged;
        vcpu->stats[ONTIME_STAT_FIRED]++;
    }
    if (vcpu->snooped <= soon) {
        vcpu->snooped = DEADLINE_NONE;
        vcpu->stats[ONTIME_STAT_FIRED]++;
    }
}

/*
 * Takes out what is reached at `now`, and counts what comes up to `soon` as served; returns the first such
 * instant, DEADLINE_NONE when there is none.
 */
static inline uint64_t take_reached(struct vcpu *vcpu, uint64_t now, uint64_t soon)
{
    uint64_t paged = page_deadline(vcpu);
    uint64_t first = first_of(vcpu, paged);

    if (first > soon)
        return DEADLINE_NONE;
    take(vcpu, now, soon, paged);
    return later(first, vcpu->looked_at);
}

static void deadline_reached(struct deadline *deadline, uint64_t now)
{
    struct vcpu *vcpu = HEAP_ENTRY(deadline, struct vcpu, precise_timer);
    uint64_t first = take_reached(vcpu, now, later(now, vcpu->due));

    if (first == DEADLINE_NONE) { /* another vCPU of the VM has changed the page */
        precise_leaving(vcpu);
        vcpu_wake(vcpu); /* if it idles, maybe no timer of its own is watched: let it look again */
        return;
    }
    vcpu->fired_at = earlier(first, vcpu->fired_at);
    if (vcpu_deadline(vcpu, first, now))
        vcpu->fetched_at = deadline->when;
}

uint64_t precise_lead_of(const struct vcpu *vcpu, uint64_t now, uint64_t timer)
{
    return timers_warp(vcpu->vm->config->timers) ? earlier(vcpu->cpu->lead.switch_cost, timer - now) : 0;
}

void precise_fetch(struct vcpu *vcpu, uint64_t timer, uint64_t since)
{
    if (!timers_warp(vcpu->vm->config->timers))
        return;
    vcpu->fired_at = earlier(timer, vcpu->fired_at);
    vcpu->fetched_at = since;
    vcpu->backlog = false;
}

uint64_t precise_notice(struct vcpu *vcpu, uint64_t now)
{
    uint64_t first;

    vcpu->snooped = DEADLINE_NONE; /* it has the CPU, so does not idle any longer */
    first = take_reached(vcpu, now, now + vcpu->cpu->lead.switch_cost);
    vcpu->looked_at = now;
    if (first != DEADLINE_NONE)
        cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_IN_PLACE, vcpu, now > first ? now - first : 0);
    return first;
}

void precise_blocking(struct vcpu *vcpu, uint64_t timer, uint64_t now)
{
    if (vcpu->vm->config->timers == TIMERS_SNOOP)
        vcpu->snooped = earlier(timer, deadline_when(&vcpu->physical_timer));
    if (vcpu->backlog_until == DEADLINE_NONE)
        return;
    /* Brought in early, it has worked off its backlog before the deadline, which is still to come. */
    lead_learn_backlog(&vcpu->cpu->lead, true);
    if (vcpu->backlog_until > now && vcpu->page_served != DEADLINE_NONE) {
        vcpu->page_served = DEADLINE_NONE;
        vcpu->stats[ONTIME_STAT_FIRED]--;
    }
    vcpu->backlog_until = DEADLINE_NONE;
}

void precise_leaving(struct vcpu *vcpu)
{
    uint64_t due = precise_first(vcpu);
    uint64_t lead;

    vcpu->fetched_at = vcpu->backlog_until = DEADLINE_NONE;
    vcpu->looked_at = vcpu->cpu->charged_until;
    if (due == DEADLINE_NONE) {
        precise_coming(vcpu);
        return;
    }
    vcpu->due = due;
    vcpu->backlog = arch_vcpu_timer_before(vcpu, due);
    lead = lead_for(&vcpu->cpu->lead, vcpu->backlog);
    deadline_set(&vcpu->cpu->deadlines, &vcpu->precise_timer, due > lead ? due - lead : 0);
}

/* The calling vCPU's deadlines were changed; catching up may have taken the CPU from it. */
static void deadlines_changed(struct vcpu *vcpu)
{
    if (vcpu->cpu->current != vcpu)
        precise_leaving(vcpu);
}

static void forget(struct vcpu *vcpu)
{
    vcpu->page = NULL;
    vcpu->page_served = vcpu->snooped = vcpu->fired_at = DEADLINE_NONE;
    vcpu->fetched_at = vcpu->backlog_until = DEADLINE_NONE;
}

void precise_init(struct vcpu *vcpu)
{
    forget(vcpu);
    heap_init(&vcpu->deadlines, vcpu->deadline_slots, ONTIME_DEADLINES);
    deadline_init(&vcpu->precise_timer, deadline_reached);
}

void precise_reset(struct vcpu *vcpu)
{
    forget(vcpu);
    while (vcpu->deadlines.count != 0)
        heap_remove(&vcpu->deadlines, heap_first(&vcpu->deadlines));
    deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise_timer);
}

static bool is_precise(const struct vcpu *vcpu)
{
    return vcpu->vm->config->timers == TIMERS_PRECISE;
}

/* What the calling vCPU armed and has passed takes effect. Returns the time. */
static inline uint64_t catch_up(struct vcpu *vcpu)
{
    uint64_t now = arch_counter();

    if (heap_first_key(&vcpu->deadlines, DEADLINE_NONE) > now)
        return now;
    vcpu_catch_up(vcpu);
    return arch_counter();
}

int64_t precise_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES || deadline == ONTIME_NO_DEADLINE)
        return ONTIME_INVALID;
    now = catch_up(vcpu);
    if (deadline < now)
        deadline = now; /* nobody is late for what was asked for too late */
    vcpu->stats[ONTIME_STAT_ARMED]++;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_ARMED, vcpu, deadline - now);
    if (heap_contains(&vcpu->deadline[id]))
        heap_remove(&vcpu->deadlines, &vcpu->deadline[id]);
    heap_insert(&vcpu->deadlines, &vcpu->deadline[id], deadline);
    deadlines_changed(vcpu);
    return ONTIME_OK;
}

int64_t precise_cancel(struct vcpu *vcpu, uint64_t id)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    now = catch_up(vcpu);
    if (!heap_contains(&vcpu->deadline[id]))
        return 0;
    heap_remove(&vcpu->deadlines, &vcpu->deadline[id]);
    deadlines_changed(vcpu);
    vcpu->stats[ONTIME_STAT_CANCELLED]++;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_CANCELLED, vcpu, id);
    return 1;
}

int64_t precise_done(struct vcpu *vcpu, uint64_t next)
{
    uint64_t now;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    now = arch_counter();
    /* Reached before the guest could say done for the one before: its work is still to come. */
    if (next <= now)
        return 0;
    (void)take_reached(vcpu, now, now); /* one that passed in place is done, too */
    return vcpu_unwarp(vcpu, now);
}

static uint64_t *host_page(const struct vm *vm, uint64_t guest)
{
    for (unsigned i = 0; i < vm->ram_count; i++) {
        const struct ram_piece *piece = &vm->ram[i];

        if (guest >= piece->guest && guest - piece->guest < piece->size)
            return (uint64_t *)(uintptr_t)(piece->host + (guest - piece->guest));
    }
    return NULL;
}

int64_t precise_page(struct vcpu *vcpu, uint64_t address)
{
    uint64_t *page;

    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (address == ONTIME_NO_PAGE) {
        vcpu->page = NULL;
        return ONTIME_OK;
    }
    page = address % ONTIME_PAGE_SIZE == 0 ? host_page(vcpu->vm, address) : NULL;
    if (page == NULL)
        return ONTIME_INVALID;
    vcpu->page = page;
    vcpu->page_served = DEADLINE_NONE;
    precise_say_warped(vcpu, vcpu->unit.warped);
    return ONTIME_OK;
}

int64_t precise_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped)
{
    if (!is_precise(vcpu))
        return ONTIME_NOT_SUPPORTED;
    if (id >= ONTIME_DEADLINES)
        return ONTIME_INVALID;
    vcpu_catch_up(vcpu);
    *deadline = heap_contains(&vcpu->deadline[id]) ? vcpu->deadline[id].key : ONTIME_NO_DEADLINE;
    *warped = vcpu->unit.warped;
    return ONTIME_OK;
}

void precise_warp_ended(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason)
{
    if (reason == ONTIME_WARP_END_LIMIT)
        vcpu->stats[ONTIME_STAT_WARPS_CUT]++;
    precise_say_warped(vcpu, false);
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_WARP_END, vcpu, reason);
}

/*
 * The vCPU was brought in before its deadline. With a backlog it is entered to work that off; else it waits
 * at EL2, and its interrupt is made pending as soon as it comes. Returns whether it waited.
 */
static bool wait_for_deadline(struct vcpu *vcpu, uint64_t now)
{
    uint64_t us = vcpu->cpu->ticks_per_us;

    if (vcpu->backlog)
        vcpu->backlog_until = vcpu->fired_at;
    if (vcpu->backlog || vcpu->fired_at - now > LEAD_SWITCH_MAX_US * us)
        return false;
    if (!arch_wait_until(vcpu->fired_at + HOLD_SLACK_US * us))
        arch_interrupt_take(vcpu);
    return true;
}

bool precise_entering(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = arch_counter();
    uint64_t late;

    if (vcpu->fetched_at != DEADLINE_NONE)
        lead_learn_switch(&cpu->lead, now - vcpu->fetched_at);
    vcpu->fetched_at = DEADLINE_NONE;
    if (now < vcpu->fired_at) {
        bool waited = wait_for_deadline(vcpu, now);

        now = arch_counter();
        if (cpu->current != vcpu || cpu->reschedule ||
            (waited && now < vcpu->fired_at && !vgic_wakes(vcpu))) /* another's interrupt came first */
            return false;
    }
    late = now > vcpu->fired_at ? now - vcpu->fired_at : 0;
    vcpu->fired_at = DEADLINE_NONE;
    vcpu->stats[ONTIME_STAT_LATE_TICKS] += late;
    if (late > vcpu->stats[ONTIME_STAT_LATE_MAX])
        vcpu->stats[ONTIME_STAT_LATE_MAX] = late;
    cpu_trace_at(cpu, now, ONTIME_TRACE_TIMER_ENTERED, vcpu, late);
    return true;
}

void precise_timer_fired(struct vcpu *vcpu, uint64_t expiry, bool in_user)
{
    if (expiry < vcpu->backlog_until)
        return; /* the tick that was pending, or another before the deadline */
    lead_learn_backlog(&vcpu->cpu->lead,
                       in_user && expiry - vcpu->backlog_until <= vcpu->cpu->ticks_per_us * HOLD_SLACK_US);
    vcpu->backlog_until = DEADLINE_NONE;
}

uint64_t precise_lead(const struct cpu *cpu, unsigned stat)
{
    return stat == ONTIME_STAT_LEAD_SWITCH ? lead_for(&cpu->lead, false) : cpu->lead.backlog / 64;
}
