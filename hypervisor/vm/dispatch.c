/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: who runs on a CPU, and the switch from one vCPU to the next.
 *
 * EL2 runs with interrupts masked and has one stack per CPU. dispatch_run() is the only loop: it handles the
 * interrupts that are pending, asks the policy when something has changed (`reschedule`), switches, and
 * enters the guest until its next exit. Whatever takes long (loading a VM's images) is done in short pieces
 * from this loop, so the longest time without preemption is one exit or one piece.
 *
 * Accounting: the current vCPU is charged for all time until the next pick, EL2's included. A CPU whose
 * current vCPU is NULL is idle and keeps the last vCPU loaded: if that one is woken next, nothing is
 * switched.
 *
 * The vCPUs of a VM on a core share it as others do, and besides within the VM's own time: one that another
 * waits for takes its place in the policy, with its virtual time and its warp. So does the next one when a
 * vCPU has run for TURN_US and another of its VM waits, as that may be whom it waits for, spinning. From a
 * warped one it has a short turn only, but soon if it seems to spin (docs/scheduling.md).
 *
 * With a tick (timer mode `tick`) the instants that the policy asks for are looked at only at the tick, as in
 * a hypervisor without a programmable timer of its own.
 */
#include "vm/dispatch.h"
#include <stddef.h>
#include "base/assert.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/units.h"
#include "vm/arch_vm.h"
#include "vm/idle.h"

#define TURN_US     500   /* of a vCPU while another of its VM waits */
#define HANDOVER_US 50    /* of one that has the place of another */
#define LOOK_US     50    /* while a vCPU is warped and another of its VM waits: does it wait for that one? */
#define SWITCH_US   10    /* what a switch costs, as long as it is not known */
#define DEFERRAL_US 100   /* of a guest's timer, from an urgent interrupt on */
#define OLD_US      20000 /* a tick of that age is not deferred */
#define LOOP_SIZE   64    /* bytes of code */

static struct vcpu *vcpu_of_unit(struct sched_unit *unit)
{
    return unit != NULL ? (struct vcpu *)(void *)((char *)unit - offsetof(struct vcpu, unit)) : NULL;
}

/* Another core may hand work on to it again: see vcpu_hand_work_on(). */
static void may_be_told(struct vcpu *vcpu)
{
    atomic_store_explicit(&vcpu->work_told, 0, memory_order_relaxed);
}

/* The vCPU ran on a lent warp, which is over: who lent it pays for that, if it is still on this CPU. */
static __attribute__((noinline)) void settle_loan(struct vcpu *vcpu)
{
    struct vcpu *lender = vcpu->lender;
    uint64_t ran = vcpu->stats[ONTIME_STAT_RUN_TICKS] - vcpu->lent_at;
    const struct sched_policy *policy = vcpu->cpu->sched.policy;

    vcpu->lender = NULL;
    if (lender->cpu != vcpu->cpu || policy->refund == NULL)
        return;
    policy->refund(&vcpu->cpu->sched, &vcpu->unit, ran);
    vcpu->stats[ONTIME_STAT_RUN_TICKS] -= ran;
    vcpu->gave_way_at -= ran;
    lender->debt += ran;
}

/* A warp is over: the guest is told in its page, and it is counted and traced. */
static void warp_ended(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason)
{
    if (vcpu->lender != NULL)
        settle_loan(vcpu);
    if (reason == ONTIME_WARP_END_LIMIT)
        vcpu->stats[ONTIME_STAT_WARPS_CUT]++;
    may_be_told(vcpu);
    precise_say_warped(&vcpu->precise, false);
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_WARP_END, vcpu, reason);
}

static inline uint64_t charge(struct cpu *cpu, uint64_t now)
{
    struct vcpu *vcpu = cpu->current;
    uint64_t ran = now - cpu->charged_until;

    if ((int64_t)ran <= 0)
        return cpu->charged_until;
    cpu->charged_until = now;
    if (vcpu == NULL) {
        DEBUG_ONLY(cpu->idle_ticks += ran);
        return now;
    }
    ran += vcpu->debt;
    vcpu->debt = 0;
    vcpu->stats[ONTIME_STAT_RUN_TICKS] += ran;
    if (cpu->sched.policy->charge(&cpu->sched, &vcpu->unit, ran, now))
        warp_ended(vcpu, now, ONTIME_WARP_END_LIMIT);
    return now;
}

uint64_t cpu_charge(struct cpu *cpu, uint64_t now)
{
    return charge(cpu, now);
}

/*
 * What EL2 did since `since`, in the turn of the current vCPU, was for another: that one pays when it runs
 * next.
 */
static void bill(struct vcpu *vcpu, uint64_t since)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = arch_counter();

    if ((int64_t)(now - since) <= 0) /* it is paid, see cost_of_return() */
        return;
    cpu->charged_until = now;
    vcpu->debt += now - since;
}

static inline void watch_deadlines(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t due = precise_leaving(&vcpu->precise, cpu->charged_until);

    if (due == DEADLINE_NONE)
        (void)deadline_cancel(&cpu->deadlines, &vcpu->precise_timer);
    else
        deadline_set(&cpu->deadlines, &vcpu->precise_timer,
                     precise_comparator(&vcpu->precise, &cpu->lead, arch_vcpu_timer_before(vcpu, due)));
}

void vcpu_watch_deadlines(struct vcpu *vcpu)
{
    watch_deadlines(vcpu);
}

static inline void account_switch(struct cpu *cpu, struct vcpu *next, uint64_t now)
{
    struct vcpu *previous = cpu->current;

    cpu_trace_at(cpu, now, ONTIME_TRACE_SWITCH, next, previous != NULL ? previous->id : ONTIME_TRACE_IDLE);
    if (previous != NULL) {
        watch_deadlines(previous);
        if (previous->unit.runnable)
            previous->ready_since = now;
    }
    if (next == NULL)
        return;
    precise_coming(&next->precise);
    (void)deadline_cancel(&cpu->deadlines, &next->precise_timer);
    next->stats[ONTIME_STAT_SWITCHES]++;
    if (next->ready_since == DEADLINE_NONE)
        return;
    next->stats[ONTIME_STAT_STOLEN_TICKS] += now - next->ready_since;
    next->ready_since = DEADLINE_NONE;
    next->hooks->stolen(next);
}

/* Another vCPU of the VM that is runnable and waits for the same CPU; NULL: none. */
static struct vcpu *waiting_sibling(const struct vcpu *vcpu)
{
    struct vcpu *other = vcpu->sibling;

    while (other != NULL && other != vcpu) {
        if (other->unit.runnable)
            return other;
        other = other->sibling;
    }
    return NULL;
}

/* Two vCPUs of a VM, both runnable, change places. */
static void change_places(struct vcpu *a, struct vcpu *b)
{
    struct vcpu *place = a->place_of;

    a->cpu->sched.policy->swap(&a->cpu->sched, &a->unit, &b->unit);
    a->place_of = b->place_of;
    b->place_of = place;
}

/* The vCPU has its own place again. */
static __attribute__((noinline)) void go_home(struct vcpu *vcpu)
{
    struct vcpu *other = vcpu->sibling;

    while (other->place_of != vcpu)
        other = other->sibling;
    change_places(vcpu, other);
}

/*
 * Returns whether it was away. The current place may be another vCPU's then: the policy is to be asked before
 * anything is charged.
 */
static inline bool be_home(struct vcpu *vcpu)
{
    if (vcpu->place_of == vcpu)
        return false;
    go_home(vcpu);
    return true;
}

/*
 * Does a warped vCPU seem to wait for another? It may be so when it is in the same few instructions as at the
 * look before this one, or in the guest's kernel again, where locks are that spin in more code than that. And
 * once in TURN_US of its CPU time it is taken to be so: no guest waits for ever.
 */
static bool seems_to_spin(struct vcpu *vcpu)
{
    uint64_t pc = arch_vcpu_pc(vcpu);
    bool in_kernel = !arch_vcpu_in_user(vcpu);
    bool spins = pc - vcpu->looked_pc + LOOP_SIZE < 2 * LOOP_SIZE || (in_kernel && vcpu->looked_in_kernel) ||
                 vcpu->stats[ONTIME_STAT_RUN_TICKS] - vcpu->gave_way_at >= us_to_ticks(TURN_US);

    vcpu->looked_pc = pc;
    vcpu->looked_in_kernel = in_kernel && !spins;
    return spins;
}

/* Whose turn it is after that of the current vCPU; NULL: its turn is not over, or there is nobody. */
static struct vcpu *next_turn(struct vcpu *vcpu, uint64_t now)
{
    if (now < vcpu->turn_end)
        return NULL;
    if (vcpu->place_of != vcpu)
        return vcpu->place_of;
    return !vcpu->unit.warped || seems_to_spin(vcpu) ? waiting_sibling(vcpu) : NULL;
}

void cpu_look_at_waiting(struct cpu *cpu, uint64_t when)
{
    if (deadline_when(&cpu->look) > when)
        deadline_set(&cpu->deadlines, &cpu->look, when);
}

/* The vCPU, which floats, waits, or may from now on: is it to go elsewhere? */
static void look_later(const struct vcpu *vcpu, uint64_t now)
{
    cpu_look_at_waiting(vcpu->cpu,
                        now + us_to_ticks(idle_core_for(vcpu) ? FLOATING_SOON_US : FLOATING_LOOK_US));
}

/* Before the policy is asked: does another vCPU of the current one's VM take its place? */
static __attribute__((noinline)) void take_turns(struct cpu *cpu, struct vcpu *vcpu, uint64_t now)
{
    struct vcpu *other = vcpu->gives_way_to;
    bool asked = other != NULL && other->unit.runnable && !other->unit.warped; /* else it has its own */
    bool short_turn;

    vcpu->gives_way_to = NULL;
    if (!vcpu->unit.runnable)
        return;
    if (vcpu->floats_on != 0)
        look_later(vcpu, now);
    if (cpu->sched.policy->swap == NULL || cpu->sched.current != &vcpu->unit)
        return;
    if (!asked)
        other = next_turn(vcpu, now);
    if (other == NULL || other->unit.params.weight != vcpu->unit.params.weight) /* it is about to change */
        return;
    short_turn = asked || vcpu->unit.warped;
    vcpu->gave_way_at = vcpu->stats[ONTIME_STAT_RUN_TICKS];
    change_places(vcpu, other);
    other->turn_end = now + us_to_ticks(short_turn ? HANDOVER_US : TURN_US);
}

/* When the policy is to be asked at the latest, as the vCPU's turn ends; `until` is the policy's answer. */
static __attribute__((noinline)) uint64_t turn_until(struct vcpu *vcpu, uint64_t until, uint64_t now)
{
    if (vcpu->turn_end <= now)
        vcpu->turn_end = now + us_to_ticks(vcpu->unit.warped ? LOOK_US : TURN_US);
    if (vcpu->place_of == vcpu && waiting_sibling(vcpu) == NULL)
        return until;
    return vcpu->turn_end < until ? vcpu->turn_end : until;
}

static inline void set_slice(struct cpu *cpu, uint64_t until)
{
    if (until == cpu->slice_end)
        return;
    cpu->slice_end = until;
    if (cpu->tick_period == 0)
        deadline_set_slice(&cpu->deadlines, until);
}

/* Warps the vCPU for the work that is due at `when`, if the policy allows it. */
static inline void warp(struct vcpu *vcpu, uint64_t when, uint64_t now)
{
    struct cpu *cpu = vcpu->cpu;

    (void)be_home(vcpu);
    if (!cpu->sched.policy->warp(&cpu->sched, &vcpu->unit, when, precise_needs(&vcpu->precise), now))
        return;
    precise_say_warped(&vcpu->precise, true);
    vcpu->stats[ONTIME_STAT_WARPS]++;
    cpu_trace_at(cpu, now, ONTIME_TRACE_WARP_BEGIN, vcpu, 0);
}

/*
 * Looks whether deadlines of the current vCPU have passed, or are about to, and warps it for them. A vCPU
 * that has just blocked is left out: it leaves the CPU, and its deadlines are to wake it at once.
 */
static inline void notice_deadlines(struct vcpu *vcpu, uint64_t now)
{
    uint64_t when;

    if (vcpu == NULL || !vcpu->unit.runnable)
        return;
    when = precise_notice(&vcpu->precise, now, vcpu->cpu->lead.switch_cost);
    if (when == DEADLINE_NONE)
        return;
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_TIMER_IN_PLACE, vcpu, now > when ? now - when : 0);
    warp(vcpu, when, now);
}

/*
 * For assertions, O(n): is all time since cpu_init() either idle, or some vCPU's that was charged for it or
 * owes it?
 */
static bool all_time_is_charged(const struct cpu *cpu)
{
    uint64_t sum = cpu->idle_ticks;

    for (unsigned list = 0; list < 2; list++)
        for (const struct vcpu *vcpu = list == 0 ? cpu->vcpus : cpu->visitors; vcpu != NULL;
             vcpu = vcpu->next)
            sum += vcpu->stats[ONTIME_STAT_RUN_TICKS] + vcpu->debt;
    return sum == cpu->charged_until - cpu->started;
}

/* Asks the policy who runs from `now` on. The CPU is charged up to `now`. */
static inline void pick(struct cpu *cpu, uint64_t now)
{
    struct vcpu *next;
    uint64_t until;

    DEBUG_ASSERT(all_time_is_charged(cpu));
    notice_deadlines(cpu->current, now);
    if (cpu->current != NULL && cpu->current->sibling != NULL)
        take_turns(cpu, cpu->current, now);
    next = vcpu_of_unit(cpu->sched.policy->pick(&cpu->sched, now, &until));
    cpu->reschedule = false;
    cpu->grace_steps = 0;
    if (next != cpu->current) {
        account_switch(cpu, next, now);
        ARCH_WRITE_RELAXED(cpu->current, next);
    }
    if (next != NULL && next->sibling != NULL && cpu->sched.policy->swap != NULL)
        until = turn_until(next, until, now);
    set_slice(cpu, until);
    DEBUG_ASSERT(next == NULL ||
                 (next->on && next->unit.runnable && !deadline_is_armed(&next->precise_timer)));
}

/*
 * The instant that the policy asked for has come. A guest with its interrupts masked may be between reading
 * the clock and setting its timer for a time from then on. Switched out there, it would set its timer too
 * late by as long as it was out, and miss what the timer is for. So the end of the slice is put off,
 * GRACE_STEPS times at most; the vCPU is charged for that as for all time. A vCPU that is warped gets none:
 * it is cut in the middle of its urgent work only when others' is due before.
 */
static void slice_ended(struct deadline *slice, uint64_t now)
{
    struct cpu *cpu = HEAP_ENTRY(slice, struct cpu, deadlines.slice);
    struct vcpu *vcpu = cpu->current;

    if (vcpu != NULL)
        may_be_told(vcpu);
    if (vcpu != NULL && vcpu == cpu->loaded && !vcpu->unit.warped && cpu->grace_steps < GRACE_STEPS &&
        arch_vcpu_masks_interrupts(vcpu)) {
        cpu->grace_steps++;
        deadline_set_slice(&cpu->deadlines, now + cpu->grace_step);
        return;
    }
    cpu->reschedule = true;
}

static void tick_all(struct vcpu *vcpu, uint64_t now)
{
    for (; vcpu != NULL; vcpu = vcpu->next)
        if (vcpu->timers == TIMERS_TICK && vcpu->on)
            arch_vcpu_tick(vcpu, now);
}

static void tick(struct deadline *deadline, uint64_t now)
{
    struct cpu *cpu = HEAP_ENTRY(deadline, struct cpu, tick);

    cpu_trace(cpu, ONTIME_TRACE_TICK, NULL, 0);
    tick_all(cpu->vcpus, now);
    tick_all(cpu->visitors, now);
    if (now >= cpu->slice_end)
        cpu->reschedule = true;
    deadline_set(&cpu->deadlines, deadline, (now / cpu->tick_period + 1) * cpu->tick_period);
}

void cpu_start_tick(struct cpu *cpu, uint64_t period)
{
    cpu->tick_period = period;
    deadline_set(&cpu->deadlines, &cpu->tick, (arch_counter() / period + 1) * period);
}

void cpu_init(struct cpu *cpu, unsigned index, const struct sched_policy *policy, uint64_t allowance,
              unsigned vcpu_count)
{
    /*
     * For each vCPU its wake, its physical timer, the end of its virtual timer's deferral, the alarm of its
     * VM's clock and its VM's watchdog, and for the CPU its tick, the console's silence, the UART's
     * interrupt, the look at vCPUs that float, and that at SMMUs' faults.
     */
    unsigned others = vcpu_count * 5 + 5;

    cpu->index = index;
    sched_queue_init(&cpu->sched, policy, allowance, us_to_ticks(1000),
                     memory_allocate(SCHED_SLOTS(vcpu_count) * sizeof(struct heap_node *)), vcpu_count);
    deadline_queue_init(&cpu->deadlines, memory_allocate((vcpu_count + others) * sizeof(struct heap_node *)),
                        vcpu_count, others, slice_ended);
    deadline_init(&cpu->tick, DEADLINE_OTHER, tick);
    cpu->charged_until = cpu->started = arch_counter();
    cpu->slice_end = SCHED_NEVER;
    cpu->grace_step = us_to_ticks(GRACE_STEP_US);
    lead_init(&cpu->lead);
}

/* Work was handed on to the vCPU while it was blocked, or it blocked with work to come: now it is urgent. */
static __attribute__((noinline)) void begin_handed_work(struct vcpu *vcpu, uint64_t now)
{
    vcpu->has_work = false;
    warp(vcpu, now, now);
    if (!vcpu->unit.warped)
        vcpu->lender = NULL;
}

/* The CPU is charged. */
static inline void make_runnable(struct vcpu *vcpu, uint64_t now)
{
    struct cpu *cpu = vcpu->cpu;

    DEBUG_ASSERT(vcpu->on && cpu == arch_cpu());
    cpu->sched.policy->wake(&cpu->sched, &vcpu->unit, now);
    vcpu->ready_since = now;
    cpu_trace_at(cpu, now, ONTIME_TRACE_VCPU_WOKEN, vcpu, 0);
    if (vcpu->has_work)
        begin_handed_work(vcpu, now);
}

/*
 * The vCPU woke without a deadline, another has the core, and the policy is not asked yet. It may go first if
 * it has used less than its share. Then it pays for the switch back, too, and half as much for the interrupt
 * that woke it: else others would pay for each of its wake-ups, as often as it likes. One that floats goes
 * where nobody else wants to run, if there is such a core.
 */
static __attribute__((noinline)) void may_break_in(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    const struct sched_moves *moves = cpu->sched.policy->moves;

    if (moves == NULL || moves->forgo == NULL)
        return;
    vcpu->broke_in = true;
    if (idle_core_for(vcpu))
        moves->forgo(&cpu->sched, &vcpu->unit);
}

/* The vCPU, which is the current one, gives the CPU up. How much it is to pay beyond `now`, see above. */
static uint64_t cost_of_return(struct vcpu *vcpu)
{
    uint64_t cost = vcpu->cpu->lead.switch_cost;

    if (!vcpu->broke_in)
        return 0;
    vcpu->broke_in = false;
    if (cost == 0) /* no deadline was reached yet */
        cost = us_to_ticks(SWITCH_US);
    return vcpu->unit.warped ? 0 : cost + cost / 2;
}

static void wake_timer_expired(struct deadline *timer, uint64_t now)
{
    struct vcpu *vcpu = HEAP_ENTRY(timer, struct vcpu, wake_timer);
    struct cpu *cpu = vcpu->cpu;

    now = charge(cpu, now);
    if (!vcpu->unit.runnable) {
        make_runnable(vcpu, now);
        if (cpu->current != NULL && !vcpu->unit.warped)
            may_break_in(vcpu);
        pick(cpu, now);
        if (cpu->current == vcpu) {
            precise_woken_for_timer(&vcpu->precise, vcpu->wake_at, timer->when);
        } else {
            bill(vcpu, now);
            if (vcpu->floats_on != 0)
                cpu_look_at_waiting(cpu, now);
        }
    }
}

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;

    make_runnable(vcpu, charge(cpu, arch_counter()));
    cpu->reschedule = true;
    deadline_cancel(&cpu->deadlines, &vcpu->wake_timer);
    if (cpu->current != NULL && !vcpu->unit.warped)
        may_break_in(vcpu);
    if (vcpu->floats_on != 0)
        cpu_look_at_waiting(cpu, vcpu->ready_since); /* after the policy was asked */
}

void vcpu_wake_by_message(struct vcpu *vcpu)
{
    if (!vcpu->on || vcpu->unit.runnable)
        return;
    vcpu_wake_blocked(vcpu);
    bill(vcpu, vcpu->cpu->charged_until);
}

/* The policy did not choose the vCPU for its deadline. */
static void was_denied(struct vcpu *vcpu, uint64_t now)
{
    struct cpu *cpu = vcpu->cpu;

    vcpu->stats[ONTIME_STAT_WARPS_DENIED]++;
    cpu_trace_at(cpu, now, ONTIME_TRACE_WARP_DENIED, vcpu, 0);
    bill(vcpu, now);
    if (vcpu->floats_on != 0)
        cpu_look_at_waiting(cpu, now);
}

/*
 * The comparator fired for the vCPU's deadline `when`. Makes the vCPU runnable, warps it, and asks the policy
 * at once who runs. Returns whether it is this vCPU. If not, no other deadline of the vCPU fires before it
 * has run.
 */
static bool run_for_deadline(struct vcpu *vcpu, uint64_t when, uint64_t now)
{
    struct cpu *cpu = vcpu->cpu;
    bool chosen;

    now = charge(cpu, now); /* not before what another deadline of the same interrupt has traced */
    cpu_trace_at(cpu, now, ONTIME_TRACE_TIMER_FIRED, vcpu, now > when ? now - when : 0);
    if (!vcpu->unit.runnable) {
        make_runnable(vcpu, now);
        deadline_cancel(&cpu->deadlines, &vcpu->wake_timer);
    }
    warp(vcpu, when, now);
    pick(cpu, now);
    chosen = cpu->current == vcpu;
    if (!chosen)
        was_denied(vcpu, now);
    return chosen;
}

/*
 * When nothing is reached, another vCPU of the VM has moved the deadline in the page, or taken it away. The
 * vCPU runs all the same, as urgent work that its VM pays for, and looks again. It is not just watched again:
 * a vCPU of another core could move the deadline a little each time, and have the comparator fire without end
 * in the time of who runs here.
 */
static void deadline_reached(struct deadline *timer, uint64_t now)
{
    struct vcpu *vcpu = HEAP_ENTRY(timer, struct vcpu, precise_timer);
    uint64_t when = precise_reached(&vcpu->precise, now);

    if (when == DEADLINE_NONE)
        (void)run_for_deadline(vcpu, vcpu->precise.due, now);
    else if (run_for_deadline(vcpu, when, now))
        precise_fetched(&vcpu->precise, timer->when);
}

/* Puts the vCPU into the ring of those of its VM on its CPU, behind the last one. */
static void join_siblings(struct vcpu *vcpu)
{
    struct vcpu *first = vcpu->cpu->vcpus;
    struct vcpu *last;

    while (first->vm != vcpu->vm)
        first = first->next;
    if (first == vcpu)
        return;
    last = first;
    for (struct vcpu *other = first; other != vcpu; other = other->next)
        if (other->vm == vcpu->vm)
            last = other;
    last->sibling = vcpu;
    vcpu->sibling = first;
}

/* One that floats is in a ring, if only with itself. */
static void visit(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    struct vcpu *other = cpu->visitors;

    while (other != NULL && other->vm != vcpu->vm)
        other = other->next;
    vcpu->sibling = other != NULL ? other->sibling : vcpu;
    if (other != NULL)
        other->sibling = vcpu;
    vcpu->next = cpu->visitors;
    cpu->visitors = vcpu;
}

static void end_visit(struct vcpu *vcpu)
{
    struct vcpu **link = &vcpu->cpu->visitors;
    struct vcpu *other = vcpu;

    while (*link != vcpu)
        link = &(*link)->next;
    *link = vcpu->next;
    for (; other->sibling != vcpu; other = other->sibling)
        if (other->sibling->gives_way_to == vcpu)
            other->sibling->gives_way_to = NULL;
    other->sibling = vcpu->sibling;
}

static void stay(struct vcpu *vcpu)
{
    struct vcpu **end = &vcpu->cpu->vcpus;

    while (*end != NULL)
        end = &(*end)->next;
    *end = vcpu;
    join_siblings(vcpu);
}

static void deferral_ended(struct deadline *timer, uint64_t now)
{
    struct vcpu *vcpu = HEAP_ENTRY(timer, struct vcpu, timer_back);

    (void)now;
    vcpu->hooks->release_timer(vcpu);
}

void vcpu_release_timer(struct vcpu *vcpu)
{
    deadline_cancel(&vcpu->cpu->deadlines, &vcpu->timer_back);
    vcpu->hooks->release_timer(vcpu);
}

void vcpu_attach(struct vcpu *vcpu, struct cpu *cpu)
{
    vcpu->cpu = cpu;
    atomic_store_explicit(&vcpu->mail_to, cpu, memory_order_relaxed);
    if (vcpu->floats_on != 0) {
        visit(vcpu);
        idle_add(vcpu);
    } else {
        stay(vcpu);
    }
    vcpu->place_of = vcpu;
    vcpu->off_since = cpu->started;
    vcpu->ready_since = DEADLINE_NONE;
    deadline_init(&vcpu->wake_timer, DEADLINE_OTHER, wake_timer_expired);
    deadline_init(&vcpu->timer_back, DEADLINE_OTHER, deferral_ended);
    deadline_init(&vcpu->precise_timer, DEADLINE_URGENT, deadline_reached);
    precise_init(&vcpu->precise, vcpu->timers);
    cpu->sched.policy->add(&cpu->sched, &vcpu->unit);
}

static void pick_at_once(struct cpu *cpu)
{
    pick(cpu, charge(cpu, arch_counter()));
}

void vcpu_catch_up(struct vcpu *vcpu)
{
    pick_at_once(vcpu->cpu);
}

/*
 * Linux says that its work is done in the middle of a change of task, with interrupts masked and its run
 * queue locked. Switched out there, it would have its other vCPUs spin for that lock until it is back. So the
 * end of a warp of theirs is put off like that of a slice.
 */
static bool put_off(struct vcpu *vcpu, uint64_t now, bool is_alone)
{
    struct cpu *cpu = vcpu->cpu;

    if (is_alone || cpu->tick_period != 0 || !arch_exit_masks_interrupts(vcpu))
        return false;
    cpu->grace_steps = 0;
    set_slice(cpu, now + cpu->grace_step);
    return true;
}

/* The vCPU, which is runnable, is warped from now on. The policy is asked now, or put off. */
static void begin_work(struct vcpu *vcpu, struct vcpu *sender)
{
    struct cpu *cpu = vcpu->cpu;
    bool away = vcpu->place_of != vcpu;
    uint64_t now = charge(cpu, arch_counter());

    warp(vcpu, now, now);
    if (away || sender == NULL || !put_off(sender, now, false))
        pick(cpu, now);
    if (sender == NULL && cpu->current != vcpu)
        bill(vcpu, now);
}

/* The urgent interrupt that came at `when` is what the work is for: it counts, like a deadline that is
 * reached. */
static void note_interrupt(struct vcpu *vcpu, uint64_t when)
{
    uint64_t now = arch_counter();

    vcpu->stats[ONTIME_STAT_INTERRUPTS]++;
    precise_interrupted(&vcpu->precise, when);
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_INTERRUPT, vcpu, now > when ? now - when : 0);
    if (precise_has_page(&vcpu->precise))
        vcpu->defer_from = when;
}

/* `interrupted_at`: what for, if not 0. */
static void take_work(struct vcpu *vcpu, struct vcpu *sender, uint64_t interrupted_at)
{
    if (!vcpu->on)
        return;
    vcpu->interrupted |= interrupted_at != 0;
    if (vcpu->unit.warped && vcpu->place_of == vcpu)
        return;
    if (interrupted_at != 0)
        note_interrupt(vcpu, interrupted_at);
    if (vcpu->unit.runnable)
        begin_work(vcpu, sender);
    else
        vcpu->has_work = true;
}

/*
 * Each message takes time of those who run on the other core. So there is one at most until a warp or a slice
 * of that vCPU has ended, or it has blocked or said DONE: the vCPU has to have run for that.
 */
static void give_work(struct vcpu *to, struct vcpu *sender, const struct cpu *here, uint64_t interrupted_at)
{
    uint8_t told = WORK_TOLD | (interrupted_at != 0 ? WORK_INTERRUPTS : 0);

    if (ARCH_READ_RELAXED(to->cpu) == here) {
        take_work(to, sender, interrupted_at);
    } else if ((atomic_fetch_or_explicit(&to->work_told, told, memory_order_acq_rel) & WORK_TOLD) == 0) {
        atomic_store_explicit(&to->interrupted_at, interrupted_at, memory_order_relaxed);
        vcpu_send(to, VCPU_WORK);
    }
}

void vcpu_hand_work_on(struct vcpu *vcpu, struct vcpu *to)
{
    give_work(to, vcpu, vcpu->cpu, 0);
}

void vcpu_give_work(struct vcpu *to)
{
    give_work(to, NULL, arch_cpu(), arch_counter());
}

/*
 * A loan begins with the warp that it is for. What the vCPU runs in it counts in what its own share allows of
 * urgent work: so whoever lends it a warp makes it urgent for no longer than it could be by itself.
 */
void vcpu_lend_warp(struct vcpu *lender, struct vcpu *to)
{
    struct cpu *cpu = lender->cpu;
    uint64_t now;

    if (ARCH_READ_RELAXED(to->cpu) != cpu || !to->on || to->unit.warped)
        return;
    now = charge(cpu, arch_counter());
    /* It may do the work of a deadline that has come in its turn. */
    if (!lender->unit.warped)
        notice_deadlines(lender, now);
    if (!lender->unit.warped)
        return;
    to->lender = lender;
    to->lent_at = to->stats[ONTIME_STAT_RUN_TICKS];
    take_work(to, lender, now);
    if (to->unit.runnable && !to->unit.warped)
        to->lender = NULL;
}

void vcpu_take_work_by_message(struct vcpu *vcpu)
{
    take_work(vcpu, NULL, atomic_load_explicit(&vcpu->interrupted_at, memory_order_relaxed));
}

bool vcpu_unwarp(struct vcpu *vcpu, uint64_t now, bool is_alone)
{
    struct cpu *cpu = vcpu->cpu;
    bool ended, away;

    now = charge(cpu, now);
    away = be_home(vcpu);
    ended = cpu->sched.policy->unwarp(&cpu->sched, &vcpu->unit, now);
    if (ended)
        warp_ended(vcpu, now, ONTIME_WARP_END_DONE);
    if (away || (ended && !put_off(vcpu, now, is_alone)))
        pick(cpu, now);
    return ended;
}

/* The CPU is charged. Returns whether the vCPU was away from home, see be_home(). */
static inline bool take_from_scheduler(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason)
{
    struct sched_queue *queue = &vcpu->cpu->sched;
    bool away = be_home(vcpu);

    if (queue->policy->block(queue, &vcpu->unit, now))
        warp_ended(vcpu, now, reason);
    vcpu->ready_since = DEADLINE_NONE;
    return away;
}

void vcpu_block(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = arch_counter();
    uint64_t timer = arch_vcpu_next_timer(vcpu);

    DEBUG_ASSERT(vcpu == cpu->current && vcpu == cpu->loaded && !deadline_is_armed(&vcpu->wake_timer));

    /* Too short for a switch away and back: waits here. */
    if (timer != DEADLINE_NONE && timer > now && timer - now <= 2 * cpu->lead.switch_cost) {
        if (!arch_wait_until(timer))
            return; /* WFI may end at any time; what has come is handled first */
        now = timer;
    }
    if (timer <= now) {
        vcpu->hooks->timer_expired(vcpu);
        return;
    }
    cpu_trace_at(cpu, now, ONTIME_TRACE_VCPU_BLOCKED, vcpu, timer == DEADLINE_NONE ? timer : timer - now);
    precise_blocking(&vcpu->precise, &cpu->lead, timer, deadline_when(&vcpu->physical_timer), now);
    if (timer < precise_first(&vcpu->precise)) { /* else that deadline wakes it */
        vcpu->wake_at = timer;
        deadline_set(&cpu->deadlines, &vcpu->wake_timer,
                     timer - precise_timer_lead(&vcpu->precise, &cpu->lead, now, timer));
    }
    vcpu->has_work = precise_is_unfinished(&vcpu->precise, now);
    may_be_told(vcpu);
    now = charge(cpu, now + cost_of_return(vcpu));
    (void)take_from_scheduler(vcpu, now, ONTIME_WARP_END_BLOCKED);
    pick(cpu, now);
}

bool vcpu_give_way(struct vcpu *vcpu, struct vcpu *other)
{
    if (other == NULL)
        other = waiting_sibling(vcpu);
    if (other == NULL)
        return false;
    vcpu->gives_way_to = other;
    vcpu->cpu->reschedule = true;
    return true;
}

void vcpu_unload(struct vcpu *vcpu)
{
    if (vcpu->cpu->loaded != vcpu)
        return;
    arch_vcpu_save(vcpu);
    vcpu->cpu->loaded = NULL;
}

void vcpu_retire(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now;

    vcpu->gives_way_to = NULL;
    vcpu->has_work = vcpu->interrupted = false;
    may_be_told(vcpu);
    precise_reset(&vcpu->precise);
    vcpu_end_deferral(vcpu);
    vcpu->defer_from = 0;
    deadline_cancel(&cpu->deadlines, &vcpu->precise_timer);
    deadline_cancel(&cpu->deadlines, &vcpu->physical_timer);
    now = arch_counter();
    if (vcpu == cpu->current)
        now += cost_of_return(vcpu);
    now = charge(cpu, now);
    if (take_from_scheduler(vcpu, now, ONTIME_WARP_END_RESET))
        pick(cpu, now);
    vcpu->lender = NULL;
    cpu->reschedule = true;
    deadline_cancel(&cpu->deadlines, &vcpu->wake_timer);
    vcpu_unload(vcpu);
}

/* Its deadlines are not watched, unlike those of others that are out of the CPU. */
void vcpu_hold(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = arch_counter();

    DEBUG_ASSERT(cpu == arch_cpu() && vcpu->on && !vcpu->held);
    vcpu->gives_way_to = NULL;
    may_be_told(vcpu);
    if (vcpu == cpu->current)
        now += cost_of_return(vcpu);
    now = charge(cpu, now);
    (void)take_from_scheduler(vcpu, now, ONTIME_WARP_END_BLOCKED);
    vcpu->on = false;
    vcpu->held = true;
    pick(cpu, now);
    deadline_cancel(&cpu->deadlines, &vcpu->precise_timer);
    deadline_cancel(&cpu->deadlines, &vcpu->wake_timer);
    vcpu_unload(vcpu);
    cpu->reschedule = true;
}

void vcpu_release(struct vcpu *vcpu)
{
    DEBUG_ASSERT(vcpu->held && !vcpu->on);
    vcpu->held = false;
    vcpu->on = true;
    vcpu_wake_blocked(vcpu);
    watch_deadlines(vcpu);
}

static void set_params(struct vcpu *vcpu, const struct sched_params *params, uint64_t now)
{
    struct sched_queue *queue = &vcpu->cpu->sched;

    if (queue->policy->unwarp(queue, &vcpu->unit, now))
        warp_ended(vcpu, now, ONTIME_WARP_END_LIMIT);
    queue->policy->set(queue, &vcpu->unit, params);
}

/* All of the ring, as vCPUs that change places are to have the same. */
void vcpu_set_params(struct vcpu *vcpu, const struct sched_params *params)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = charge(cpu, arch_counter());
    bool away = be_home(vcpu);

    for (struct vcpu *other = vcpu->sibling; other != NULL && other != vcpu; other = other->sibling)
        away = be_home(other) || away;
    set_params(vcpu, params, now);
    for (struct vcpu *other = vcpu->sibling; other != NULL && other != vcpu; other = other->sibling)
        set_params(other, params, now);
    if (away)
        pick(cpu, now);
    cpu->reschedule = true;
}

uint64_t cpu_turn(struct cpu *cpu)
{
    (void)charge(cpu, arch_counter());
    return cpu->sched.policy->moves->turn(&cpu->sched);
}

bool vcpu_waits(const struct vcpu *vcpu)
{
    const struct cpu *cpu = vcpu->cpu;

    return vcpu->unit.runnable && vcpu != cpu->current;
}

bool vcpu_may_leave(const struct vcpu *vcpu)
{
    return vcpu_waits(vcpu) && vcpu != vcpu->cpu->loaded && vcpu->work == NULL && vcpu->place_of == vcpu;
}

void cpu_bring_home(struct cpu *cpu)
{
    bool any = cpu->reschedule;

    for (struct vcpu *vcpu = cpu->visitors; vcpu != NULL; vcpu = vcpu->next)
        any = be_home(vcpu) || any;
    if (any)
        pick(cpu, cpu->charged_until); /* else one may be taken to wait that is about to have the core */
}

static void pack(struct vcpu *vcpu, uint64_t now)
{
    struct cpu *cpu = vcpu->cpu;

    vcpu->luggage.due = DEADLINE_NONE;
    if (cpu->sched.policy->unwarp(&cpu->sched, &vcpu->unit, now)) {
        vcpu->luggage.due = precise_is_awaited(&vcpu->precise) ? precise_awaited(&vcpu->precise) : now;
        warp_ended(vcpu, now, ONTIME_WARP_END_MOVED);
    }
    vcpu->luggage.physical = deadline_when(&vcpu->physical_timer);
    deadline_cancel(&cpu->deadlines, &vcpu->physical_timer);
    deadline_cancel(&cpu->deadlines, &vcpu->precise_timer);
    if (vcpu->index == 0)
        vcpu->hooks->alarm_off(vcpu->vm);
}

void vcpu_leave(struct vcpu *vcpu, struct cpu *to, uint64_t ahead)
{
    struct cpu *cpu = vcpu->cpu;
    uint64_t now = charge(cpu, arch_counter());

    DEBUG_ASSERT(cpu == arch_cpu() && vcpu_may_leave(vcpu) && vcpu->place_of == vcpu &&
                 !deadline_is_armed(&vcpu->wake_timer));
    pack(vcpu, now);
    vcpu->luggage.ahead = ahead;
    cpu->sched.policy->moves->remove(&cpu->sched, &vcpu->unit);
    end_visit(vcpu);
    vcpu->gives_way_to = NULL;
    DEBUG_ONLY(cpu->idle_ticks += vcpu->stats[ONTIME_STAT_RUN_TICKS] + vcpu->debt);
    vcpu->stats[ONTIME_STAT_MOVES]++;
    cpu_trace_at(cpu, now, ONTIME_TRACE_VCPU_MOVED, vcpu, to->index);
    cpu->reschedule = true; /* what the policy said holds no longer */
    arch_complete_maintenance();
    ARCH_WRITE_RELAXED(vcpu->cpu, NULL);
    vcpu_send_off(vcpu, to);
}

static void unpack(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;

    deadline_set(&cpu->deadlines, &vcpu->physical_timer, vcpu->luggage.physical);
    if (vcpu->index == 0)
        vcpu->hooks->alarm(vcpu->vm);
    watch_deadlines(vcpu);
}

void vcpu_arrive(struct vcpu *vcpu)
{
    struct cpu *cpu = arch_cpu();
    uint64_t now = charge(cpu, arch_counter());

    ARCH_WRITE_RELAXED(vcpu->cpu, cpu);
    cpu->pull_from = now;
    DEBUG_ONLY(cpu->idle_ticks -= vcpu->stats[ONTIME_STAT_RUN_TICKS] + vcpu->debt);
    visit(vcpu);
    cpu->sched.policy->moves->join(&cpu->sched, &vcpu->unit, vcpu->luggage.ahead);
    unpack(vcpu);
    cpu_trace_at(cpu, now, ONTIME_TRACE_VCPU_WOKEN, vcpu, 0);
    if (vcpu->luggage.due != DEADLINE_NONE)
        warp(vcpu, vcpu->luggage.due, now);
    pick(cpu, now);
    if (cpu->current == vcpu)
        return;
    bill(vcpu, now);
    look_later(vcpu, now);
}

/*
 * The vCPU is about to be entered for an urgent interrupt. A guest that was out for a while comes back to a
 * timer tick that is past, and Linux would serve that before the interrupt, in as much time as the rest of
 * the way to the program takes. So its timer waits until the guest says DONE or idles, for DEFERRAL_US at
 * most, and not beyond the next deadline that it has told: with a page it tells those that matter, and says
 * DONE. One interrupt after the other may defer the same tick while the guest runs for them only, but not
 * once it is older than OLD_US. A vCPU that floats might leave the core meanwhile.
 */
static void begin_deferral(struct vcpu *vcpu)
{
    uint64_t until = vcpu->defer_from + us_to_ticks(DEFERRAL_US);
    uint64_t now, first;

    vcpu->defer_from = 0;
    if (!arch_vcpu_timer_before(vcpu, until)) /* the usual case */
        return;
    now = arch_counter();
    first = precise_first(&vcpu->precise);
    if (first < until)
        until = first;
    if (until > now && vcpu->floats_on == 0 && !deadline_is_armed(&vcpu->timer_back) &&
        arch_vcpu_timer_before(vcpu, until) && !arch_vcpu_timer_before(vcpu, now - us_to_ticks(OLD_US)) &&
        vcpu->hooks->defer_timer(vcpu))
        deadline_set(&vcpu->cpu->deadlines, &vcpu->timer_back, until);
}

static void switch_to(struct cpu *cpu, struct vcpu *vcpu)
{
    DEBUG_ASSERT(vcpu->cpu == cpu && vcpu->on);
    if (cpu->loaded != NULL)
        arch_vcpu_save(cpu->loaded);
    arch_vcpu_load(vcpu);
    cpu->loaded = vcpu;
}

/*
 * The loaded vCPU is about to be entered for the first time since a deadline of it was reached. Holds it for
 * its timer's interrupt if the deadline is near, and counts how late it is entered. False when the dispatcher
 * has to look again first.
 */
static bool await_deadline(struct vcpu *vcpu)
{
    struct cpu *cpu = vcpu->cpu;
    struct precise *precise = &vcpu->precise;
    uint64_t now = arch_counter();
    uint64_t until = precise_hold(precise, &cpu->lead, now);

    if (precise_is_early(precise, now)) {
        if (until != 0 && !arch_wait_until(until))
            arch_interrupt_take(vcpu);
        now = arch_counter();
        if (cpu->current != vcpu || cpu->reschedule)
            return false;
        if (until != 0 && precise_is_early(precise, now) && !vcpu->hooks->wakes(vcpu))
            return false; /* the interrupt that came first was not for this vCPU */
    }
    cpu_trace_at(cpu, now, ONTIME_TRACE_TIMER_ENTERED, vcpu, precise_entered(precise, now));
    return true;
}

/* Inline in the loop, which is on every way into a guest. */
static inline __attribute__((always_inline)) void step(struct cpu *cpu)
{
    struct vcpu *vcpu;

    arch_interrupts_handle();
    if (cpu->reschedule) {
        pick_at_once(cpu);
        arch_interrupts_handle(); /* the switch takes long */
        if (cpu->reschedule)
            pick_at_once(cpu);
    }
    vcpu = cpu->current;
    if (vcpu == NULL) {
        if (!cpu->is_visited || !idle_pull(cpu))
            arch_wait_for_interrupt();
    } else if (vcpu->work != NULL && cpu->loaded != NULL && cpu->loaded != vcpu) {
        vcpu_unload(cpu->loaded); /* so that messages to that one do not interrupt the work */
    } else if (vcpu->work != NULL) {
        vcpu->work(vcpu);
    } else {
        bool is_awaited = precise_is_awaited(&vcpu->precise);

        if (is_awaited && vcpu->defer_from != 0)
            begin_deferral(vcpu);
        if (cpu->loaded != vcpu)
            switch_to(cpu, vcpu);
        if (!is_awaited || await_deadline(vcpu))
            arch_vcpu_run(vcpu);
    }
}

void dispatch_step(struct cpu *cpu)
{
    step(cpu);
}

_Noreturn void dispatch_run(struct cpu *cpu)
{
    cpu->reschedule = true;
    for (;;)
        step(cpu);
}
